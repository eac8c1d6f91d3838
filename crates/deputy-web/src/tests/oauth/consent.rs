//! The consent page and what comes of it.

use deputy_core::Clock as _;
use deputy_store::oauth_grant::{NewCode, NewGrant};

use super::*;

#[tokio::test]
async fn the_whole_way_by_plain_forms() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let wish = Wish::of(&client);
    let mut browser = app.browser();
    let to_login = browser.get(&wish.path()).await;
    assert_eq!(to_login.status, StatusCode::SEE_OTHER);
    let login = to_login.header("location").to_owned();
    assert!(login.starts_with("/login?next="), "{login}");
    let form = browser.get(&login).await;
    let next = hidden(&form.text, "next");
    assert_eq!(next, wish.path());
    let back = browser.sign_in("alice", "password of alice", &next).await;
    assert_eq!(back.header("location"), wish.path());
    let page = browser.get(back.header("location")).await;
    assert_eq!(page.status, StatusCode::OK);
    for said in [
        "<bdi>Notes</bdi> wants to act for you",
        "program.example",
        "alice",
        "REST API",
        "gave itself this name",
        "See the list of tools",
        "Talk to the assistant",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    assert!(!page.text.contains("allowed this program something before"));
    let away = browser.decide(&page, "allow").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.text);
    let location = away.header("location");
    assert!(
        location.starts_with("https://program.example/cb?code="),
        "{location}"
    );
    assert_eq!(parameter(location, "state").unwrap(), "st a&te");
    assert_eq!(parameter(location, "iss").unwrap(), ORIGIN);
    assert_eq!(away.header("cache-control"), "no-store");
    let code = parameter(location, "code").unwrap();
    let tokens = app.redeem(&client, &code, CALLBACK).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.json()["data"]["username"], "alice");
    let all = [
        ("access.allow".to_owned(), "started".to_owned()),
        ("access.allow".to_owned(), "ok".to_owned()),
    ];
    assert_eq!(app.recorded("access.").await, all);
}

#[tokio::test]
async fn who_refuses_gives_nothing() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get(&Wish::of(&client).path()).await;
    let away = browser.decide(&page, "deny").await;
    let location = away.header("location");
    assert!(location.starts_with("https://program.example/cb?error=access_denied"));
    assert_eq!(parameter(location, "state").unwrap(), "st a&te");
    assert_eq!(parameter(location, "iss").unwrap(), ORIGIN);
    assert_eq!(parameter(location, "code"), None);
    let scope = app.store.store.user(alice.id);
    assert_eq!(count_oauth_grants(&app.store.store, alice.id).await, 0);
    assert!(scope.oauth_consent(&client).await.unwrap().is_none());
    let on_record = ["started", "ok"].map(|it| ("access.deny".to_owned(), it.to_owned()));
    assert_eq!(app.recorded("access.").await, on_record);
    let senseless = browser.decide(&page, "perhaps").await;
    assert_eq!(senseless.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_not_ticked_is_not_given() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let all = "tools:read tools:write approvals:decide admin openid";
    let wish = Wish::of(&client).with("scope", all);
    let mut browser = app.signed_in("alice").await;
    let page = browser.get(&wish.path()).await;
    let ticked: Vec<_> = boxes(&page.text);
    let expected = [
        ("tools:read", true),
        ("tools:write", true),
        ("approvals:decide", false),
        ("admin", false),
    ];
    assert_eq!(ticked, expected.map(|(id, on)| (id.to_owned(), on)));

    let again = browser.decide_with(&page, "allow", &[]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("Nothing is ticked"));
    assert_eq!(count_oauth_grants(&app.store.store, alice.id).await, 0);
    // What was not asked for can't be ticked either.
    let again = browser
        .decide_with(&again, "allow", &["servers:manage", "*"])
        .await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);

    let some = ["tools:read", "servers:manage"];
    let away = browser.decide_with(&again, "allow", &some).await;
    let code = parameter(away.header("location"), "code").unwrap();
    let tokens = app.redeem(&client, &code, CALLBACK).await;
    assert_eq!(tokens.json()["scope"], "tools:read");
}

