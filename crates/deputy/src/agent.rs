//! The agent: this program as somebody's client of a Deputy server, on their own machine.
//!
//! It acts as the person who logged in and never sees their password: `login` sends the browser to the server's own
//! pages and gets a code back on this machine (RFC 8252), which is worth something only together with a verifier that
//! never left the process (PKCE). What stays is one refresh token per server, in the system's store of secrets; an
//! access token lives in memory, for as long as a command runs.
//!
//! The refresh token is the one thing here that must not get lost or be used twice. The server gives a new one with
//! each use, and takes a late use of an old one for a theft. So ([`session`]): one process at a time refreshes, under a
//! lock; the new token is stored before anything is done with it; a token is given up only if the server refused
//! exactly the one that is still stored; and a network that fails is no logout.
//!
//! * [`server`]: the address of a server, from which everything else follows;
//! * [`discovery`]: what the server says of itself, and whether to believe it;
//! * [`consent`]: logging in, from the link to the stored token; [`callback`] receives the browser;
//! * [`tokens`]: the token endpoint; [`store`]: what is kept between two commands; [`session`]: access tokens from it;
//! * [`api`]: requests to the REST API; [`bridge`]: MCP over standard input and output;
//! * [`terminal`]: how it is said to a person.

pub(crate) mod api;
pub(crate) mod bridge;
mod callback;
pub(crate) mod consent;
mod discovery;
#[cfg(test)]
mod fuzzing;
mod interrupt;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod store;
pub(crate) mod terminal;
mod tokens;

use deputy_core::Scope;

/// Who we are at every Deputy server: a client that it knows without registration.
pub(crate) const CLIENT_ID: &str = "deputy-cli";

/// What a login asks for unless it is told otherwise: everything a person does in the terminal, but neither deciding
/// approvals nor administering.
pub(crate) const SCOPES: [Scope; 7] = [
    Scope::ToolsRead,
    Scope::ToolsCall,
    Scope::ToolsWrite,
    Scope::Chat,
    Scope::ServersManage,
    Scope::IntegrationsManage,
    Scope::AuditRead,
];
