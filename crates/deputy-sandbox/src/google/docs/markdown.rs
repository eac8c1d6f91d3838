//! Markdown to a document and back, through the one model that edits use too.
//!
//! Both directions go through comrak's tree: the export builds such a tree and lets comrak write it,
//! as escaping rules are comrak's trade. What Markdown has and a document has not is kept as looks:
//! code is text in a monospaced font, a code block is a row of shaded paragraphs, a quotation is
//! indented paragraphs with a bar at their left. The export knows the looks again.

use comrak::Options;

mod export;
mod import;
mod plain;

pub(crate) use export::{to_html, to_markdown};
pub(crate) use import::{from_markdown, from_plain_text};
pub(crate) use plain::to_plain_text;

/// CommonMark with what Google's import and export know besides: tables, strikethrough, task lists.
fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.render.prefer_fenced = true;
    options.render.list_style = comrak::options::ListStyleType::Star;
    options
}

#[cfg(test)]
mod tests;
