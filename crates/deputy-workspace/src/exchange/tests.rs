use jiff::Timestamp;
use proptest::prelude::*;

use super::fuzzing::again;
use super::*;

mod csv;
mod markdown;
mod reqif;

pub(super) fn item(key: &str, title: &str, body: &str, status: &str) -> Item {
    Item {
        key: key.to_owned(),
        title: title.to_owned(),
        body: body.to_owned(),
        status: status.to_owned(),
    }
}

pub(super) fn link(from: &str, kind: &str, to: &str) -> Link {
    Link {
        from: from.to_owned(),
        to: to.to_owned(),
        kind: kind.to_owned(),
    }
}

/// A small project with all that there is.
pub(super) fn shop() -> Document {
    Document {
        key: "SHOP".to_owned(),
        name: "Магазин & Co <1>".to_owned(),
        description: "What people buy.\n\n- one\n- two".to_owned(),
        requirements: vec![
            item(
                "SHOP-1",
                "People pay by card",
                "A **card** with 3-D Secure:\n\n```\n## not a heading\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |",
                "approved",
            ),
            item("SHOP-2", "Їжа, їдло & \"лапки\"", "=1+1", "draft"),
            item("SHOP-3", "Answers come within 200 ms", "", "verified"),
            item(
                "SHOP-4",
                "- minus",
                "## A heading of its own\n\n# And one above",
                "",
            ),
            item("SHOP-5", "Open # end #", "```\nleft open", "proposed"),
        ],
        links: vec![
            link("SHOP-1", "refines", "SHOP-2"),
            link("SHOP-1", "refines", "SHOP-3"),
            link("SHOP-1", "depends_on", "SHOP-4"),
            link("SHOP-5", "verifies", "SHOP-1"),
        ],
    }
}

#[test]
fn a_project_survives_every_format() {
    for format in Format::ALL {
        again(format, &shop());
        again(format, &Document::default_with_name());
    }
}

impl Document {
    fn default_with_name() -> Self {
        Self {
            key: "A".to_owned(),
            name: "Empty".to_owned(),
            ..Self::default()
        }
    }
}

/// Lines that look like the file's own parts, or that change what comes after them.
const LINES: &[&str] = &[
    "",
    "",
    "text",
    "## SHOP-9 Not one",
    "# Not a project (NO)",
    "  ## SHOP-9 Not one",
    "    ## SHOP-9 Not one",
    "\\## SHOP-9 Not one",
    "\\\\## SHOP-9",
    "##",
    "###",
    "- Status: rejected",
    "- Refines: SHOP-1",
    "- Text: quoted",
    "> a quotation",
    "```",
    "~~~ rust",
    "   ```",
    "1. one",
    "   - two",
    "      three",
    "<!-- open",
    "-->",
    "<script>",
    "<div>",
    "[a]: http://example.org",
    "| a | b |",
    "| --- | --- |",
    "Setext",
    "---",
    "===",
    "\ttab",
    "=HYPERLINK(\"http://x\")",
    "'=1",
    "@sum",
    "a\\",
    "**x** _y_ [l](http://e.org \"t\") ![p](http://e.org/p.png) <http://e.org>",
    "]]> & &amp; &nbsp; \u{a0} <b>x</b>",
    "Требование ё ї 😀 \u{2028} é",
    ";;;,,,\"\"",
];

fn body() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(LINES), 0..9)
        .prop_map(|lines| checks::trimmed(&lines.join("\n")).to_owned())
}

fn title() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Pay",
        "#",
        "a #",
        "a \\#",
        "\\",
        "a ##  #",
        "[x] y",
        "SHOP-3 again",
        "=1",
        "'",
        "'-1",
        "*a* `b` <c>",
        "(X)",
        "ё",
    ]);
    prop_oneof![
        known.prop_map(str::to_owned),
        "[ -~а-яї]{1,40}".prop_map(|title| title.trim().to_owned())
    ]
    .prop_filter("no title", |title| !title.is_empty())
}

fn document() -> impl Strategy<Value = Document> {
    let key = prop_oneof![
        Just("SHOP-7".to_owned()),
        "[A-Z]{1,4}-[0-9]{1,3}",
        "[!-+./-:<-~]{1,8}",
        "[а-яA-Z]{1,5}",
    ];
    let status = prop_oneof![
        Just(String::new()),
        prop::sample::select(STATUSES.to_vec()).prop_map(str::to_owned),
        Just("In: review".to_owned()),
    ];
    let items = prop::collection::vec((key, title(), body(), status), 0..6);
    let links = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            0..3_usize,
            any::<prop::sample::Index>(),
        ),
        0..8,
    );
    (title(), body(), items, links).prop_map(|(name, description, items, links)| {
        let mut gathering = checks::Gathering::default();
        gathering.project("SHOP", &name, &description);
        let mut keys: Vec<String> = Vec::new();
        for (key, title, body, status) in items {
            if !keys.contains(&key) {
                gathering.item(item(&key, &title, &body, &status)).unwrap();
                keys.push(key);
            }
        }
        for (from, kind, to) in links {
            if !keys.is_empty() {
                let (from, to) = (from.get(&keys).as_str(), to.get(&keys).as_str());
                gathering.link(from, to, LINKS[kind]).unwrap();
            }
        }
        gathering.finish().unwrap().document
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_project_survives_markdown(document in document()) {
        again(Format::Markdown, &document);
    }

    #[test]
    fn any_project_survives_csv(document in document()) {
        again(Format::Csv, &document);
    }

    #[test]
    fn any_project_survives_reqif(document in document()) {
        again(Format::ReqIf, &document);
    }
}

#[test]
fn formats_have_names_and_endings() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert_eq!(
            Format::of_file_name(&format!("a.b.{}", format.ending())),
            Some(format)
        );
        assert_eq!(serde_json::to_value(format).unwrap(), format.name());
    }
    assert_eq!(Format::of_file_name("x.REQIFZ"), Some(Format::ReqIf));
    assert_eq!(Format::of_file_name("x.pdf"), None);
    let error = "word".parse::<Format>().unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no format “word”; there are markdown, reqif and csv"
    );
}

