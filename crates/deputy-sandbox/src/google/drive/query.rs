//! Drive's search language: the `q` of `files.list` (Drive API guide, "Search query terms and
//! operators").
//!
//! Unlike Gmail's it has errors: an unknown term, an operator that a term doesn't take or a value of
//! the wrong kind is refused. `name contains` finds the starts of words only, which is the
//! difference that clients stumble over most.

use std::iter::Peekable;
use std::str::Chars;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// A condition on a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    And(Vec<Query>),
    Or(Vec<Query>),
    Not(Box<Query>),
    /// Every word of the text is the start of a word of the name.
    NameContains(String),
    Name(String),
    /// Words of content, name and description: all of them, or in a row where the text stands in
    /// double quotes.
    FullText {
        words: Vec<String>,
        phrase: bool,
    },
    MimeType(String),
    MimeTypeContains(String),
    Time(TimeField, Comparison, Timestamp),
    Flag(Flag, bool),
    In(Relation, String),
    Property {
        private: bool,
        key: String,
        value: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeField {
    Modified,
    Created,
    ViewedByMe,
    SharedWithMe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Trashed,
    Starred,
    SharedWithMe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Parents,
    Owners,
    Writers,
    Readers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    fn holds(self, a: Timestamp, b: Timestamp) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::GreaterOrEqual => a >= b,
            Self::Greater => a > b,
        }
    }
}

/// What a query looks at in a file, for one person.
pub(crate) trait File {
    fn name(&self) -> &str;
    fn mime_type(&self) -> &str;
    /// Words of content, name and description.
    fn words(&self) -> Vec<String>;
    fn time(&self, field: TimeField) -> Option<Timestamp>;
    fn flag(&self, flag: Flag) -> bool;
    fn related(&self, relation: Relation, value: &str) -> bool;
    fn property(&self, private: bool, key: &str) -> Option<&str>;
}

/// The query makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid Value")]
pub(crate) struct Invalid;

/// Brackets and negations deeper than this are refused.
const DEEPEST: usize = 100;

impl Query {
    /// Reads a query.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens,
            at: 0,
            depth: 0,
        };
        let query = parser.or()?;
        if parser.at == parser.tokens.len() {
            Ok(query)
        } else {
            Err(Invalid)
        }
    }

    /// The file meets it.
    pub(crate) fn matches(&self, file: &dyn File) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(file)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(file)),
            Self::Not(part) => !part.matches(file),
            Self::Name(name) => {
                file.name().eq_ignore_ascii_case(name)
                    || file.name().to_lowercase() == name.to_lowercase()
            }
            Self::NameContains(text) => {
                let name = words(file.name());
                words(text)
                    .iter()
                    .all(|want| name.iter().any(|have| have.starts_with(want.as_str())))
            }
            Self::FullText {
                words: wanted,
                phrase,
            } => {
                let have = file.words();
                if *phrase {
                    wanted.is_empty()
                        || have
                            .windows(wanted.len())
                            .any(|window| window == wanted.as_slice())
                } else {
                    wanted.iter().all(|want| have.contains(want))
                }
            }
            Self::MimeType(value) => file.mime_type() == value,
            Self::MimeTypeContains(value) => file.mime_type().starts_with(value.as_str()),
            Self::Time(field, comparison, instant) => file
                .time(*field)
                .is_some_and(|have| comparison.holds(have, *instant)),
            Self::Flag(flag, value) => file.flag(*flag) == *value,
            Self::In(relation, value) => file.related(*relation, value),
            Self::Property {
                private,
                key,
                value,
            } => file.property(*private, key) == Some(value.as_str()),
        }
    }

    /// Searches content, which can't be sorted.
    pub(crate) fn has_full_text(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::has_full_text),
            Self::Not(part) => part.has_full_text(),
            Self::FullText { .. } => true,
            _ => false,
        }
    }
}

/// The words of a text: runs of letters and digits in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A term, an operator in letters, `true` or `false`.
    Word(String),
    Text(String),
    Comparison(Comparison),
    Open,
    Close,
    OpenBrace,
    CloseBrace,
}

fn tokens(text: &str) -> Result<Vec<Token>, Invalid> {
    let mut chars = text.chars().peekable();
    let mut out = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' => out.push(Token::Open),
            ')' => out.push(Token::Close),
            '{' => out.push(Token::OpenBrace),
            '}' => out.push(Token::CloseBrace),
            '\'' => out.push(Token::Text(quoted(&mut chars, '\'')?)),
            // Google takes double quotes around a value as well.
            '"' => out.push(Token::Text(quoted(&mut chars, '"')?)),
            '=' => out.push(Token::Comparison(Comparison::Equal)),
            '!' if chars.next_if_eq(&'=').is_some() => {
                out.push(Token::Comparison(Comparison::NotEqual));
            }
            '<' | '>' => {
                let or_equal = chars.next_if_eq(&'=').is_some();
                out.push(Token::Comparison(match (c, or_equal) {
                    ('<', false) => Comparison::Less,
                    ('<', true) => Comparison::LessOrEqual,
                    (_, false) => Comparison::Greater,
                    (_, true) => Comparison::GreaterOrEqual,
                }));
            }
            c if c.is_ascii_alphabetic() => {
                let mut word = c.to_string();
                while let Some(next) = chars.next_if(char::is_ascii_alphanumeric) {
                    word.push(next);
                }
                out.push(Token::Word(word));
            }
            _ => return Err(Invalid),
        }
    }
    Ok(out)
}

