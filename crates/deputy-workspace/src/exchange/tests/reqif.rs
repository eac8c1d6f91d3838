use std::fmt::Write as _;

use super::super::reqif::{read, write};
use super::*;

fn written() -> String {
    write(&shop(), Timestamp::UNIX_EPOCH)
}

fn said(file: &str) -> String {
    read(file.as_bytes()).unwrap_err().to_string()
}

#[test]
fn another_tools_change_of_the_text_counts() {
    let file = written().replace(
        "<xhtml:strong>card</xhtml:strong>",
        "<xhtml:i>bank card</xhtml:i>",
    );
    let found = read(file.as_bytes()).unwrap().document;
    assert_eq!(
        found.requirements[0].body,
        "A *bank card* with 3-D Secure:\n\n```\n## not a heading\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    );
    // How the file is laid out is no change.
    let file = written().replace("<xhtml:p>", "\n    <xhtml:p>\n");
    assert_eq!(read(file.as_bytes()).unwrap().document, shop());
}

#[test]
fn identifiers_are_made_of_keys() {
    let first = written();
    let mut document = shop();
    document.requirements.swap(0, 2);
    "Another title".clone_into(&mut document.requirements[0].title);
    let second = write(&document, Timestamp::UNIX_EPOCH);
    for file in [first, second] {
        assert!(
            file.contains("IDENTIFIER=\"deputy-requirement-SHOP-1\""),
            "{file}"
        );
    }
}

#[test]
fn a_prefix_of_reqifs_own_names_is_understood() {
    let file = written()
        .replace("<xhtml:", "<h:")
        .replace("</xhtml:", "</h:")
        .replace("xmlns:xhtml", "xmlns:h");
    let mut prefixed = String::new();
    for (nth, part) in file.split('<').enumerate() {
        if nth > 0 {
            prefixed.push('<');
        }
        let (slash, name) = part
            .strip_prefix('/')
            .map_or(("", part), |name| ("/", name));
        let is_ours = name.starts_with(|c: char| c.is_ascii_uppercase());
        let _ = write!(
            prefixed,
            "{slash}{}{name}",
            if is_ours { "rq:" } else { "" }
        );
    }
    let prefixed = prefixed.replace("xmlns=", "xmlns:rq=");
    assert!(prefixed.contains("</rq:SPEC-OBJECT>"));
    assert_eq!(read(prefixed.as_bytes()).unwrap().document, shop());
}

/// A file as other tools make them: names of the implementation guide, headings, a hierarchy, values of
/// enumerations, XHTML with another prefix, relations of several types.
const OTHER: &str = include_str!("other.reqif");

#[test]
fn other_tools_files_are_read() {
    let found = read(OTHER.as_bytes()).unwrap();
    assert_eq!(
        found.document,
        Document {
            key: String::new(),
            name: "Brakes".to_owned(),
            description: "All about brakes".to_owned(),
            requirements: vec![
                item("1", "Функції", "", ""),
                item(
                    "2",
                    "Pedal",
                    "The pedal **stops** the car within *2* m/s_max.\n\n- at once\n- always\n  1. on ice\n\n| Speed | Way |\n| --- | --- |\n| 50 | a \\| b |\n\nSee [the norm](https://example.org/norm)\\\nand `x`.",
                    "approved",
                ),
                item(
                    "_obj-3",
                    "Wheels do not lock on gravel, nor on snow",
                    "Wheels do not lock on gravel, nor on snow",
                    "In Review"
                ),
                item("_obj-4", "Loose", "plain *text*", ""),
            ],
            links: vec![link("2", "refines", "1"), link("_obj-3", "depends_on", "2"),],
        }
    );
    assert_eq!(
        found.left_out,
        [
            "Which requirement is below which in the hierarchy (2 times)",
            "Pictures and files in the text of 2",
            "The attribute “Priority” (2 times)",
            "The name 2 where it is another requirement's too",
            "Relations of the type “satisfies”",
        ]
    );
    for format in Format::ALL {
        again(format, &found.document);
    }
}

#[test]
fn what_xml_can_do_to_a_reader_is_refused() {
    let bomb = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>{}",
        &written()[39..]
    );
    assert_eq!(
        said(&bomb),
        "line 1: a document type declaration, which ReqIF has none of"
    );
    let deep = format!("<REQ-IF>{}{}", "<a>".repeat(1_000_000), "</a>".repeat(100));
    assert_eq!(said(&deep), "line 1: more than 128 elements in one another");
    let mut hierarchy = written();
    let nested = "<SPEC-HIERARCHY IDENTIFIER=\"x\"><CHILDREN>".repeat(60_000);
    hierarchy = hierarchy.replace("<CHILDREN>", &format!("<CHILDREN>{nested}"));
    assert!(said(&hierarchy).ends_with("more than 128 elements in one another"));
    let mut wide = "<REQ-IF".to_owned();
    for nth in 0..500_000 {
        let _ = write!(wide, " a{nth}=\"\"");
    }
    wide.push_str("/>");
    assert_eq!(
        said(&wide),
        "there are more than 64 attributes of an element"
    );
    let many = format!("<REQ-IF>{}</REQ-IF>", "<a/>".repeat(1_000_000));
    assert_eq!(said(&many), "there are more than 100 parts");
    let many = format!("<REQ-IF><A>{}</A></REQ-IF>", "<a/>".repeat(1_000_000));
    assert_eq!(said(&many), "there are more than 400000 elements");
    let objects = written().replace(
        "<SPEC-OBJECTS>",
        &format!("<SPEC-OBJECTS>{}", "<SPEC-OBJECT/>".repeat(10_000)),
    );
    assert_eq!(said(&objects), "there are more than 10000 requirements");
    let relations = written().replace(
        "<SPEC-RELATIONS>",
        &format!("<SPEC-RELATIONS>{}", "<SPEC-RELATION/>".repeat(50_000)),
    );
    assert_eq!(said(&relations), "there are more than 50000 links");
    let long = written().replace("=1+1", &"a".repeat(2_000_000));
    assert_eq!(said(&long), "SHOP-2: the text is longer than 64 KiB");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    assert_eq!(said(""), "line 1: there is no <REQ-IF>");
    assert_eq!(said("not xml"), "line 1: there is no <REQ-IF>");
    assert_eq!(
        said("<html></html>"),
        "line 1: <html> where a ReqIF file has <REQ-IF>"
    );
    assert_eq!(said("<REQ-IF>\n<A>"), "the end: <A> is not closed");
    assert!(said("<REQ-IF>\n<A></B></REQ-IF>").starts_with("line 2: not XML: "));
    assert!(said("<REQ-IF>\n\n<A").starts_with("line 3: not XML: "));
    let utf16 = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><REQ-IF/>";
    assert_eq!(said(utf16), "line 1: the encoding is UTF-16, not UTF-8");
    let bytes: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut with_mark = vec![0xff, 0xfe];
    with_mark.extend(bytes);
    let error = read(&with_mark).unwrap_err().to_string();
    assert_eq!(error, "line 1 is not UTF-8; save the file as UTF-8");
    let no_type = written().replacen(
        "<SPEC-OBJECT-TYPE-REF>deputy-requirement</SPEC-OBJECT-TYPE-REF>",
        "",
        1,
    );
    assert_eq!(said(&no_type), "<TYPE>: there is no <SPEC-OBJECT-TYPE-REF>");
    let no_id = written().replacen(
        "<SPEC-OBJECT IDENTIFIER=\"deputy-requirement-SHOP-1\"",
        "<SPEC-OBJECT",
        1,
    );
    assert_eq!(said(&no_id), "<SPEC-OBJECT>: there is no IDENTIFIER");
    let twice = written().replace("requirement-SHOP-2\"", "requirement-SHOP-1\"");
    assert_eq!(
        said(&twice),
        "two requirements are called deputy-requirement-SHOP-1"
    );
    assert_eq!(read(b"<REQ-IF/>").unwrap(), Read::default());
}

