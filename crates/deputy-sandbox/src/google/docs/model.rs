//! A document as Google Docs counts it: one sequence of UTF-16 code units.
//!
//! The API's indices are positions in such a sequence, and tables take part in it: a table, each of
//! its rows and each of its cells opens with one unit, and the table closes with one. Keeping the
//! document as that flat sequence makes every index rule of the API a rule about positions, where
//! a tree would need a translation in both directions for each request. [`Body::blocks`] gives
//! the tree where one is needed (answers, exports).
//!
//! A paragraph's properties hang on the newline that ends it, as an insertion of a newline must
//! copy them and a deletion must choose between two.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::style::{ParagraphStyle, TextStyle};

pub(crate) const NEWLINE: u16 = 0x0a;
/// A line break inside a paragraph.
pub(crate) const LINE_BREAK: u16 = 0x0b;
pub(crate) const PAGE_BREAK: u16 = 0x0c;
pub(crate) const TABLE: u16 = 0x10;
pub(crate) const TABLE_END: u16 = 0x11;
pub(crate) const ROW: u16 = 0x12;
pub(crate) const CELL: u16 = 0x1c;
/// The section break that opens every body.
pub(crate) const SECTION: u16 = 0x1d;
pub(crate) const RULE: u16 = 0x1e;

/// The most characters a document may have (Google's published limit is 1.02 million).
pub(crate) const MAX_UNITS: usize = 1_020_000;

/// One code unit with what is attached to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    pub(crate) code: u16,
    pub(crate) style: Arc<TextStyle>,
    /// There exactly on a newline: the paragraph that it ends.
    pub(crate) paragraph: Option<Arc<Paragraph>>,
}

impl Unit {
    pub(crate) fn mark(code: u16) -> Self {
        Self {
            code,
            style: Arc::default(),
            paragraph: None,
        }
    }

    pub(crate) fn end(paragraph: Arc<Paragraph>, style: Arc<TextStyle>) -> Self {
        Self {
            code: NEWLINE,
            style,
            paragraph: Some(paragraph),
        }
    }

    /// Opens or closes something that text may not stand in directly.
    pub(crate) fn is_structure(&self) -> bool {
        matches!(self.code, TABLE | TABLE_END | ROW | CELL | SECTION)
    }
}

/// What a paragraph has besides its text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Paragraph {
    pub(crate) style: ParagraphStyle,
    pub(crate) bullet: Option<Bullet>,
}

/// Membership in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bullet {
    pub(crate) list_id: String,
    /// 0 to 8.
    pub(crate) level: u8,
}

/// A list that paragraphs belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    pub(crate) preset: BulletPreset,
    /// Number of the first item of the outermost level.
    pub(crate) start: i32,
}

/// The glyph presets of `createParagraphBullets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum BulletPreset {
    BulletDiscCircleSquare,
    #[serde(rename = "BULLET_DIAMONDX_ARROW3D_SQUARE")]
    BulletDiamondxArrow3dSquare,
    BulletCheckbox,
    BulletArrowDiamondDisc,
    BulletStarCircleSquare,
    #[serde(rename = "BULLET_ARROW3D_CIRCLE_SQUARE")]
    BulletArrow3dCircleSquare,
    BulletLefttriangleDiamondDisc,
    BulletDiamondxHollowdiamondSquare,
    BulletDiamondCircleSquare,
    NumberedDecimalAlphaRoman,
    NumberedDecimalAlphaRomanParens,
    NumberedDecimalNested,
    NumberedUpperalphaAlphaRoman,
    NumberedUpperromanUpperalphaDecimal,
    NumberedZerodecimalAlphaRoman,
}

impl BulletPreset {
    /// Numbers or letters, where the others are symbols.
    pub(crate) fn is_numbered(self) -> bool {
        matches!(
            self,
            Self::NumberedDecimalAlphaRoman
                | Self::NumberedDecimalAlphaRomanParens
                | Self::NumberedDecimalNested
                | Self::NumberedUpperalphaAlphaRoman
                | Self::NumberedUpperromanUpperalphaDecimal
                | Self::NumberedZerodecimalAlphaRoman
        )
    }
}

