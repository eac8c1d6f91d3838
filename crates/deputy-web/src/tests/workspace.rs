//! The pages of notes, tasks, projects and requirements.

use http::StatusCode;

use super::*;

/// Where a form led to.
fn led(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    answer.header("location").to_owned()
}

#[tokio::test]
async fn notes_and_tasks_are_kept_on_their_pages() {
    let app = TestApp::start(None).await;
    app.user("admin").await;
    app.user("alice").await;
    let mut alice = app.signed_in("alice").await;
    let made = alice
        .post(
            "/notes",
            &[
                ("content", "Купить <b>молоко</b>"),
                ("category", "personal"),
            ],
        )
        .await;
    assert_eq!(led(&made), "/notes?done=saved");
    let list = alice.get("/notes?query=МОЛОКО&category=personal").await;
    assert!(
        list.text.contains("Купить &#60;b&#62;молоко"),
        "{}",
        list.text
    );
    assert!(
        !alice
            .get("/notes?query=bread")
            .await
            .text
            .contains("Купить")
    );
    alice
        .post("/notes/1/completed", &[("completed", "true")])
        .await;
    assert!(!alice.get("/notes?show=open").await.text.contains("Купить"));
    alice
        .post("/notes/1", &[("content", "Bread"), ("category", "")])
        .await;
    assert!(alice.get("/notes/1").await.text.contains("Bread"));
    let empty = alice
        .post("/notes", &[("content", "\u{1}"), ("category", "ideas")])
        .await;
    assert!(
        empty.text.contains("value=\"ideas\""),
        "what was typed stays: {}",
        empty.text
    );

    let made = alice
        .post(
            "/tasks",
            &[
                ("title", "Call Bob"),
                ("priority", "urgent"),
                ("due_date", "2020-01-01"),
            ],
        )
        .await;
    assert_eq!(led(&made), "/tasks?done=saved");
    let list = alice.get("/tasks").await.text;
    assert!(
        list.contains("Call Bob") && list.contains("overdue since 2020-01-01"),
        "{list}"
    );
    let wrong = alice
        .post("/tasks", &[("title", "Later"), ("due_date", "soon")])
        .await;
    assert!(wrong.text.contains("value=\"Later\"") && wrong.text.contains("due_date is a date"));
    alice.post("/tasks/1/status", &[("status", "done")]).await;
    assert!(!alice.get("/tasks").await.text.contains("Call Bob"));
    assert!(
        alice
            .get("/tasks?show=done")
            .await
            .text
            .contains("Call Bob")
    );

    nobody_else_reaches_them(&app).await;
    assert!(alice.get("/notes/1").await.text.contains("Bread"));
    assert_eq!(
        led(&alice.post("/notes/1/delete", &[]).await),
        "/notes?done=deleted"
    );
    assert_eq!(
        led(&alice.post("/tasks/1/delete", &[]).await),
        "/tasks?done=deleted"
    );
}

