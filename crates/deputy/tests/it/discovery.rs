//! What goes between us and Google, held against Google's own description of its APIs: the discovery
//! documents that its Python client ships. A proxy records every exchange; `check_discovery.py` judges.

mod calendar;
mod files;
mod mail;
mod user;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use url::Url;

use crate::support::{App, Options, Process, client, output, python, succeed};
use user::User;

/// A proxy before the emulated Google.
struct Recorder {
    url: Url,
    file: PathBuf,
    _process: Process,
}

impl Recorder {
    /// Nothing where there is no Python.
    fn start(google: &Url, folder: &Path) -> Option<Self> {
        let file = folder.join("exchanges.jsonl");
        let mut command = python("recorder.py")?;
        command.arg(google.as_str()).arg(&file);
        let mut process = Process::start(command);
        let url = process.line_with("http://").parse().unwrap();
        Some(Self {
            url,
            file,
            _process: process,
        })
    }

    /// The judgement of what was recorded: whether nothing is wrong, and what was said.
    async fn judge(&self, options: &[&str]) -> (bool, String) {
        let mut checker = python("check_discovery.py").unwrap();
        checker.args(options).arg(&self.file);
        let (output, said) = output(checker).await;
        (output.status.success(), said)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulator_answers_google_s_client_in_google_s_schemas() {
    let app = App::start(Options::default()).await;
    let Some(recorder) = Recorder::start(&app.google, app.folder.path()) else {
        return;
    };
    let mut google_client = python("google_client.py").unwrap();
    google_client.arg(recorder.url.as_str());
    succeed(google_client).await;
    let (right, said) = recorder.judge(&["--answers-only"]).await;
    assert!(right, "{said}");

    // The checks ask for wrong things on purpose: a judge who finds none of them is blind.
    let (right, said) = recorder.judge(&[]).await;
    assert!(!right);
    for wrong in [
        "calendar.calendarList.list: the parameter maxResults is no integer",
        "calendar.events.list: the parameter timeMin has no offset",
        "calendar.events.list: fields/items: nonsense is not in the schema Event",
        "gmail.users.messages.get: the parameter format is 'loud', none of the enum",
        "docs.documents.batchUpdate: BatchUpdateDocumentRequest.requests[].noSuchRequest is not in the schema",
    ] {
        assert!(said.contains(wrong), "{wrong}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_found() {
    let app = App::start(Options::default()).await;
    let Some(recorder) = Recorder::start(&app.google, app.folder.path()) else {
        return;
    };
    let body = json!({ "kind": 5, "surprise": true, "items": [{ "id": "x", "summary": 7, "backgroundColor": "#fff" }] });
    app.fault(
        json!({ "fault": "canned", "path": "/calendar/v3/users/me/calendarList", "body": body,
        "headers": { "content-type": "application/json" } }),
    )
    .await;
    let path = "calendar/v3/users/me/calendarList?fields=kind,items(id,summary)";
    client()
        .get(recorder.url.join(path).unwrap())
        .bearer_auth("any")
        .send()
        .await
        .unwrap();
    let (right, said) = recorder.judge(&[]).await;
    assert!(!right);
    for wrong in [
        "CalendarList.kind is no string",
        "CalendarList.surprise is not in the schema CalendarList",
        "CalendarList.items[].summary is no string",
        "CalendarList.items.backgroundColor was not asked for by fields",
    ] {
        assert!(said.contains(wrong), "{wrong}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_ours_is_one_that_google_describes() {
    let mut app = App::start(Options::default()).await;
    let Some(recorder) = Recorder::start(&app.google, app.folder.path()) else {
        return;
    };
    app.server().stop();
    app.settings
        .push(("GOOGLE_API_URL".to_owned(), recorder.url.to_string()));
    app.start_server().await;
    let (alice, bob) = (app.connected("alice").await, app.connected("bob").await);
    let used = RefCell::default();
    let (one, two) = (
        User {
            person: &alice,
            used: &used,
        },
        User {
            person: &bob,
            used: &used,
        },
    );
    calendar::use_every_tool(&app, &one, &two).await;
    mail::use_every_tool(&app, &one, &two).await;
    files::use_every_tool(&app, &one).await;

    let all: BTreeSet<String> = alice.google_tools().await.into_iter().collect();
    assert_eq!(*used.borrow(), all, "a tool that this test does not use");
    let (right, said) = recorder.judge(&[]).await;
    assert!(right, "{said}");
    eprintln!("{said}");
}
