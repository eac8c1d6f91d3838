//! A document as the API answers it.

use serde_json::{Map, Value, json};

use super::edit::TAB_ID;
use super::edit::indents;
use super::model::{
    Block, Body, BulletPreset, Element, ElementKind, List, ParagraphBlock, TableBlock,
};
use super::style::{NamedStyleType, ParagraphStyle, TextStyle};

/// The `Document` resource, with `tabs` in place of the body where they were asked for.
pub(crate) fn document(
    id: &str,
    title: &str,
    revision: &str,
    body: &Body,
    with_tabs: bool,
) -> Value {
    let mut out = json!({
        "documentId": id,
        "title": title,
        "revisionId": revision,
        "suggestionsViewMode": "SUGGESTIONS_INLINE",
    });
    let content = tab_content(body);
    if with_tabs {
        out["tabs"] = json!([{
            "tabProperties": {"tabId": TAB_ID, "title": "Tab 1", "index": 0},
            "documentTab": content,
        }]);
    } else if let (Value::Object(out), Value::Object(content)) = (&mut out, content) {
        out.extend(content);
    }
    out
}

fn tab_content(body: &Body) -> Value {
    let mut content = vec![json!({
        "endIndex": 1,
        "sectionBreak": {"sectionStyle": {
            "columnSeparatorStyle": "NONE",
            "contentDirection": "LEFT_TO_RIGHT",
            "sectionType": "CONTINUOUS",
        }},
    })];
    content.extend(body.blocks().iter().map(block));
    let mut out = json!({
        "body": {"content": content},
        "documentStyle": {
            "background": {"color": {}},
            "pageNumberStart": 1,
            "marginTop": points(72.0),
            "marginBottom": points(72.0),
            "marginRight": points(72.0),
            "marginLeft": points(72.0),
            "pageSize": {"height": points(841.89), "width": points(595.28)},
            "marginHeader": points(36.0),
            "marginFooter": points(36.0),
            "useCustomHeaderFooterMargins": true,
        },
        "namedStyles": {"styles": NamedStyleType::ALL.map(named_style)},
    });
    if !body.lists.is_empty() {
        let lists: Map<String, Value> = body
            .lists
            .iter()
            .map(|(id, list)| (id.clone(), list_resource(list)))
            .collect();
        out["lists"] = Value::Object(lists);
    }
    out
}

fn points(magnitude: f64) -> Value {
    json!({"magnitude": magnitude, "unit": "PT"})
}

fn block(block: &Block<'_>) -> Value {
    match block {
        Block::Paragraph(paragraph) => paragraph_element(paragraph),
        Block::Table(table) => table_element(table),
    }
}

fn paragraph_element(paragraph: &ParagraphBlock<'_>) -> Value {
    let mut out = json!({
        "elements": paragraph.elements.iter().map(element).collect::<Vec<_>>(),
        "paragraphStyle": paragraph_style(&paragraph.properties.style),
    });
    if let Some(bullet) = &paragraph.properties.bullet {
        let mut given = json!({"listId": bullet.list_id, "textStyle": {}});
        if bullet.level > 0 {
            given["nestingLevel"] = json!(bullet.level);
        }
        out["bullet"] = given;
    }
    json!({"startIndex": paragraph.start, "endIndex": paragraph.end, "paragraph": out})
}

fn paragraph_style(style: &ParagraphStyle) -> Value {
    let mut out = json!(style);
    if style.named_style_type.is_none() {
        out["namedStyleType"] = json!(NamedStyleType::NormalText);
    }
    if style.direction.is_none() {
        out["direction"] = json!("LEFT_TO_RIGHT");
    }
    out
}

fn element(element: &Element<'_>) -> Value {
    let style = json!(element.style);
    let mut out = match &element.kind {
        ElementKind::Text(text) => json!({"textRun": {"content": text, "textStyle": style}}),
        ElementKind::PageBreak => json!({"pageBreak": {"textStyle": style}}),
        ElementKind::Rule => json!({"horizontalRule": {"textStyle": style}}),
    };
    out["startIndex"] = json!(element.start);
    out["endIndex"] = json!(element.end);
    out
}

