//! XHTML as Markdown: paragraphs, headings, lists, tables, code and quotations, and what is in a line.

use std::fmt::Write as _;

use super::{Element, Node};

/// Elements that are part of a line. All others stand alone.
const INLINE: [&str; 36] = [
    "a", "abbr", "acronym", "b", "bdo", "big", "br", "cite", "code", "del", "dfn", "em", "font",
    "i", "img", "ins", "kbd", "label", "mark", "object", "param", "q", "s", "samp", "small",
    "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr", "map", "area",
];

/// Addresses that a link may have.
const SCHEMES: [&str; 4] = ["http:", "https:", "mailto:", "ftp:"];

pub(super) fn is_inline(name: &str) -> bool {
    INLINE.contains(&name)
}

/// The paragraphs and the like of some nodes; `objects` counts pictures and other files.
pub(super) fn blocks(nodes: &[Node], objects: &mut usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut run: Vec<&Node> = Vec::new();
    for node in nodes {
        match node {
            Node::Element(element) if !is_inline(&element.name) => {
                paragraph(&mut run, objects, &mut out);
                block(element, objects, &mut out);
            }
            _ => run.push(node),
        }
    }
    paragraph(&mut run, objects, &mut out);
    out
}

fn paragraph(run: &mut Vec<&Node>, objects: &mut usize, out: &mut Vec<String>) {
    let mut line = Line::default();
    for node in run.drain(..) {
        line.node(node, objects);
    }
    let text = line.finish();
    if !text.is_empty() {
        let lines: Vec<String> = text.split('\n').map(line_start).collect();
        out.push(lines.join("\n"));
    }
}

fn block(element: &Element, objects: &mut usize, out: &mut Vec<String>) {
    match element.name.as_str() {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
            let text = inline(&element.children, objects).replace("\\\n", " ");
            let level = element.name[1..].parse().unwrap_or(1);
            if !text.is_empty() {
                out.push(format!("{} {text}", "#".repeat(level)));
            }
        }
        "ul" => list(element, false, objects, out),
        "ol" => list(element, true, objects, out),
        "pre" => {
            let mut text = String::new();
            raw(&element.children, &mut text);
            let text = text.trim_matches('\n');
            let fence = "`".repeat(longest_run(text).max(2) + 1);
            out.push(format!("{fence}\n{text}\n{fence}"));
        }
        "blockquote" => {
            let inside = blocks(&element.children, objects).join("\n\n");
            if !inside.is_empty() {
                let lines: Vec<String> = inside
                    .split('\n')
                    .map(|line| format!("> {line}").trim_end().to_owned())
                    .collect();
                out.push(lines.join("\n"));
            }
        }
        "table" => table(element, objects, out),
        "hr" => out.push("---".to_owned()),
        "script" | "style" | "head" | "title" => {}
        _ => out.extend(blocks(&element.children, objects)),
    }
}

fn list(element: &Element, is_ordered: bool, objects: &mut usize, out: &mut Vec<String>) {
    let mut items = Vec::new();
    for node in &element.children {
        let Node::Element(item) = node else {
            continue;
        };
        let mark = if is_ordered {
            format!("{}. ", items.len() + 1)
        } else {
            "- ".to_owned()
        };
        let inside = blocks(&item.children, objects);
        let is_tight =
            inside.len() <= 2 && inside.iter().skip(1).all(|b| b.starts_with(['-', '1']));
        let inside = inside.join(if is_tight { "\n" } else { "\n\n" });
        let indent = " ".repeat(mark.len());
        let lines: Vec<String> = inside
            .split('\n')
            .enumerate()
            .map(|(nth, line)| match nth {
                0 => format!("{mark}{line}").trim_end().to_owned(),
                _ if line.is_empty() => String::new(),
                _ => format!("{indent}{line}"),
            })
            .collect();
        items.push(lines.join("\n"));
    }
    if !items.is_empty() {
        out.push(items.join("\n"));
    }
}

fn table(element: &Element, objects: &mut usize, out: &mut Vec<String>) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    table_rows(element, objects, &mut rows, out);
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let Some(head) = rows.first_mut().filter(|_| width > 0) else {
        return;
    };
    // The first row says how many columns there are; others may have fewer cells.
    head.resize(width, String::new());
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| format!("| {} |", row.join(" | ")))
        .collect();
    lines.insert(1, format!("|{}", " --- |".repeat(width)));
    out.push(lines.join("\n"));
}

fn table_rows(
    element: &Element,
    objects: &mut usize,
    rows: &mut Vec<Vec<String>>,
    out: &mut Vec<String>,
) {
    for node in &element.children {
        let Node::Element(part) = node else {
            continue;
        };
        match part.name.as_str() {
            "tr" => {
                let cells = part.children.iter().filter_map(|node| match node {
                    Node::Element(cell) => Some(cell),
                    Node::Text(_) => None,
                });
                let cells: Vec<String> = cells
                    .map(|cell| {
                        let text = inline(&cell.children, objects);
                        text.replace("\\\n", " ").replace('|', "\\|")
                    })
                    .collect();
                if !cells.is_empty() {
                    rows.push(cells);
                }
            }
            "caption" => {
                let text = inline(&part.children, objects);
                if !text.is_empty() {
                    out.push(line_start(&text));
                }
            }
            _ => table_rows(part, objects, rows, out),
        }
    }
}

