//! What of the parts is there, and getting the rest.

use crate::part::Part;
use crate::process;

/// Programs without which nothing is checked at all: how to ask for them, and how to get them.
const BASE: &[(&str, &[&str], &str)] = &[
    (
        "cc",
        &["--version"],
        "a C compiler: sudo apt-get install build-essential",
    ),
    (
        "cargo",
        &["fmt", "--version"],
        "rustup component add rustfmt",
    ),
    (
        "cargo",
        &["clippy", "--version"],
        "rustup component add clippy",
    ),
];

/// Says what is there; true if nothing is missing.
pub(crate) fn look() -> bool {
    let mut whole = base();
    for part in Part::ALL {
        if let Some(place) = part.find() {
            println!("ok       {}: {}", part.name(), place.display());
        } else {
            whole = false;
            println!(
                "missing  {}: without it, no {}",
                part.name(),
                part.left_out()
            );
        }
    }
    if !whole {
        println!("\nTo install what is missing: cargo xtask setup");
    }
    whole
}

/// Installs what is missing; true if nothing is missing then.
pub(crate) fn setup() -> bool {
    let mut whole = base();
    for part in Part::ALL {
        match part.provide() {
            Ok(place) => println!("ok       {}: {}", part.name(), place.display()),
            Err(missing) => {
                whole = false;
                println!("missing  {}: {}", part.name(), missing.remedy);
            }
        }
    }
    whole
}

fn base() -> bool {
    let mut whole = true;
    for (program, args, remedy) in BASE {
        if let Some(version) = process::output(program, args) {
            println!("ok       {}", version.lines().next().unwrap_or(program));
        } else {
            whole = false;
            println!("missing  {remedy}");
        }
    }
    whole
}
