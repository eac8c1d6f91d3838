//! HTML into a document, roughly: headings, paragraphs, lists, emphasis, links, code and tables; the
//! rest is its text. It goes by way of Markdown, whose import knows all of these.

use super::model::Body;

/// Reads HTML; `None` when the document would be longer than Docs allows.
pub(crate) fn from_html(html: &str) -> Option<Body> {
    super::from_markdown(&to_markdown(html))
}

fn to_markdown(html: &str) -> String {
    let mut writer = Writer::default();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        writer.text(&rest[..open]);
        rest = &rest[open..];
        if rest.starts_with("<!--") {
            rest = rest.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some(close) = rest.find('>') else { break };
        let tag = &rest[1..close];
        rest = &rest[close + 1..];
        let name = tag
            .trim_start_matches('/')
            .split(|c: char| c.is_whitespace() || c == '/')
            .next()
            .unwrap_or("");
        let name = name.to_ascii_lowercase();
        if ["script", "style", "title"].contains(&name.as_str()) && !tag.starts_with('/') {
            let end = format!("</{name}");
            let at = rest.to_ascii_lowercase().find(&end);
            rest = at.map_or("", |at| &rest[at..]);
            continue;
        }
        writer.tag(&name, tag);
    }
    writer.text(rest);
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// For each open list, the number of the next item, or none for bullets.
    lists: Vec<Option<u32>>,
    links: Vec<String>,
    cells: usize,
    rows: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        let text = unescaped(text);
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            if !text.is_empty() && !self.out.ends_with(char::is_whitespace) {
                self.out.push(' ');
            }
            return;
        }
        if text.starts_with(char::is_whitespace) && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
        self.out
            .push_str(&comrak::escape_commonmark_inline(&words.join(" ")));
        if text.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
    }

    fn block(&mut self) {
        if !self.lists.is_empty() || self.cells > 0 {
            return;
        }
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        if !self.out.is_empty() {
            self.out.push_str("\n\n");
        }
    }

    fn tag(&mut self, name: &str, tag: &str) {
        let closes = tag.starts_with('/');
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.block();
                if !closes {
                    let level = name.as_bytes()[1] - b'0';
                    self.out.push_str(&"#".repeat(usize::from(level)));
                    self.out.push(' ');
                }
            }
            "p" | "div" | "section" | "article" | "body" => self.block(),
            "br" if self.cells == 0 => self.out.push_str("\\\n"),
            "hr" => {
                self.block();
                self.out.push_str("***");
                self.block();
            }
            "b" | "strong" => self.out.push_str("**"),
            "i" | "em" => self.out.push('*'),
            "s" | "del" | "strike" => self.out.push_str("~~"),
            "code" => self.out.push('`'),
            "a" if closes => {
                if let Some(url) = self.links.pop() {
                    self.out.extend(["](", &url, ")"]);
                }
            }
            "a" => {
                if let Some(url) = attribute(tag, "href") {
                    self.links
                        .push(comrak::escape_commonmark_link_destination(&url));
                    self.out.push('[');
                }
            }
            "ul" | "ol" if closes => {
                self.lists.pop();
                self.block();
            }
            "ul" | "ol" => {
                self.block();
                self.lists.push((name == "ol").then_some(1));
            }
            "li" if !closes => self.item(),
            "table" => {
                self.rows = 0;
                self.block();
            }
            "tr" if closes => self.end_row(),
            "td" | "th" if !closes => {
                self.out.push_str("| ");
                self.cells += 1;
            }
            _ => {}
        }
    }

    fn item(&mut self) {
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let depth = self.lists.len().saturating_sub(1);
        self.out.push_str(&"    ".repeat(depth));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.out.push_str(&number.to_string());
                self.out.push_str(". ");
                *number += 1;
            }
            _ => self.out.push_str("* "),
        }
    }

    fn end_row(&mut self) {
        self.out.push_str("|\n");
        if self.rows == 0 {
            self.out.push_str(&"| --- ".repeat(self.cells));
            self.out.push_str("|\n");
        }
        self.rows += 1;
        self.cells = 0;
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.to_ascii_lowercase().find(&format!("{name}="))? + name.len() + 1;
    let rest = tag.get(at..)?;
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split(|c: char| c.is_whitespace() || c == '>').next()?,
    };
    Some(unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest
            .find(';')
            .filter(|end| *end < 12)
            .map(|end| &rest[1..end]);
        if let Some((name, c)) = entity.and_then(|name| character(name).map(|c| (name, c))) {
            out.push(c);
            rest = &rest[name.len() + 2..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
