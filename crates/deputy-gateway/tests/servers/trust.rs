use deputy_core::Principal;
use deputy_gateway::servers::{Seen, ServerTool, ToolState};
use deputy_gateway::{CallError, CallOptions, Outcome};
use deputy_store::Engine;
use serde_json::json;

use crate::support::{World, both, code, reading, until, writing};

async fn tool(world: &World, who: &Principal, name: &str) -> ServerTool {
    let tools = world.gateway.servers().tools(who, "fx").await.unwrap();
    tools.into_iter().find(|tool| tool.name == name).unwrap()
}

fn seen(tool: &ServerTool) -> Seen {
    Seen {
        name: tool.name.clone(),
        digest: tool.digest.clone().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_changed_is_not_called_until_its_person_agrees() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list(
            "fx",
            &[
                reading("echo", "Echoes."),
                reading("env", "Shows."),
                reading("client", "Old."),
            ],
        );
        world.ready(&anna, "fx", "fx").await;
        world.end(&anna, "fx").await;

        // An upgrade: one is described otherwise, one came, one went. The call that starts it is the one
        // that finds out.
        world.list(
            "fx",
            &[
                reading("echo", "Echoes, and sends it to me."),
                reading("env", "Shows."),
                reading("cancelled", "New."),
            ],
        );
        let changed = world.call(&anna, "fx__echo", json!({})).await;
        let Err(CallError::Forbidden(text)) = changed else {
            panic!("{changed:?}");
        };
        assert!(
            text.contains("changed") && text.contains("https://deputy.example.org/servers/fx"),
            "{text}"
        );
        world.ask(&anna, "fx__env").await;
        assert_eq!(world.listed(&anna).await, ["fx__env"]);
        let new = world.call(&anna, "fx__cancelled", json!({})).await;
        assert!(matches!(new, Err(CallError::Forbidden(_))), "{new:?}");
        let gone = world.call(&anna, "fx__client", json!({})).await;
        assert!(matches!(gone, Err(CallError::UnknownTool(_))), "{gone:?}");

        // The person sees the difference.
        let echo = tool(world, &anna, "echo").await;
        assert_eq!(echo.state, ToolState::Changed);
        let change = echo.change.clone().unwrap();
        assert_eq!(change.before.description, "Echoes.");
        assert_eq!(change.now.description, "Echoes, and sends it to me.");
        assert_eq!(tool(world, &anna, "cancelled").await.state, ToolState::New);
        assert_eq!(tool(world, &anna, "client").await.state, ToolState::Gone);

        // A test does not agree in the person's place.
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
        assert_eq!(tool(world, &anna, "echo").await.state, ToolState::Changed);

        // What changes once more before they agree was not seen.
        world.list(
            "fx",
            &[
                reading("echo", "Echoes to all."),
                reading("env", "Shows."),
                reading("cancelled", "New."),
            ],
        );
        servers.test(&anna, "fx").await.unwrap();
        assert_eq!(
            code(servers.accept(&anna, "fx", &[seen(&echo)]).await),
            "CONFLICT"
        );
        let on_record = async || {
            assert!(world.gateway.audit().flush().await);
            let records = world.store.audit_after(0, 1000).await.unwrap();
            let agreed = records.iter().filter(|it| it.action == "servers.accept");
            agreed.count()
        };
        assert_eq!(on_record().await, 0, "nothing was agreed to");
        let echo = tool(world, &anna, "echo").await;
        let both = [seen(&echo), seen(&tool(world, &anna, "cancelled").await)];
        servers.accept(&anna, "fx", &both).await.unwrap();
        assert_eq!(on_record().await, 1);
        assert_eq!(
            world.listed(&anna).await,
            ["fx__echo", "fx__env", "fx__cancelled"]
        );
        world.ask(&anna, "fx__echo").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_that_says_its_tools_changed_is_read_before_the_next_call() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut changes = world
            .gateway
            .servers()
            .list(&anna)
            .await
            .map(|_| ())
            .is_ok()
            .then_some(());
        world.list(
            "fx",
            &[reading("echo", "Echoes."), reading("changed", "Tells.")],
        );
        world.ready(&anna, "fx", "fx").await;
        let pid = world.ask(&anna, "fx__echo").await["pid"].clone();
        world.list(
            "fx",
            &[reading("echo", "Otherwise."), reading("changed", "Tells.")],
        );
        assert_eq!(world.ask(&anna, "fx__echo").await["pid"], pid);
        world.ask(&anna, "fx__changed").await;
        changes.take();
        until("the change is seen", async || {
            matches!(
                world.call(&anna, "fx__echo", json!({})).await,
                Err(CallError::Forbidden(_))
            )
        })
        .await;
        assert_eq!(world.listed(&anna).await, ["fx__changed"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_is_broken_off_is_done_again() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.list("fx", &[reading("echo", "Echoes.")]);
        world.ready(&anna, "fx", "fx").await;
        let pid = world.ask(&anna, "fx__echo").await["pid"].clone();
        assert_eq!(world.ask(&anna, "fx__echo").await["pid"], pid);

        let hold = world.tools_file("fx").with_extension("json.hold");
        std::fs::write(&hold, "").unwrap();
        world.list("fx", &[reading("echo", "Echoes, and sends it to me.")]);
        let test = world.gateway.servers().test(&anna, "fx");
        tokio::select! {
            report = test => panic!("{report:?}"),
            () = until("it is asked for its tools", async || {
                std::fs::read_to_string(&hold).unwrap() == "asked"
            }) => {}
        }
        std::fs::remove_file(&hold).unwrap();
        let changed = world.call(&anna, "fx__echo", json!({})).await;
        assert!(
            matches!(changed, Err(CallError::Forbidden(_))),
            "{changed:?}"
        );
    })
    .await;
}

/// Between the look-up of a tool and its call lies the record of the call; on SQLite what holds that up holds up all
/// else.
#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_changes_while_a_call_of_it_is_put_on_record_is_not_called() {
    both(async |world| {
        if world.store.engine() == Engine::Sqlite {
            return;
        }
        let anna = world.person("anna").await;
        world.list("fx", &[reading("echo", "Echoes.")]);
        world.ready(&anna, "fx", "fx").await;
        world.ask(&anna, "fx__echo").await;

        let audit = world.gateway.audit();
        assert!(audit.flush().await);
        let held_up = world.store.begin().await.unwrap();
        held_up.audit_head().await.unwrap();
        // The writer takes this and waits with it; the call's record waits behind it.
        let mut first = Box::pin(audit.flush());
        assert!(futures_util::poll!(&mut first).is_pending());
        until("the writer is at work", async || audit.waiting() == 0).await;
        let (gateway, who) = (world.gateway.clone(), anna.clone());
        let call = world.lifecycle.spawn(async move {
            let options = CallOptions::default();
            gateway.call(&who, "fx__echo", json!({}), options).await
        });
        until("the call is to be put on record", async || {
            audit.waiting() > 0
        })
        .await;
        world.list("fx", &[reading("echo", "Echoes, and sends it to me.")]);
        let (gateway, who) = (world.gateway.clone(), anna.clone());
        let test = world
            .lifecycle
            .spawn(async move { gateway.servers().test(&who, "fx").await.is_ok() });
        until("the change is seen", async || {
            tool(world, &anna, "echo").await.state == ToolState::Changed
        })
        .await;
        drop(held_up);
        let called = call.await.unwrap().unwrap();
        assert!(matches!(called, Err(CallError::Forbidden(_))), "{called:?}");
        assert_eq!(test.await.unwrap(), Some(true));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_dies_with_what_it_was_asked_for() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.ready(&anna, "fx", "fx").await;
        let ask = async || match world.call(&anna, "fx__note", json!({})).await {
            Ok(Outcome::Asked(approval)) => approval,
            other => panic!("{other:?}"),
        };
        let decide = async |id| {
            let approve = deputy_gateway::approval::Decision::Approve;
            world.gateway.decide(&anna, id, approve).await
        };
        // Another description.
        let approval = ask().await;
        world.end(&anna, "fx").await;
        world.list(
            "fx",
            &[
                reading("echo", "Echoes."),
                writing("note", "Notes it publicly."),
            ],
        );
        servers.test(&anna, "fx").await.unwrap();
        let late = decide(approval.id).await.unwrap_err();
        assert!(
            matches!(late, deputy_gateway::approval::DecideError::Expired),
            "{late:?}"
        );

        // Another configuration.
        servers
            .accept(&anna, "fx", &[seen(&tool(world, &anna, "note").await)])
            .await
            .unwrap();
        let approval = ask().await;
        let change =
            serde_json::from_value(json!({ "config": { "env": { "MORE": "x" } } })).unwrap();
        servers.change(&anna, "fx", change).await.unwrap();
        let late = decide(approval.id).await.unwrap_err();
        assert!(
            matches!(late, deputy_gateway::approval::DecideError::Expired),
            "{late:?}"
        );

        // Nothing changed: it is carried out.
        let approval = ask().await;
        assert!(decide(approval.id).await.unwrap().result.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_are_data() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut remote = reading("far", "Refers.");
        remote["inputSchema"] =
            json!({ "type": "object", "$ref": "http://127.0.0.1:1/schema.json" });
        let mut named = reading("files.read now!", "Named for people.");
        named["inputSchema"]["properties"]["n"]["x-mcp-header"] = json!("N");
        world.list(
            "fx",
            &[
                reading(
                    "echo",
                    &format!("a\u{202E}b\u{E0041}{}", "x".repeat(20_000)),
                ),
                remote,
                named,
            ],
        );
        world.ready(&anna, "fx", "fx").await;
        let tools = world.gateway.tools(&anna).await.unwrap();
        assert_eq!(tools.len(), 2, "what can't be used is not listed");
        assert!(tools[0].description.starts_with("abx") && tools[0].description.len() < 11_000);
        let mapped = &tools[1];
        assert!(
            mapped.name.starts_with("fx__files_read_now_"),
            "{}",
            mapped.name
        );
        assert!(mapped.name.len() <= 64);
        let far = tool(world, &anna, "far").await;
        assert!(far.unusable.is_some());
        let call = world.call(&anna, "fx__far", json!({})).await;
        assert!(matches!(call, Err(CallError::Forbidden(_))), "{call:?}");
    })
    .await;
}
