use proptest::prelude::*;
use serde_json::json;

use super::super::edit::apply;
use super::*;

fn with(text: &str) -> Body {
    let mut body = Body::default();
    if text.is_empty() {
        return body;
    }
    apply(
        &mut body,
        &[json!({"insertText": {"location": {"index": 1}, "text": text}})],
    )
    .unwrap();
    body
}

#[test]
fn an_empty_body_is_a_section_break_and_a_newline() {
    let body = Body::default();
    assert_eq!(body.len(), 2);
    let blocks = body.blocks();
    let [Block::Paragraph(only)] = blocks.as_slice() else {
        panic!("{blocks:?}")
    };
    assert_eq!((only.start, only.end), (1, 2));
}

#[test]
fn a_table_takes_positions_for_itself_its_rows_and_its_cells() {
    let mut body = Body::default();
    apply(
        &mut body,
        &[json!({"insertTable": {"rows": 2, "columns": 2, "location": {"index": 1}}})],
    )
    .unwrap();
    let blocks = body.blocks();
    let [
        Block::Paragraph(before),
        Block::Table(table),
        Block::Paragraph(after),
    ] = blocks.as_slice()
    else {
        panic!("{blocks:?}")
    };
    assert_eq!((before.start, before.end), (1, 2));
    assert_eq!((table.start, table.end), (2, 14));
    let cells: Vec<usize> = table
        .rows
        .iter()
        .flat_map(|row| &row.cells)
        .map(|cell| match cell.content.as_slice() {
            [Block::Paragraph(paragraph)] => paragraph.start,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(cells, [5, 7, 10, 12]);
    assert_eq!((after.start, after.end), (14, 15));
}

#[test]
fn positions_count_utf16_units() {
    let body = with("a😀б");
    assert_eq!(body.len(), 1 + 4 + 1);
    assert_eq!(body.text(2, 4), "😀");
}

#[test]
fn what_is_stored_is_what_was() {
    let mut body = with("Title\n😀 and ❤\n\tdeep\nlast");
    apply(
        &mut body,
        &[
            json!({"updateParagraphStyle": {"range": {"startIndex": 1, "endIndex": 2}, "paragraphStyle": {"namedStyleType": "HEADING_1"}, "fields": "namedStyleType"}}),
            json!({"updateTextStyle": {"range": {"startIndex": 7, "endIndex": 9}, "textStyle": {"bold": true}, "fields": "bold"}}),
            json!({"insertTable": {"rows": 1, "columns": 2, "endOfSegmentLocation": {}}}),
            json!({"createParagraphBullets": {"range": {"startIndex": 8, "endIndex": 22}, "bulletPreset": "NUMBERED_DECIMAL_ALPHA_ROMAN"}}),
        ],
    )
    .unwrap();
    let text = serde_json::to_string(&body).unwrap();
    assert_eq!(serde_json::from_str::<Body>(&text).unwrap(), body);
}

proptest! {
    #[test]
    fn blocks_cover_every_position_once(lines in proptest::collection::vec("[a-zа-я😀 ]{0,8}", 1..6)) {
        let body = with(&lines.join("\n"));
        let mut at = 1;
        for block in body.blocks() {
            let Block::Paragraph(paragraph) = block else { panic!("no table was made") };
            prop_assert_eq!(paragraph.start, at);
            let mut inside = paragraph.start;
            for element in &paragraph.elements {
                prop_assert_eq!(element.start, inside);
                inside = element.end;
            }
            prop_assert_eq!(inside, paragraph.end);
            at = paragraph.end;
        }
        prop_assert_eq!(at, body.len());
        prop_assert_eq!(body.len(), 2 + lines.join("\n").encode_utf16().count());
    }
}
