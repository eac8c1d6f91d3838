//! The XHTML in which ReqIF has formatted text, from Markdown and back.
//!
//! From Markdown it is what the CommonMark parser makes of it, within the part of XHTML that ReqIF
//! allows: no pictures (they become links), no numbers of list items. Back it is what Markdown can say;
//! of the rest the text stays.

use std::borrow::Cow;
use std::fmt::Write as _;

use comrak::{Options, markdown_to_html};
use quick_xml::Reader;
use quick_xml::escape::{escape, unescape_with};
use quick_xml::events::{BytesStart, Event};

mod blocks;

/// The prefix of XHTML's elements in files of ours.
const PREFIX: &str = "xhtml:";

/// What attributes of an element stay.
const ATTRIBUTES: [&str; 4] = ["href", "title", "class", "align"];

/// How deep elements may be in one another; the guard has a limit for the whole file.
const MAX_DEPTH: usize = 128;
/// How deep they are where we write them. A text that goes deeper is written as it is typed.
const MAX_DEPTH_WRITTEN: usize = 64;

/// Markdown as XHTML: one `xhtml:div`.
pub(super) fn from_markdown(markdown: &str) -> String {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    // Markup in a text is its text.
    options.render.escape = true;
    let html = allowed(&markdown_to_html(markdown, &options));
    prefixed(&html).unwrap_or_else(|| {
        let text = escape(&allowed(markdown)).into_owned();
        format!("<{PREFIX}div><{PREFIX}pre>{text}</{PREFIX}pre></{PREFIX}div>")
    })
}

/// A text without characters that XML has none of; <https://www.w3.org/TR/xml/#charsets>.
pub(super) fn allowed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            _ => c,
        })
        .collect()
}

/// HTML of the CommonMark parser's, with a prefix at each element and without what ReqIF has not.
fn prefixed(html: &str) -> Option<String> {
    let mut reader = Reader::from_str(html);
    let mut out = format!("<{PREFIX}div>");
    let mut links = 0_usize;
    let mut depth = 0_usize;
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                depth += 1;
                if depth > MAX_DEPTH_WRITTEN {
                    return None;
                }
                let name = str::from_utf8(element.name().0).ok()?.to_owned();
                if name == "a" {
                    links += 1;
                    if links > 1 {
                        continue;
                    }
                }
                let _ = write!(out, "<{PREFIX}{name}{}>", attributes(&element));
            }
            Event::Empty(element) => {
                let name = str::from_utf8(element.name().0).ok()?.to_owned();
                if name == "img" {
                    picture(&element, links > 0, &mut out);
                } else {
                    let _ = write!(out, "<{PREFIX}{name}{}/>", attributes(&element));
                }
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                let name = str::from_utf8(element.name().0).ok()?.to_owned();
                if name == "a" {
                    links = links.saturating_sub(1);
                    if links > 0 {
                        continue;
                    }
                }
                let _ = write!(out, "</{PREFIX}{name}>");
            }
            Event::Text(text) => out.push_str(str::from_utf8(&text).ok()?),
            Event::Eof => break,
            _ => {}
        }
    }
    let _ = write!(out, "</{PREFIX}div>");
    Some(out)
}

fn attributes(element: &BytesStart<'_>) -> String {
    let mut out = String::new();
    for attribute in element.attributes().with_checks(false).flatten() {
        let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        if ATTRIBUTES.contains(&name.as_str()) {
            let value = String::from_utf8_lossy(&attribute.value).into_owned();
            let _ = write!(out, " {name}=\"{}\"", value.replace('"', "&quot;"));
        }
    }
    out
}

fn picture(element: &BytesStart<'_>, is_in_link: bool, out: &mut String) {
    let value = |name: &str| -> String {
        let attribute = element.try_get_attribute(name).ok().flatten();
        attribute
            .map(|attribute| String::from_utf8_lossy(&attribute.value).into_owned())
            .unwrap_or_default()
    };
    let (address, text) = (value("src"), value("alt"));
    if is_in_link || address.is_empty() {
        out.push_str(&text);
    } else {
        let text = if text.is_empty() { &address } else { &text };
        let _ = write!(out, "<{PREFIX}a href=\"{address}\">{text}</{PREFIX}a>");
    }
}