fn quoted(chars: &mut Peekable<Chars<'_>>, end: char) -> Result<String, Invalid> {
    let mut out = String::new();
    loop {
        match chars.next().ok_or(Invalid)? {
            c if c == end => return Ok(out),
            '\\' => match chars.next().ok_or(Invalid)? {
                c @ ('\'' | '"' | '\\') => out.push(c),
                other => out.extend(['\\', other]),
            },
            c => out.push(c),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Result<Token, Invalid> {
        let token = self.tokens.get(self.at).cloned().ok_or(Invalid)?;
        self.at += 1;
        Ok(token)
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), Invalid> {
        if self.next()? == *wanted {
            Ok(())
        } else {
            Err(Invalid)
        }
    }

    fn or(&mut self) -> Result<Query, Invalid> {
        let mut parts = vec![self.and()?];
        while self.eat_word("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Query::Or(parts)
        })
    }

    fn and(&mut self) -> Result<Query, Invalid> {
        let mut parts = vec![self.not()?];
        while self.eat_word("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Query::And(parts)
        })
    }

    fn not(&mut self) -> Result<Query, Invalid> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Invalid);
        }
        let query = if self.eat_word("not") {
            Query::Not(Box::new(self.not()?))
        } else if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            let inside = self.or()?;
            self.expect(&Token::Close)?;
            inside
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(query)
    }

    fn term(&mut self) -> Result<Query, Invalid> {
        match self.next()? {
            Token::Text(value) => {
                if !self.eat_word("in") {
                    return Err(Invalid);
                }
                let Token::Word(collection) = self.next()? else {
                    return Err(Invalid);
                };
                let relation = match collection.as_str() {
                    "parents" => Relation::Parents,
                    "owners" => Relation::Owners,
                    "writers" => Relation::Writers,
                    "readers" => Relation::Readers,
                    _ => return Err(Invalid),
                };
                Ok(Query::In(relation, value))
            }
            Token::Word(term) => self.term_named(&term),
            _ => Err(Invalid),
        }
    }

    fn term_named(&mut self, term: &str) -> Result<Query, Invalid> {
        match term {
            "sharedWithMe" => match self.tokens.get(self.at) {
                Some(Token::Comparison(_)) => self.flag(Flag::SharedWithMe),
                _ => Ok(Query::Flag(Flag::SharedWithMe, true)),
            },
            "trashed" => self.flag(Flag::Trashed),
            "starred" => self.flag(Flag::Starred),
            "name" => {
                if self.eat_word("contains") {
                    return Ok(Query::NameContains(self.text()?));
                }
                self.equality(Query::Name)
            }
            "mimeType" => {
                if self.eat_word("contains") {
                    return Ok(Query::MimeTypeContains(self.text()?));
                }
                self.equality(Query::MimeType)
            }
            "fullText" => {
                if !self.eat_word("contains") {
                    return Err(Invalid);
                }
                let text = self.text()?;
                let phrase = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
                Ok(Query::FullText {
                    words: words(&text),
                    phrase,
                })
            }
            "modifiedTime" => self.time(TimeField::Modified),
            "createdTime" => self.time(TimeField::Created),
            "viewedByMeTime" => self.time(TimeField::ViewedByMe),
            "sharedWithMeTime" => self.time(TimeField::SharedWithMe),
            "properties" => self.property(false),
            "appProperties" => self.property(true),
            _ => Err(Invalid),
        }
    }

    fn text(&mut self) -> Result<String, Invalid> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            _ => Err(Invalid),
        }
    }

    fn equality(&mut self, make: fn(String) -> Query) -> Result<Query, Invalid> {
        let Token::Comparison(comparison) = self.next()? else {
            return Err(Invalid);
        };
        let condition = make(self.text()?);
        match comparison {
            Comparison::Equal => Ok(condition),
            Comparison::NotEqual => Ok(Query::Not(Box::new(condition))),
            _ => Err(Invalid),
        }
    }

    fn flag(&mut self, flag: Flag) -> Result<Query, Invalid> {
        let Token::Comparison(comparison) = self.next()? else {
            return Err(Invalid);
        };
        let Token::Word(value) = self.next()? else {
            return Err(Invalid);
        };
        let value = match value.as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(Invalid),
        };
        match comparison {
            Comparison::Equal => Ok(Query::Flag(flag, value)),
            Comparison::NotEqual => Ok(Query::Flag(flag, !value)),
            _ => Err(Invalid),
        }
    }

    fn time(&mut self, field: TimeField) -> Result<Query, Invalid> {
        let Token::Comparison(comparison) = self.next()? else {
            return Err(Invalid);
        };
        let instant = instant(&self.text()?).ok_or(Invalid)?;
        Ok(Query::Time(field, comparison, instant))
    }

    /// `has { key='…' and value='…' }`.
    fn property(&mut self, private: bool) -> Result<Query, Invalid> {
        if !self.eat_word("has") {
            return Err(Invalid);
        }
        self.expect(&Token::OpenBrace)?;
        let key = self.member("key")?;
        if !self.eat_word("and") {
            return Err(Invalid);
        }
        let value = self.member("value")?;
        self.expect(&Token::CloseBrace)?;
        Ok(Query::Property {
            private,
            key,
            value,
        })
    }

    fn member(&mut self, name: &str) -> Result<String, Invalid> {
        if !self.eat_word(name) {
            return Err(Invalid);
        }
        self.expect(&Token::Comparison(Comparison::Equal))?;
        self.text()
    }
}

/// RFC 3339; without an offset it is UTC, without a time the day's first instant.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let time = text
        .parse::<civil::DateTime>()
        .or_else(|_| text.parse::<civil::Date>().map(Into::into))
        .ok()?;
    time.to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests;
