//! Servers in the network: one that misbehaves as told, and rmcp's own in both eras.

mod refused;

use std::collections::HashSet;
use std::time::Duration;

use axum::http::Method;
use deputy_core::http::PrivateHosts;
use deputy_gateway::pool::{Cap, Era, How, Inbound, Launch, Notice, Request, UpstreamError};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fake::{Fake, fake, fake_until};
use crate::support::{LONG, World, answer, own, request, soon, structured, until};

/// The server at `url`, with a header of its own.
fn net(url: &Url) -> Launch {
    let mut launch = crate::support::net(url);
    if let How::Http(http) = &mut launch.how {
        http.headers = vec![("X-Key".to_owned(), "k3y-of-the-launch".into())];
    }
    launch
}

/// A pool that may reach `url`.
fn world(url: &Url) -> World {
    World::with(|config| {
        config.private_hosts = PrivateHosts::default().with(url);
        config.max_message = 1 << 20;
        config.http_acquire = Duration::from_millis(200);
        config.probe = Duration::from_millis(500);
    })
}

fn with_bearer(tool: &str, bearer: &str) -> deputy_gateway::pool::CallRequest {
    let mut request = request(tool, "{}");
    request.bearer = Some(bearer.into());
    request
}

#[tokio::test]
async fn both_eras_work_and_say_what_the_protocol_wants() {
    for (faults, era, version) in [
        (&[][..], Era::Legacy, "2025-11-25"),
        (&["silent"][..], Era::Legacy, "2025-11-25"),
        (&["modern"][..], Era::Modern, "2026-07-28"),
        // one that refuses the first time, and says what it wants: that very version
        (&["modern", "picky"][..], Era::Modern, "2026-07-28"),
        // one that was still asleep
        (&["modern", "late"][..], Era::Modern, "2026-07-28"),
    ] {
        let (fake, url) = fake(faults).await;
        let (world, key, launch) = (world(&url), own(1, 1), net(&url));
        let info = world
            .pool
            .info(&key, &launch, None, Instant::now() + LONG)
            .await
            .unwrap();
        assert_eq!((info.era, info.name.as_str()), (era, "fake"));
        let mut calling = with_bearer("echo", "t0ken");
        calling.headers = vec![
            ("Mcp-Param-Region".to_owned(), "süd".to_owned()),
            ("Authorization".to_owned(), "Bearer other".to_owned()),
        ];
        let echoed = structured(&answer(world.pool.call(&key, &launch, calling).await));
        let (headers, _) = fake.requests("tools/call").remove(0);
        assert_eq!(headers["authorization"], "Bearer t0ken");
        assert_eq!(headers["mcp-protocol-version"], version);
        assert_eq!(headers["x-key"], "k3y-of-the-launch");
        assert!(!headers.contains_key("cookie"));
        if era == Era::Modern {
            assert_eq!(headers["mcp-method"], "tools/call");
            assert_eq!(headers["mcp-name"], "echo");
            assert_eq!(headers["mcp-param-region"], "=?base64?c8O8ZA==?=");
            let meta = &echoed["_meta"];
            assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], version);
            assert_eq!(
                meta["io.modelcontextprotocol/clientCapabilities"],
                json!({})
            );
            assert!(!headers.contains_key("mcp-session-id"));
        } else {
            assert!(echoed.get("_meta").is_none(), "{echoed}");
            assert!(headers.contains_key("mcp-session-id"));
        }
        // the second start knows what it speaks
        let (probes, hellos) = (
            fake.requests("server/discover").len(),
            fake.requests("initialize").len(),
        );
        world.pool.stop_server(&key).await;
        answer(world.call(&key, &launch, "echo", "{}").await);
        let more = |before: usize, method: &str| fake.requests(method).len() - before;
        let (probes, hellos) = (more(probes, "server/discover"), more(hellos, "initialize"));
        assert_eq!(
            (probes, hellos),
            if era == Era::Modern { (1, 0) } else { (0, 1) }
        );
    }
}

