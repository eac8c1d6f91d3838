//! Sign-in names: which are allowed, and when two are the same.

use unicode_normalization::UnicodeNormalization as _;

/// Longest name, in characters.
pub const MAX: usize = 64;

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there, or over 64 characters.
    #[error("a user name has 1 to 64 characters")]
    Length,
    /// Something else than a letter, a digit, a dot, a hyphen or an underscore.
    #[error("a user name consists of letters, digits, '.', '-' and '_'; '{0}' is none of these")]
    Character(char),
}

/// The name as it is kept for display: white space around it cut off, in one form of Unicode
/// (NFKC), so that a full-width letter is the letter.
pub fn parse(text: &str) -> Result<String, NameError> {
    let name: String = text.trim().nfkc().collect();
    if name.is_empty() || name.chars().count() > MAX {
        return Err(NameError::Length);
    }
    let is_allowed = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().find(|c| !is_allowed(c)) {
        Some(c) => Err(NameError::Character(c.escape_debug().next().unwrap_or(c))),
        None => Ok(name),
    }
}

/// The name folded for comparison: two names with the same key are the same name. Takes anything,
/// since it is also made of what a stranger types.
pub fn key(text: &str) -> String {
    let lower = text
        .trim()
        .chars()
        .take(4 * MAX)
        .nfkc()
        .flat_map(char::to_lowercase);
    lower.nfkc().collect()
}

#[cfg(test)]
mod tests;
