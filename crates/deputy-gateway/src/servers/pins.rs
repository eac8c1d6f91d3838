//! What a person agreed to against what the server says now. Pure.
//!
//! | the server's tool | it was agreed to as it is | agreed to otherwise | not agreed to |
//! |---|---|---|---|
//! | is there | accepted | changed: not called, not listed | new: not called, not listed |
//! | is not there | gone: not listed | gone | forgotten |
//!
//! The first time that a server is read, all it has is agreed to: its person has just added it.

use std::collections::HashMap;

use deputy_store::own_tool::{OwnToolRow, OwnToolState};
use serde_json::value::RawValue;

use super::definition::Definition;
use super::names;

/// Most tools of one server.
pub const MAX_TOOLS: usize = 500;
/// Most bytes of definitions of one server.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What came of reading a server's tools.
#[derive(Debug, PartialEq)]
pub struct Compared {
    /// The rows as they should be.
    pub rows: Vec<OwnToolRow>,
    /// Whether they differ from those that are stored.
    pub differ: bool,
    /// Tools that were callable and are not any more, or could be and are not yet; each with the digest of what
    /// it is now.
    pub quarantined: Vec<(String, String)>,
}

/// A server's tools as it lists them, in order, as JSON and digest; and how many were left out
/// because they have no usable name, are double, or are too many. `mirrored` as for
/// [`Definition::read`].
pub fn read(tools: &[Box<RawValue>], mirrored: bool) -> (Vec<(String, String, String)>, usize) {
    let mut seen = std::collections::HashSet::new();
    let mut out = Vec::new();
    let mut bytes = 0;
    for raw in tools {
        if out.len() == MAX_TOOLS {
            break;
        }
        let Some((definition, digest)) = Definition::read(raw, mirrored) else {
            continue;
        };
        let Ok(text) = serde_json::to_string(&definition) else {
            continue;
        };
        if bytes + text.len() > MAX_BYTES || !seen.insert(definition.name.clone()) {
            continue;
        }
        bytes += text.len();
        out.push((definition.name, text, digest));
    }
    let left_out = tools.len() - out.len();
    (out, left_out)
}

/// A server's instructions to models in the form of [`read`]; none where it gives none.
pub fn instructions(text: Option<&str>) -> Option<(String, String, String)> {
    let (definition, digest) = Definition::of_instructions(text?)?;
    let text = serde_json::to_string(&definition).ok()?;
    Some((definition.name, text, digest))
}

/// Holds what a server says now (`read`) against what is stored. `first`: nothing was ever read of
/// it, all is accepted.
pub fn compare(
    server: &str,
    stored: &[OwnToolRow],
    read: Vec<(String, String, String)>,
    first: bool,
) -> Compared {
    let before: HashMap<&str, &OwnToolRow> =
        stored.iter().map(|row| (row.tool.as_str(), row)).collect();
    let mut rows = Vec::with_capacity(read.len());
    let mut aliases = std::collections::HashSet::new();
    let mut quarantined = Vec::new();
    for (position, (tool, text, digest)) in read.into_iter().enumerate() {
        let alias = names::alias(server, &tool);
        if !aliases.insert(alias.clone()) {
            continue;
        }
        let known = before.get(tool.as_str());
        let accepted = known.and_then(|row| row.accepted.clone());
        let now = Some((text, digest.clone()));
        let (state, accepted, offered) = match accepted {
            Some(agreed) if now.as_ref().is_some_and(|(_, d)| *d == agreed.1) => {
                (OwnToolState::Accepted, Some(agreed), None)
            }
            Some(agreed) => (OwnToolState::Changed, Some(agreed), now),
            None if first => (OwnToolState::Accepted, now, None),
            None => (OwnToolState::New, None, now),
        };
        if state != OwnToolState::Accepted && known.is_none_or(|row| row.state != state) {
            quarantined.push((tool.clone(), digest));
        }
        rows.push(OwnToolRow {
            tool,
            alias,
            position: i32::try_from(position).unwrap_or(i32::MAX),
            state,
            accepted,
            offered,
            policy: known.and_then(|row| row.policy.clone()),
        });
    }
    let there: std::collections::HashSet<String> =
        rows.iter().map(|row| row.tool.clone()).collect();
    let gone = stored
        .iter()
        .filter(|row| row.accepted.is_some() && !there.contains(&row.tool))
        .filter(|row| !aliases.contains(&row.alias))
        .take(MAX_TOOLS)
        .zip(rows.len()..)
        .map(|(row, position)| OwnToolRow {
            state: OwnToolState::Gone,
            position: i32::try_from(position).unwrap_or(i32::MAX),
            offered: None,
            ..row.clone()
        });
    let gone: Vec<_> = gone.collect();
    rows.extend(gone);
    Compared {
        differ: rows != stored,
        rows,
        quarantined,
    }
}

/// Takes what was offered for agreed to: of these tools, those whose offer is still what the person
/// saw. Gives the tools that are something else now, or that offer nothing.
pub fn accept(rows: &mut [OwnToolRow], seen: &[(String, String)]) -> Vec<String> {
    let mut otherwise = Vec::new();
    for (tool, digest) in seen {
        let row = rows.iter_mut().find(|row| row.tool == *tool);
        match row {
            Some(row) if row.offered.as_ref().is_some_and(|(_, d)| d == digest) => {
                row.accepted = row.offered.take();
                row.state = OwnToolState::Accepted;
            }
            Some(row)
                if row.state == OwnToolState::Accepted
                    && row.accepted.as_ref().is_some_and(|(_, d)| d == digest) => {}
            _ => otherwise.push(tool.clone()),
        }
    }
    otherwise
}

#[cfg(test)]
mod tests;
