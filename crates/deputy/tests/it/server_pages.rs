//! `/servers` as somebody uses it who has only a browser: a server of npm is added by its form,
//! tested, told what it may do, and nobody else sees it.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{App, Browser, Form, Options, PASSWORD, Page, Person, node_dir, one_engine};

/// The form by which files are added, with this folder in it.
async fn filled_in(browser: &mut Browser, name: &str, folder: &Path) -> Form {
    let page = browser.open("servers/-/new?type=filesystem").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    page.form_with("c.allowed_path")
        .with("name", name)
        .with("c.allowed_path", folder.to_str().unwrap())
        // A list to choose from, which stands on this.
        .with("default_policy", "ask_writes")
}

/// What stands about a field in the form that came back.
fn wrong<'a>(page: &'a Page, field: &str) -> Option<&'a str> {
    let (_, rest) = page.html.split_once(&format!("name=\"{field}\""))?;
    let rest = rest.split("class=\"help\"").next()?;
    let (_, message) = rest.split_once("class=\"wrong\"")?;
    Some(message.split_once('>')?.1.split('<').next()?.trim())
}

/// A tool as the page lists it: what stands between its name and the next tool.
fn tool<'a>(page: &'a Page, published: &str) -> &'a str {
    let name = format!(">{published}<");
    let (_, rest) = page
        .html
        .split_once(&name)
        .unwrap_or_else(|| panic!("no {published} on {page:?}"));
    rest.split("</li>").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_serves_a_folder_with_nothing_but_a_browser() {
    if node_dir().is_none() {
        return;
    }
    // What the engine keeps of it, `deputy-gateway/tests/servers` tries on both.
    let app = App::start(Options::on(one_engine())).await;
    let (code, _, err) = app.run(&["user", "add", "alice", "--password-stdin"], PASSWORD);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = app.run(&["user", "add", "bob", "--password-stdin"], PASSWORD);
    assert_eq!(code, 0, "{err}");
    let folder = app.folder.path().join("data/files/1/reports");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("june.txt"), "it was warm").unwrap();

    let mut alice = app.browser();
    alice.sign_in("alice", PASSWORD).await;
    let empty = alice.open("servers").await;
    assert!(empty.html.contains("No servers yet"), "{empty:?}");
    assert!(
        empty
            .html
            .contains("href=\"/servers/-/new?type=filesystem\"")
    );

    a_wrong_folder_is_named(&app, &mut alice).await;
    add(&mut alice, &folder).await;
    let tested = test(&mut alice).await;
    assert!(tested.html.contains("list_directory"), "{tested:?}");
    deny(&mut alice).await;
    let (_, token, _) = app.run(&["token", "create", "--user", "alice"], "");
    let client = Person::new(app.url.clone(), "alice".to_owned(), token.trim().to_owned());
    let written = json!({ "path": folder.join("july.txt"), "content": "hot" });
    let refused = client.try_call("files__write_file", &written).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let listed = json!({ "path": folder });
    let listed = client.try_call("files__list_directory", &listed).await;
    assert!(listed.body.to_string().contains("june.txt"), "{listed:?}");
    its_log_is_shown(&mut alice).await;
    nobody_else_sees_it(&app).await;
}

async fn a_wrong_folder_is_named(app: &App, alice: &mut Browser) {
    for folder in [
        app.folder.path().to_owned(),
        app.folder.path().join("data/files/2"),
        app.folder.path().join("data/files/1/nowhere"),
        "/etc".into(),
    ] {
        let form = filled_in(alice, "files", &folder).await;
        let page = alice.submit(form).await;
        let folder = folder.display();
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{folder}");
        let message = wrong(&page, "c.allowed_path");
        assert!(message.is_some_and(|m| m.len() > 10), "{folder}: {page:?}");
        assert_eq!(wrong(&page, "name"), None, "{page:?}");
        let typed = format!("value=\"{folder}\"");
        assert!(
            page.html.contains(&typed),
            "it stands in the form: {page:?}"
        );
    }
    let listed = alice.open("servers").await;
    assert!(listed.html.contains("No servers yet"), "nothing was added");
}

