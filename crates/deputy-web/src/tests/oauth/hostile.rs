//! What programs, sites and strangers might try.

use super::*;

/// Everything in one text that a page must not take as its own.
const NASTY: &str = "\"><script>alert(1)</script>' onload=x <b>&amp;";

#[tokio::test]
async fn unknown_programs_and_addresses_lead_nowhere() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    app.added(
        "bot",
        &["https://bot.example/cb", "https://bot.example/other"],
    )
    .await;
    let bad = [
        Wish::of("nobody"),
        Wish::of(&client).with("client_id", ""),
        Wish::of(&client).with("redirect_uri", "https://evil.example/cb"),
        Wish::of(&client).with("redirect_uri", "https://program.example/cb/"),
        Wish::of(&client).with("redirect_uri", "https://program.example/cb?x=1"),
        Wish::of(&client).with("redirect_uri", "https://program.example@evil.example/cb"),
        Wish::of(&client).with("redirect_uri", "https://program.example:444/cb"),
        Wish::of(&client).with("redirect_uri", "https://PROGRAM.example/cb"),
        Wish::of(&client).with("redirect_uri", "https://program.example/a/../cb"),
        Wish::of(&client).with("redirect_uri", "http://program.example/cb"),
        Wish::of(&client).with("redirect_uri", "//program.example/cb"),
        Wish::of(&client).with("redirect_uri", "javascript:alert(1)"),
        Wish::of("bot"),
        Wish::of("bot").with("redirect_uri", ""),
    ];
    for wish in &bad {
        for mut browser in [app.browser(), app.signed_in("alice").await] {
            for from in ["none", "cross-site", "same-origin"] {
                let answer = browser.follow(&wish.path(), from).await;
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", wish.path());
                assert!(answer.headers.get("location").is_none());
                assert!(!answer.text.contains("evil.example"), "{}", answer.text);
            }
        }
    }
    // The same in the form, whatever the page had checked.
    let mut browser = app.signed_in("alice").await;
    let page = browser.get(&Wish::of(&client).path()).await;
    let csrf = page.csrf();
    for wish in &bad {
        let query = wish.query();
        let fields = [
            ("csrf", csrf.as_str()),
            ("request", query.as_str()),
            ("scope", "chat"),
            ("decision", "allow"),
        ];
        let answer = browser
            .post_bare("/oauth/authorize", &fields, Some("same-origin"))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.headers.get("location").is_none());
    }
    // What comes twice is refused, for two readers could take different ones.
    let twice = format!(
        "{}&redirect_uri=https%3A%2F%2Fevil.example",
        Wish::of(&client).path()
    );
    let answer = browser.get(&twice).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn errors_are_not_bounced_to_whoever_registered_an_address() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let broken = |client: &str| Wish::of(client).with("code_challenge", "");
    for mut browser in [app.browser(), app.signed_in("alice").await] {
        let answer = browser.follow(&broken(&client).path(), "cross-site").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.headers.get("location").is_none());
        assert!(
            answer.text.contains("Back to program.example"),
            "{}",
            answer.text
        );
        assert!(answer.text.contains(
            "rel=\"noreferrer\" href=\"https://program.example/cb?error=invalid_request"
        ));
    }
    let silent = broken(&client)
        .with("code_challenge", CHALLENGE)
        .with("prompt", "none");
    let answer = app.browser().get(&silent.path()).await;
    assert!(
        answer.headers.get("location").is_none(),
        "nobody is signed in"
    );
    // An administrator's program, one on this machine, and one that the person knows by now.
    app.added("bot", &[CALLBACK]).await;
    let here = app.registered("Here", &["http://localhost/cb"]).await;
    let mut browser = app.signed_in("alice").await;
    browser.allow(&Wish::of(&client)).await;
    for (wish, to) in [
        (broken("bot"), CALLBACK),
        (
            broken(&here).with("redirect_uri", "http://localhost:4000/cb"),
            "http://localhost:4000/cb",
        ),
        (broken(&client), CALLBACK),
    ] {
        let answer = browser.follow(&wish.path(), "cross-site").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", wish.path());
        let location = answer.header("location");
        assert!(
            location.starts_with(&format!("{to}?error=invalid_request")),
            "{location}"
        );
        assert_eq!(parameter(location, "state").unwrap(), "st a&te");
        assert_eq!(parameter(location, "iss").unwrap(), ORIGIN);
        // After our sign-in form the browser would go nowhere: a page with a link.
        let answer = browser.follow(&wish.path(), "same-origin").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(
            answer
                .text
                .contains(&format!("href=\"{to}?error=invalid_request"))
        );
    }
}

