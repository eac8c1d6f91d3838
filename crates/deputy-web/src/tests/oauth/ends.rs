//! What ends accesses together: a person on `/settings`, an administrator, a program that logs in
//! anew.

use super::*;

async fn opens(app: &TestApp, token: &str) -> bool {
    let me = app.api(Method::GET, "/api/v1/me", token, None).await;
    me.status == StatusCode::OK
}

fn on(action: &str, outcomes: &[&str]) -> Vec<(String, String)> {
    let pair = |outcome: &&str| (action.to_owned(), (*outcome).to_owned());
    outcomes.iter().map(pair).collect()
}

#[tokio::test]
async fn a_program_is_one_row_and_all_of_it_is_taken_away_at_once() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("bob").await;
    app.added("bot", &[CALLBACK]).await;
    app.added("other", &[CALLBACK]).await;
    let mut alice = app.signed_in("alice").await;
    let mut bob = app.signed_in("bob").await;
    let (one, _) = app.log_in(&mut alice, "bot", &Wish::of("bot")).await;
    assert!(!alice.get("/settings").await.text.contains("Take all away"));
    let (two, _) = app.log_in(&mut alice, "bot", &Wish::of("bot")).await;
    let (kept, _) = app.log_in(&mut alice, "other", &Wish::of("other")).await;
    let (his, _) = app.log_in(&mut bob, "bot", &Wish::of("bot")).await;
    let page = alice.get("/settings").await;
    assert_eq!(
        page.text.matches("<bdi>bot</bdi>").count(),
        1,
        "{}",
        page.text
    );
    assert_eq!(page.text.matches("Take all away").count(), 1);
    assert_eq!(page.text.matches("/settings/access/").count(), 4);
    let path = "/settings/access/end";
    let fields = [("client_id", "bot")];
    let ended = alice.post(path, &fields).await;
    assert_eq!(
        ended.header("location"),
        "/settings?done=accesses-ended#access"
    );
    assert!(!opens(&app, &one).await && !opens(&app, &two).await);
    assert!(opens(&app, &kept).await && opens(&app, &his).await);
    for nothing in ["bot", "", "nobody"] {
        let again = alice.post(path, &[("client_id", nothing)]).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    let on_record = app.recorded("access.end").await;
    assert_eq!(on_record, on("access.end_all", &["started", "ok"]));
    let rows = app.store.store.audit_after(0, 1000).await.unwrap();
    let row = rows.iter().find(|row| row.action == "access.end_all");
    let detail: Value = serde_json::from_str(&row.unwrap().detail).unwrap();
    assert_eq!(detail["grants"].as_array().unwrap().len(), 2, "{detail}");

    app.audit.close().await;
    let refused = alice.post(path, &[("client_id", "other")]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(opens(&app, &kept).await);
}

#[tokio::test]
async fn the_same_over_rest() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.added("bot", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let (one, _) = app.log_in(&mut browser, "bot", &Wish::of("bot")).await;
    let (two, _) = app.log_in(&mut browser, "bot", &Wish::of("bot")).await;
    let end = async |token: &str, query: &str| {
        let path = format!("/api/v1/grants{query}");
        app.api(Method::DELETE, &path, token, None).await
    };
    // A program ends its own, of its own.
    let refused = end(&one, "?client_id=deputy-cli").await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let ended = end(&one, "?client_id=bot").await;
    assert_eq!(ended.json()["data"]["ended"], 1, "{}", ended.text);
    assert!(!opens(&app, &one).await && opens(&app, &two).await);
    let (three, _) = app.log_in(&mut browser, "bot", &Wish::of("bot")).await;
    let narrow = app.token(&alice, "tools:write").await;
    let refused = end(&narrow, "?client_id=bot").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let wide = app.token(&alice, "integrations:manage").await;
    assert_eq!(end(&wide, "").await.status, StatusCode::BAD_REQUEST);
    let ended = end(&wide, "?client_id=bot").await;
    assert_eq!(ended.json()["data"]["ended"], 2);
    assert!(!opens(&app, &two).await && !opens(&app, &three).await);
    let again = end(&wide, "?client_id=bot").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let (four, _) = app.log_in(&mut browser, "bot", &Wish::of("bot")).await;
    let listed = app.api(Method::GET, "/api/v1/grants", &four, None).await;
    let id = listed.json()["data"][0]["id"].as_i64().unwrap();
    assert_eq!(end(&wide, &format!("/{id}")).await.status, StatusCode::OK);

    // Who is told why, and what is on record: a program's doing, or that of a token.
    for (token, why) in [
        (&one, "the client gave its access back"),
        (&two, "with a personal token"),
        (&four, "with a personal token"),
    ] {
        let refused = app.api(Method::GET, "/api/v1/me", token, None).await;
        assert!(refused.header("www-authenticate").contains(why), "{why}");
    }
    app.audit.flush().await;
    let rows = app.store.store.audit_after(0, 1000).await.unwrap();
    let ends = rows
        .iter()
        .filter(|row| row.action.starts_with("access.end"));
    let why = |row: &deputy_store::audit::AuditRow| {
        let detail: Value = serde_json::from_str(&row.detail).unwrap();
        detail["why"].as_str().unwrap().to_owned()
    };
    let said: Vec<String> = ends.map(why).collect();
    assert_eq!(
        said,
        ["client", "client", "token", "token", "token", "token"]
    );
}

#[tokio::test]
async fn a_changed_password_ends_all_programs_where_that_is_ticked() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.added("bot", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let (token, _) = app.log_in(&mut browser, "bot", &Wish::of("bot")).await;
    let page = browser.get("/settings").await;
    let ticked = "name=\"end_access\" value=\"on\" checked";
    assert!(page.text.contains(ticked), "{}", page.text);
    let (old, new, newer) = (
        "password of alice",
        "a much longer passphrase 1",
        "a much longer passphrase 2",
    );
    let fields = |old: &'static str, new: &'static str| {
        [("current", old), ("new", new), ("again", new)].to_vec()
    };
    let mut both = fields("wrong", new);
    both.push(("end_access", "on"));
    let refused = browser.post("/settings/password", &both).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(opens(&app, &token).await, "nothing changed, nothing ended");
    let changed = browser.post("/settings/password", &fields(old, new)).await;
    assert_eq!(changed.header("location"), "/settings?done=password");
    assert!(opens(&app, &token).await, "not ticked");
    let mut both = fields(new, newer);
    both.push(("end_access", "on"));
    let changed = browser.post("/settings/password", &both).await;
    let location = changed.header("location");
    assert_eq!(
        location, "/settings?done=password-and-access",
        "{}",
        changed.text
    );
    assert!(!opens(&app, &token).await);
    let on_record = app.recorded("access.end").await;
    assert_eq!(on_record, on("access.end_all", &["started", "ok"]));
}

#[tokio::test]
async fn a_code_that_is_still_out_ends_with_the_changed_password() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.added("bot", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let code = browser.allow(&Wish::of("bot")).await;
    let fields = [
        ("current", "password of alice"),
        ("new", "a much longer passphrase 1"),
        ("again", "a much longer passphrase 1"),
        ("end_access", "on"),
    ];
    let changed = browser.post("/settings/password", &fields).await;
    let location = changed.header("location");
    assert_eq!(location, "/settings?done=password-and-access");
    let late = app.redeem("bot", &code, CALLBACK).await;
    assert_eq!(late.json()["error"], "invalid_grant", "{}", late.text);
    // Nor is the program let in without the page.
    let asked = browser.get(&Wish::of("bot").path()).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
}

#[tokio::test]
async fn an_installation_that_logs_in_anew_ends_what_it_had_on_record() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let home = browser.get("/").await;
    assert!(!home.text.contains("New access"));
    let (one, _) = app.log_in(&mut browser, &client, &Wish::of(&client)).await;
    let home = browser.get("/").await;
    assert!(home.text.contains("New access: Notes"), "{}", home.text);
    assert!(!home.text.contains("More access"));
    let (two, _) = app.log_in(&mut browser, &client, &Wish::of(&client)).await;
    let home = browser.get("/").await;
    assert!(!home.text.contains("More access"), "as much as before");
    assert!(!opens(&app, &one).await && opens(&app, &two).await);
    assert_eq!(app.recorded("access.end").await, on("access.end", &["ok"]));
    let rows = app.store.store.audit_after(0, 1000).await.unwrap();
    let row = rows.iter().find(|row| row.action == "access.end").unwrap();
    assert!(row.detail.contains("replaced"), "{:?}", row.detail);
    assert!(row.caller.contains("Notes"), "{}", row.caller);
    let more = Wish::of(&client).with("scope", "tools:read chat tools:write");
    app.log_in(&mut browser, &client, &more).await;
    let home = browser.get("/").await;
    let told = "More access than before: Notes";
    assert!(home.text.contains(told), "{}", home.text);
}

