//! Writes whose answer is lost: every request by which a tool changes something is made to have its
//! effect and then lose its answer, one after the other; afterwards there is exactly one event,
//! mail, file, and the call says so.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, App, Engine, Options, Person, postgres_server};

/// A tool that changes something, in the ways that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    CreateEvent,
    CreateSeries,
    UpdateEvent,
    UpdateOccurrence,
    UpdateFollowing,
    UpdateSeries,
    DeleteEvent,
    DeleteOccurrence,
    DeleteFollowing,
    SendEmail,
    Reply,
    CreateDraft,
    CreateReplyDraft,
    SendDraft,
    CreateDocument,
    Append,
    Replace,
    FromTemplate,
}

const ALL: [Write; 18] = [
    Write::CreateEvent,
    Write::CreateSeries,
    Write::UpdateEvent,
    Write::UpdateOccurrence,
    Write::UpdateFollowing,
    Write::UpdateSeries,
    Write::DeleteEvent,
    Write::DeleteOccurrence,
    Write::DeleteFollowing,
    Write::SendEmail,
    Write::Reply,
    Write::CreateDraft,
    Write::CreateReplyDraft,
    Write::SendDraft,
    Write::CreateDocument,
    Write::Append,
    Write::Replace,
    Write::FromTemplate,
];

/// Times on a day of its own for each round, so that listings stay short.
fn at(round: usize, day: usize, hour: usize) -> String {
    format!("2027-{:02}-{:02}T{hour:02}:00:00Z", round % 12 + 1, day + 1)
}

/// The round's month.
fn month(round: usize) -> Value {
    json!({ "time_min": at(round, 0, 0), "time_max": at(round, 27, 0), "max_results": 250 })
}

fn event(tag: &str, round: usize) -> Value {
    json!({ "summary": tag, "start_time": at(round, 0, 10), "end_time": at(round, 0, 11) })
}

fn series(tag: &str, round: usize) -> Value {
    let mut event = event(tag, round);
    event["recurrence"] = json!(["RRULE:FREQ=DAILY;COUNT=6"]);
    event["time_zone"] = json!("UTC");
    event
}

/// One write of one person, round after round.
struct Case<'a> {
    app: &'a App,
    write: Write,
    person: Person,
    /// Who gets the mails.
    sink: &'a Person,
}

/// What a round works on.
struct Round {
    number: usize,
    tag: String,
    tool: &'static str,
    arguments: Value,
}

