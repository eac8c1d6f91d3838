//! What people's own servers need of this machine: templates, programs, folders. Nothing is made by looking.

use std::path::{Path, PathBuf};

use deputy_jail::is_installed;
use deputy_store::server_template::ServerTemplateRow;
use deputy_templates::{Commands, Registry};
use nix::unistd::{AccessFlags, access};

use super::Report;
use crate::compose::config;
use crate::settings::Settings;

/// The programs that fetch what templates name.
const RUNNERS: [&str; 2] = ["npx", "uvx"];

/// Checks them all; `rows` are those of the table of templates.
pub(super) fn check(settings: &Settings, rows: Vec<ServerTemplateRow>, report: &mut Report) {
    let registry = config::registry(settings, rows);
    check_templates(settings, &registry, report);
    check_programs(settings, &registry, report);
    for root in &settings.confinement.files_roots {
        match usable(root) {
            Ok(how) => report.ok(
                "files",
                &format!("people may choose folders in {}{how}", root.display()),
            ),
            Err(why) => report.fail("files", &format!("{}: {why}", root.display())),
        }
    }
}

fn check_templates(settings: &Settings, registry: &Registry, report: &mut Report) {
    for fault in registry.faults() {
        report.fail("templates", &format!("server template {fault}"));
    }
    let from = settings
        .servers
        .templates_dir
        .as_ref()
        .map(|folder| format!(", with those of {}", folder.display()));
    let text = format!(
        "{} kinds of servers{}",
        registry.all().count(),
        from.unwrap_or_default()
    );
    report.ok("templates", &text);
}

/// A command that the administrator names has to be there; a runner that is missing only takes the kinds away that need
/// it.
fn check_programs(settings: &Settings, registry: &Registry, report: &mut Report) {
    let search = config::search_path();
    let is_there = |program: &str| is_installed(Path::new(program), &search);
    for runner in RUNNERS {
        if is_there(runner) {
            report.ok("programs", &format!("{runner} is there"));
            continue;
        }
        let kinds: Vec<_> = registry
            .all()
            .filter(|template| template.program() == Some(runner))
            .map(|template| template.server_type.as_str())
            .collect();
        let text = format!(
            "{runner} is not found in {search}; without it nobody can use: {}",
            kinds.join(", ")
        );
        report.note("programs", &text);
    }
    let Commands::Only(commands) = &settings.servers.commands else {
        return;
    };
    for command in commands.iter().filter(|c| !RUNNERS.contains(&c.as_str())) {
        if is_there(command) {
            report.ok("programs", &format!("{command} is there"));
        } else {
            let text = format!("DEPUTY_CUSTOM_COMMANDS: {command} is not found in {search}");
            report.fail("programs", &text);
        }
    }
}

/// Whether people's folders can be used: the root itself, or where each person's is made.
fn usable(root: &Path) -> Result<&'static str, String> {
    let of_all: PathBuf = root
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains("{user}"))
        .collect();
    let is_personal = of_all.components().count() < root.components().count();
    let there = of_all
        .ancestors()
        .find(|above| above.exists())
        .unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(format!("{} is no folder", there.display()));
    }
    if there != of_all && !is_personal {
        return Err("there is no such folder; make it for Deputy's account".to_owned());
    }
    let flags = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    access(there, flags).map_err(|error| {
        format!(
            "Deputy's account can't read and write {}: {}",
            there.display(),
            error.desc()
        )
    })?;
    Ok(if is_personal {
        "; each person's is made when it is first used"
    } else {
        ""
    })
}

#[cfg(test)]
mod tests;
