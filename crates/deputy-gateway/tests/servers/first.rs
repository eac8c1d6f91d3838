use std::time::Duration;

use deputy_gateway::servers::{NewServer, Status};
use serde_json::{Value, json};

use crate::support::{both, both_with, until, writing};

fn command(command: &str, args: &Value) -> NewServer {
    NewServer {
        name: "fx".to_owned(),
        server_type: "custom".to_owned(),
        config: json!({ "command": command, "args": args }),
        default_policy: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_added_has_its_tools_without_a_test() {
    both(async |world| {
        let anna = world.person("anna").await;
        let boris = world.person("boris").await;
        world.add(&anna, "fx", "fx").await;
        until("its tools", async || {
            world.listed(&anna).await == ["fx__echo", "fx__note"]
        })
        .await;
        assert!(world.listed(&boris).await.is_empty());

        // That was the consent to them: what comes later waits for the person.
        world.list("fx", &[writing("echo", "Does something else now.")]);
        world.end(&anna, "fx").await;
        let report = world.gateway.servers().test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        assert!(world.listed(&anna).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_start_says_so_and_has_its_tools_once_it_is_mended() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let broken = command("/bin/sh", &json!(["-c", "echo no key >&2; exit 3"]));
        servers.create(&anna, broken).await.unwrap();
        until("its status says why not", async || {
            let server = servers.get(&anna, "fx").await.unwrap();
            let said = server.error_message.unwrap_or_default();
            server.status == Status::Error && said.contains("no key")
        })
        .await;

        world.list("fx", &[writing("echo", "Echoes.")]);
        let config = world.fixture("fx", "fx").config;
        let change = serde_json::from_value(json!({ "config": config })).unwrap();
        servers.change(&anna, "fx", change).await.unwrap();
        until("its tools", async || {
            world.listed(&anna).await == ["fx__echo"]
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_removed_or_switched_off_at_once_is_left_alone() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.add(&anna, "fx", "fx").await;
        servers.set_enabled(&anna, "fx", false).await.unwrap();
        world.add(&anna, "gone", "fx").await;
        servers.delete(&anna, "gone").await.unwrap();
        world.ready(&anna, "other", "fx").await;
        assert_eq!(
            world.listed(&anna).await,
            ["other__echo", "other__note"],
            "nothing of what is off"
        );
        let state = servers.get(&anna, "fx").await.unwrap().status;
        assert_eq!(state, Status::Disabled);
        until("one process", async || {
            world.gateway.pool().stats().servers.len() == 1
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_waits_no_longer_says_that_the_start_goes_on() {
    let hasty = |config: &mut deputy_gateway::servers::Config| {
        config.test_deadline = Duration::from_millis(300);
    };
    both_with(hasty, async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let mute = command("/bin/sleep", &json!(["600"]));
        servers.create(&anna, mute).await.unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(!report.ok);
        let said = report.error.unwrap_or_default();
        assert!(said.contains("still starting"), "{said}");
        let server = servers.get(&anna, "fx").await.unwrap();
        assert_eq!(server.status, Status::Starting);
        assert_eq!(server.error_count, 0);
    })
    .await;
}
