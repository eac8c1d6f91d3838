//! `/servers` and what is below it.

use super::*;

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
