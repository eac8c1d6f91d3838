use super::*;

const EMPTY: Place = Place {
    index: 1,
    new_paragraph: false,
    in_list: false,
};

fn inserted(edits: &[Edit]) -> &str {
    let Some(Edit::InsertText { text, .. }) = edits.first() else {
        panic!("{edits:?}")
    };
    text
}

/// The text of a range of UTF-16 code units, the inserted text beginning at `place`.
fn slice(edits: &[Edit], place: Place, range: Range) -> String {
    let units: Vec<u16> = inserted(edits)
        .encode_utf16()
        .chain([u16::from(b'\n')])
        .collect();
    let at = |index: u32| (index - place.index) as usize;
    String::from_utf16(&units[at(range.start_index)..at(range.end_index)]).unwrap()
}

#[test]
fn a_document_of_everything() {
    let markdown = "# Итоги 🚀\n\nВстреча **прошла _хорошо_**, см. [план](https://x.test/a?b=1) и `код`.\n\
                    Вторая строка\\\nтретья ~~нет~~\n\n1. раз\n2. два\n   - два а\n   - два б\n3. три\n\n> цитата\n\n\
                    ```rust\nfn main() {}\n\nlet x;\n```\n\n- [ ] дело\n- [x] сделано\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\nконец";
    let place = Place {
        index: 42,
        new_paragraph: true,
        in_list: false,
    };
    let rendered = render(markdown);
    let edits = rendered.edits(place);
    assert_eq!(
        inserted(&edits),
        "\nИтоги 🚀\nВстреча прошла хорошо, см. план и код. Вторая строка\u{b}третья нет\nраз\nдва\n\tдва а\n\tдва б\nтри\n\
         цитата\nfn main() {}\n\nlet x;\nдело\nсделано\na | b\n1 | 2\n———\nконец"
    );
    let styled = |wanted: &str| -> Vec<String> {
        let matching = edits.iter().filter_map(|edit| match edit {
            Edit::UpdateTextStyle { range, fields, .. } if *fields == wanted => Some(*range),
            _ => None,
        });
        matching.map(|range| slice(&edits, place, range)).collect()
    };
    assert_eq!(styled("bold"), ["прошла хорошо", "a", "b"]);
    assert_eq!(styled("italic"), ["хорошо"]);
    assert_eq!(styled("strikethrough"), ["нет", "сделано"]);
    assert_eq!(styled("link"), ["план"]);
    assert_eq!(
        styled("weightedFontFamily"),
        ["код", "fn main() {}", "let x;"]
    );
    let named: Vec<(String, String)> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::UpdateParagraphStyle {
                range,
                paragraph_style,
                ..
            } => Some((
                paragraph_style["namedStyleType"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                slice(&edits, place, *range),
            )),
            _ => None,
        })
        .collect();
    assert_eq!(named[0], ("HEADING_1".into(), "Итоги 🚀\n".into()));
    assert_eq!(named[2], ("NORMAL_TEXT".into(), "цитата\n".into()));
    assert_eq!(named[3].1, "fn main() {}\n\nlet x;\n");
    let bullets: Vec<(&str, String)> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::CreateParagraphBullets {
                range,
                bullet_preset,
            } => Some((*bullet_preset, slice(&edits, place, *range))),
            _ => None,
        })
        .collect();
    assert_eq!(
        bullets,
        [
            ("BULLET_CHECKBOX", "дело\nсделано\n".to_owned()),
            (
                "NUMBERED_DECIMAL_ALPHA_ROMAN",
                "раз\nдва\n\tдва а\n\tдва б\nтри\n".to_owned()
            ),
        ],
        "the last list first, since tabs vanish"
    );
    assert!(
        rendered
            .text_in_document()
            .contains("два\nдва а\nдва б\nтри")
    );
}

#[test]
fn into_an_empty_document_and_after_a_list() {
    let edits = render("one").edits(EMPTY);
    assert_eq!(inserted(&edits), "one");
    assert!(
        !edits
            .iter()
            .any(|e| matches!(e, Edit::DeleteParagraphBullets { .. }))
    );
    let edits = render("one").edits(Place {
        index: 5,
        new_paragraph: true,
        in_list: true,
    });
    assert!(edits.contains(&Edit::DeleteParagraphBullets {
        range: Range {
            start_index: 6,
            end_index: 10
        }
    }));
}

#[test]
fn stripped_characters_do_not_shift_positions() {
    let place = EMPTY;
    let edits = render("a\u{e000}b\u{1}c **d**\r\n").edits(place);
    assert_eq!(inserted(&edits), "abc d");
    let Some(Edit::UpdateTextStyle { range, .. }) = edits.last() else {
        panic!()
    };
    assert_eq!(slice(&edits, place, *range), "d");
}

#[test]
fn a_link_that_is_no_url_is_text() {
    let edits = render("see [here](some/where)").edits(EMPTY);
    assert!(
        !edits
            .iter()
            .any(|e| matches!(e, Edit::UpdateTextStyle { fields: "link", .. }))
    );
}

#[test]
fn nothing_is_nothing() {
    assert!(render(" \n\n").is_empty());
    assert!(render("<!-- remark -->").edits(EMPTY).is_empty());
}

proptest::proptest! {
    /// Whatever the Markdown, every range lies in the inserted text and its final newline.
    #[test]
    fn ranges_stay_inside(markdown in "([#>*+\\-`_~|\\[\\]()0-9. \\n\\tabя🚀])*") {
        let rendered = render(&markdown);
        let edits = rendered.edits(EMPTY);
        let units = u32::try_from(rendered.text.encode_utf16().count()).unwrap();
        proptest::prop_assert_eq!(units, rendered.units);
        for edit in &edits {
            let range = match edit {
                Edit::UpdateTextStyle { range, .. }
                | Edit::UpdateParagraphStyle { range, .. }
                | Edit::CreateParagraphBullets { range, .. }
                | Edit::DeleteParagraphBullets { range } => *range,
                _ => continue,
            };
            proptest::prop_assert!(1 <= range.start_index && range.start_index < range.end_index);
            proptest::prop_assert!(range.end_index <= 1 + units + 1);
        }
    }
}
