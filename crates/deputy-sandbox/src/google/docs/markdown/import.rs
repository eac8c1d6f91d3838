//! Markdown into a document.

use std::sync::Arc;

use comrak::nodes::{ListType, Node, NodeList, NodeValue};
use comrak::{Arena, parse_document};

use super::super::edit::{clean, indents};
use super::super::model::{
    Body, Bullet, BulletPreset, CELL, LINE_BREAK, List, MAX_UNITS, NEWLINE, Paragraph, ROW, RULE,
    SECTION, TABLE, TABLE_END, Unit,
};
use super::super::style::{
    DashStyle, Dimension, Link, NamedStyleType, OptionalColor, ParagraphBorder, ParagraphStyle,
    Shading, TextStyle,
};

/// Reads CommonMark (with tables, strikethrough and task lists). `None` when the document would be
/// longer than Docs allows.
pub(crate) fn from_markdown(text: &str) -> Option<Body> {
    let arena = Arena::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = parse_document(&arena, text, &super::options());
    let mut builder = Builder::default();
    builder.blocks(root, &Frame::default());
    builder.finish()
}

/// One paragraph per line.
pub(crate) fn from_plain_text(text: &str) -> Option<Body> {
    let mut builder = Builder::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        builder.text(line, &TextStyle::default());
        builder.end_paragraph(Paragraph::default());
    }
    builder.finish()
}

/// What a block stands in.
#[derive(Clone, Default)]
struct Frame {
    /// Depth of quotations.
    quoted: u32,
    /// The list that this is an item of, and how deep.
    item: Option<Bullet>,
}

struct Builder {
    body: Body,
    style: Arc<TextStyle>,
}

impl Default for Builder {
    fn default() -> Self {
        let body = Body {
            units: vec![Unit::mark(SECTION)],
            ..Body::default()
        };
        Self {
            body,
            style: Arc::default(),
        }
    }
}

impl Builder {
    fn finish(mut self) -> Option<Body> {
        if self.last_code() != NEWLINE {
            self.end_paragraph(Paragraph::default());
        }
        (self.body.len() <= MAX_UNITS).then_some(self.body)
    }

    fn last_code(&self) -> u16 {
        self.body.units.last().map_or(SECTION, |unit| unit.code)
    }

    fn shared(&mut self, style: &TextStyle) -> Arc<TextStyle> {
        if *self.style != *style {
            self.style = Arc::new(style.clone());
        }
        self.style.clone()
    }

    fn text(&mut self, text: &str, style: &TextStyle) {
        let style = self.shared(style);
        let codes: Vec<u16> = clean(text)
            .filter(|&c| c != '\n')
            .collect::<String>()
            .encode_utf16()
            .collect();
        self.body.units.extend(codes.into_iter().map(|code| Unit {
            code,
            style: style.clone(),
            paragraph: None,
        }));
    }

    fn mark(&mut self, code: u16) {
        self.body.units.push(Unit::mark(code));
    }

    fn end_paragraph(&mut self, mut paragraph: Paragraph) {
        if paragraph.style.named() != NamedStyleType::NormalText {
            paragraph.style.heading_id = Some(self.body.fresh_id("h."));
        }
        self.body
            .units
            .push(Unit::end(Arc::new(paragraph), Arc::default()));
    }

    fn blocks(&mut self, parent: Node<'_>, frame: &Frame) {
        for node in parent.children() {
            self.block(node, frame);
        }
    }

