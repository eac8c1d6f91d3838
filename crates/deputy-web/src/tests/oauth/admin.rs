//! `/admin` and its REST: programs that administrators add and remove.

use super::*;

#[tokio::test]
async fn there_is_no_such_page_for_others() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.added("bot", &[CALLBACK]).await;
    let row = app.store.store.oauth_client("bot").await.unwrap().unwrap();
    let (confirm, new) = (
        format!("/admin/clients/{}/remove", row.id),
        "/admin/clients",
    );
    let mut his = app.signed_in("bob").await;
    for path in ["/admin", new, &confirm] {
        assert_eq!(his.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        let stranger = app.browser().get(path).await;
        assert!(stranger.header("location").starts_with("/login"), "{path}");
    }
    let fields = [
        ("client_id", "mine"),
        ("redirect_uris", "https://evil.example/cb"),
    ];
    assert_eq!(his.post(new, &fields).await.status, StatusCode::NOT_FOUND);
    assert_eq!(his.post(&confirm, &[]).await.status, StatusCode::NOT_FOUND);
    assert!(!his.get("/").await.text.contains("href=\"/admin\""));
    let mut hers = app.signed_in("alice").await;
    assert!(hers.get("/").await.text.contains("href=\"/admin\""));
    for path in [new, &confirm] {
        let refused = hers.post_bare(path, &fields, Some("same-origin")).await;
        assert_eq!(
            refused.status,
            StatusCode::FORBIDDEN,
            "without the form's token"
        );
    }
    let body = json!({ "client_id": "mine", "redirect_uris": [CALLBACK] });
    for token in [
        app.token(&bob, "").await,
        app.token(&alice, "tools:write").await,
    ] {
        let (path, one) = ("/api/v1/admin/clients", "/api/v1/admin/clients/bot");
        for answer in [
            app.api(Method::GET, path, &token, None).await,
            app.api(Method::POST, path, &token, Some(body.clone()))
                .await,
            app.api(Method::DELETE, one, &token, None).await,
        ] {
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
    }
    assert!(
        app.store
            .store
            .oauth_client("mine")
            .await
            .unwrap()
            .is_none()
    );
    assert!(app.store.store.oauth_client("bot").await.unwrap().is_some());
    assert!(app.recorded("client.").await.is_empty());
}

#[tokio::test]
async fn an_administrator_adds_and_removes() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("bob").await;
    let mut alice = app.signed_in("alice").await;
    assert!(alice.get("/admin").await.text.contains("None added"));
    let fields = [
        ("client_id", "bot"),
        ("name", "The bot"),
        (
            "redirect_uris",
            "https://program.example/cb\r\n\r\n  http://127.0.0.1/cb \r\n",
        ),
    ];
    let added = alice.post("/admin/clients", &fields).await;
    assert_eq!(added.header("location"), "/admin?done=client-added#clients");
    let page = alice.get("/admin").await;
    assert!(page.text.contains("The bot") && page.text.contains("program.example"));
    let again = alice.post("/admin/clients", &fields).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("of this identifier already"));
    for (id, redirects) in [
        ("x y", CALLBACK),
        ("", CALLBACK),
        ("ok", ""),
        ("ok", "http://program.example/cb"),
        ("ok", "javascript:alert(1)"),
        ("ok", "https://program.example/cb#x"),
    ] {
        let fields = [("client_id", id), ("redirect_uris", redirects)];
        let refused = alice.post("/admin/clients", &fields).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{id} {redirects}"
        );
        assert!(refused.text.contains("be added"), "{}", refused.text);
        assert!(
            redirects.is_empty() || refused.text.contains(redirects),
            "what was typed stays"
        );
    }

    let mut bob = app.signed_in("bob").await;
    let (token, _) = app.log_in(&mut bob, "bot", &Wish::of("bot")).await;
    let page = alice.get("/admin").await;
    assert!(page.text.contains("1 access"), "{}", page.text);
    let row = app.store.store.oauth_client("bot").await.unwrap().unwrap();
    let path = format!("/admin/clients/{}/remove", row.id);
    let asked = alice.get(&path).await;
    assert!(asked.text.contains("Remove The bot?") && asked.text.contains("1 access"));
    assert_eq!(
        alice.get("/admin/clients/999/remove").await.status,
        StatusCode::NOT_FOUND
    );
    let removed = alice.post(&path, &[]).await;
    assert_eq!(
        removed.header("location"),
        "/admin?done=client-removed#clients"
    );
    let refused = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(
        refused
            .header("www-authenticate")
            .contains("an administrator removed")
    );
    assert_eq!(
        bob.get(&Wish::of("bot").path()).await.status,
        StatusCode::BAD_REQUEST
    );
    let on_record = app.recorded("client.").await;
    let good = |action: &str| {
        on_record
            .iter()
            .filter(|(a, o)| a == action && o == "ok")
            .count()
    };
    assert_eq!(
        (good("client.add"), good("client.remove")),
        (1, 1),
        "{on_record:?}"
    );
    assert_eq!(
        app.recorded("access.end").await.len(),
        1,
        "in bob's records"
    );
}

