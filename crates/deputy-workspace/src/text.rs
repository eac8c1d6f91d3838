//! Texts that people and programs write: how long they may be, what may not be in them, and how
//! they are found.

use unicode_normalization::UnicodeNormalization as _;

use crate::limits::{MAX_QUERY, MAX_WORDS};
use crate::{Error, Result};

/// One line: spaces around it go; no control characters in it, not empty, at most `max` characters.
pub(crate) fn line(field: &str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(field, format!("{field} must not be empty")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            format!("{field} must be one line without control characters"),
        ));
    }
    short(field, text, max)?;
    Ok(text.to_owned())
}

/// Several lines, at most `max` characters: line ends become `\n`, space at the end goes, other
/// control characters than tabs are refused.
pub(crate) fn lines(field: &str, text: &str, max: usize) -> Result<String> {
    let text = written(field, text)?;
    short(field, &text, max)?;
    Ok(text)
}

/// The same, at most `max` bytes.
pub(crate) fn body(field: &str, text: &str, max: usize) -> Result<String> {
    let text = written(field, text)?;
    if text.len() > max {
        return Err(Error::invalid(
            field,
            format!("{field} may have {max} bytes and has {}", text.len()),
        ));
    }
    Ok(text)
}

fn written(field: &str, text: &str) -> Result<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if let Some(odd) = text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        return Err(Error::invalid(
            field,
            format!(
                "{field} holds the control character U+{:04X}",
                u32::from(odd)
            ),
        ));
    }
    Ok(text.trim_end().to_owned())
}

fn short(field: &str, text: &str, max: usize) -> Result<()> {
    let long = text.chars().count();
    if long > max {
        return Err(Error::invalid(
            field,
            format!("{field} may have {max} characters and has {long}"),
        ));
    }
    Ok(())
}

/// Texts as they are searched: compatibility forms and letters' case don't matter (Unicode NFKC, then
/// lower case).
pub(crate) fn folded<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut all = String::new();
    for text in texts {
        all.extend(text.nfkc().flat_map(char::to_lowercase));
        all.push('\n');
    }
    all
}

/// The words of a search, folded. Each has to be found.
pub(crate) fn words(query: Option<&str>) -> Result<Vec<String>> {
    let Some(query) = query else {
        return Ok(Vec::new());
    };
    short("query", query, MAX_QUERY)?;
    let folded = folded([query]);
    Ok(folded
        .split_whitespace()
        .take(MAX_WORDS)
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests;
