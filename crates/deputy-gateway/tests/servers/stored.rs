//! How much one person can have stored.

use deputy_gateway::approval::Decision;
use deputy_gateway::{CallError, CallOptions, Config, Outcome};
use serde_json::json;

use crate::support::{both_within, done, reading, writing};

fn small(config: &mut Config) {
    config.max_pending_bytes = 1 << 20;
    config.keep_bytes = 1 << 20;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_approval_is_limited_in_bytes() {
    both_within(0, small, async |world| {
        let (anna, boris) = (world.person("anna").await, world.person("boris").await);
        world.ready(&anna, "fx", "fx").await;
        world.ready(&boris, "fx", "fx").await;
        // Of 1 MiB.
        let text = |n: u32| json!({ "n": n, "text": "x".repeat(400 << 10) });
        let ask = async |n| world.call(&anna, "fx__note", text(n)).await;
        let Ok(Outcome::Asked(first)) = ask(1).await else {
            panic!("not asked");
        };
        assert!(matches!(ask(2).await, Ok(Outcome::Asked(_))));
        let Err(CallError::RateLimited { message, .. }) = ask(3).await else {
            panic!("it has room for everything");
        };
        assert!(message.contains("too large together"), "{message}");
        let others = world.call(&boris, "fx__note", text(3)).await;
        assert!(matches!(others, Ok(Outcome::Asked(_))));

        let gateway = &world.gateway;
        let rejected = gateway.decide(&anna, first.id, Decision::Reject).await;
        rejected.unwrap();
        for n in 3..7 {
            let Ok(Outcome::Asked(more)) = ask(n).await else {
                panic!("no room after a decision");
            };
            gateway
                .decide(&anna, more.id, Decision::Reject)
                .await
                .unwrap();
        }
        // Of what has ended the newest is kept.
        let kept = gateway.approvals(anna.user_id, 100).await.unwrap();
        assert!(kept.len() <= 4, "{} are kept", kept.len());
        assert!(kept.iter().all(|approval| approval.id != first.id));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_under_keys_are_limited_in_bytes_and_nothing_is_made_twice() {
    both_within(0, small, async |world| {
        let anna = world.person("anna").await;
        let mut new = world.fixture("fx", "fx");
        new.default_policy = Some("auto".parse().unwrap());
        world.list("fx", &[reading("echo", "Echoes."), writing("big", "Big.")]);
        let servers = world.gateway.servers();
        servers.create(&anna, new).await.unwrap();
        assert!(servers.test(&anna, "fx").await.unwrap().ok);
        let call = async |key: &str| {
            let options = CallOptions {
                idempotency_key: Some(key.to_owned()),
                ..CallOptions::default()
            };
            let bytes = json!({ "bytes": 700 << 10 });
            world.gateway.call(&anna, "fx__big", bytes, options).await
        };
        let first = done(call("a").await);
        assert_eq!(done(call("a").await), first);
        // It is made, and its answer is given once.
        assert!(done(call("b").await).content.get().len() > 700 << 10);
        for _ in 0..2 {
            let again = call("b").await;
            let Err(CallError::Conflict(text)) = again else {
                panic!("{again:?}");
            };
            assert!(text.contains("was made"), "{text}");
        }
        assert_eq!(done(call("a").await), first);
    })
    .await;
}
