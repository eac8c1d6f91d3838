//! Two servers over one PostgreSQL database: neither owns what the other needs.

use serde_json::{Value, json};

use crate::support::{App, Engine, Options, Person, Process, client, postgres_server, until};

/// A second server on the same database; gives it and the person as they reach it.
pub(crate) async fn second(app: &App, person: &Person) -> (Process, Person) {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut command = app.command(&["serve"]);
    command.env("DEPUTY_LISTEN", format!("127.0.0.1:{port}"));
    let process = Process::start(command);
    let mut there = person.clone();
    there.url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let ready = there.url.join("readyz").unwrap();
    until("a second server", || async {
        let answer = client().get(ready.clone()).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    (process, there)
}

fn mail() -> Value {
    json!({ "to": "bob@sandbox.test", "subject": "Once", "body": "…" })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_on_one_is_decided_on_the_other_once() {
    if postgres_server().is_none() {
        return;
    }
    let app = App::start(Options::on(Engine::Postgres)).await;
    let alice = app.connected("alice").await;
    let bob = app.connected("bob").await;
    let (_process, there) = second(&app, &alice).await;

    let asked = alice.try_call("send_email", &mail()).await;
    let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
    let decisions = (0..10).map(|n| {
        let (who, id) = (
            if n % 2 == 0 {
                alice.clone()
            } else {
                there.clone()
            },
            id.clone(),
        );
        async move { who.decide(&id, "approve").await.status.as_u16() }
    });
    let statuses = futures_util::future::join_all(decisions).await;
    assert_eq!(
        statuses.iter().filter(|s| **s == 200).count(),
        1,
        "{statuses:?}"
    );
    let unread = bob.call("list_unread_emails", &json!({})).await;
    assert_eq!(unread["emails"].as_array().unwrap().len(), 1);

    // One key, both servers, at once: one event.
    let event = json!({
        "summary": "Once", "start_time": "2026-12-01T10:00:00Z", "end_time": "2026-12-01T11:00:00Z"
    });
    let creates = [&alice, &there].map(|who| {
        let (who, event) = (who.clone(), event.clone());
        async move {
            let path = "api/v1/tools/create_calendar_event/call";
            let key = [("Idempotency-Key", "k-1")];
            who.request(reqwest::Method::POST, path, Some(&event), &key)
                .await
        }
    });
    let answers = futures_util::future::join_all(creates).await;
    assert!(answers.iter().any(|a| a.status == 200), "{answers:?}");
    let day = json!({ "time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-02T00:00:00Z" });
    let listed = there.call("list_calendar_events", &day).await;
    assert_eq!(listed["events"].as_array().unwrap().len(), 1, "{listed}");

    // Disconnected on one, gone on the other with the next call; one audit chain over both.
    assert_eq!(alice.delete("api/v1/integrations/google").await.status, 200);
    let refused = there.try_call("list_calendar_events", &day).await;
    assert_eq!(refused.code(), "NOT_CONNECTED");
    assert_eq!(app.run(&["audit", "verify"], "").0, 0);
}
