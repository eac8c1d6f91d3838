//! Requirements as files: what a project looks like outside, whatever the format.
//!
//! Each format is a module that turns a [`Document`] into a file and back, knows nothing of the
//! database, and says of a file that it can't read what is wrong with it, and where.

use serde::{Deserialize, Serialize};

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
