//! Whether programs can log in as people: the issuer, and the documents in which clients say who
//! they are.

use deputy_core::http;
use deputy_identity::oauth::{Config, Documents};

use super::Report;
use crate::compose::config;
use crate::settings::Settings;

/// Checks both.
pub(super) async fn check(settings: &Settings, report: &mut Report) {
    let issuer = settings.public_url.as_str().trim_end_matches('/');
    if settings.public_url.scheme() == "https" {
        report.ok("oauth", &format!("the issuer is {issuer}"));
    } else if http::is_loopback(&settings.public_url) {
        report.ok(
            "oauth",
            &format!("the issuer is {issuer}: for clients on this machine only"),
        );
    } else {
        report.fail(
            "oauth",
            &format!("the issuer {issuer} is neither https nor on this machine, so clients refuse it; set DEPUTY_PUBLIC_URL"),
        );
    }
    check_documents(settings, report).await;
}

async fn check_documents(settings: &Settings, report: &mut Report) {
    const WHAT: &str = "oauth";
    if settings.oauth.documents == Documents::Off {
        report.ok(
            WHAT,
            "clients' documents are not fetched (DEPUTY_CLIENT_DOCUMENTS=off)",
        );
        return;
    }
    if settings.sandbox_key_file().exists() {
        report.ok(
            WHAT,
            "clients' documents: left out, a sandbox asks nobody outside",
        );
        return;
    }
    let Some(probe) = Config::new(settings.public_url.as_str()).documents_probe else {
        return;
    };
    match fetch(settings, &probe).await {
        Ok(()) => report.ok(WHAT, &format!("clients' documents can be fetched: {probe}")),
        Err(why) if settings.oauth.documents == Documents::On => report.fail(
            WHAT,
            &format!("{probe} can't be fetched ({why}), but clients are told that it can: set DEPUTY_CLIENT_DOCUMENTS=auto"),
        ),
        Err(why) => report.note(
            WHAT,
            &format!("{probe} can't be fetched ({why}), so clients are told to register instead"),
        ),
    }
}

async fn fetch(settings: &Settings, probe: &str) -> anyhow::Result<()> {
    let fetched = config::documents(settings)?
        .get(&probe.parse()?)
        .fetch()
        .await?;
    anyhow::ensure!(fetched.status.is_success(), "status {}", fetched.status);
    Ok(())
}
