//! The pool against real processes: a server that misbehaves as told (`tests/fixture/mcp`), and two
//! of the reference servers from npm.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail like its tests")]

mod calls;
mod confined;
mod fake;
mod faults;
mod life;
mod net;
mod npm;
mod peers;
mod speak;
mod support;