fn said(format: Format, file: &[u8]) -> String {
    read(format, file).unwrap_err().to_string()
}

fn table(rows: &str) -> Vec<u8> {
    format!("key,title,body,refines\n{rows}").into_bytes()
}

#[test]
fn what_is_too_long_is_refused() {
    let long = vec![b'a'; MAX_FILE + 1];
    for format in Format::ALL {
        assert_eq!(said(format, &long), "the file is longer than 8 MiB");
    }
    let title = "ї".repeat(MAX_TITLE);
    let file = table(&format!("A-1,{title}\n"));
    assert_eq!(
        read(Format::Csv, &file).unwrap().document.requirements[0].title,
        title
    );
    let file = table(&format!("A-1,{title}x\n"));
    assert_eq!(
        said(Format::Csv, &file),
        "A-1: the title is longer than 300 characters"
    );
    let body = "b".repeat(MAX_BODY);
    let file = table(&format!("A-1,x,{body}\n"));
    assert_eq!(
        read(Format::Csv, &file).unwrap().document.requirements[0].body,
        body
    );
    let file = table(&format!("A-1,x,{body}b\n"));
    assert_eq!(
        said(Format::Csv, &file),
        "A-1: the text is longer than 64 KiB"
    );
    let file = table(&format!("{},x\n", "k".repeat(MAX_KEY + 1)));
    assert!(said(Format::Csv, &file).ends_with(": the key is longer than 200 characters"));
}

#[test]
fn there_is_a_limit_to_how_many() {
    use std::fmt::Write as _;
    let rows = |count: usize, refines: &str| {
        let mut rows = String::new();
        for nth in 0..count {
            let _ = writeln!(rows, "A-{nth},x,,{refines}");
        }
        table(&rows)
    };
    let most = read(Format::Csv, &rows(MAX_REQUIREMENTS, "")).unwrap();
    assert_eq!(most.document.requirements.len(), MAX_REQUIREMENTS);
    let error = said(Format::Csv, &rows(MAX_REQUIREMENTS + 1, ""));
    assert_eq!(error, "there are more than 10000 requirements");
    let error = said(Format::Csv, &rows(6, &"A-0 ".repeat(MAX_LINKS / 5)));
    assert_eq!(error, "there are more than 50000 links");
}

#[test]
fn what_does_not_fit_together_is_left_out_by_name() {
    let file = table("A-1,x,a\u{7}b,A-1 A-2 A-9\nA-2,y,,A-1\n");
    let found = read(Format::Csv, &file).unwrap();
    assert_eq!(found.document.requirements[0].body, "ab");
    let links = [link("A-1", "refines", "A-2"), link("A-2", "refines", "A-1")];
    assert_eq!(found.document.links, links);
    assert_eq!(
        found.left_out,
        [
            "A-1: control characters",
            "The link of A-1 to itself",
            "The link from A-1 to A-9: there is no A-9 in the file",
        ]
    );
    let many: String = (0..200).fold(String::new(), |all, nth| format!("{all} Z-{nth}"));
    let found = read(Format::Csv, &table(&format!("A-1,x,,{many}\n"))).unwrap();
    assert_eq!(found.left_out.len(), 101);
    assert_eq!(found.left_out.last().unwrap(), "And more");
}

#[test]
fn two_of_one_key_are_refused() {
    assert_eq!(
        said(Format::Csv, &table("A-1,x\nA-1,y\n")),
        "two requirements are called A-1"
    );
    let file = "# X (X)\n## A-1 x\n## A-1 y\n";
    assert_eq!(
        said(Format::Markdown, file.as_bytes()),
        "two requirements are called A-1"
    );
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    let error = said(Format::Csv, b"key,title\nA-1,\xff\n");
    assert_eq!(error, "line 2 is not UTF-8; save the file as UTF-8");
}

#[test]
fn files_have_a_time_where_the_format_does() {
    let at: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
    let file = String::from_utf8(write(Format::ReqIf, &shop(), at)).unwrap();
    assert!(
        file.contains("<CREATION-TIME>2026-11-22T06:00:00Z</CREATION-TIME>"),
        "{file}"
    );
}
