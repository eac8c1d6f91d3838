use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use deputy_core::{Caller, Language, Role, Scopes};
use tower::ServiceExt as _;

use super::*;

/// Answers as the SDK does when it has begun a session.
fn router(owners: &Arc<SessionOwners>) -> Router {
    let begun = Arc::new(AtomicUsize::new(0));
    let begin = move || {
        let id = begun.fetch_add(1, Ordering::SeqCst);
        async move {
            // All of them are under way before the first one is done.
            tokio::time::sleep(Duration::from_millis(50)).await;
            [(SESSION, format!("s{id}"))]
        }
    };
    Router::new()
        .route("/mcp", any(begin))
        .layer(from_fn_with_state(Arc::clone(owners), check_owner))
}

fn owners() -> Arc<SessionOwners> {
    Arc::new(SessionOwners::new(Arc::default(), Lifecycle::new()))
}

fn request(user: i64, headers: &[(&str, &str)]) -> axum::http::Request<Body> {
    let mut request = axum::http::Request::post("/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let principal = Principal {
        user_id: UserId(user),
        username: String::new(),
        role: Role::User,
        language: Language::En,
        time_zone: "UTC".to_owned(),
        scopes: Scopes::all(),
        caller: Caller::System,
    };
    let callers = Arc::new(crate::mcp::callers::Callers::default());
    let request = request.extension(Arc::new(callers.enter(&principal)));
    let request = request.extension(Arc::new(principal));
    let request = request.extension(Arc::new(Place::All));
    request.body(Body::empty()).unwrap()
}

async fn status(router: &Router, request: axum::http::Request<Body>) -> StatusCode {
    router.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn no_more_sessions_than_allowed_begin_however_they_are_asked_for_and_at_once() {
    let (owners, modern) = (owners(), [("mcp-protocol-version", "2026-07-28")]);
    let router = router(&owners);
    let asking = (0..MAX_PER_USER + 20).map(|i| {
        // An `initialize` may name the newer version, and its method.
        let headers: &[_] = match i % 3 {
            0 => &[],
            1 => &modern,
            _ => &[modern[0], ("mcp-method", "initialize")],
        };
        status(&router, request(1, headers))
    });
    let answers = futures_util::future::join_all(asking).await;
    let begun = answers.iter().filter(|status| status.is_success());
    assert_eq!(begun.count(), MAX_PER_USER);
    assert_eq!(
        status(&router, request(1, &[])).await,
        StatusCode::TOO_MANY_REQUESTS
    );
    // What stands alone begins none, and others have places of their own.
    let alone = [modern[0], ("mcp-method", "tools/call")];
    assert_eq!(status(&router, request(1, &alone)).await, StatusCode::OK);
    assert_eq!(status(&router, request(2, &[])).await, StatusCode::OK);
    assert!(owners.known.lock().opening.is_empty());
}

#[tokio::test]
async fn a_session_that_begins_for_a_client_that_left_has_an_owner() {
    let owners = owners();
    let router = router(&owners);
    let left = tokio::time::timeout(Duration::from_millis(5), status(&router, request(1, &[])));
    assert!(left.await.is_err());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while owners.known.lock().owners.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "nobody's session");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(owners.is_own("s0", UserId(1), "all") && !owners.is_own("s0", UserId(2), "all"));
}

#[test]
fn a_session_outlives_a_question_to_its_client() {
    let idle = manager().session_config.keep_alive.unwrap();
    assert!(idle > PATIENCE + Duration::from_mins(1), "{idle:?}");
}