#[tokio::test]
async fn nobody_can_give_what_is_not_theirs() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.user("bob").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let wish = Wish::of(&client).with("scope", "tools:read admin");
    let mut bob = app.signed_in("bob").await;
    let page = bob.get(&wish.path()).await;
    assert_eq!(boxes(&page.text), [("tools:read".to_owned(), true)]);
    let away = bob
        .decide_with(&page, "allow", &["tools:read", "admin"])
        .await;
    let code = parameter(away.header("location"), "code").unwrap();
    let tokens = app.redeem(&client, &code, CALLBACK).await;
    assert_eq!(tokens.json()["scope"], "tools:read");
    let nothing = Wish::of(&client).with("scope", "admin");
    let page = bob.get(&nothing.path()).await;
    assert_eq!(boxes(&page.text), []);
    let refused = bob.decide_with(&page, "allow", &["admin"]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_consent_is_remembered_for_the_same_and_no_more() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let other = "https://program.example/other";
    // A program that registered itself is never waved through.
    let stranger = app.registered("Notes", &[CALLBACK]).await;
    let wish = Wish::of(&stranger);
    let mut browser = app.signed_in("alice").await;
    browser.allow(&wish).await;
    let page = browser.follow(&wish.path(), "cross-site").await;
    assert_eq!(page.status, StatusCode::OK);

    app.added("bot", &[CALLBACK, other]).await;
    let wish = Wish::of("bot");
    browser.allow(&wish).await;

    let at_once = browser.follow(&wish.path(), "cross-site").await;
    assert_eq!(at_once.status, StatusCode::SEE_OTHER, "{}", at_once.text);
    assert!(parameter(at_once.header("location"), "code").is_some());
    let narrower = wish.clone().with("scope", "chat");
    let at_once = browser.follow(&narrower.path(), "none").await;
    assert_eq!(at_once.status, StatusCode::SEE_OTHER);

    // What a consent of fewer rights remembers is that.
    let page = browser.follow(&wish.path(), "cross-site").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text
            .contains("You allowed this program something before")
    );
    assert_eq!(
        browser.decide(&page, "allow").await.status,
        StatusCode::SEE_OTHER
    );

    for more in [
        wish.clone().with("scope", "tools:read chat tools:write"),
        wish.clone().with("resource", &format!("{ORIGIN}/mcp")),
        wish.clone().with("redirect_uri", other),
        wish.clone().with("prompt", "consent"),
    ] {
        let page = browser.follow(&more.path(), "cross-site").await;
        assert_eq!(page.status, StatusCode::OK, "{}", more.path());
    }
    // After a form of ours a redirect to the program would be cut off by the form's policy.
    let page = browser.follow(&wish.path(), "same-origin").await;
    assert_eq!(page.status, StatusCode::OK);
    // Nor is anything given to what is no window of a person's.
    for (name, value) in [
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-purpose", "prefetch"),
    ] {
        let request = browser
            .request(Method::GET, &wish.path())
            .header("sec-fetch-site", "cross-site")
            .header(name, value);
        let request = request.body(Body::empty()).unwrap();
        let page = browser.exchange(request).await;
        assert_eq!(page.status, StatusCode::OK, "{name}: {value}");
    }
    // Nor to who asks what an answer would look like.
    let head = browser.request(Method::HEAD, &wish.path());
    let head = head.header("sec-fetch-site", "cross-site");
    let head = browser.exchange(head.body(Body::empty()).unwrap()).await;
    assert_eq!(head.status, StatusCode::OK);
    // So often in a minute, no person sends themselves here.
    for _ in 0..8 {
        let at_once = browser.follow(&wish.path(), "cross-site").await;
        assert_eq!(at_once.status, StatusCode::SEE_OTHER);
    }
    let page = browser.follow(&wish.path(), "cross-site").await;
    assert_eq!(page.status, StatusCode::OK);
    // Of another person nothing is remembered.
    app.user("bob").await;
    let page = app
        .signed_in("bob")
        .await
        .follow(&wish.path(), "none")
        .await;
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn what_weighs_much_and_programs_on_this_machine_are_asked_about_each_time() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let local = "http://127.0.0.1:33418/cb";
    app.added("bot", &[CALLBACK, local]).await;
    let grave = Wish::of("bot").with("scope", "tools:read approvals:decide");
    let here = Wish::of("bot").with("redirect_uri", "http://127.0.0.1:5000/cb");
    let mut browser = app.signed_in("alice").await;
    for (wish, scopes) in [
        (grave, &["tools:read", "approvals:decide"][..]),
        (here, &["tools:read"]),
    ] {
        let page = browser.get(&wish.path()).await;
        let away = browser.decide_with(&page, "allow", scopes).await;
        assert_eq!(away.status, StatusCode::SEE_OTHER);
        let page = browser.follow(&wish.path(), "cross-site").await;
        assert_eq!(page.status, StatusCode::OK);
        let is_grave = |(id, ticked): &(String, bool)| id == "approvals:decide" && *ticked;
        assert!(!boxes(&page.text).iter().any(is_grave));
    }
    let only_here = app.registered("Tool", &[local]).await;
    let wish = Wish::of(&only_here).with("redirect_uri", local);
    let page = browser.get(&wish.path()).await;
    assert!(
        page.text
            .contains("Go on only if you just started it yourself")
    );
    let app_scheme = app.registered("Editor", &["cursor://x.y/cb"]).await;
    let wish = Wish::of(&app_scheme).with("redirect_uri", "cursor://x.y/cb");
    let page = browser.get(&wish.path()).await;
    assert!(page.text.contains("any program can claim it"));
}

