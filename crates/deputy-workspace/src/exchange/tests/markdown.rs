use super::super::markdown::{read, write};
use super::*;

#[test]
fn it_reads_well() {
    assert_eq!(
        write(&shop()),
        "# Магазин & Co <1> (SHOP)\n\
         \n\
         What people buy.\n\
         \n\
         - one\n\
         - two\n\
         \n\
         ## SHOP-1 People pay by card\n\
         \n\
         - Status: approved\n\
         - Refines: SHOP-2, SHOP-3\n\
         - Depends on: SHOP-4\n\
         \n\
         A **card** with 3-D Secure:\n\
         \n\
         ```\n\
         ## not a heading\n\
         ```\n\
         \n\
         | a | b |\n\
         |---|---|\n\
         | 1 | 2 |\n\
         \n\
         ## SHOP-2 Їжа, їдло & \"лапки\"\n\
         \n\
         - Status: draft\n\
         \n\
         =1+1\n\
         \n\
         ## SHOP-3 Answers come within 200 ms\n\
         \n\
         - Status: verified\n\
         \n\
         ## SHOP-4 - minus\n\
         \n\
         - Status:\n\
         \n\
         \\## A heading of its own\n\
         \n\
         # And one above\n\
         \n\
         ## SHOP-5 Open # end \\#\n\
         \n\
         - Status: proposed\n\
         - Verifies: SHOP-1\n\
         - Text: quoted\n\
         \n\
         > ```\n\
         > left open\n"
    );
}

#[test]
fn a_file_that_a_person_wrote_is_read() {
    let file = "\u{feff}Notes to self\r\n\r\n# Shop\r\nAbout.\r\n\r\n## SHOP-1   Pay  ##\r\n* status: Approved\r\n* priority: high\r\n* refines: SHOP-2 SHOP-3\r\n\r\nText\r\n\r\n### More\r\n\r\nend\r\n\r\n## People log in\r\n\r\n- a list of its own\r\n- Status: said too late\r\n\r\n## SHOP-2 Two\r\n## [any key] Three\r\n";
    let found = read(file.as_bytes()).unwrap();
    assert_eq!(
        found.document,
        Document {
            key: String::new(),
            name: "Shop".to_owned(),
            description: "About.".to_owned(),
            requirements: vec![
                item("SHOP-1", "Pay", "Text\n\n### More\n\nend", "approved"),
                item(
                    "new-1",
                    "People log in",
                    "- a list of its own\n- Status: said too late",
                    ""
                ),
                item("SHOP-2", "Two", "", ""),
                item("any_key", "Three", "", ""),
            ],
            links: vec![link("SHOP-1", "refines", "SHOP-2")],
        }
    );
    assert_eq!(
        found.left_out,
        [
            "The text before the title",
            "SHOP-1: the line “* priority: high”",
            "The link from SHOP-1 to SHOP-3: there is no SHOP-3 in the file",
        ]
    );
}

#[test]
fn what_only_looks_like_a_requirement_is_text() {
    let file = "# X (X)\n\n## A-1 One\n\n```sh\n## A-2 in code\n```\n\n> ## A-3 quoted\n\n- ## A-4 in a list\n\nA-5 underlined\n---\n\n    ## A-6 indented\n";
    let found = read(file.as_bytes()).unwrap();
    assert_eq!(found.document.requirements.len(), 1);
    again(Format::Markdown, &found.document);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let said = |file: &str| read(file.as_bytes()).unwrap_err().to_string();
    let nothing = "line 1: there is neither a title (# Name) nor a requirement (## KEY-1 Title)";
    assert_eq!(said(""), nothing);
    assert_eq!(said("just text"), nothing);
    assert_eq!(said("# X\n\n## A-1\n"), "line 3: there is no title");
    assert_eq!(said("# X\n\n##\n"), "line 3: there is no title");
    let half = "# X\n\n## A-1 x\n- Text: quoted\n\n> a\nb\n";
    assert_eq!(said(half), "A-1: its text is not quoted to its end");
    // Not even half of what would be read without the limit.
    let many = "## A-1 x\n".repeat(MAX_REQUIREMENTS + 1);
    assert_eq!(said(&many), "there are more than 10000 requirements");
}

#[test]
fn a_file_as_large_as_allowed_is_read_in_time() {
    let started = std::time::Instant::now();
    for unit in ["- ", "> ", "[", "*a ", "\n- x", "`", "|", "<", "![]("] {
        let mut file = format!("# X\n## A-1 x\n\n{}", unit.repeat(60_000 / unit.len()));
        file.push_str(&"\n".repeat(5_000));
        let found = read(file.as_bytes()).unwrap();
        again(Format::Markdown, &found.document);
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// Files are parsed piece by piece: nothing of it is seen.
#[test]
fn a_long_file_is_read_as_a_short_one() {
    let body = |nth: usize| {
        let line = [
            "```\n## A-0 code\n```",
            "> ## A-0 q",
            "\\## A-0",
            "## A-0 own",
            "a",
        ][nth % 5];
        let text = format!("{line}\n\n").repeat(nth * 4_000 / (line.len() + 2));
        checks::trimmed(&text).to_owned()
    };
    let mut document = Document {
        key: "A".to_owned(),
        name: "Long".to_owned(),
        description: body(12),
        ..Document::default()
    };
    for nth in 1..13 {
        let text = if nth % 4 == 0 {
            format!("{}\n```\nopen", body(nth))
        } else {
            body(nth)
        };
        document
            .requirements
            .push(item(&format!("A-{nth}"), "x", &text, ""));
    }
    document.links = (2..13)
        .map(|nth| link("A-1", "refines", &format!("A-{nth}")))
        .collect();
    assert!(write(&document).len() > 256 * 1024);
    again(Format::Markdown, &document);
    // A text that is quoted line by line takes twice its length.
    let text = "a\n".repeat(MAX_BODY / 2 - 10) + "```\nx";
    document.requirements = vec![item("A-1", "x", &text, ""), item("A-2", "y", &text, "")];
    document.links.clear();
    again(Format::Markdown, &document);
}

#[test]
fn a_text_that_never_ends_is_refused_before_it_is_parsed() {
    let file = format!("# X\n\n## A-1 x\n\n{}", "a\n".repeat(4_000_000));
    let error = read(file.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "line 3: the text is longer than 64 KiB");
}
