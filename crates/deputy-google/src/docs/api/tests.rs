use serde_json::json;

use super::*;

#[test]
fn the_end_of_a_document() {
    let end = |content: Value| {
        let document: Document =
            serde_json::from_value(json!({"body": {"content": content}})).unwrap();
        (document.end(), document.paragraphs())
    };
    let empty = json!([
        {"endIndex": 1, "sectionBreak": {}},
        {"startIndex": 1, "endIndex": 2, "paragraph": {"elements": [{"textRun": {"content": "\n"}}]}},
    ]);
    assert_eq!(
        end(empty),
        (
            Place {
                index: 1,
                new_paragraph: false,
                in_list: false
            },
            "\n".to_owned()
        )
    );
    let list = json!([
        {"startIndex": 1, "endIndex": 4, "paragraph": {"elements": [{"textRun": {"content": "ab\n"}}]}},
        {"startIndex": 4, "endIndex": 10, "paragraph": {"bullet": {"listId": "k"}, "elements": [
            {"textRun": {"content": "one "}}, {"inlineObjectElement": {}}, {"textRun": {"content": "\n"}},
        ]}},
    ]);
    assert_eq!(
        end(list),
        (
            Place {
                index: 9,
                new_paragraph: true,
                in_list: true
            },
            "ab\none \n".to_owned()
        )
    );
}

#[test]
fn text_is_found_in_tables_too() {
    let mut out = String::new();
    let value = json!({"content": [
        {"paragraph": {"elements": [{"textRun": {"content": "{{A}}\n"}}]}},
        {"table": {"tableRows": [{"tableCells": [{"content": [{"paragraph": {"elements": [{"textRun": {"content": "{{B}}\n"}}]}}]}]}]}},
    ]});
    collect_text(&value, &mut out);
    assert_eq!(out, "{{A}}\n{{B}}\n");
}
