//! Gmail's search language: the `q` of messages, threads and drafts.
//!
//! The language has no errors: whatever is no operator is a word to look for, an open parenthesis
//! closes at the end. Every text condition is a run of words that must follow each other in a field
//! (`from:ann@x.test` is the words `ann x test` in a row), which is how Gmail finds addresses, file
//! names and phrases alike, and why `dog` does not find `dogs`.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

/// A condition on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    /// All of these; none means everything.
    All(Vec<Query>),
    /// At least one of these.
    Any(Vec<Query>),
    Not(Box<Query>),
    /// The words in a row, in one of the field's texts.
    Text(Field, Vec<String>),
    /// A message has this label, by id or by name.
    Label(String),
    /// The message has no label of the user's own.
    NoUserLabels,
    HasAttachment,
    After(Timestamp),
    Before(Timestamp),
    MessageId(String),
    LargerThan(u64),
    SmallerThan(u64),
    /// `in:anywhere`: lifts the rule that spam and trash aren't searched.
    Anywhere,
    /// An operator with a value that nothing can meet.
    Nothing,
}

/// Where words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    From,
    To,
    Cc,
    Bcc,
    Subject,
    Filename,
    List,
    /// Subject, body, addresses and file names.
    Everywhere,
}

/// What a query looks at in a message. Word lists are what [`words`] gives.
pub(crate) trait Message {
    fn words(&self, field: Field) -> &[String];
    /// Ids and lower-case names (with `-` for spaces) of its labels.
    fn has_label(&self, name: &str) -> bool;
    fn has_user_label(&self) -> bool;
    fn has_attachment(&self) -> bool;
    fn received(&self) -> Timestamp;
    /// Of the Message-ID header, without angle brackets.
    fn message_id(&self) -> &str;
    fn size(&self) -> u64;
}

impl Query {
    /// Reads a query; `now` is what ages count from, `me` the address that `me` stands for.
    pub(crate) fn parse(text: &str, now: Timestamp, me: &str) -> Self {
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
            now,
            me,
            depth: 0,
        };
        let query = parser.all(None);
        match query {
            Self::All(mut parts) if parts.len() == 1 => parts.pop().unwrap_or(Self::Nothing),
            other => other,
        }
    }

    /// The message meets it.
    pub(crate) fn matches(&self, message: &dyn Message) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(message)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(message)),
            Self::Not(part) => !part.matches(message),
            Self::Text(field, wanted) => {
                wanted.is_empty()
                    || message
                        .words(*field)
                        .windows(wanted.len())
                        .any(|window| window == wanted)
            }
            Self::Label(name) => message.has_label(name),
            Self::NoUserLabels => !message.has_user_label(),
            Self::HasAttachment => message.has_attachment(),
            Self::After(instant) => message.received() >= *instant,
            Self::Before(instant) => message.received() < *instant,
            Self::MessageId(id) => message.message_id() == id,
            Self::LargerThan(size) => message.size() > *size,
            Self::SmallerThan(size) => message.size() < *size,
            Self::Anywhere => true,
            Self::Nothing => false,
        }
    }

    /// Names spam, trash or everything itself, so that those are searched.
    pub(crate) fn reaches_spam_and_trash(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::reaches_spam_and_trash),
            Self::Label(name) => name == "spam" || name == "trash",
            Self::Anywhere => true,
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
    Open(char),
    Close(char),
    Minus,
    Or,
    /// `name:`, with a value right behind it.
    Operator(String),
    /// A word, or a phrase that stood in quotes.
    Word {
        text: String,
        quoted: bool,
    },
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match c {
            '(' | '{' => out.push(Token::Open(c)),
            ')' | '}' => out.push(Token::Close(c)),
            '"' | '“' | '”' => {
                let rest = &chars[at + 1..];
                let length = rest
                    .iter()
                    .position(|c| matches!(c, '"' | '“' | '”'))
                    .unwrap_or(rest.len());
                out.push(Token::Word {
                    text: rest[..length].iter().collect(),
                    quoted: true,
                });
                at += length + 1;
            }
            '-' if chars.get(at + 1).is_some_and(|next| !next.is_whitespace()) => {
                out.push(Token::Minus);
            }
            c if c.is_whitespace() => {}
            _ => {
                let ends = |c: char| {
                    c.is_whitespace() || matches!(c, '(' | ')' | '{' | '}' | '"' | '“' | '”')
                };
                let rest = &chars[at..];
                let length = rest.iter().position(|&c| ends(c)).unwrap_or(rest.len());
                let word: String = rest[..length].iter().collect();
                let more = rest
                    .get(length)
                    .is_some_and(|c| matches!(c, '(' | '{' | '"' | '“'));
                push_word(&word, more, &mut out);
                at += length - 1;
            }
        }
        at += 1;
    }
    out
}

