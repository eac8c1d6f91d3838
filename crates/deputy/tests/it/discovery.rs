//! What goes between us and Google, held against Google's own description of its APIs: the discovery
//! documents that its Python client ships. A proxy records every exchange; `check_discovery.py` judges.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::support::{App, Options, Person, Process, client, output, python, succeed};

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
        Some(Self { url, file, _process: process })
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
    let Some(recorder) = Recorder::start(&app.google, app.folder.path()) else { return };
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
    let Some(recorder) = Recorder::start(&app.google, app.folder.path()) else { return };
    let body = json!({ "kind": 5, "surprise": true, "items": [{ "id": "x", "summary": 7, "backgroundColor": "#fff" }] });
    app.fault(json!({ "fault": "canned", "path": "/calendar/v3/users/me/calendarList", "body": body,
        "headers": { "content-type": "application/json" } }))
        .await;
    let path = "calendar/v3/users/me/calendarList?fields=kind,items(id,summary)";
    client().get(recorder.url.join(path).unwrap()).bearer_auth("any").send().await.unwrap();
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

/// Somebody who uses every tool there is.
struct User<'a> {
    person: &'a Person,
    used: &'a RefCell<BTreeSet<String>>,
}

impl User<'_> {
    /// Calls a tool, approves where it asks, and gives its result, or nothing if it was an error.
    async fn attempt(&self, tool: &str, arguments: Value) -> Option<Value> {
        self.used.borrow_mut().insert(tool.to_owned());
        let answer = self.person.try_call(tool, &arguments).await;
        let result = if answer.status == StatusCode::ACCEPTED {
            let id = answer.data()["approval"]["id"].as_str().unwrap().to_owned();
            self.person.decide(&id, "approve").await.data()["result"].clone()
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{tool}: {answer:?}");
            answer.data().clone()
        };
        (result["is_error"] == json!(false)).then(|| result["structured"].clone())
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        self.attempt(tool, arguments).await.unwrap_or_else(|| panic!("{tool} {shown} failed"))
    }

    async fn fails(&self, tool: &str, arguments: Value) {
        let result = self.attempt(tool, arguments).await;
        assert!(result.is_none(), "{tool}: {result:?}");
    }

    /// Every page of a listing; gives the first one's items.
    async fn pages(&self, tool: &str, arguments: Value, items: &str) -> Vec<Value> {
        let mut arguments = arguments;
        let mut found = Vec::new();
        loop {
            let page = self.call(tool, arguments.clone()).await;
            found.extend(page[items].as_array().unwrap().iter().cloned());
            match page.get("next_page_token").filter(|t| t.is_string()) {
                Some(token) => arguments["page_token"] = token.clone(),
                None => return found,
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

async fn calendar(app: &App, alice: &User<'_>, bob: &User<'_>) {
    let guest = bob.person.account();
    let range = json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2027-02-01T00:00:00+04:00" });
    let with = |more: Value| {
        let mut all = range.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    alice.call("list_calendars", json!({})).await;
    let plain = json!({ "summary": "Встреча", "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00" });
    let event = alice.call("create_calendar_event", plain.clone()).await["event"].clone();
    let id = text(&event["id"]);
    alice.call("create_calendar_event", json!({ "summary": "All day", "start_time": "2026-12-05", "end_time": "2026-12-06" })).await;
    let full = json!({
        "summary": "Together", "description": "Agenda", "location": "Office", "attendees": [guest], "send_updates": "all",
        "start_time": "2026-12-02T10:00:00+04:00", "end_time": "2026-12-02T11:00:00+04:00",
        "time_zone": "Asia/Tbilisi", "recurrence": ["RRULE:FREQ=DAILY;COUNT=8"]
    });
    let series = text(&alice.call("create_calendar_event", full).await["event"]["id"]);

    let listed = alice.pages("list_calendar_events", with(json!({ "max_results": 3 })), "events").await;
    assert_eq!(listed.len(), 10, "{listed:?}");
    alice.call("list_calendar_events", with(json!({ "query": "Together", "time_zone": "Europe/Berlin", "calendar_id": "primary" }))).await;
    let instances: Vec<String> =
        listed.iter().filter(|e| e["recurring_event_id"] == json!(series)).map(|e| text(&e["id"])).collect();
    alice.pages("get_events_for_date_range", with(json!({ "max_results": 4 })), "events").await;
    alice.call("get_events_for_date_range", with(json!({ "calendar_ids": ["primary"], "time_zone": "UTC" }))).await;
    alice.call("get_calendar_event", json!({ "event_id": id })).await;
    alice.call("find_free_busy", with(json!({ "calendar_ids": ["primary", guest, "nobody@sandbox.test"], "time_zone": "UTC" }))).await;
    alice.call("find_free_busy", range.clone()).await;

    let synced = alice.call("sync_calendar_events", json!({ "max_results": 250 })).await;
    let token = text(&synced["next_sync_token"]);
    alice.call("sync_calendar_events", json!({ "sync_token": token })).await;
    app.control("expire", json!({ "account": alice.person.account() })).await;
    let stale = alice.call("sync_calendar_events", json!({ "sync_token": token })).await;
    assert_eq!(stale["full_sync_required"], true);

    let change = |event: &str, more: Value| {
        let mut all = json!({ "event_id": event });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    alice.call("update_calendar_event", change(&id, json!({ "summary": "Moved", "etag": event["etag"] }))).await;
    alice.fails("update_calendar_event", change(&id, json!({ "summary": "Stale", "etag": event["etag"] }))).await;
    let later = json!({ "start_time": "2026-12-01T12:00:00+04:00", "end_time": "2026-12-01T13:00:00+04:00", "description": "d", "location": "l" });
    alice.call("update_calendar_event", change(&id, later)).await;
    alice.call("update_calendar_event", change(&id, json!({ "add_attendees": [guest], "send_updates": "all" }))).await;
    alice.call("update_calendar_event", change(&id, json!({ "remove_attendees": [guest] }))).await;
    alice.call("update_calendar_event", change(&id, json!({ "attendees": [], "time_zone": "Asia/Tbilisi" }))).await;
    alice.call("update_calendar_event", change(&instances[1], json!({ "summary": "Once", "scope": "this" }))).await;
    alice.call("update_calendar_event", change(&instances[4], json!({ "summary": "From here", "scope": "following" }))).await;
    alice.call("update_calendar_event", change(&series, json!({ "summary": "All of them", "scope": "all" }))).await;
    alice.call("update_calendar_event", change(&series, json!({ "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"] }))).await;

    alice.call("delete_calendar_event", change(&instances[0], json!({ "scope": "this", "send_updates": "none" }))).await;
    alice.call("delete_calendar_event", change(&instances[2], json!({ "scope": "following" }))).await;
    alice.call("delete_calendar_event", change(&series, json!({ "scope": "all", "send_updates": "all" }))).await;
    alice.call("delete_calendar_event", change(&id, json!({}))).await;
    alice.fails("get_calendar_event", json!({ "event_id": "nosuchevent" })).await;
    // The answer gets lost, and what happened is looked up.
    app.fault(json!({ "fault": "commit_then_drop", "method": "calendar.events.insert" })).await;
    alice.call("create_calendar_event", plain).await;
}

async fn mail(app: &App, alice: &User<'_>, bob: &User<'_>) {
    let (from, to) = (alice.person.account(), bob.person.account());
    let file = json!({ "filename": "Счёт.txt", "mime_type": "text/plain", "content_base64": "0J/RgNC40LLRltGC" });
    alice.call("send_email", json!({ "to": to, "subject": "Звіт", "body": "Готово" })).await;
    alice
        .call(
            "send_email",
            json!({
                "to": [to, "carol@sandbox.test"], "cc": from, "bcc": ["dave@sandbox.test"], "subject": "Files", "body": "See",
                "html": "<p>See</p>", "attachments": [file, { "filename": "b.bin", "content_base64": "AAEC" }]
            }),
        )
        .await;
    let unread = bob.pages("list_unread_emails", json!({ "max_results": 1 }), "emails").await;
    // With the invitations.
    assert!(["Звіт", "Files"].iter().all(|subject| unread.iter().any(|m| m["subject"] == *subject)), "{unread:?}");
    let found = bob.pages("search_emails", json!({ "query": "subject:Files has:attachment" }), "emails").await;
    let id = text(&found[0]["id"]);
    let read = bob.call("read_email", json!({ "message_id": id })).await;
    bob.call("read_email", json!({ "message_id": id, "include_html": false })).await;
    let attachment = read["email"]["attachments"][0]["attachment_id"].clone();
    bob.call("get_attachment", json!({ "message_id": id, "attachment_id": attachment })).await;
    bob.call("reply_to_email", json!({ "message_id": id, "body": "Thanks" })).await;
    bob.call("reply_to_email", json!({ "message_id": id, "body": "All", "html": true, "reply_all": true, "attachments": [file] })).await;
    bob.fails("read_email", json!({ "message_id": "00000000000000ff" })).await;

    let draft = alice.call("create_email_draft", json!({ "to": to, "subject": "Draft", "body": "Later", "attachments": [file] })).await;
    alice.call("create_email_draft", json!({ "body": "Nobody yet" })).await;
    let answer = json!({ "body": "Answer", "reply_to_message_id": id, "reply_all": true });
    bob.call("create_email_draft", answer).await;
    let sent = json!({ "draft_id": draft["draft_id"] });
    alice.call("send_email_draft", sent.clone()).await;
    alice.fails("send_email_draft", sent).await;
    for method in ["gmail.users.drafts.create", "gmail.users.drafts.send", "gmail.users.messages.send"] {
        app.fault(json!({ "fault": "commit_then_drop", "method": method, "account": from })).await;
    }
    alice.call("send_email", json!({ "to": to, "subject": "Lost and found", "body": "once" })).await;
    let found = bob.call("search_emails", json!({ "query": "subject:\"Lost and found\"" })).await;
    assert_eq!(found["emails"].as_array().unwrap().len(), 1);
}

/// A folder, which no tool makes.
async fn folder(app: &App, owner: &Person) -> String {
    let scopes = ["https://www.googleapis.com/auth/drive"];
    let token = app.control("tokens", json!({ "action": "issue", "account": owner.account(), "scopes": scopes })).await;
    let body = json!({ "name": "Folder", "mimeType": "application/vnd.google-apps.folder" });
    let request = client().post(app.google.join("drive/v3/files").unwrap()).bearer_auth(token["access_token"].as_str().unwrap());
    text(&request.json(&body).send().await.unwrap().json::<Value>().await.unwrap()["id"])
}

const MARKDOWN: &str = "# План\n\nSome **bold**, *slanted* and `code` with [a link](https://example.org).\n\n\
    * one\n* two\n    * deeper\n\n1. first\n2. second\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\n```\nlet x = 1;\n```\n";

async fn files(app: &App, alice: &User<'_>) {
    let folder = folder(app, alice.person).await;
    let made = alice.call("create_document", json!({ "title": "План", "content": MARKDOWN })).await;
    let id = text(&made["document"]["id"]);
    alice.call("create_document", json!({ "title": "Empty", "content": "" })).await;
    alice.call("create_document", json!({ "title": "Inside", "content": "x", "folder_id": folder })).await;
    alice.call("read_document", json!({ "document_id": id })).await;
    alice.call("edit_document", json!({ "document_id": id, "content": "## More\n\n* **three**\n* 😀 four\n\nEnd." })).await;
    alice.call("edit_document", json!({ "document_id": id, "content": MARKDOWN, "mode": "append" })).await;
    alice.call("edit_document", json!({ "document_id": id, "content": MARKDOWN, "mode": "replace" })).await;
    let template = json!({ "title": "Template", "content": "Dear {{name}}, see you on {{day}}. {{name}}!" });
    let template = text(&alice.call("create_document", template).await["document"]["id"]);
    let filled = json!({ "template_id": template, "title": "Letter", "replacements": { "name": "Анна", "day": "Monday" } });
    let letter = alice.call("create_from_template", filled.clone()).await;
    let content = alice.call("read_document", json!({ "document_id": letter["document"]["id"] })).await;
    assert!(text(&content["content"]).contains("Анна"), "{content}");
    let mut inside = filled;
    inside["folder_id"] = json!(folder);
    alice.call("create_from_template", inside).await;

    for kind in ["document", "spreadsheet", "presentation", "all"] {
        alice.call("list_files", json!({ "file_type": kind })).await;
        alice.call("search_files", json!({ "query": "План it's", "file_type": kind })).await;
    }
    assert_eq!(alice.pages("list_files", json!({ "folder_id": folder, "max_results": 1 }), "files").await.len(), 2);
    alice.pages("search_files", json!({ "query": "Dear", "max_results": 1 }), "files").await;
    alice.fails("read_document", json!({ "document_id": "no-such-document" })).await;
    alice.fails("edit_document", json!({ "document_id": "no-such-document", "content": "x" })).await;
    for method in ["drive.files.create", "drive.files.copy", "docs.documents.batchUpdate"] {
        app.fault(json!({ "fault": "commit_then_drop", "method": method })).await;
    }
    alice.call("create_document", json!({ "title": "Lost and found", "content": "once" })).await;
    alice.attempt("edit_document", json!({ "document_id": id, "content": "once" })).await;
    alice.attempt("create_from_template", json!({ "template_id": template, "title": "Copy", "replacements": { "name": "x" } })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_ours_is_one_that_google_describes() {
    let mut app = App::start(Options::default()).await;
    let Some(recorder) = Recorder::start(&app.google, app.folder.path()) else { return };
    app.server().stop();
    app.settings.push(("GOOGLE_API_URL".to_owned(), recorder.url.to_string()));
    app.start_server().await;
    let (alice, bob) = (app.connected("alice").await, app.connected("bob").await);
    let used = RefCell::default();
    let (one, two) = (User { person: &alice, used: &used }, User { person: &bob, used: &used });
    calendar(&app, &one, &two).await;
    mail(&app, &one, &two).await;
    files(&app, &one).await;

    let tools = alice.get("api/v1/tools").await;
    let all: BTreeSet<String> = tools.data().as_array().unwrap().iter().map(|t| text(&t["name"])).collect();
    assert_eq!(*used.borrow(), all, "a tool that this test does not use");
    let (right, said) = recorder.judge(&[]).await;
    assert!(right, "{said}");
    eprintln!("{said}");
}
