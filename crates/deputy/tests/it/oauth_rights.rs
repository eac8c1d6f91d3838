//! What a program may do that somebody let in: what was ticked and no more, over REST and MCP; and what is left of it, in
//! the records, when it has acted.

use std::time::Duration;

use deputy_core::{Scope, Scopes};
use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::access::{self, CHANGE_ME, Need, ROUTES, SCOPES, WRITE};
use crate::support::{App, Browser, Engine, Options, PASSWORD, Person, client};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http://127.0.0.1:38124/callback";

/// Registers a program; its id.
async fn register(app: &App, name: &str) -> String {
    let body = json!({ "client_name": name, "redirect_uris": [CALLBACK] });
    let to = app.url.join("oauth/register").unwrap();
    let answer = client().post(to).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let answer: Value = answer.json().await.unwrap();
    answer["client_id"].as_str().unwrap().to_owned()
}

/// An access token for the REST API and `/mcp`: asks for `asked`, and gets what is `ticked` by who is signed in.
async fn let_in(
    app: &App,
    id: &str,
    browser: &mut Browser,
    asked: &str,
    ticked: &[&str],
) -> String {
    let [api, mcp] = ["api", "mcp"].map(|path| app.url.join(path).unwrap());
    let mut link = app.url.join("oauth/authorize").unwrap();
    link.query_pairs_mut().extend_pairs([
        ("client_id", id),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", asked),
        ("resource", api.as_str()),
        ("resource", mcp.as_str()),
    ]);
    let page = browser.go(Method::GET, link, None).await;
    let mut form = page.form_with("decision").with("decision", "allow");
    form.fields.retain(|(name, _)| name != "scope");
    let ticked = ticked
        .iter()
        .map(|scope| ("scope".to_owned(), (*scope).to_owned()));
    form.fields.extend(ticked);
    let sent = browser
        .send(Method::POST, form.action, Some(&form.fields))
        .await;
    let to = sent.headers().get("location");
    let to = to.unwrap_or_else(|| panic!("no redirect: {sent:?}"));
    let to: Url = to.to_str().unwrap().parse().unwrap();
    let code = to.query_pairs().find(|(name, _)| name == "code");
    let code = code.unwrap_or_else(|| panic!("no code in {to}")).1;
    let redeem = client().post(app.url.join("oauth/token").unwrap()).form(&[
        ("grant_type", "authorization_code"),
        ("client_id", id),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", CALLBACK),
    ]);
    let tokens: Value = redeem.send().await.unwrap().json().await.unwrap();
    let token = tokens["access_token"].as_str();
    token.unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

/// Somebody's browser, in which they are signed in.
async fn signed_in(app: &App, name: &str) -> Browser {
    let mut browser = app.browser();
    browser.sign_in(name, PASSWORD).await;
    browser
}

/// Takes away what has access, where the person sees it.
async fn take_away(browser: &mut Browser) {
    let page = browser.open("settings").await;
    let (_, after) = page.html.split_once("/settings/access/").unwrap();
    let path = format!("/settings/access/{}", after.split('"').next().unwrap());
    let done = browser.submit(page.form_to(&path)).await;
    assert!(done.status.is_success(), "{done:?}");
}

/// A request that stands alone, to `/mcp`.
async fn to_mcp(app: &App, token: &str, method: &str, params: Value) -> reqwest::Response {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "it", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let request = client()
        .post(app.url.join("mcp").unwrap())
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    let request = if name.is_empty() {
        request
    } else {
        request.header("mcp-name", name)
    };
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    request.json(&message).send().await.unwrap()
}

/// A refusal that says what to ask for: what is there, and one scope that is lacking.
fn asks_for(response: &reqwest::Response, held: &str, needed: &[&str], path: &str) {
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.unwrap_or_else(|| panic!("no challenge: {response:?}"));
    let challenge = challenge.to_str().unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );
    assert!(
        challenge.contains(&format!("/oauth-protected-resource{path}\"")),
        "{challenge}"
    );
    let scopes = needed.iter().any(|needed| {
        let both: [Scope; 2] = [held, *needed].map(|scope| scope.parse().unwrap());
        challenge.contains(&format!(r#"scope="{}""#, Scopes(both.into())))
    });
    assert!(scopes, "{held} and one of {needed:?}: {challenge}");
}

/// Tries everything with a token of one scope.
async fn alone(app: &App, token: &str, held: &str) {
    for route in ROUTES.iter().chain([&CHANGE_ME, &WRITE]) {
        let response = access::answer(app, Some(token), route).await;
        let status = response.status().as_u16();
        // A program sees and ends what it was allowed itself, whatever that is.
        let need = if route.1.starts_with("/api/v1/grants") {
            Need::Somebody
        } else {
            route.4
        };
        // What administrators do to others, no program does: it can't prove that its person is there.
        if route.1.starts_with("/api/v1/admin/") && route.0 != "get" && held == "admin" {
            assert_eq!(status, 403, "{route:?} with {held}");
            let asks = response.headers().get("www-authenticate");
            assert!(asks.is_none(), "{route:?}: there is nothing to ask for");
            continue;
        }
        if need.met_by(&[held]) {
            assert!(
                ![401, 403, 405].contains(&status) && status < 500,
                "{route:?} with {held}: {status}"
            );
            continue;
        }
        assert_eq!(status, 403, "{route:?} with {held}");
        match need {
            Need::Right(right) => asks_for(&response, held, &[right], "/api"),
            Need::Either(one, other) | Need::Both(one, other) => {
                asks_for(&response, held, &[one, other], "/api");
            }
            Need::Nothing | Need::Somebody => panic!("{route:?}"),
        }
    }
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let document = json!({ "title": "t", "content": "c" });
    for (method, params, needed) in [
        ("tools/list", json!({}), "tools:read"),
        (
            "tools/call",
            call("list_calendars", json!({})),
            "tools:call",
        ),
        (
            "tools/call",
            call("create_document", document),
            "tools:write",
        ),
        ("server/discover", json!({}), held),
    ] {
        let response = to_mcp(app, token, method, params).await;
        if needed == held {
            assert_eq!(response.status(), 200, "{method} with {held}");
        } else {
            assert_eq!(response.status(), 403, "{method} with {held}");
            asks_for(&response, held, &[needed], "/mcp");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_may_what_was_ticked_and_is_told_what_to_ask_for() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.person("root").await;
    let program = register(&app, "Alone").await;
    let mut browser = signed_in(&app, "root").await;
    for held in SCOPES {
        // It asks for everything, and gets this.
        let token = let_in(&app, &program, &mut browser, &SCOPES.join(" "), &[held]).await;
        alone(&app, &token, held).await;
    }

    // Of somebody who is no administrator there is nothing of an administrator's to be had.
    let (code, _, err) = app.run(&["user", "add", "bob", "--password-stdin"], PASSWORD);
    assert_eq!(code, 0, "{err}");
    let mut browser = signed_in(&app, "bob").await;
    let asked = "admin tools:read";
    let ticked = ["admin", "tools:read"];
    let token = let_in(&app, &program, &mut browser, asked, &ticked).await;
    for route in ROUTES
        .iter()
        .filter(|route| route.4 == Need::Right("admin"))
    {
        let response = access::answer(&app, Some(&token), route).await;
        assert_eq!(response.status(), 403, "{route:?}");
        let asks = response.headers().get("www-authenticate");
        assert!(asks.is_none(), "{route:?}: no scope helps, {asks:?}");
    }
    let listed = to_mcp(&app, &token, "tools/list", json!({})).await;
    assert_eq!(listed.status(), 200);
}

/// Records of this person's that fit.
async fn records(person: &Person, query: &str) -> Vec<Value> {
    let found = person.get(&format!("api/v1/audit?limit=100&{query}")).await;
    found.data().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_did_is_on_record_as_its_doing_and_ends_with_its_access() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.connected("alice").await;
    let program = register(&app, "Ada's clerk").await;
    let mut browser = signed_in(&app, "alice").await;
    let usual = ["tools:read", "tools:call", "tools:write"];
    let asked = usual.join(" ");
    let token = let_in(&app, &program, &mut browser, &asked, &usual).await;
    let clerk = alice.with_token(&token);

    let event = json!({
        "summary": "Tea",
        "start_time": "2026-12-01T10:00:00Z",
        "end_time": "2026-12-01T11:00:00Z",
    });
    clerk.call("create_calendar_event", &event).await;
    let mail = json!({ "to": "guest@sandbox.test", "subject": "Hello", "body": "Tea?" });
    let waits = clerk.try_call("send_email", &mail).await;
    assert_eq!(waits.status, 202, "{waits:?}");
    let approval = &waits.data()["approval"];
    let caller = approval["requested_by"].as_str().unwrap().to_owned();
    let (kind, rest) = caller.split_once(':').unwrap();
    let (grant, name) = rest.split_once(':').unwrap();
    assert_eq!((kind, name), ("client", "Ada's clerk"));
    assert!(grant.parse::<i64>().is_ok(), "{caller}");

    // Person, client, tool, outcome: found by the client's name, and by its number.
    for filter in [
        "caller=ada%27s+clerk".to_owned(),
        format!("caller=client:{grant}:"),
    ] {
        let made = records(&alice, &format!("target=create_calendar_event&{filter}")).await;
        let found: Vec<_> = made
            .iter()
            .map(|r| (r["action"].clone(), r["outcome"].clone()))
            .collect();
        assert_eq!(
            found,
            [
                ("tool.result".into(), "ok".into()),
                ("tool.call".into(), "started".into())
            ]
        );
        assert!(
            made.iter().all(|record| record["caller"] == *caller),
            "{made:?}"
        );
        assert!(
            made.iter().all(|record| record["user_id"].is_number()),
            "{made:?}"
        );
    }
    let shown = browser.open("activity?caller=clerk").await;
    for part in ["(client)", "clerk", "create_calendar_event"] {
        assert!(shown.html.contains(part), "{part} is not on {shown:?}");
    }
    let shown = browser.open("approvals").await;
    assert!(shown.html.contains("clerk (client)"), "{shown:?}");
    // Another person finds nothing of it.
    let bob = app.person("bob").await;
    assert!(records(&bob, "caller=clerk").await.is_empty());

    // What it has open ends when its access is taken away; what it asked for stays, for its person to decide.
    let listening = json!({ "notifications": { "toolsListChanged": true } });
    let response = to_mcp(&app, &token, "subscriptions/listen", listening).await;
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    assert!(stream.next().await.is_some(), "it is taken up");
    take_away(&mut browser).await;
    let over = async { while let Some(Ok(_)) = stream.next().await {} };
    let ended = tokio::time::timeout(Duration::from_secs(3), over).await;
    assert!(ended.is_ok(), "the stream goes on");
    let refused = clerk.try_call("list_calendars", &json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "UNAUTHORIZED")
    );
    let decided = alice
        .decide(approval["id"].as_str().unwrap(), "approve")
        .await;
    assert_eq!(decided.status, 200, "{decided:?}");
    let sent = records(&alice, &format!("target=send_email&caller=client:{grant}:")).await;
    assert_eq!(
        sent[0]["outcome"], "ok",
        "carried out for whom it was asked: {sent:?}"
    );

    for action in ["access.allow", "access.end"] {
        let found = records(&alice, &format!("action={action}")).await;
        assert!(!found.is_empty(), "{action}");
        assert!(
            found
                .iter()
                .all(|record| record.to_string().contains(&program)),
            "{found:?}"
        );
    }
    let (code, out, err) = app.run(&["audit", "verify"], "");
    assert_eq!(code, 0, "{out}{err}");
}
