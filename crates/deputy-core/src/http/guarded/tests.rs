use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server on this machine that gives everybody the same answer, and counts them.
async fn answering(answer: String) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let visits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&visits);
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => seen.extend_from_slice(&buffer[..n]),
                }
            }
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, visits)
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn moved(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn nobody_private() -> Guarded {
    guarded(GuardConfig::default()).unwrap()
}

fn allowing(url: &Url) -> Guarded {
    guarded(GuardConfig {
        private_hosts: PrivateHosts::default().with(url),
        ..GuardConfig::default()
    })
    .unwrap()
}

#[test]
fn every_spelling_of_a_private_address_is_refused() {
    let client = nobody_private();
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.1.",
        "\u{ff11}\u{ff12}\u{ff17}\u{3002}\u{ff10}\u{3002}\u{ff10}\u{3002}\u{ff11}",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "169.254.169.254",
        "0xa9.0xfe.0xa9.0xfe",
        "2852039166",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "0",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
    ] {
        let url: Url = format!("https://{host}/x").parse().unwrap();
        assert!(
            matches!(client.check(&url), Err(Blocked::PrivateAddress(_))),
            "{host} → {:?}",
            client.check(&url)
        );
    }
}

#[test]
fn what_a_url_must_be() {
    let client = nobody_private();
    let check = |text: &str| client.check(&text.parse().unwrap());
    assert_eq!(check("https://mcp.example.com/mcp"), Ok(()));
    assert_eq!(check("https://93.184.216.34:8443/"), Ok(()));
    assert_eq!(
        check("http://mcp.example.com/"),
        Err(Blocked::Scheme("http://mcp.example.com".into()))
    );
    assert!(matches!(check("file:///etc/passwd"), Err(Blocked::NoHost)));
    assert!(matches!(
        check("ftp://example.com/"),
        Err(Blocked::Scheme(_))
    ));
    assert!(matches!(
        check("gopher://example.com/"),
        Err(Blocked::Scheme(_))
    ));
    assert_eq!(check("https://a@example.com/"), Err(Blocked::Userinfo));
    assert_eq!(check("https://a:b@example.com/"), Err(Blocked::Userinfo));
    assert_eq!(check("https://:b@example.com/"), Err(Blocked::Userinfo));
}

