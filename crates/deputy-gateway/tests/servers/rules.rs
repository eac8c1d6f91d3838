use deputy_core::{Caller, Role, Scope};
use deputy_gateway::servers::{Server, ServerError};
use deputy_gateway::{CallError, Outcome};
use deputy_templates::{DefaultPolicy, Policy};
use serde_json::{Value, json};

use crate::support::{both, code, reading, writing};

#[tokio::test(flavor = "multi_thread")]
async fn the_strictest_word_counts() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut root = world.person("root").await;
        root.role = Role::Admin;
        world.list(
            "fx",
            &[reading("echo", "Echoes."), writing("client", "Writes.")],
        );
        world.ready(&anna, "fx", "fx").await;
        let servers = world.gateway.servers();
        let call = async |tool| world.call(&anna, tool, json!({})).await;

        servers
            .set_policy(&anna, "fx", "client", Some(Policy::Auto))
            .await
            .unwrap();
        assert!(matches!(call("fx__client").await, Ok(Outcome::Done(_))));
        servers
            .set_policy(&anna, "fx", "echo", Some(Policy::Ask))
            .await
            .unwrap();
        assert!(matches!(call("fx__echo").await, Ok(Outcome::Asked(_))));
        servers.set_policy(&anna, "fx", "echo", None).await.unwrap();

        // The administrator's rule makes it stricter, and the person can't make it laxer.
        let rule = async |tool, policy| {
            world
                .gateway
                .set_administrators_rule(&root, "custom", tool, policy)
                .await
        };
        rule("client", Some(Policy::Ask)).await.unwrap();
        assert!(matches!(call("fx__client").await, Ok(Outcome::Asked(_))));
        rule("*", Some(Policy::Deny)).await.unwrap();
        assert!(world.listed(&anna).await.is_empty());
        let denied = call("fx__echo").await;
        assert!(matches!(denied, Err(CallError::Forbidden(_))), "{denied:?}");
        let shown = servers.tools(&anna, "fx").await.unwrap();
        assert!(shown.iter().all(|tool| tool.effective == Policy::Deny));
        assert_eq!(servers.administrators_rules(&root).await.unwrap().len(), 2);
        rule("*", None).await.unwrap();
        assert_eq!(world.listed(&anna).await, ["fx__echo", "fx__client"]);

        // Not everybody's to make.
        let own = world
            .gateway
            .set_administrators_rule(&anna, "custom", "*", None)
            .await;
        assert_eq!(code(own), "FORBIDDEN");
        assert_eq!(
            code(servers.set_policy(&root, "fx", "echo", None).await),
            "NOT_FOUND"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_templates_word_is_a_default_that_the_persons_replaces() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut root = world.person("root").await;
        root.role = Role::Admin;
        let gateway = &world.gateway;
        let tools = [reading("client", "Asks, by the template.")];
        world.ready_as(&anna, "careful", &tools).await;
        let call = async || world.call(&anna, "fx__client", json!({})).await;
        assert!(matches!(call().await, Ok(Outcome::Asked(_))));

        let said = gateway
            .set_tool_policy(&anna, "fx__client", Some(Policy::Auto))
            .await
            .unwrap();
        assert_eq!(
            (said.own, said.effective),
            (Some(Policy::Auto), Policy::Auto)
        );
        assert!(matches!(call().await, Ok(Outcome::Done(_))));
        let tool = gateway.tools(&anna).await.unwrap().remove(0);
        assert_eq!(tool.own_policy, Some(Policy::Auto));

        // The administrator's word is on top of hers, as it was of the template's.
        let rule = async |policy| {
            let set = world
                .gateway
                .set_administrators_rule(&root, "careful", "client", policy);
            set.await.unwrap();
        };
        rule(Some(Policy::Ask)).await;
        assert!(matches!(call().await, Ok(Outcome::Asked(_))));
        rule(None).await;
        gateway
            .set_tool_policy(&anna, "fx__client", None)
            .await
            .unwrap();
        assert!(matches!(call().await, Ok(Outcome::Asked(_))));

        // Nobody else's tool.
        let boris = world.person("boris").await;
        let stranger = gateway
            .set_tool_policy(&boris, "fx__client", Some(Policy::Auto))
            .await;
        assert_eq!(code(stranger), "NOT_FOUND");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_decide_makes_nothing_laxer_and_carries_no_secret_elsewhere() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.ready(&anna, "fx", "fx").await;
        let mut token = anna.clone();
        token.scopes.0.remove(&Scope::ApprovalsDecide);
        token.caller = Caller::Token {
            id: 1,
            name: "agent".to_owned(),
        };
        let set = async |who, policy| servers.set_policy(who, "fx", "note", policy).await;
        let change = async |who, change: Value| {
            let change = serde_json::from_value(change).unwrap();
            servers.change(who, "fx", change).await
        };
        // `note` asks by the server's default.
        assert_eq!(code(set(&token, Some(Policy::Auto)).await), "FORBIDDEN");
        set(&token, Some(Policy::Deny)).await.unwrap();
        assert_eq!(code(set(&token, None).await), "FORBIDDEN");
        set(&anna, None).await.unwrap();
        set(&token, Some(Policy::Ask)).await.unwrap();
        let auto = change(&token, json!({ "default_policy": "auto" })).await;
        assert_eq!(code(auto), "FORBIDDEN");
        change(&token, json!({ "default_policy": "ask" }))
            .await
            .unwrap();
        let laxer = change(&token, json!({ "default_policy": "ask_writes" })).await;
        assert_eq!(code(laxer), "FORBIDDEN");
        change(&anna, json!({ "default_policy": "auto" }))
            .await
            .unwrap();
        assert_eq!(code(servers.accept(&token, "fx", &[]).await), "FORBIDDEN");
        let mut decides = token.clone();
        decides.scopes.0.insert(Scope::ApprovalsDecide);
        servers.accept(&decides, "fx", &[]).await.unwrap();

        // What runs unasked is given nothing else to reach, by a new name for it neither.
        let config = |config: Value| json!({ "config": config });
        let args = json!(["--tools", world.tools_file("other")]);
        let elsewhere = config(json!({ "args": args, "env": { "FIXTURE_TOKEN": null } }));
        assert_eq!(code(change(&token, elsewhere.clone()).await), "FORBIDDEN");
        change(&anna, json!({ "default_policy": "ask_writes" }))
            .await
            .unwrap();
        set(&anna, Some(Policy::Auto)).await.unwrap();
        assert_eq!(code(change(&token, elsewhere).await), "FORBIDDEN");
        set(&anna, None).await.unwrap();
        let mut unasked = world.fixture("fx2", "fx");
        unasked.default_policy = Some(DefaultPolicy::Auto);
        let added = servers.create(&token, unasked.clone()).await;
        assert_eq!(code(added), "FORBIDDEN");
        unasked.default_policy = Some(DefaultPolicy::Ask);
        servers.create(&token, unasked).await.unwrap();

        // The secret does not go to another program, nor beside another variable.
        let more = config(json!({ "env": { "MORE": "x" } }));
        let kept = change(&anna, more.clone()).await.unwrap();
        assert_eq!(kept.secrets_set, ["env/FIXTURE_TOKEN", "env/MORE"]);
        let env = world.ask(&anna, "fx__echo").await;
        assert!(env.is_object());
        let again = |outcome: Result<Server, ServerError>| match outcome {
            Err(ServerError::Validation { field, more, .. }) => {
                let more = more.into_iter().map(|(field, _)| field);
                std::iter::once(field).chain(more).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(
            again(change(&token, more.clone()).await),
            ["/config/env/FIXTURE_TOKEN"]
        );
        let other = json!(["--tools", world.tools_file("other")]);
        let moved = config(json!({ "args": other }));
        let both = ["/config/env/FIXTURE_TOKEN", "/config/env/MORE"];
        assert_eq!(again(change(&anna, moved.clone()).await), both);
        assert_eq!(again(change(&token, moved).await), both);
        let shown = servers.get(&anna, "fx").await.unwrap();
        assert_eq!(shown.generation, kept.generation);
        assert_eq!(shown.secrets_set, ["env/FIXTURE_TOKEN", "env/MORE"]);
        // What is said of each of them counts.
        let env = json!({ "FIXTURE_TOKEN": null, "MORE": "again" });
        let said = config(json!({ "args": other, "env": env }));
        let moved = change(&token, said).await.unwrap();
        assert_eq!(moved.secrets_set, ["env/MORE"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_printed_is_for_who_may_manage_it() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list("fx", &[reading("kill", "Dies.")]);
        world.ready(&anna, "fx", "fx").await;
        let mut token = anna.clone();
        token.scopes.0.remove(&Scope::ServersManage);
        let text = |error: CallError| error.to_string();
        let hers = text(world.call(&anna, "fx__kill", json!({})).await.unwrap_err());
        assert!(hers.contains("about to go, ***"), "{hers}");
        let other = text(world.call(&token, "fx__kill", json!({})).await.unwrap_err());
        assert!(
            other.contains("fx") && !other.contains("about to go"),
            "{other}"
        );
        assert_eq!(code(servers.log(&token, "fx").await), "FORBIDDEN");
        assert!(
            servers
                .log(&anna, "fx")
                .await
                .unwrap()
                .contains("about to go")
        );
        let shown = async |who| servers.get(who, "fx").await.unwrap().error_message.unwrap();
        assert!(shown(&anna).await.contains("about to go"));
        let to_token = shown(&token).await;
        assert!(
            !to_token.is_empty() && !to_token.contains("about to go"),
            "{to_token}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_own_word_decides_nothing_about_the_record() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.ready(&anna, "fx", "fx").await;
        world.ask(&anna, "fx__echo").await;
        assert!(world.gateway.audit().flush().await);
        let records = world.store.audit_after(0, 100).await.unwrap();
        let of_echo = records.iter().filter(|record| record.target == "fx__echo");
        let of_echo: Vec<_> = of_echo
            .map(|record| (record.action.as_str(), record.outcome.as_str()))
            .collect();
        assert_eq!(of_echo, [("tool.call", "started"), ("tool.result", "ok")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_google_leaves_servers_alone_that_have_nothing_of_it() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.ready(&anna, "fx", "fx").await;
        let pid = world.ask(&anna, "fx__echo").await["pid"].clone();
        world.gateway.stop_google(anna.user_id).await;
        assert_eq!(world.ask(&anna, "fx__echo").await["pid"], pid);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_rule_is_about_something_that_there_is() {
    both(async |world| {
        let mut root = world.person("root").await;
        root.role = Role::Admin;
        let gateway = &world.gateway;
        let deny = Some(Policy::Deny);
        for (server, tool, field, said) in [
            ("filesistem", "*", "/server", "did you mean 'filesystem'?"),
            ("", "*", "/server", "1 to 255"),
            ("filesystem", "", "/tool", "1 to 255"),
        ] {
            let set = gateway.set_administrators_rule(&root, server, tool, deny);
            match set.await {
                Err(ServerError::Validation {
                    field: at, message, ..
                }) => {
                    assert_eq!(at, field);
                    assert!(message.contains(said), "{message}");
                }
                other => panic!("{other:?}"),
            }
        }
        let servers = gateway.servers();
        assert_eq!(servers.administrators_rules(&root).await.unwrap(), []);
        // Another's tools are not known before somebody has it; what is gone can be removed.
        for (server, tool, policy) in [("filesystem", "any_tool", deny), ("went-away", "*", None)] {
            let set = gateway.set_administrators_rule(&root, server, tool, policy);
            set.await.unwrap();
        }
    })
    .await;
}
