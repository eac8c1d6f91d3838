//! A document into plain text.

use super::super::model::{Block, Body, List};
use super::export::element_text;

/// As text: a byte order mark and CRLF line ends, which is how Google exports it.
pub(crate) fn to_plain_text(body: &Body) -> String {
    let mut lines = Vec::new();
    plain_blocks(body, &body.blocks(), &mut lines);
    format!("\u{feff}{}", lines.join("\r\n"))
}

fn plain_blocks(body: &Body, blocks: &[Block<'_>], lines: &mut Vec<String>) {
    let mut numbers = Numbers::default();
    for block in blocks {
        match block {
            Block::Paragraph(paragraph) => {
                let text: String = paragraph.elements.iter().filter_map(element_text).collect();
                let text = text.trim_end_matches('\n').replace('\u{b}', "\r\n");
                let marker = paragraph.properties.bullet.as_ref().map(|bullet| {
                    let list = body.lists.get(&bullet.list_id);
                    let indent = "  ".repeat(usize::from(bullet.level));
                    match list {
                        Some(list) if list.preset.is_numbered() => {
                            let number = numbers.next(&bullet.list_id, bullet.level, list);
                            format!("{indent}{number}. ")
                        }
                        _ => format!("{indent}* "),
                    }
                });
                lines.push(format!("{}{text}", marker.unwrap_or_default()));
            }
            Block::Table(table) => {
                for cell in table.rows.iter().flat_map(|row| &row.cells) {
                    plain_blocks(body, &cell.content, lines);
                }
            }
        }
    }
}

/// Running numbers of lists by level.
#[derive(Default)]
struct Numbers(std::collections::HashMap<String, Vec<i32>>);

impl Numbers {
    fn next(&mut self, list_id: &str, level: u8, list: &List) -> i32 {
        let counts = self.0.entry(list_id.to_owned()).or_default();
        let level = usize::from(level);
        counts.truncate(level + 1);
        while counts.len() < level {
            counts.push(1);
        }
        if counts.len() == level {
            counts.push(if level == 0 { list.start } else { 1 });
        } else if let Some(last) = counts.last_mut() {
            *last += 1;
        }
        counts.last().copied().unwrap_or(1)
    }
}
