//! What a protected resource answers whom it doesn't let in: `WWW-Authenticate: Bearer …` (RFC 6750
//! section 3), with the address of the resource's metadata (RFC 9728 section 5.1), from which a
//! client finds the way to a token by itself. `/mcp` and the REST API say it alike, so it is made
//! here.

use std::fmt::Write as _;

use crate::{Scope, Scopes};

/// Before the path of a resource in the address of its metadata (RFC 9728 section 3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What a client should ask for that was told nothing else: all that calls tools.
pub const USUAL: [Scope; 3] = [Scope::ToolsRead, Scope::ToolsCall, Scope::ToolsWrite];

/// The address of the metadata of the resource at `path` (`/mcp`, `/mcp/SERVER`, `/api`).
/// `public_url`: an origin without a slash at its end.
pub fn metadata_url(public_url: &str, path: &str) -> String {
    format!("{public_url}{WELL_KNOWN}{path}")
}

/// For a request without a token: 401.
pub fn no_token(public_url: &str, path: &str) -> String {
    bearer(public_url, path, None, &Scopes(USUAL.into()))
}

/// For a token that is none, or not for this resource: 401. `why` is for people.
pub fn invalid_token(public_url: &str, path: &str, why: &str) -> String {
    let error = Some(("invalid_token", why));
    bearer(public_url, path, error, &Scopes(USUAL.into()))
}

/// For a token that may not do this: 403. The scopes are those that the token has and those that
/// it lacks, because a client asks for exactly what it is told.
pub fn insufficient_scope(
    public_url: &str,
    path: &str,
    granted: &Scopes,
    needed: &[Scope],
) -> String {
    let mut scopes = granted.clone();
    scopes.0.extend(needed);
    let lacking: Vec<&str> = needed
        .iter()
        .filter(|scope| !granted.contains(**scope))
        .map(|scope| scope.as_str())
        .collect();
    let why = format!("this needs the scope {}", lacking.join(" "));
    bearer(
        public_url,
        path,
        Some(("insufficient_scope", &why)),
        &scopes,
    )
}

fn bearer(public_url: &str, path: &str, error: Option<(&str, &str)>, scopes: &Scopes) -> String {
    let mut challenge = "Bearer realm=\"deputy\"".to_owned();
    if let Some((code, why)) = error {
        let why = quotable(why);
        // Writing to a string can't fail.
        let _ = write!(challenge, ", error=\"{code}\", error_description=\"{why}\"");
    }
    let metadata = metadata_url(public_url, path);
    let metadata = quotable(&metadata);
    let _ = write!(
        challenge,
        ", resource_metadata=\"{metadata}\", scope=\"{scopes}\""
    );
    challenge
}

/// What may stand between the quotes without an escape (RFC 6750 section 3: `%x20-21 / %x23-5B /
/// %x5D-7E`).
fn quotable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' '..='~' if c != '"' && c != '\\' => c,
            '"' => '\'',
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests;
