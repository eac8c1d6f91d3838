//! What people keep in Deputy, over REST: the same rules as over MCP, the forms of HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, Person, both};

async fn ask(
    who: &Person,
    verb: &str,
    path: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Answer {
    let method = Method::from_bytes(verb.as_bytes()).unwrap();
    let body = (!body.is_null()).then_some(&body);
    who.request(method, path, body, headers).await
}

/// Status and code of a refusal.
fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.code())
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |v| v.to_str().unwrap())
}

/// Approves what waits, and makes the same request again.
async fn approved(who: &Person, verb: &str, path: &str, body: Value) -> Answer {
    let asked = ask(who, verb, path, body.clone(), &[]).await;
    assert_eq!(asked.status.as_u16(), 202, "{asked:?}");
    let id = asked.data()["approval"]["id"].as_str().unwrap();
    let decided = who.decide(id, "approve").await;
    assert_eq!(decided.status.as_u16(), 200, "{decided:?}");
    decided
}

/// A token of this person with these scopes.
fn token(app: &App, who: &Person, scopes: &[&str]) -> Person {
    let mut args = vec!["token", "create", "--user", &who.name];
    args.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let (code, token, err) = app.run(&args, "");
    assert_eq!(code, 0, "{err}");
    who.with_token(token.trim())
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_and_tasks() {
    both(|app| async move {
        let (alice, bob) = (app.person("alice").await, app.person("bob").await);
        let note = json!({ "content": "Купити молоко", "category": "personal" });
        let made = ask(
            &alice,
            "POST",
            "api/v1/notes",
            note,
            &[("Idempotency-Key", "n")],
        )
        .await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
        let id = made.data()["note"]["id"].clone();
        let place = header(&made, "location").to_owned();
        assert_eq!(place, format!("/api/v1/notes/{id}"));
        let note = json!({ "content": "Купити молоко", "category": "personal" });
        let again = ask(
            &alice,
            "POST",
            "api/v1/notes",
            note,
            &[("Idempotency-Key", "n")],
        )
        .await;
        assert_eq!((again.status.as_u16(), again.data()), (201, made.data()));

        let listed = |query: &'static str| {
            let alice = alice.clone();
            async move {
                let answer = alice.get(&format!("api/v1/notes?{query}")).await;
                answer.data()["notes"].as_array().unwrap().len()
            }
        };
        assert_eq!(listed("").await, 1);
        assert_eq!(
            listed("completed=false&query=МОЛОКО&max_results=5").await,
            1
        );
        assert_eq!(listed("completed=true").await, 0);
        let done = json!({ "completed": true });
        let ticked = ask(&alice, "PATCH", &place, done.clone(), &[]).await;
        assert_eq!(ticked.data()["note"]["completed"], true);
        assert_eq!(alice.get(&place).await.data(), ticked.data());

        // What does not fit is named, and nothing is changed.
        for (query, pointer) in [
            ("max_results=none", "/max_results"),
            ("max_results=251", "/max_results"),
            ("completed=yes", "/completed"),
        ] {
            let wrong = alice.get(&format!("api/v1/notes?{query}")).await;
            assert_eq!(refusal(&wrong), (400, "VALIDATION_ERROR"), "{query}");
            assert_eq!(wrong.body["error"]["pointer"], pointer);
        }
        for (body, pointer) in [
            (json!({ "content": 7 }), "/content"),
            (json!({ "content": " " }), "/content"),
            (json!({ "note_id": 7, "content": "x" }), "/note_id"),
        ] {
            let wrong = ask(&alice, "PATCH", &place, body.clone(), &[]).await;
            assert_eq!(refusal(&wrong), (400, "VALIDATION_ERROR"), "{body}");
            assert_eq!(wrong.body["error"]["pointer"], pointer, "{wrong:?}");
        }
        for (verb, path, body) in [
            ("GET", &*place, Value::Null),
            ("PATCH", &*place, done),
            ("GET", "api/v1/notes/x", Value::Null),
        ] {
            let stranger = ask(&bob, verb, path, body, &[]).await;
            assert_eq!(refusal(&stranger), (404, "NOT_FOUND"), "{verb} {path}");
        }
        let gone = approved(&alice, "DELETE", &place, Value::Null).await;
        assert_eq!(gone.data()["result"]["is_error"], false);
        assert_eq!(refusal(&alice.get(&place).await), (404, "NOT_FOUND"));

        let task = json!({ "title": "Звіт", "priority": "high", "due_date": "2027-01-31" });
        let made = alice.post("api/v1/tasks", &task).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
        let place = header(&made, "location").to_owned();
        let status = json!({ "status": "in_progress" });
        let moved = ask(&alice, "PATCH", &place, status, &[]).await;
        assert_eq!(moved.data()["task"]["status"], "in_progress");
        let urgent = alice.get("api/v1/tasks?priority=high&open=true").await;
        assert_eq!(urgent.data()["tasks"][0]["title"], "Звіт");
        assert_eq!(refusal(&bob.get(&place).await), (404, "NOT_FOUND"));
    })
    .await;
}

