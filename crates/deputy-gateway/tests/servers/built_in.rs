//! Built-in tools, behind a keeper of the tests' own that does what the port asks of one: a change and the note of its
//! answer are one step, and a repeat finds the note.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deputy_core::firstparty::{AskRule, ByArguments, ToolSpec};
use deputy_core::{CallId, Caller, Principal, Role, Scope, Scopes, UserId};
use deputy_gateway::approval::{Approval, DecideError, Decision, StoredOutcome};
use deputy_gateway::built_in::{BuiltInAnswer, BuiltInCall, BuiltInError, BuiltInServer, BuiltIns};
use deputy_gateway::catalog::Catalog;
use deputy_gateway::{CallError, CallOptions, CallResult, Outcome};
use deputy_templates::Policy;
use jiff::SignedDuration;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, NEWER, OLDER, front};
use crate::support::{World, both_keeping, done, structured, until};

const TOOLS: [&str; 4] = ["list_slips", "create_slip", "share_slip", "delete_slip"];

/// Keeps slips of paper, each person's apart.
#[derive(Default)]
pub(crate) struct Keeper {
    kept: Mutex<Kept>,
    /// Calls that came, repeats included.
    came: AtomicU32,
    /// So many of the next calls fail as a database does: after the change was made, if `late`.
    failing: AtomicU32,
    late: std::sync::atomic::AtomicBool,
    /// While it is set, calls wait here; `waiting` says that one does.
    held: std::sync::atomic::AtomicBool,
    waiting: Notify,
}

#[derive(Default)]
struct Kept {
    slips: Vec<(UserId, String, String)>,
    answers: HashMap<CallId, BuiltInAnswer>,
}

fn tool(name: &'static str, read_only: bool, ask: AskRule) -> ToolSpec {
    ToolSpec {
        name,
        title: format!("Title of {name}"),
        description: "For tests".to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": { "title": { "type": "string" }, "username": { "type": "string" } },
            "additionalProperties": false,
        }),
        output_schema: json!({
            "type": "object",
            "properties": { "slips": { "type": "array" } },
            "required": ["slips"],
        }),
        annotations: json!({ "readOnlyHint": read_only }),
        scopes: &[],
        ask,
    }
}

impl Keeper {
    /// Titles of this person's slips, and through what each was written.
    fn slips(&self, who: &Principal) -> Vec<(String, String)> {
        let kept = self.kept.lock();
        let mine = kept.slips.iter().filter(|slip| slip.0 == who.user_id);
        mine.map(|slip| (slip.1.clone(), slip.2.clone())).collect()
    }

    fn count(&self, who: &Principal) -> usize {
        self.slips(who).len()
    }

    fn fail(&self, times: u32, late: bool) {
        self.failing.store(times, Ordering::Release);
        self.late.store(late, Ordering::Release);
    }

    fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Release);
    }

    /// The change and the note of its answer.
    fn make(&self, call: &BuiltInCall<'_>) -> BuiltInAnswer {
        let mut kept = self.kept.lock();
        if let Some(answer) = kept.answers.get(&call.call_id) {
            return answer.clone();
        }
        let title = call.arguments["title"].as_str().unwrap_or_default();
        let refused = match call.tool {
            "create_slip" if title.is_empty() => Some("LIMIT_REACHED"),
            "create_slip" | "share_slip" => {
                let slip = (call.user, title.to_owned(), call.caller.to_owned());
                kept.slips.push(slip);
                None
            }
            "delete_slip" => {
                let mine = |slip: &(UserId, String, String)| slip.0 == call.user && slip.1 == title;
                let before = kept.slips.len();
                kept.slips.retain(|slip| !mine(slip));
                (kept.slips.len() == before).then_some("NOT_FOUND")
            }
            _ => None,
        };
        let mine = kept.slips.iter().filter(|slip| slip.0 == call.user);
        let titles: Vec<_> = mine.map(|slip| slip.1.clone()).collect();
        let structured = match refused {
            Some(code) => json!({ "error": { "code": code, "message": "no" } }),
            None => json!({ "slips": titles }),
        };
        let answer = BuiltInAnswer {
            text: structured.to_string(),
            structured,
            is_error: refused.is_some(),
        };
        if call.tool != "list_slips" {
            kept.answers.insert(call.call_id, answer.clone());
        }
        answer
    }
}