fn raw(nodes: &[Node], text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(part) => text.push_str(part),
            Node::Element(element) if element.name == "br" => text.push('\n'),
            Node::Element(element) => raw(&element.children, text),
        }
    }
}

fn inline(nodes: &[Node], objects: &mut usize) -> String {
    let mut line = Line::default();
    for node in nodes {
        line.node(node, objects);
    }
    line.finish()
}

/// What is in a line, while it is written.
#[derive(Default)]
struct Line {
    out: String,
}

impl Line {
    fn finish(self) -> String {
        let mut text = self.out.trim();
        while let Some(rest) = text
            .strip_suffix("\\\n")
            .or_else(|| text.strip_suffix('\\').filter(|rest| !rest.ends_with('\\')))
        {
            text = rest.trim_end();
        }
        while let Some(rest) = text.strip_prefix("\\\n") {
            text = rest.trim_start();
        }
        text.to_owned()
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
    }

    fn node(&mut self, node: &Node, objects: &mut usize) {
        match node {
            Node::Text(text) => self.text(text),
            Node::Element(element) => self.element(element, objects),
        }
    }

    fn text(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        for (at, c) in chars.iter().enumerate() {
            let is_word = |at: Option<usize>| {
                at.and_then(|at| chars.get(at))
                    .is_some_and(|c| c.is_alphanumeric())
            };
            match c {
                ' ' | '\t' | '\n' | '\r' => self.space(),
                '_' if is_word(at.checked_sub(1)) && is_word(Some(at + 1)) => self.out.push('_'),
                '&' if is_word(Some(at + 1)) || chars.get(at + 1) == Some(&'#') => {
                    self.out.push_str("\\&");
                }
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '~' => {
                    self.out.push('\\');
                    self.out.push(*c);
                }
                c if c.is_control() => {}
                c => self.out.push(*c),
            }
        }
    }

    fn element(&mut self, element: &Element, objects: &mut usize) {
        match element.name.as_str() {
            "br" => {
                let length = self.out.trim_end_matches(' ').len();
                self.out.truncate(length);
                self.out.push_str("\\\n");
            }
            "b" | "strong" => self.around("**", element, objects),
            "i" | "em" | "cite" | "var" | "dfn" => self.around("*", element, objects),
            "s" | "strike" | "del" => self.around("~~", element, objects),
            "code" | "tt" | "kbd" | "samp" => self.code(element),
            "a" => self.link(element, objects),
            "object" | "img" => {
                *objects += 1;
                let mut text = String::new();
                raw(&element.children, &mut text);
                let text = if text.trim().is_empty() {
                    &element.alt
                } else {
                    &text
                };
                self.text(text);
            }
            "script" | "style" => {}
            name => {
                if !is_inline(name) {
                    self.space();
                }
                for child in &element.children {
                    self.node(child, objects);
                }
                if !is_inline(name) {
                    self.space();
                }
            }
        }
    }

    /// Marks stand next to the text, and white space outside of them.
    fn around(&mut self, mark: &str, element: &Element, objects: &mut usize) {
        let mut inside = Self::default();
        inside.out.push(' ');
        for child in &element.children {
            inside.node(child, objects);
        }
        let begins_apart = matches!(element.children.first(), Some(Node::Text(text)) if text.starts_with(char::is_whitespace));
        let ends_apart = inside.out.len() > 1 && inside.out.ends_with(' ');
        let text = inside.finish();
        if begins_apart {
            self.space();
        }
        if !text.is_empty() {
            let is_marked = text.starts_with(mark) || text.contains("\n\n");
            let mark = if is_marked { "" } else { mark };
            let _ = write!(self.out, "{mark}{text}{mark}");
        }
        if ends_apart {
            self.space();
        }
    }

    fn code(&mut self, element: &Element) {
        let mut text = String::new();
        raw(&element.children, &mut text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        let mark = "`".repeat(longest_run(&text) + 1);
        let apart = if text.starts_with('`') || text.ends_with('`') {
            " "
        } else {
            ""
        };
        let _ = write!(self.out, "{mark}{apart}{text}{apart}{mark}");
    }

    fn link(&mut self, element: &Element, objects: &mut usize) {
        let text = inline(&element.children, objects).replace("\\\n", " ");
        let href = element.href.trim();
        let small = href.to_ascii_lowercase();
        let is_address = SCHEMES.iter().any(|scheme| small.starts_with(scheme));
        if !is_address || href.contains(['<', '>', '\n', '\\']) || text.is_empty() {
            self.out.push_str(&text);
        } else if href.contains([' ', '(', ')']) {
            let _ = write!(self.out, "[{text}](<{href}>)");
        } else {
            let _ = write!(self.out, "[{text}]({href})");
        }
    }
}

/// How many backticks there are in a row.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// A line that does not begin as a heading, an item or a quotation.
fn line_start(line: &str) -> String {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let after = &line[digits..];
    if digits > 0 && after.starts_with(['.', ')']) {
        return format!("{}\\{after}", &line[..digits]);
    }
    if line.starts_with(['#', '>', '-', '+', '=', '|']) {
        return format!("\\{line}");
    }
    line.to_owned()
}
