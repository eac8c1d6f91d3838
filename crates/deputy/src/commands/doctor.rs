//! `deputy doctor`: checks what the settings name, a line each.

mod oauth;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

use deputy_core::http;

use crate::cli::DatabaseArgs;
use crate::commands::say;
use crate::compose::Offline;
use crate::settings::{Settings, Sources};

/// Runs every check, also after one that failed.
pub(crate) async fn run(database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    crate::telemetry::init_logs("off");
    let mut report = Report { failed: false };
    let mut templates = Vec::new();
    let settings = match Settings::load(Sources::All, &database.overrides()) {
        Ok(settings) => {
            report.ok(
                "settings",
                &format!(
                    "listen on {}, public at {}",
                    settings.listen, settings.public_url
                ),
            );
            settings
        }
        Err(error) => {
            report.fail("settings", &error.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(file) = settings.embedded_file().filter(|file| !file.exists()) {
        // Opening it would make it: looking changes nothing.
        let text = format!(
            "{} does not exist yet; run: deputy db migrate",
            file.display()
        );
        report.fail("database", &text);
    } else {
        match Offline::open_unmigrated(database).await {
            Ok(offline) => {
                check_database(&offline, &mut report).await;
                // Without the table there is nothing in it; that it is missing was said.
                templates = offline.store.server_templates().await.unwrap_or_default();
            }
            Err(error) => report.fail("database", &format!("{error:#}")),
        }
    }
    check_confinement(&settings, &mut report);
    servers::check(&settings, templates, &mut report);
    oauth::check(&settings, &mut report).await;
    check_google(&settings, &mut report).await;
    Ok(if report.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

struct Report {
    failed: bool,
}

impl Report {
    #[expect(clippy::unused_self, reason = "beside fail, which needs it")]
    fn ok(&self, what: &str, text: &str) {
        say(&format!("ok    {what}: {text}"));
    }

    /// Something that may be as it should.
    #[expect(clippy::unused_self, reason = "beside fail, which needs it")]
    fn note(&self, what: &str, text: &str) {
        say(&format!("note  {what}: {text}"));
    }

    fn fail(&mut self, what: &str, text: &str) {
        self.failed = true;
        say(&format!("FAIL  {what}: {text}"));
    }
}

async fn check_database(offline: &Offline, report: &mut Report) {
    match offline.store.migration_status().await {
        Ok(all) => {
            let missing = all.iter().filter(|m| !m.applied).count();
            if missing == 0 {
                report.ok(
                    "database",
                    &format!(
                        "{:?}, {} migrations applied",
                        offline.store.engine(),
                        all.len()
                    ),
                );
            } else {
                report.fail(
                    "database",
                    &format!("{missing} migrations are missing; run: deputy db migrate"),
                );
                return;
            }
        }
        Err(error) => {
            report.fail("database", &error.to_string());
            return;
        }
    }
    match offline.vault() {
        Err(error) => report.fail("key", &format!("{error:#}")),
        Ok(vault) => match vault.check().await {
            Ok(status) if status.left() > 0 => {
                report.ok(
                    "key",
                    &format!(
                        "{} data keys are under a former key; run: deputy key rotate",
                        status.left()
                    ),
                );
            }
            Ok(_) => report.ok("key", "opens everything that is sealed"),
            Err(error) => report.fail("key", &error.to_string()),
        },
    }
}

/// What this machine can do to hold people's own servers.
fn check_confinement(settings: &Settings, report: &mut Report) {
    let able = deputy_jail::abilities();
    let landlock = match able.landlock {
        0 => "no Landlock".to_owned(),
        abi => format!("Landlock ABI {abi}"),
    };
    let seccomp = if able.seccomp {
        "seccomp"
    } else {
        "no seccomp"
    };
    let namespaces = if able.user_namespaces {
        "user namespaces"
    } else {
        "no user namespaces (not needed)"
    };
    let best = able.best();
    let machine = format!("this machine has {landlock}, {seccomp}, {namespaces}: up to '{best}'");
    let level = settings.confinement.level;
    match able.missing(level) {
        Some(missing) => {
            report.fail(
                "sandbox",
                &format!("DEPUTY_SANDBOX={level} can't be had, people's own servers will not start: {missing}"),
            );
            report.ok("sandbox", &machine);
        }
        None if level == deputy_jail::Level::Off => report.ok(
            "sandbox",
            &format!("OFF: people's own servers can do whatever Deputy can; {machine}"),
        ),
        None => report.ok("sandbox", &format!("{level}; {machine}")),
    }
}

async fn check_google(settings: &Settings, report: &mut Report) {
    let google = &settings.google;
    if settings.sandbox_key_file().exists() {
        report.ok(
            "google",
            "left out: this is a sandbox's folder, its Google is emulated",
        );
        return;
    }
    if google.client_id.is_none() || google.client_secret.is_none() {
        report.fail("google", "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are not set; docs/google-cloud.md says how to get them");
        return;
    }
    let token_url = google.token_url.clone().map_or_else(
        || "https://oauth2.googleapis.com/token".to_owned(),
        String::from,
    );
    let limits = http::Limits {
        connect: Duration::from_secs(5),
        total: Duration::from_secs(10),
    };
    let answer = match http::trusted(limits) {
        Ok(client) => client.get(&token_url).send().await.map(|r| r.status()),
        Err(error) => Err(error),
    };
    match answer {
        // Any answer will do: a GET is no token request.
        Ok(_) => report.ok("google", &format!("{token_url} answers")),
        Err(error) => report.fail("google", &format!("{token_url} does not answer: {error}")),
    }
}
