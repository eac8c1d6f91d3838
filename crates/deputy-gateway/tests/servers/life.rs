use std::fmt::Write as _;

use deputy_core::Scope;
use deputy_gateway::CallError;
use deputy_gateway::servers::{Change, NewServer, ServerError};
use deputy_templates::Commands;
use serde_json::{Value, json};

use crate::support::{World, both, both_with, code};

fn change(value: Value) -> Change {
    serde_json::from_value(value).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_servers_and_no_more_however_many_are_added_at_once() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let adding = (0..14).map(|i| servers.create(&anna, world.fixture(&format!("s{i}"), "fx")));
        let outcomes = futures_util::future::join_all(adding).await;
        let added = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(added, 10);
        for refused in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(refused, ServerError::LimitReached(10));
        }
        let first = servers.list(&anna).await.unwrap()[0].server_name.clone();
        servers.delete(&anna, &first).await.unwrap();
        servers
            .create(&anna, world.fixture("again", "fx"))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_refused_by_its_field_and_changes_nothing() {
    let only = |config: &mut deputy_gateway::servers::Config| {
        config.commands = Commands::from_setting("npx");
    };
    both_with(only, async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let custom = |config: Value| NewServer {
            name: "fx".to_owned(),
            server_type: "custom".to_owned(),
            config,
            default_policy: None,
        };
        let field = async |new: NewServer| match servers.create(&anna, new).await {
            Err(ServerError::Validation { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        for name in ["", "Upper", "gmail", "a__b"] {
            let named = NewServer {
                name: name.to_owned(),
                ..custom(json!({ "command": "npx" }))
            };
            assert_eq!(field(named).await, "/name");
        }
        let kind = NewServer {
            server_type: "costom".to_owned(),
            ..custom(json!({}))
        };
        assert_eq!(field(kind).await, "/server_type");
        assert_eq!(field(custom(json!({}))).await, "/config/command");
        assert_eq!(
            field(custom(json!({ "command": "/bin/sh" }))).await,
            "/config/command"
        );
        assert_eq!(
            field(custom(json!({ "command": "npx", "what": 1 }))).await,
            "/config/what"
        );
        let outside = NewServer {
            server_type: "filesystem".to_owned(),
            ..custom(json!({ "allowed_path": "/etc" }))
        };
        assert_eq!(field(outside).await, "/config/allowed_path");
        assert!(servers.list(&anna).await.unwrap().is_empty());

        let mut reader = anna.clone();
        reader.scopes.0.remove(&Scope::ServersManage);
        assert_eq!(
            code(
                servers
                    .create(&reader, custom(json!({ "command": "npx" })))
                    .await
            ),
            "FORBIDDEN"
        );
        assert!(servers.list(&reader).await.is_ok());

        servers
            .create(&anna, custom(json!({ "command": "npx" })))
            .await
            .unwrap();
        assert_eq!(
            code(
                servers
                    .create(&anna, custom(json!({ "command": "npx" })))
                    .await
            ),
            "CONFLICT"
        );
        let wrong = servers
            .change(
                &anna,
                "fx",
                change(json!({ "config": { "command": "/bin/sh" } })),
            )
            .await;
        assert_eq!(code(wrong), "VALIDATION_ERROR");
        // A setting that there is not is named, whatever is said of it; no setting at all is no change.
        for (config, field) in [
            (json!({ "no_such": null }), "/config/no_such"),
            (json!({ "comand": null }), "/config/comand"),
        ] {
            let change = change(json!({ "config": config }));
            match servers.change(&anna, "fx", change).await {
                Err(ServerError::Validation { field: at, .. }) => assert_eq!(at, field),
                other => panic!("{other:?}"),
            }
        }
        let nothing = change(json!({ "config": {} }));
        servers.change(&anna, "fx", nothing).await.unwrap();
        let shown = servers.get(&anna, "fx").await.unwrap();
        assert_eq!(shown.config["command"], "npx");
        assert_eq!(shown.generation, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_said_at_once_a_name_too() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut new = world.fixture("No Name", "fx");
        new.config["what"] = json!(1);
        new.config["env"] = json!({ "A B": "x" });
        let Err(ServerError::Validation { field, more, .. }) =
            world.gateway.servers().create(&anna, new).await
        else {
            panic!("it is wrong");
        };
        let more: Vec<_> = more.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(field, "/name");
        assert_eq!(more, ["/config/env/A B", "/config/what"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_done_although_who_asked_for_it_left() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list("fx", &[crate::support::reading("echo", "Echoes.")]);
        let mut new = world.fixture("fx", "fx");
        // Ending it takes a while.
        let args = json!(["--fault", "ignore-term", "--tools", world.tools_file("fx")]);
        new.config["args"] = args;
        let server = servers.create(&anna, new).await.unwrap();
        assert!(servers.test(&anna, "fx").await.unwrap().ok);
        let home = world.folder.path().join("servers");
        let home = home
            .join(anna.user_id.to_string())
            .join(server.id.to_string());
        assert!(home.exists());
        {
            let deleting = servers.delete(&anna, "fx");
            let gone = crate::support::until("the row is gone", async || {
                servers.list(&anna).await.unwrap().is_empty()
            });
            tokio::select! {
                biased;
                _ = deleting => panic!("it was to be left alone before"),
                () = gone => {}
            }
        }
        crate::support::until("its process and its folder are gone", async || {
            world.gateway.pool().stats().servers.is_empty() && !home.exists()
        })
        .await;
        crate::support::until("it is on record", async || {
            world.gateway.audit().flush().await;
            let records = world.store.audit_after(0, 1000).await.unwrap();
            records
                .iter()
                .any(|record| record.action == "servers.delete")
        })
        .await;
    })
    .await;
}

/// Everything that is stored or said of a person's servers, as text.
async fn all_that_is_said(world: &World, who: &deputy_core::Principal) -> String {
    let servers = world.gateway.servers();
    let mut text = serde_json::to_string(&servers.list(who).await.unwrap()).unwrap();
    for row in world.store.user(who.user_id).own_servers().await.unwrap() {
        write!(text, "{row:?}").unwrap();
        text.push_str(&String::from_utf8_lossy(&row.secrets.unwrap_or_default()));
        text.push_str(&servers.log(who, &row.name).await.unwrap());
    }
    for record in world.store.audit_after(0, 1000).await.unwrap() {
        write!(text, "{record:?}").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_go_in_and_never_come_out() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list("fx", &[crate::support::reading("env", "Shows.")]);
        let added = world.add(&anna, "fx", "fx").await;
        assert_eq!(added.secrets_set, ["env/FIXTURE_TOKEN"]);
        assert!(!added.config.contains_key("env"));
        servers.test(&anna, "fx").await.unwrap();
        let env = async || world.ask(&anna, "fx__env").await["env"].clone();
        assert_eq!(env().await["FIXTURE_TOKEN"], "very-secret-word");

        // What a change does not mention stays; what it mentions is replaced or removed.
        let more = json!({ "config": { "env": { "OTHER": "second-secret-word" } } });
        let shown = servers.change(&anna, "fx", change(more)).await.unwrap();
        assert_eq!(shown.secrets_set, ["env/FIXTURE_TOKEN", "env/OTHER"]);
        assert_eq!(shown.generation, 2);
        let now = env().await;
        assert_eq!(
            (&now["FIXTURE_TOKEN"], &now["OTHER"]),
            (&json!("very-secret-word"), &json!("second-secret-word"))
        );
        let less =
            json!({ "config": { "env": { "FIXTURE_TOKEN": null, "OTHER": "third-secret-word" } } });
        let shown = servers.change(&anna, "fx", change(less)).await.unwrap();
        assert_eq!(shown.secrets_set, ["env/OTHER"]);
        let now = env().await;
        assert_eq!(
            (&now["FIXTURE_TOKEN"], &now["OTHER"]),
            (&Value::Null, &json!("third-secret-word"))
        );
        let none = servers
            .change(&anna, "fx", change(json!({ "config": { "env": null } })))
            .await
            .unwrap();
        assert!(none.secrets_set.is_empty());
        assert_eq!(env().await["OTHER"], Value::Null);

        world.gateway.audit().flush().await;
        let said = all_that_is_said(world, &anna).await;
        assert!(said.contains("servers.change"));
        assert!(!said.contains("secret-word"), "{said}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switched_off_server_has_no_tools_and_a_deleted_one_no_folder() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let server = world.ready(&anna, "fx", "fx").await;
        world.ask(&anna, "fx__echo").await;
        let off = servers.set_enabled(&anna, "fx", false).await.unwrap();
        assert_eq!(off.status.as_str(), "disabled");
        assert!(
            world.gateway.pool().stats().servers.is_empty(),
            "its process ended"
        );
        assert!(world.listed(&anna).await.is_empty());
        let call = world.call(&anna, "fx__echo", json!({})).await;
        assert!(matches!(call, Err(CallError::UnknownTool(_))), "{call:?}");
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(!report.ok && report.error.unwrap().contains("switched off"));
        servers.set_enabled(&anna, "fx", true).await.unwrap();
        world.ask(&anna, "fx__echo").await;

        let folder = world
            .folder
            .path()
            .join(format!("servers/{}/{}", anna.user_id, server.id));
        assert!(folder.is_dir());
        servers.delete(&anna, "fx").await.unwrap();
        assert!(!folder.exists());
        assert!(world.gateway.pool().stats().servers.is_empty());
        assert_eq!(code(servers.get(&anna, "fx").await), "NOT_FOUND");
        assert_eq!(code(servers.delete(&anna, "fx").await), "NOT_FOUND");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_says_why() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let mut new = world.fixture("fx", "fx");
        new.config["args"] = json!(["--fault", "exit-at-start"]);
        servers.create(&anna, new).await.unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(!report.ok && report.tools.is_empty());
        let error = report.error.unwrap();
        assert!(
            error.contains("fatal: no configuration; token was ***"),
            "{error}"
        );
        let shown = servers.get(&anna, "fx").await.unwrap();
        assert_eq!((shown.status.as_str(), shown.error_count), ("error", 1));

        // Mended, it is not made to wait.
        world.list("fx", &[crate::support::reading("echo", "Echoes.")]);
        let args = json!(["--tools", world.tools_file("fx")]);
        let mend = json!({ "config": { "args": args, "env": null } });
        servers.change(&anna, "fx", change(mend)).await.unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        assert_eq!(servers.get(&anna, "fx").await.unwrap().error_message, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_server_stays_gone_while_calls_of_it_come_in() {
    both(async |world| {
        let anna = world.person("anna").await;
        let server = world.ready(&anna, "fx", "fx").await;
        let home = world.folder.path().join("servers");
        let home = home
            .join(anna.user_id.to_string())
            .join(server.id.to_string());
        assert!(home.exists());
        let key = deputy_gateway::pool::PoolKey::own(anna.user_id, server.id);
        let calling = futures_util::future::join_all((0..8).map(async |_| {
            loop {
                match world.call(&anna, "fx__echo", json!({})).await {
                    Err(CallError::UnknownTool(_)) => return,
                    Ok(_) | Err(CallError::Conflict(_) | CallError::Upstream(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }));
        let (_, deleted) = tokio::join!(calling, world.gateway.servers().delete(&anna, "fx"));
        deleted.unwrap();
        assert!(!home.exists(), "its folder is gone");
        let state = world
            .gateway
            .pool()
            .state(&key)
            .and_then(|state| state.state);
        assert_eq!(state, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_that_can_not_be_put_on_record() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.ready(&anna, "fx", "fx").await;
        world.gateway.audit().close().await;
        let added = servers.create(&anna, world.fixture("more", "fx")).await;
        assert_eq!(code(added), "UNAVAILABLE");
        assert_eq!(
            code(servers.set_enabled(&anna, "fx", false).await),
            "UNAVAILABLE"
        );
        assert_eq!(code(servers.delete(&anna, "fx").await), "UNAVAILABLE");
        let there = servers.list(&anna).await.unwrap();
        assert!(there.len() == 1 && there[0].is_enabled);
    })
    .await;
}
