use proptest::prelude::*;

use super::super::markdown::to_markdown;
use super::super::model::Block;
use super::*;

fn with(text: &str) -> Body {
    let mut body = Body::default();
    if !text.is_empty() {
        edit(
            &mut body,
            json!({"insertText": {"location": {"index": 1}, "text": text}}),
        )
        .unwrap();
    }
    body
}

fn edit(body: &mut Body, request: Value) -> Result<Value, String> {
    apply(body, &[request])
        .map(|mut replies| replies.remove(0))
        .map_err(|refused| refused.to_string())
}

fn text(body: &Body) -> String {
    body.plain_text()
}

fn delete(start: usize, end: usize) -> Value {
    json!({"deleteContentRange": {"range": {"startIndex": start, "endIndex": end}}})
}

#[test]
fn text_goes_where_it_is_put() {
    let mut body = with("Hello world");
    edit(
        &mut body,
        json!({"insertText": {"location": {"index": 6}, "text": ","}}),
    )
    .unwrap();
    edit(
        &mut body,
        json!({"insertText": {"endOfSegmentLocation": {}, "text": "!\nBye"}}),
    )
    .unwrap();
    assert_eq!(text(&body), "Hello, world!\nBye\n");
}

#[test]
fn positions_out_of_bounds_are_refused_in_googles_words() {
    let mut body = with("Hello world");
    let at = |index: i64| json!({"insertText": {"location": {"index": index}, "text": "x"}});
    assert_eq!(
        edit(&mut body, at(900)).unwrap_err(),
        "Invalid requests[0].insertText: Index 900 must be less than the end index of the referenced segment, 13."
    );
    assert!(
        edit(&mut body, at(0))
            .unwrap_err()
            .contains("inside the bounds of an existing paragraph")
    );
    assert!(edit(&mut body, at(-1)).is_err());
    assert!(edit(&mut body, at(13)).is_err());
    assert!(edit(&mut body, at(12)).is_ok());
    assert!(edit(&mut body, json!({"insertText": {"location": {"index": 1}}})).is_err());
    assert!(edit(&mut body, json!({"insertText": {"text": "x"}})).is_err());
    assert!(
        edit(
            &mut body,
            json!({"insertText": {"location": {"index": 1, "segmentId": "x"}, "text": "x"}})
        )
        .is_err()
    );
    assert!(edit(&mut body, json!({"nonsense": {}})).is_err());
    assert!(edit(&mut body, json!({})).is_err());
}

#[test]
fn control_characters_are_stripped() {
    let body = with("a\r\nb\u{0}\u{10}\u{1c}\u{e000}\tc\u{b}d");
    assert_eq!(text(&body), "a\nb\tc\u{b}d\n");
}

#[test]
fn half_a_character_is_nowhere() {
    let mut body = with("a😀b");
    let inside = json!({"insertText": {"location": {"index": 3}, "text": "x"}});
    assert!(edit(&mut body, inside).unwrap_err().contains("grapheme"));
    assert!(
        edit(&mut body, delete(2, 3))
            .unwrap_err()
            .contains("grapheme")
    );
    assert!(
        edit(&mut body, delete(3, 4))
            .unwrap_err()
            .contains("grapheme")
    );
    edit(&mut body, delete(2, 4)).unwrap();
    assert_eq!(text(&body), "ab\n");
}

#[test]
fn a_batch_is_all_or_nothing() {
    let mut body = with("Hello");
    let before = body.clone();
    let requests = [
        json!({"insertText": {"location": {"index": 1}, "text": "x"}}),
        json!({"insertText": {"location": {"index": 99}, "text": "x"}}),
    ];
    let refused = apply(&mut body, &requests).unwrap_err().to_string();
    assert!(
        refused.starts_with("Invalid requests[1].insertText:"),
        "{refused}"
    );
    assert_eq!(body, before);
}

#[test]
fn the_last_newline_stays() {
    let mut body = with("one\ntwo");
    assert!(
        edit(&mut body, delete(1, 9))
            .unwrap_err()
            .contains("newline character at the end of the segment")
    );
    assert!(
        edit(&mut body, delete(3, 3))
            .unwrap_err()
            .contains("should not be empty")
    );
    assert!(edit(&mut body, delete(0, 3)).is_err());
    edit(&mut body, delete(1, 8)).unwrap();
    assert_eq!(text(&body), "\n");
}

#[test]
fn merged_paragraphs_stay_what_the_first_was() {
    let mut body = with("Head\nbody");
    let heading = json!({"updateParagraphStyle": {"range": {"startIndex": 1, "endIndex": 3}, "paragraphStyle": {"namedStyleType": "HEADING_2"}, "fields": "namedStyleType"}});
    edit(&mut body, heading).unwrap();
    edit(&mut body, delete(5, 6)).unwrap();
    assert_eq!(to_markdown(&body), "## Headbody\n");
    let mut body = with("Head\nbody");
    edit(&mut body, json!({"updateParagraphStyle": {"range": {"startIndex": 1, "endIndex": 3}, "paragraphStyle": {"namedStyleType": "HEADING_2"}, "fields": "*"}})).unwrap();
    edit(&mut body, delete(1, 6)).unwrap();
    assert_eq!(to_markdown(&body), "body\n");
}

