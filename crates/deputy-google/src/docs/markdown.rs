//! Markdown as the requests of one `documents.batchUpdate`, for text that is added to a document.
//!
//! Whole documents go through Drive's own Markdown import; this is for appending, where the rest of
//! the document must stay as it is. All text is inserted at once, then styled: first the paragraphs,
//! then runs of text, and bullets from the last list to the first, since making bullets removes the
//! tabs that say how deep an item is, and moves everything after them.
//!
//! Not everything has a counterpart: a table becomes one line per row, a further paragraph of a list
//! item a new line in it, an image a link.

use comrak::nodes::{ListType, Node, NodeValue};
use comrak::{Arena, Options, parse_document};
use serde_json::{Value, json};

use super::wire::{Edit, Location, Range};

/// A line break inside a paragraph.
const LINE_BREAK: char = '\u{b}';

/// The font that Docs' own Markdown import gives to code.
const CODE_FONT: &str = "Roboto Mono";

/// Every field of a text style that text inserted here might inherit.
const TEXT_RESET: &str = "bold,italic,underline,strikethrough,smallCaps,baselineOffset,fontSize,weightedFontFamily,foregroundColor,backgroundColor,link";

/// Every field of a paragraph style that is set here or might be inherited.
const PARAGRAPH_FIELDS: &str = "namedStyleType,indentFirstLine,indentStart,shading,borderLeft";

/// Where text goes, and what it would inherit there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Before which code unit.
    pub(crate) index: u32,
    /// Whether the paragraph at that place has text already, so that a new one must begin.
    pub(crate) new_paragraph: bool,
    /// Whether that paragraph is a list item.
    pub(crate) in_list: bool,
}

/// Markdown, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    /// Paragraphs with newlines between them, none at the end.
    text: String,
    /// UTF-16 length of `text`.
    units: u32,
    paragraphs: Vec<Block>,
    spans: Vec<Span>,
    lists: Vec<ListSpan>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Plain,
    Heading(u8),
    Quote(u8),
    Code,
    Item,
}

#[derive(Debug)]
struct Block {
    start: u32,
    end: u32,
    look: Look,
}

#[derive(Clone, Debug, PartialEq)]
enum Style {
    Bold,
    Italic,
    Strike,
    Code,
    Link(String),
}

#[derive(Debug)]
struct Span {
    start: u32,
    end: u32,
    style: Style,
}

#[derive(Debug)]
struct ListSpan {
    start: u32,
    end: u32,
    preset: &'static str,
}

/// Takes `markdown` (CommonMark with tables, strikethrough, task lists and bare links) apart.
pub(crate) fn render(markdown: &str) -> Rendered {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options);
    let mut rendered = Rendered::default();
    rendered.blocks(root, 0);
    rendered
}

impl Rendered {
    /// Whether there is nothing to insert.
    pub(crate) fn is_empty(&self) -> bool {
        self.paragraphs.is_empty()
    }

