//! Two people with the same titles: nothing of one ever answers the other, over every route, tool,
//! page and session. A tool without a case here fails.

mod kept;
mod servers;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Need, ROUTES, ask};
use crate::support::{Answer, App, PASSWORD, Person, both, client};

/// What belongs to one person.
struct Belongings {
    event: Value,
    series: Value,
    inbox: Value,
    sent: Value,
    draft: Value,
    document: Value,
    approval: String,
    sync_token: Value,
    page_token: Value,
    note: Value,
    task: Value,
    project: Value,
    comment: Value,
}

const TITLE: &str = "Quarterly plan";

fn range() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-20T00:00:00Z" })
}

fn with(mut arguments: Value, more: &Value) -> Value {
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

/// The same titles for everybody; what is inside names its owner.
async fn furnish(person: &Person, friend: &Person) -> Belongings {
    let mark = format!("only-{}", person.name);
    let event = json!({
        "summary": TITLE, "description": mark, "start_time": "2026-12-01T10:00:00Z", "end_time": "2026-12-01T11:00:00Z"
    });
    let made = person.call("create_calendar_event", &event).await;
    let daily = json!({ "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"], "time_zone": "UTC" });
    let series = person
        .call("create_calendar_event", &with(event.clone(), &daily))
        .await;
    let mail = json!({ "to": friend.account(), "subject": TITLE, "body": mark });
    let sent = person.call_approved("send_email", &mail).await;
    let to_them = json!({ "to": person.account(), "subject": TITLE, "body": mark,
        "attachments": [{ "filename": "plan.txt", "mime_type": "text/plain", "content_base64": "cGxhbg==" }] });
    friend.call_approved("send_email", &to_them).await;
    let found = person
        .call("search_emails", &json!({ "query": "in:inbox" }))
        .await;
    let draft = person.call("create_email_draft", &mail).await;
    let document = person
        .call(
            "create_document",
            &json!({ "title": TITLE, "content": mark }),
        )
        .await;
    let waiting = json!({ "to": friend.account(), "subject": "Waiting", "body": mark });
    let asked = person.try_call("send_email", &waiting).await;
    let synced = person.call("sync_calendar_events", &json!({})).await;
    let paged = person
        .call(
            "list_calendar_events",
            &with(range(), &json!({ "max_results": 1 })),
        )
        .await;
    // Everybody's project has the same key.
    let keep = json!({ "title": TITLE, "description": mark });
    let task = person.call("create_task", &keep).await;
    let note = json!({ "content": mark, "category": TITLE });
    let note = person.call("create_note", &note).await;
    let project = json!({ "key": "PLAN", "name": TITLE, "description": mark });
    let project = person.call("create_project", &project).await["project"]["id"].clone();
    let project = Value::from(project.to_string());
    for _ in 0..2 {
        let requirement = json!({ "project": project, "title": TITLE, "body": mark });
        person.call("create_requirement", &requirement).await;
    }
    let link = json!({ "from": "PLAN-1", "to": "PLAN-2", "kind": "refines" });
    person.call("link_requirements", &link).await;
    let comment = json!({ "key": "PLAN-1", "body": mark });
    let comment = person.call("comment_on_requirement", &comment).await;
    Belongings {
        note: note["note"]["id"].clone(),
        task: task["task"]["id"].clone(),
        comment: comment["comment"]["id"].clone(),
        project,
        event: made["event"]["id"].clone(),
        series: series["event"]["id"].clone(),
        inbox: found["emails"][0]["id"].clone(),
        sent: sent["message_id"].clone(),
        draft: draft["draft_id"].clone(),
        document: document["document"]["id"].clone(),
        approval: asked.data()["approval"]["id"].as_str().unwrap().to_owned(),
        sync_token: synced["next_sync_token"].clone(),
        page_token: paged["next_page_token"].clone(),
    }
}