/// `opens` says that a quotation or a group follows without a space: then `from:` governs it.
fn push_word(word: &str, opens: bool, out: &mut Vec<Token>) {
    if word == "OR" || word == "|" {
        out.push(Token::Or);
        return;
    }
    if word == "AND" {
        return;
    }
    let word = word
        .strip_prefix('+')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(word);
    match word.split_once(':') {
        Some((name, value))
            if OPERATORS.contains(&name.to_ascii_lowercase().as_str())
                && (opens || !value.is_empty()) =>
        {
            out.push(Token::Operator(name.to_ascii_lowercase()));
            if !value.is_empty() {
                out.push(Token::Word {
                    text: value.to_owned(),
                    quoted: false,
                });
            }
        }
        _ => out.push(Token::Word {
            text: word.to_owned(),
            quoted: false,
        }),
    }
}

const OPERATORS: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "in",
    "is",
    "label",
    "has",
    "filename",
    "newer_than",
    "older_than",
    "after",
    "newer",
    "before",
    "older",
    "rfc822msgid",
    "larger",
    "size",
    "smaller",
    "category",
    "deliveredto",
    "list",
];

/// Groups deeper than this are read as if they were flat: a query is no reason to end a program.
const DEEPEST: usize = 64;

struct Parser<'q> {
    tokens: Vec<Token>,
    at: usize,
    now: Timestamp,
    me: &'q str,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// Conditions up to the end of the group; `OR` binds its two neighbours.
    fn all(&mut self, operator: Option<&str>) -> Query {
        let mut parts: Vec<Query> = Vec::new();
        let mut joining = false;
        loop {
            match self.peek() {
                None => break,
                Some(Token::Close(_)) => {
                    self.at += 1;
                    // A closing bracket that nothing opened is not there.
                    if self.depth > 0 {
                        break;
                    }
                }
                Some(Token::Or) => {
                    self.at += 1;
                    joining = !parts.is_empty();
                }
                Some(_) => {
                    let part = self.one(operator);
                    match parts.last_mut() {
                        Some(Query::Any(alternatives)) if joining => alternatives.push(part),
                        Some(last) if joining => {
                            let first = std::mem::replace(last, Query::Nothing);
                            *last = Query::Any(vec![first, part]);
                        }
                        _ => parts.push(part),
                    }
                    joining = false;
                }
            }
        }
        Query::All(parts)
    }

    fn one(&mut self, operator: Option<&str>) -> Query {
        match self.next() {
            Some(Token::Minus) => Query::Not(Box::new(self.one(operator))),
            Some(Token::Operator(name)) => self.one(Some(&name)),
            Some(Token::Open(bracket)) => {
                if self.depth >= DEEPEST {
                    return Query::All(Vec::new());
                }
                self.depth += 1;
                let inside = self.all(operator);
                self.depth -= 1;
                match inside {
                    Query::All(parts) if bracket == '{' => Query::Any(parts),
                    // A group stays one condition, even if an `OR` inside left one `Any`.
                    Query::All(parts) => Query::All(parts),
                    other => other,
                }
            }
            Some(Token::Word { text, .. }) => self.condition(operator, &text),
            Some(Token::Or | Token::Close(_)) | None => Query::All(Vec::new()),
        }
    }

    fn condition(&self, operator: Option<&str>, value: &str) -> Query {
        let text = |field| Query::Text(field, words(value));
        let Some(operator) = operator else {
            return text(Field::Everywhere);
        };
        let lower = value.to_lowercase();
        let address = |field| match lower.as_str() {
            "me" => Query::Text(field, words(self.me)),
            _ => text(field),
        };
        match operator {
            "from" => address(Field::From),
            "to" | "deliveredto" => address(Field::To),
            "cc" => address(Field::Cc),
            "bcc" => address(Field::Bcc),
            "subject" => text(Field::Subject),
            "filename" => text(Field::Filename),
            "list" => text(Field::List),
            "in" => match lower.as_str() {
                "anywhere" => Query::Anywhere,
                "all" => Query::All(Vec::new()),
                "draft" | "drafts" => Query::Label("draft".to_owned()),
                _ => Query::Label(label_key(&lower)),
            },
            "is" => match lower.as_str() {
                "read" => Query::Not(Box::new(Query::Label("unread".to_owned()))),
                _ => Query::Label(label_key(&lower)),
            },
            "label" => Query::Label(label_key(&lower)),
            "category" => Query::Label(format!(
                "category_{}",
                if lower == "primary" {
                    "personal"
                } else {
                    &lower
                }
            )),
            "has" => match lower.as_str() {
                "attachment" => Query::HasAttachment,
                "nouserlabels" => Query::NoUserLabels,
                "userlabels" => Query::Not(Box::new(Query::NoUserLabels)),
                _ => Query::Nothing,
            },
            "rfc822msgid" => Query::MessageId(value.trim_matches(['<', '>']).to_owned()),
            "after" | "newer" => instant(value).map_or(Query::Nothing, Query::After),
            "before" | "older" => instant(value).map_or(Query::Nothing, Query::Before),
            "newer_than" => self.age(&lower).map_or(Query::Nothing, Query::After),
            "older_than" => self.age(&lower).map_or(Query::Nothing, Query::Before),
            "larger" | "size" => bytes(&lower).map_or(Query::Nothing, Query::LargerThan),
            "smaller" => bytes(&lower).map_or(Query::Nothing, Query::SmallerThan),
            _ => text(Field::Everywhere),
        }
    }

    /// The instant that lies `2d`, `3m` (months) or `1y` back.
    fn age(&self, value: &str) -> Option<Timestamp> {
        let unit = value.chars().last()?;
        let count: i64 = value.strip_suffix(unit)?.parse().ok()?;
        let span: Span = match unit {
            'h' => Span::new().try_hours(count).ok()?,
            'd' => Span::new().try_days(count).ok()?,
            'm' => Span::new().try_months(count).ok()?,
            'y' => Span::new().try_years(count).ok()?,
            _ => return None,
        };
        let now: Zoned = self.now.to_zoned(TimeZone::UTC);
        now.checked_sub(span).ok().map(|then| then.timestamp())
    }
}

