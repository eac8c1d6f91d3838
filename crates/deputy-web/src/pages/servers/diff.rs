//! What changed in a tool, line by line, for a person to read before they agree.

use std::time::Duration;

use crate::view::diff::{self, Line, gap};
use crate::view::visible;
use deputy_gateway::servers::Definition;
use deputy_gateway::servers::definition::INSTRUCTIONS;

/// Most lines shown of one tool, unless its person asks for all of them.
const MOST: usize = 400;
/// How long a difference is looked for; after that what is left counts as different. A server could
/// make up texts over which it takes minutes.
const PATIENCE: Duration = Duration::from_millis(50);

/// The definition as lines of text: every part that the digest covers and people can see. What the
/// server wrote over several lines is set in, so that none of them looks like a part of its own.
fn text(definition: &Definition) -> String {
    let inset = |text: &str| {
        let lines = text.lines().map(|line| format!("  {line}\n"));
        lines.collect::<String>().trim_end().to_owned()
    };
    if definition.name == INSTRUCTIONS {
        return visible(&format!("{}\n", definition.description.trim_end()));
    }
    let pretty = |value: &serde_json::Value| {
        serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
    };
    let mut parts = vec![
        format!("name: {}", definition.name),
        format!(
            "title: {}",
            inset(definition.title.as_deref().unwrap_or("—")).trim_start()
        ),
        format!("description:\n{}", inset(&definition.description)),
        format!("annotations: {}", pretty(&definition.annotations)),
        format!("input: {}", pretty(&definition.input_schema)),
    ];
    if let Some(output) = &definition.output_schema {
        parts.push(format!("output: {}", pretty(output)));
    }
    if let Some(why) = &definition.unusable {
        parts.push(format!("can't be used: {}", inset(why).trim_start()));
    }
    parts.push(String::new());
    visible(&parts.join("\n"))
}

/// What is different between what was agreed to and what the server says now. Empty where all that
/// a person can see is the same.
pub(crate) fn between(before: &Definition, now: &Definition) -> Vec<Line> {
    let (before, now) = (text(before), text(now));
    diff::between(&before, &now, PATIENCE)
}

/// A whole definition, for a tool that is new.
pub(crate) fn whole(definition: &Definition) -> Vec<Line> {
    let lines = text(definition);
    lines
        .lines()
        .map(|line| Line {
            sign: "+",
            tone: "new",
            text: line.to_owned(),
        })
        .collect()
}

/// Cuts lines to what a page of several tools has room for; true when some are left out. What was not shown must not
/// be agreed to.
pub(crate) fn cut(lines: &mut Vec<Line>) -> bool {
    let cut = lines.len() > MOST;
    if cut {
        lines.truncate(MOST);
        lines.push(gap());
    }
    cut
}

#[cfg(test)]
mod tests;