#[test]
fn replaces_everywhere_and_counts() {
    let mut body = with("{{name}} and {{NAME}}\n{{name}}");
    let request = |case: bool| json!({"replaceAllText": {"containsText": {"text": "{{name}}", "matchCase": case}, "replaceText": "Анна 😀"}});
    assert_eq!(
        edit(&mut body.clone(), request(false)).unwrap(),
        json!({"replaceAllText": {"occurrencesChanged": 3}})
    );
    assert_eq!(
        edit(&mut body, request(true)).unwrap(),
        json!({"replaceAllText": {"occurrencesChanged": 2}})
    );
    assert_eq!(text(&body), "Анна 😀 and {{NAME}}\nАнна 😀\n");
    assert_eq!(
        edit(&mut body, request(true)).unwrap(),
        json!({"replaceAllText": {}})
    );
}

#[test]
fn styles_take_masks() {
    let mut body = with("bold and plain");
    let style = |style: Value, fields: &str| json!({"updateTextStyle": {"range": {"startIndex": 1, "endIndex": 5}, "textStyle": style, "fields": fields}});
    edit(
        &mut body,
        style(json!({"bold": true, "italic": true}), "bold"),
    )
    .unwrap();
    assert_eq!(to_markdown(&body), "**bold** and plain\n");
    edit(
        &mut body,
        style(json!({"link": {"url": "https://x.test/"}}), "link"),
    )
    .unwrap();
    assert_eq!(
        to_markdown(&body),
        "[**bold**](https://x.test/) and plain\n"
    );
    edit(&mut body, style(json!({}), "*")).unwrap();
    assert_eq!(to_markdown(&body), "bold and plain\n");
    assert!(
        edit(&mut body, style(json!({"bold": true}), ""))
            .unwrap_err()
            .contains("fields")
    );
    assert!(edit(&mut body, style(json!({"bold": true}), "boldness")).is_err());
    assert!(edit(&mut body, style(json!({"bold": "yes"}), "bold")).is_err());
}

#[test]
fn text_takes_the_style_before_it_and_links_do_not_grow() {
    let mut body = with("ab");
    edit(&mut body, json!({"updateTextStyle": {"range": {"startIndex": 1, "endIndex": 3}, "textStyle": {"bold": true, "link": {"url": "https://x.test"}}, "fields": "bold,link"}})).unwrap();
    edit(
        &mut body,
        json!({"insertText": {"location": {"index": 3}, "text": "c"}}),
    )
    .unwrap();
    assert_eq!(to_markdown(&body), "[**ab**](https://x.test)**c**\n");
    edit(
        &mut body,
        json!({"insertText": {"location": {"index": 2}, "text": "-"}}),
    )
    .unwrap();
    assert!(to_markdown(&body).starts_with("[**a-b**](https://x.test)"));
}

#[test]
fn bullets_nest_by_tabs_and_take_them_away() {
    let mut body = with("one\n\ttwo\n\t\tthree\nfour");
    let length = body.len();
    edit(&mut body, json!({"createParagraphBullets": {"range": {"startIndex": 1, "endIndex": 17}, "bulletPreset": "BULLET_DISC_CIRCLE_SQUARE"}})).unwrap();
    assert_eq!(body.len(), length - 3);
    assert_eq!(to_markdown(&body), "* one\n  * two\n    * three\n\nfour\n");
    assert_eq!(body.lists.len(), 1);
    // The paragraph after a list of the same kind joins it.
    let end = body.len() - 1;
    edit(&mut body, json!({"createParagraphBullets": {"range": {"startIndex": end - 1, "endIndex": end}, "bulletPreset": "BULLET_DISC_CIRCLE_SQUARE"}})).unwrap();
    assert_eq!(body.lists.len(), 1);
    edit(
        &mut body,
        json!({"deleteParagraphBullets": {"range": {"startIndex": 1, "endIndex": end}}}),
    )
    .unwrap();
    assert_eq!(to_markdown(&body), "one\n\ntwo\n\nthree\n\nfour\n");
}