fn table_element(table: &TableBlock<'_>) -> Value {
    let columns = table
        .rows
        .iter()
        .map(|row| row.cells.len())
        .max()
        .unwrap_or(0);
    let rows: Vec<Value> = table
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<Value> = row
                .cells
                .iter()
                .map(|cell| {
                    json!({
                        "startIndex": cell.start,
                        "endIndex": cell.end,
                        "content": cell.content.iter().map(block).collect::<Vec<_>>(),
                        "tableCellStyle": {
                            "rowSpan": 1,
                            "columnSpan": 1,
                            "backgroundColor": {},
                            "paddingLeft": points(5.0),
                            "paddingRight": points(5.0),
                            "paddingTop": points(5.0),
                            "paddingBottom": points(5.0),
                            "contentAlignment": "TOP",
                        },
                    })
                })
                .collect();
            json!({
                "startIndex": row.start,
                "endIndex": row.end,
                "tableCells": cells,
                "tableRowStyle": {"minRowHeight": {"unit": "PT"}},
            })
        })
        .collect();
    let column = json!({"widthType": "EVENLY_DISTRIBUTED"});
    json!({
        "startIndex": table.start,
        "endIndex": table.end,
        "table": {
            "rows": table.rows.len(),
            "columns": columns,
            "tableRows": rows,
            "tableStyle": {"tableColumnProperties": vec![column; columns]},
        },
    })
}

fn named_style(kind: NamedStyleType) -> Value {
    let size = match kind {
        NamedStyleType::Title => 26.0,
        NamedStyleType::Heading1 => 20.0,
        NamedStyleType::Heading2 => 16.0,
        NamedStyleType::Heading3 => 14.0,
        NamedStyleType::Subtitle => 15.0,
        NamedStyleType::Heading4 => 12.0,
        NamedStyleType::NormalText | NamedStyleType::Heading5 | NamedStyleType::Heading6 => 11.0,
    };
    json!({
        "namedStyleType": kind,
        "textStyle": {
            "fontSize": points(size),
            "weightedFontFamily": {"fontFamily": "Arial", "weight": 400},
        },
        "paragraphStyle": {"namedStyleType": kind, "direction": "LEFT_TO_RIGHT", "lineSpacing": 115.0},
    })
}

fn list_resource(list: &List) -> Value {
    let levels: Vec<Value> = (0..9_u8)
        .map(|level| {
            let (first_line, start) = indents(level);
            let mut out = json!({
                "bulletAlignment": "START",
                "indentFirstLine": points(first_line),
                "indentStart": points(start),
                "textStyle": TextStyle::default(),
                "startNumber": if level == 0 { list.start } else { 1 },
            });
            glyph(list.preset, level, &mut out);
            out
        })
        .collect();
    json!({"listProperties": {"nestingLevels": levels}})
}

/// The glyph of one level: three kinds, repeated down to the ninth.
fn glyph(preset: BulletPreset, level: u8, out: &mut Value) {
    let third = usize::from(level % 3);
    let numbered: Option<([&str; 3], &str)> = match preset {
        BulletPreset::NumberedDecimalAlphaRoman => Some((["DECIMAL", "ALPHA", "ROMAN"], ".")),
        BulletPreset::NumberedDecimalAlphaRomanParens => Some((["DECIMAL", "ALPHA", "ROMAN"], ")")),
        BulletPreset::NumberedDecimalNested => Some((["DECIMAL", "DECIMAL", "DECIMAL"], ".")),
        BulletPreset::NumberedUpperalphaAlphaRoman => {
            Some((["UPPER_ALPHA", "ALPHA", "ROMAN"], "."))
        }
        BulletPreset::NumberedUpperromanUpperalphaDecimal => {
            Some((["UPPER_ROMAN", "UPPER_ALPHA", "DECIMAL"], "."))
        }
        BulletPreset::NumberedZerodecimalAlphaRoman => {
            Some((["ZERO_DECIMAL", "ALPHA", "ROMAN"], "."))
        }
        _ => None,
    };
    if let Some((types, after)) = numbered {
        out["glyphType"] = json!(types[third]);
        out["glyphFormat"] = if preset == BulletPreset::NumberedDecimalNested {
            json!(
                (0..=level)
                    .flat_map(|l| ['%', char::from(b'0' + l), '.'])
                    .collect::<String>()
            )
        } else {
            json!(format!("%{level}{after}"))
        };
        return;
    }
    out["glyphFormat"] = json!(format!("%{level}"));
    if preset == BulletPreset::BulletCheckbox {
        out["glyphType"] = json!("GLYPH_TYPE_UNSPECIFIED");
        return;
    }
    let symbols = match preset {
        BulletPreset::BulletDiamondxArrow3dSquare => ["❖", "➢", "■"],
        BulletPreset::BulletArrowDiamondDisc => ["➔", "◆", "●"],
        BulletPreset::BulletStarCircleSquare => ["★", "○", "■"],
        BulletPreset::BulletArrow3dCircleSquare => ["➢", "○", "■"],
        BulletPreset::BulletLefttriangleDiamondDisc => ["◀", "◆", "●"],
        BulletPreset::BulletDiamondxHollowdiamondSquare => ["❖", "◇", "■"],
        BulletPreset::BulletDiamondCircleSquare => ["◆", "○", "■"],
        _ => ["●", "○", "■"],
    };
    out["glyphSymbol"] = json!(symbols[third]);
}