#[tokio::test]
async fn an_administrator_ends_all_of_a_program_or_a_person() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("bob").await;
    app.added("bot", &[CALLBACK]).await;
    let mut alice = app.signed_in("alice").await;
    let mut bob = app.signed_in("bob").await;
    assert!(
        alice
            .get("/admin")
            .await
            .text
            .contains("No program has access")
    );
    let here = "http://127.0.0.1:9/callback";
    let cli = Wish::of("deputy-cli").with("redirect_uri", here);
    let code = bob.allow(&cli).await;
    let own = app.redeem("deputy-cli", &code, here).await.json();
    let own = own["access_token"].as_str().unwrap().to_owned();
    let (his, _) = app.log_in(&mut bob, "bot", &Wish::of("bot")).await;
    let (hers, _) = app.log_in(&mut alice, "bot", &Wish::of("bot")).await;
    let page = alice.get("/admin").await;
    let keys = ["value=\"deputy-cli\"", "name=\"username\" value=\"bob\""];
    assert!(
        keys.iter().all(|key| page.text.contains(key)),
        "{}",
        page.text
    );
    let path = "/admin/access/end";
    for fields in [("client_id", "deputy-cli"), ("username", "alice")] {
        let refused = bob.post(path, &[fields]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "no administrator");
    }
    let ended = alice.post(path, &[("client_id", "deputy-cli")]).await;
    assert_eq!(
        ended.header("location"),
        "/admin?done=accesses-ended#access"
    );
    assert!(!opens(&app, &own).await && opens(&app, &his).await);
    let ended = alice.post(path, &[("username", "bob")]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert!(!opens(&app, &his).await && opens(&app, &hers).await);
    for (name, value) in [("client_id", "nobody"), ("username", "nobody")] {
        let refused = alice.post(path, &[(name, value)]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{name}");
    }
    let both = [("username", "bob"), ("client_id", "bot")];
    for fields in [&both[..], &[]] {
        let refused = alice.post(path, fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }
    let on_record = app.recorded("access.end").await;
    let all = on("access.end_all", &["started", "ok"]);
    let one = on("access.end", &["ok"]);
    let expected = [all.clone(), one.clone(), all, one].concat();
    assert_eq!(on_record, expected, "his are in his records");

    let admin = app.identity.user_by_name("alice").await.unwrap();
    let token = app.token(&admin, "admin").await;
    let end = async |query: &str| {
        let path = format!("/api/v1/admin/grants{query}");
        app.api(Method::DELETE, &path, &token, None).await
    };
    assert_eq!(end("?client_id=bot").await.json()["data"]["ended"], 1);
    assert_eq!(end("?username=bob").await.json()["data"]["ended"], 0);
    for (query, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("?client_id=bot&username=bob", StatusCode::BAD_REQUEST),
        ("?client_id=nobody", StatusCode::NOT_FOUND),
        ("?username=nobody", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(end(query).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn an_administrator_blocks_a_program_and_lets_it_in_again() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("bob").await;
    app.added("bot", &[CALLBACK]).await;
    let mut alice = app.signed_in("alice").await;
    let mut bob = app.signed_in("bob").await;
    let (his, refresh) = app.log_in(&mut bob, "bot", &Wish::of("bot")).await;
    let fields = [("kind", "client"), ("name", " bot ")];
    let refused = bob.post("/admin/blocks", &fields).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    for (kind, name) in [
        ("client", ""),
        ("host", "a b"),
        ("host", "https://x.example/"),
    ] {
        let refused = alice
            .post("/admin/blocks", &[("kind", kind), ("name", name)])
            .await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(refused.text.contains("be blocked") || refused.text.contains("be added"));
    }
    let blocked = alice.post("/admin/blocks", &fields).await;
    assert_eq!(
        blocked.header("location"),
        "/admin?done=client-blocked#blocks"
    );
    assert!(!opens(&app, &his).await);
    let asked = bob.get(&Wish::of("bot").path()).await;
    assert_eq!(asked.status, StatusCode::BAD_REQUEST);
    assert!(
        asked.text.contains("has blocked this program"),
        "{}",
        asked.text
    );
    let refreshing = [
        ("grant_type", "refresh_token"),
        ("client_id", "bot"),
        ("refresh_token", refresh.as_str()),
    ];
    let refused = app.form("/oauth/token", &refreshing).await;
    assert_eq!(refused.json()["error"], "unauthorized_client");
    let page = alice.get("/admin").await;
    let (_, rest) = page.text.split_once("/admin/blocks/").unwrap();
    let id = rest.split('/').next().unwrap();
    let path = format!("/admin/blocks/{id}/end");
    assert_eq!(bob.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
    let unblocked = alice.post(&path, &[]).await;
    assert_eq!(
        unblocked.header("location"),
        "/admin?done=client-unblocked#blocks"
    );
    assert_eq!(alice.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
    let (again, _) = app.log_in(&mut bob, "bot", &Wish::of("bot")).await;
    assert!(opens(&app, &again).await);
    let on_record = app.recorded("client.").await;
    let expected = [
        on("client.block", &["started", "INVALID"]),
        on("client.block", &["started", "INVALID"]),
        on("client.block", &["started", "INVALID"]),
        on("client.block", &["started", "ok"]),
        on("client.unblock", &["started", "ok"]),
    ];
    assert_eq!(on_record, expected.concat());
}

#[tokio::test]
async fn blocks_over_rest() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "admin").await;
    let path = "/api/v1/admin/blocks";
    let add = async |body: Value| app.api(Method::POST, path, &token, Some(body)).await;
    for body in [
        json!({}),
        json!({ "host": "a.example", "client_id": "bot" }),
        json!({ "host": "a.example/x" }),
        json!({ "client_id": "" }),
        json!({ "name": "bot" }),
    ] {
        let refused = add(body.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let made = add(json!({ "host": "Evil.example" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let block = made.json()["data"]["block"].clone();
    assert_eq!(
        (&block["kind"], &block["name"]),
        (&json!("host"), &json!("evil.example"))
    );
    let listed = app.api(Method::GET, path, &token, None).await;
    assert_eq!(listed.json()["data"], json!([block]));
    let one = format!("{path}/{}", block["id"]);
    let gone = app.api(Method::DELETE, &one, &token, None).await;
    assert_eq!(gone.json()["data"]["unblocked"], true);
    for nothing in [one.as_str(), "/api/v1/admin/blocks/x"] {
        let refused = app.api(Method::DELETE, nothing, &token, None).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
    }
}
