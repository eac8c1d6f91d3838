//! Parameters as `application/x-www-form-urlencoded`, in a body or a query.
//!
//! Strict where OAuth is: what comes twice is refused (RFC 6749 sections 3.1 and 3.2), only
//! `resource` may be repeated (RFC 8707 section 2). What is empty was not sent. Values may be
//! secrets, so they are kept as such and errors don't repeat them.
//!
//! A value may have line breaks and other control characters in it: some clients keep JSON as it is
//! printed in `state`, and what goes back is percent-encoded. No value gets into a header, a log or a
//! page otherwise than encoded; what names something is compared with what is known. NUL alone is
//! refused: nobody means it, and no database takes it.

use deputy_core::Secret;
use percent_encoding::percent_decode;

/// Longest body or query, in bytes.
const MAX: usize = 32 * 1024;
/// Most parameters.
const MAX_PARAMETERS: usize = 64;
/// The parameter that may be repeated.
const REPEATABLE: &str = "resource";

/// Why parameters were not read. The texts are fit for `error_description`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error("the body must be application/x-www-form-urlencoded")]
    MediaType,
    #[error("the request is too long")]
    TooLong,
    #[error("there are too many parameters")]
    TooMany,
    #[error("a parameter is not UTF-8 or has a NUL in it")]
    Text,
    #[error("a parameter is there twice")]
    Twice,
}

/// The parameters of one request.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, Secret<String>)>);

impl Form {
    /// The parameters of a body of this media type.
    pub(crate) fn of_body(body: &[u8], content_type: Option<&str>) -> Result<Self, FormError> {
        let media_type = content_type.and_then(|text| text.split(';').next());
        if !media_type.is_some_and(|text| {
            text.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        }) {
            return Err(FormError::MediaType);
        }
        Self::parse(body)
    }

    /// The parameters of `a=b&c=d`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, FormError> {
        if text.len() > MAX {
            return Err(FormError::TooLong);
        }
        let mut form = Self::default();
        let pairs = text.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        for (i, pair) in pairs.enumerate() {
            if i == MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let equals = pair.iter().position(|b| *b == b'=');
            let (name, value) = match equals {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &pair[..0]),
            };
            let name = decode(name)?;
            let value = Secret::new(decode(value)?);
            if name != REPEATABLE && form.0.iter().any(|(other, _)| *other == name) {
                return Err(FormError::Twice);
            }
            form.0.push((name, value));
        }
        Ok(form)
    }

    /// The value of `name`; `None` when it was not sent or is empty.
    pub(crate) fn secret(&self, name: &str) -> Option<&Secret<String>> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.expose().is_empty())
    }

    /// The value of `name`, which is no secret; `None` when it was not sent or is empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.secret(name).map(|value| value.expose().as_str())
    }

    /// All values of `name` that are not empty.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(other, _)| other == name);
        found
            .map(|(_, value)| value.expose().clone())
            .filter(|value| !value.is_empty())
            .collect()
    }
}

fn decode(text: &[u8]) -> Result<String, FormError> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    let decoded = percent_decode(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| FormError::Text)?.into_owned();
    if decoded.contains('\0') {
        return Err(FormError::Text);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests;