#[tokio::test]
async fn prompts_are_understood() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.added("bot", &[CALLBACK]).await;
    let wish = Wish::of("bot");
    let none = wish.clone().with("prompt", "none");
    let unknown = app.browser().get(&none.path()).await;
    let location = unknown.header("location");
    assert!(location.starts_with("https://program.example/cb?error=interaction_required"));
    let mut browser = app.signed_in("alice").await;
    let asked = browser.get(&none.path()).await;
    let location = asked.header("location");
    assert!(location.starts_with("https://program.example/cb?error=interaction_required"));
    browser.allow(&wish).await;
    let silent = browser.get(&none.path()).await;
    assert!(parameter(silent.header("location"), "code").is_some());

    // Who has just signed in need not do it again; the sign-in can be had all the same.
    let login = wish.clone().with("prompt", "login consent");
    assert_eq!(browser.get(&login.path()).await.status, StatusCode::OK);
    let page = browser
        .get(&wish.clone().with("prompt", "consent").path())
        .await;
    let (_, rest) = page.text.split_once("href=\"/login?again=1").unwrap();
    let other = unescape(&format!(
        "/login?again=1{}",
        rest.split('"').next().unwrap()
    ));
    let form = browser.get(&other).await;
    assert_eq!(
        form.status,
        StatusCode::OK,
        "the form, although somebody is signed in"
    );
    assert!(hidden(&form.text, "next").starts_with("/oauth/authorize?client_id=bot"));
    let somewhere = app
        .browser()
        .get("/login?again=1&next=//evil.example")
        .await;
    assert!(!somewhere.text.contains("evil.example"));
}

#[tokio::test]
async fn a_long_request_survives_the_sign_in_and_a_longer_one_gets_a_page() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let state = format!("{}{}", "s%/+ ".repeat(300), "s".repeat(4000));
    let wish = Wish::of(&client).with("state", &state);
    let mut browser = app.browser();
    let login = browser.get(&wish.path()).await;
    let form = browser.get(login.header("location")).await;
    let next = hidden(&form.text, "next");
    let back = browser.sign_in("alice", "password of alice", &next).await;
    let page = browser.get(back.header("location")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let away = browser.decide(&page, "allow").await;
    assert_eq!(parameter(away.header("location"), "state").unwrap(), state);

    for state in ["s".repeat(8200), "s".repeat(60_000)] {
        let longer = Wish::of(&client).with("state", &state);
        for browser in [&mut browser, &mut app.browser()] {
            let refused = browser.get(&longer.path()).await;
            assert_eq!(refused.status, StatusCode::URI_TOO_LONG);
            assert!(refused.text.contains("too long"));
        }
    }
}

#[tokio::test]
async fn nothing_is_allowed_that_can_not_be_put_on_record() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let (token, _) = app.log_in(&mut browser, &client, &Wish::of(&client)).await;
    let more = Wish::of(&client).with("scope", "tools:write");
    let page = browser.get(&more.path()).await;
    app.audit.close().await;
    for decision in ["allow", "deny"] {
        let refused = browser.decide(&page, decision).await;
        assert_eq!(
            refused.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{decision}"
        );
        assert!(refused.headers.get("location").is_none());
    }
    let grants = app.authorization.grants(alice.id).await.unwrap();
    assert_eq!(grants.len(), 1);
    let path = format!("/settings/access/{}/end", grants[0].id);
    let refused = browser.post(&path, &[]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.status, StatusCode::OK, "nothing was taken away either");
}

