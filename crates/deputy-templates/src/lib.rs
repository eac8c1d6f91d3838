//! Server templates: what a person fills in, and what a server becomes of it.
//!
//! A kind of server (GitHub, files, a database) is a data file: names and instructions in three languages, the JSON
//! Schema of its configuration, and how the server is started or reached, with placeholders for what was filled in.
//! There is no code per kind, so an administrator adds one without a build, and what is said about a kind (its form,
//! its checks, its sandbox, its policies) can't drift apart from what is done.
//!
//! The crate is pure: no database, no network, no clock, no processes. What it must know about the machine it asks
//! through [`Rules`]. Only [`Registry::with_folder`] reads files, those of the administrator.
//!
//! The order of things: a [`Registry`] gives a [`Template`]; [`Template::check`] takes what a person gave and divides
//! it into configuration and secrets, or says what is wrong with which field; [`Template::render`] makes the
//! [`Definition`] that is started. [`setup`] asks for the same one question at a time.

mod carry;
mod check;
mod faults;
mod fetching;
mod field;
mod file;
mod localized;
mod pattern;
mod policy;
mod postgres;
mod registry;
mod render;
mod row;
mod rules;
pub mod setup;
mod template;
mod variables;

pub use check::Checked;
pub use faults::{Fault, Problem};
pub use field::{Condition, Field, Kind};
pub use file::TemplateFault;
pub use localized::Localized;
pub use pattern::{Part, Pattern};
pub use policy::{DefaultPolicy, Policy, UnknownPolicy};
pub use registry::Registry;
pub use render::{Auth, Definition, HttpDefinition, ProcessDefinition, RenderError, Text};
pub use row::Row;
pub use rules::{Commands, FolderProblem, Folders, PlainHttp, Rules};
pub use template::{
    Check, HeaderTemplate, Http, Installs, Needs, Network, OAuthTemplate, Origin, Prepare, Stdio,
    Template, Transport,
};

#[cfg(test)]
mod tests;
