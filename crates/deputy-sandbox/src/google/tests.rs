//! The emulated Google, driven over HTTP as a client would.

mod client;
mod frame;
mod oauth;
