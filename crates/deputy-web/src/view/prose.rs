//! The little Markdown that setup instructions are written in: numbered steps, `code` and
//! *emphasis*. Everything else is text; nothing of it becomes HTML by itself.

use std::fmt::{self, Write as _};

use super::visible;

/// Instructions, ready for a page.
#[derive(Clone, Debug)]
pub(crate) struct Prose(String);

impl Prose {
    /// Reads Markdown.
    pub(crate) fn of(markdown: &str) -> Self {
        let mut html = String::new();
        let mut in_list = false;
        for line in markdown.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (tag, text, list) = match step(line) {
                Some(text) => ("li", text, true),
                None => ("p", line, false),
            };
            if list != in_list {
                html += if list { "<ol>" } else { "</ol>" };
                in_list = list;
            }
            // Writing to a string can't fail.
            let _ = write!(html, "<{tag}>{}</{tag}>", inline(text));
        }
        if in_list {
            html += "</ol>";
        }
        Self(html)
    }
}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Prose {}

/// The text of a line that begins with a number and a dot.
fn step(line: &str) -> Option<&str> {
    let (number, text) = line.split_once(". ")?;
    let counts = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    counts.then_some(text)
}

/// A line with what is marked in it. A mark without its other half is a character like any other,
/// and nothing is marked within code.
fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        let (before, from) = rest.split_at(at);
        escape(&mut html, before);
        let (mark, after) = from.split_at(1);
        let Some((inside, then)) = after
            .split_once(mark)
            .filter(|(inside, _)| !inside.is_empty() && inside.trim() == *inside)
        else {
            escape(&mut html, mark);
            rest = after;
            continue;
        };
        let tag = if mark == "`" { "code" } else { "em" };
        let _ = write!(html, "<{tag}>");
        escape(&mut html, inside);
        let _ = write!(html, "</{tag}>");
        rest = then;
    }
    escape(&mut html, rest);
    html
}

fn escape(html: &mut String, text: &str) {
    for c in visible(text).chars() {
        match c {
            '&' => *html += "&amp;",
            '<' => *html += "&lt;",
            '>' => *html += "&gt;",
            '"' => *html += "&quot;",
            '\'' => *html += "&#39;",
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
