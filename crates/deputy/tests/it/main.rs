//! The integration suite: the built program, driven from outside as somebody.
//!
//! One binary, laid out by feature. [`support::App`] is a running installation (the emulated
//! Google, a database, `deputy serve`); [`support::Person`] acts on it with a token, and
//! [`support::Browser`] through the pages.
#![expect(
    clippy::disallowed_methods,
    reason = "the suite starts programs and reads its own settings"
)]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

mod access;
mod agent;
mod approvals;
mod bridge;
mod calendar;
mod cancel;
mod clients;
mod confinement;
mod conformance;
mod crash;
mod discovery;
mod faults;
mod google_client;
mod lost_answers;
mod mcp_clients;
mod oauth_clients;
mod oauth_crash;
mod oauth_hostile;
mod oauth_races;
mod oauth_rights;
mod oauth_soak;
mod on_record;
mod operations;
mod own_servers;
mod process_isolation;
mod registry;
mod remote_accounts;
mod replicas;
mod resilience;
mod sandbox;
mod second_factor;
mod secrecy;
mod server_pages;
mod strangers;
mod workspace_rest;
