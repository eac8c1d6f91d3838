//! The emulated Google, driven over HTTP as a client would.

pub(super) mod client;
mod frame;
mod oauth;
