//! A document into Markdown and HTML.

use comrak::nodes::{
    ListDelimType, ListType, Node, NodeCode, NodeCodeBlock, NodeHeading, NodeLink, NodeList,
    NodeTable, NodeTaskItem, NodeValue, TableAlignment,
};
use comrak::{Arena, format_commonmark, format_html};

use super::super::model::{
    Block, Body, BulletPreset, Element, ElementKind, ParagraphBlock, TableBlock,
};
use super::super::style::{NamedStyleType, TextStyle};
use super::import::code_shading;

/// As CommonMark.
pub(crate) fn to_markdown(body: &Body) -> String {
    let arena = Arena::new();
    let root = Tree {
        arena: &arena,
        body,
    }
    .document();
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = format_commonmark(root, &super::options(), &mut out);
    without_trailing_space(&out)
}

/// comrak indents empty lines too. Inside code white space counts and stays.
fn without_trailing_space(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        if let Some(open) = fence {
            out.push_str(line);
            fence = (line != open).then_some(open);
        } else {
            out.push_str(line.trim_end());
            fence = (ticks.len() >= 3).then_some(ticks);
        }
        out.push('\n');
    }
    out
}

/// As an HTML page.
pub(crate) fn to_html(title: &str, body: &Body) -> String {
    let arena = Arena::new();
    let root = Tree {
        arena: &arena,
        body,
    }
    .document();
    let mut content = String::new();
    let _ = format_html(root, &super::options(), &mut content);
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<html><head><meta content=\"text/html; charset=UTF-8\" http-equiv=\"content-type\"><title>{title}</title>\
         </head><body class=\"doc-content\">{content}</body></html>"
    )
}

pub(super) fn element_text<'a>(element: &'a Element<'_>) -> Option<&'a str> {
    match &element.kind {
        ElementKind::Text(text) => Some(text),
        ElementKind::PageBreak | ElementKind::Rule => None,
    }
}

struct Tree<'a, 'b> {
    arena: &'a Arena<'a>,
    body: &'b Body,
}

/// A list that is open while items are added, with its latest item.
struct OpenList<'a> {
    node: Node<'a>,
    item: Node<'a>,
    list_id: String,
}

