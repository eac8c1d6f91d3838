//! People's own servers: what Bob gets with Alice's names, ids and digests, over every route and page
//! about servers, with a server of the same name of his own and without one.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::access::ROUTES;
use crate::support::{
    Answer, App, Browser, Options, PASSWORD, Person, client, engines, node_dir, node_program,
};

/// What her servers hold that nobody else may see.
const MARK: &str = "only-alice";

/// What there is to name of hers.
struct Hers {
    /// Of a setup that has begun.
    setup: String,
    /// Of the tool that waits for her word.
    digest: String,
    /// A filled-in form, sealed.
    draft: String,
}

fn csrf(page: &crate::support::Page) -> (String, String) {
    let form = page.form_with("csrf");
    form.fields.into_iter().find(|(n, _)| n == "csrf").unwrap()
}

/// Adds `notes`, a command with an argument and a variable of its person's.
async fn add_notes(person: &Person, description: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/notes.mjs");
    let body = json!({
        "server_name": "notes",
        "server_type": "custom",
        "config": {
            "command": node_program(&node_dir().unwrap()),
            "args": [script, description],
            "env": { "NOTES_KEY": format!("only-{}", person.name) },
        },
    });
    let added = person.post("api/v1/servers", &body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let tested = person.post("api/v1/servers/notes/test", &json!({})).await;
    assert_eq!(tested.data()["ok"], true, "{tested:?}");
}

/// Her servers: a command of which a tool has changed, a URL that takes a token by OAuth; a setup
/// that has begun; a form before it is added.
async fn furnish(app: &App, alice: &Person, browser: &mut Browser) -> Hers {
    let description = app.folder.path().join("description");
    std::fs::write(&description, MARK).unwrap();
    add_notes(alice, &description).await;
    std::fs::write(&description, format!("{MARK}, otherwise")).unwrap();
    for act in ["disable", "enable", "test"] {
        let path = format!("api/v1/servers/notes/{act}");
        assert_eq!(alice.post(&path, &json!({})).await.status, StatusCode::OK);
    }
    let tools = alice.get("api/v1/servers/notes/tools").await;
    let changed = tools.data().as_array().unwrap();
    let changed = changed.iter().find(|t| t["state"] == "changed").unwrap();
    let remote = json!({
        "server_name": "far", "server_type": "remote",
        "config": { "url": format!("https://{MARK}.invalid/mcp"), "auth": "oauth" },
    });
    let added = alice.post("api/v1/servers", &remote).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let begun = json!({ "server_type": "remote" });
    let begun = alice.post("api/v1/server-setup", &begun).await;
    let setup = begun.data()["id"].as_str().unwrap().to_owned();
    let form = browser.open("servers/-/new?type=remote").await;
    let form = form
        .form_with("c.url")
        .with("name", "drafted")
        .with("c.url", &format!("https://{MARK}.invalid/mcp"))
        .with("c.auth", "none")
        .with("default_policy", "ask");
    let review = browser.submit(form).await;
    let draft = review.form_with("draft").fields;
    let draft = draft.into_iter().find(|(n, _)| n == "draft").unwrap().1;
    Hers {
        setup,
        digest: changed["digest"].as_str().unwrap().to_owned(),
        draft,
    }
}

/// All that she has of servers, as she sees it.
async fn inventory(alice: &Person, hers: &Hers) -> Value {
    let mut all = Vec::new();
    for path in [
        "api/v1/servers".to_owned(),
        "api/v1/servers/notes/tools".to_owned(),
        format!("api/v1/server-setup/{}", hers.setup),
        "api/v1/context".to_owned(),
    ] {
        all.push(alice.get(&path).await.data().clone());
    }
    for server in all[0].as_array_mut().unwrap() {
        // Written down a while after what happened.
        for later in ["last_used", "last_activity", "last_status_check"] {
            server.as_object_mut().unwrap().remove(later);
        }
    }
    all.into()
}

/// The requests with which one reaches a server, a setup or a tool: each route that names one.
fn attempts(hers: &Hers) -> Vec<(Method, String, Option<Value>)> {
    let mut all = Vec::new();
    for (verb, route, ..) in ROUTES {
        if !route.contains("/servers/{name}") && !route.contains("/server-setup/{id}") {
            continue;
        }
        let method = Method::from_bytes(verb.to_uppercase().as_bytes()).unwrap();
        let bodies = match (verb, route) {
            ("patch", _) => vec![
                json!({ "is_enabled": false }),
                json!({ "config": { "command": "sh" } }),
                json!({ "default_policy": "auto" }),
            ],
            ("put", _) => vec![json!({ "policy": "auto" })],
            (_, "/api/v1/servers/{name}/accept") => {
                vec![json!({ "tools": [{ "name": "read_note", "digest": hers.digest }] })]
            }
            ("post", "/api/v1/server-setup/{id}") => vec![
                json!({ "answer": "taken" }),
                json!({ "back": true }),
                json!({ "confirm": true }),
            ],
            _ => Vec::new(),
        };
        for server in ["notes", "far"] {
            let path = route
                .replace("{name}", server)
                .replace("{tool}", "read_note")
                .replace("{id}", &hers.setup);
            let path = path.trim_start_matches('/').to_owned();
            if bodies.is_empty() {
                all.push((method.clone(), path.clone(), None));
            }
            for body in &bodies {
                all.push((method.clone(), path.clone(), Some(body.clone())));
            }
        }
    }
    assert!(all.len() > 25, "{all:?}");
    all
}

fn tells_nothing(answer: &Answer, of: &str) {
    assert!(!answer.body.to_string().contains(MARK), "{of}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_ones_servers_answers_another() {
    if node_dir().is_none() {
        return;
    }
    for engine in engines() {
        // What holds processes is tried elsewhere; here they read a file of this test.
        let options = Options::on(engine)
            .with("DEPUTY_CUSTOM_COMMANDS", "*")
            .with("DEPUTY_SANDBOX", "off");
        let app = App::start(options).await;
        let root = app.person("root").await;
        let alice = app.person("alice").await;
        let bob = app.person("bob").await;
        let mut her_browser = app.browser();
        her_browser.sign_in("alice", PASSWORD).await;
        let hers = furnish(&app, &alice, &mut her_browser).await;
        let selected = json!({ "server_name": "notes" });
        let selected = alice
            .request(Method::PUT, "api/v1/context", Some(&selected), &[])
            .await;
        assert_eq!(selected.status, StatusCode::OK, "{selected:?}");
        let page = her_browser.open("servers/notes").await;
        assert!(page.html.contains("DEPUTY_SANDBOX is off"), "{page:?}");
        let before = inventory(&alice, &hers).await;

        for stranger in [&bob, &root] {
            over_rest(stranger, &hers).await;
            over_mcp(stranger).await;
            on_pages(&app, &stranger.name, &hers).await;
        }
        rules_are_the_administrators(&bob).await;
        assert_eq!(inventory(&alice, &hers).await, before, "before he has one");

        // With servers of the same names Bob reaches his own, and not by what is hers.
        let description = app.folder.path().join("of-bob");
        std::fs::write(&description, "Reads a note").unwrap();
        add_notes(&bob, &description).await;
        let tools = bob.get("api/v1/servers/notes/tools").await;
        tells_nothing(&tools, "tools");
        let accept = json!({ "tools": [{ "name": "read_note", "digest": hers.digest }] });
        let accepted = bob.post("api/v1/servers/notes/accept", &accept).await;
        assert_eq!(
            (accepted.status, accepted.code()),
            (StatusCode::CONFLICT, "CONFLICT")
        );
        let denied = json!({ "policy": "deny" });
        let path = "api/v1/servers/notes/tools/count";
        let denied = bob.request(Method::PUT, path, Some(&denied), &[]).await;
        assert_eq!(denied.data()["effective"], "deny", "{denied:?}");
        let refused = bob.try_call("notes__count", &json!({})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
        let called = alice.try_call("notes__count", &json!({})).await;
        assert_eq!(called.data()["is_error"], false, "{called:?}");
        for act in ["disable", "enable"] {
            let path = format!("api/v1/servers/notes/{act}");
            assert_eq!(bob.post(&path, &json!({})).await.status, StatusCode::OK);
        }
        let deleted = bob.delete("api/v1/servers/notes").await;
        assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
        assert_eq!(inventory(&alice, &hers).await, before, "after he had one");
    }
}

async fn over_rest(stranger: &Person, hers: &Hers) {
    for (method, path, body) in attempts(hers) {
        let answer = stranger
            .request(method.clone(), &path, body.as_ref(), &[])
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, "NOT_FOUND"),
            "{method} {path} {body:?}: {answer:?}"
        );
        tells_nothing(&answer, &path);
    }
    for path in [
        "api/v1/servers",
        "api/v1/tools",
        "api/v1/templates",
        "api/v1/usage",
        "api/v1/integrations/status",
        "api/v1/context/suggestions?query=only-alice%20notes",
    ] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        tells_nothing(&answer, path);
        assert!(!answer.body.to_string().contains("notes__"), "{answer:?}");
    }
    let call = stranger.try_call("notes__count", &json!({})).await;
    assert_eq!(
        (call.status, call.code()),
        (StatusCode::NOT_FOUND, "UNKNOWN_TOOL")
    );
    let deny = json!({ "policy": "deny" });
    let path = "api/v1/tools/notes__count/policy";
    let said = stranger.request(Method::PUT, path, Some(&deny), &[]).await;
    assert_eq!(
        (said.status, said.code()),
        (StatusCode::NOT_FOUND, "UNKNOWN_TOOL")
    );
    let word = json!({ "policy": "deny" });
    let path = "api/v1/tools/notes__count/policy";
    let word = stranger.request(Method::PUT, path, Some(&word), &[]).await;
    assert_eq!(word.status, StatusCode::NOT_FOUND, "{word:?}");
    let batch = json!({ "calls": [{ "name": "notes__count" }] });
    let batch = stranger.post("api/v1/tools/batch", &batch).await;
    let outcome = &batch.data()["results"][0];
    assert_eq!(outcome["error"]["code"], "UNKNOWN_TOOL", "{batch:?}");
    let select = json!({ "server_name": "notes" });
    let select = stranger
        .request(Method::PUT, "api/v1/context", Some(&select), &[])
        .await;
    assert_eq!(select.status, StatusCode::NOT_FOUND, "{select:?}");
    let ask = json!({ "query": "What is in my notes?" });
    let ask = stranger.post("api/v1/ask", &ask).await;
    assert_eq!(ask.code(), "CONTEXT_NOT_SELECTED", "hers is hers alone");
}

