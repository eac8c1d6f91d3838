//! What holds of every document that was read, whatever its format: [`Gathering`] takes what a
//! format found and makes it so, or says what is wrong.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Document, Item, LINKS, Link, MAX_BODY, MAX_FILE, MAX_KEY, MAX_LINKS, MAX_REQUIREMENTS,
    MAX_TITLE, Read, ReadError, STATUSES,
};

/// How many sentences say what was left out.
const MAX_SENTENCES: usize = 100;

/// How much of a name from a file is shown in a sentence, in characters.
const SHOWN: usize = 80;

/// A file as text: not too long, UTF-8, without a byte order mark, lines ending with `\n`.
pub(super) fn text(file: &[u8]) -> Result<String, ReadError> {
    let text = utf8(file)?;
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// A file as text, as it is but for a byte order mark.
pub(super) fn utf8(file: &[u8]) -> Result<&str, ReadError> {
    if file.len() > MAX_FILE {
        return Err(ReadError::TooLong);
    }
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    str::from_utf8(file).map_err(|error| {
        let before = &file[..error.valid_up_to()];
        ReadError::NotUtf8 {
            line: 1 + lines(before),
        }
    })
}

/// How many lines end in it.
pub(super) fn lines(text: &[u8]) -> usize {
    text.iter()
        .fold(0, |count, byte| count + usize::from(*byte == b'\n'))
}

/// A name from a file, short enough for a sentence.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    if shown.len() < name.len() && name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A name as it is compared: small letters, and nothing but letters and digits.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A document while it is read.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    document: Document,
    left_out: BTreeMap<usize, (String, usize)>,
    sentences: HashMap<String, usize>,
}

impl Gathering {
    pub(super) fn project(&mut self, key: &str, name: &str, description: &str) {
        key.clone_into(&mut self.document.key);
        name.clone_into(&mut self.document.name);
        description.clone_into(&mut self.document.description);
    }

    /// A further requirement.
    pub(super) fn item(&mut self, item: Item) -> Result<(), ReadError> {
        if self.document.requirements.len() == MAX_REQUIREMENTS {
            return Err(ReadError::TooMany {
                what: "requirements",
                limit: MAX_REQUIREMENTS,
            });
        }
        self.document.requirements.push(item);
        Ok(())
    }

    /// A further link.
    pub(super) fn link(&mut self, from: &str, to: &str, kind: &str) -> Result<(), ReadError> {
        if self.document.links.len() == MAX_LINKS {
            return Err(ReadError::TooMany {
                what: "links",
                limit: MAX_LINKS,
            });
        }
        self.document.links.push(Link {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: kind.to_owned(),
        });
        Ok(())
    }

    /// Something that is not in the document; said once, with how often where that is more than once.
    pub(super) fn leave_out(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        let next = self.left_out.len();
        if let Some(at) = self.sentences.get(&sentence) {
            if let Some((_, count)) = self.left_out.get_mut(at) {
                *count += 1;
            }
        } else if next <= MAX_SENTENCES {
            self.sentences.insert(sentence.clone(), next);
            self.left_out.insert(next, (sentence, 1));
        }
    }

    /// A key for a requirement that has none: `new-1` and so on.
    pub(super) fn new_key(taken: &HashSet<String>, last: &mut usize) -> String {
        loop {
            *last += 1;
            let key = format!("new-{last}");
            if !taken.contains(&key) {
                return key;
            }
        }
    }

    /// Makes everything hold that [`Read`] promises.
    pub(super) fn finish(mut self) -> Result<Read, ReadError> {
        let mut document = std::mem::take(&mut self.document);
        document.key = key(&document.key);
        document.name = self.line(&document.name, "the project");
        document.description = self.body(&document.description, "the project");
        check_length("the project", "key", document.key.chars().count())?;
        check_length("the project", "name", document.name.chars().count())?;
        check_length("the project", "description", document.description.len())?;
        let mut places = HashMap::new();
        for (place, item) in document.requirements.iter_mut().enumerate() {
            item.key = key(&item.key);
            if item.key.is_empty() {
                return Err(ReadError::malformed(
                    format!("requirement {}", place + 1),
                    "there is no key",
                ));
            }
            let whose = shown(&item.key);
            check_length(&whose, "key", item.key.chars().count())?;
            item.title = self.line(&item.title, &whose);
            item.status = status(&self.line(&item.status, &whose));
            item.body = self.body(&item.body, &whose);
            if item.title.is_empty() {
                return Err(ReadError::NoTitle { place: whose });
            }
            check_length(&whose, "title", item.title.chars().count())?;
            check_length(&whose, "status", item.status.chars().count())?;
            check_length(&whose, "text", item.body.len())?;
            if places.insert(item.key.clone(), place).is_some() {
                return Err(ReadError::Duplicate { key: whose });
            }
        }
        document.links = self.links(std::mem::take(&mut document.links), &places);
        Ok(Read {
            document,
            left_out: self.sentences(),
        })
    }