impl Case<'_> {
    async fn summaries(&self, round: usize) -> Vec<String> {
        let listed = self
            .person
            .call("list_calendar_events", &month(round))
            .await;
        listed["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["summary"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The third occurrence of a fresh series.
    async fn occurrence(&self, tag: &str, round: usize) -> Value {
        self.person
            .call("create_calendar_event", &series(tag, round))
            .await;
        let listed = self
            .person
            .call("list_calendar_events", &month(round))
            .await;
        assert_eq!(listed["events"].as_array().unwrap().len(), 6, "{listed}");
        listed["events"][2]["id"].clone()
    }

    async fn found(person: &Person, query: &str) -> Vec<Value> {
        person
            .call(
                "search_emails",
                &json!({ "query": query, "max_results": 50 }),
            )
            .await["emails"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// A mail from the sink, as its receiver knows it.
    async fn received(&self, tag: &str) -> Value {
        let mail = json!({ "to": self.person.account(), "subject": tag, "body": "First" });
        self.sink.call_approved("send_email", &mail).await;
        Self::found(&self.person, &format!("in:inbox subject:{tag}")).await[0]["id"].clone()
    }

    async fn document(&self, tag: &str, content: &str) -> Value {
        let made = self
            .person
            .call(
                "create_document",
                &json!({ "title": tag, "content": content }),
            )
            .await;
        made["document"]["id"].clone()
    }

    async fn content(&self, id: &Value) -> String {
        self.person
            .call("read_document", &json!({ "document_id": id }))
            .await["content"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn files(&self, tag: &str) -> Vec<Value> {
        self.person
            .call("search_files", &json!({ "query": tag }))
            .await["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["name"] == tag)
            .cloned()
            .collect()
    }

    /// Makes what the round's call needs.
    async fn prepare(&self, number: usize) -> Round {
        let tag = format!("{:?}{number}x", self.write).to_lowercase();
        let mail = json!({ "to": self.sink.account(), "subject": tag, "body": "Text" });
        let (tool, arguments) = match self.write {
            Write::CreateEvent => ("create_calendar_event", event(&tag, number)),
            Write::CreateSeries => ("create_calendar_event", series(&tag, number)),
            Write::UpdateEvent | Write::DeleteEvent => {
                let made = self
                    .person
                    .call("create_calendar_event", &event(&tag, number))
                    .await;
                let id = &made["event"]["id"];
                match self.write {
                    Write::UpdateEvent => (
                        "update_calendar_event",
                        json!({ "event_id": id, "summary": "changed" }),
                    ),
                    _ => ("delete_calendar_event", json!({ "event_id": id })),
                }
            }
            Write::UpdateOccurrence | Write::UpdateFollowing | Write::UpdateSeries => {
                let scope = match self.write {
                    Write::UpdateOccurrence => "this",
                    Write::UpdateFollowing => "following",
                    _ => "all",
                };
                let id = self.occurrence(&tag, number).await;
                (
                    "update_calendar_event",
                    json!({ "event_id": id, "summary": "changed", "scope": scope }),
                )
            }
            Write::DeleteOccurrence | Write::DeleteFollowing => {
                let scope = if self.write == Write::DeleteOccurrence {
                    "this"
                } else {
                    "following"
                };
                (
                    "delete_calendar_event",
                    json!({ "event_id": self.occurrence(&tag, number).await, "scope": scope }),
                )
            }
            Write::SendEmail => ("send_email", mail),
            Write::Reply => (
                "reply_to_email",
                json!({ "message_id": self.received(&tag).await, "body": "Answer" }),
            ),
            Write::CreateDraft => ("create_email_draft", mail),
            Write::CreateReplyDraft => {
                let id = self.received(&tag).await;
                (
                    "create_email_draft",
                    json!({ "reply_to_message_id": id, "body": "Answer" }),
                )
            }
            Write::SendDraft => {
                let draft = self.person.call("create_email_draft", &mail).await;
                ("send_email_draft", json!({ "draft_id": draft["draft_id"] }))
            }
            Write::CreateDocument => (
                "create_document",
                json!({ "title": tag, "content": "# Head\n\nText" }),
            ),
            Write::Append | Write::Replace => {
                let id = self.document(&tag, "Before").await;
                let mode = if self.write == Write::Append {
                    "append"
                } else {
                    "replace"
                };
                (
                    "edit_document",
                    json!({ "document_id": id, "content": "Afterwards", "mode": mode }),
                )
            }
            Write::FromTemplate => {
                let id = self
                    .document(
                        &format!("{tag}-template"),
                        "Dear {{NAME}}, and {{NAME}} again",
                    )
                    .await;
                let replacements = json!({ "{{NAME}}": "Anna" });
                (
                    "create_from_template",
                    json!({ "template_id": id, "title": tag, "replacements": replacements }),
                )
            }
        };
        Round {
            number,
            tag,
            tool,
            arguments,
        }
    }

    /// Makes the call; approves it if it asks.
    async fn act(&self, round: &Round) -> Value {
        let answer = self.person.try_call(round.tool, &round.arguments).await;
        let (status, what) = (
            answer.status.as_u16(),
            format!("{:?} {}", self.write, round.tag),
        );
        let result = if status == 202 {
            let id = answer.data()["approval"]["id"].as_str().unwrap().to_owned();
            let decided: Answer = self.person.decide(&id, "approve").await;
            assert_eq!(decided.status.as_u16(), 200, "{what}: {decided:?}");
            decided.data()["result"].clone()
        } else {
            assert_eq!(status, 200, "{what}: {answer:?}");
            answer.data().clone()
        };
        assert_eq!(result["is_error"], json!(false), "{what}: {result}");
        result["structured"].clone()
    }

    /// The effect is there, once, and is what the call says it is.
    async fn check(&self, round: &Round, result: &Value, how: &str) {
        let what = format!("{:?} {how}: {result}", self.write);
        match self.write {
            Write::SendEmail
            | Write::Reply
            | Write::SendDraft
            | Write::CreateDraft
            | Write::CreateReplyDraft => self.check_mail(&round.tag, result, &what).await,
            Write::CreateDocument | Write::Append | Write::Replace | Write::FromTemplate => {
                self.check_document(round, result, &what).await;
            }
            _ => self.check_events(round, &what).await,
        }
    }

    async fn check_events(&self, round: &Round, what: &str) {
        let all = self.summaries(round.number).await;
        let count = |one: &str| all.iter().filter(|s| *s == one).count();
        // As they were made, and changed.
        let expected = match self.write {
            Write::CreateEvent => (1, 0),
            Write::CreateSeries => (6, 0),
            Write::UpdateEvent => (0, 1),
            Write::DeleteEvent => (0, 0),
            Write::UpdateOccurrence => (5, 1),
            Write::UpdateFollowing => (2, 4),
            Write::UpdateSeries => (0, 6),
            Write::DeleteOccurrence => (5, 0),
            Write::DeleteFollowing => (2, 0),
            other => panic!("{other:?} makes no events"),
        };
        let found = (count(&round.tag), count("changed"));
        assert_eq!(found, expected, "{what}: {all:?}");
        assert_eq!(all.len(), expected.0 + expected.1, "{what}: {all:?}");
    }

    async fn check_mail(&self, tag: &str, result: &Value, what: &str) {
        let drafts = Self::found(&self.person, &format!("in:drafts subject:{tag}")).await;
        if matches!(self.write, Write::CreateDraft | Write::CreateReplyDraft) {
            assert_eq!(drafts.len(), 1, "{what}");
            return;
        }
        assert_eq!(drafts.len(), 0, "{what}");
        let sent = Self::found(&self.person, &format!("in:sent subject:{tag}")).await;
        assert_eq!(sent.len(), 1, "{what}");
        assert_eq!(sent[0]["id"], result["message_id"], "{what}");
        let arrived = Self::found(self.sink, &format!("in:inbox subject:{tag}")).await;
        assert_eq!(arrived.len(), 1, "{what}");
    }

    async fn check_document(&self, round: &Round, result: &Value, what: &str) {
        if matches!(self.write, Write::Append | Write::Replace) {
            let content = self.content(&round.arguments["document_id"]).await;
            let before = usize::from(self.write == Write::Append);
            assert_eq!(
                content.matches("Before").count(),
                before,
                "{what}: {content}"
            );
            assert_eq!(
                content.matches("Afterwards").count(),
                1,
                "{what}: {content}"
            );
            return;
        }
        let files = self.files(&round.tag).await;
        assert_eq!(files.len(), 1, "{what}");
        assert_eq!(files[0]["id"], result["document"]["id"], "{what}");
        let content = self.content(&files[0]["id"]).await;
        if self.write == Write::CreateDocument {
            assert_eq!(content.matches("Text").count(), 1, "{what}: {content}");
            return;
        }
        assert_eq!(content.matches("Anna").count(), 2, "{what}: {content}");
        let template = self.content(&round.arguments["template_id"]).await;
        assert_eq!(template.matches("NAME").count(), 2, "{what}: {template}");
    }

    /// The methods by which the call changes something, in order.
    async fn writes(&self, since: u64) -> Vec<String> {
        let requests = self.app.requests(&self.person.account(), since).await;
        let writes = requests
            .iter()
            .filter(|r| r["verb"] != "GET" && r["method"] != "calendar.freebusy.query");
        writes
            .map(|r| r["method"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn with_fault(&self, number: usize, method: &str, after: usize, fault: &str) {
        let round = self.prepare(number).await;
        let account = self.person.account();
        let id = self
            .app
            .fault(json!({ "account": account, "method": method, "after": after, "fault": fault }))
            .await;
        let result = self.act(&round).await;
        let how = format!("{fault} at {method} {after}");
        assert_eq!(self.app.hits(id).await, 1, "{:?} {how}", self.write);
        self.check(&round, &result, &how).await;
    }

    /// Every write of the call loses its answer once, in each way.
    async fn sweep(&self, mute: bool) {
        let round = self.prepare(0).await;
        let since = self.app.last_request().await;
        let result = self.act(&round).await;
        let writes = self.writes(since).await;
        assert!(!writes.is_empty(), "{:?} writes nothing", self.write);
        self.check(&round, &result, "without a fault").await;
        let mut number = 0;
        for (place, method) in writes.iter().enumerate() {
            let after = writes[..place].iter().filter(|m| *m == method).count();
            for fault in ["commit_then_drop", "commit_then_unavailable"] {
                number += 1;
                self.with_fault(number, method, after, fault).await;
            }
        }
        if mute {
            self.with_fault(number + 1, &writes[0], 0, "commit_then_hang")
                .await;
        }
    }
}

async fn cases<'a>(app: &'a App, sink: &'a Person) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for write in ALL {
        let person = app.connected(&format!("{write:?}").to_lowercase()).await;
        cases.push(Case {
            app,
            write,
            person,
            sink,
        });
    }
    cases
}

async fn swept(engine: Engine) {
    let app = App::start(Options::on(engine)).await;
    // Many people write to one here.
    app.control("quota", json!({ "enforced": false })).await;
    let sink = app.connected("sink").await;
    let cases = cases(&app, &sink).await;
    // A mute Google takes half a minute to be given up, on any database.
    join_all(
        cases
            .iter()
            .map(|case| case.sweep(engine == Engine::Sqlite)),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_that_loses_its_answer_happens_once_on_sqlite() {
    swept(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_that_loses_its_answer_happens_once_on_postgres() {
    if postgres_server().is_some() {
        swept(Engine::Postgres).await;
    }
}
