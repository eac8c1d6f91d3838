use super::super::csv::{read, write};
use super::*;

#[test]
fn it_is_a_table_that_spreadsheets_open() {
    let mut document = shop();
    document.requirements.truncate(2);
    document.links.truncate(1);
    assert_eq!(
        write(&document),
        "\u{feff}\"key\",\"title\",\"status\",\"body\",\"refines\",\"depends_on\",\"verifies\"\r\n\
         \"SHOP-1\",\"People pay by card\",\"approved\",\"A **card** with 3-D Secure:\n\n```\n## not a heading\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\",\"SHOP-2\",\"\",\"\"\r\n\
         \"SHOP-2\",\"Їжа, їдло & \"\"лапки\"\"\",\"draft\",\"'=1+1\",\"\",\"\",\"\"\r\n"
    );
}

#[test]
fn no_cell_is_a_formula() {
    let cells = ["=1", "+1", "-1", "@a", "'=1", "''@", "＝1", "\t=1"];
    for cell in cells {
        let document = Document {
            requirements: vec![item("A-1", "x", cell, "")],
            ..Document::default()
        };
        let file = write(&document);
        assert!(file.contains(&format!("\"'{cell}\"")), "{file}");
        assert_eq!(read(file.as_bytes()).unwrap().document, document);
    }
    let document = Document {
        requirements: vec![item("A-1", "it's 'so'", "'tis", "")],
        ..Document::default()
    };
    assert!(write(&document).contains("\"it's 'so'\",\"\",\"'tis\""));
}

#[test]
fn columns_come_in_any_order_and_by_other_names() {
    let file = "\u{feff}State;Text;Priority;ID;Name;Depends on\r\nApproved;\"a;b\";high;R 1;One;R2, R3\r\n;;;R2;Two;\r\n;;;R3;Three\r\n;;;;;\r\n";
    let found = read(file.as_bytes()).unwrap();
    assert_eq!(
        found.document.requirements,
        [
            item("R_1", "One", "a;b", "approved"),
            item("R2", "Two", "", ""),
            item("R3", "Three", "", ""),
        ]
    );
    let links = [
        link("R_1", "depends_on", "R2"),
        link("R_1", "depends_on", "R3"),
    ];
    assert_eq!(found.document.links, links);
    assert_eq!(found.left_out, ["The column “Priority”"]);
    let file = "Ключ\tНазва\tОпис\nА-1\tОдин\tтекст\n";
    let found = read(file.as_bytes()).unwrap();
    assert_eq!(
        found.document.requirements,
        [item("А-1", "Один", "текст", "")]
    );
}

#[test]
fn a_requirement_without_a_key_gets_one() {
    let found = read(b"title,key\nOne,\nTwo,new-1\nThree,\n").unwrap();
    let keys: Vec<&str> = found
        .document
        .requirements
        .iter()
        .map(|r| r.key.as_str())
        .collect();
    assert_eq!(keys, ["new-2", "new-1", "new-3"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let said = |file: &str| read(file.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        said("key;Titel;body\nA;b;c\n"),
        "there is no column “title”; the columns are: “key”, “Titel”, “body”"
    );
    assert_eq!(
        said(""),
        "there is no column “title”; the columns are: none"
    );
    assert_eq!(
        said("key,title\nA-1,\"two\nlines\"\nA-2,\n"),
        "line 4: there is no title"
    );
    assert_eq!(
        said("key,title\nA-1,x,y\n"),
        "line 2: 3 cells, but there are 2 columns"
    );
    assert_eq!(
        said(&format!("title{}", ",a".repeat(300))),
        "there are more than 200 columns"
    );
    // A quotation mark that is left open takes the rest of the file.
    let found = read(b"key,title\nA-1,\"x\nA-2,y\n").unwrap();
    assert_eq!(
        found.document.requirements,
        [item("A-1", "x A-2,y", "", "")]
    );
}
