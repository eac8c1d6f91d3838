//! Servers in the network that refuse, and what is refused them.

use std::time::Duration;

use deputy_gateway::pool::{ServerState, UpstreamError};
use serde_json::json;
use url::Url;

use super::{net, with_bearer, world};
use crate::fake::fake;
use crate::support::{LONG, World, answer, own, request, soon};

#[tokio::test]
async fn what_a_server_repeats_of_its_secrets_is_not_shown() {
    for faults in [&["repeats-secrets"][..], &[]] {
        let (_fake, url) = fake(faults).await;
        let (world, key, launch) = (world(&url), own(1, 1), net(&url));
        let calling = with_bearer("repeats-secrets", "t0ken-of-the-caller");
        let error = world.pool.call(&key, &launch, calling).await.unwrap_err();
        match &error {
            UpstreamError::NotStarted { .. } => assert!(!faults.is_empty()),
            UpstreamError::Rpc { data, .. } => assert!(data.is_some() && faults.is_empty()),
            other => panic!("{other:?}"),
        }
        let state = world.pool.state(&key).unwrap();
        let all = format!("{error} {error:?} {state:?}");
        assert!(all.contains("bad key ***"), "{all}");
        assert!(!all.contains("k3y-of-the-launch"), "{all}");
        assert!(!all.contains("t0ken-of-the-caller"), "{all}");
    }
}

#[tokio::test]
async fn a_request_beyond_what_is_sent_is_its_callers_fault() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    let large = json!({ "text": "x".repeat(2 << 20) }).to_string();
    let error = world.call(&key, &launch, "echo", &large).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::TooLarge { most: Some(most) } if most == 1 << 20),
        "{error:?}"
    );
    assert!(error.is_unsent() && fake.requests("tools/call").is_empty());
    answer(world.call(&key, &launch, "echo", "{}").await);
}

#[tokio::test]
async fn refusals_have_names() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    let error = async |tool: &str| {
        soon(LONG, world.call(&key, &launch, tool, "{}"))
            .await
            .unwrap_err()
    };
    assert!(
        matches!(error("403").await, UpstreamError::Unauthorized { insufficient_scope: true, challenge: Some(it) } if it.contains("scope=\"more\""))
    );
    assert!(
        matches!(error("403-in-lines").await, UpstreamError::Unauthorized { insufficient_scope: true, challenge: Some(it) } if it == r#"Basic realm="x", Bearer error="insufficient_scope", scope="more""#)
    );
    // what no other credential changes
    assert!(matches!(error("403-plain").await, UpstreamError::Forbidden));
    assert!(
        matches!(error("403-json").await, UpstreamError::Rpc { message, .. } if message == "not yours")
    );
    assert!(matches!(
        error("413").await,
        UpstreamError::TooLarge { most: None }
    ));
    let seven = Some(Duration::from_secs(7));
    assert!(
        matches!(error("429").await, UpstreamError::RateLimited { retry_after } if retry_after == seven)
    );
    assert!(
        matches!(error("503").await, UpstreamError::Unavailable { status: 503, sent: true, retry_after: Some(it) } if it.as_secs() == 3)
    );
    for (tool, text) in [
        ("redirect", "redirects"),
        ("html", "neither JSON"),
        ("big", "more than 1 MiB"),
        ("big-event", "more than 1 MiB"),
        ("other", "another question"),
    ] {
        let error = error(tool).await;
        assert!(
            matches!(&error, UpstreamError::Protocol { reason } if reason.contains(text)),
            "{tool}: {error:?}"
        );
    }
    assert!(matches!(
        error("null-id").await,
        UpstreamError::Rpc { code: -32600, .. }
    ));
    // none of which cost the session
    answer(world.call(&key, &launch, "echo", "{}").await);
    assert_eq!(fake.requests("initialize").len(), 1);
}

#[tokio::test]
async fn a_credential_is_asked_for_by_its_challenge_and_is_the_requests_own() {
    let (fake, url) = fake(&["401"]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    for bearer in [None, Some("bad")] {
        let mut calling = request("echo", "{}");
        calling.bearer = bearer.map(Into::into);
        let refused = world.pool.call(&key, &launch, calling).await;
        assert!(
            matches!(&refused, Err(UpstreamError::Unauthorized { challenge: Some(it), insufficient_scope: false }) if it.contains("resource_metadata")),
            "{refused:?}"
        );
    }
    // which is no failure of the server's: it is tried again at once
    answer(
        world
            .pool
            .call(&key, &launch, with_bearer("echo", "good"))
            .await,
    );
    let refused = world
        .pool
        .call(&key, &launch, with_bearer("echo", "stale"))
        .await;
    assert!(matches!(refused, Err(UpstreamError::Unauthorized { .. })));
    answer(
        world
            .pool
            .call(&key, &launch, with_bearer("echo", "good"))
            .await,
    );
    assert_eq!(fake.requests("initialize").len(), 1);
}

#[tokio::test]
async fn a_caller_without_a_credential_presents_nobody_elses() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    let presented = |method: &str| {
        let (headers, _) = fake.requests(method).pop().unwrap();
        let value = headers.get("authorization")?;
        Some(value.to_str().unwrap().to_owned())
    };
    let good = with_bearer("echo", "good");
    answer(world.pool.call(&key, &launch, good).await);
    assert_eq!(presented("tools/call").as_deref(), Some("Bearer good"));
    // what is for nobody in particular goes with the last
    let looks = async || {
        for _ in 0..2 {
            world.advance(Duration::from_secs(61));
            world.pool.look().await;
        }
    };
    looks().await;
    assert_eq!(presented("ping").as_deref(), Some("Bearer good"));
    answer(world.call(&key, &launch, "echo", "{}").await);
    assert_eq!(presented("tools/call"), None);
    looks().await;
    assert_eq!(presented("ping"), None);
}

#[tokio::test]
async fn what_is_no_server_is_named() {
    let (fake, url) = fake(&["old-sse"]).await;
    let world = world(&url);
    let outcome = async |id: i64| {
        let result = world.call(&own(1, id), &net(&url), "echo", "{}").await;
        match result {
            Err(UpstreamError::NotStarted { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(outcome(1).await.contains("HTTP+SSE of 2024-11-05"));
    fake.set(&["no-mcp"]);
    assert!(outcome(2).await.contains("no address of an MCP server"));
    fake.set(&["forbidden"]);
    assert!(outcome(3).await.contains("refuses access"));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_reached() {
    let (fake, url) = fake(&[]).await;
    let world = World::new();
    let refused = world.call(&own(1, 1), &net(&url), "echo", "{}").await;
    assert!(
        matches!(&refused, Err(UpstreamError::NotStarted { reason, .. }) if reason.contains("https")),
        "{refused:?}"
    );
    assert!(fake.seen.lock().is_empty());
}

#[tokio::test]
async fn one_that_is_not_there_is_left_alone_for_longer_and_longer() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/mcp", gone.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(gone);
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    for _ in 0..2 {
        let error = world.call(&key, &launch, "echo", "{}").await;
        assert!(
            matches!(&error, Err(UpstreamError::NotStarted { reason, .. }) if reason.contains("no connection")),
            "{error:?}"
        );
    }
    let error = world.call(&key, &launch, "echo", "{}").await;
    assert!(
        matches!(&error, Err(UpstreamError::BackingOff { reason, .. }) if reason.contains("no connection")),
        "{error:?}"
    );
    let state = world.pool.state(&key).unwrap();
    assert_eq!(
        (state.state, state.failures),
        (Some(ServerState::BackingOff), 2)
    );
}