impl<'a> Tree<'a, '_> {
    fn node(&self, value: NodeValue) -> Node<'a> {
        self.arena.alloc(value.into())
    }

    fn document(&self) -> Node<'a> {
        let root = self.node(NodeValue::Document);
        self.blocks(root, &self.body.blocks());
        root
    }

    fn blocks(&self, root: Node<'a>, blocks: &[Block<'_>]) {
        let mut lists: Vec<OpenList<'a>> = Vec::new();
        let mut at = 0;
        while let Some(block) = blocks.get(at) {
            at += 1;
            let paragraph = match block {
                Block::Table(table) => {
                    lists.clear();
                    root.append(self.table(table));
                    continue;
                }
                Block::Paragraph(paragraph) => paragraph,
            };
            if paragraph.properties.bullet.is_some() {
                self.list_item(root, &mut lists, paragraph);
                continue;
            }
            if is_code_block(paragraph) {
                let more = blocks[at..]
                    .iter()
                    .take_while(|b| matches!(b, Block::Paragraph(p) if is_code_block(p)));
                let count = more.count();
                let lines = blocks[at - 1..at + count]
                    .iter()
                    .filter_map(|block| match block {
                        Block::Paragraph(paragraph) => Some(paragraph),
                        Block::Table(_) => None,
                    });
                lists.clear();
                root.append(self.code_block(lines));
                at += count;
                continue;
            }
            if is_empty(paragraph) {
                lists.clear();
                continue;
            }
            if let Some(open) = lists.last()
                && continues(paragraph, lists.len())
            {
                // An item of several paragraphs makes the list a loose one.
                if let NodeValue::List(list) = &mut open.node.data_mut().value {
                    list.tight = false;
                }
                self.append_paragraph(open.item, paragraph);
                continue;
            }
            lists.clear();
            if paragraph.properties.style.border_left.is_some() {
                let quote = root
                    .last_child()
                    .filter(|last| matches!(last.data().value, NodeValue::BlockQuote));
                let quote = quote.unwrap_or_else(|| {
                    let quote = self.node(NodeValue::BlockQuote);
                    root.append(quote);
                    quote
                });
                self.append_paragraph(quote, paragraph);
            } else {
                self.append_paragraph(root, paragraph);
            }
        }
    }

    fn append_paragraph(&self, parent: Node<'a>, paragraph: &ParagraphBlock<'_>) {
        let rules = paragraph
            .elements
            .iter()
            .any(|element| element.kind == ElementKind::Rule);
        if rules {
            parent.append(self.node(NodeValue::ThematicBreak));
            if is_blank(paragraph) {
                return;
            }
        }
        let level = match paragraph.properties.style.named() {
            NamedStyleType::Title => Some(1),
            NamedStyleType::Subtitle => Some(2),
            named => named.level(),
        };
        let node = self.node(match level {
            Some(level) => NodeValue::Heading(NodeHeading {
                level,
                setext: false,
                closed: false,
            }),
            None => NodeValue::Paragraph,
        });
        self.inlines(node, &paragraph.elements);
        parent.append(node);
    }

    fn list_item(
        &self,
        root: Node<'a>,
        lists: &mut Vec<OpenList<'a>>,
        paragraph: &ParagraphBlock<'_>,
    ) {
        let Some(bullet) = &paragraph.properties.bullet else {
            return;
        };
        let depth = usize::from(bullet.level) + 1;
        lists.truncate(depth);
        let list = self.body.lists.get(&bullet.list_id);
        // Another list at the same depth is a new one, unless this one only goes deeper into it.
        if lists.len() == depth
            && lists
                .last()
                .is_some_and(|open| open.list_id != bullet.list_id)
        {
            lists.pop();
        }
        let checkbox = list.is_some_and(|list| list.preset == BulletPreset::BulletCheckbox);
        while lists.len() < depth {
            let parent = lists.last().map_or(root, |open| open.item);
            let ordered = list.is_some_and(|list| list.preset.is_numbered());
            let start = list
                .filter(|_| lists.is_empty())
                .map_or(1, |list| usize::try_from(list.start).unwrap_or(1));
            let node = self.node(NodeValue::List(NodeList {
                list_type: if ordered {
                    ListType::Ordered
                } else {
                    ListType::Bullet
                },
                start,
                delimiter: ListDelimType::Period,
                bullet_char: b'*',
                tight: true,
                is_task_list: checkbox,
                ..NodeList::default()
            }));
            parent.append(node);
            // Where a level was skipped, an empty item holds the deeper list.
            let item = self.item(node, checkbox && lists.len() + 1 == depth);
            lists.push(OpenList {
                node,
                item,
                list_id: bullet.list_id.clone(),
            });
            if lists.len() == depth {
                self.append_item_text(item, paragraph);
                return;
            }
        }
        if let Some(open) = lists.last_mut() {
            open.item = self.item(open.node, checkbox);
            self.append_item_text(open.item, paragraph);
        }
    }

    fn item(&self, list: Node<'a>, checkbox: bool) -> Node<'a> {
        let NodeValue::List(properties) = list.data().value.clone() else {
            return list;
        };
        let item = self.node(if checkbox {
            NodeValue::TaskItem(NodeTaskItem {
                symbol: None,
                symbol_sourcepos: (0, 0, 0, 0).into(),
            })
        } else {
            NodeValue::Item(properties)
        });
        list.append(item);
        item
    }

    fn append_item_text(&self, item: Node<'a>, paragraph: &ParagraphBlock<'_>) {
        let node = self.node(NodeValue::Paragraph);
        self.inlines(node, &paragraph.elements);
        item.append(node);
    }

    fn code_block<'p, 'q: 'p>(
        &self,
        lines: impl Iterator<Item = &'p ParagraphBlock<'q>>,
    ) -> Node<'a> {
        let mut literal = String::new();
        for line in lines {
            literal.extend(line.elements.iter().filter_map(element_text));
        }
        let longest = literal.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        self.node(NodeValue::CodeBlock(Box::new(NodeCodeBlock {
            fenced: true,
            fence_char: b'`',
            fence_length: (longest + 1).max(3),
            literal,
            ..NodeCodeBlock::default()
        })))
    }

    fn table(&self, table: &TableBlock<'_>) -> Node<'a> {
        let columns = table
            .rows
            .iter()
            .map(|row| row.cells.len())
            .max()
            .unwrap_or(0);
        let node = self.node(NodeValue::Table(Box::new(NodeTable {
            alignments: vec![TableAlignment::None; columns],
            num_columns: columns,
            num_rows: table.rows.len(),
            num_nonempty_cells: columns * table.rows.len(),
        })));
        for (number, row) in table.rows.iter().enumerate() {
            let row_node = self.node(NodeValue::TableRow(number == 0));
            for cell in &row.cells {
                let cell_node = self.node(NodeValue::TableCell);
                let paragraphs = cell.content.iter().filter_map(|block| match block {
                    Block::Paragraph(paragraph) if !is_empty(paragraph) => Some(paragraph),
                    _ => None,
                });
                for (number, paragraph) in paragraphs.enumerate() {
                    if number > 0 {
                        cell_node.append(self.node(NodeValue::HtmlInline("<br>".to_owned())));
                    }
                    self.inlines(cell_node, &paragraph.elements);
                }
                row_node.append(cell_node);
            }
            node.append(row_node);
        }
        node
    }

    /// Appends the paragraph's text. Markers can't touch white space at their inside, so white space
    /// at the edges of a styled run goes outside.
    fn inlines(&self, parent: Node<'a>, elements: &[Element<'_>]) {
        let mut stack: Vec<(Marker, Node<'a>)> = Vec::new();
        let runs = runs(elements);
        for (number, (style, text)) in runs.iter().enumerate() {
            let wanted = markers(style);
            let keep = stack
                .iter()
                .zip(&wanted)
                .take_while(|((open, _), want)| open == *want)
                .count();
            let next = runs
                .get(number + 1)
                .map(|(style, _)| markers(style))
                .unwrap_or_default();
            let stays = wanted
                .iter()
                .zip(&next)
                .take_while(|(now, then)| now == then)
                .count();
            let lead = text.len() - text.trim_start_matches(is_space).len();
            let (before, rest) = if keep < wanted.len() {
                text.split_at(lead)
            } else {
                ("", text.as_str())
            };
            let trail = rest.trim_end_matches(is_space).len();
            let (inside, after) = if stays < wanted.len() {
                rest.split_at(trail)
            } else {
                (rest, "")
            };
            stack.truncate(keep);
            self.append_text(stack.last().map_or(parent, |(_, node)| node), before);
            if !inside.is_empty() {
                for marker in wanted.iter().skip(keep) {
                    let node = self.node(marker.node());
                    stack.last().map_or(parent, |(_, node)| node).append(node);
                    stack.push((marker.clone(), node));
                }
                let holder = stack.last().map_or(parent, |(_, node)| node);
                if style.is_code() {
                    let literal = inside.replace('\u{b}', " ");
                    holder.append(self.node(NodeValue::Code(NodeCode {
                        num_backticks: backticks(&literal),
                        literal,
                    })));
                } else {
                    self.append_text(holder, inside);
                }
            }
            stack.truncate(stays.min(stack.len()));
            self.append_text(stack.last().map_or(parent, |(_, node)| node), after);
        }
    }

    fn append_text(&self, parent: Node<'a>, text: &str) {
        for (number, line) in text.split('\u{b}').enumerate() {
            if number > 0 {
                parent.append(self.node(NodeValue::LineBreak));
            }
            if !line.is_empty() {
                parent.append(self.node(NodeValue::Text(line.to_owned().into())));
            }
        }
    }
}

