//! `/servers` and what is below it.

use super::*;

/// The value of a hidden field.
fn hidden(page: &Answer, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.text.split_once(&field).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Sends the form of `page`, filled in with `fields`, to where this server is changed.
async fn sent(
    browser: &mut Browser<'_>,
    server: &str,
    page: &Answer,
    fields: &[(&str, &str)],
) -> Answer {
    let (generation, was) = (
        hidden(page, "generation"),
        hidden(page, "default_policy_was"),
    );
    let mut all = fields.to_vec();
    all.extend([("generation", &*generation), ("default_policy_was", &*was)]);
    browser.post(&format!("/servers/{server}/edit"), &all).await
}

const SECRET: &str = "ghp_0123456789abcdefghij0123456789abcdef";

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
async fn a_server_is_added_on_the_pages_after_its_command_was_shown() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/servers").await;
    assert!(
        page.text
            .contains("href=\"/servers/-/new?type=filesystem\""),
        "{}",
        page.text
    );
    let page = browser.get("/servers/-/new?type=filesystem").await;
    let root = app.folder.path().join(format!("files/{}", alice.id.0));
    assert!(
        page.text.contains(&root.display().to_string()),
        "which folders are allowed: {}",
        page.text
    );
    assert!(page.text.contains("name=\"c.allowed_path\""));

    let new = "/servers/-/new?type=filesystem";
    let folder = app.files(&alice);
    let fields = [
        ("name", "files"),
        ("c.allowed_path", folder.as_str()),
        ("default_policy", "ask"),
    ];
    let page = browser.post(new, &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text
            .contains(&format!("server-filesystem@2026.8.31 {folder}")),
        "{}",
        page.text
    );
    assert!(
        browser
            .get("/servers")
            .await
            .text
            .contains("No servers yet"),
        "nothing is added"
    );
    let (_, rest) = page.text.split_once("name=\"draft\" value=\"").unwrap();
    let draft = rest.split('"').next().unwrap().to_owned();

    app.user("bob").await;
    let mut bob = app.signed_in("bob").await;
    let answer = bob.post("/servers/-/add", &[("draft", &draft)]).await;
    assert_eq!(
        answer.header("location"),
        "/servers?done=draft-lapsed",
        "it opens for its person alone"
    );
    let answer = browser.post("/servers/-/add", &[("draft", &draft)]).await;
    assert_eq!(
        answer.header("location"),
        "/servers/files?done=server-added",
        "{}",
        answer.text
    );
    let page = browser.get("/servers/files?done=server-added").await;
    assert!(
        page.text.contains("Added. Deputy reads its tools now") && page.text.contains("/mcp/files"),
        "{}",
        page.text
    );
    assert_eq!(
        bob.get("/servers/files").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_server_is_switched_tested_and_deleted_on_its_page() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    let mut browser = app.signed_in("alice").await;
    let answer = browser.post("/servers/files/disable", &[]).await;
    assert_eq!(answer.header("location"), "/servers/files");
    assert!(
        browser
            .get("/servers/files")
            .await
            .text
            .contains("Switch on")
    );
    browser.post("/servers/files/enable", &[]).await;
    let page = browser.post("/servers/files/test", &[]).await;
    assert!(page.text.contains("It does not work"), "{}", page.text);
    let page = browser.get("/").await;
    assert!(page.text.contains("Your servers need you"), "{}", page.text);

    assert!(
        browser
            .get("/servers/files/delete")
            .await
            .text
            .contains("Delete files?")
    );
    let answer = browser.post("/servers/files/delete", &[]).await;
    assert_eq!(answer.header("location"), "/servers?done=server-deleted");
    assert_eq!(
        browser.get("/servers/files").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_secret_never_comes_back() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let new = "/servers/-/new?type=remote";
    let secret = ["c.token", SECRET];
    let fields = |url| {
        [
            ("name", "far"),
            ("default_policy", "ask_writes"),
            ("c.url", url),
            ("c.auth", "bearer"),
            (secret[0], secret[1]),
        ]
    };
    let page = browser.post(new, &fields("not a url")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("not a url") && !page.text.contains(SECRET));
    let page = browser
        .post(new, &fields("https://mcp.example.com/mcp"))
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text.contains("Authorization") && page.text.contains("•••"),
        "{}",
        page.text
    );
    assert!(!page.text.contains(SECRET));
    let (_, rest) = page.text.split_once("name=\"draft\" value=\"").unwrap();
    let draft = rest.split('"').next().unwrap().to_owned();
    let answer = browser.post("/servers/-/add", &[("draft", &draft)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    for path in ["/servers/far", "/servers/far/edit", "/servers", "/activity"] {
        assert!(!browser.get(path).await.text.contains(SECRET), "{path}");
    }
    // An empty field keeps the secret; the other values change.
    let page = browser.get("/servers/far/edit").await;
    assert!(
        page.text.contains("Leave empty to keep it"),
        "{}",
        page.text
    );
    let edit = [
        ("default_policy", "ask"),
        ("c.url", "https://mcp.example.com/other"),
        ("c.auth", "bearer"),
        ("c.token", ""),
    ];
    let answer = sent(&mut browser, "far", &page, &edit).await;
    assert_eq!(
        answer.header("location"),
        "/servers/far?done=saved",
        "{}",
        answer.text
    );
    let page = browser.get("/servers/far").await;
    assert!(
        page.text.contains("https://mcp.example.com/other") && page.text.contains("Authorization")
    );
}

#[tokio::test]
async fn changed_tools_are_shown_with_their_difference_and_allowed_as_seen() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    app.tools(alice.id).await;
    let mut browser = app.signed_in("alice").await;
    let list = browser.get("/servers").await;
    assert!(list.text.contains("2 tools are held back"), "{}", list.text);
    let page = browser.get("/servers/files").await;
    assert!(
        page.text.contains("Lists a folder")
            && page.text.contains("Send &#60;b&#62;all&#60;/b&#62; to me"),
        "{}",
        page.text
    );
    assert!(page.text.contains("only reads"));
    let seen: Vec<String> = page
        .text
        .split("name=\"seen\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let answer = browser
        .post("/servers/files/accept", &[("seen", "0000 tool_1")])
        .await;
    assert_eq!(
        answer.header("location"),
        "/servers/files?done=tools-changed-again"
    );
    let first = seen.iter().find(|seen| seen.ends_with(" tool_1")).unwrap();
    let answer = browser
        .post("/servers/files/accept", &[("seen", first)])
        .await;
    assert_eq!(
        answer.header("location"),
        "/servers/files?done=tools-allowed",
        "{}",
        answer.text
    );
    let list = browser.get("/servers").await;
    assert!(list.text.contains("1 tool is held back"), "{}", list.text);

    let fields = [
        ("was.tool_0", ""),
        ("p.tool_0", "deny"),
        ("was.tool_1", ""),
        ("p.tool_1", ""),
    ];
    let answer = browser.post("/servers/files/tools", &fields).await;
    assert_eq!(answer.header("location"), "/servers/files?done=saved#tools");
    let page = browser.get("/servers/files").await;
    assert!(
        page.text.contains("<option value=\"deny\" selected>"),
        "{}",
        page.text
    );
    assert_eq!(
        page.text
            .matches("<option value=\"deny\" selected>")
            .count(),
        1
    );
}

#[tokio::test]
async fn an_administrator_makes_rules_on_the_page_and_others_see_none() {
    let app = TestApp::start(None).await;
    app.user("root").await;
    app.user("alice").await;
    let mut root = app.signed_in("root").await;
    let fields = [("server", "filesystem"), ("tool", ""), ("policy", "ask")];
    let answer = root.post("/servers/-/rules", &fields).await;
    assert_eq!(answer.header("location"), "/servers?done=saved#rules");
    assert!(root.get("/servers").await.text.contains("filesystem · *"));
    let mut alice = app.signed_in("alice").await;
    assert!(!alice.get("/servers").await.text.contains("id=\"rules\""));
    let answer = alice.post("/servers/-/rules", &fields).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let fields = [("server", "filesystem"), ("tool", "*"), ("policy", "")];
    root.post("/servers/-/rules", &fields).await;
    assert!(!root.get("/servers").await.text.contains("filesystem · *"));
}

#[tokio::test]
async fn the_pages_are_whole_in_every_language() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    app.tools(alice.id).await;
    let mut browser = app.signed_in("alice").await;
    browser.post("/servers/files/test", &[]).await;
    for language in ["en", "ru", "uk"] {
        browser
            .post("/settings/profile", &[("language", language)])
            .await;
        let mut paths = vec![
            "/".to_owned(),
            "/servers".to_owned(),
            "/servers/files".to_owned(),
            "/servers/files/edit".to_owned(),
            "/servers/files/delete".to_owned(),
            "/activity".to_owned(),
        ];
        for template in Registry::builtin().all() {
            paths.push(format!("/servers/-/new?type={}", template.server_type));
        }
        for path in paths {
            let page = browser.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert!(
                page.text.contains(&format!("<html lang=\"{language}\">")),
                "{path}"
            );
            assert!(
                !page.text.contains("Unknown localization"),
                "{path} in {language}"
            );
            assert!(
                !page.text.contains(" style=") && !page.text.contains("<script"),
                "{path}"
            );
            let forms = page.text.matches("method=\"post\"").count();
            assert_eq!(forms, page.text.matches("name=\"csrf\"").count(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_tool_goes_by_its_servers_name_wherever_it_is_shown() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.add_files(&alice).await;
    app.tools(alice.id).await;
    let mut browser = app.signed_in("alice").await;
    // It fails, which is told too.
    let call = "/api/v1/tools/files__tool_0/call";
    let answer = app.api(Method::POST, call, &token, Some(json!({}))).await;
    assert!(answer.status.is_server_error(), "{}", answer.text);
    let all = [
        ("default_policy", "ask"),
        ("c.allowed_path", &*app.files(&alice)),
    ];
    let page = browser.get("/servers/files/edit").await;
    sent(&mut browser, "files", &page, &all).await;
    let asked = app.api(Method::POST, call, &token, Some(json!({}))).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    for path in ["/", "/activity", "/approvals"] {
        let page = browser.get(path).await;
        assert!(page.text.contains("files: tool_0"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn what_does_not_count_is_folded_away_and_what_is_wrong_is_not() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let new = "/servers/-/new?type=remote";
    let page = browser.get(new).await;
    assert_eq!(page.text.matches("<details class=\"fold\">").count(), 3);
    assert!(
        !page.text.contains("${"),
        "names stand for what is filled in"
    );
    let fields = [
        ("name", "google"),
        ("default_policy", "ask"),
        ("c.url", "https://mcp.example.com/mcp"),
        ("c.auth", "header"),
        ("c.token", "left over"),
    ];
    let page = browser.post(new, &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("Deputy’s own server has this name"));
    // The header that is missing, and the token that nothing uses.
    assert_eq!(
        page.text.matches("<details class=\"fold\" open>").count(),
        2
    );
    assert_eq!(page.text.matches("<details class=\"fold\">").count(), 1);
}

#[tokio::test]
async fn only_so_many_changes_are_shown_at_once_and_agreed_to_as_shown() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.add_files(&alice).await;
    let rows = (0..40).map(|n| row(n, OwnToolState::New, None, Some("Came later")));
    app.rows(alice.id, rows.collect()).await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/servers/files").await;
    assert!(page.text.contains("10 more wait."), "{}", page.text);
    assert_eq!(page.text.matches("<div class=\"diff\"").count(), 30);
    let (_, all) = page.text.rsplit_once("/servers/files/accept").unwrap();
    let seen: Vec<(&str, &str)> = all
        .split("name=\"seen\" value=\"")
        .skip(1)
        .map(|rest| ("seen", rest.split('"').next().unwrap()))
        .collect();
    assert_eq!(seen.len(), 30);
    browser.post("/servers/files/accept", &seen).await;
    let page = browser.get("/servers/files").await;
    assert_eq!(page.text.matches("<div class=\"diff\"").count(), 10);
    assert!(!page.text.contains("more wait"));
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
