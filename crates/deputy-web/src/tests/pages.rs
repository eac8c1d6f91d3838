//! Signing in and out, forms, settings, approvals.

use http::StatusCode;

use super::*;

#[tokio::test]
async fn signing_in_leads_on_and_out_again() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.browser();
    let answer = browser.sign_in("alice", "wrong", "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.text.contains("do not match") && answer.text.contains("value=\"alice\""));
    let answer = browser
        .sign_in("alice", "password of alice", "/connect?x=1")
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/connect?x=1")
    );
    let cookie = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|v| v.to_str().unwrap())
        .find(|v| v.starts_with("deputy="))
        .unwrap();
    assert!(
        cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Lax")
            && !cookie.contains("Secure"),
        "{cookie}"
    );
    let home = browser.get("/").await;
    assert!(home.text.contains("Hello, alice"), "{}", home.text);
    assert_eq!(browser.get("/login").await.status, StatusCode::SEE_OTHER);

    let old = browser.cookies.clone();
    let answer = browser.post("/logout", &[]).await;
    assert_eq!(answer.header("location"), "/login?done=signed-out");
    browser.cookies = old;
    assert_eq!(
        browser.get("/").await.status,
        StatusCode::SEE_OTHER,
        "the session is over, not only the cookie"
    );
}

