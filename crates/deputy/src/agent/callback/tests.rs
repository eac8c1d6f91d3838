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
        .send(Ok("<b>alice</b> at x".to_owned()))
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
        .send(Err("the consent was refused".to_owned()))
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
