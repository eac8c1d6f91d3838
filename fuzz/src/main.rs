//! The fuzz program: every parser of what comes from outside, under libFuzzer. Which one, says `DEPUTY_FUZZ_TARGET`; the
//! arguments are libFuzzer's. `cargo xtask fuzz` builds it with coverage and runs it (docs/testing.md, "Fuzzing").
//!
//! One program for all, because linking one takes longer than a short run of it. The targets are in the crates whose
//! parsers they try, in modules named `fuzzing`, where they reach what is private.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod program;
#[cfg(fuzzing)]
mod settings;

/// The agent is in a program and not in a library: its parsers are built once more, here.
#[cfg(fuzzing)]
#[path = "../../crates/deputy/src/agent"]
#[expect(dead_code, reason = "what only the rest of the agent uses")]
mod agent {
    mod bridge {
        pub(super) mod message;
        pub(super) mod stdio;
        pub(super) mod stream;
    }
    mod consent {
        pub(super) mod answer;
    }
    mod discovery;
    pub(crate) mod fuzzing;
    mod server;
    mod terminal;
}

#[cfg(not(fuzzing))]
#[expect(clippy::print_stdout, reason = "a word to whoever runs it")]
fn main() {
    println!("this one can't fuzz: cargo xtask fuzz");
}