/// The content of one Google document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body {
    pub(crate) units: Vec<Unit>,
    pub(crate) lists: BTreeMap<String, List>,
    /// Feeds ids of lists and headings; only grows.
    pub(crate) next_id: u64,
}

impl Default for Body {
    /// An empty document: a section break and the newline that can't be deleted.
    fn default() -> Self {
        Self {
            units: vec![
                Unit::mark(SECTION),
                Unit::end(Arc::default(), Arc::default()),
            ],
            lists: BTreeMap::new(),
            next_id: 1,
        }
    }
}

/// A piece of the tree that answers and exports walk.
#[derive(Debug)]
pub(crate) enum Block<'a> {
    Paragraph(ParagraphBlock<'a>),
    Table(TableBlock<'a>),
}

#[derive(Debug)]
pub(crate) struct ParagraphBlock<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) properties: &'a Paragraph,
    pub(crate) elements: Vec<Element<'a>>,
}

#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) style: &'a TextStyle,
    pub(crate) kind: ElementKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ElementKind {
    /// Text of one style; the last one of a paragraph ends with its newline.
    Text(String),
    PageBreak,
    Rule,
}

#[derive(Debug)]
pub(crate) struct TableBlock<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rows: Vec<RowBlock<'a>>,
}

#[derive(Debug)]
pub(crate) struct RowBlock<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) cells: Vec<CellBlock<'a>>,
}

#[derive(Debug)]
pub(crate) struct CellBlock<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) content: Vec<Block<'a>>,
}

impl Body {
    /// The end index of the body: how many code units it has.
    pub(crate) fn len(&self) -> usize {
        self.units.len()
    }