/// Of two people who change one requirement, the later is told, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story of four people")]
async fn two_people_and_one_requirement() {
    both(|app| async move {
        let (alice, bob) = (app.person("alice").await, app.person("bob").await);
        let (carol, dave) = (app.person("carol").await, app.person("dave").await);
        let project = json!({ "key": "SHOP", "name": "Shop" });
        let made = alice.post("api/v1/projects", &project).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
        let project = header(&made, "location").to_owned();
        for (name, role) in [("bob", "editor"), ("carol", "viewer")] {
            let member = format!("{project}/members/{name}");
            approved(&alice, "PUT", &member, json!({ "role": role })).await;
        }
        let members = alice.get("api/v1/projects/SHOP/members").await;
        assert_eq!(members.data()["members"].as_array().unwrap().len(), 3);

        let first = json!({ "title": "Pay by card", "body": "…" });
        let made = alice.post(&format!("{project}/requirements"), &first).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
        assert_eq!(header(&made, "etag"), "\"1\"");
        let one = header(&made, "location").to_owned();
        assert_eq!(one, "/api/v1/requirements/SHOP-1");
        let read = bob.get(&one).await;
        assert_eq!(header(&read, "etag"), "\"1\"");

        let change = |title: &str| json!({ "title": title, "reason": "asked for" });
        let if_match = |tag| [("If-Match", tag)];
        let hers = ask(&alice, "PATCH", &one, change("Alice's"), &if_match("\"1\"")).await;
        assert_eq!(
            (hers.status.as_u16(), header(&hers, "etag")),
            (200, "\"2\"")
        );
        let late = ask(&bob, "PATCH", &one, change("Bob's"), &if_match("\"1\"")).await;
        assert_eq!(refusal(&late), (412, "VERSION_CONFLICT"));
        assert_eq!(late.body["error"]["current"]["title"], "Alice's");
        assert_eq!(header(&late, "etag"), "\"2\"");
        let mut with_version = change("Bob's");
        with_version["version"] = json!(1);
        let late = ask(&bob, "PATCH", &one, with_version.clone(), &[]).await;
        assert_eq!(refusal(&late), (409, "VERSION_CONFLICT"));
        let unsaid = ask(&bob, "PATCH", &one, change("Bob's"), &[]).await;
        assert_eq!(refusal(&unsaid), (428, "PRECONDITION_REQUIRED"));
        let any = ask(&bob, "PATCH", &one, change("Bob's"), &if_match("*")).await;
        assert_eq!(refusal(&any), (400, "VALIDATION_ERROR"));
        with_version["version"] = json!(2);
        let his = ask(&bob, "PATCH", &one, with_version, &[]).await;
        assert_eq!((his.status.as_u16(), header(&his, "etag")), (200, "\"3\""));
        let history = carol.get(&format!("{one}/history")).await;
        let told = history.data().to_string();
        assert!(told.contains("Alice's") && told.contains("Bob's"), "{told}");
        let versions = history.data()["versions"].as_array().unwrap();
        let people: Vec<_> = versions.iter().map(|v| v["by"].clone()).collect();
        assert_eq!(people, ["bob", "alice", "alice"], "{told}");

        // Links, comments and the matrix.
        let second = json!({ "title": "Pay by card abroad" });
        alice
            .post(&format!("{project}/requirements"), &second)
            .await;
        let link = json!({ "to": "SHOP-1", "kind": "refines" });
        let links = "api/v1/requirements/SHOP-2/links";
        let linked = bob.post(links, &link).await;
        assert_eq!(linked.status.as_u16(), 200, "{linked:?}");
        let matrix = carol.get("api/v1/projects/SHOP/matrix").await;
        assert_eq!(matrix.data()["rows"][1]["refines"], json!(["SHOP-1"]));
        let unlinked = bob.delete(&format!("{links}?to=SHOP-1&kind=refines")).await;
        assert_eq!(unlinked.status.as_u16(), 200, "{unlinked:?}");
        let comments = format!("{one}/comments");
        let said = bob
            .post(&comments, &json!({ "body": "Which cards?" }))
            .await;
        assert_eq!(said.status.as_u16(), 201, "{said:?}");
        let comments = alice.get(&comments).await;
        assert_eq!(comments.data()["comments"][0]["body"], "Which cards?");

        // Deleting waits for one's word, and says of which version.
        let unsaid = ask(&alice, "DELETE", &one, Value::Null, &[]).await;
        assert_eq!(refusal(&unsaid), (428, "PRECONDITION_REQUIRED"));
        approved(&alice, "DELETE", &format!("{one}?version=3"), Value::Null).await;
        let restore = format!("{one}/restore");
        let back = ask(&alice, "POST", &restore, Value::Null, &if_match("\"4\"")).await;
        assert_eq!(
            (back.status.as_u16(), header(&back, "etag")),
            (200, "\"5\"")
        );

        // Who may only read is told so, and who has no project finds none.
        let refused = ask(&carol, "PATCH", &one, change("Carol's"), &if_match("\"5\"")).await;
        assert_eq!(refusal(&refused), (403, "FORBIDDEN"));
        for (verb, path) in [
            ("GET", &*project),
            ("GET", "api/v1/projects/SHOP"),
            ("GET", "api/v1/projects/SHOP/members"),
            ("GET", "api/v1/projects/SHOP/matrix"),
            ("GET", "api/v1/projects/SHOP/requirements"),
            ("GET", &*one),
            ("GET", &format!("{one}/history")),
            ("GET", &format!("{one}/comments")),
            ("PATCH", &*one),
        ] {
            let body = if verb == "GET" {
                Value::Null
            } else {
                change("Dave's")
            };
            let stranger = ask(&dave, verb, path, body, &if_match("\"5\"")).await;
            assert_eq!(refusal(&stranger), (404, "NOT_FOUND"), "{verb} {path}");
        }
        let none = dave.get("api/v1/requirements").await;
        assert_eq!(none.data()["requirements"], json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_token_and_a_persons_rules_hold_there_too() {
    both(|app| async move {
        let alice = app.person("alice").await;
        alice
            .post("api/v1/projects", &json!({ "key": "SHOP", "name": "Shop" }))
            .await;
        let path = "api/v1/projects/SHOP/requirements";
        alice.post(path, &json!({ "title": "Pay by card" })).await;
        let one = "api/v1/requirements/SHOP-1";
        let change = json!({ "version": 1, "status": "approved", "reason": "agreed" });
        let reader = token(&app, &alice, &["tools:call"]);
        assert_eq!(reader.get(one).await.status.as_u16(), 200);
        let refused = ask(&reader, "PATCH", one, change.clone(), &[]).await;
        assert_eq!(refusal(&refused), (403, "FORBIDDEN"));
        let challenge = header(&refused, "www-authenticate");
        assert!(
            challenge.contains("insufficient_scope") && challenge.contains("tools:write"),
            "{challenge}"
        );
        let writer = token(&app, &alice, &["tools:write"]);
        let changed = ask(&writer, "PATCH", one, change, &[]).await;
        assert_eq!(changed.status.as_u16(), 200, "{changed:?}");
        let history = alice.get(&format!("{one}/history")).await;
        let last = &history.data()["versions"][0];
        assert_eq!(last["by"], "alice", "{last}");
        assert!(last.to_string().contains("token:"), "{last}");

        // What its person wants to be asked about waits for that, and is done once.
        let policy = json!({ "policy": "ask" });
        let tool = "api/v1/tools/create_note/policy";
        ask(&alice, "PUT", tool, policy, &[]).await.data();
        let note = json!({ "content": "x" });
        let decided = approved(
            &writer.with_token(&alice.token),
            "POST",
            "api/v1/notes",
            note.clone(),
        )
        .await;
        assert_eq!(decided.data()["status"], "done");
        let asked = writer.post("api/v1/notes", &note).await;
        assert_eq!(asked.status.as_u16(), 202, "{asked:?}");
        let id = asked.data()["approval"]["id"].as_str().unwrap();
        alice.decide(id, "approve").await.data();
        let made = writer.post("api/v1/notes", &note).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
        assert!(header(&made, "location").starts_with("/api/v1/notes/"));
        let notes = alice.get("api/v1/notes").await;
        assert_eq!(notes.data()["notes"].as_array().unwrap().len(), 2);
        let policy = json!({ "policy": "deny" });
        ask(&alice, "PUT", tool, policy, &[]).await.data();
        assert_eq!(
            refusal(&alice.post("api/v1/notes", &note).await),
            (403, "FORBIDDEN")
        );
    })
    .await;
}