#[tokio::test]
async fn the_same_over_rest() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "admin").await;
    let path = "/api/v1/admin/clients";
    let body = json!({ "client_id": "bot", "redirect_uris": [CALLBACK] });
    let added = app
        .api(Method::POST, path, &token, Some(body.clone()))
        .await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    assert_eq!(added.json()["data"]["name"], "bot");
    let again = app.api(Method::POST, path, &token, Some(body)).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );
    for (body, pointer) in [
        (
            json!({ "client_id": "a b", "redirect_uris": [CALLBACK] }),
            "/client_id",
        ),
        (
            json!({ "client_id": "ok", "redirect_uris": [] }),
            "/redirect_uris",
        ),
        (
            json!({ "client_id": "ok", "redirect_uris": ["data:x"] }),
            "/redirect_uris",
        ),
        (
            json!({ "client_id": "ok", "name": " ", "redirect_uris": [CALLBACK] }),
            "/name",
        ),
    ] {
        let refused = app.api(Method::POST, path, &token, Some(body)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert_eq!(
            refused.json()["error"]["pointer"],
            pointer,
            "{}",
            refused.text
        );
    }
    let unknown = json!({ "client_id": "ok", "redirect_uris": [CALLBACK], "secret": "x" });
    let refused = app.api(Method::POST, path, &token, Some(unknown)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let own = app.registered("Notes", &[CALLBACK]).await;
    let listed = app.api(Method::GET, path, &token, None).await.json();
    let ids: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["client_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["bot", own.as_str()]);
    assert_eq!(listed["data"][1]["kind"], "dynamic");
    assert_eq!(listed["data"][0]["grants"], 0);
    let first = listed["data"][0]["id"].as_i64().unwrap();
    let next = app
        .api(
            Method::GET,
            &format!("{path}?after={first}&limit=1"),
            &token,
            None,
        )
        .await;
    assert_eq!(next.json()["data"].as_array().unwrap().len(), 1);
    for bad in ["limit=0", "limit=501", "after=x"] {
        let refused = app
            .api(Method::GET, &format!("{path}?{bad}"), &token, None)
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let removed = app
        .api(Method::DELETE, &format!("{path}/{own}"), &token, None)
        .await;
    assert_eq!(removed.json()["data"]["removed"], true);
    for gone in [own.as_str(), "deputy-cli", "https%3A%2F%2Fx.example%2Fc"] {
        let refused = app
            .api(Method::DELETE, &format!("{path}/{gone}"), &token, None)
            .await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{gone}");
    }
    // Our own can't be removed; that it was tried stays on record, with what came of it.
    let on_record = app.recorded("client.remove").await;
    let outcomes: Vec<_> = on_record.iter().map(|(_, outcome)| &**outcome).collect();
    assert_eq!(outcomes, ["started", "ok", "started", "INVALID"]);
}
