//! Programs that are known by a document.

use axum::Router;
use axum::routing::get;

use super::*;

/// A site with the document of a program at `/client.json`, whose answers go to [`CALLBACK`]; and at
/// `/busy.json` one that can't be had.
async fn site() -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({
        "client_id": format!("{origin}/client.json"),
        "client_name": "Claude",
        "redirect_uris": [CALLBACK],
    });
    let busy = get(async || StatusCode::SERVICE_UNAVAILABLE);
    let site = Router::new()
        .route("/client.json", get(async move || axum::Json(document)))
        .route("/busy.json", busy);
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(async move { axum::serve(listener, site).await });
    Url::parse(&origin).unwrap()
}

const SHIELD: &str = "M12 3.2 5 6v5.5";
const ELSEWHERE: &str = "the one that you are sent to differ";
const UNKNOWN: &str = "have not allowed it anything before";

#[tokio::test]
async fn where_the_answer_goes_elsewhere_the_page_says_so() {
    let site = site().await;
    let app = TestApp::start(Some(&site)).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let wish = Wish::of(&format!("{site}client.json")).with("prompt", "consent");
    for _ in 0..2 {
        let page = browser.get(&wish.path()).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.text.contains(ELSEWHERE), "{}", page.text);
        assert!(page.text.contains("class=\"note wait\""));
        assert!(!page.text.contains(UNKNOWN) && !page.text.contains(SHIELD));
        let away = browser.decide(&page, "allow").await;
        assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.text);
    }
    // An administrator's program has the shield, and none of this.
    app.added("bot", &[CALLBACK]).await;
    let page = browser.get(&Wish::of("bot").path()).await;
    assert!(page.text.contains(SHIELD) && !page.text.contains("class=\"note wait\""));
    assert!(!page.text.contains(ELSEWHERE) && !page.text.contains(UNKNOWN));
}

#[tokio::test]
async fn what_describes_a_program_may_be_had_later() {
    let site = site().await;
    let app = TestApp::start(Some(&site)).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let busy = browser
        .get(&Wish::of(&format!("{site}busy.json")).path())
        .await;
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.header("retry-after"), "60");
    assert!(busy.text.contains("Try again in 1 min"), "{}", busy.text);
    let gone = browser
        .get(&Wish::of(&format!("{site}gone.json")).path())
        .await;
    assert_eq!(gone.status, StatusCode::BAD_REQUEST);
    assert!(gone.headers.get("retry-after").is_none());
    let mut throttled = None;
    for n in 0..40 {
        let wish = Wish::of(&format!("{site}{n}.json"));
        let answer = browser.get(&wish.path()).await;
        if answer.status != StatusCode::BAD_REQUEST {
            throttled = Some(answer);
            break;
        }
    }
    let throttled = throttled.expect("a limit");
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = throttled.header("retry-after").parse().unwrap();
    assert!((1..=3600).contains(&seconds));
    assert!(throttled.text.contains("Try again in 60 min"));
}