#[tokio::test]
async fn a_form_counts_in_its_own_session_alone() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.user("bob").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let wish = Wish::of(&client);
    let mut here = app.signed_in("alice").await;
    let page = here.get(&wish.path()).await;
    // A form of Bob's, and one of another browser of Alice's own.
    for name in ["bob", "alice"] {
        let mut other = app.signed_in(name).await;
        let foreign = other.get(&wish.path()).await;
        let refused = here.decide(&foreign, "allow").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}");
    }
    // From another site, with or without what it could guess.
    let (csrf, request) = (page.csrf(), hidden(&page.text, "request"));
    for fields in [
        vec![
            ("request", request.as_str()),
            ("scope", "chat"),
            ("decision", "allow"),
        ],
        vec![
            ("csrf", ""),
            ("request", &request),
            ("scope", "chat"),
            ("decision", "allow"),
        ],
    ] {
        let refused = here
            .post_bare("/oauth/authorize", &fields, Some("same-origin"))
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let fields = [
        ("csrf", csrf.as_str()),
        ("request", &request),
        ("scope", "chat"),
        ("decision", "allow"),
    ];
    for site in ["cross-site", "same-site"] {
        let refused = here
            .post_bare("/oauth/authorize", &fields, Some(site))
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{site}");
    }
    assert_eq!(count_oauth_grants(&app.store.store, alice.id).await, 0);
    // A consent is never given by a GET.
    let query = format!("{}&decision=allow&csrf={csrf}&scope=chat", wish.path());
    let refused = here.get(&query).await;
    assert_ne!(refused.status, StatusCode::SEE_OTHER);
    // After another sign-in in the same browser, the form of before is worth nothing.
    here.sign_in("bob", "password of bob", "").await;
    let refused = here.decide(&page, "allow").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // A session that is over leads to the sign-in, and back to the page.
    here.cookies.clear();
    let away = here.decide(&page, "allow").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    assert_eq!(
        parameter(away.header("location"), "next").unwrap(),
        wish.path()
    );
}

#[tokio::test]
async fn a_session_that_was_planted_before_the_sign_in_is_worth_nothing() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut attacker = app.signed_in("alice").await;
    let planted = attacker.cookies.iter().find(|(name, _)| name == "deputy");
    let planted = planted.unwrap().clone();
    attacker.post("/logout", &[]).await;
    let mut victim = app.browser();
    victim.cookies.push(planted.clone());
    victim.sign_in("alice", "password of alice", "").await;
    let now = victim
        .cookies
        .iter()
        .find(|(name, _)| name == "deputy")
        .unwrap();
    assert_ne!(now.1, planted.1, "the id is new at the sign-in");
    let mut attacker = app.browser();
    attacker.cookies.push(planted);
    let page = attacker.get(&Wish::of(&client).path()).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert!(page.header("location").starts_with("/login"));
}

/// No page holds what a stranger wrote as markup, in none of its places.
fn is_clean(page: &str) {
    for bad in ["<script", "onload=x <", "<b>", "\u{202e}", "\u{0}"] {
        assert!(!page.contains(bad), "{bad:?} in {page}");
    }
}