#[test]
fn tables_hold_together() {
    let mut body = with("before");
    edit(
        &mut body,
        json!({"insertTable": {"rows": 2, "columns": 2, "endOfSegmentLocation": {}}}),
    )
    .unwrap();
    let blocks = body.blocks();
    let Block::Table(table) = &blocks[1] else {
        panic!("{blocks:?}")
    };
    let (start, end, first_cell) = (table.start, table.end, table.rows[0].cells[0].start + 1);
    assert!(
        edit(
            &mut body,
            json!({"insertText": {"location": {"index": start}, "text": "x"}})
        )
        .is_err()
    );
    assert!(edit(&mut body, delete(start, end - 1)).is_err());
    assert!(
        edit(&mut body, delete(start - 1, start))
            .unwrap_err()
            .contains("newline character before a table")
    );
    assert!(
        edit(&mut body, delete(first_cell, first_cell + 1))
            .unwrap_err()
            .contains("end of the segment")
    );
    assert!(
        edit(
            &mut body,
            json!({"insertPageBreak": {"location": {"index": first_cell}}})
        )
        .is_err()
    );
    edit(
        &mut body,
        json!({"insertText": {"location": {"index": first_cell}, "text": "a"}}),
    )
    .unwrap();
    let cell = |row: i64, column: i64| json!({"tableStartLocation": {"index": start}, "rowIndex": row, "columnIndex": column});
    edit(
        &mut body,
        json!({"insertTableRow": {"tableCellLocation": cell(1, 0), "insertBelow": true}}),
    )
    .unwrap();
    edit(
        &mut body,
        json!({"insertTableColumn": {"tableCellLocation": cell(0, 0), "insertRight": false}}),
    )
    .unwrap();
    edit(
        &mut body,
        json!({"deleteTableRow": {"tableCellLocation": cell(1, 0)}}),
    )
    .unwrap();
    assert_eq!(
        to_markdown(&body),
        "before\n\n|  | a |  |\n| --- | --- | --- |\n|  |  |  |\n"
    );
    edit(
        &mut body,
        json!({"deleteTableColumn": {"tableCellLocation": cell(0, 0)}}),
    )
    .unwrap();
    assert!(
        edit(
            &mut body,
            json!({"deleteTableColumn": {"tableCellLocation": cell(0, 7)}})
        )
        .is_err()
    );
    let end = body.len() - 1;
    edit(&mut body, delete(start, end)).unwrap();
    assert_eq!(text(&body), "before\n\n");
}

#[test]
fn a_page_break_takes_a_line() {
    let mut body = with("ab");
    edit(
        &mut body,
        json!({"insertPageBreak": {"location": {"index": 2}}}),
    )
    .unwrap();
    assert_eq!(text(&body), "a\u{c}\nb\n");
}

fn any_edit() -> impl Strategy<Value = Value> {
    let place = 0_i64..40;
    prop_oneof![
        (place.clone(), "[a-c\n\t😀]{0,6}").prop_map(|(at, text)| json!({"insertText": {"location": {"index": at}, "text": text}})),
        (place.clone(), 0_i64..12).prop_map(|(at, length)| json!({"deleteContentRange": {"range": {"startIndex": at, "endIndex": at + length}}})),
        (place.clone(), 1_i64..3, 1_i64..3).prop_map(|(at, rows, columns)| json!({"insertTable": {"rows": rows, "columns": columns, "location": {"index": at}}})),
        (place.clone(), 1_i64..12).prop_map(|(at, length)| json!({"createParagraphBullets": {"range": {"startIndex": at, "endIndex": at + length}, "bulletPreset": "BULLET_CHECKBOX"}})),
        (place.clone(), 1_i64..12).prop_map(|(at, length)| json!({"updateTextStyle": {"range": {"startIndex": at, "endIndex": at + length}, "textStyle": {"bold": true}, "fields": "bold"}})),
        (place, 1_i64..12).prop_map(|(at, length)| json!({"updateParagraphStyle": {"range": {"startIndex": at, "endIndex": at + length}, "paragraphStyle": {"namedStyleType": "HEADING_1"}, "fields": "namedStyleType"}})),
        Just(json!({"replaceAllText": {"containsText": {"text": "a", "matchCase": true}, "replaceText": "b\n"}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_is_done_the_document_stays_one(edits in proptest::collection::vec(any_edit(), 1..20)) {
        let mut body = Body::default();
        for request in edits {
            let _ = apply(&mut body, &[request]);
            // It ends with a newline, no half characters, every newline a paragraph, tables whole.
            prop_assert_eq!(body.units.last().map(|unit| unit.code), Some(super::super::model::NEWLINE));
            let codes: Vec<u16> = body.units.iter().map(|unit| unit.code).collect();
            prop_assert!(String::from_utf16(&codes).is_ok());
            prop_assert!(body.units.iter().all(|unit| (unit.code == super::super::model::NEWLINE) == unit.paragraph.is_some()));
            prop_assert_eq!(covered(&body.blocks(), 1), body.len());
            let stored = serde_json::to_string(&body).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Body>(&stored).unwrap(), &body);
            let _ = to_markdown(&body);
        }
    }
}

/// Walks the tree and gives the position after it; every element must begin where the last ended.
fn covered(blocks: &[Block<'_>], mut at: usize) -> usize {
    assert!(
        matches!(blocks.last(), Some(Block::Paragraph(_))),
        "a body and a cell end with a paragraph"
    );
    for block in blocks {
        match block {
            Block::Paragraph(paragraph) => {
                assert_eq!(paragraph.start, at);
                at = paragraph.end;
            }
            Block::Table(table) => {
                assert_eq!(table.start, at);
                at += 1;
                for row in &table.rows {
                    assert_eq!(row.start, at);
                    at += 1;
                    for cell in &row.cells {
                        assert_eq!(cell.start, at);
                        at = covered(&cell.content, at + 1);
                        assert_eq!(cell.end, at);
                    }
                    assert_eq!(row.end, at);
                }
                at += 1;
                assert_eq!(table.end, at);
            }
        }
    }
    at
}