/// A part of an XHTML text.
#[derive(Debug)]
enum Node {
    Text(String),
    Element(Element),
}

/// An element, its name without a prefix and in small letters.
#[derive(Debug, Default)]
struct Element {
    name: String,
    /// Where a link leads; the name of a picture.
    href: String,
    alt: String,
    children: Vec<Node>,
}

/// What the inside of a `THE-VALUE` says.
#[derive(Debug)]
pub(super) struct Xhtml {
    root: Element,
}

impl Xhtml {
    /// `None` where it is no XML; the guard has refused such files.
    pub(super) fn parse(raw: &str) -> Option<Self> {
        let mut reader = Reader::from_str(raw);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(element) => {
                    if open.len() > MAX_DEPTH {
                        return None;
                    }
                    open.push(read_element(&element));
                }
                Event::Empty(element) => add(&mut open, Node::Element(read_element(&element))),
                Event::End(_) => {
                    let element = open.pop()?;
                    add(&mut open, Node::Element(element));
                }
                Event::Text(text) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    add(&mut open, Node::Text(unescaped(&text)));
                }
                Event::CData(text) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    add(&mut open, Node::Text(text));
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let root = open.pop().filter(|_| open.is_empty())?;
        Some(Self { root })
    }

    /// It as Markdown, and how many pictures and other objects are not in it.
    pub(super) fn markdown(&self) -> (String, usize) {
        let mut objects = 0;
        let blocks = blocks::blocks(&self.root.children, &mut objects);
        (blocks.join("\n\n"), objects)
    }

    /// Its text in one line.
    pub(super) fn line(&self) -> String {
        let mut text = String::new();
        collect(&self.root.children, &mut text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Its elements and its text without white space: alike for texts that differ only in how they
    /// are laid out in the file.
    pub(super) fn shape(&self) -> String {
        let mut shape = String::new();
        shape_of(&self.root.children, &mut shape);
        shape
    }
}

fn add(open: &mut [Element], node: Node) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(node);
    }
}

fn read_element(element: &BytesStart<'_>) -> Element {
    let value = |name: &str| {
        let attribute = element
            .attributes()
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.as_ref() == name.as_bytes())?;
        Some(unescaped(&String::from_utf8_lossy(&attribute.value)))
    };
    Element {
        name: String::from_utf8_lossy(element.local_name().as_ref()).to_ascii_lowercase(),
        href: value("href").unwrap_or_default(),
        alt: value("alt").or_else(|| value("name")).unwrap_or_default(),
        children: Vec::new(),
    }
}

/// A text without references; those that XML does not know stay as they are, but for HTML's space.
fn unescaped(text: &str) -> String {
    let resolve = |name: &str| match name {
        "amp" => Some("&"),
        "lt" => Some("<"),
        "gt" => Some(">"),
        "quot" => Some("\""),
        "apos" => Some("'"),
        "nbsp" => Some("\u{a0}"),
        _ => None,
    };
    unescape_with(text, resolve).map_or_else(|_| text.to_owned(), Cow::into_owned)
}

fn collect(nodes: &[Node], text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(part) => text.push_str(part),
            Node::Element(element) => {
                let is_apart = !blocks::is_inline(&element.name) || element.name == "br";
                if is_apart {
                    text.push(' ');
                }
                collect(&element.children, text);
                if is_apart {
                    text.push(' ');
                }
            }
        }
    }
}

fn shape_of(nodes: &[Node], shape: &mut String) {
    for node in nodes {
        match node {
            Node::Text(part) => shape.extend(part.chars().filter(|c| !c.is_whitespace())),
            Node::Element(element) => {
                shape.push('<');
                shape.push_str(&element.name);
                if !element.href.is_empty() {
                    shape.push(' ');
                    shape.push_str(&element.href);
                }
                shape.push('>');
                shape_of(&element.children, shape);
                shape.push_str("</>");
            }
        }
    }
}