    fn block(&mut self, node: Node<'_>, frame: &Frame) {
        let value = node.data().value.clone();
        match value {
            NodeValue::Heading(heading) => {
                self.inlines(node, &TextStyle::default());
                let mut paragraph = plain(frame);
                paragraph.style.named_style_type = Some(NamedStyleType::heading(heading.level));
                self.end_paragraph(paragraph);
            }
            NodeValue::Paragraph => {
                self.inlines(node, &TextStyle::default());
                self.end_paragraph(plain(frame));
            }
            NodeValue::BlockQuote => self.blocks(
                node,
                &Frame {
                    quoted: frame.quoted + 1,
                    ..frame.clone()
                },
            ),
            NodeValue::List(list) => self.list(node, &list, frame),
            NodeValue::CodeBlock(code) => {
                let mut style = TextStyle::default();
                style.set_code();
                for line in code
                    .literal
                    .strip_suffix('\n')
                    .unwrap_or(&code.literal)
                    .split('\n')
                {
                    self.text(line, &style);
                    let mut paragraph = plain(frame);
                    paragraph.style.shading = Some(code_shading());
                    self.end_paragraph(paragraph);
                }
            }
            NodeValue::ThematicBreak => {
                self.mark(RULE);
                self.end_paragraph(plain(frame));
            }
            NodeValue::Table(_) => self.table(node),
            NodeValue::HtmlBlock(html) if !html.literal.trim_start().starts_with("<!--") => {
                for line in html.literal.trim_end().lines() {
                    self.text(line, &TextStyle::default());
                    self.end_paragraph(plain(frame));
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, node: Node<'_>, list: &NodeList, frame: &Frame) {
        let ordered = list.list_type == ListType::Ordered;
        let preset = if list.is_task_list {
            BulletPreset::BulletCheckbox
        } else if ordered {
            BulletPreset::NumberedDecimalAlphaRoman
        } else {
            BulletPreset::BulletDiscCircleSquare
        };
        let outer = frame.item.as_ref();
        let level = outer.map_or(0, |bullet| (bullet.level + 1).min(8));
        // A nested list of the same kind is a deeper level of the one list, as Docs has it.
        let same = outer.filter(|bullet| {
            self.body
                .lists
                .get(&bullet.list_id)
                .is_some_and(|l| l.preset == preset)
        });
        let list_id = if let Some(bullet) = same {
            bullet.list_id.clone()
        } else {
            let id = self.body.fresh_id("kix.");
            let start = if ordered {
                i32::try_from(list.start).unwrap_or(1)
            } else {
                1
            };
            self.body.lists.insert(id.clone(), List { preset, start });
            id
        };
        for item in node.children() {
            let mut frame = Frame {
                item: Some(Bullet {
                    list_id: list_id.clone(),
                    level,
                }),
                quoted: frame.quoted,
            };
            let mut first = true;
            for child in item.children() {
                let is_paragraph = matches!(child.data().value, NodeValue::Paragraph);
                if first && is_paragraph {
                    self.inlines(child, &TextStyle::default());
                    self.end_paragraph(item_paragraph(&frame));
                } else if is_paragraph {
                    self.inlines(child, &TextStyle::default());
                    self.end_paragraph(continuation(level));
                } else {
                    if first && !matches!(child.data().value, NodeValue::List(_)) {
                        frame.quoted = 0;
                    }
                    self.block(child, &frame);
                }
                first = false;
            }
            if first {
                self.end_paragraph(item_paragraph(&frame));
            }
        }
    }

    fn table(&mut self, node: Node<'_>) {
        if self.last_code() != NEWLINE {
            self.end_paragraph(Paragraph::default());
        }
        self.mark(TABLE);
        for row in node.children() {
            self.mark(ROW);
            for cell in row.children() {
                self.mark(CELL);
                self.inlines(cell, &TextStyle::default());
                self.end_paragraph(Paragraph::default());
            }
        }
        self.mark(TABLE_END);
    }

    fn inlines(&mut self, parent: Node<'_>, style: &TextStyle) {
        for node in parent.children() {
            let mut inner = style.clone();
            let value = node.data().value.clone();
            match value {
                NodeValue::Text(text) => self.text(&text, style),
                NodeValue::HtmlInline(html) if html.starts_with("<br") => self.line_break(style),
                NodeValue::HtmlInline(html) => self.text(&html, style),
                NodeValue::SoftBreak => self.text(" ", style),
                NodeValue::LineBreak => self.line_break(style),
                NodeValue::Code(code) => {
                    inner.set_code();
                    self.text(&code.literal, &inner);
                }
                NodeValue::Emph => {
                    inner.italic = Some(true);
                    self.inlines(node, &inner);
                }
                NodeValue::Strong => {
                    inner.bold = Some(true);
                    self.inlines(node, &inner);
                }
                NodeValue::Strikethrough => {
                    inner.strikethrough = Some(true);
                    self.inlines(node, &inner);
                }
                NodeValue::Link(link) | NodeValue::Image(link) => {
                    set_link(&mut inner, &link.url);
                    if node.first_child().is_some() {
                        self.inlines(node, &inner);
                    } else {
                        self.text(&link.url, &inner);
                    }
                }
                _ => self.inlines(node, style),
            }
        }
    }

    fn line_break(&mut self, style: &TextStyle) {
        let style = self.shared(style);
        self.body.units.push(Unit {
            code: LINE_BREAK,
            style,
            paragraph: None,
        });
    }
}

/// A link as Docs makes one: blue and underlined.
fn set_link(style: &mut TextStyle, url: &str) {
    style.link = Some(Link {
        url: Some(url.to_owned()),
        ..Link::default()
    });
    style.underline = Some(true);
    style.foreground_color = Some(OptionalColor::rgb(0.066_666_67, 0.333_333_34, 0.8));
}

/// The shading that marks a code block.
pub(super) fn code_shading() -> Shading {
    Shading {
        background_color: Some(OptionalColor::rgb(0.945_098_04, 0.952_941_2, 0.956_862_75)),
    }
}

fn plain(frame: &Frame) -> Paragraph {
    let mut style = ParagraphStyle::default();
    if frame.quoted > 0 {
        let indent = Dimension::points(36.0 * f64::from(frame.quoted));
        style.indent_first_line = Some(indent);
        style.indent_start = Some(indent);
        style.border_left = Some(ParagraphBorder {
            color: Some(OptionalColor::rgb(0.8, 0.8, 0.8)),
            width: Some(Dimension::points(3.0)),
            padding: Some(Dimension::points(12.0)),
            dash_style: Some(DashStyle::Solid),
        });
    }
    Paragraph {
        style,
        bullet: None,
    }
}

fn item_paragraph(frame: &Frame) -> Paragraph {
    let level = frame.item.as_ref().map_or(0, |bullet| bullet.level);
    let (first_line, start) = indents(level);
    let style = ParagraphStyle {
        indent_first_line: Some(Dimension::points(first_line)),
        indent_start: Some(Dimension::points(start)),
        ..ParagraphStyle::default()
    };
    Paragraph {
        style,
        bullet: frame.item.clone(),
    }
}

/// A further paragraph of a list item: indented like it, without a glyph.
fn continuation(level: u8) -> Paragraph {
    let (_, start) = indents(level);
    let style = ParagraphStyle {
        indent_first_line: Some(Dimension::points(start)),
        indent_start: Some(Dimension::points(start)),
        ..ParagraphStyle::default()
    };
    Paragraph {
        style,
        bullet: None,
    }
}