    /// The content as a tree, without the section break that opens it.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut at = 1;
        self.blocks_from(&mut at)
    }

    fn code(&self, at: usize) -> Option<u16> {
        self.units.get(at).map(|unit| unit.code)
    }

    /// Blocks from `at` up to the end of the cell or body that holds it.
    fn blocks_from(&self, at: &mut usize) -> Vec<Block<'_>> {
        let mut out = Vec::new();
        while let Some(code) = self.code(*at) {
            match code {
                TABLE => out.push(Block::Table(self.table_at(at))),
                CELL | ROW | TABLE_END => break,
                _ => out.push(Block::Paragraph(self.paragraph_at(at))),
            }
        }
        out
    }

    fn table_at(&self, at: &mut usize) -> TableBlock<'_> {
        let start = *at;
        *at += 1;
        let mut rows = Vec::new();
        while self.code(*at) == Some(ROW) {
            let row_start = *at;
            *at += 1;
            let mut cells = Vec::new();
            while self.code(*at) == Some(CELL) {
                let cell_start = *at;
                *at += 1;
                let content = self.blocks_from(at);
                cells.push(CellBlock {
                    start: cell_start,
                    end: *at,
                    content,
                });
            }
            rows.push(RowBlock {
                start: row_start,
                end: *at,
                cells,
            });
        }
        *at += 1;
        TableBlock {
            start,
            end: *at,
            rows,
        }
    }

    fn paragraph_at(&self, at: &mut usize) -> ParagraphBlock<'_> {
        static PLAIN: std::sync::LazyLock<Paragraph> = std::sync::LazyLock::new(Paragraph::default);
        let start = *at;
        let mut elements = Vec::new();
        let mut properties: &Paragraph = &PLAIN;
        let mut run_start = start;
        while let Some(unit) = self.units.get(*at) {
            let next = *at + 1;
            let rule = match unit.code {
                PAGE_BREAK => Some(ElementKind::PageBreak),
                RULE => Some(ElementKind::Rule),
                _ => None,
            };
            if let Some(kind) = rule {
                self.push_run(&mut elements, run_start, *at);
                elements.push(Element {
                    start: *at,
                    end: next,
                    style: &unit.style,
                    kind,
                });
                run_start = next;
            } else if *at > run_start && self.units[run_start].style != unit.style {
                self.push_run(&mut elements, run_start, *at);
                run_start = *at;
            }
            *at = next;
            if unit.code == NEWLINE {
                if let Some(paragraph) = &unit.paragraph {
                    properties = paragraph;
                }
                break;
            }
        }
        self.push_run(&mut elements, run_start, *at);
        ParagraphBlock {
            start,
            end: *at,
            properties,
            elements,
        }
    }

    fn push_run<'a>(&'a self, elements: &mut Vec<Element<'a>>, start: usize, end: usize) {
        if start < end {
            let kind = ElementKind::Text(self.text(start, end));
            elements.push(Element {
                start,
                end,
                style: &self.units[start].style,
                kind,
            });
        }
    }

    /// The code units from `start` to `end` as text.
    pub(crate) fn text(&self, start: usize, end: usize) -> String {
        char::decode_utf16(self.units[start..end].iter().map(|unit| unit.code))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// The whole text, for search: paragraphs by lines, nothing of tables' structure.
    pub(crate) fn plain_text(&self) -> String {
        let codes = self
            .units
            .iter()
            .filter(|unit| !unit.is_structure() && unit.code != RULE);
        char::decode_utf16(codes.map(|unit| unit.code))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// Where the paragraph that holds position `at` starts.
    pub(crate) fn paragraph_start(&self, at: usize) -> usize {
        let before = self.units[..at]
            .iter()
            .rposition(|unit| unit.code == NEWLINE || unit.is_structure());
        before.map_or(0, |found| found + 1)
    }

    /// Where the newline of the paragraph that holds position `at` stands.
    pub(crate) fn paragraph_newline(&self, at: usize) -> usize {
        let found = self.units[at..]
            .iter()
            .position(|unit| unit.code == NEWLINE);
        found.map_or(self.len() - 1, |offset| at + offset)
    }

    /// The newlines of all paragraphs that overlap the range.
    pub(crate) fn newlines_of(&self, start: usize, end: usize) -> Vec<usize> {
        let mut out: Vec<usize> = (start..end)
            .filter(|&at| self.units[at].code == NEWLINE)
            .collect();
        let last = end.saturating_sub(1).max(start);
        if self.units[last].code != NEWLINE && !self.units[last].is_structure() {
            out.push(self.paragraph_newline(last));
        }
        out
    }

    /// An id that this document never gave before.
    pub(crate) fn fresh_id(&mut self, prefix: &str) -> String {
        let number = self.next_id;
        self.next_id += 1;
        // Spread out, so that ids look as opaque as Google's.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4;
        format!("{prefix}{}", base36(spread))
    }
}

fn base36(mut number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut out = Vec::new();
    loop {
        out.push(DIGITS[usize::try_from(number % 36).unwrap_or(0)]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    out.iter().rev().map(|&digit| char::from(digit)).collect()
}

/// A document as it is stored: text once, styles and paragraphs by runs.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredBody {
    text: String,
    styles: Vec<(usize, Arc<TextStyle>)>,
    paragraphs: Vec<(usize, Arc<Paragraph>)>,
    lists: BTreeMap<String, List>,
    next_id: u64,
}

impl Serialize for Body {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut styles: Vec<(usize, Arc<TextStyle>)> = Vec::new();
        let mut paragraphs: Vec<(usize, Arc<Paragraph>)> = Vec::new();
        for unit in &self.units {
            match styles.last_mut() {
                Some((count, style)) if *style == unit.style => *count += 1,
                _ => styles.push((1, unit.style.clone())),
            }
            let Some(paragraph) = &unit.paragraph else {
                continue;
            };
            match paragraphs.last_mut() {
                Some((count, same)) if same == paragraph => *count += 1,
                _ => paragraphs.push((1, paragraph.clone())),
            }
        }
        let (lists, next_id) = (self.lists.clone(), self.next_id);
        StoredBody {
            text: self.text(0, self.len()),
            styles,
            paragraphs,
            lists,
            next_id,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredBody::deserialize(deserializer)?;
        let mut styles = stored
            .styles
            .into_iter()
            .flat_map(|(count, style)| std::iter::repeat_n(style, count));
        let mut paragraphs = stored
            .paragraphs
            .into_iter()
            .flat_map(|(count, one)| std::iter::repeat_n(one, count));
        let units = stored.text.encode_utf16().map(|code| Unit {
            code,
            style: styles.next().unwrap_or_default(),
            paragraph: (code == NEWLINE).then(|| paragraphs.next().unwrap_or_default()),
        });
        Ok(Self {
            units: units.collect(),
            lists: stored.lists,
            next_id: stored.next_id,
        })
    }
}

#[cfg(test)]
mod tests;
