use deputy_gateway::{CallError, Outcome};
use serde_json::json;

use crate::support::{both, done, reading, structured, until, writing};

#[tokio::test(flavor = "multi_thread")]
async fn from_adding_a_server_to_calls_of_its_tools() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let added = world.add(&anna, "fx", "fx").await;
        assert_eq!(
            (added.status.as_str(), added.is_enabled),
            ("inactive", true)
        );
        assert!(world.listed(&anna).await.is_empty());

        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        let names: Vec<_> = report.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["echo", "note"]);
        assert_eq!(world.listed(&anna).await, ["fx__echo", "fx__note"]);
        assert_eq!(
            servers.get(&anna, "fx").await.unwrap().status.as_str(),
            "active"
        );

        // Reads go ahead, by its default; writes ask.
        let result = done(world.call(&anna, "fx__echo", json!({ "n": 5 })).await);
        assert_eq!(structured(&result)["arguments"], json!({ "n": 5 }));
        let asked = world.call(&anna, "fx__note", json!({})).await;
        let Ok(Outcome::Asked(approval)) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(
            (approval.tool.as_str(), approval.server.as_str()),
            ("fx__note", "fx")
        );

        // Arguments are held against the schema here.
        let wrong = world.call(&anna, "fx__echo", json!({ "n": "five" })).await;
        let Err(CallError::Validation { pointer, .. }) = wrong else {
            panic!("{wrong:?}");
        };
        assert_eq!(pointer, "/n");

        // Its tools stay listed while it sleeps.
        world.end(&anna, "fx").await;
        assert_eq!(world.listed(&anna).await, ["fx__echo", "fx__note"]);
        assert_eq!(
            servers.get(&anna, "fx").await.unwrap().status.as_str(),
            "inactive"
        );
        world.ask(&anna, "fx__echo").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_servers_of_the_same_name_never_meet() {
    both(async |world| {
        let (anna, boris) = (world.person("anna").await, world.person("boris").await);
        world.list(
            "a",
            &[reading("echo", "Anna's."), reading("env", "Anna's.")],
        );
        world.list("b", &[reading("echo", "Boris's.")]);
        world.ready(&anna, "fx", "a").await;
        assert!(world.listed(&boris).await.is_empty());
        let stranger = world.call(&boris, "fx__echo", json!({})).await;
        assert!(
            matches!(stranger, Err(CallError::UnknownTool(_))),
            "{stranger:?}"
        );
        assert!(world.gateway.servers().get(&boris, "fx").await.is_err());

        world.ready(&boris, "fx", "b").await;
        assert_eq!(world.listed(&anna).await, ["fx__echo", "fx__env"]);
        assert_eq!(world.listed(&boris).await, ["fx__echo"]);
        let hers = world.ask(&anna, "fx__echo").await["pid"].clone();
        let his = world.ask(&boris, "fx__echo").await["pid"].clone();
        assert_ne!(hers, his);

        // What stops one stops no other.
        world.gateway.servers().delete(&anna, "fx").await.unwrap();
        assert_eq!(world.ask(&boris, "fx__echo").await["pid"], his);

        // The name used again is another server: nothing was agreed to, nothing is left.
        world.add(&anna, "fx", "a").await;
        assert!(world.listed(&anna).await.is_empty());
        let env = {
            world.gateway.servers().test(&anna, "fx").await.unwrap();
            world.ask(&anna, "fx__env").await
        };
        let home = env["env"]["HOME"].as_str().unwrap();
        assert!(
            home.contains(&format!("/servers/{}/", anna.user_id)),
            "{home}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_during_a_call_is_named_and_the_next_call_works() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut wild = writing("kill", "Ends.");
        wild["annotations"] = json!({ "destructiveHint": false });
        world.list("fx", &[reading("echo", "Echoes."), wild]);
        world.ready(&anna, "fx", "fx").await;
        let servers = world.gateway.servers();
        let auto = Some(deputy_templates::Policy::Auto);
        servers.set_policy(&anna, "fx", "kill", auto).await.unwrap();
        let first = world.ask(&anna, "fx__echo").await["pid"].clone();
        let killed = world.call(&anna, "fx__kill", json!({})).await;
        let Err(CallError::Upstream(text)) = killed else {
            panic!("{killed:?}");
        };
        assert!(
            text.starts_with("fx: the server ended during the call"),
            "{text}"
        );
        assert!(
            text.contains("about to go, ***") && text.contains("may have been done"),
            "{text}"
        );
        assert!(!text.contains("very-secret-word"), "{text}");
        let shown = servers.get(&anna, "fx").await.unwrap();
        assert!(shown.error_message.unwrap().contains("about to go"));
        until("it is started again", async || {
            world.call(&anna, "fx__echo", json!({})).await.is_ok()
        })
        .await;
        assert_ne!(world.ask(&anna, "fx__echo").await["pid"], first);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_its_arguments_is_no_failure_of_ours() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.list(
            "fx",
            &[reading("rpc-error", "Fails."), reading("no-result", "Odd.")],
        );
        world.ready(&anna, "fx", "fx").await;
        let refused = world.call(&anna, "fx__rpc-error", json!({})).await;
        let expected = CallError::Upstream("fx: no such thing (-32050)".to_owned());
        assert_eq!(refused, Err(expected));
    })
    .await;
}