/// Arguments by which somebody else would try to reach these belongings. Panics for a tool without
/// a case.
fn attempts(tool: &str, owner: &Person, friend: &Person, theirs: &Belongings) -> Vec<Value> {
    let own_calendar = json!({ "calendar_id": owner.account() });
    let mail = json!({ "to": friend.account(), "subject": TITLE, "body": "x" });
    match tool {
        "list_calendars" | "list_unread_emails" | "list_files" => {
            vec![json!({}), json!({ "page_token": theirs.page_token })]
        }
        "list_calendar_events" => vec![
            range(),
            with(range(), &json!({ "query": TITLE })),
            with(range(), &own_calendar),
            with(
                range(),
                &json!({ "max_results": 1, "page_token": theirs.page_token }),
            ),
        ],
        "get_events_for_date_range" => vec![
            range(),
            with(range(), &json!({ "calendar_ids": [owner.account()] })),
        ],
        // Whether a colleague is busy may be asked at Google; of a stranger nothing is told but that.
        "find_free_busy" => vec![range()],
        "sync_calendar_events" => {
            vec![
                json!({}),
                json!({ "sync_token": theirs.sync_token }),
                own_calendar,
            ]
        }
        "get_calendar_event" | "delete_calendar_event" => [&theirs.event, &theirs.series]
            .into_iter()
            .flat_map(|id| {
                [
                    json!({ "event_id": id }),
                    with(json!({ "event_id": id }), &own_calendar),
                ]
            })
            .collect(),
        "update_calendar_event" => [&theirs.event, &theirs.series]
            .into_iter()
            .flat_map(|id| {
                let change = json!({ "event_id": id, "summary": "Stolen" });
                [change.clone(), with(change, &own_calendar)]
            })
            .collect(),
        "create_calendar_event" => {
            let event = json!({ "summary": TITLE, "start_time": "2026-12-02T10:00:00Z", "end_time": "2026-12-02T11:00:00Z" });
            vec![event.clone(), with(event, &own_calendar)]
        }
        "search_emails" => ["", "in:sent", "in:drafts", TITLE, "in:anywhere"]
            .map(|q| json!({ "query": q }))
            .to_vec(),
        "read_email" => vec![
            json!({ "message_id": theirs.inbox }),
            json!({ "message_id": theirs.sent }),
        ],
        "get_attachment" => vec![json!({ "message_id": theirs.inbox, "attachment_id": "1" })],
        "send_email" => vec![mail],
        "reply_to_email" => vec![json!({ "message_id": theirs.inbox, "body": "x" })],
        "create_email_draft" => vec![
            mail,
            json!({ "reply_to_message_id": theirs.inbox, "body": "x" }),
        ],
        "send_email_draft" => vec![json!({ "draft_id": theirs.draft })],
        "search_files" => vec![
            json!({ "query": TITLE }),
            json!({ "query": format!("only-{}", owner.name) }),
        ],
        "read_document" => vec![json!({ "document_id": theirs.document })],
        "create_document" => vec![json!({ "title": TITLE, "content": "x" })],
        "edit_document" => ["append", "replace"]
            .map(
                |mode| json!({ "document_id": theirs.document, "content": "Stolen", "mode": mode }),
            )
            .to_vec(),
        "create_from_template" => {
            vec![json!({ "template_id": theirs.document, "title": "Stolen" })]
        }
        other => kept::attempts(other, owner, theirs),
    }
}

/// Everything a person has, as they see it.
async fn inventory(person: &Person, own: &Belongings) -> String {
    let mut all = Vec::new();
    all.push(
        person
            .call(
                "list_calendar_events",
                &with(range(), &json!({ "max_results": 250 })),
            )
            .await,
    );
    for query in ["in:inbox", "in:sent", "in:drafts"] {
        all.push(
            person
                .call(
                    "search_emails",
                    &json!({ "query": query, "max_results": 100 }),
                )
                .await,
        );
    }
    all.push(
        person
            .call("list_files", &json!({ "max_results": 100 }))
            .await,
    );
    all.extend(kept::inventory(person).await);
    all.push(
        person
            .call("read_document", &json!({ "document_id": own.document }))
            .await,
    );
    let waiting = person.get("api/v1/approvals").await;
    all.push(
        waiting
            .data()
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["id"] == own.approval.as_str())
            .unwrap()
            .clone(),
    );
    serde_json::to_string_pretty(&all).unwrap()
}