#[async_trait]
impl BuiltIns for Keeper {
    fn servers(&self) -> Vec<BuiltInServer> {
        let shared = |arguments: &Value| {
            if arguments["username"].is_string() {
                ByArguments::Preflight
            } else {
                ByArguments::Auto
            }
        };
        vec![BuiltInServer {
            name: "workspace",
            title: "Slips".to_owned(),
            instructions: "Slips of paper are each person's own.".to_owned(),
            tools: vec![
                tool("list_slips", true, AskRule::Never),
                tool("create_slip", false, AskRule::Never),
                tool("share_slip", false, AskRule::Arguments(shared)),
                tool("delete_slip", false, AskRule::Always),
            ],
        }]
    }

    async fn call(&self, call: BuiltInCall<'_>) -> Result<BuiltInAnswer, BuiltInError> {
        self.came.fetch_add(1, Ordering::AcqRel);
        if self.held.load(Ordering::Acquire) {
            self.waiting.notify_one();
            std::future::pending::<()>().await;
        }
        let failing = self
            .failing
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        let late = self.late.load(Ordering::Acquire);
        if failing.is_err() || late {
            let answer = self.make(&call);
            if failing.is_err() {
                return Ok(answer);
            }
        }
        Err(BuiltInError::Unavailable("the disk is gone".into()))
    }
}

/// On each engine, with the keeper behind it.
async fn both(test: impl AsyncFn(&World, &Arc<Keeper>)) {
    both_with(|_| {}, test).await;
}

async fn both_with(
    change: impl Fn(&mut deputy_gateway::Config),
    test: impl AsyncFn(&World, &Arc<Keeper>),
) {
    both_keeping(change, test).await;
}

/// A token of this person with these scopes.
fn agent(who: &Principal, scopes: &[Scope]) -> Principal {
    Principal {
        scopes: Scopes(scopes.iter().copied().collect()),
        caller: Caller::Token {
            id: 7,
            name: "agent".to_owned(),
        },
        ..who.clone()
    }
}

fn asked(outcome: Result<Outcome, CallError>) -> Approval {
    match outcome {
        Ok(Outcome::Asked(approval)) => *approval,
        other => panic!("not asked: {other:?}"),
    }
}

fn title(title: &str) -> Value {
    json!({ "title": title })
}

