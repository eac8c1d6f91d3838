//! First-party MCP servers for a person's Google: Calendar, Gmail and Drive/Docs.
//!
//! Each server is an ordinary MCP server, over stdio ([`serve_stdio`]) or streamable HTTP
//! ([`http_service`]), and usable without the rest of Deputy. It keeps nothing: a request comes
//! with an access token, and what the server knows ends with the answer. Tokens are the gateway's
//! business, policy too; what a server adds for the gateway are the private `_meta` members of
//! [`deputy_core::firstparty`]: a credential per request, the call's id (so that an effect is made
//! once, see below), preflight, and the kind of a failure.
//!
//! # Why not a generated client
//!
//! The generated Google crates cannot send `If-Match` and know only the fields of their day. Here
//! the wire types are small, all fields optional, with the unknown ones kept in `extra`
//! (`#[serde(flatten)]`): what is read, changed and written back loses nothing.
//!
//! # Effects happen once
//!
//! A write whose answer is lost may have happened. So a write makes what it creates findable from
//! the call's id ([`call::Call::effect_hex`]: an event's own id, an `appProperties` entry, …), and
//! after [`error::GoogleError::may_have_happened`] it looks before anything is said to have failed. A
//! repeat of the call (`attempt` above 1) looks first.
//!
//! # How to add a tool
//!
//! 1. A type for the arguments: `Deserialize` and `JsonSchema`, `#[serde(deny_unknown_fields)]`
//!    (a typo in an argument is then named), a doc comment on every field (it becomes the
//!    description that models read), ranges by `#[schemars(range(…))]`. Arguments are checked
//!    against that schema before the tool runs; what a schema cannot say is checked in the tool
//!    with [`error::ToolError::argument`], which names the JSON pointer.
//! 2. A type for the result: `Serialize` and `JsonSchema`, an object at its root, with a doc
//!    comment on every field.
//! 3. `async fn name(call: Call, args: Args) -> Result<Answer, ToolError>`. Requests are made with
//!    `call.google`: `call.google.get(Api::Calendar, &["users", "me", "calendarList"])
//!    .query("fields", "…").fetch::<T>().await?`. Segments are percent-encoded there. Methods other
//!    than GET count as writes; `.reads()` says that a POST is none. A long run reports with
//!    `call.progress(…)`. Cancellation drops the future at its next await, which aborts the request.
//! 4. A line in the server's table (`calendar::tools`, `gmail::tools`, `drive::tools`), in the
//!    order in which people see them: [`tool::Tool::new`] with title, description, effect, scopes
//!    (any one of which is enough, from the method's `scopes` in Google's discovery document) and
//!    the rule that says when to ask.
//! 5. `cargo insta review`: the snapshot of the tool's schemas is what clients will see.

pub(crate) mod call;
pub(crate) mod client;
mod config;
pub(crate) mod error;
mod once;
mod server;
pub(crate) mod tool;

mod calendar;
mod docs;
mod drive;
mod gmail;

use deputy_core::firstparty::ServerSpec;

pub use config::{Config, Credentials, Endpoints, Limits};
pub use server::{ServeError, http_service, serve_duplex, serve_stdio};

use tool::Tool;

/// One server's table.
pub(crate) struct ServerTable {
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
    pub(crate) title: &'static str,
    pub(crate) instructions: &'static str,
    pub(crate) tools: Vec<Tool>,
}

fn tables() -> Vec<ServerTable> {
    vec![
        ServerTable {
            name: "calendar",
            command: "google-calendar",
            title: "Google Calendar",
            instructions: calendar::INSTRUCTIONS,
            tools: calendar::tools(),
        },
        ServerTable {
            name: "gmail",
            command: "gmail",
            title: "Gmail",
            instructions: gmail::INSTRUCTIONS,
            tools: gmail::tools(),
        },
        ServerTable {
            name: "drive",
            command: "google-drive",
            title: "Google Drive and Docs",
            instructions: drive::INSTRUCTIONS,
            tools: drive::tools(),
        },
    ]
}

/// The table of the server that is called `name`, either way: `calendar` or `google-calendar`.
pub(crate) fn table(name: &str) -> Option<ServerTable> {
    tables()
        .into_iter()
        .find(|t| t.name == name || t.command == name)
}

/// All first-party servers with their tools, in a fixed order.
pub fn servers() -> Vec<ServerSpec> {
    tables()
        .into_iter()
        .map(|t| ServerSpec {
            name: t.name,
            command: t.command,
            tools: t.tools.into_iter().map(|tool| tool.spec).collect(),
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