#[tokio::test]
async fn what_programs_say_is_never_markup() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let name = format!("{NASTY}\u{202e}\n\r\u{200f}{}", "x".repeat(120));
    let redirect = "https://program.example/cb?q=%22%3E%3Cscript%3E&a=%27";
    let mut browser = app.signed_in("alice").await;
    let client = app.registered(&name, &[redirect]).await;
    let wish = Wish::of(&client)
        .with("redirect_uri", redirect)
        .with("state", NASTY)
        .with("scope", &format!("{NASTY} chat tools:read"));
    let page = browser.get(&wish.path()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    is_clean(&page.text);
    assert!(page.text.contains("&#60;script&#62;"), "{}", page.text);
    assert_eq!(hidden(&page.text, "request"), wish.query());
    let again = browser.decide_with(&page, "allow", &[NASTY]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    is_clean(&again.text);
    let away = browser.decide(&page, "allow").await;
    let location = away.header("location");
    assert!(location.starts_with(redirect), "{location}");
    assert_eq!(parameter(location, "state").unwrap(), NASTY);
    let code = parameter(location, "code").unwrap();
    let tokens = app.redeem(&client, &code, redirect).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);

    for path in ["/settings", "/admin", "/activity", "/"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        is_clean(&page.text);
    }
    // Where things go wrong.
    for wish in [
        wish.clone().with("code_challenge", NASTY),
        wish.clone().with("client_id", NASTY),
        wish.clone().with("redirect_uri", NASTY),
        wish.clone()
            .with("prompt", NASTY)
            .with("response_type", NASTY),
        wish.clone().with("resource", NASTY),
        wish.clone().with("state", "a\u{0}b"),
    ] {
        for from in ["cross-site", "same-origin"] {
            let answer = browser.follow(&wish.path(), from).await;
            is_clean(&answer.text);
        }
    }
    let login = app.browser().get(&wish.path()).await;
    let form = app.browser().get(login.header("location")).await;
    is_clean(&form.text);
}

#[tokio::test]
async fn the_page_can_not_be_framed_and_its_form_may_lead_away() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let client = app
        .registered(
            "Notes",
            &[CALLBACK, "cursor://x.y/cb", "http://127.0.0.1/cb"],
        )
        .await;
    let fixed = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; \
                 base-uri 'none'; form-action 'self'";
    let leading_away = fixed.strip_suffix("; form-action 'self'").unwrap();
    for redirect in [CALLBACK, "cursor://x.y/cb", "http://127.0.0.1:5151/cb"] {
        let wish = Wish::of(&client).with("redirect_uri", redirect);
        let page = browser.get(&wish.path()).await;
        let policy = page.header("content-security-policy");
        assert_eq!(policy, leading_away);
        assert_eq!(
            page.headers
                .get_all("content-security-policy")
                .iter()
                .count(),
            1
        );
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("cache-control"), "no-store");
        // A window that the program's page opened can still tell it.
        assert_eq!(page.header("cross-origin-opener-policy"), "unsafe-none");
        let again = browser.decide_with(&page, "allow", &[]).await;
        assert_eq!(again.header("content-security-policy"), policy);
        let away = browser.decide(&page, "allow").await;
        assert_eq!(away.header("content-security-policy"), fixed);
        assert_eq!(away.header("cross-origin-opener-policy"), "unsafe-none");
    }
    for path in [
        "/settings",
        "/login?again=1",
        "/oauth/authorize?client_id=x",
        "/admin",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.header("content-security-policy"), fixed, "{path}");
    }
    let settings = browser.get("/settings").await;
    assert_eq!(settings.header("cross-origin-opener-policy"), "same-origin");
}

#[tokio::test]
async fn nobody_ends_what_is_anothers() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut hers = app.signed_in("alice").await;
    let (token, _) = app.log_in(&mut hers, &client, &Wish::of(&client)).await;
    let id = app.authorization.grants(alice.id).await.unwrap()[0].id;
    let (page, rest) = (
        format!("/settings/access/{id}/end"),
        format!("/api/v1/grants/{id}"),
    );
    let mut his = app.signed_in("bob").await;
    assert_eq!(his.post(&page, &[]).await.status, StatusCode::NOT_FOUND);
    for nonsense in [
        "0",
        "-1",
        "x",
        "9223372036854775807",
        "99999999999999999999",
    ] {
        let path = format!("/settings/access/{nonsense}/end");
        assert_eq!(hers.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
    }
    let everything = app.token(&bob, "").await;
    let refused = app.api(Method::DELETE, &rest, &everything, None).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
    let listed = app
        .api(Method::GET, "/api/v1/grants", &everything, None)
        .await;
    assert_eq!(listed.json()["data"], json!([]));
    assert_eq!(
        app.api(Method::DELETE, &rest, NOTHING, None).await.status,
        StatusCode::UNAUTHORIZED
    );
    // Without the form's token nothing ends, nor from elsewhere.
    let refused = hers.post_bare(&page, &[], Some("same-origin")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.status, StatusCode::OK);
    assert!(app.recorded("access.end").await.is_empty());
}