#[tokio::test]
async fn what_streams_is_read_and_taken_up_again() {
    let (_fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    let (sink, mut progress) = mpsc::channel(4);
    let mut calling = request("stream", "{}");
    calling.progress = Some(sink);
    let result = structured(&answer(world.pool.call(&key, &launch, calling).await));
    assert_eq!(result, "streamed");
    assert!(progress.try_recv().is_ok());
    assert_eq!(world.ask(&key, &launch, "resumes", "{}").await, "resumed");
    let broken = world.call(&key, &launch, "breaks-off", "{}").await;
    assert!(
        matches!(&broken, Err(UpstreamError::Died { reason, .. }) if reason.contains("broke off")),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_servers_request_goes_to_the_call_on_whose_stream_it_came() {
    let (_fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    // newer, and takes requests: but it is not its stream
    let (other, mut others) = mpsc::channel::<Inbound>(4);
    let (sink, mut inbox) = mpsc::channel::<Inbound>(4);
    let mut asking = request("asks", "{}");
    asking.inbound = Some(sink);
    let mut hanging = request("hang", "{}");
    hanging.inbound = Some(other);
    let hang = world.pool.call(&key, &launch, hanging);
    let ask = world.pool.call(&key, &launch, asking);
    let (result, ()) = tokio::select! {
        _ = hang => panic!("it hangs"),
        both = async { tokio::join!(ask, async {
            let inbound = inbox.recv().await.unwrap();
            assert_eq!(inbound.method, "elicitation/create");
            let said = RawValue::from_string(r#"{"action":"decline"}"#.to_owned()).unwrap();
            inbound.answer.send(Ok(said)).unwrap();
        }) } => both,
    };
    assert_eq!(
        structured(&answer(result))["result"],
        json!({ "action": "decline" })
    );
    assert!(others.try_recv().is_err());
    // and refused where nobody takes it
    let refused = world.ask(&key, &launch, "asks", "{}").await;
    assert_eq!(refused["error"]["code"], -32601);
}

#[tokio::test]
async fn a_forgotten_session_is_renewed_once_and_unnoticed() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    answer(world.call(&key, &launch, "echo", "{}").await);
    fake.sessions.lock().clear();
    let calls = (0..8).map(|_| world.call(&key, &launch, "echo", "{}"));
    for result in futures_util::future::join_all(calls).await {
        answer(result);
    }
    assert_eq!(fake.requests("initialize").len(), 2);
    // the end of a session is said
    world.pool.stop_server(&key).await;
    until("the session ended", || fake.sessions.lock().is_empty()).await;
}

#[tokio::test]
async fn only_what_is_about_the_session_is_asked_again() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    for (tool, words) in [
        ("session-crash", "browser session"),
        ("session-parameter", "no parameter session"),
    ] {
        let error = world.call(&key, &launch, tool, "{}").await.unwrap_err();
        assert!(
            matches!(&error, UpstreamError::Rpc { message, .. } if message.contains(words)),
            "{tool}: {error:?}"
        );
    }
    assert_eq!(fake.requests("tools/call").len(), 2);
    assert_eq!(fake.requests("initialize").len(), 1);
    let renewed = world.ask(&key, &launch, "session-400", "{}").await;
    assert_eq!(renewed, "renewed");
    assert_eq!(fake.requests("initialize").len(), 2);
}

#[tokio::test]
async fn a_connection_that_fails_is_no_end_of_what_is_under_way() {
    let closes = CancellationToken::new();
    let (fake, url) = fake_until(closes.clone()).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    answer(world.call(&key, &launch, "echo", "{}").await);
    let hang = world.call(&key, &launch, "hang", "{}");
    let meanwhile = async {
        until("it is there", || fake.requests("tools/call").len() == 2).await;
        closes.cancel();
        // connections at rest close, and there are no new ones
        let refused = loop {
            match world.call(&key, &launch, "echo", "{}").await {
                Err(error) if error.is_unsent() => break error,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert!(
            matches!(&refused, UpstreamError::NotStarted { reason, .. } if reason.contains("no connection")),
            "{refused:?}"
        );
        fake.release.notify_waiters();
    };
    let (hung, ()) = soon(LONG, async { tokio::join!(hang, meanwhile) }).await;
    assert_eq!(structured(&answer(hung)), "released");
    // now nothing is left of it
    for _ in 0..2 {
        let gone = world.call(&key, &launch, "echo", "{}").await;
        assert!(
            matches!(gone, Err(UpstreamError::NotStarted { .. })),
            "{gone:?}"
        );
    }
    assert!(world.pool.state(&key).unwrap().failures > 0);
}

#[tokio::test]
async fn places_are_limited_and_a_wait_for_one_too() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    answer(world.call(&key, &launch, "echo", "{}").await);
    let calls = (0..12).map(|_| world.call(&key, &launch, "hang", "{}"));
    let all = futures_util::future::join_all(calls);
    let letting_go = async {
        until("ten are there", || fake.requests("tools/call").len() == 11).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        fake.release.notify_waiters();
    };
    let (results, ()) = tokio::join!(all, letting_go);
    let busy = results
        .iter()
        .filter(|it| matches!(it, Err(UpstreamError::Busy { cap: Cap::Upstream })))
        .count();
    assert_eq!(busy, 2, "{results:?}");
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 10);
}

#[tokio::test]
async fn who_goes_away_says_so_in_the_older_era() {
    for faults in [&[][..], &["modern"]] {
        let (fake, url) = fake(faults).await;
        let (world, key, launch) = (world(&url), own(1, 1), net(&url));
        answer(world.call(&key, &launch, "echo", "{}").await);
        let mut hanging = request("hang", "{}");
        hanging.deadline = Instant::now() + Duration::from_millis(300);
        let result = world.pool.call(&key, &launch, hanging).await;
        assert!(
            matches!(result, Err(UpstreamError::Timeout { sent: true })),
            "{result:?}"
        );
        if faults.is_empty() {
            until("it is told", || {
                !fake.requests("notifications/cancelled").is_empty()
            })
            .await;
            let (_, told) = fake.requests("notifications/cancelled").remove(0);
            let (_, call) = fake.requests("tools/call").remove(1);
            assert_eq!(told["params"]["requestId"], call["id"]);
        } else {
            answer(world.call(&key, &launch, "echo", "{}").await);
            assert!(fake.requests("notifications/cancelled").is_empty());
        }
    }
}

#[tokio::test]
async fn what_it_says_by_itself_is_heard() {
    for (faults, wanted) in [(&["speaks-alone"][..], "updated"), (&["modern"], "tools")] {
        let (_fake, url) = fake(faults).await;
        let (world, key, launch) = (world(&url), own(1, 1), net(&url));
        let mut notices = world.pool.notices();
        answer(world.call(&key, &launch, "echo", "{}").await);
        let (who, notice) = soon(LONG, notices.recv()).await.unwrap();
        assert_eq!(who, key);
        match (wanted, notice) {
            ("updated", Notice::ResourceUpdated { uri }) => assert_eq!(uri, "a:b"),
            ("tools", Notice::ToolsChanged) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_is_opened_again_in_both_eras() {
    for (faults, opened) in [
        (&["speaks-alone"][..], ""),
        (&["modern"], "subscriptions/listen"),
    ] {
        let (fake, url) = fake(faults).await;
        let (world, key, launch) = (world(&url), own(1, 1), net(&url));
        answer(world.call(&key, &launch, "echo", "{}").await);
        until("it is opened again", || match opened {
            "" => {
                let seen = fake.seen.lock();
                seen.iter().filter(|it| it.0 == Method::GET).count() > 1
            }
            method => fake.requests(method).len() > 1,
        })
        .await;
        // not once it is given up
        world.pool.stop_server(&key).await;
    }
}

#[tokio::test]
async fn caps_count_servers_in_the_network_apart_and_the_idle_leave() {
    let (fake, url) = fake(&[]).await;
    let world = World::with(|config| {
        config.private_hosts = PrivateHosts::default().with(&url);
        config.http_per_person = 2;
        config.per_person = 1;
    });
    let launch = net(&url);
    let process = world.launch(&[]);
    world.pid(&own(1, 10), &process).await;
    for id in 1..=3 {
        answer(world.call(&own(1, id), &launch, "echo", "{}").await);
    }
    let stats = world.pool.stats();
    assert_eq!(
        (stats.total_servers, stats.http_servers),
        (1, 2),
        "{stats:?}"
    );
    assert!(
        world.pool.state(&own(1, 1)).unwrap().state.is_none(),
        "the oldest left"
    );
    // What is kept of one in the network is given up sooner than a process; its time begins with the end of a call.
    world.advance(Duration::from_mins(4));
    answer(world.call(&own(1, 3), &launch, "echo", "{}").await);
    world.advance(Duration::from_secs(50));
    world.pool.look().await;
    assert_eq!(world.pool.stats().http_servers, 2);
    world.advance(Duration::from_secs(11));
    world.pool.look().await;
    until("one is left", || world.pool.stats().http_servers == 1).await;
    world.advance(Duration::from_mins(4));
    world.pool.look().await;
    until("those in the network left", || {
        world.pool.stats().http_servers == 0
    })
    .await;
    assert_eq!(world.pool.stats().total_servers, 1);
    world.advance(Duration::from_mins(6));
    world.pool.look().await;
    until("all left", || world.pool.stats().servers.is_empty()).await;
    until("every session was ended", || {
        fake.sessions.lock().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_hundred_calls_at_once_greet_once_and_share_few_connections() {
    let (fake, url) = fake(&[]).await;
    let world = World::with(|config| config.private_hosts = PrivateHosts::default().with(&url));
    let launch = net(&url);
    let (mine, theirs) = (own(1, 1), own(2, 1));
    let calls = (0..100).map(|_| world.call(&mine, &launch, "echo", "{}"));
    for result in futures_util::future::join_all(calls).await {
        answer(result);
    }
    assert_eq!(fake.requests("initialize").len(), 1);
    let connections = |of: &Fake| {
        let all: HashSet<_> = of.from.lock().iter().copied().collect();
        all.len()
    };
    let few = connections(&fake);
    // as many as requests at a time, and what listens
    assert!(few <= 11, "{few} connections");
    // one after the other needs none more
    for _ in 0..20 {
        answer(world.call(&mine, &launch, "echo", "{}").await);
    }
    assert_eq!(connections(&fake), few);
    // another person's calls come in a session and on connections of their own
    answer(world.call(&theirs, &launch, "echo", "{}").await);
    assert!(connections(&fake) > few);
    let sessions: HashSet<_> = fake
        .requests("tools/call")
        .iter()
        .map(|(headers, _)| headers["mcp-session-id"].clone())
        .collect();
    assert_eq!(sessions.len(), 2);
}

#[tokio::test]
async fn a_look_after_it_is_a_ping() {
    let (fake, url) = fake(&[]).await;
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));
    answer(world.call(&key, &launch, "echo", "{}").await);
    for _ in 0..2 {
        world.advance(Duration::from_secs(61));
        world.pool.look().await;
    }
    assert_eq!(fake.requests("ping").len(), 1);
    let any = Request::new(
        "resources/list",
        RawValue::from_string("{}".to_owned()).unwrap(),
        Instant::now() + LONG,
    );
    world.pool.request(&key, &launch, any).await.unwrap();
}
