//! Everything that somebody who means ill sends to the authorization server, from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    App, Browser, CALLBACK, Engine, Options, PASSWORD, Page, Program, VERIFIER, client, parameter,
};

/// An installation for which no limit stands but those that a test is about.
fn open() -> Options {
    Options::on(Engine::Sqlite).with("DEPUTY_LIMITS_TOKEN_PER_MIN", "0")
}

/// A page as it is answered, with its headers; no redirect is followed.
async fn get(browser: &mut Browser, url: Url) -> (StatusCode, HeaderMap, String) {
    let answer = browser.send(Method::GET, url, None).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

/// Registers with `metadata`, whatever is said of it.
async fn register(app: &App, metadata: &Value) -> (StatusCode, Value) {
    let to = app.url.join("oauth/register").unwrap();
    let answer = client().post(to).json(metadata).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Opens a link and signs in: the page for deciding.
async fn consent(browser: &mut Browser, link: Url, name: &str) -> Page {
    let page = browser.go(Method::GET, link, None).await;
    if !page.html.contains("name=\"password\"") {
        return page;
    }
    let form = page
        .form_with("password")
        .with("username", name)
        .with("password", PASSWORD);
    browser.submit(form).await
}

/// A listener on every loopback address that counts who comes.
fn trap() -> (u16, Arc<AtomicUsize>) {
    let met = Arc::new(AtomicUsize::new(0));
    let four = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = four.local_addr().unwrap().port();
    let six = std::net::TcpListener::bind(("::1", port)).ok();
    for listener in [Some(four), six].into_iter().flatten() {
        let met = met.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                drop(connection);
                met.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    (port, met)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_the_server_ask_its_neighbours() {
    let app = App::start(open().with("DEPUTY_CLIENT_DOCUMENTS", "on")).await;
    app.person("alice").await;
    // For nobody who isn't signed in is anything fetched.
    let mut alice = app.browser();
    alice.sign_in("alice", PASSWORD).await;
    let (port, met) = trap();
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "x.localhost",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "１２７.０.０.１",
        "%31%32%37.0.0.1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fc00::1]",
        "metadata.google.internal",
    ];
    let begun = Instant::now();
    for host in hosts {
        for scheme in ["https", "http"] {
            let id = format!("{scheme}://{host}:{port}/client.json");
            let mut link = app.url.join("oauth/authorize").unwrap();
            link.query_pairs_mut()
                .append_pair("client_id", &id)
                .append_pair("redirect_uri", CALLBACK)
                .append_pair("response_type", "code")
                .append_pair(
                    "code_challenge",
                    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                )
                .append_pair("code_challenge_method", "S256");
            let (status, headers, page) = get(&mut alice, link).await;
            assert!(status.is_client_error(), "{id}: {status}: {page}");
            assert!(headers.get(LOCATION).is_none(), "{id}");
        }
    }
    assert_eq!(met.load(Ordering::SeqCst), 0, "somebody was asked");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "it waits for them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_nowhere_but_where_the_client_said() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let foreign = "https://evil.example/callback";
    let metadata = json!({ "client_name": "Evil", "redirect_uris": [foreign] });
    let (status, evil) = register(&app, &metadata).await;
    assert_eq!(status, StatusCode::CREATED, "{evil}");
    let evil = evil["client_id"].as_str().unwrap().to_owned();
    let program = Program::register(&app.url, "Program of Alice").await;

    // Never a redirect: who asks, or where to, is not known.
    let unknown: [&[(&str, &str)]; 9] = [
        &[("client_id", "made-up")],
        &[("client_id", "")],
        &[("redirect_uri", foreign)],
        &[("redirect_uri", "http://127.0.0.1:38123/callback/more")],
        &[("redirect_uri", "http://127.0.0.1:38123/callback?more")],
        &[("redirect_uri", "http://localhost:38123/callback")],
        &[(
            "redirect_uri",
            "http://127.0.0.1:38123@evil.example/callback",
        )],
        &[("redirect_uri", "//evil.example/callback")],
        &[("redirect_uri", "javascript:alert(1)//")],
    ];
    for more in unknown {
        let (status, headers, page) = get(&mut app.browser(), program.link(more)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{more:?}: {page}");
        assert!(headers.get(LOCATION).is_none(), "{more:?}");
    }
    // Any port of the loopback, and of nothing else.
    let any_port = [("redirect_uri", "http://127.0.0.1:1/callback")];
    let (status, _, _) = get(&mut app.browser(), program.link(&any_port)).await;
    assert!(status.is_success() || status.is_redirection());

    // What is wrong otherwise is not bounced to a stranger's site before anybody signed in.
    for wrong in [
        ("response_type", "token"),
        ("code_challenge_method", "plain"),
        ("code_challenge", ""),
        ("scope", "nothing-known"),
        ("resource", "https://elsewhere.example/mcp"),
    ] {
        let link = program.link(&[("client_id", &evil), ("redirect_uri", foreign), wrong]);
        let (status, headers, page) = get(&mut app.browser(), link).await;
        let to = headers.get(LOCATION).map(|to| to.to_str().unwrap());
        assert!(
            !to.is_some_and(|to| to.contains("evil.example")),
            "{wrong:?}: {status} {to:?} {page}"
        );
    }
    // Twice the same parameter: refused.
    let mut twice = program.link(&[]);
    twice.query_pairs_mut().append_pair("client_id", &evil);
    let (status, headers, _) = get(&mut app.browser(), twice).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(headers.get(LOCATION).is_none());

    // Nor does the sign-in page lead elsewhere.
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "/oauth/../..//evil.example",
    ] {
        let mut browser = app.browser();
        let mut url = app.url.join("login").unwrap();
        url.query_pairs_mut().append_pair("next", next);
        let page = browser.go(Method::GET, url, None).await;
        let form = page
            .form_with("password")
            .with("username", "alice")
            .with("password", PASSWORD);
        let page = browser.submit(form).await;
        assert_eq!(page.url.origin(), app.url.origin(), "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_for_another() {
    let app = App::start(open()).await;
    app.person("alice").await;
    app.person("bob").await;
    let program = Program::register(&app.url, "Program of somebody").await;
    let link = program.link(&[]);
    let (mut alice, mut bob) = (app.browser(), app.browser());
    let of_bob = consent(&mut bob, link.clone(), "bob").await;
    let of_bob = of_bob.form_with("decision").with("decision", "allow");
    let page = consent(&mut alice, link.clone(), "alice").await;
    let of_alice = page.form_with("decision").with("decision", "allow");

    // Another person's page sent by Alice's browser; her own without its proof; from another site; framed.
    let token = of_alice
        .fields
        .iter()
        .find(|(name, _)| name == "csrf")
        .cloned()
        .unwrap();
    for (what, form) in [
        ("another's page", of_bob.clone()),
        ("no proof", of_alice.clone().with("csrf", "")),
        (
            "another's proof",
            of_bob.clone().with("csrf", &format!("{}x", token.1)),
        ),
    ] {
        let answer = alice
            .send(Method::POST, form.action.clone(), Some(&form.fields))
            .await;
        assert!(
            answer.status().is_client_error(),
            "{what}: {}",
            answer.status()
        );
        assert!(answer.headers().get(LOCATION).is_none(), "{what}");
    }
    let cookies = alice.cookies_of(&app.url);
    for site in ["cross-site", "same-site"] {
        let answer = client()
            .post(of_alice.action.clone())
            .header("cookie", &cookies)
            .header("sec-fetch-site", site)
            .header("origin", "https://evil.example")
            .form(&of_alice.fields)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_client_error(), "{site}");
    }
    let (_, headers, _) = get(&mut alice, link.clone()).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(
        headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("no-store")
    );
    assert!(headers.get("access-control-allow-origin").is_none());

    // Turned down: said to the client, with its state and who says it, and nothing was given.
    let denied = alice
        .answer(link.clone(), "alice", "deny", None)
        .await
        .unwrap();
    assert_eq!(parameter(&denied, "error").unwrap(), "access_denied");
    assert_eq!(parameter(&denied, "state").unwrap(), "as it was");
    assert_eq!(
        parameter(&denied, "iss").unwrap(),
        app.url.as_str().trim_end_matches('/')
    );
    assert!(parameter(&denied, "code").is_none());
    let settings = alice.open("settings").await;
    assert!(
        !settings.html.contains("Program of somebody"),
        "nothing was given"
    );

    // Ticked by nobody: what was not asked for is not given, though the form be changed.
    let asked = program.link(&[("scope", "tools:read")]);
    let more = ["tools:read", "admin", "approvals:decide", "tools:write"].map(str::to_owned);
    match alice.answer(asked, "alice", "allow", Some(&more)).await {
        Ok(sent_to) => {
            let code = parameter(&sent_to, "code").unwrap();
            let tokens = program.redeem(&code).await.unwrap();
            assert_eq!(tokens.text("scope"), "tools:read");
        }
        Err(page) => assert!(page.status.is_client_error(), "{page:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_s_name_is_text() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "Google\u{202e}elgooG",
        "Deputy\0\n\r\t",
    ];
    for name in names {
        let metadata = json!({
            "client_name": name,
            "client_uri": "javascript:alert(1)",
            "logo_uri": "javascript:alert(1)",
            "redirect_uris": [CALLBACK],
        });
        let (status, answer) = register(&app, &metadata).await;
        if status == StatusCode::BAD_REQUEST {
            continue;
        }
        let id = answer["client_id"].as_str().unwrap();
        let link = program.link(&[("client_id", id)]);
        let page = consent(&mut app.browser(), link, "alice").await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        for active in [
            "<script>alert",
            "<img src=x",
            "javascript:",
            "\u{202e}",
            "\0",
        ] {
            assert!(!page.html.contains(active), "{name:?}: {}", page.html);
        }
        assert!(
            page.html.contains("127.0.0.1"),
            "where it sends people: {page:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_it_is_for() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let mut browser = app.browser();
    let mut tokens = Vec::new();
    for resource in [None, Some("mcp"), Some("mcp/files"), Some("api")] {
        let named = resource.map(|path| app.url.join(path).unwrap());
        let link = match &named {
            Some(url) => program.link(&[("resource", url.as_str())]),
            None => program.link(&[]),
        };
        let sent_to = browser.answer(link, "alice", "allow", None).await.unwrap();
        let code = parameter(&sent_to, "code").unwrap();
        let given = program.redeem(&code).await.unwrap();
        tokens.push((resource.unwrap_or("mcp"), given.text("access_token")));
    }
    for (resource, token) in &tokens {
        for (of, path) in [
            ("mcp", "mcp"),
            ("mcp/files", "mcp/files"),
            ("mcp/mail", "mcp/mail"),
            ("api", "api/v1/me"),
        ] {
            let (status, challenge) = program.try_token(token, path).await.unwrap();
            if of == *resource {
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{resource} at {path}");
                continue;
            }
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{resource} at {path}");
            let about = app
                .url
                .join(&format!(".well-known/oauth-protected-resource/{of}"))
                .unwrap();
            let about = format!("resource_metadata=\"{about}\"");
            assert!(challenge.contains(&about), "{path}: {challenge}");
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
    }

    // In the address or in the body it is not looked at, and no password opens anything.
    let (_, token) = tokens.last().unwrap();
    for path in [
        format!("api/v1/me?access_token={token}"),
        format!("api/v1/me?token={token}"),
    ] {
        let answer = client().get(app.url.join(&path).unwrap()).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    for header in [
        format!("Basic {token}"),
        format!("bearer  {token}x"),
        format!("Bearer {}", token.to_uppercase()),
        "Bearer".to_owned(),
    ] {
        let request = client().get(app.url.join("api/v1/me").unwrap());
        let answer = request.header("authorization", &header).send().await;
        assert_eq!(
            answer.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "{header}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_s_tokens_do_not_exist() {
    let app = App::start(open()).await;
    app.person("alice").await;
    app.person("bob").await;
    let program = Program::register(&app.url, "A shared one").await;
    let alice = program.log_in(&mut app.browser(), "alice").await;
    let bob = program.log_in(&mut app.browser(), "bob").await;

    // Looked at with another's token: as if it were not there.
    let introspect = async |bearer: &str, token: &str| {
        let to = app.url.join("oauth/introspect").unwrap();
        let form = [("token", token)];
        let request = client().post(to).bearer_auth(bearer).form(&form);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json::<Value>().await.unwrap())
    };
    let (own, other) = (bob.text("access_token"), alice.text("access_token"));
    for token in [&other, &alice.text("refresh_token"), "made-up"] {
        let (_, seen) = introspect(&own, token).await;
        assert_eq!(seen, json!({ "active": false }));
    }
    let (_, seen) = introspect(&own, &own).await;
    assert_eq!(seen["active"], true, "{seen}");
    let (status, _) = introspect("made-up", &own).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // Given up by another client: nothing happens, and nothing is said.
    let stranger = Program::register(&app.url, "Another").await;
    for token in [&other, &alice.text("refresh_token")] {
        let form = [("token", &**token), ("client_id", &stranger.id)];
        let reply = stranger.form("oauth/revoke", &form).await.unwrap();
        assert!(!reply.status.is_server_error(), "{reply:?}");
        assert!(program.works(&other).await, "{reply:?}");
    }
    let made_up = format!("dpt_rt_{}", "A".repeat(43));
    for token in ["made-up", &made_up] {
        let form = [("token", token), ("client_id", &program.id)];
        let reply = program.form("oauth/revoke", &form).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
    // Bob sees and ends his own alone.
    let mut browser = app.browser();
    browser.sign_in("bob", PASSWORD).await;
    browser.take_away("A shared one").await;
    assert!(!program.works(&own).await);
    assert!(program.works(&other).await, "Alice's is hers");
    let refreshed = program.refresh(&alice.text("refresh_token")).await.unwrap();
    assert_eq!(refreshed.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_to_the_endpoints_is_answered_in_their_manner() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let refresh = program
        .log_in(&mut app.browser(), "alice")
        .await
        .text("refresh_token");
    let good = format!(
        "grant_type=refresh_token&refresh_token={refresh}&client_id={}",
        program.id
    );
    let plain = "application/x-www-form-urlencoded";
    let long = "x".repeat(1 << 20);
    let cases: &[(&str, &str, &str)] = &[
        ("json", "application/json", "{}"),
        ("no type", "", &good),
        ("a type that is none", ";;;=", &good),
        ("a type of bytes", "text/plain", &good),
        ("nothing", plain, ""),
        ("twice", plain, &format!("{good}&{good}")),
        ("not UTF-8", plain, "grant_type=%ff%fe&client_id=%00"),
        ("half escapes", plain, "grant_type=%&client_id=%2"),
        ("another grant", plain, "grant_type=password&username=alice"),
        ("large", plain, &long),
    ];
    for path in ["oauth/token", "oauth/revoke", "oauth/introspect"] {
        for (what, kind, body) in cases {
            if path != "oauth/token" && *what == "another grant" {
                continue;
            }
            let mut request = client().post(app.url.join(path).unwrap());
            if !kind.is_empty() {
                request = request.header("content-type", *kind);
            }
            let answer = request.body((*body).to_owned()).send().await.unwrap();
            let (status, headers) = (answer.status(), answer.headers().clone());
            let text = answer.text().await.unwrap();
            assert!(status.is_client_error(), "{path} {what}: {status} {text}");
            let said: Value = serde_json::from_str(&text)
                .unwrap_or_else(|_| panic!("{path} {what}: {status}: {text}"));
            assert!(said["error"].is_string(), "{path} {what}: {said}");
            assert!(!text.contains(&refresh), "{path} {what} repeats the secret");
            let cache = headers["cache-control"].to_str().unwrap();
            assert!(cache.contains("no-store"), "{path} {what}: {cache}");
        }
    }
    // In the address it does not count.
    let mut url = app.url.join("oauth/token").unwrap();
    url.set_query(Some(&good));
    let none: [(&str, &str); 0] = [];
    let answer = client().post(url.clone()).form(&none).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);

    for (what, body) in [
        ("no JSON", "redirect_uris"),
        ("a list", "[]"),
        ("nothing", "{}"),
        ("no redirect", "{\"redirect_uris\":[]}"),
        ("a number", "{\"redirect_uris\":[1]}"),
        ("a script", "{\"redirect_uris\":[\"javascript:alert(1)\"]}"),
        (
            "a fragment",
            "{\"redirect_uris\":[\"https://a.example/#x\"]}",
        ),
        ("large", &long),
    ] {
        let request = client().post(app.url.join("oauth/register").unwrap());
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        assert!(status.is_client_error(), "{what}: {status} {said}");
        assert!(said["error"].is_string(), "{what}: {said}");
    }
    // After all of it, it still works: nothing was spent.
    let reply = program.refresh(&refresh).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_is_another_gives_nothing() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let mut browser = app.browser();
    let wrong = VERIFIER.replace('d', "e");
    let short = "x".repeat(42);
    for verifier in [
        &*wrong,
        "",
        &short,
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ] {
        let code = program.code(&mut browser, "alice").await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        let reply = program.token(&form).await.unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reply:?}");
        let reply = program.token(&form[..3]).await.unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reply:?}");
    }
    // No challenge, no link.
    for more in [("code_challenge", ""), ("code_challenge_method", "plain")] {
        let answer = browser
            .answer(program.link(&[more]), "alice", "allow", None)
            .await;
        match answer {
            Ok(sent_to) => {
                assert!(parameter(&sent_to, "code").is_none(), "{sent_to}");
                assert!(parameter(&sent_to, "error").is_some(), "{sent_to}");
            }
            Err(page) => assert!(page.status.is_client_error(), "{page:?}"),
        }
    }
}

/// One try at the sign-in page from an address: the status, what it says, and how long it took.
async fn try_sign_in(app: &App, from: &str, name: &str, password: &str) -> (u16, String, Duration) {
    let http = client();
    let url = app.url.join("login").unwrap();
    let page = http
        .get(url.clone())
        .header("x-forwarded-for", from)
        .send()
        .await
        .unwrap();
    let cookies: Vec<String> = page
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    let page = Page {
        status: page.status(),
        url,
        html: page.text().await.unwrap(),
    };
    let form = page
        .form_with("password")
        .with("username", name)
        .with("password", password);
    let begun = Instant::now();
    let answer = http
        .post(form.action)
        .header("x-forwarded-for", from)
        .header("cookie", cookies.join("; "))
        .header("sec-fetch-site", "same-origin")
        .form(&form.fields)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, text, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_says_nothing_of_who_is_there() {
    let app = App::start(open().with("DEPUTY_LIMITS_LOGIN_PER_5MIN", "0")).await;
    app.person("alice").await;
    app.person("carol").await;
    assert_eq!(app.run(&["user", "disable", "carol"], "").0, 0);
    let mut times = [const { Vec::new() }; 3];
    let mut said = Vec::new();
    // The quickest of each: what the machine does beside it makes any of them slower, so it is tried until they are
    // alike. They never are where one of them costs less.
    let alike = |times: &[Vec<Duration>; 3]| {
        let quickest = times.each_ref().map(|times| times.iter().min().copied());
        let [Some(first), Some(second), Some(third)] = quickest else {
            return false;
        };
        let (least, most) = (first.min(second).min(third), first.max(second).max(third));
        least * 2 > most
    };
    for round in 0.. {
        if round >= 3 && alike(&times) {
            break;
        }
        assert!(round < 40, "{times:?}");
        for (n, name) in ["alice", "nobody", "carol"].into_iter().enumerate() {
            let (status, text, time) = try_sign_in(&app, "192.0.2.1", name, "a wrong one").await;
            times[n].push(time);
            // But for the name in the field, and what is new in each page.
            let text = text.replace(name, "NAME");
            let text: String = text
                .split("name=\"csrf\"")
                .map(|part| part.split_once('>').map_or(part, |(_, rest)| rest))
                .collect();
            said.push((status, text));
        }
    }
    for other in &said[1..] {
        assert_eq!(other.0, said[0].0);
    }
    assert_eq!(said[0].1, said[1].1);
    assert_eq!(said[0].1, said[2].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_locks_themselves_out_and_nobody_else() {
    let app = App::start(open().with("DEPUTY_TRUSTED_PROXIES", "127.0.0.1")).await;
    app.person("alice").await;
    let (attacker, victim) = ("198.51.100.7", "203.0.113.9");
    let mut refused = 0;
    for _ in 0..15 {
        let (status, _, _) = try_sign_in(&app, attacker, "alice", "a guess").await;
        refused += usize::from(status == 429);
    }
    assert!(refused > 0, "guessing has an end");
    let (status, text, _) = try_sign_in(&app, attacker, "alice", PASSWORD).await;
    assert_eq!(status, 429, "the right one too: {text}");
    let (status, text, _) = try_sign_in(&app, victim, "alice", PASSWORD).await;
    assert_eq!(status, 303, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_waits_and_no_other() {
    let options = Options::default()
        .with("DEPUTY_TRUSTED_PROXIES", "127.0.0.1")
        .with("DEPUTY_LIMITS_TOKEN_PER_MIN", "5")
        .with("DEPUTY_LIMITS_REGISTER_PER_HOUR", "5");
    let app = App::start(options).await;
    let ask = async |path: &str, from: &str, body: &Value| {
        let to = app.url.join(path).unwrap();
        let request = client().post(to).header("x-forwarded-for", from);
        let request = if path == "oauth/token" {
            request.form(body)
        } else {
            request.json(body)
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let wait = answer.headers().contains_key("retry-after");
        let said: Value = answer.json().await.unwrap();
        assert_eq!(status == 429, wait, "{said}");
        assert!(status < 400 || said["error"].is_string(), "{said}");
        status
    };
    let guess = json!({ "grant_type": "refresh_token", "client_id": "x",
        "refresh_token": format!("dpt_rt_{}", "A".repeat(43)) });
    let metadata = json!({ "client_name": "One more", "redirect_uris": [CALLBACK] });
    for (path, body, tries) in [("oauth/token", &guess, 8), ("oauth/register", &metadata, 8)] {
        let mut statuses = Vec::new();
        for _ in 0..tries {
            statuses.push(ask(path, "198.51.100.7", body).await);
        }
        assert_eq!(statuses.last(), Some(&429), "{path}: {statuses:?}");
        assert_ne!(ask(path, "203.0.113.9", body).await, 429, "{path}");
    }
}