#[test]
fn markdown_in_others_text_says_what_they_said() {
    let xhtml = [
        ("<p>a<br/>b</p>", "a\\\nb"),
        ("<p> # no heading</p>", "\\# no heading"),
        ("1. no list", "1\\. no list"),
        ("<b> bold </b>x", "**bold** x"),
        ("<b></b>x", "x"),
        ("x<i>y</i>", "x*y*"),
        ("<h2>T</h2><p>x</p>", "## T\n\nx"),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<a href=\"javascript:x\">y</a>", "y"),
        (
            "<a href=\"http://e.org/a b\">y</a>",
            "[y](<http://e.org/a b>)",
        ),
        (
            "a*b_c d_ &lt;x&gt; &amp;amp; [1]",
            "a\\*b_c d\\_ \\<x> \\&amp; \\[1\\]",
        ),
        (
            "<div><div>a</div><div>b&nbsp;c</div></div>",
            "a\n\nb\u{a0}c",
        ),
        ("<code>a`b</code>", "``a`b``"),
        ("<p></p><hr/>", "---"),
        ("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b"),
        (
            "<ul/><ol><li>x<ul><li>y</li></ul></li></ol>",
            "1. x\n   - y",
        ),
        ("<script>alert(1)</script>x<style>b</style>", "x"),
    ];
    let start = OTHER.find("<rh:div>").unwrap();
    let end = OTHER.find("</rh:div>").unwrap() + "</rh:div>".len();
    for (xhtml, markdown) in xhtml {
        let file = format!("{}{xhtml}{}", &OTHER[..start], &OTHER[end..]);
        let found = read(file.as_bytes()).unwrap();
        assert_eq!(found.document.requirements[1].body, markdown, "{xhtml}");
    }
}

