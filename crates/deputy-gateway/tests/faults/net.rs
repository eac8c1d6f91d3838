//! Servers in the network.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deputy_core::http::PrivateHosts;
use deputy_gateway::pool::{ToolResult, UpstreamError};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;
use url::Url;

use crate::measure::Pulse;
use crate::peer::{self, Peer};
use crate::support::{LONG, World, net, own, request};
use crate::{AT_ONCE, DEADLINE, IN_TIME, Outcome, TURN, obliging, shown};

/// What a server does, and what it comes to.
type Fault = (&'static str, Outcome);

#[rustfmt::skip]
const TABLE: &[Fault] = &[
    ("mute", Outcome::NotStarted("in time")),
    ("late", Outcome::Fine),
    ("hang", Outcome::Timeout),
    ("hang-up", Outcome::Died("the connection broke")),
    ("half", Outcome::Died("broke off")),
    ("half-event", Outcome::Died("broke off")),
    ("pauses", Outcome::Fine),
    ("bytewise", Outcome::Fine),
    ("drips", Outcome::Timeout),
    ("15-mib", Outcome::Fine),
    ("17-mib", Outcome::Protocol("more than 16 MiB")),
    ("body-without-end", Outcome::Protocol("more than 16 MiB")),
    ("event-without-end", Outcome::Protocol("more than 16 MiB")),
    ("bomb", Outcome::Protocol("more than 16 MiB")),
    ("headers-without-end", Outcome::Died("the connection broke")),
    ("no-http", Outcome::Died("the connection broke")),
    ("flood", Outcome::Fine),
    ("comments-without-end", Outcome::Timeout),
    ("asks-for-ever", Outcome::Timeout),
    ("broken-utf8", Outcome::Fine),
    ("windows", Outcome::Fine),
    ("twice", Outcome::Fine),
    ("resumes-for-ever", Outcome::Died("broke off")),
    ("other-id", Outcome::Protocol("another question")),
    ("text-id", Outcome::Fine),
    ("null-id", Outcome::Protocol("another question")),
    ("version", Outcome::Fine),
    ("no-json", Outcome::Protocol("another question")),
    ("html", Outcome::Protocol("neither JSON")),
    ("redirect", Outcome::Protocol("redirects")),
    ("forgets", Outcome::Protocol("forgot the session")),
    ("401", Outcome::Unauthorized),
    ("429", Outcome::RateLimited(Some(7))),
    ("429-absurd", Outcome::RateLimited(Some(24 * 60 * 60))),
    ("429-odd", Outcome::RateLimited(None)),
    ("500", Outcome::Unavailable(500)),
    ("503", Outcome::Unavailable(503)),
    ("gone", Outcome::BackingOff),
];

async fn one(world: &World, id: i64, fault: &Fault, url: &Url) -> (&'static str, Instant, Instant) {
    let begun = Instant::now();
    let (name, outcome) = *fault;
    let (key, launch) = (own(2, id), net(url));
    let call = async |tool: &str| -> Result<ToolResult, UpstreamError> {
        let mut calling = request(tool, "{}");
        calling.inbound = Some(obliging());
        let given = match outcome {
            Outcome::Timeout => DEADLINE,
            _ => IN_TIME,
        };
        calling.deadline = Instant::now() + given;
        let begun = Instant::now();
        let result = world.pool.call(&key, &launch, calling).await;
        let took = begun.elapsed();
        assert!(took < given + Duration::from_secs(2), "{name}: {took:?}");
        result
    };
    let again = match outcome {
        Outcome::BackingOff => 2,
        _ => 0,
    };
    let tool = if name == "late" { "echo" } else { "fault" };
    let mut result = call(tool).await;
    for _ in 0..again {
        result = call(tool).await;
    }
    assert!(outcome.fits(&result), "{name}: {}", shown(&result));
    match outcome {
        Outcome::NotStarted(_) | Outcome::BackingOff => {
            let status = world.pool.state(&key).unwrap();
            assert!(
                status.failures > 0 && status.reason.is_some(),
                "{name}: {status:?}"
            );
        }
        _ => {
            let next = call("echo").await;
            assert!(Outcome::Fine.fits(&next), "after {name}: {}", shown(&next));
        }
    }
    world.pool.stop_server(&key).await;
    (name, begun, Instant::now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_in_the_network_has_its_name_and_harms_nobody_else() {
    let _turn = TURN.lock().await;
    // which takes a while
    LazyLock::force(&peer::BOMB);
    let good = peer::serve("").await;
    let mut peers = Vec::new();
    for (name, _) in TABLE {
        peers.push(peer::serve(name).await);
    }
    let mut lists = Vec::new();
    for name in ["many-tools", "deep-schema", "endless-list"] {
        lists.push(peer::serve(name).await);
    }
    let urls: Vec<_> = TABLE
        .iter()
        .zip(peers)
        .map(|((name, _), peer)| {
            let url = peer.url.clone();
            // nobody listens there any more
            (url, Some(peer).filter(|_| *name != "gone"))
        })
        .collect();
    let world = Arc::new(World::with(|config| {
        let all = urls
            .iter()
            .map(|(url, _)| url)
            .chain(lists.iter().map(|peer| &peer.url));
        config.private_hosts =
            all.fold(PrivateHosts::default().with(&good.url), PrivateHosts::with);
        config.handshake = Duration::from_secs(2);
        config.probe = Duration::from_millis(500);
        config.http_per_person = 100;
    }));
    let pulse = Pulse::start({
        let (world, launch) = (world.clone(), net(&good.url));
        move || {
            let (world, launch) = (world.clone(), launch.clone());
            async move {
                world.ask(&own(1, 1), &launch, "echo", "{}").await;
                world.ask(&own(2, 1), &launch, "echo", "{}").await;
            }
            .boxed()
        }
    })
    .await;

    let faults = (100..).zip(TABLE.iter().zip(&urls));
    let windows = futures_util::stream::iter(faults)
        .map(|(id, (fault, (url, _)))| one(&world, id, fault, url))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    list(&world, &lists).await;

    let left = pulse.assert_kept(&windows, 256).await;
    world.pool.shutdown().await;
    assert_eq!(world.pool.stats().http_servers, 0);
    drop((urls, lists, good));
    left.assert_nothing().await;
}

async fn list(world: &World, peers: &[Peer]) {
    let list = async |id: i64, peer: &Peer| {
        let (key, launch) = (own(2, id), net(&peer.url));
        let list = world
            .pool
            .list_tools(&key, &launch, Instant::now() + LONG)
            .await;
        world.pool.stop_server(&key).await;
        list
    };
    assert_eq!(list(10, &peers[0]).await.unwrap().len(), 10_000);
    assert_eq!(list(11, &peers[1]).await.unwrap().len(), 1);
    let endless = list(12, &peers[2]).await;
    assert!(matches!(endless, Err(UpstreamError::Protocol { .. })));
}