/// The call's answer; if it asks, what came of approving it.
async fn outcome(person: &Person, tool: &str, arguments: &Value) -> Answer {
    let answer = person.try_call(tool, arguments).await;
    if answer.status.as_u16() != 202 {
        return answer;
    }
    let id = answer.data()["approval"]["id"].as_str().unwrap().to_owned();
    person.decide(&id, "approve").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_person_answers_another() {
    both(|app| async move {
        let root = app.connected("root").await;
        let friend = app.connected("friend").await;
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let (hers, his) = (furnish(&alice, &friend).await, furnish(&bob, &friend).await);
        assert_ne!(hers.event, his.event);
        // What Bob names himself is in his own records afterwards: first what he can read.
        reading(&app, &bob, &hers).await;
        shown(&app, &hers).await;
        tools(&alice, &bob, &friend, &hers).await;
        routes(&alice, &bob, &hers).await;
        pages(&app, &alice, &bob, &hers).await;
        callback(&app, &alice, &bob).await;
        mcp_sessions(&alice, &bob).await;

        // An administrator sees everybody's records, and nothing else of theirs.
        let own = root.get("api/v1/approvals").await;
        assert!(own.data().as_array().unwrap().is_empty(), "{own:?}");
        assert_eq!(
            root.decide(&hers.approval, "approve").await.status.as_u16(),
            404
        );
        let read = root
            .try_call("read_email", &json!({ "message_id": hers.inbox }))
            .await;
        assert!(!read.body.to_string().contains("only-alice"), "{read:?}");
        let all = root.get("api/v1/audit?limit=500").await;
        let people: BTreeSet<String> = all
            .data()
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["user_id"].to_string())
            .collect();
        assert!(people.len() >= 4, "{people:?}");
        assert!(
            !all.body.to_string().contains("only-alice"),
            "the records hold contents"
        );
    })
    .await;
}

async fn tools(alice: &Person, bob: &Person, friend: &Person, hers: &Belongings) {
    let before = inventory(alice, hers).await;
    let listed = bob.get("api/v1/tools").await;
    let names: Vec<String> = listed
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    for tool in &names {
        for arguments in attempts(tool, alice, friend, hers) {
            let answer = outcome(bob, tool, &arguments).await;
            let text = answer.body.to_string();
            assert!(!text.contains("only-alice"), "{tool} {arguments}: {text}");
            // What Bob didn't name himself must not name Alice either.
            if !arguments.to_string().contains("alice") {
                assert!(!text.contains("alice"), "{tool} {arguments}: {text}");
            }
            let named = arguments.to_string();
            if kept::names(&arguments, hers) {
                let failed = answer.body["data"]["is_error"] == json!(true)
                    || answer.body["data"]["result"]["is_error"] == json!(true);
                assert!(failed, "{tool} {arguments} succeeded: {text}");
            }
            let ids = [
                &hers.event,
                &hers.series,
                &hers.inbox,
                &hers.sent,
                &hers.draft,
                &hers.document,
            ];
            if ids
                .into_iter()
                .any(|id| named.contains(id.as_str().unwrap()))
                || named.contains("alice@")
            {
                let failed = answer.body["success"] == json!(false)
                    || answer.body["data"]["is_error"] == json!(true)
                    || !answer.body["data"]["result"]["error"].is_null()
                    || answer.body["data"]["result"]["is_error"] == json!(true)
                    || text.contains("\"events\":[]")
                    || text.contains("\"not_read\"");
                assert!(failed, "{tool} {arguments} succeeded: {text}");
            }
        }
    }
    assert_eq!(
        inventory(alice, hers).await,
        before,
        "something of Alice changed"
    );
}

async fn reading(app: &App, bob: &Person, hers: &Belongings) {
    for (verb, _, path, _, need) in ROUTES {
        if verb != "get" || need == Need::Nothing {
            continue;
        }
        let (_, body) = ask(app, Some(&bob.token), &(verb, "", path, "", need)).await;
        for text in [
            "alice",
            &hers.approval,
            hers.event.as_str().unwrap(),
            hers.document.as_str().unwrap(),
        ] {
            assert!(!body.contains(text), "{path} tells Bob of '{text}': {body}");
        }
    }
}