/// Who is no administrator neither reads nor makes rules.
async fn rules_are_the_administrators(bob: &Person) {
    let rule = json!({ "server": "custom", "tool": "*", "policy": "deny" });
    for method in [Method::GET, Method::PUT] {
        let path = "api/v1/admin/policies";
        let answer = bob.request(method, path, Some(&rule), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    }
}

async fn over_mcp(stranger: &Person) {
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    for server in ["notes", "far"] {
        let url = stranger.url.join(&format!("mcp/{server}")).unwrap();
        let response = client()
            .post(url)
            .bearer_auth(&stranger.token)
            .header("accept", "application/json, text/event-stream")
            .json(&list)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{server}");
        let text = response.text().await.unwrap();
        assert!(!text.contains(MARK), "{text}");
    }
}

async fn on_pages(app: &App, stranger: &str, hers: &Hers) {
    let mut browser = app.browser();
    browser.sign_in(stranger, PASSWORD).await;
    for path in ["", "servers", "activity"] {
        let page = browser.open(path).await;
        assert_eq!(page.status, StatusCode::OK, "/{path}");
        // An administrator sees everybody's records: names of servers, none of their contents.
        assert!(!page.html.contains(MARK), "/{path}: {}", page.html);
    }
    let token = csrf(&browser.open("settings").await);
    for server in ["notes", "far"] {
        for page in ["", "/edit", "/delete", "/connect"] {
            let shown = browser.open(&format!("servers/{server}{page}")).await;
            assert_eq!(shown.status, StatusCode::NOT_FOUND, "{server}{page}");
            assert!(!shown.html.contains(MARK), "{}", shown.html);
        }
        let seen = format!("{} read_note", hers.digest);
        for (act, field) in [
            ("test", None),
            ("enable", None),
            ("disable", None),
            ("delete", None),
            ("edit", Some(("c.command", "sh"))),
            ("tools", Some(("p.read_note", "auto"))),
            ("accept", Some(("seen", seen.as_str()))),
        ] {
            let url = app.url.join(&format!("servers/{server}/{act}")).unwrap();
            let mut fields = vec![
                token.clone(),
                ("default_policy".to_owned(), "auto".to_owned()),
            ];
            fields.extend(field.map(|(name, value)| (name.to_owned(), value.to_owned())));
            let response = browser.send(Method::POST, url, Some(&fields)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{server}/{act}");
        }
    }
    let url = app.url.join("servers/-/add").unwrap();
    let fields = [token, ("draft".to_owned(), hers.draft.clone())];
    let page = browser.go(Method::POST, url, Some(&fields)).await;
    assert!(!page.html.contains(MARK), "{}", page.html);
    assert_eq!(page.url.query(), Some("done=draft-lapsed"), "{}", page.url);
}
