//! Links, what clients say of themselves, and whose decision it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{consent, get, open, register};
use crate::support::{App, CALLBACK, PASSWORD, Program, client, parameter};

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
            // A name that leads inside looks like one that can't be reached just now.
            let is_refused = status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(is_refused, "{id}: {status}: {page}");
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
