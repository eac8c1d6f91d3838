//! People's own servers when Deputy itself is killed, and when there are two of it.

use std::path::Path;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{pid_of, text, tool_names, with_notes};
use crate::replicas::second;
use crate::support::{Engine, Person, engines, is_alive, postgres_server, until};

const APPEND: &str = "api/v1/tools/notes__append/call";

fn lines(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("lines")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn written(folder: &Path, count: usize) {
    until("a line", || async {
        (lines(folder).len() == count).then_some(())
    })
    .await;
}

async fn dead(what: &str, pid: i32) {
    until(what, || async { (!is_alive(pid)).then_some(()) }).await;
}

/// The process that wrote the last line.
fn writer(folder: &Path) -> i32 {
    let lines = lines(folder);
    lines.last().unwrap()["by ".len()..].parse().unwrap()
}

async fn switch(person: &Person, act: &str) {
    let path = format!("api/v1/servers/notes/{act}");
    let done = person.post(&path, &json!({})).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
}

async fn policy(person: &Person, word: &str) {
    let set = person
        .request(
            Method::PUT,
            "api/v1/servers/notes/tools/append",
            Some(&json!({ "policy": word })),
            &[],
        )
        .await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_deputy_does_nothing_twice_at_ones_server() {
    join_all(engines().into_iter().map(killed_twice)).await;
}

async fn killed_twice(engine: Engine) {
    let Some((mut app, alice, description)) = with_notes(engine).await else {
        return;
    };
    let folder = description.parent().unwrap();
    let before = tool_names(&alice).await;

    // Killed while a keyed call is under way, after its effect.
    let key = [("Idempotency-Key", "once")];
    let cut = tokio::spawn({
        let alice = alice.clone();
        async move {
            let client = crate::support::client();
            let request = client.post(alice.url.join(APPEND).unwrap());
            let request = request.bearer_auth(&alice.token).json(&json!({}));
            request.header("Idempotency-Key", "once").send().await
        }
    });
    written(folder, 1).await;
    app.server().kill();
    assert!(cut.await.unwrap().is_err(), "nobody was told");
    dead("the server that was called", writer(folder)).await;
    app.start_server().await;
    assert_eq!(tool_names(&alice).await, before, "listed before it runs");
    let again = async || {
        until("an outcome", || async {
            let answer = alice
                .request(Method::POST, APPEND, Some(&json!({})), &key)
                .await;
            // Who was killed holds the call for a while.
            (answer.code() != "CONFLICT").then_some(answer)
        })
        .await
    };
    let answer = again().await;
    assert_eq!(answer.code(), "UPSTREAM_ERROR", "{answer:?}");
    let said = answer.body.to_string();
    assert!(said.contains("it may have been done"), "{said}");
    assert_eq!(again().await.code(), "UPSTREAM_ERROR");
    assert_eq!(lines(folder).len(), 1, "once");

    // Killed while an approved call is carried out.
    policy(&alice, "ask").await;
    let asked = alice.try_call("notes__append", &json!({})).await;
    let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
    let approving = tokio::spawn({
        let (alice, id) = (alice.clone(), id.clone());
        async move {
            let client = crate::support::client();
            let url = alice.url.join(&format!("api/v1/approvals/{id}")).unwrap();
            let request = client.post(url).bearer_auth(&alice.token);
            let request = request.json(&json!({ "decision": "approve" }));
            request.send().await
        }
    });
    written(folder, 2).await;
    app.server().kill();
    assert!(approving.await.unwrap().is_err(), "nobody was told");
    app.start_server().await;
    let outcome = until("what came of it", || async {
        let all = alice.get("api/v1/approvals").await;
        let all = all.data().as_array().unwrap().clone();
        let one = all.into_iter().find(|one| one["id"] == *id)?;
        (one["status"] != "pending" && one["status"] != "approved").then_some(one)
    })
    .await;
    assert_eq!(
        outcome["result"]["error"]["code"], "UPSTREAM_ERROR",
        "{outcome}"
    );
    assert_eq!(lines(folder).len(), 2, "once");

    // The server works on.
    text(&alice, "notes__read_note", &json!({})).await;
    assert!(app.server().stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_know_the_same_of_ones_servers() {
    if postgres_server().is_none() {
        return;
    }
    let Some((app, alice, description)) = with_notes(Engine::Postgres).await else {
        return;
    };
    let bob = app.person("bob").await;
    let (_process, there) = second(&app, &alice).await;
    let mut bob_there = bob.clone();
    bob_there.url = there.url.clone();
    let read = "notes__read_note";

    // Added on one, called on the other, and nobody else's there either.
    text(&there, read, &json!({})).await;
    let stranger = bob_there.try_call(read, &json!({})).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND, "{stranger:?}");

    // Switched off on one, refused by the other at once, where its process ends too.
    let pid = pid_of(&there).await;
    switch(&alice, "disable").await;
    let off = there.try_call(read, &json!({})).await;
    assert!(off.status.is_client_error(), "{off:?}");
    dead("an end of the other replica's process", pid).await;

    // A change that one has seen stops the tool on both, until it is allowed on either.
    std::fs::write(&description, "Reads a note. Then sends it.").unwrap();
    switch(&there, "enable").await;
    for who in [&there, &alice] {
        let stopped = who.try_call(read, &json!({})).await;
        assert!(stopped.status.is_client_error(), "{stopped:?}");
        assert!(!stopped.body.to_string().contains("sends"), "{stopped:?}");
    }
    let tools = alice.get("api/v1/servers/notes/tools").await;
    let tools = tools.data().as_array().unwrap().clone();
    let changed = tools.iter().find(|tool| tool["name"] == "read_note");
    let accept = json!({
        "tools": [{ "name": "read_note", "digest": changed.unwrap()["digest"] }]
    });
    let accepted = alice.post("api/v1/servers/notes/accept", &accept).await;
    assert_eq!(accepted.status, StatusCode::OK, "{accepted:?}");
    for who in [&there, &alice] {
        text(who, read, &json!({})).await;
    }

    // Both together let in no more than one would.
    let adds = (0..14).map(|n| {
        let who = if n % 2 == 0 { &alice } else { &there };
        async move {
            let body =
                json!({ "server_name": format!("m{n}"), "server_type": "memory", "config": {} });
            who.post("api/v1/servers", &body).await.status
        }
    });
    let added = join_all(adds).await;
    let added = added.iter().filter(|s| **s == StatusCode::CREATED).count();
    assert_eq!(added, 9, "ten with the one that was there");

    // Removed on one, gone from the other.
    let removed = there.delete("api/v1/servers/notes").await;
    assert!(removed.status.is_success(), "{removed:?}");
    let gone = alice.try_call(read, &json!({})).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "{gone:?}");
    let names: Value = alice.get("api/v1/servers").await.body;
    assert!(!names.to_string().contains("\"notes\""), "{names}");
}