#[tokio::test]
async fn sign_in_follows_no_address_elsewhere() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
    ] {
        let answer = app
            .browser()
            .sign_in("alice", "password of alice", next)
            .await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    for _ in 0..3 {
        assert_eq!(
            app.browser().sign_in("alice", "wrong", "").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let answer = app
        .browser()
        .sign_in("alice", "password of alice", "")
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(answer.text.contains("Too many attempts"));
}

#[tokio::test]
async fn cookies_are_host_bound_over_https() {
    let app = TestApp::at("https://deputy.example", None).await;
    app.user("alice").await;
    let answer = app
        .browser()
        .sign_in("alice", "password of alice", "")
        .await;
    let cookies: Vec<_> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|v| v.to_str().unwrap())
        .collect();
    let session = cookies
        .iter()
        .find(|v| v.starts_with("__Host-deputy="))
        .expect("the session's cookie");
    assert!(
        session.contains("Secure") && session.contains("Path=/") && !session.contains("Domain"),
        "{session}"
    );
    assert!(
        answer
            .header("strict-transport-security")
            .starts_with("max-age=")
    );
}

#[tokio::test]
async fn a_form_without_its_token_does_nothing() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.user("bob").await;
    let mut bob = app.signed_in("bob").await;
    let of_bob = bob.get("/settings").await.csrf();
    let mut browser = app.signed_in("alice").await;
    for path in [
        "/logout",
        "/connect/disconnect",
        "/connect/notices/1/dismiss",
        "/approvals/0199a7f2-5a5e-7000-8000-000000000001",
        "/settings/profile",
        "/settings/password",
        "/settings/tokens",
        "/settings/tokens/1/revoke",
        "/settings/sign-out-everywhere",
        "/language",
    ] {
        let fields = [
            ("name", "x"),
            ("scope", "tools:read"),
            ("language", "ru"),
            ("decision", "approve"),
        ];
        assert_eq!(
            browser.post_bare(path, &fields, None).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
        let mut with = vec![("csrf", of_bob.as_str())];
        with.extend_from_slice(&fields);
        let answer = browser.post_bare(path, &with, Some("same-origin")).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{path} with another's token"
        );
        assert!(answer.text.contains("Please try that again"), "{path}");
        // The right token, and yet from another site.
        let own = browser.get("/settings").await.csrf();
        let mut with = vec![("csrf", own.as_str())];
        with.extend_from_slice(&fields);
        assert_eq!(
            browser
                .post_bare(path, &with, Some("cross-site"))
                .await
                .status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    assert!(app.identity.tokens(alice.id).await.unwrap().is_empty());
    let answer = browser
        .post_bare(
            "/login",
            &[("username", "bob"), ("password", "password of bob")],
            Some("cross-site"),
        )
        .await;
    assert_eq!(
        answer.status,
        StatusCode::FORBIDDEN,
        "nobody is signed in from elsewhere"
    );
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.user("bob").await;
    let mut browser = app.signed_in("alice").await;
    let fields = [
        ("name", "laptop"),
        ("days", "30"),
        ("scope", "tools:read"),
        ("scope", "tools:call"),
    ];
    let page = browser.post("/settings/tokens", &fields).await;
    assert_eq!(page.status, StatusCode::OK);
    let (_, rest) = page
        .text
        .split_once("dpt_pat_")
        .expect("the token is shown");
    let token = format!("dpt_pat_{}", &rest[..43]);
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.json()["data"]["username"], "alice");
    let list = browser.get("/settings").await;
    assert!(
        list.text.contains("laptop") && !list.text.contains(&token),
        "it is shown once"
    );

    let id = app.identity.tokens(alice.id).await.unwrap()[0].id;
    let mut bob = app.signed_in("bob").await;
    let path = format!("/settings/tokens/{id}/revoke");
    assert_eq!(
        bob.post(&path, &[]).await.status,
        StatusCode::NOT_FOUND,
        "another's token is not found"
    );
    assert_eq!(browser.post(&path, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        app.api(Method::GET, "/api/v1/me", &token, None)
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );

    let answer = browser
        .post("/settings/tokens", &[("name", "no rights")])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("at least one right"));
}

#[tokio::test]
async fn profile_language_and_password_change() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let mut other = app.signed_in("alice").await;
    let mut browser = app.signed_in("alice").await;
    let answer = browser
        .post(
            "/settings/profile",
            &[
                ("name", "Аліса"),
                ("language", "uk"),
                ("time_zone", "Europe/Kyiv"),
            ],
        )
        .await;
    assert_eq!(answer.header("location"), "/settings?done=saved");
    assert!(browser.get("/").await.text.contains("Вітаємо, Аліса"));
    let answer = browser
        .post("/settings/profile", &[("time_zone", "Mars/Base")])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = browser
        .post("/language", &[("language", "ru"), ("next", "/connect")])
        .await;
    assert_eq!(answer.header("location"), "/connect");
    assert!(
        browser
            .get("/connect")
            .await
            .text
            .contains("<html lang=\"ru\">")
    );

    let fields = [
        ("current", "password of alice"),
        ("new", "ten new letters"),
        ("again", "ten new letters"),
    ];
    let answer = browser.post("/settings/password", &fields).await;
    assert_eq!(
        answer.header("location"),
        "/settings?done=password",
        "{}",
        answer.text
    );
    assert_eq!(
        browser.get("/").await.status,
        StatusCode::OK,
        "this browser stays signed in"
    );
    assert_eq!(
        other.get("/").await.status,
        StatusCode::SEE_OTHER,
        "the others do not"
    );
    let answer = browser
        .post(
            "/settings/password",
            &[
                ("current", "wrong"),
                ("new", "another one!"),
                ("again", "another one!"),
            ],
        )
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.post("/settings/sign-out-everywhere", &[]).await;
    assert!(
        app.identity
            .sessions(alice.id, None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn the_language_before_sign_in_is_the_browsers_or_the_chosen_one() {
    let app = TestApp::start(None).await;
    let mut browser = app.browser();
    let request = browser
        .request(Method::GET, "/login")
        .header("accept-language", "uk-UA, en;q=0.5")
        .body(Body::empty())
        .unwrap();
    assert!(
        browser
            .exchange(request)
            .await
            .text
            .contains("<html lang=\"uk\">")
    );
    browser
        .post_bare(
            "/language",
            &[("language", "ru"), ("next", "/login")],
            Some("same-origin"),
        )
        .await;
    assert!(
        browser
            .get("/login")
            .await
            .text
            .contains("<html lang=\"ru\">")
    );
    assert_eq!(
        browser
            .post_bare("/language", &[("language", "xx")], None)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn activity_shows_a_person_their_own_records_and_an_administrator_everybodys() {
    let app = TestApp::start(None).await;
    app.user("root").await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    for (user, tool) in [(&alice, "list_files"), (&bob, "list_mail")] {
        let token = app.token(user, "tools:call").await;
        let path = format!("/api/v1/tools/{tool}/call");
        let answer = app.api(Method::POST, &path, &token, Some(json!({}))).await;
        assert_eq!(answer.code(), "NOT_CONNECTED", "{}", answer.text);
    }
    let mut browser = app.signed_in("alice").await;
    assert!(app.audit.flush().await);

    let page = browser.get("/activity").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Signed in"), "her sign-in is on record");
    let strangers = format!("/activity?person={}", bob.id.0);
    for path in ["/activity?action=session&target=bob", strangers.as_str()] {
        let page = browser.get(path).await;
        assert!(!page.text.contains("bob</"), "{path}: {}", page.text);
        assert!(!page.text.contains("records-person"));
    }
    let page = browser.get("/activity?outcome=refused").await;
    assert!(page.text.contains("No records fit"), "{}", page.text);
    let page = browser.get("/activity?from=2001-01-01&to=2001-01-02").await;
    assert!(page.text.contains("No records fit"));
    assert!(page.text.contains("value=\"2001-01-02\""));

    let mut root = app.signed_in("root").await;
    let page = root.get("/activity").await;
    assert!(page.text.contains("alice") && page.text.contains("<option value=\"3\">bob"));
    let page = root.get(&strangers).await;
    assert!(page.text.contains("Usage of bob"), "{}", page.text);
    assert!(!page.text.contains("· alice"));
}

#[tokio::test]
async fn ones_own_ways_in_change_only_when_that_is_on_record() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let kept = [("name", "kept"), ("scope", "tools:read")];
    let answer = browser.post("/settings/tokens", &kept).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let [token] = &app.identity.tokens(alice.id).await.unwrap()[..] else {
        panic!("one token");
    };
    let revoke = format!("/settings/tokens/{}/revoke", token.id);
    let password = [
        ("current", "password of alice"),
        ("new", "ten new letters"),
        ("again", "ten new letters"),
    ];
    let name = [("name", "second"), ("scope", "tools:read")];
    let acts: [(&str, &[(&str, &str)]); 4] = [
        ("/settings/tokens", &name),
        (&revoke, &[]),
        ("/settings/password", &password),
        ("/settings/sign-out-everywhere", &[]),
    ];
    let rename = async |from: &str, to: &str| {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        deputy_store::testing::execute(&app.store.url, &statement).await;
    };
    rename("audit_head", "away").await;
    for (path, fields) in acts {
        let answer = browser.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
    }
    rename("away", "audit_head").await;
    assert_eq!(app.identity.tokens(alice.id).await.unwrap().len(), 1);
    assert_eq!(
        browser.get("/settings").await.status,
        StatusCode::OK,
        "still signed in"
    );
    app.signed_in("alice").await;

    // And then they do, in this order: begun, done.
    let wrong = [
        ("current", "wrong"),
        ("new", "ten new letters"),
        ("again", "ten new letters"),
    ];
    browser.post("/settings/password", &wrong).await;
    for (path, fields) in acts {
        let answer = browser.post(path, fields).await;
        assert!(answer.status.is_success() || answer.status.is_redirection());
    }
    assert!(app.audit.flush().await);
    let all = app.store.store.audit_after(0, 100).await.unwrap();
    let told: Vec<(&str, &str)> = all
        .iter()
        .filter(|row| row.action != "session.start")
        .map(|row| (row.action.as_str(), row.outcome.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("token.create", "started"),
            ("token.create", "ok"),
            ("password.change", "started"),
            ("password.change", "INVALID"),
            ("token.create", "started"),
            ("token.create", "ok"),
            ("token.revoke", "started"),
            ("token.revoke", "ok"),
            ("password.change", "started"),
            ("password.change", "ok"),
            ("session.end_all", "started"),
            ("session.end_all", "ok"),
        ]
    );
}

#[tokio::test]
async fn activity_pages_go_both_ways() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    for n in 0..120 {
        let entry = Entry {
            user: Some(alice.id),
            caller: "browser".into(),
            action: "token.create",
            target: format!("number-{n:03}"),
            call_id: None,
            outcome: "ok".into(),
            detail: json!({ "n": n }),
        };
        app.audit.note(entry, None).await;
    }
    assert!(app.audit.flush().await);
    let mut browser = app.signed_in("alice").await;
    let link = |page: &Answer, rel: &str| {
        let (_, rest) = page.text.split_once(&format!("rel=\"{rel}\" href=\""))?;
        Some(rest.split('"').next()?.replace("&#38;", "&"))
    };
    let numbers = |page: &Answer| -> Vec<u32> {
        let parts = page.text.split("<p class=\"title\">number-").skip(1);
        parts.map(|part| part[..3].parse().unwrap()).collect()
    };
    let first = browser.get("/activity?target=number").await;
    assert_eq!(numbers(&first), (70..120).rev().collect::<Vec<_>>());
    assert_eq!(link(&first, "prev"), None);
    let second = browser.get(&link(&first, "next").unwrap()).await;
    assert_eq!(numbers(&second), (20..70).rev().collect::<Vec<_>>());
    let third = browser.get(&link(&second, "next").unwrap()).await;
    assert_eq!(numbers(&third), (0..20).rev().collect::<Vec<_>>());
    assert_eq!(link(&third, "next"), None);
    let back = browser.get(&link(&third, "prev").unwrap()).await;
    assert_eq!(numbers(&back), numbers(&second));
    let top = browser.get(&link(&back, "prev").unwrap()).await;
    assert_eq!(numbers(&top), numbers(&first));
    assert_eq!(link(&top, "prev"), None);
}
