//! Who a client is, wherever that is known from.
//!
//! Four kinds, told apart by nothing but where the identifier is found: built in (Deputy's own
//! command line), registered by an administrator, registered by itself (RFC 7591), or an `https`
//! URL whose document says it ([`super::document`]). An identifier of one kind is never one of
//! another: administrators' identifiers have no colon, self-registered ones a prefix.

use super::redirect;

/// The identifier of Deputy's own command line.
pub const BUILTIN: &str = "deputy-cli";

/// Where a client is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Deputy's own command line.
    Builtin,
    /// An administrator registered it.
    Registered,
    /// It registered itself; anybody can.
    Dynamic,
    /// Its identifier is the URL of the document that says who it is.
    Document,
}

/// A program that asks to act for people. Its name and address are its own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// Where it is known from.
    pub kind: Kind,
    /// What it calls itself, cleaned; never empty.
    pub name: String,
    /// Where it may have people sent back to; never empty.
    pub redirect_uris: Vec<String>,
    /// Its home page, if it says one (`http` or `https`).
    pub client_uri: Option<String>,
}

impl Client {
    /// Deputy's own command line.
    pub fn builtin() -> Self {
        Self {
            client_id: BUILTIN.to_owned(),
            kind: Kind::Builtin,
            name: "Deputy's command line".to_owned(),
            redirect_uris: vec![
                "http://localhost/callback".to_owned(),
                "http://127.0.0.1/callback".to_owned(),
                "http://[::1]/callback".to_owned(),
            ],
            client_uri: None,
        }
    }

    /// Whether people may be sent back to `redirect_uri`.
    pub fn accepts(&self, redirect_uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| redirect::matches(registered, redirect_uri))
    }

    /// Whether all its redirects lead to the person's own machine, where any program can listen.
    pub fn only_loopback(&self) -> bool {
        self.redirect_uris
            .iter()
            .all(|uri| redirect::is_loopback(uri))
    }
}
