//! Names: of servers, and of their tools towards models.
//!
//! A tool of a person's server is published as `SERVER__TOOL`. Models take
//! `^[a-zA-Z0-9_-]{1,64}$`, MCP allows more; what does not fit is published under a short form
//! that ends with a hash of the name. A name that looks like such a short form is shortened too,
//! so that no plain name is ever another one's short form. A server's name has no `_`: the first
//! `__` is where the tool's name begins.

use deputy_core::secret::sha256_hex;

/// Names that mean something of Deputy's own.
pub const RESERVED: [&str; 6] = [
    "calendar",
    "gmail",
    "drive",
    "google",
    "deputy",
    "workspace",
];

/// Longest name of a server.
const MAX_SERVER: usize = 32;
/// Longest name that all models take.
const MAX_PUBLISHED: usize = 64;
/// Between the server and the tool.
const SEPARATOR: &str = "__";
/// How many digits of the hash a short form ends with.
const HASH: usize = 10;

/// Checks the name of a server to be: `[a-z][a-z0-9-]{0,31}`, none of [`RESERVED`]. The error says
/// what is wrong.
pub fn check_server(name: &str) -> Result<(), String> {
    let mut letters = name.chars();
    let shaped = letters.next().is_some_and(|c| c.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && name.len() <= MAX_SERVER;
    if !shaped {
        return Err(format!(
            "a name begins with a small letter and has at most {MAX_SERVER} small letters, digits \
             and hyphens"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("'{name}' is the name of a server of Deputy's own"));
    }
    Ok(())
}

/// The name under which a tool of this server is published after `SERVER__`. Stable: it depends on
/// nothing else.
pub fn alias(server: &str, tool: &str) -> String {
    let room = MAX_PUBLISHED - SEPARATOR.len() - server.len().min(MAX_SERVER);
    let plain = !tool.is_empty() && tool.len() <= room && tool.chars().all(is_plain);
    if plain && !is_short_form(tool) {
        return tool.to_owned();
    }
    let prefix: String = tool
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .take(room - HASH - 1)
        .collect();
    format!("{prefix}_{}", &sha256_hex(tool.as_bytes())[..HASH])
}

/// The published name.
pub fn publish(server: &str, alias: &str) -> String {
    format!("{server}{SEPARATOR}{alias}")
}

/// The server and the alias of a published name; none when it is no such name.
pub fn split(published: &str) -> Option<(&str, &str)> {
    let (server, alias) = published.split_once(SEPARATOR)?;
    (!server.is_empty() && !alias.is_empty()).then_some((server, alias))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Whether it ends as a short form does.
fn is_short_form(tool: &str) -> bool {
    let Some((_, hash)) = tool.rsplit_once('_') else {
        return false;
    };
    hash.len() == HASH
        && hash
            .chars()
            .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

#[cfg(test)]
mod tests;
