//! What the tests find beside them: a PostgreSQL server of their own, Node, Python, Chromium, a key store.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::part::{Missing, Part};
use crate::postgres::Cluster;
use crate::{machine, process};

/// Everything that could be had. The PostgreSQL server ends with this value.
#[derive(Default)]
pub(crate) struct Services {
    postgres: Option<Cluster>,
    variables: Vec<(&'static str, PathBuf)>,
    missing: Vec<Missing>,
}

impl Services {
    /// Brings up what the tests need.
    pub(crate) fn start() -> Self {
        let mut services = Self::default();
        for part in [
            Part::Postgres,
            Part::Node,
            Part::Python,
            Part::Chromium,
            Part::Keyring,
        ] {
            if let Err(missing) = services.add(part) {
                services.missing.push(missing);
            }
        }
        services
    }

    fn add(&mut self, part: Part) -> Result<(), Missing> {
        if part
            .variable()
            .is_some_and(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
        {
            // Somebody chose another one.
            return Ok(());
        }
        let place = part.provide()?;
        match (part, part.variable()) {
            (Part::Postgres, _) => {
                let cluster = Cluster::start(&place).map_err(|e| Missing {
                    part,
                    remedy: format!("it does not start: {e:#}"),
                })?;
                self.postgres = Some(cluster);
            }
            (_, Some(name)) => self.variables.push((name, place)),
            (_, None) => {}
        }
        Ok(())
    }

    /// What could not be had.
    pub(crate) fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Tells a command where everything is.
    pub(crate) fn tell(&self, command: &mut Command) {
        if let (Some(cluster), Some(name)) = (&self.postgres, Part::Postgres.variable()) {
            command.env(name, cluster.url());
        }
        command.envs(self.variables.iter().map(|(name, place)| (name, place)));
    }
}

/// Runs one command beside them.
pub(crate) fn with(command: &[String]) -> Result<bool> {
    let services = Services::start();
    for missing in services.missing() {
        eprintln!("left out: {} ({})", missing.part.left_out(), missing.remedy);
    }
    if machine::is_ci() && !services.missing().is_empty() {
        bail!("CI=true, and a part is missing");
    }
    let (program, args) = command.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(args);
    services.tell(&mut command);
    process::succeeds(&mut command)
}
