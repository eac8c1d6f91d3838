//! What a server does wrong, as its person and the record see it: a code, words that help, and both ends of the call in
//! the audit log. What the pool makes of each fault is in `tests/faults`.

use std::time::Duration;

use deputy_core::Principal;
use deputy_gateway::{CallError, CallOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{World, both, reading, writing};

/// A tool that fails, its arguments, the code of the outcome, and what the words have to say.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str, &[&str])] = &[
    ("exit", r#"{"status":1}"#, "UPSTREAM_ERROR", &["ended during the call", "status 1", "may have been done"]),
    ("kill", "{}", "UPSTREAM_ERROR", &["ended during the call", "SIGKILL", "may have been done"]),
    ("half-exit", "{}", "UPSTREAM_ERROR", &["ended during the call", "may have been done"]),
    ("hang", "{}", "TIMEOUT", &["did not answer in time", "may have been done"]),
    ("log-inside", "{}", "TIMEOUT", &["did not answer in time", "may have been done"]),
    ("no-result", "{}", "UPSTREAM_ERROR", &["without content"]),
    ("rpc-error", "{}", "UPSTREAM_ERROR", &["no such thing"]),
    ("id", r#"{"id":null}"#, "TIMEOUT", &["did not answer in time"]),
];

async fn call(
    world: &World,
    who: &Principal,
    tool: &str,
    arguments: &str,
    code: &str,
) -> Result<(), CallError> {
    let given = Duration::from_millis(match code {
        "TIMEOUT" => 300,
        _ => 10_000,
    });
    let options = CallOptions {
        deadline: Some(Instant::now() + given),
        ..CallOptions::default()
    };
    let arguments = serde_json::from_str(arguments).unwrap();
    let name = format!("fx__{tool}");
    world
        .gateway
        .call(who, &name, arguments, options)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failed_call_has_its_code_and_both_its_ends_on_record() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut tools = vec![reading("echo", "Echoes.")];
        for (tool, ..) in TABLE {
            let mut tool = writing(tool, "Fails.");
            tool["inputSchema"] = json!({ "type": "object" });
            tool["annotations"] = json!({ "destructiveHint": false });
            tools.push(tool);
        }
        world.list("fx", &tools);
        world.ready(&anna, "fx", "fx").await;
        let servers = world.gateway.servers();
        for (tool, arguments, code, words) in TABLE {
            let auto = Some(deputy_templates::Policy::Auto);
            servers.set_policy(&anna, "fx", tool, auto).await.unwrap();
            // a crash before may be backed off from
            crate::support::until("it works", async || {
                world.call(&anna, "fx__echo", json!({})).await.is_ok()
            })
            .await;
            let error = call(world, &anna, tool, arguments, code).await.unwrap_err();
            let text = error.to_string();
            assert_eq!(error.code(), *code, "{tool}: {text}");
            assert!(
                words.iter().all(|word| text.contains(word)),
                "{tool}: {text}"
            );
        }
        world.gateway.audit().flush().await;
        let records = world.store.audit_after(0, 1000).await.unwrap();
        for (tool, _, code, _) in TABLE {
            let of_call: Vec<_> = records
                .iter()
                .filter(|it| it.target == format!("fx__{tool}") && it.action.starts_with("tool."))
                .map(|it| (it.user, it.action.as_str(), it.outcome.as_str()))
                .collect();
            let who = Some(anna.user_id);
            assert_eq!(
                of_call,
                [(who, "tool.call", "started"), (who, "tool.result", *code)],
                "{tool}"
            );
        }
    })
    .await;
}
