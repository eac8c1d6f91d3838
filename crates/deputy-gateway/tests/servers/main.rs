//! People's own servers, from adding one to calls of its tools, with real processes
//! (`tests/fixture/mcp`) and on both databases; and built-in tools, which need none.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail like its tests")]

mod built_in;
mod calls;
mod checks;
mod client;
mod clients;
mod ended;
mod failing;
mod faults;
mod first;
mod life;
mod net;
mod rules;
mod scopes;
mod stored;
mod support;
mod tally;
mod trust;
mod usage;
mod words;
