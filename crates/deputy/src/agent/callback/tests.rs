use axum::http::StatusCode;

use super::*;

fn client() -> reqwest::Client {
    deputy_core::http::trusted(deputy_core::http::Limits::default()).unwrap()
}

async fn get(port: u16, host: &str, path: &str) -> (StatusCode, String) {
    let url = format!("http://{host}:{port}{path}");
    let response = client().get(url).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(
        response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("'none'")
    );
    (response.status(), response.text().await.unwrap())
}

async fn listening() -> Callback {
    // any port: those from 8181 on may be in use on this machine
    Callback::listen_from(0, &Secret::from("right"))
        .await
        .unwrap()
}

#[tokio::test]
async fn only_the_answer_to_this_login_counts_and_only_once() {
    let mut callback = listening().await;
    let port = callback.port;
    for path in [
        "/callback",
        "/callback?code=c",
        "/callback?code=c&state=wrong",
        "/callback?code=c&state=right&state=right",
        "/callback?code=c&state=righ",
    ] {
        assert_eq!(
            get(port, "127.0.0.1", path).await.0,
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
    for path in ["/", "/favicon.ico", "/callback/x?code=c&state=right"] {
        assert_eq!(
            get(port, "127.0.0.1", path).await.0,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let url = format!("http://127.0.0.1:{port}/callback?code=c&state=right");
    for method in [Method::HEAD, Method::POST] {
        let response = client().request(method, &url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    let lifecycle = Lifecycle::new();
    let browser = lifecycle
        .spawn(async move { get(port, "127.0.0.1", "/callback?code=c&state=right").await });
    let arrival = callback.arrival().await.unwrap();
    assert_eq!(arrival.query.expose(), "code=c&state=right");
    let again = get(port, "127.0.0.1", "/callback?code=d&state=right").await;
    assert_eq!(again.0, StatusCode::CONFLICT);
    arrival
        .tell
        .send(Outcome::LoggedIn {
            username: "<b>alice</b>".to_owned(),
            server: "x".to_owned(),
        })
        .unwrap();
    let (status, html) = browser.await.unwrap().unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(
        html.contains("logged in") && html.contains("&lt;b&gt;alice"),
        "{html}"
    );
    callback.close().await;
    assert!(
        client().get(url).send().await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_failure_is_shown_as_one() {
    let mut callback = listening().await;
    let port = callback.port;
    let lifecycle = Lifecycle::new();
    let browser = lifecycle.spawn(async move {
        get(
            port,
            "127.0.0.1",
            "/callback?error=access_denied&state=right",
        )
        .await
    });
    let arrival = callback.arrival().await.unwrap();
    arrival
        .tell
        .send(Outcome::Refused("the consent was refused".to_owned()))
        .unwrap();
    let (status, html) = browser.await.unwrap().unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        html.contains("not logged in") && html.contains("was refused"),
        "{html}"
    );
}

#[tokio::test]
async fn both_loopback_addresses_are_heard() {
    let callback = listening().await;
    assert_eq!(
        get(callback.port, "127.0.0.1", "/").await.0,
        StatusCode::NOT_FOUND
    );
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok() {
        assert_eq!(
            get(callback.port, "[::1]", "/").await.0,
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(
        callback.redirect_uri(),
        format!("http://localhost:{}/callback", callback.port)
    );
}

#[tokio::test]
async fn a_port_that_somebody_has_is_left_to_them() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let (got, _listeners) = bind(port).await.unwrap();
    assert_ne!(got, port);
    // also where they have it for IPv6 only: the browser might go there
    if let Ok(taken) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
        let port = taken.local_addr().unwrap().port();
        let (got, _listeners) = bind(port).await.unwrap();
        assert_ne!(got, port);
    }
}

/// A page, in the language that is asked for; its policy.
async fn shown(said: Said, language: &'static str) -> (String, String) {
    let mut asked = HeaderMap::new();
    asked.insert("accept-language", language.parse().unwrap());
    let page = said.page(&asked);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = axum::body::to_bytes(page.into_body(), 1 << 20).await;
    (String::from_utf8(body.unwrap().to_vec()).unwrap(), policy)
}

#[tokio::test]
async fn whatever_a_server_says_of_a_refusal_is_text() {
    let hostile = "</p><script>alert(1)</script><img src=x onerror='alert(2)'>\" & \u{202e}";
    for outcome in [
        Outcome::Refused(hostile.to_owned()),
        Outcome::Failed(hostile.to_owned()),
        Outcome::LoggedIn {
            username: hostile.to_owned(),
            server: hostile.to_owned(),
        },
    ] {
        let (html, _) = shown(Said::Outcome(outcome), "en").await;
        assert!(
            html.contains("&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x"),
            "{html}"
        );
        assert!(
            html.contains("&#39;alert(2)&#39;&gt;&quot; &amp;"),
            "{html}"
        );
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
    }
}

#[tokio::test]
async fn the_policy_lets_the_page_s_own_style_through_and_nothing_else() {
    use base64::Engine as _;
    let (html, policy) = shown(Said::GivenUp, "en").await;
    let style = html.split("<style>").nth(1).unwrap();
    let style = style.split("</style>").next().unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let hash = base64::prelude::BASE64_STANDARD.encode(digest);
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    // an attribute would need a word of its own in the policy
    assert!(
        !html.contains(" style=") && !html.contains("url("),
        "{html}"
    );
}

#[tokio::test]
async fn a_page_speaks_the_language_of_its_browser() {
    for (asked, lang, title) in [
        ("", "en", "The login was given up"),
        ("de, en;q=0.5", "en", "The login was given up"),
        ("ru-RU, en;q=0.5", "ru", "Вход прерван"),
        ("en;q=0.2, uk", "uk", "Вхід перервано"),
    ] {
        let (html, _) = shown(Said::GivenUp, asked).await;
        assert!(
            html.contains(&format!("<html lang=\"{lang}\">")) && html.contains(title),
            "{asked}: {html}"
        );
    }
}
