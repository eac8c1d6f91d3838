//! What is run for a server, or where it is reached, for its person to see.

use deputy_gateway::servers::{OWN_FOLDER, Runs};
use deputy_templates::Template;

use crate::App;
use crate::kinds;
use crate::text::Text;
use crate::view::visible;

/// What is run, as the page shows it.
#[derive(Clone, Debug)]
pub(crate) struct RunsView {
    /// The command line, or the URL.
    pub(crate) line: String,
    /// Whether that is a URL.
    pub(crate) remote: bool,
    /// Variables of its environment, or headers: names, and values where they are no secrets.
    pub(crate) values: Vec<(String, String)>,
    /// Folders that it can read and write.
    pub(crate) folders: Vec<String>,
    /// Whether it has a folder of its own.
    pub(crate) own_folder: bool,
    pub(crate) network: bool,
    pub(crate) oauth: bool,
    /// Whether it is run here and nothing holds it to this.
    pub(crate) unconfined: bool,
}

/// What stands for a secret.
const SECRET: &str = "•••";

impl RunsView {
    pub(crate) fn new(app: &App, runs: Runs) -> Self {
        let shown = |value: Option<String>| {
            value.map_or_else(|| SECRET.to_owned(), |value| own(&visible(&value)))
        };
        match runs {
            Runs::Process {
                command,
                env,
                folders,
                own_folder,
                network,
            } => Self {
                line: visible(
                    &command
                        .iter()
                        .map(|part| quoted(&own(part)))
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
                remote: false,
                values: env
                    .into_iter()
                    .map(|(name, value)| (name, shown(value)))
                    .collect(),
                folders: folders
                    .iter()
                    .map(|folder| visible(&folder.display().to_string()))
                    .collect(),
                own_folder,
                network,
                oauth: false,
                unconfined: !app.gateway.servers().are_confined(),
            },
            Runs::Http {
                url,
                headers,
                oauth,
            } => Self {
                line: visible(&url),
                remote: true,
                values: headers
                    .into_iter()
                    .map(|name| (name, SECRET.to_owned()))
                    .collect(),
                folders: Vec::new(),
                own_folder: false,
                network: true,
                oauth,
                unconfined: false,
            },
        }
    }

    /// What a kind will run, before anything is filled in.
    pub(crate) fn pattern(template: &Template, t: Text) -> String {
        visible(&kinds::readable_pattern(template, t))
    }
}

/// A value with the server's own folder, whose place is nothing to a person, cut short.
fn own(value: &str) -> String {
    value.replace(OWN_FOLDER, "…")
}

/// A part of a command line as a shell would take it, so that its bounds are seen.
fn quoted(part: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !part.is_empty() && part.chars().all(plain) {
        part.to_owned()
    } else {
        format!("'{}'", part.replace('\'', r"'\''"))
    }
}