#[tokio::test]
async fn what_was_allowed_in_vain_is_on_record_as_that() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get(&Wish::of(&client).path()).await;
    let at = deputy_core::SystemClock.now();
    let expires_at = at + jiff::SignedDuration::from_hours(24);
    let tx = app.store.store.begin().await.unwrap();
    for n in 0..500 {
        let grant = NewGrant {
            client_id: client.clone(),
            client_name: "Notes".to_owned(),
            redirect_uri: CALLBACK.to_owned(),
            scopes: "chat".parse().unwrap(),
            resources: vec![format!("{ORIGIN}/api")],
            at,
            expires_at,
        };
        let grant = tx.user(alice.id).insert_oauth_grant(grant).await.unwrap();
        // Only what was redeemed counts.
        let code = NewCode {
            code_hash: format!("{n}"),
            grant_id: grant.id,
            redirect_uri: CALLBACK.to_owned(),
            redirect_given: true,
            challenge: CHALLENGE.to_owned(),
            at,
            expires_at,
        };
        tx.insert_oauth_code(code).await.unwrap();
        assert!(tx.use_oauth_code(&format!("{n}"), at).await.unwrap());
    }
    tx.commit().await.unwrap();
    let refused = browser.decide(&page, "allow").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(refused.text.contains("too many programs"));
    let on_record = ["started", "INVALID"].map(|it| ("access.allow".to_owned(), it.to_owned()));
    assert_eq!(app.recorded("access.").await, on_record);
}

#[tokio::test]
async fn a_state_comes_back_as_it_was_whatever_is_in_it() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.browser();
    for state in [
        "{\n\t\"page\": 1\r\n}",
        "\r\nSet-Cookie: a=b\r\n\r\n<script>",
        "\u{1}\u{1b}[31m\u{7f}\u{85}\u{202e}",
    ] {
        let client = app.registered("Notes", &[CALLBACK]).await;
        let wish = Wish::of(&client).with("state", state);
        let mut page = browser.get(&wish.path()).await;
        // The first time by the sign-in, which carries it too.
        if page.status == StatusCode::SEE_OTHER {
            let form = browser.get(page.header("location")).await;
            let next = hidden(&form.text, "next");
            let back = browser.sign_in("alice", "password of alice", &next).await;
            page = browser.get(back.header("location")).await;
        }
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(!page.text.contains("<script"));
        for decision in ["deny", "allow"] {
            let away = browser.decide(&page, decision).await;
            assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.text);
            assert!(away.headers.get("set-cookie").is_none());
            let location = away.header("location");
            assert!(!location.contains(char::is_control), "{location:?}");
            assert_eq!(parameter(location, "state").unwrap(), state);
        }
    }
    for name in ["client_id", "redirect_uri", "resource", "code_challenge"] {
        let client = app.registered("Notes", &[CALLBACK]).await;
        let wish = Wish::of(&client);
        let (_, was) = wish.0.iter().find(|(n, _)| n == name).unwrap().clone();
        let broken = wish.with(name, &format!("{was}\r\nx: y"));
        let refused = browser.get(&broken.path()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{name}");
    }
    let zero = Wish::of("bot").with("state", "a\0b");
    let refused = browser.get(&zero.path()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_page_speaks_the_persons_language() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let wish = Wish::of(&client);
    let mut browser = app.signed_in("alice").await;
    for (language, said) in [
        ("ru", "хочет действовать за вас"),
        ("uk", "хоче діяти за вас"),
    ] {
        let page = browser.get(&wish.path()).await;
        let (csrf, next) = (page.csrf(), hidden(&page.text, "next"));
        let fields = [
            ("csrf", csrf.as_str()),
            ("next", &next),
            ("language", language),
        ];
        let back = browser
            .post_bare("/language", &fields, Some("same-origin"))
            .await;
        assert_eq!(back.header("location"), wish.path());
        let page = browser.get(back.header("location")).await;
        assert!(page.text.contains(said), "{}", page.text);
    }
}
