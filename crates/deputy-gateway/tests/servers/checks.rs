//! What kinds of servers bring along: the call that shows that one works, a token of Google's, an administrator's word
//! about all of a kind; and how a server is when it doesn't run here.

use deputy_core::Role;
use deputy_gateway::CallError;
use deputy_gateway::pool::PoolKey;
use deputy_gateway::servers::Status;
use deputy_store::own_server::{NewOwnServer, OwnServerHealth, OwnServerSetup};
use deputy_templates::Policy;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{both, reading, until, writing};

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_is_said_without_secrets_and_one_that_writes_is_not_made() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list("fx", &[reading("complain", "Says what is wrong.")]);
        let mut new = world.fixture("fx", "fx");
        new.server_type = "checked".to_owned();
        servers.create(&anna, new.clone()).await.unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(!report.ok);
        let said = report.error.unwrap();
        assert_eq!(said, "it starts, but complain fails: no access with ***");
        assert!(world.gateway.audit().flush().await);
        let records = world.store.audit_after(0, 1000).await.unwrap();
        let of_check: Vec<_> = records
            .iter()
            .filter(|record| record.target == "fx__complain")
            .map(|record| {
                assert!(
                    record.detail.contains(r#""test":true"#),
                    "{}",
                    record.detail
                );
                (record.action.as_str(), record.outcome.as_str())
            })
            .collect();
        let once = [("tool.call", "started"), ("tool.result", "tool_error")];
        assert_eq!(of_check, once);

        new.name = "writes".to_owned();
        world.list("fx", &[writing("complain", "Does what is wrong.")]);
        servers.create(&anna, new).await.unwrap();
        let report = servers.test(&anna, "writes").await.unwrap();
        assert!(report.ok, "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_an_administrator_denies_is_not_started() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut root = world.person("root").await;
        root.role = Role::Admin;
        let gateway = &world.gateway;
        let denied = gateway.set_administrators_rule(&root, "custom", "*", Some(Policy::Deny));
        denied.await.unwrap();
        let server = world.add(&anna, "fx", "fx").await;
        let report = gateway.servers().test(&anna, "fx").await.unwrap();
        assert!(!report.ok);
        let said = report.error.unwrap();
        assert!(said.contains("administrator"), "{said}");
        let key = PoolKey::own(anna.user_id, server.id);
        assert!(gateway.pool().state(&key).is_none(), "it was never started");
        let shown = gateway.servers().get(&anna, "fx").await.unwrap();
        assert_eq!((shown.status, shown.error_count), (Status::Inactive, 0));

        let allowed = gateway.set_administrators_rule(&root, "custom", "*", None);
        allowed.await.unwrap();
        assert!(gateway.servers().test(&anna, "fx").await.unwrap().ok);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_acts_with_google_gets_the_token_of_now_and_ends_with_the_account() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list(
            "fx",
            &[reading("env", "Shows."), reading("echo", "Echoes.")],
        );
        let mut new = world.fixture("fx", "fx");
        new.server_type = "acting".to_owned();
        let server = servers.create(&anna, new).await.unwrap();
        let connect = "https://deputy.example.org/connect";
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(!report.ok);
        assert_eq!(report.connect_url.as_deref(), Some(connect));

        world.google.set(Some(1));
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        let token = async || world.ask(&anna, "fx__env").await["env"]["GOOGLE"].clone();
        let pid = async || world.ask(&anna, "fx__echo").await["pid"].clone();
        assert_eq!(token().await, "google-token-1");
        let first = pid().await;
        assert_eq!(pid().await, first);
        world.google.set(Some(2));
        assert_eq!(token().await, "google-token-2");
        assert_ne!(pid().await, first);

        world.google.set(None);
        world.gateway.stop_google(anna.user_id).await;
        let key = PoolKey::own(anna.user_id, server.id);
        let state = world.gateway.pool().state(&key);
        assert_eq!(state.and_then(|state| state.state), None);
        match world.call(&anna, "fx__echo", json!({})).await {
            Err(CallError::NotConnected { connect_url, .. }) => assert_eq!(connect_url, connect),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_ending_pauses_and_its_person_sees_until_when() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list("fx", &[reading("echo", "Echoes.")]);
        let broken = world.folder.path().join("broken");
        let mut new = world.fixture("fx", "fx");
        let script = r#"if test -e "$1"; then echo no key >&2; exit 3; fi; exec "$2" --tools "$3""#;
        let fixture = env!("CARGO_BIN_EXE_mcp-fixture");
        new.config["command"] = json!("/bin/sh");
        new.config["args"] = json!(["-c", script, "sh", broken, fixture, world.tools_file("fx")]);
        servers.create(&anna, new).await.unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        world.end(&anna, "fx").await;
        std::fs::write(&broken, "").unwrap();
        until("it pauses", async || {
            let call = world.call(&anna, "fx__echo", json!({})).await;
            assert!(call.is_err(), "{call:?}");
            let server = servers.get(&anna, "fx").await.unwrap();
            let said = server.error_message.unwrap_or_default();
            server.status == Status::Error
                && server.retry_after.is_some()
                && said.contains("no key")
        })
        .await;
        std::fs::remove_file(&broken).unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        let server = servers.get(&anna, "fx").await.unwrap();
        assert_eq!((server.status, server.retry_after), (Status::Active, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_server_is_counts_for_five_minutes() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.ready(&anna, "fx", "fx").await;
        let noted = async || {
            world.ask(&anna, "fx__echo").await;
            servers.get(&anna, "fx").await.unwrap().last_activity
        };
        let first = noted().await;
        world.clock.advance(SignedDuration::from_mins(4));
        assert_eq!(noted().await, first, "it is written down once in that time");
        world.clock.advance(SignedDuration::from_mins(2));
        assert!(noted().await > first);

        // One that answered on another replica: this one never had it.
        let tx = world.store.begin().await.unwrap();
        let scope = tx.user(anna.user_id);
        let at = deputy_core::Clock::now(&world.clock);
        let there = scope.own_server_add(NewOwnServer {
            uid: uuid::Uuid::from_u128(9),
            name: "there".to_owned(),
            server_type: "custom".to_owned(),
            setup: OwnServerSetup {
                command: "npx".to_owned(),
                args: None,
                env: None,
                config: json!({ "command": "npx" }).to_string(),
                secrets: None,
                secrets_set: "[]".to_owned(),
            },
            default_policy: "ask_writes".to_owned(),
            at,
        });
        let there = there.await.unwrap();
        let health = OwnServerHealth {
            status: "active".to_owned(),
            last_activity: Some(at),
            checked_at: Some(at),
            ..OwnServerHealth::default()
        };
        let noted = scope.own_server_health(there.id, there.generation, health);
        noted.await.unwrap();
        tx.commit().await.unwrap();
        let status = async || servers.get(&anna, "there").await.unwrap().status;
        assert_eq!(status().await, Status::Active);
        world.clock.advance(SignedDuration::from_mins(6));
        assert_eq!(status().await, Status::Inactive);
    })
    .await;
}
