//! `/projects/{project}/{key}/history`: every version of a requirement, what differs, and who changed
//! it for whom.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_workspace::{Key, LinkEvent, VersionView};
use serde::Deserialize;

use super::projects::{ProjectView, project, status_key, tone};
use super::requirement::how;
use super::{Number, failed, next_page, said, when};
use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::form::Lenient;
use crate::pages::{render, shell, watch};
use crate::view::diff::{self, Line};
use crate::view::{Nav, Shell, Watch, When, visible};

/// Versions on a page.
const PAGE: u32 = 20;
/// How long differences of a page are looked for, all together.
const PATIENCE: Duration = Duration::from_millis(20);

/// Which part of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    after: String,
}

pub(crate) struct VersionRow {
    pub(crate) version: i64,
    pub(crate) what_key: String,
    pub(crate) title: String,
    pub(crate) status_key: String,
    pub(crate) tone: &'static str,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) through: String,
    pub(crate) when: Option<When>,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct EventRow {
    pub(crate) what_key: String,
    pub(crate) how: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) by: String,
    pub(crate) through: String,
    pub(crate) when: Option<When>,
}

#[derive(Template)]
#[template(path = "workspace/history.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) project: ProjectView,
    pub(crate) key: String,
    pub(crate) versions: Vec<VersionRow>,
    pub(crate) links: Vec<EventRow>,
    pub(crate) next: Option<String>,
}

/// A version as lines, for comparing.
fn text(version: &VersionView) -> String {
    visible(&format!("{}\n\n{}\n", version.title, version.body))
}

fn row(version: &VersionView, before: Option<&VersionView>, watch: &Watch) -> VersionRow {
    let lines = match before {
        Some(before) => diff::between(&text(before), &text(version), PATIENCE),
        None if version.version == 1 => diff::between("", &text(version), PATIENCE),
        None => Vec::new(),
    };
    VersionRow {
        version: version.version,
        what_key: format!("version-{}", version.what),
        title: visible(&version.title),
        status_key: status_key(version.status),
        tone: tone(version.status),
        reason: visible(&version.reason),
        by: version.by.clone(),
        through: watch.caller(&version.through),
        when: when(&version.at, watch),
        lines,
    }
}

fn event(event: LinkEvent, watch: &Watch) -> EventRow {
    EventRow {
        what_key: format!("version-{}", event.what),
        how: how(event.kind, true),
        from: event.from,
        to: event.to,
        by: event.by,
        through: watch.caller(&event.through),
        when: when(&event.at, watch),
    }
}

/// `GET /projects/{project}/{key}/history`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Path((Number(id), key)): Path<(Number, String)>,
    Lenient(asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let named = Key {
        key,
        project: Some(id.to_string()),
    };
    let project = project(&app, &who, id).await?.project;
    let after = said(&asked.after);
    let history = app
        .workspace
        .history(user, &named, Some(PAGE), after.as_deref());
    let history = history.await.map_err(|error| failed(&error))?;
    let watch = watch(&app, &who);
    // What the last one of the page differs from stands on the next.
    let before = match history.versions.last() {
        Some(last) if last.version > 1 => {
            let version = app.workspace.version(user, &named, last.version - 1).await;
            Some(version.map_err(|error| failed(&error))?)
        }
        _ => None,
    };
    let all = &history.versions;
    let versions = all.iter().enumerate().map(|(place, version)| {
        let before = all.get(place + 1).or(before.as_ref());
        row(
            version,
            before.filter(|before| before.version < version.version),
            &watch,
        )
    });
    let path = format!("/projects/{id}/{}/history", history.key);
    render(&Page {
        shell: shell(&app, &who, Nav::Projects, None).await?,
        project: project.into(),
        versions: versions.collect(),
        next: next_page(&path, &[], history.next_page_token.as_deref()),
        key: history.key.clone(),
        links: history
            .links
            .into_iter()
            .map(|link| event(link, &watch))
            .collect(),
    })
}