async fn routes(alice: &Person, bob: &Person, hers: &Belongings) {
    for decision in ["approve", "reject"] {
        let refused = bob.decide(&hers.approval, decision).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (404, "NOT_FOUND")
        );
    }
    // Records and numbers are each person's own, from wherever one pages.
    let me = |person: &Person| {
        let person = person.clone();
        async move {
            let records = person.get("api/v1/audit?limit=500").await;
            let ids: BTreeSet<Option<i64>> = records
                .data()
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["user_id"].as_i64())
                .collect();
            assert_eq!(ids.len(), 1, "{ids:?}");
            (
                ids.into_iter().next().unwrap(),
                records.data()[0]["seq"].as_i64().unwrap(),
            )
        }
    };
    let ((a, last), (b, _)) = (me(alice).await, me(bob).await);
    assert_ne!(a, b);
    let paged = bob.get(&format!("api/v1/audit?before={}", last + 1)).await;
    assert!(
        paged
            .data()
            .as_array()
            .unwrap()
            .iter()
            .all(|r| r["user_id"].as_i64() == b),
        "{paged:?}"
    );
    let before = bob.get("api/v1/usage").await.data()["total_queries"].clone();
    alice.call("list_calendars", &json!({})).await;
    crate::support::until("Alice's call in her numbers", || async {
        let hers = alice.get("api/v1/usage").await.data()["total_queries"]
            .as_u64()
            .unwrap();
        (hers > 0).then_some(())
    })
    .await;
    assert_eq!(
        bob.get("api/v1/usage").await.data()["total_queries"],
        before
    );
    // Disconnecting, changing oneself: of oneself.
    let renamed = bob
        .request(
            Method::PATCH,
            "api/v1/me",
            Some(&json!({ "name": "Alice" })),
            &[],
        )
        .await;
    assert_eq!(renamed.status.as_u16(), 200);
    assert_eq!(alice.get("api/v1/me").await.data()["username"], "alice");
    assert_eq!(
        bob.delete("api/v1/integrations/google?service=drive")
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(
        alice.get("api/v1/integrations/status").await.data()["google"]["services"]["drive"],
        true
    );
    alice.call("list_files", &json!({})).await;
}

async fn shown(app: &App, hers: &Belongings) {
    let mut browser = app.browser();
    browser.sign_in("bob", PASSWORD).await;
    for path in ["", "connect", "connect/disconnect", "approvals", "settings"] {
        let page = browser.open(path).await;
        assert_eq!(page.status.as_u16(), 200, "/{path}: {page:?}");
        for text in ["alice@", "only-alice", hers.approval.as_str()] {
            assert!(!page.html.contains(text), "/{path} shows Bob '{text}'");
        }
    }
}