/// `FUNC-REQ-TXT` and the like, as Enterprise Architect has them; and the one formatted text that there is.
#[test]
fn names_of_a_tools_own_are_understood_by_their_end() {
    let own = OTHER
        .replace("\"ReqIF.Text\"", "\"FUNC-REQ-TXT\"")
        .replace("\"Object Status\"", "\"FUNC-REQ-STATUS\"");
    assert_eq!(
        read(own.as_bytes()).unwrap(),
        read(OTHER.as_bytes()).unwrap()
    );
    let own = OTHER.replace("\"ReqIF.Text\"", "\"Beschreibung\"");
    assert_eq!(
        read(own.as_bytes()).unwrap(),
        read(OTHER.as_bytes()).unwrap()
    );
}

/// The package `reqif` of PyPI holds what we write against the schema of ReqIF, and writes it anew in two
/// ways, which we read as what we wrote.
#[test]
fn another_library_calls_it_valid_and_its_files_are_read() {
    #[expect(clippy::disallowed_methods, reason = "where the tests' tools are")]
    let Ok(python) = std::env::var("DEPUTY_TEST_PYTHON") else {
        eprintln!("DEPUTY_TEST_PYTHON is not set: not compared with Python");
        return;
    };
    let mut others = read(OTHER.as_bytes()).unwrap().document;
    others
        .requirements
        .push(item("a/b \u{fe}=", "\u{1F600}", FORMATTED, "proposed"));
    let empty = Document::default();
    // That library writes titles of files as they are, markup or not.
    let mut shop = shop();
    "Магазин".clone_into(&mut shop.name);
    let folder = tempfile::tempdir().unwrap();
    for (nth, document) in [shop, others, empty].into_iter().enumerate() {
        let document = read(&super::super::write(
            Format::ReqIf,
            &document,
            Timestamp::UNIX_EPOCH,
        ))
        .unwrap()
        .document;
        let file = folder.path().join(format!("{nth}.reqif"));
        std::fs::write(&file, write(&document, Timestamp::UNIX_EPOCH)).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's own tool")]
        let output = std::process::Command::new(&python)
            .args(["-c", ORACLE])
            .arg(&file)
            .output()
            .unwrap();
        let (said, error) = (output.stdout, output.stderr);
        let said = String::from_utf8_lossy(&said);
        let count = document.requirements.len();
        let wrong = String::from_utf8_lossy(&error);
        assert_eq!(said, format!("{count} places, [], [], []\n"), "{wrong}");
        for way in ["unparsed", "formatted"] {
            let file = std::fs::read(file.with_extension(way)).unwrap();
            let found = read(&file).unwrap();
            assert_eq!(found.document, document, "{way}");
            assert!(found.left_out.is_empty(), "{:?}", found.left_out);
        }
    }
}

