//! What differs between two texts, line by line, for a person to read.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// Lines around a change.
const CONTEXT: usize = 3;

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `+`, `−`, a space, or `…` where lines are left out.
    pub(crate) sign: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) text: String,
}

/// What is different between two texts; empty where nothing is. After `patience` what is left counts
/// as different: somebody could make up texts over which it takes minutes.
pub(crate) fn between(before: &str, now: &str, patience: Duration) -> Vec<Line> {
    let diff = TextDiff::configure()
        .timeout(patience)
        .diff_lines(before, now);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        if !lines.is_empty() {
            lines.push(gap());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ("−", "gone"),
                ChangeTag::Insert => ("+", "new"),
                ChangeTag::Equal => (" ", ""),
            };
            lines.push(Line {
                sign,
                tone,
                text: change.value().trim_end_matches('\n').to_owned(),
            });
        }
    }
    lines
}

/// Stands for lines that are left out.
pub(crate) fn gap() -> Line {
    Line {
        sign: "…",
        tone: "gap",
        text: String::new(),
    }
}
