//! What a token is for (RFC 8707).
//!
//! Strict on purpose: a token for `/mcp` opens neither `/mcp/notes` nor `/api`, for whoever is sent
//! one could otherwise use it elsewhere.

use deputy_core::{Scope, Scopes};
use url::Url;

/// A resource of this server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// `PUBLIC_URL/mcp`: all of the person's tools.
    Mcp,
    /// `PUBLIC_URL/mcp/{server}`: one server's. Whether the person has it is not looked at.
    McpServer(String),
    /// `PUBLIC_URL/api`: the REST API.
    Api,
}

/// Longest name of a server.
const MAX_SERVER: usize = 32;

impl Resource {
    /// The resource that `text` names, an absolute URL with or without a trailing slash. `None` for
    /// what this server has not, and for a URL with a query, a fragment or user information.
    /// `public_url`: an origin.
    pub fn parse(public_url: &str, text: &str) -> Option<Self> {
        // A parser drops tabs and line breaks; what is written with one is not that address.
        if text.contains(char::is_control) {
            return None;
        }
        let root = Url::parse(public_url).ok()?;
        let asked = Url::parse(text).ok()?;
        let is_plain = asked.query().is_none()
            && asked.fragment().is_none()
            && asked.username().is_empty()
            && asked.password().is_none();
        // Not `origin()`: that of a scheme it does not know equals nothing, not even itself.
        let same_place = asked.scheme() == root.scheme()
            && asked.host().is_some()
            && asked.host() == root.host()
            && asked.port_or_known_default() == root.port_or_known_default();
        if !is_plain || !same_place {
            return None;
        }
        let path = asked.path();
        match path.strip_suffix('/').unwrap_or(path) {
            "/mcp" => Some(Self::Mcp),
            "/api" => Some(Self::Api),
            path => {
                let server = path.strip_prefix("/mcp/")?;
                is_server(server).then(|| Self::McpServer(server.to_owned()))
            }
        }
    }

    /// Its URL, as metadata and tokens name it.
    pub fn url(&self, public_url: &str) -> String {
        format!("{public_url}{}", self.path())
    }

    /// What a client of it may ask for, as its metadata list it. Without `approvals:decide` and
    /// `admin`: clients ask for all that is listed, and these two are nobody's default.
    pub fn scopes(&self) -> Scopes {
        match self {
            Self::Mcp | Self::McpServer(_) => tools(),
            Self::Api => Scopes::default_for_token(),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Mcp => "/mcp".to_owned(),
            Self::McpServer(server) => format!("/mcp/{server}"),
            Self::Api => "/api".to_owned(),
        }
    }
}

/// What who names no scope asks for.
pub(crate) fn tools() -> Scopes {
    Scopes([Scope::ToolsRead, Scope::ToolsCall, Scope::ToolsWrite].into())
}

fn is_server(name: &str) -> bool {
    name.len() <= MAX_SERVER
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests;
