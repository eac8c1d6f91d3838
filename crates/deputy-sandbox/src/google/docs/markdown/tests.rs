use proptest::prelude::*;

use super::super::edit::apply;
use super::super::html::from_html;
use super::super::model::Body;
use super::*;

fn round(text: &str) -> String {
    to_markdown(&from_markdown(text).unwrap())
}

#[test]
fn what_markdown_says_comes_back() {
    for text in [
        "# Title\n\nSome text.\n",
        "## Two\n\n### Three\n\n###### Six\n",
        "Some **bold**, *italic*, ~~gone~~ and `code`.\n",
        "***both*** and **bold *inside* it**\n",
        "A [link](https://x.test/a?b=c) and [**bold link**](https://y.test).\n",
        "* one\n* two\n  * deeper\n    * deepest\n* three\n",
        "1. one\n2. two\n3. three\n",
        "3. three\n4. four\n",
        "* bullets\n  1. numbers\n  2. in it\n* again\n",
        "- [ ] to do\n".replace("- [", "* [").as_str(),
        "> quoted\n>\n> twice\n",
        "```\nlet x = 1;\n\n  indented\n```\n",
        "| A | B |\n| --- | --- |\n| 1 | **2** |\n| `x` |  |\n",
        "before\n\n| A |\n| --- |\n| 1 |\n\nafter\n",
        "one\n\n-----\n\ntwo\n",
        "line\\\nbreak\n",
        "Привет, 😀 мир\n",
        "1\\. not a list, \\*stars\\* and \\_lines\\_ and \\# no heading\n",
    ] {
        assert_eq!(round(text), text);
    }
}

#[test]
fn a_list_item_may_have_paragraphs() {
    assert_eq!(
        round("* one\n\n  more of it\n* two\n"),
        "* one\n\n  more of it\n\n* two\n"
    );
}

#[test]
fn white_space_goes_outside_of_markers() {
    let mut body = Body::default();
    let requests = [
        serde_json::json!({"insertText": {"location": {"index": 1}, "text": "a bold b"}}),
        serde_json::json!({"updateTextStyle": {"range": {"startIndex": 2, "endIndex": 8}, "textStyle": {"bold": true}, "fields": "bold"}}),
    ];
    apply(&mut body, &requests).unwrap();
    assert_eq!(to_markdown(&body), "a **bold** b\n");
}

#[test]
fn plain_text_has_a_byte_order_mark_and_crlf() {
    let body = from_markdown("# T\n\n* a\n* b\n\n1. x\n2. y\n").unwrap();
    assert_eq!(
        to_plain_text(&body),
        "\u{feff}T\r\n* a\r\n* b\r\n1. x\r\n2. y"
    );
    let back = from_plain_text("\u{feff}one\r\ntwo\r\n").unwrap();
    assert_eq!(back.plain_text(), "one\ntwo\n");
}

#[test]
fn html_goes_both_ways() {
    let html = to_html("T & <x>", &from_markdown("# H\n\n**b** <i>\n").unwrap());
    assert!(html.contains("<title>T &amp; &lt;x></title>"), "{html}");
    assert!(
        html.contains("<h1>H</h1>") && html.contains("<strong>b</strong>"),
        "{html}"
    );
    let body = from_html("<html><head><style>x{}</style></head><body><h2>Head &amp; tail</h2><p>Some <b>bold</b> and <a href=\"https://x.test\">a link</a>.</p><ul><li>one</li><li>two<ol><li>in</li></ol></li></ul><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2 * 3</td></tr></table></body></html>").unwrap();
    assert_eq!(
        to_markdown(&body),
        "## Head & tail\n\nSome **bold** and [a link](https://x.test).\n\n* one\n* two\n  1. in\n\n| A | B |\n| --- | --- |\n| 1 | 2 \\* 3 |\n"
    );
}

#[test]
fn a_document_has_an_end() {
    assert!(from_markdown(&"x".repeat(1_100_000)).is_none());
    assert!(from_markdown("").unwrap().len() == 2);
}

fn inline() -> impl Strategy<Value = String> {
    let word = "[a-zа-я]{1,6}";
    prop_oneof![
        4 => word.prop_map(|w| w),
        1 => word.prop_map(|w| format!("**{w}**")),
        1 => word.prop_map(|w| format!("*{w}*")),
        1 => word.prop_map(|w| format!("`{w}`")),
        1 => word.prop_map(|w| format!("[{w}](https://x.test/{})", w.len())),
    ]
}

fn line() -> impl Strategy<Value = String> {
    proptest::collection::vec(inline(), 1..5).prop_map(|words| words.join(" "))
}

fn block() -> impl Strategy<Value = String> {
    prop_oneof![
        line(),
        (1_usize..=6, line()).prop_map(|(level, text)| format!("{} {text}", "#".repeat(level))),
        proptest::collection::vec(line(), 1..4).prop_map(|items| items
            .iter()
            .map(|i| format!("* {i}"))
            .collect::<Vec<_>>()
            .join("\n")),
        proptest::collection::vec(line(), 1..4).prop_map(|items| items
            .iter()
            .enumerate()
            .map(|(n, i)| format!("{}. {i}", n + 1))
            .collect::<Vec<_>>()
            .join("\n")),
        (line(), line(), line(), line())
            .prop_map(|(a, b, c, d)| format!("| {a} | {b} |\n| --- | --- |\n| {c} | {d} |")),
        proptest::collection::vec("[a-z ]{0,8}", 1..4)
            .prop_map(|lines| format!("```\n{}\n```", lines.join("\n"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_document_made_of_markdown_is_stable(blocks in proptest::collection::vec(block(), 1..6)) {
        let once = from_markdown(&blocks.join("\n\n")).unwrap();
        let text = to_markdown(&once);
        let twice = from_markdown(&text).unwrap();
        prop_assert_eq!(once.plain_text(), twice.plain_text(), "{}", text);
        prop_assert_eq!(&text, &to_markdown(&twice));
    }

    #[test]
    fn any_text_is_some_markdown(text in "\\PC{0,80}") {
        let body = from_markdown(&text).unwrap();
        let _ = to_markdown(&body);
        let _ = from_html(&text).unwrap();
    }
}