    fn links(&mut self, links: Vec<Link>, places: &HashMap<String, usize>) -> Vec<Link> {
        let mut kept = Vec::new();
        for mut link in links {
            link.from = key(&link.from);
            link.to = key(&link.to);
            let kind = LINKS.iter().position(|kind| *kind == link.kind);
            let (Some(from), Some(to)) = (places.get(&link.from), places.get(&link.to)) else {
                let there = places.contains_key(&link.from);
                let unknown = if there { &link.to } else { &link.from };
                let (from, to, unknown) = (shown(&link.from), shown(&link.to), shown(unknown));
                self.leave_out(format!(
                    "The link from {from} to {to}: there is no {unknown} in the file"
                ));
                continue;
            };
            let Some(kind) = kind else {
                self.leave_out(format!("Links of the kind “{}”", shown(&link.kind)));
                continue;
            };
            if from == to {
                self.leave_out(format!("The link of {} to itself", shown(&link.from)));
                continue;
            }
            kept.push(((*from, kind, *to), link));
        }
        kept.sort_by_key(|(order, _)| *order);
        kept.dedup_by_key(|(order, _)| *order);
        kept.into_iter().map(|(_, link)| link).collect()
    }

    fn line(&mut self, text: &str, whose: &str) -> String {
        let line: Vec<&str> = text.split(['\n', '\r', '\t']).map(str::trim).collect();
        let line = line.join(" ");
        self.without_controls(line.trim(), whose).trim().to_owned()
    }

    fn body(&mut self, text: &str, whose: &str) -> String {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        trimmed(&self.without_controls(&text, whose)).to_owned()
    }

    fn without_controls(&mut self, text: &str, whose: &str) -> String {
        // And two that are no characters, and that XML has none of.
        let is_one = |c: char| {
            (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{fffe}' | '\u{ffff}')
        };
        if text.contains(is_one) {
            self.leave_out(format!("{whose}: control characters"));
        }
        text.replace(is_one, "")
    }

    fn sentences(self) -> Vec<String> {
        let more = self.left_out.len() > MAX_SENTENCES;
        let mut sentences: Vec<String> = self
            .left_out
            .into_values()
            .take(MAX_SENTENCES)
            .map(|(sentence, count)| match count {
                1 => sentence,
                _ => format!("{sentence} ({count} times)"),
            })
            .collect();
        if more {
            sentences.push("And more".to_owned());
        }
        sentences
    }
}

/// A text without empty lines before it and white space after it.
pub(super) fn trimmed(text: &str) -> &str {
    let mut text = text.trim_end_matches([' ', '\t', '\n']);
    while let Some((line, rest)) = text.split_once('\n') {
        if !line.trim_matches([' ', '\t']).is_empty() {
            break;
        }
        text = rest;
    }
    text
}

/// A key without what separates keys in a list.
fn key(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c.is_control() || c == ',' || c == ';')
        .map(str::to_owned)
        .filter(|word| !word.is_empty())
        .collect();
    words.join("_")
}

/// A status, as ours where it is one of ours.
fn status(text: &str) -> String {
    let ours = STATUSES.iter().find(|ours| plain(text) == **ours);
    ours.map_or_else(|| text.to_owned(), |ours| (*ours).to_owned())
}

fn check_length(whose: &str, part: &'static str, length: usize) -> Result<(), ReadError> {
    let (most, limit) = match part {
        "title" | "name" => (MAX_TITLE, "300 characters"),
        "text" | "description" => (MAX_BODY, "64 KiB"),
        _ => (MAX_KEY, "200 characters"),
    };
    if length > most {
        return Err(ReadError::PartTooLong {
            whose: whose.to_owned(),
            part,
            limit,
        });
    }
    Ok(())
}