/// A style that Markdown writes with markers around a text; outer ones first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Marker {
    Link(String),
    Bold,
    Italic,
    Strikethrough,
}

impl Marker {
    fn node(&self) -> NodeValue {
        match self {
            Self::Link(url) => NodeValue::Link(Box::new(NodeLink {
                url: url.clone(),
                title: String::new(),
            })),
            Self::Bold => NodeValue::Strong,
            Self::Italic => NodeValue::Emph,
            Self::Strikethrough => NodeValue::Strikethrough,
        }
    }
}

fn markers(style: &TextStyle) -> Vec<Marker> {
    let link = style
        .link
        .as_ref()
        .and_then(|link| link.url.clone())
        .map(Marker::Link);
    let flags = [
        (style.bold == Some(true), Marker::Bold),
        (style.italic == Some(true), Marker::Italic),
        (style.strikethrough == Some(true), Marker::Strikethrough),
    ];
    link.into_iter()
        .chain(
            flags
                .into_iter()
                .filter(|(set, _)| *set)
                .map(|(_, marker)| marker),
        )
        .collect()
}

/// Runs that look the same in Markdown, joined, without the newline at the end.
fn runs<'e>(elements: &'e [Element<'_>]) -> Vec<(&'e TextStyle, String)> {
    let mut out: Vec<(&TextStyle, String)> = Vec::new();
    for element in elements {
        let Some(text) = element_text(element) else {
            continue;
        };
        let text = text.trim_end_matches('\n');
        if text.is_empty() {
            continue;
        }
        match out.last_mut() {
            Some((style, joined))
                if markers(style) == markers(element.style)
                    && style.is_code() == element.style.is_code() =>
            {
                joined.push_str(text);
            }
            _ => out.push((element.style, text.to_owned())),
        }
    }
    // White space around a paragraph means nothing in Markdown.
    if let Some((_, first)) = out.first_mut() {
        *first = first.trim_start_matches(is_space).to_owned();
    }
    if let Some((_, last)) = out.last_mut() {
        *last = last.trim_end_matches(is_space).to_owned();
    }
    out.retain(|(_, text)| !text.is_empty());
    out
}

