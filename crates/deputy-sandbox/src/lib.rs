//! The sandbox: services that Deputy talks to, emulated on this machine, for trying Deputy out without
//! an account anywhere and for tests. They ship with the program and know nothing of the rest of it:
//! Deputy reaches them over HTTP, as it would reach the real ones.

pub mod google;
mod server;