    /// The text as it stands in the document afterwards, without the newline that ends it: what an
    /// edit whose answer was lost is known again by.
    pub(crate) fn text_in_document(&self) -> String {
        let lines: Vec<&str> = self.text.split('\n').collect();
        let is_item = |n: usize| self.paragraphs.get(n).is_some_and(|p| p.look == Look::Item);
        let shown = lines.iter().enumerate().map(|(n, line)| {
            if is_item(n) {
                line.trim_start_matches('\t')
            } else {
                line
            }
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    /// The requests that insert it at `place`, which must be in the document's last paragraph.
    pub(crate) fn edits(&self, place: Place) -> Vec<Edit> {
        if self.is_empty() {
            return Vec::new();
        }
        let lead = u32::from(place.new_paragraph);
        let text = if place.new_paragraph {
            format!("\n{}", self.text)
        } else {
            self.text.clone()
        };
        let at = place.index + lead;
        let range = |start: u32, end: u32| Range {
            start_index: at + start,
            end_index: at + end,
        };
        let mut edits = Vec::new();
        if !text.is_empty() {
            edits.push(Edit::InsertText {
                location: Location { index: place.index },
                text,
            });
        }
        // The newline after the text belongs to its last paragraph.
        let all = range(0, self.units + 1);
        if place.in_list {
            edits.push(Edit::DeleteParagraphBullets { range: all });
        }
        if self.units > 0 {
            let range = range(0, self.units);
            edits.push(Edit::UpdateTextStyle {
                range,
                text_style: json!({}),
                fields: TEXT_RESET,
            });
        }
        for (start, end, look) in self.looks() {
            let range = range(start, end + 1);
            edits.push(Edit::UpdateParagraphStyle {
                range,
                paragraph_style: paragraph_style(look),
                fields: PARAGRAPH_FIELDS,
            });
        }
        for span in &self.spans {
            let (text_style, fields) = text_style(&span.style);
            edits.push(Edit::UpdateTextStyle {
                range: range(span.start, span.end),
                text_style,
                fields,
            });
        }
        for list in self.lists.iter().rev() {
            let range = range(list.start, list.end + 1);
            edits.push(Edit::CreateParagraphBullets {
                range,
                bullet_preset: list.preset,
            });
        }
        edits
    }

    /// Neighbouring paragraphs of one look as one range.
    fn looks(&self) -> Vec<(u32, u32, Look)> {
        let mut out: Vec<(u32, u32, Look)> = Vec::new();
        for block in &self.paragraphs {
            let look = if block.look == Look::Item {
                Look::Plain
            } else {
                block.look
            };
            match out.last_mut() {
                Some((_, end, last)) if *last == look => *end = block.end,
                _ => out.push((block.start, block.end, look)),
            }
        }
        out
    }

    /// Adds text; what Docs would strip is stripped here, so that positions stay right.
    fn push(&mut self, text: &str) {
        for c in text.chars() {
            if matches!(c, '\0'..='\u{8}' | '\u{c}'..='\u{1f}' | '\u{e000}'..='\u{f8ff}') {
                continue;
            }
            let c = if c == '\n' { LINE_BREAK } else { c };
            self.text.push(c);
            self.units += u32::try_from(c.len_utf16()).unwrap_or(1);
        }
    }

    fn begin(&mut self) -> u32 {
        if !self.paragraphs.is_empty() {
            self.text.push('\n');
            self.units += 1;
        }
        self.units
    }

    fn end(&mut self, start: u32, look: Look) {
        self.paragraphs.push(Block {
            start,
            end: self.units,
            look,
        });
    }

    fn blocks(&mut self, parent: Node<'_>, quoted: u8) {
        for node in parent.children() {
            self.block(node, quoted);
        }
    }

    fn block(&mut self, node: Node<'_>, quoted: u8) {
        let value = node.data().value.clone();
        let plain = if quoted > 0 {
            Look::Quote(quoted)
        } else {
            Look::Plain
        };
        match value {
            NodeValue::Heading(heading) => {
                let start = self.begin();
                self.inlines(node);
                self.end(start, Look::Heading(heading.level.clamp(1, 6)));
            }
            NodeValue::Paragraph => {
                let start = self.begin();
                self.inlines(node);
                self.end(start, plain);
            }
            NodeValue::BlockQuote => self.blocks(node, quoted.saturating_add(1)),
            NodeValue::List(list) => {
                let preset = if list.is_task_list {
                    "BULLET_CHECKBOX"
                } else if list.list_type == ListType::Ordered {
                    "NUMBERED_DECIMAL_ALPHA_ROMAN"
                } else {
                    "BULLET_DISC_CIRCLE_SQUARE"
                };
                let before = self.paragraphs.len();
                self.items(node, 0);
                if let [first, .., last] | [first @ last] = &self.paragraphs[before..] {
                    self.lists.push(ListSpan {
                        start: first.start,
                        end: last.end,
                        preset,
                    });
                }
            }
            NodeValue::CodeBlock(code) => {
                for line in code
                    .literal
                    .strip_suffix('\n')
                    .unwrap_or(&code.literal)
                    .split('\n')
                {
                    let start = self.begin();
                    self.styled(Style::Code, |out| out.push(line));
                    self.end(start, Look::Code);
                }
            }
            NodeValue::ThematicBreak => {
                let start = self.begin();
                self.push("———");
                self.end(start, plain);
            }
            NodeValue::Table(_) => node.children().for_each(|row| self.row(row, plain)),
            NodeValue::HtmlBlock(html) if !html.literal.trim_start().starts_with("<!--") => {
                for line in html.literal.trim_end().lines() {
                    let start = self.begin();
                    self.push(line);
                    self.end(start, plain);
                }
            }
            _ => {}
        }
    }

    fn items(&mut self, list: Node<'_>, depth: usize) {
        for item in list.children() {
            let start = self.begin();
            self.push(&"\t".repeat(depth));
            let mut has_text = false;
            let mut nested = Vec::new();
            for child in item.children() {
                if matches!(child.data().value, NodeValue::List(_)) {
                    nested.push(child);
                    continue;
                }
                if std::mem::replace(&mut has_text, true) {
                    self.push("\n");
                }
                self.item_text(child);
            }
            // The API cannot tick a checkbox; struck out is how a ticked one looks.
            if matches!(item.data().value, NodeValue::TaskItem(task) if task.symbol.is_some()) {
                let start = start + u32::try_from(depth).unwrap_or(0);
                if self.units > start {
                    self.spans.push(Span {
                        start,
                        end: self.units,
                        style: Style::Strike,
                    });
                }
            }
            self.end(start, Look::Item);
            for child in nested {
                self.items(child, (depth + 1).min(8));
            }
        }
    }

    fn item_text(&mut self, node: Node<'_>) {
        let value = node.data().value.clone();
        match value {
            NodeValue::CodeBlock(code) => {
                self.styled(Style::Code, |out| {
                    out.push(code.literal.trim_end_matches('\n'));
                });
            }
            NodeValue::HtmlBlock(html) => self.push(html.literal.trim_end()),
            NodeValue::BlockQuote => {
                for (n, child) in node.children().enumerate() {
                    if n > 0 {
                        self.push("\n");
                    }
                    self.item_text(child);
                }
            }
            _ => self.inlines(node),
        }
    }

    fn row(&mut self, row: Node<'_>, look: Look) {
        let is_head = matches!(row.data().value, NodeValue::TableRow(true));
        let start = self.begin();
        for (n, cell) in row.children().enumerate() {
            if n > 0 {
                self.push(" | ");
            }
            if is_head {
                self.styled(Style::Bold, |out| out.inlines(cell));
            } else {
                self.inlines(cell);
            }
        }
        self.end(start, look);
    }

    fn inlines(&mut self, parent: Node<'_>) {
        for node in parent.children() {
            let value = node.data().value.clone();
            match value {
                NodeValue::Text(text) => self.push(&text),
                NodeValue::HtmlInline(html) if html.starts_with("<br") => self.push("\n"),
                NodeValue::HtmlInline(html) => self.push(&html),
                NodeValue::SoftBreak => self.push(" "),
                NodeValue::LineBreak => self.push("\n"),
                NodeValue::Code(code) => self.styled(Style::Code, |out| out.push(&code.literal)),
                NodeValue::Emph => self.styled(Style::Italic, |out| out.inlines(node)),
                NodeValue::Strong => self.styled(Style::Bold, |out| out.inlines(node)),
                NodeValue::Strikethrough => self.styled(Style::Strike, |out| out.inlines(node)),
                NodeValue::Link(link) | NodeValue::Image(link) => self.link(node, &link.url),
                _ => self.inlines(node),
            }
        }
    }

    fn link(&mut self, node: Node<'_>, url: &str) {
        let write = |out: &mut Self| {
            if node.first_child().is_some() {
                out.inlines(node);
            } else {
                out.push(url);
            }
        };
        // Docs refuses the whole batch for a link that is no URL.
        if url::Url::parse(url).is_ok() {
            self.styled(Style::Link(url.to_owned()), write);
        } else {
            write(self);
        }
    }

    fn styled(&mut self, style: Style, write: impl FnOnce(&mut Self)) {
        let start = self.units;
        write(self);
        if self.units > start {
            self.spans.push(Span {
                start,
                end: self.units,
                style,
            });
        }
    }
}

fn paragraph_style(look: Look) -> Value {
    let named = match look {
        Look::Heading(level) => format!("HEADING_{level}"),
        _ => "NORMAL_TEXT".to_owned(),
    };
    let mut style = json!({"namedStyleType": named});
    let colour = |red: f64, green: f64, blue: f64| json!({"color": {"rgbColor": {"red": red, "green": green, "blue": blue}}});
    match look {
        Look::Quote(depth) => {
            let indent = json!({"magnitude": 36.0 * f64::from(depth), "unit": "PT"});
            style["indentFirstLine"] = indent.clone();
            style["indentStart"] = indent;
            style["borderLeft"] = json!({
                "color": colour(0.8, 0.8, 0.8),
                "width": {"magnitude": 3, "unit": "PT"},
                "padding": {"magnitude": 12, "unit": "PT"},
                "dashStyle": "SOLID",
            });
        }
        // The grey that Docs' own Markdown import gives to code (#f1f3f4), as its API writes it.
        Look::Code => {
            let grey = colour(0.945_098_04, 0.952_941_2, 0.956_862_75);
            style["shading"] = json!({"backgroundColor": grey});
        }
        Look::Plain | Look::Heading(_) | Look::Item => {}
    }
    style
}

fn text_style(style: &Style) -> (Value, &'static str) {
    match style {
        Style::Bold => (json!({"bold": true}), "bold"),
        Style::Italic => (json!({"italic": true}), "italic"),
        Style::Strike => (json!({"strikethrough": true}), "strikethrough"),
        Style::Code => (
            json!({"weightedFontFamily": {"fontFamily": CODE_FONT}}),
            "weightedFontFamily",
        ),
        // Docs adds the colour and the line that a link has.
        Style::Link(url) => (json!({"link": {"url": url}}), "link"),
    }
}

#[cfg(test)]
mod tests;
