//! The pool against real processes: a server that misbehaves as told (`tests/fixture/mcp_fixture.rs`), and two
//! of the reference servers from npm.

mod calls;
mod faults;
mod life;
mod npm;
mod support;