/// What is Alice's is not the administrator's.
async fn nobody_else_reaches_them(app: &TestApp) {
    let mut admin = app.signed_in("admin").await;
    for path in ["/notes", "/tasks?show=all"] {
        let page = admin.get(path).await.text;
        assert!(
            !page.contains("Bread") && !page.contains("Call Bob"),
            "{page}"
        );
    }
    for path in ["/notes/1", "/tasks/1"] {
        assert_eq!(
            admin.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for (path, fields) in [
        ("/notes/1", &[("content", "Mine")][..]),
        ("/notes/1/completed", &[("completed", "true")]),
        ("/notes/1/delete", &[]),
        ("/tasks/1", &[("title", "Mine")]),
        ("/tasks/1/status", &[("status", "pending")]),
        ("/tasks/1/delete", &[]),
    ] {
        let answer = admin.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// A project of Alice's with two linked requirements; its address.
async fn project(alice: &mut Browser<'_>) -> String {
    let made = alice
        .post("/projects", &[("key", "shop"), ("name", "The shop")])
        .await;
    let project = led(&made).replace("?done=saved", "");
    for title in ["Cart", "Basket"] {
        let fields = [
            ("title", title),
            ("body", "It *holds* things."),
            ("status", "draft"),
        ];
        led(&alice.post(&format!("{project}/new"), &fields).await);
    }
    let fields = [("kind", "refines"), ("other", "shop-1"), ("do", "add")];
    led(&alice
        .post(&format!("{project}/SHOP-2/links"), &fields)
        .await);
    project
}

#[tokio::test]
async fn a_requirement_is_written_linked_discussed_and_followed() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut alice = app.signed_in("alice").await;
    let project = project(&mut alice).await;
    let page = alice.get(&format!("{project}/SHOP-1")).await.text;
    assert!(
        page.contains("It <em>holds</em> things.") && page.contains("refined by"),
        "{page}"
    );
    let fields = [
        ("title", "Cart"),
        ("body", "It holds\nmore."),
        ("status", "approved"),
        ("reason", "agreed"),
        ("version", "1"),
    ];
    led(&alice.post(&format!("{project}/SHOP-1/edit"), &fields).await);
    led(&alice
        .post(
            &format!("{project}/SHOP-1/comments"),
            &[("body", "Why <script>?")],
        )
        .await);
    let history = alice.get(&format!("{project}/SHOP-1/history")).await.text;
    for seen in [
        "Version 2",
        "agreed",
        "Version 1",
        "alice",
        "Browser",
        "more.",
    ] {
        assert!(history.contains(seen), "{seen}: {history}");
    }
    let matrix = alice.get(&format!("{project}/matrix")).await.text;
    assert!(
        matrix.contains("<abbr title=\"refines\">R</abbr>"),
        "{matrix}"
    );
    let page = alice.get(&format!("{project}/SHOP-1")).await.text;
    assert!(page.contains("&lt;script&gt;"), "{page}");
    let circle = [("kind", "refines"), ("other", "SHOP-2"), ("do", "add")];
    let refused = alice
        .post(&format!("{project}/SHOP-1/links"), &circle)
        .await;
    assert!(
        refused.text.contains("round in a circle") && refused.text.contains("value=\"SHOP-2\"")
    );
    led(&alice
        .post(
            &format!("{project}/SHOP-1/deleted"),
            &[("deleted", "true"), ("version", "2")],
        )
        .await);
    assert!(!alice.get(&project).await.text.contains("Cart"));
    assert!(
        alice
            .get(&format!("{project}?status=deleted"))
            .await
            .text
            .contains("Cart")
    );
    led(&alice
        .post(
            &format!("{project}/SHOP-1/deleted"),
            &[("deleted", "false"), ("version", "3")],
        )
        .await);
    assert!(alice.get(&project).await.text.contains("Cart"));
    assert!(
        alice
            .get(&format!("{project}/delete"))
            .await
            .text
            .contains("2 requirements")
    );
    assert_eq!(
        led(&alice.post(&format!("{project}/delete"), &[]).await),
        "/projects?done=deleted"
    );
    assert_eq!(alice.get(&project).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_was_later_sees_both_texts_and_loses_none() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("bob").await;
    let (mut alice, mut bob) = (app.signed_in("alice").await, app.signed_in("bob").await);
    let project = project(&mut alice).await;
    let members = format!("{project}/members");
    led(&alice
        .post(&members, &[("username", "Bob"), ("role", "editor")])
        .await);
    assert!(
        bob.get("/")
            .await
            .text
            .contains("alice shares a project with you: The shop")
    );
    let edit = format!("{project}/SHOP-1/edit");
    let form = bob.get(&edit).await.text;
    assert!(form.contains("name=\"version\" value=\"1\""), "{form}");
    let hers = [
        ("title", "Cart"),
        ("body", "Alice wrote this"),
        ("version", "1"),
    ];
    led(&alice.post(&edit, &hers).await);
    let his = [
        ("title", "Cart"),
        ("body", "Bob wrote this"),
        ("version", "1"),
    ];
    let late = bob.post(&edit, &his).await;
    assert_eq!(late.status, StatusCode::OK);
    for seen in [
        "Alice wrote this",
        "Bob wrote this",
        "name=\"version\" value=\"2\"",
    ] {
        assert!(late.text.contains(seen), "{seen}: {}", late.text);
    }
    let both = [
        ("title", "Cart"),
        ("body", "Both wrote this"),
        ("version", "2"),
    ];
    led(&bob.post(&edit, &both).await);
    assert!(
        alice
            .get(&format!("{project}/SHOP-1/history"))
            .await
            .text
            .contains("Version 3")
    );
    // An editor doesn't decide; everybody may leave.
    let refused = bob
        .post(&members, &[("username", "alice"), ("role", "none")])
        .await;
    assert!(
        refused
            .text
            .contains("Your role in the project is not enough"),
        "{}",
        refused.text
    );
    let left = bob
        .post(&members, &[("username", "bob"), ("role", "none")])
        .await;
    assert_eq!(led(&left), "/projects?done=project-left");
    assert_eq!(bob.get(&project).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stranger_finds_no_project() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("eve").await;
    let (mut alice, mut eve) = (app.signed_in("alice").await, app.signed_in("eve").await);
    let project = project(&mut alice).await;
    assert!(!eve.get("/projects").await.text.contains("The shop"));
    for page in [
        "",
        "/delete",
        "/matrix",
        "/new",
        "/SHOP-1",
        "/SHOP-1/edit",
        "/SHOP-1/history",
    ] {
        let answer = eve.get(&format!("{project}{page}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
        assert!(!answer.text.contains("shop"), "{page}");
    }
    for (page, fields) in [
        ("", &[("name", "Mine")][..]),
        ("/members", &[("username", "eve"), ("role", "owner")]),
        ("/delete", &[]),
        ("/new", &[("title", "Mine")]),
        ("/SHOP-1/edit", &[("title", "Mine"), ("version", "1")]),
        ("/SHOP-1/deleted", &[("deleted", "true"), ("version", "1")]),
        (
            "/SHOP-1/links",
            &[("kind", "refines"), ("other", "SHOP-2"), ("do", "add")],
        ),
        ("/SHOP-1/comments", &[("body", "Hi")]),
        ("/SHOP-1/comments/1/delete", &[]),
    ] {
        let answer = eve.post(&format!("{project}{page}"), fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
    }
    assert!(
        alice
            .get(&format!("{project}/SHOP-1"))
            .await
            .text
            .contains("Version 1")
    );
    for nowhere in [
        "/projects/x",
        "/notes/x",
        "/tasks/99999999999999999999",
        "/projects/1/SHOP-99",
    ] {
        assert_eq!(
            alice.get(nowhere).await.status,
            StatusCode::NOT_FOUND,
            "{nowhere}"
        );
    }
}
