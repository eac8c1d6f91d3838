//! Requirements as files: what a project looks like outside, whatever the format.
//!
//! Each format is a module that turns a [`Document`] into a file and back, knows nothing of the
//! database, and says of a file that it can't read what is wrong with it, and where.

mod checks;
pub mod csv;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod markdown;
pub mod reqif;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a file may be, in bytes; of an archive, what is in it too.
pub const MAX_FILE: usize = 8 * 1024 * 1024;
/// How many requirements a file may have.
pub const MAX_REQUIREMENTS: usize = 10_000;
/// How many links a file may have.
pub const MAX_LINKS: usize = 50_000;
/// How long a title, or a project's name, may be, in characters.
pub const MAX_TITLE: usize = 300;
/// How long a text, or a project's description, may be, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// How long what a file calls a requirement may be, in characters; a status too.
pub const MAX_KEY: usize = 200;

/// The statuses of requirements in files of ours.
pub const STATUSES: [&str; 7] = [
    "draft",
    "proposed",
    "approved",
    "implemented",
    "verified",
    "rejected",
    "obsolete",
];

/// The kinds of links in files of ours.
pub const LINKS: [&str; 3] = ["refines", "depends_on", "verifies"];

/// A project in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The project's key, e.g. `SHOP`; empty where the file says none.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it is about, in Markdown.
    pub description: String,
    /// Its requirements, in their order.
    pub requirements: Vec<Item>,
    /// The links between them.
    pub links: Vec<Link>,
}

/// A requirement in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What the file calls it: `SHOP-3` in files of ours, anything in others', never empty, no two
    /// alike in a document.
    pub key: String,
    /// One line.
    pub title: String,
    /// Its text, in Markdown.
    pub body: String,
    /// `draft`, `proposed`, `approved`, `implemented`, `verified`, `rejected` or `obsolete` in files of
    /// ours; whatever the file says in others', empty where it says nothing.
    pub status: String,
}

/// A link in a file, by what the file calls both ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The requirement that refines, depends on or verifies.
    pub from: String,
    /// The one that is refined, depended on or verified.
    pub to: String,
    /// `refines`, `depends_on` or `verifies` in files of ours.
    pub kind: String,
}

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One Markdown file for a project: `markdown`.
    Markdown,
    /// The exchange format of requirements tools, also in an archive: `reqif`.
    ReqIf,
    /// A table of the requirements, without the project: `csv`.
    Csv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Markdown, Self::ReqIf, Self::Csv];

    /// What it is called in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::ReqIf => "reqif",
            Self::Csv => "csv",
        }
    }

    /// How the name of a file of it ends, without a dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::ReqIf => "reqif",
            Self::Csv => "csv",
        }
    }

    /// Its media type, for `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::ReqIf => "application/xml",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The format of a file of this name, by its ending; `None` where it is none of ours.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "reqif" | "reqifz" | "xml" => Some(Self::ReqIf),
            "csv" | "tsv" => Some(Self::Csv),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no format “{0}”; there are markdown, reqif and csv")]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| UnknownFormat(name.chars().take(40).collect()))
    }
}

/// What was read of a file.
///
/// Keys have no white space and differ; lines end with `\n`; nothing is longer than [`MAX_TITLE`],
/// [`MAX_BODY`] and [`MAX_KEY`] allow; no title is empty, and there is no control character but `\n` and tab. Both ends of each
/// link are there, no link is there twice, and its kind is one of [`LINKS`]; links are ordered by
/// their first end, kind and other end. A status of ours is spelled as ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The project.
    pub document: Document,
    /// What of the file is not in it, in sentences without a full stop; at most 101.
    pub left_out: Vec<String>,
}

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More than [`MAX_FILE`].
    #[error("the file is longer than 8 MiB")]
    TooLong,
    /// Bytes that are no text.
    #[error("line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The first such line, from 1.
        line: usize,
    },
    /// What does not fit its format.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where: a line, an element, a requirement.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// A table without titles.
    #[error("there is no column “title”; the columns are: {found}")]
    NoTitleColumn {
        /// Those that there are.
        found: String,
    },
    /// More than a file may have.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// [`MAX_REQUIREMENTS`] or the like.
        limit: usize,
    },
    /// A part that is longer than Deputy keeps.
    #[error("{whose}: the {part} is longer than {limit}")]
    PartTooLong {
        /// The requirement's key, or `the project`.
        whose: String,
        /// Which part.
        part: &'static str,
        /// What is allowed, with its unit.
        limit: &'static str,
    },
    /// Two requirements of one key.
    #[error("two requirements are called {key}")]
    Duplicate {
        /// The key.
        key: String,
    },
    /// A requirement without a title.
    #[error("{place}: there is no title")]
    NoTitle {
        /// Where: a line, a requirement.
        place: String,
    },
}

impl ReadError {
    fn malformed(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(format: Format, file: &[u8]) -> Result<Read, ReadError> {
    match format {
        Format::Markdown => markdown::read(file),
        Format::ReqIf => reqif::read(file),
        Format::Csv => csv::read(file),
    }
}

/// Writes a file; `at` is when, which only ReqIF says.
pub fn write(format: Format, document: &Document, at: Timestamp) -> Vec<u8> {
    match format {
        Format::Markdown => markdown::write(document).into_bytes(),
        Format::ReqIf => reqif::write(document, at).into_bytes(),
        Format::Csv => csv::write(document).into_bytes(),
    }
}