fn is_space(c: char) -> bool {
    c.is_whitespace()
}

fn backticks(literal: &str) -> usize {
    let runs: Vec<usize> = literal
        .split(|c| c != '`')
        .map(str::len)
        .filter(|&n| n > 0)
        .collect();
    (1..=runs.len() + 1)
        .find(|n| !runs.contains(n))
        .unwrap_or(1)
}

fn is_code_block(paragraph: &ParagraphBlock<'_>) -> bool {
    paragraph.properties.style.shading.as_ref() == Some(&code_shading())
}

fn is_blank(paragraph: &ParagraphBlock<'_>) -> bool {
    paragraph
        .elements
        .iter()
        .filter_map(element_text)
        .all(|text| text.trim().is_empty())
}

fn is_empty(paragraph: &ParagraphBlock<'_>) -> bool {
    is_blank(paragraph)
        && !paragraph
            .elements
            .iter()
            .any(|element| element.kind == ElementKind::Rule)
}

/// An indented paragraph right after a list item, as deep as the item's text: a part of the item.
fn continues(paragraph: &ParagraphBlock<'_>, depth: usize) -> bool {
    let style = &paragraph.properties.style;
    let level = u8::try_from(depth.saturating_sub(1)).unwrap_or(8);
    let (_, start) = super::super::edit::indents(level);
    style.border_left.is_none()
        && style.named() == NamedStyleType::NormalText
        && style.indent_start == Some(super::super::style::Dimension::points(start))
}