#[test]
fn the_administrator_allows_host_and_port() {
    let hosts: PrivateHosts = " localhost:9000, 10.0.0.7:443,[::1]:8080 , INTRANET.example:8443,"
        .parse()
        .unwrap();
    let client = guarded(GuardConfig {
        private_hosts: hosts,
        ..GuardConfig::default()
    })
    .unwrap();
    let check = |text: &str| client.check(&text.parse().unwrap());
    for good in [
        "http://localhost:9000/mcp",
        "https://localhost:9000/mcp",
        "https://10.0.0.7/",
        "http://10.0.0.7:443/",
        "http://[::1]:8080/",
        "https://intranet.example:8443/x",
        "https://0xa.7/",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for bad in [
        "http://localhost/",
        "http://localhost:9001/",
        "http://10.0.0.7/",
        "https://10.0.0.7:8443/",
        "http://[::1]/",
        "http://127.0.0.1:9000/",
        "ftp://localhost:9000/",
        "https://x@localhost:9000/",
        "https://[::ffff:10.0.0.7]/",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    for wrong in [
        "localhost",
        "localhost:",
        "localhost:0",
        "localhost:70000",
        "::1:80",
        "a b:80",
        ":80",
        "http://x:80",
    ] {
        assert_eq!(
            wrong.parse::<PrivateHosts>(),
            Err(NotAHost(wrong.into())),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_private_host_is_reached_only_where_allowed() {
    let (url, visits) = answering(ok("{}")).await;
    let port = url.port().unwrap();
    let closed = nobody_private();
    for text in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://2130706433:{port}/"),
    ] {
        let error = closed
            .get(&text.parse().unwrap())
            .fetch()
            .await
            .unwrap_err();
        assert!(matches!(error, GuardError::Blocked(_)), "{text}: {error:?}");
        assert!(error.is_unsent());
    }
    // The name is allowed on another port only: its address stays private.
    let other = guarded(GuardConfig {
        private_hosts: "localhost:1".parse().unwrap(),
        ..GuardConfig::default()
    })
    .unwrap();
    let error = other
        .get(&format!("https://localhost:{port}/").parse().unwrap())
        .fetch()
        .await
        .unwrap_err();
    assert!(
        matches!(error, GuardError::Blocked(Blocked::PrivateAddress(_))),
        "{error:?}"
    );
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    let fetched = allowing(&url).get(&url).fetch().await.unwrap();
    assert_eq!(
        fetched.json::<serde_json::Value>().unwrap(),
        serde_json::json!({})
    );
    assert_eq!(visits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn redirects_are_followed_only_on_request_and_checked() {
    let (target, reached) = answering(ok("{}")).await;
    let (url, _) = answering(moved(target.as_str())).await;
    let client = allowing(&url);
    assert_eq!(
        client.get(&url).fetch().await.unwrap().status,
        StatusCode::FOUND
    );
    let error = client
        .get_following(&url, "application/json")
        .await
        .unwrap_err();
    assert!(matches!(error, GuardError::Blocked(_)), "{error:?}");
    assert_eq!(reached.load(Ordering::SeqCst), 0);

    let both = guarded(GuardConfig {
        private_hosts: PrivateHosts::default().with(&url).with(&target),
        ..GuardConfig::default()
    })
    .unwrap();
    assert!(
        both.get_following(&url, "application/json")
            .await
            .unwrap()
            .is_json()
    );

    let (metadata, _) = answering(moved("http://169.254.169.254/latest/meta-data/")).await;
    let error = allowing(&metadata)
        .get_following(&metadata, "application/json")
        .await
        .unwrap_err();
    assert!(
        matches!(error, GuardError::Blocked(Blocked::Scheme(_))),
        "{error:?}"
    );

    let (round, visits) = answering(moved("/again")).await;
    let error = allowing(&round)
        .get_following(&round, "application/json")
        .await
        .unwrap_err();
    assert!(matches!(error, GuardError::Redirects));
    assert_eq!(visits.load(Ordering::SeqCst), REDIRECTS + 1);
}

#[tokio::test]
async fn an_answer_is_limited() {
    let limits = |url: &Url, body: usize, total: Duration| {
        guarded(GuardConfig {
            private_hosts: PrivateHosts::default().with(url),
            limits: GuardLimits {
                body,
                total: Some(total),
                ..GuardLimits::default()
            },
        })
        .unwrap()
    };
    let (url, _) = answering(ok(&"1".repeat(1001))).await;
    let long = Duration::from_secs(30);
    let error = limits(&url, 1000, long)
        .get(&url)
        .fetch()
        .await
        .unwrap_err();
    assert!(
        matches!(error, GuardError::TooLarge { limit: 1000 }),
        "{error:?}"
    );
    assert_eq!(
        limits(&url, 1001, long)
            .get(&url)
            .fetch()
            .await
            .unwrap()
            .body
            .len(),
        1001
    );

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/?token=hidden", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    let error = limits(&url, 1000, Duration::from_millis(50))
        .get(&url)
        .fetch()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no answer in time");
    assert!(error.is_temporary() && !error.is_unsent());
    assert!(!format!("{error:?}").contains("hidden"));
}

#[test]
fn json_is_what_says_so() {
    let headers = |value: &'static str| {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
    };
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
    ] {
        assert!(is_json(&headers(good)), "{good}");
    }
    for bad in [
        "text/html",
        "text/json-ish",
        "application/jsonp",
        "+json",
        "",
    ] {
        assert!(!is_json(&headers(bad)), "{bad}");
    }
    assert!(!is_json(&HeaderMap::new()));
}
