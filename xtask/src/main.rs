//! `cargo xtask`: what there is to do with this repository besides `cargo build`.
//!
//! One command checks everything, the same on a desk and in CI: `cargo xtask test`. It brings what
//! the tests need and the machine lacks, as far as it may, and says by name what it leaves out.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool for the terminal: it reads the environment, starts programs and prints"
)]

mod args;
mod doctor;
mod fuzz;
mod instrument;
#[cfg(test)]
mod links;
mod machine;
mod part;
mod postgres;
mod process;
#[cfg(test)]
mod rooms;
mod services;
mod test;

use std::process::ExitCode;

use args::Task;

fn main() -> ExitCode {
    if let Some(code) = instrument::run() {
        return code;
    }
    let task = match args::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(message) => {
            eprintln!("xtask: {message}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let done = match task {
        Task::Help => {
            println!("{}", args::USAGE);
            Ok(true)
        }
        Task::Test(plan) => test::run(&plan),
        Task::Fuzz { target, seconds } => fuzz::long(target.as_deref(), seconds),
        Task::With(command) => services::with(&command),
        Task::Setup => Ok(doctor::setup()),
        Task::Doctor => Ok(doctor::look()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
