//! The forms in which servers are added and changed.

use super::*;

#[tokio::test]
async fn a_wrong_form_comes_back_as_it_was_filled_in() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let new = "/servers/-/new?type=filesystem";
    let fields = [
        ("name", "Files"),
        ("c.allowed_path", "/etc"),
        ("default_policy", "ask"),
    ];
    let page = browser.post(new, &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("value=\"/etc\"") && page.text.contains("value=\"Files\""));
    assert_eq!(
        page.text.matches("class=\"wrong\"").count(),
        2,
        "{}",
        page.text
    );
    assert!(page.text.contains("<option value=\"ask\" selected>"));
}

#[tokio::test]
async fn what_was_changed_in_another_tab_is_not_taken_back_unseen() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    let mut browser = app.signed_in("alice").await;
    let (old, other) = (app.files(&alice), app.files(&alice) + "/other");
    std::fs::create_dir(&other).unwrap();
    let page = browser.get("/servers/files/edit").await;
    let auto = [("default_policy", "auto"), ("c.allowed_path", &*old)];
    sent(&mut browser, "files", &page, &auto).await;

    let first = browser.get("/servers/files/edit").await;
    let second = browser.get("/servers/files/edit").await;
    let strict = [("default_policy", "ask"), ("c.allowed_path", &*other)];
    let answer = sent(&mut browser, "files", &second, &strict).await;
    assert_eq!(answer.header("location"), "/servers/files?done=saved");
    let page = sent(&mut browser, "files", &first, &auto).await;
    assert_eq!(
        page.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        page.text
    );
    assert!(
        page.text.contains("It was changed at the same time"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains(&format!("value=\"{old}\"")),
        "what was typed stays"
    );
    assert!(
        page.text.contains(&format!("It is now: {other}")),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("<option value=\"ask\" selected>"),
        "nobody chose the laxer policy here: {}",
        page.text
    );
    let stored = browser.get("/servers/files/edit").await;
    assert!(stored.text.contains(&other) && stored.text.contains("value=\"ask\" selected"));

    // Who has seen it may go on; the stricter policy stays, as it was not touched.
    let again = [("default_policy", "ask"), ("c.allowed_path", &*old)];
    let answer = sent(&mut browser, "files", &page, &again).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let stored = browser.get("/servers/files/edit").await;
    assert!(!stored.text.contains(&other) && stored.text.contains("value=\"ask\" selected"));

    // The policy alone is no new generation: a form that does not touch it leaves it, one that does is told.
    let stale = stored;
    let policy = |policy| [("default_policy", policy), ("c.allowed_path", &*old)];
    let page = browser.get("/servers/files/edit").await;
    sent(&mut browser, "files", &page, &policy("ask_writes")).await;
    let answer = sent(&mut browser, "files", &stale, &policy("ask")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = browser.get("/servers/files/edit").await;
    assert!(
        page.text.contains("value=\"ask_writes\" selected"),
        "{}",
        page.text
    );
    let answer = sent(&mut browser, "files", &stale, &policy("auto")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("id=\"w-default_policy\""),
        "{}",
        answer.text
    );
    let page = browser.get("/servers/files/edit").await;
    assert!(page.text.contains("value=\"ask_writes\" selected"));
    // A form that does not say what it was made from overwrites nothing.
    let answer = browser.post("/servers/files/edit", &policy("auto")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn add_pressed_twice_adds_once_and_leads_to_the_server_both_times() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let form = [
        ("name", "far"),
        ("default_policy", "ask"),
        ("c.url", "https://mcp.example.com/mcp"),
        ("c.auth", "bearer"),
        ("c.token", SECRET),
    ];
    let page = browser.post("/servers/-/new?type=remote", &form).await;
    let first = hidden(&page, "draft");
    let page = browser.post("/servers/-/new?type=remote", &form).await;
    let second = hidden(&page, "draft");
    for _ in 0..2 {
        let answer = browser.post("/servers/-/add", &[("draft", &first)]).await;
        assert_eq!(
            answer.header("location"),
            "/servers/far?done=server-added",
            "{}",
            answer.text
        );
    }
    assert_eq!(
        browser
            .get("/servers")
            .await
            .text
            .matches("/servers/far\"")
            .count(),
        1
    );
    // Another draft is another server: its form comes back as it was filled in, without the secret.
    let page = browser.post("/servers/-/add", &[("draft", &second)]).await;
    assert_eq!(
        page.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        page.text
    );
    assert!(page.text.contains("You already have a server of this name"));
    assert!(page.text.contains("value=\"https://mcp.example.com/mcp\""));
    assert!(page.text.contains("<option value=\"bearer\" selected>"));
    assert!(page.text.contains("<option value=\"ask\" selected>"));
    assert!(page.text.contains("give it once more") && !page.text.contains(SECRET));
}

#[tokio::test]
async fn what_is_wrong_with_a_field_is_tied_to_it() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let fields = [
        ("name", "far"),
        ("default_policy", "ask"),
        ("c.url", "https://mcp.example.com/mcp"),
        ("c.auth", "magic"),
        ("c.token", "left over"),
    ];
    let page = browser.post("/servers/-/new?type=remote", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for key in ["auth", "token"] {
        let described = format!("aria-describedby=\"w-{key} h-{key}\" aria-invalid=\"true\"");
        assert!(page.text.contains(&described), "{key}: {}", page.text);
        assert!(
            page.text
                .contains(&format!("<span class=\"wrong\" id=\"w-{key}\">"))
        );
        assert!(page.text.contains(&format!("id=\"h-{key}\"")));
    }
    assert!(page.text.contains("aria-describedby=\"h-url\""));
    let fields = [
        ("name", "own"),
        ("default_policy", "ask"),
        ("c.command", "npx"),
        ("c.env", "1=2"),
    ];
    let page = browser.post("/servers/-/new?type=custom", &fields).await;
    let described = "aria-describedby=\"w-env h-env\" aria-invalid=\"true\"></textarea>";
    assert!(page.text.contains(described), "{}", page.text);
    // All that is spoken of is there.
    for template in Registry::builtin().all() {
        let path = format!("/servers/-/new?type={}", template.server_type);
        let page = browser.get(&path).await;
        for said in page.text.split("aria-describedby=\"").skip(1) {
            for id in said.split('"').next().unwrap().split(' ') {
                let ids = page.text.matches(&format!("id=\"{id}\"")).count();
                assert_eq!(ids, 1, "{path}: {id}");
            }
        }
        let controls = page.text.matches(" name=\"c.").count();
        let tied = page.text.matches("aria-describedby=\"h-").count();
        assert!(tied > controls, "{path}: every field, and the policy");
    }
}

#[tokio::test]
async fn while_nothing_can_be_put_on_record_a_form_is_kept_and_nothing_changed() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/servers/files/edit").await;
    let other = app.files(&alice) + "/other";
    std::fs::create_dir(&other).unwrap();
    let rename = async |from: &str, to: &str| {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        deputy_store::testing::execute(&app.store.url, &statement).await;
    };
    rename("audit_head", "audit_away").await;
    let entry = deputy_gateway::audit::Entry {
        user: None,
        caller: "system".to_owned(),
        action: "servers.test",
        target: String::new(),
        call_id: None,
        outcome: "ok".to_owned(),
        detail: Value::Null,
    };
    assert!(app.audit.record(entry).await.is_err());
    let edit = [("default_policy", "ask"), ("c.allowed_path", &*other)];
    let answer = sent(&mut browser, "files", &page, &edit).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text
    );
    assert!(answer.text.contains("put on record"), "{}", answer.text);
    assert!(
        answer.text.contains(&format!("value=\"{other}\"")),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("<option value=\"ask\" selected>"));
    let answer = browser.post("/servers/files/disable", &[]).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text
    );
    assert!(answer.text.contains("put on record") && !answer.text.contains("too many"));
    rename("audit_away", "audit_head").await;
    let stored = browser.get("/servers/files/edit").await;
    assert!(!stored.text.contains(&other), "nothing was changed");
    let answer = sent(&mut browser, "files", &page, &edit).await;
    assert_eq!(
        answer.header("location"),
        "/servers/files?done=saved",
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_server_of_a_kind_that_is_gone_says_so_and_is_not_edited() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/servers/files").await;
    assert!(page.text.contains("/servers/files/edit"), "{}", page.text);
    let form = browser.get("/servers/files/edit").await;
    let gone = "UPDATE user_mcp_servers SET server_type = 'gone-kind'";
    deputy_store::testing::execute(&app.store.url, gone).await;
    let page = browser.get("/servers/files").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("/servers/files/edit"), "{}", page.text);
    assert!(
        page.text.contains("no servers of this kind (gone-kind)")
            && !page.text.contains("Edit them"),
        "{}",
        page.text
    );
    let answer = browser.get("/servers/files/edit").await;
    assert_eq!(answer.header("location"), "/servers/files");
    let fields = [("default_policy", "ask")];
    let answer = sent(&mut browser, "files", &form, &fields).await;
    assert_eq!(answer.header("location"), "/servers/files");
}