async fn add(alice: &mut Browser, folder: &Path) {
    let form = filled_in(alice, "files", folder).await;
    let review = alice.submit(form).await;
    assert_eq!(review.status, StatusCode::OK, "{review:?}");
    let runs = format!("@2026.8.31 {}", folder.display());
    assert!(review.html.contains(&runs), "what will be run: {review:?}");
    assert!(
        review.html.contains("<dd>none</dd>"),
        "no network: {review:?}"
    );
    assert!(
        !review.html.contains("DEPUTY_SANDBOX"),
        "it is held to that"
    );
    let listed = alice.open("servers").await;
    assert!(listed.html.contains("No servers yet"), "not before the yes");
    let added = alice.submit(review.form_with("draft")).await;
    assert_eq!(added.status, StatusCode::OK, "{added:?}");
    assert_eq!(added.url.path(), "/servers/files");
}

async fn test(alice: &mut Browser) -> Page {
    let page = alice.open("servers/files").await;
    let tested = alice.submit(page.form_to("/servers/files/test")).await;
    assert_eq!(tested.status, StatusCode::OK, "{tested:?}");
    assert!(tested.html.contains("It works"), "{tested:?}");
    let page = alice.open("servers/files").await;
    assert!(page.html.contains("files__write_file"), "{page:?}");
    assert!(tool(&page, "files__list_directory").contains("only reads"));
    assert!(
        tool(&page, "files__write_file").contains("chip plain wait\">Ask me"),
        "{page:?}"
    );
    page
}

/// One tool is denied; the others stay as they are.
async fn deny(alice: &mut Browser) {
    let page = alice.open("servers/files").await;
    let form = page.form_to("/servers/files/tools");
    let denied = alice.submit(form.with("p.write_file", "deny")).await;
    assert_eq!(denied.status, StatusCode::OK, "{denied:?}");
    let page = alice.open("servers/files").await;
    let chosen = "value=\"deny\" selected";
    assert!(
        tool(&page, "files__write_file").contains(chosen),
        "{page:?}"
    );
    assert_eq!(page.html.matches(chosen).count(), 1, "{page:?}");
    let activity = alice.open("activity").await;
    assert!(activity.html.contains("write_file"), "{activity:?}");
}

async fn its_log_is_shown(alice: &mut Browser) {
    // What the server says as it starts.
    let page = alice.open("servers/files").await;
    let (_, log) = page.html.split_once("id=\"log\"").unwrap();
    assert!(log.contains("Secure MCP Filesystem Server"), "{page:?}");
}

async fn nobody_else_sees_it(app: &App) {
    let mut bob = app.browser();
    bob.sign_in("bob", PASSWORD).await;
    for path in ["", "servers", "activity"] {
        let page = bob.open(path).await;
        assert_eq!(page.status, StatusCode::OK, "/{path}");
        for theirs in ["/servers/files", "reports", "files__"] {
            assert!(!page.html.contains(theirs), "/{path} shows '{theirs}'");
        }
    }
    let token = bob.open("settings").await.form_with("csrf").fields;
    let token = token.into_iter().find(|(n, _)| n == "csrf").unwrap();
    for path in [
        "servers/files",
        "servers/files/edit",
        "servers/files/delete",
    ] {
        assert_eq!(bob.open(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for act in ["test", "disable", "tools", "delete"] {
        let url = app.url.join(&format!("servers/files/{act}")).unwrap();
        let fields = [token.clone()];
        let response = bob.send(Method::POST, url, Some(&fields)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{act}");
    }
    // And may have one of the same name.
    let folder = app.folder.path().join("data/files/2");
    std::fs::create_dir_all(&folder).unwrap();
    add(&mut bob, &folder).await;
}