async fn records(world: &World, tool: &str) -> Vec<(String, String)> {
    assert!(world.gateway.audit().flush().await);
    let records = world.store.audit_after(0, 1000).await.unwrap();
    let of_it = records.into_iter().filter(|record| record.target == tool);
    of_it.map(|r| (r.action, r.outcome)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_has_them_without_an_account_and_each_their_own() {
    both(async |world, keeper| {
        let (anna, boris) = (world.person("anna").await, world.person("boris").await);
        assert_eq!(world.listed(&anna).await, TOOLS);
        let tools = world.gateway.tools(&anna).await.unwrap();
        assert!(tools.iter().all(|tool| tool.server == "workspace"));
        let word = deputy_gateway::policy::word;
        let words: Vec<_> = tools.iter().map(|tool| word(tool)).collect();
        assert_eq!(words, ["auto", "auto", "auto", "ask"]);
        assert_eq!(world.gateway.our_servers(), ["workspace"]);

        let made = done(world.call(&anna, "create_slip", title("milk")).await);
        assert_eq!(structured(&made), json!({ "slips": ["milk"] }));
        let content = json!([{ "type": "text", "text": r#"{"slips":["milk"]}"# }]).to_string();
        assert_eq!((made.content.get(), made.is_error), (&*content, false));
        assert_eq!(
            world.ask(&boris, "list_slips").await,
            json!({ "slips": [] })
        );
        assert_eq!(
            keeper.slips(&anna),
            [("milk".to_owned(), "browser".to_owned())]
        );

        // What it refuses is an answer.
        let refused = done(world.call(&anna, "create_slip", json!({})).await);
        assert!(refused.is_error);
        assert_eq!(structured(&refused)["error"]["code"], "LIMIT_REACHED");
        // What does not fit the schema never gets there.
        let came = keeper.came.load(Ordering::Acquire);
        let wrong = world
            .call(&anna, "create_slip", json!({ "title": 7 }))
            .await;
        assert!(matches!(wrong, Err(CallError::Validation { pointer, .. }) if pointer == "/title"));
        assert_eq!(keeper.came.load(Ordering::Acquire), came);

        let expected = [("tool.call", "started"), ("tool.result", "ok")]
            .iter()
            .chain(&[("tool.call", "started"), ("tool.result", "tool_error")])
            .map(|(action, outcome)| ((*action).to_owned(), (*outcome).to_owned()));
        assert_eq!(
            records(world, "create_slip").await,
            expected.collect::<Vec<_>>()
        );
        let zone = jiff::tz::TimeZone::UTC;
        let usage = world.gateway.usage(anna.user_id, 7, &zone).await.unwrap();
        assert_eq!(usage.by_server["workspace"].queries, 2);
        // No process was started for it.
        assert_eq!(world.gateway.pool().stats().total_servers, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_is_done_once_when_its_person_says_so() {
    both(async |world, keeper| {
        let (anna, boris) = (world.person("anna").await, world.person("boris").await);
        let agent = agent(&anna, &[Scope::ToolsCall, Scope::ToolsWrite]);
        done(world.call(&anna, "create_slip", title("milk")).await);
        let approval = asked(world.call(&agent, "delete_slip", title("milk")).await);
        assert_eq!(approval.server, "workspace");
        assert_eq!(approval.summary, "Title of delete_slip: milk");
        assert_eq!(keeper.count(&anna), 1);
        let decide = async |who: &Principal, decision| {
            world.gateway.decide(who, approval.id, decision).await
        };
        let stranger = decide(&boris, Decision::Approve).await;
        assert!(
            matches!(stranger, Err(DecideError::NotFound)),
            "{stranger:?}"
        );
        let own_act = decide(&agent, Decision::Approve).await;
        assert!(matches!(own_act, Err(DecideError::Scope(_))), "{own_act:?}");
        let decided = decide(&anna, Decision::Approve).await.unwrap();
        assert_eq!(keeper.count(&anna), 0);
        let Some(StoredOutcome::Result(result)) = decided.result else {
            panic!("{decided:?}");
        };
        assert_eq!(structured(&result), json!({ "slips": [] }));
        // Who asked gets that by asking again, once.
        assert_eq!(
            done(world.call(&agent, "delete_slip", title("milk")).await),
            result
        );
        let other = asked(world.call(&agent, "delete_slip", title("milk")).await);
        assert_ne!(other.id, approval.id);
        world
            .gateway
            .decide(&anna, other.id, Decision::Reject)
            .await
            .unwrap();
        let rejected = world.call(&agent, "delete_slip", title("milk")).await;
        assert!(
            matches!(rejected, Err(CallError::Forbidden(_))),
            "{rejected:?}"
        );

        // Nobody but its person knows better where its arguments leave it open.
        done(world.call(&anna, "share_slip", title("bread")).await);
        let shared = json!({ "title": "bread", "username": "boris" });
        let shared = asked(world.call(&anna, "share_slip", shared).await);
        assert_eq!(shared.summary, "Title of share_slip: bread, boris");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_make_them_stricter_and_never_laxer() {
    both(async |world, keeper| {
        let (anna, boris) = (world.person("anna").await, world.person("boris").await);
        let gateway = &world.gateway;
        let said = async |tool: &str, policy| gateway.set_tool_policy(&anna, tool, policy).await;
        let asks = said("create_slip", Some(Policy::Ask)).await.unwrap();
        assert_eq!((&*asks.server, asks.effective), ("workspace", Policy::Ask));
        asked(world.call(&anna, "create_slip", title("milk")).await);
        done(world.call(&boris, "create_slip", title("milk")).await);
        let lax = said("delete_slip", Some(Policy::Auto)).await.unwrap();
        assert_eq!((lax.own, lax.effective), (Some(Policy::Auto), Policy::Ask));
        asked(world.call(&anna, "delete_slip", title("milk")).await);

        let mut root = world.person("root").await;
        root.role = Role::Admin;
        let rule = async |tool: &str, policy| {
            let server = "workspace";
            gateway
                .set_administrators_rule(&root, server, tool, policy)
                .await
        };
        rule("create_slip", Some(Policy::Deny)).await.unwrap();
        assert!(rule("no_such_tool", Some(Policy::Deny)).await.is_err());
        let denied = world.call(&boris, "create_slip", title("eggs")).await;
        assert!(matches!(denied, Err(CallError::Forbidden(_))), "{denied:?}");
        assert!(
            !world
                .listed(&boris)
                .await
                .contains(&"create_slip".to_owned())
        );
        assert_eq!((keeper.count(&anna), keeper.count(&boris)), (0, 1));
        rule("create_slip", None).await.unwrap();
        rule("*", Some(Policy::Ask)).await.unwrap();
        asked(world.call(&boris, "list_slips", json!({})).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_reads_needs_less_than_what_changes() {
    both(async |world, keeper| {
        let anna = world.person("anna").await;
        let reads = agent(&anna, &[Scope::ToolsRead, Scope::ToolsCall]);
        done(world.call(&reads, "list_slips", json!({})).await);
        for (who, tool, needed) in [
            (&reads, "create_slip", Scope::ToolsWrite),
            (&reads, "delete_slip", Scope::ToolsWrite),
            (
                &agent(&anna, &[Scope::ToolsWrite]),
                "list_slips",
                Scope::ToolsCall,
            ),
        ] {
            let refused = world.call(who, tool, json!({})).await;
            assert!(
                matches!(&refused, Err(CallError::Scope(missing)) if missing.needed == needed),
                "{refused:?}"
            );
        }
        assert_eq!(keeper.count(&anna), 0);
        let waiting = world.gateway.approvals(anna.user_id, 10).await.unwrap();
        assert!(waiting.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_have_an_address_of_their_own() {
    both(async |world, keeper| {
        let anna = world.person("anna").await;
        let agent = agent(
            &anna,
            &[Scope::ToolsRead, Scope::ToolsCall, Scope::ToolsWrite],
        );
        let front = front(world);
        for revision in [OLDER, NEWER] {
            for path in ["/mcp/workspace", "/mcp"] {
                let mut client = Client::open(&front, &agent, path, revision, json!({})).await;
                let listed = client.request("tools/list", json!({})).await;
                let listed = listed["result"]["tools"].as_array().unwrap().clone();
                let names: Vec<_> = listed.iter().map(|tool| tool["name"].clone()).collect();
                assert_eq!(names, TOOLS);
                let schema = &listed[1]["outputSchema"];
                for (arguments, failed) in [(title(path), false), (json!({}), true)] {
                    let result = client.call("create_slip", arguments).await;
                    let content = &result["structuredContent"];
                    assert_eq!(result["isError"], failed, "{result}");
                    assert!(jsonschema::is_valid(schema, content), "{schema}: {content}");
                    assert_eq!(result["content"][0]["text"], content.to_string());
                }
                let method = if client.is_modern() {
                    "server/discover"
                } else {
                    "initialize"
                };
                let params = json!({
                    "protocolVersion": revision, "capabilities": {},
                    "clientInfo": { "name": "test", "version": "1" },
                });
                let about = client.request(method, params).await;
                let said = about["result"]["instructions"].as_str().unwrap();
                assert!(said.contains("Slips of paper"), "{said}");
            }
            let mut client =
                Client::open(&front, &agent, "/mcp/workspace", revision, json!({})).await;
            let unknown = client.request("resources/list", json!({})).await;
            assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
        }
        assert_eq!(keeper.count(&anna), 4);
        assert_eq!(keeper.slips(&anna)[0].1, "token:7:agent");

        // What was asked there is written down as its person's program, however it asked.
        let mut client = Client::open(&front, &agent, "/mcp", NEWER, json!({})).await;
        let shared = json!({ "title": "over mcp", "username": "boris" });
        let waits = client.call("share_slip", shared).await;
        assert!(waits.to_string().contains("/approvals"), "{waits}");
        let waiting = world.gateway.approvals(anna.user_id, 10).await.unwrap();
        let [approval] = &waiting[..] else {
            panic!("{waiting:?}")
        };
        world
            .gateway
            .decide(&anna, approval.id, Decision::Approve)
            .await
            .unwrap();
        let last = keeper.slips(&anna).pop().unwrap();
        assert_eq!(last, ("over mcp".to_owned(), "token:7:agent".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_can_be_selected_and_asked() {
    both(async |world, keeper| {
        let anna = world.person("anna").await;
        let gateway = &world.gateway;
        let settings = json!({ "tool": "create_slip", "query_argument": "title" });
        gateway
            .select_context(&anna, "workspace", settings)
            .await
            .unwrap();
        let summary = gateway.context_summary(&anna).await.unwrap();
        assert_eq!(
            (&*summary.server_status, summary.tool_count),
            ("connected", 4)
        );
        let question = deputy_gateway::context::ask::Question {
            query: "buy milk".to_owned(),
            ..Default::default()
        };
        gateway
            .ask_context(&anna, question, CancellationToken::new())
            .await
            .unwrap();
        assert_eq!(keeper.slips(&anna)[0].0, "buy milk");
        let fits = gateway
            .context_suggestions(&anna, "яке завдання наступне?")
            .await
            .unwrap();
        assert_eq!(fits[0].server_name, "workspace");
    })
    .await;
}

fn keyed(key: &str) -> CallOptions {
    CallOptions {
        idempotency_key: Some(key.to_owned()),
        ..CallOptions::default()
    }
}

async fn create(
    world: &World,
    who: &Principal,
    text: &str,
    options: CallOptions,
) -> Result<CallResult, CallError> {
    let outcome = world
        .gateway
        .call(who, "create_slip", title(text), options)
        .await;
    outcome.map(|outcome| done(Ok(outcome)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_is_tried_again_and_nothing_is_done_twice() {
    both(async |world, keeper| {
        let anna = world.person("anna").await;
        // It did it, and did not say so.
        keeper.fail(1, true);
        create(world, &anna, "milk", CallOptions::default())
            .await
            .unwrap();
        assert_eq!(
            (keeper.count(&anna), keeper.came.load(Ordering::Acquire)),
            (1, 2)
        );
        // For longer than anybody tries: nobody says that nothing was done.
        keeper.fail(3, true);
        let failed = create(world, &anna, "bread", keyed("k")).await.unwrap_err();
        assert!(
            matches!(&failed, CallError::Upstream(text) if text.contains("may have been done")),
            "{failed:?}"
        );
        // Under its key it is carried on, as the same call.
        let found = create(world, &anna, "bread", keyed("k")).await.unwrap();
        assert_eq!(structured(&found), json!({ "slips": ["milk", "bread"] }));
        assert_eq!(create(world, &anna, "bread", keyed("k")).await, Ok(found));
        assert_eq!(keeper.count(&anna), 2);
        let other = create(world, &anna, "eggs", keyed("k")).await;
        assert!(matches!(other, Err(CallError::Conflict(_))), "{other:?}");
        // A refusal is what came of a call, too.
        let refused = create(world, &anna, "", keyed("l")).await.unwrap();
        assert!(refused.is_error);
        assert_eq!(create(world, &anna, "", keyed("l")).await, Ok(refused));

        keeper.fail(3, false);
        let reads = world
            .call(&anna, "list_slips", json!({}))
            .await
            .unwrap_err();
        assert_eq!(reads.code(), "UNAVAILABLE");
        assert!(reads.to_string().contains("nothing was done"), "{reads}");
        // No breaker remembers it.
        done(world.call(&anna, "list_slips", json!({})).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_ends_in_time_or_with_its_caller() {
    let soon = Duration::from_millis(300);
    both_with(
        |config| config.call_deadline = soon,
        async |world, keeper| {
            let anna = world.person("anna").await;
            keeper.hold(true);
            let late = create(world, &anna, "milk", CallOptions::default())
                .await
                .unwrap_err();
            assert!(
                matches!(&late, CallError::Timeout(text) if text.contains("may have been done")),
                "{late:?}"
            );
            let late = world
                .call(&anna, "list_slips", json!({}))
                .await
                .unwrap_err();
            assert!(
                matches!(&late, CallError::Timeout(text) if text.contains("nothing was changed")),
                "{late:?}"
            );
            let options = CallOptions::default();
            let breaks_off = async {
                keeper.waiting.notified().await;
                options.cancel.cancel();
            };
            // Those before left a permit.
            keeper.waiting.notified().await;
            let call = create(world, &anna, "milk", options.clone());
            let (broken_off, ()) = tokio::join!(call, breaks_off);
            assert_eq!(broken_off, Err(CallError::Cancelled));
            assert_eq!(keeper.count(&anna), 0);
            let ends: Vec<_> = records(world, "create_slip").await;
            let ends: Vec<_> = ends.iter().map(|(_, outcome)| outcome.as_str()).collect();
            assert_eq!(ends, ["started", "TIMEOUT", "started", "CANCELLED"]);
        },
    )
    .await;
}

/// A program that ends in the midst of an approved call, before the change or right after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_approved_call_survives_a_crash_and_is_done_once() {
    for after in [false, true] {
        both(async |world, keeper| {
            let anna = world.person("anna").await;
            done(world.call(&anna, "create_slip", title("milk")).await);
            let shared = json!({ "title": "bread", "username": "boris" });
            let approval = asked(world.call(&anna, "share_slip", shared).await);
            keeper.hold(true);
            let crashing = world.again(keeper);
            let deciding = {
                let (gateway, anna) = (crashing.gateway.clone(), anna.clone());
                crashing.lifecycle.spawn(async move {
                    gateway.decide(&anna, approval.id, Decision::Approve).await
                })
            };
            keeper.waiting.notified().await;
            if after {
                // What it was about to do is done: the answer is what is lost.
                let row = world
                    .store
                    .user(anna.user_id)
                    .approval(approval.id)
                    .await
                    .unwrap();
                let call = BuiltInCall {
                    user: anna.user_id,
                    caller: "browser",
                    call_id: row.unwrap().call_id,
                    tool: "share_slip",
                    arguments: &title("bread"),
                };
                keeper.make(&call);
            }
            crashing.crash().await;
            drop(deciding);
            keeper.hold(false);
            // Its claim lapses, and this one carries on.
            world.clock.advance(SignedDuration::from_secs(60));
            until("it is carried on", async || {
                let found = world.gateway.approval(anna.user_id, approval.id).await;
                found.unwrap().unwrap().status == "done"
            })
            .await;
            let found = world.gateway.approval(anna.user_id, approval.id).await;
            let Some(StoredOutcome::Result(result)) = found.unwrap().unwrap().result else {
                panic!("no result");
            };
            assert_eq!(structured(&result), json!({ "slips": ["milk", "bread"] }));
            assert_eq!(keeper.count(&anna), 2);
        })
        .await;
    }
}

#[test]
fn a_name_that_two_have_is_refused() {
    let port = || Arc::new(Keeper::default()) as Arc<dyn BuiltIns>;
    let catalog = Catalog::new(Vec::new()).unwrap();
    let once = catalog.with_built_ins(&port()).unwrap();
    let twice = once.with_built_ins(&port()).unwrap_err().to_string();
    assert!(
        twice.contains("list_slips") && twice.contains("'workspace'"),
        "{twice}"
    );
}