#[tokio::test]
async fn a_secret_that_can_not_stay_is_asked_for_at_its_field() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let add = async |name: &str, kind: &str, config: Value| {
        let body = json!({ "server_name": name, "server_type": kind, "config": config });
        let answer = app
            .api(Method::POST, "/api/v1/servers", &token, Some(body))
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    };
    let remote = json!({ "url": "https://a.example.com/mcp", "auth": "bearer", "token": SECRET });
    add("far", "remote", remote).await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/servers/far/edit").await;
    assert!(
        page.text.contains("Leave empty to keep it"),
        "{}",
        page.text
    );
    let elsewhere = |token| {
        [
            ("default_policy", "ask_writes"),
            ("c.url", "https://b.example.com/mcp"),
            ("c.auth", "bearer"),
            ("c.token", token),
        ]
    };
    let page = sent(&mut browser, "far", &page, &elsewhere("")).await;
    assert_eq!(
        page.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        page.text
    );
    assert!(page.text.contains("id=\"w-token\""), "{}", page.text);
    assert!(
        page.text.contains("value=\"https://b.example.com/mcp\""),
        "what was typed stays"
    );
    assert!(
        !page.text.contains("Leave empty to keep it") && !page.text.contains("chip ok\">Set"),
        "it does not stay: {}",
        page.text
    );
    let stored = browser.get("/servers/far").await;
    assert!(
        stored.text.contains("https://a.example.com/mcp"),
        "nothing was changed"
    );
    let answer = sent(&mut browser, "far", &page, &elsewhere("another")).await;
    assert_eq!(
        answer.header("location"),
        "/servers/far?done=saved",
        "{}",
        answer.text
    );
    let stored = browser.get("/servers/far").await;
    assert!(stored.text.contains("https://b.example.com/mcp"));
}
