//! What is asked for, in words. Those that this server does not know (`openid`, `profile`,
//! `offline_access`, …) are left out, because clients send them to every server.

use deputy_core::Scopes;

use super::resource;

/// Every known word there is none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NothingKnown;

/// What an authorization request asks for: without `scope`, all that calls tools.
pub(crate) fn asked(scope: Option<&str>) -> Result<Scopes, NothingKnown> {
    match scope {
        None => Ok(resource::tools()),
        Some(text) => {
            let known = known(text);
            // `offline_access` alone is legal everywhere and says nothing.
            match (known.0.is_empty(), only_offline(text)) {
                (true, false) => Err(NothingKnown),
                (true, true) => Ok(resource::tools()),
                (false, _) => Ok(known),
            }
        }
    }
}

/// The known words of `text`.
pub(crate) fn known(text: &str) -> Scopes {
    Scopes(
        text.split_ascii_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect(),
    )
}

fn only_offline(text: &str) -> bool {
    text.split_ascii_whitespace()
        .all(|word| word == "offline_access")
}

#[cfg(test)]
mod tests;