/// What Markdown can say.
const FORMATTED: &str = "A **card** with ~~old~~ `3-D`:\n\n3. one\n4. two\n\n   para\n\n```rust\nlet x = 1 < 2;\n\n    y\n```\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n> quote\n\n---\n\n![pic](http://e.org/p.png \"t\") [![b](http://e.org/b.png)](http://e.org/?a=1&b=2) <http://auto.org>\n\n- [ ] task\n\n# H1\n\nline\\\nbreak & <b onclick=\"x\">raw</b> \u{7f}";

const ORACLE: &str = r#"
import sys
from reqif.cli.cli_arg_parser import FormatCommandConfig, ValidateCommandConfig
from reqif.commands.format.format import FormatCommand
from reqif.commands.validate.validate import ValidateCommand
from reqif.parser import ReqIFParser
from reqif.unparser import ReqIFUnparser

path = sys.argv[1]
bundle = ReqIFParser.parse(path)
specification = bundle.core_content.req_if_content.specifications[0]
places = list(bundle.iterate_specification_hierarchy(specification))
found = ValidateCommand._validate(ValidateCommandConfig(path, True))
said = [[e.get_description() for e in errors] for errors in (found.schema_errors, found.semantic_warnings)]
print(len(places), "places,", f"{found.xml_errors}, {said[0]}, {said[1]}")
with open(path.replace(".reqif", ".unparsed"), "w", encoding="utf-8") as out:
    out.write(ReqIFUnparser.unparse(bundle))
FormatCommand.execute(FormatCommandConfig(path, path.replace(".reqif", ".formatted")))
"#;

mod archive {
    use std::io::{Cursor, Write as _};

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn said(files: &[(&str, &[u8])]) -> String {
        read(&archive(files)).unwrap_err().to_string()
    }

    #[test]
    fn the_one_file_in_an_archive_is_read() {
        let file = written();
        let files: [(&str, &[u8]); 2] = [("in/shop.REQIF", file.as_bytes()), ("in/a.png", b"x")];
        let found = read(&archive(&files)).unwrap();
        assert_eq!(found.document, shop());
        assert_eq!(found.left_out, ["The file in/a.png in the archive"]);
    }

    #[test]
    fn other_archives_are_refused() {
        assert_eq!(
            said(&[("a.txt", b"x")]),
            "the archive: there is no .reqif file in it"
        );
        assert_eq!(
            said(&[("a.reqif", b"x"), ("b.reqif", b"y")]),
            "the archive: there are several .reqif files in it; import them one by one: a.reqif, b.reqif"
        );
        let zeros = vec![b' '; MAX_FILE + 1];
        assert_eq!(
            said(&[("a.reqif", &zeros)]),
            "the file is longer than 8 MiB"
        );
        let mut torn = archive(&[("a.reqif", written().as_bytes())]);
        torn.truncate(torn.len() / 2);
        assert!(
            read(&torn)
                .unwrap_err()
                .to_string()
                .starts_with("the archive: it can't be read: ")
        );
    }
}
