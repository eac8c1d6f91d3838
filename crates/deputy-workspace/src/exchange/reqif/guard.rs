//! What a file must be before the ReqIF library sees it.
//!
//! The library keeps all that it reads, twice, follows hierarchies by recursion, and compares each
//! attribute with all before it. So whatever grows is limited here first, in one pass over the XML
//! that keeps nothing. There is no document type declaration in a ReqIF file: with it go entities,
//! those that expand and those that name files. A prefix of ReqIF's own names (`reqif:SPEC-OBJECT`)
//! is taken away, as the library knows none.

use std::borrow::Cow;

use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};

use super::super::checks::{lines, shown};
use super::super::{MAX_LINKS, MAX_REQUIREMENTS, ReadError};

/// How deep elements may be in one another: some 60 levels of a hierarchy.
const MAX_DEPTH: usize = 128;
/// How many elements there may be.
const MAX_ELEMENTS: usize = 400_000;
/// How many attributes an element may have.
const MAX_ATTRIBUTES: usize = 64;
/// How many elements may be where ReqIF has six.
const MAX_OUTER: usize = 100;
/// How deep these are: in the root, and in `REQ-IF-CONTENT`.
const OUTER: [usize; 2] = [1, 3];

/// Where in a text a byte is, for a person.
pub(super) fn line(text: &str, byte: usize) -> String {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    format!("line {}", 1 + lines(before))
}

#[derive(Default)]
struct Counts {
    elements: usize,
    objects: usize,
    relations: usize,
    outer: usize,
}

impl Counts {
    fn add(&mut self, name: &[u8], depth: usize) -> Result<(), ReadError> {
        self.elements += 1;
        let (count, limit, what) = match name {
            b"SPEC-OBJECT" => (&mut self.objects, MAX_REQUIREMENTS, "requirements"),
            b"SPEC-RELATION" => (&mut self.relations, MAX_LINKS, "links"),
            _ if OUTER.contains(&depth) => (&mut self.outer, MAX_OUTER, "parts"),
            _ => return too_many(self.elements, MAX_ELEMENTS, "elements"),
        };
        *count += 1;
        too_many(*count, limit, what)?;
        too_many(self.elements, MAX_ELEMENTS, "elements")
    }
}

fn too_many(count: usize, limit: usize, what: &'static str) -> Result<(), ReadError> {
    if count > limit {
        return Err(ReadError::TooMany { what, limit });
    }
    Ok(())
}

/// The file as the library can read it.
pub(super) fn check(text: &str) -> Result<Cow<'_, str>, ReadError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Vec<u8>> = Vec::new();
    let mut counts = Counts::default();
    let mut has_root = false;
    let mut rewrite: Option<(Vec<u8>, Writer<Vec<u8>>)> = None;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let wrong = |problem: String| ReadError::malformed(line(text, at), problem);
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            ReadError::malformed(line(text, at), format!("not XML: {error}"))
        })?;
        match &event {
            Event::DocType(_) => {
                return Err(wrong(
                    "a document type declaration, which ReqIF has none of".to_owned(),
                ));
            }
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding()
                    && !matches!(
                        encoding.to_ascii_lowercase().as_slice(),
                        b"utf-8" | b"us-ascii"
                    )
                {
                    let encoding = String::from_utf8_lossy(&encoding).into_owned();
                    return Err(wrong(format!(
                        "the encoding is {}, not UTF-8",
                        shown(&encoding)
                    )));
                }
            }
            Event::Start(element) | Event::Empty(element) => {
                if open.is_empty() {
                    if has_root || element.local_name().as_ref() != b"REQ-IF" {
                        let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
                        return Err(wrong(format!(
                            "<{}> where a ReqIF file has <REQ-IF>",
                            shown(&name)
                        )));
                    }
                    has_root = true;
                    if let Some(prefix) = element.name().prefix() {
                        let prefix = prefix.as_ref().to_vec();
                        rewrite = Some((prefix, Writer::new(Vec::with_capacity(text.len()))));
                    }
                }
                counts.add(element.local_name().as_ref(), open.len())?;
                let mut attributes = element.attributes();
                let count = attributes
                    .with_checks(false)
                    .take(MAX_ATTRIBUTES + 1)
                    .count();
                too_many(count, MAX_ATTRIBUTES, "attributes of an element")?;
                if matches!(event, Event::Start(_)) {
                    if open.len() == MAX_DEPTH {
                        return Err(wrong(format!(
                            "more than {MAX_DEPTH} elements in one another"
                        )));
                    }
                    open.push(element.name().as_ref().to_vec());
                }
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Eof => break,
            _ => {}
        }
        if let Some((prefix, writer)) = &mut rewrite {
            writer
                .write_event(without(prefix, event))
                .map_err(|error| wrong(error.to_string()))?;
        }
    }
    if let Some(name) = open.pop() {
        let name = String::from_utf8_lossy(&name).into_owned();
        return Err(ReadError::malformed(
            "the end",
            format!("<{}> is not closed", shown(&name)),
        ));
    }
    if !has_root {
        return Err(ReadError::malformed("line 1", "there is no <REQ-IF>"));
    }
    match rewrite {
        None => Ok(Cow::Borrowed(text)),
        Some((_, writer)) => String::from_utf8(writer.into_inner())
            .map(Cow::Owned)
            .map_err(|_| ReadError::malformed("the file", "not UTF-8")),
    }
}

/// The event, its name without this prefix.
fn without<'a>(prefix: &[u8], event: Event<'a>) -> Event<'a> {
    let local = |name: &[u8]| -> Option<String> {
        let rest = name.strip_prefix(prefix)?.strip_prefix(b":")?;
        String::from_utf8(rest.to_vec()).ok()
    };
    let renamed = |element: &BytesStart<'a>| {
        let local = local(element.name().as_ref())?;
        let mut element = element.clone().into_owned();
        element.set_name(local.as_bytes());
        Some(element)
    };
    match &event {
        Event::Start(element) => renamed(element).map_or(event, Event::Start),
        Event::Empty(element) => renamed(element).map_or(event, Event::Empty),
        Event::End(element) => match local(element.name().as_ref()) {
            Some(local) => Event::End(BytesEnd::new(local)),
            None => event,
        },
        _ => event,
    }
}