/// Names of labels compare in lower case, with `-` for spaces and slashes.
pub(crate) fn label_key(name: &str) -> String {
    name.to_lowercase().replace([' ', '/'], "-")
}

/// Seconds since 1970, or a day, which begins at midnight in California (Gmail API guide, "Searching
/// for messages").
fn instant(value: &str) -> Option<Timestamp> {
    if value.len() > 6 && value.bytes().all(|b| b.is_ascii_digit()) {
        return Timestamp::from_second(value.parse().ok()?).ok();
    }
    let parts: Vec<i16> = value
        .split(['/', '-', '.'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let (year, month, day) = match parts[..] {
        [year, month, day] if year > 31 => (year, month, day),
        [month, day, year] => (year, month, day),
        [year, month] if year > 31 => (year, month, 1),
        _ => return None,
    };
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let zone = TimeZone::get("America/Los_Angeles")
        .unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-8)));
    date.to_zoned(zone)
        .ok()
        .map(|midnight| midnight.timestamp())
}

fn bytes(value: &str) -> Option<u64> {
    let (number, unit) = match value.trim_end_matches('b') {
        rest if rest.ends_with('k') => (&rest[..rest.len() - 1], 1 << 10),
        rest if rest.ends_with('m') => (&rest[..rest.len() - 1], 1 << 20),
        rest => (rest, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests;
