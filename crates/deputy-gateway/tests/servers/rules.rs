use deputy_core::Role;
use deputy_gateway::{CallError, Outcome};
use deputy_templates::Policy;
use serde_json::json;

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
            servers
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
        let own = servers
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
        let (servers, gateway) = (world.gateway.servers(), &world.gateway);
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
            let set = servers.set_administrators_rule(&root, "careful", "client", policy);
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