async fn pages(app: &App, alice: &Person, bob: &Person, hers: &Belongings) {
    let mut her_browser = app.browser();
    her_browser.sign_in("alice", PASSWORD).await;
    let settings = her_browser.open("settings").await;
    let hers_to_revoke: Vec<String> = settings
        .html
        .split("action=\"")
        .filter_map(|part| part.split('"').next())
        .filter(|action| action.starts_with("/settings/tokens/") && action.ends_with("/revoke"))
        .map(str::to_owned)
        .collect();
    assert!(!hers_to_revoke.is_empty(), "{settings:?}");
    // They are what her own page would send.
    assert!(
        settings
            .form_to(&hers_to_revoke[0])
            .fields
            .iter()
            .any(|(name, _)| name == "csrf")
    );

    let mut browser = app.browser();
    browser.sign_in("bob", PASSWORD).await;
    let one = format!("approvals/{}", hers.approval);
    assert_eq!(browser.open(&one).await.status.as_u16(), 404);
    // With Bob's own form, sent to what is Alice's.
    let csrf = browser.open("settings").await.form_with("csrf");
    let csrf = csrf
        .fields
        .iter()
        .find(|(n, _)| n == "csrf")
        .unwrap()
        .clone();
    let mut targets = hers_to_revoke;
    targets.push(format!("/{one}"));
    for target in targets {
        let fields = [csrf.clone(), ("decision".to_owned(), "approve".to_owned())];
        let url = app.url.join(&target).unwrap();
        let response = browser.send(Method::POST, url, Some(&fields)).await;
        assert_eq!(response.status().as_u16(), 404, "{target}");
        // Without the token of the session nothing is looked at.
        let url = app.url.join(&target).unwrap();
        let bare = [("decision".to_owned(), "approve".to_owned())];
        let response = her_browser.send(Method::POST, url, Some(&bare)).await;
        assert!(
            [400, 403].contains(&response.status().as_u16()),
            "{target}: {}",
            response.status()
        );
    }
    assert_eq!(
        alice.get("api/v1/me").await.status.as_u16(),
        200,
        "Alice's token was revoked"
    );
    let waiting = alice.get("api/v1/approvals").await;
    let hers = waiting
        .data()
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["id"] == hers.approval.as_str())
        .unwrap()
        .clone();
    assert_eq!(hers["status"], "pending");

    // A notice is its person's: Bob's is not Alice's to put away.
    app.control(
        "tokens",
        json!({ "account": bob.account(), "action": "revoke" }),
    )
    .await;
    assert_eq!(
        bob.try_call("list_calendars", &json!({})).await.code(),
        "NOT_CONNECTED"
    );
    let page = browser.open("connect").await;
    let at = page.html.find("/connect/notices/").unwrap();
    let dismiss = page.html[at..].split('"').next().unwrap().to_owned();
    let csrf = her_browser.open("settings").await.form_with("csrf");
    let csrf = csrf
        .fields
        .iter()
        .find(|(n, _)| n == "csrf")
        .unwrap()
        .clone();
    let response = her_browser
        .send(Method::POST, app.url.join(&dismiss).unwrap(), Some(&[csrf]))
        .await;
    assert_eq!(response.status().as_u16(), 404);
    assert!(browser.open("connect").await.html.contains(&dismiss));
}

/// A consent that Alice began attaches nothing where Bob is signed in, and is hers alone to end.
async fn callback(app: &App, alice: &Person, bob: &Person) {
    let begun = alice
        .get("api/v1/integrations/google/auth?service=all")
        .await;
    let google: url::Url = begun.data()["authUrl"].as_str().unwrap().parse().unwrap();
    let mut browser = app.browser();
    browser.sign_in("bob", PASSWORD).await;
    let consent = browser.go(Method::GET, google, None).await;
    let form = consent
        .form_with("decision")
        .with("email", &alice.account())
        .with("decision", "allow");
    let page = browser.submit(form).await;
    assert_eq!(page.status.as_u16(), 400, "{page:?}");
    assert_eq!(
        bob.get("api/v1/integrations/status").await.data()["google"]["status"],
        "disconnected"
    );
}

/// A session of `/mcp` belongs to whoever opened it.
async fn mcp_sessions(alice: &Person, bob: &Person) {
    let post = |person: &Person, session: Option<String>, body: Value| {
        let mut request = client()
            .post(person.url.join("mcp").unwrap())
            .bearer_auth(&person.token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-06-18")
            .json(&body);
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        async move { request.send().await.unwrap() }
    };
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let opened = post(alice, None, initialize).await;
    assert_eq!(opened.status().as_u16(), 200);
    let session = opened.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(
        post(alice, Some(session.clone()), ready)
            .await
            .status()
            .as_u16(),
        202
    );
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} });
    let stranger = post(bob, Some(session.clone()), list.clone()).await;
    assert!(
        [403, 404].contains(&stranger.status().as_u16()),
        "{}",
        stranger.status()
    );
    let own = post(alice, Some(session), list).await;
    assert_eq!(own.status().as_u16(), 200);
    let text = own.text().await.unwrap();
    assert!(text.contains("create_calendar_event"), "{text}");
}
