//! What is open for a client when its person takes its access away.

use std::time::Duration;

use axum::http::StatusCode;
use deputy_core::{Caller, Clock as _, Principal, Scope, Scopes};
use deputy_gateway::Outcome;
use deputy_gateway::approval::Decision;
use deputy_store::oauth_grant::{NewAccessToken, NewGrant};
use jiff::SignedDuration;
use serde_json::json;

use crate::client::{Client, Messages, NEWER, OLDER, front};
use crate::support::{World, both, both_within, done, reading, until, writing};

/// A client that this person let in.
async fn allowed(world: &World, who: &Principal) -> (i64, Principal) {
    let at = world.clock.now();
    let tx = world.store.begin().await.unwrap();
    let scopes = Scopes([Scope::ToolsRead, Scope::ToolsCall, Scope::ToolsWrite].into());
    let new = NewGrant {
        client_id: "https://client.example/client.json".to_owned(),
        client_name: "Client".to_owned(),
        redirect_uri: "https://client.example/callback".to_owned(),
        scopes: scopes.clone(),
        resources: vec!["https://deputy.example.org/mcp".to_owned()],
        at,
        expires_at: at + SignedDuration::from_hours(1),
    };
    let grant = tx.user(who.user_id).insert_oauth_grant(new).await.unwrap();
    tx.commit().await.unwrap();
    let caller = Caller::Client {
        grant: grant.id,
        id: grant.client_id,
        name: grant.client_name,
    };
    let who = Principal {
        caller,
        scopes,
        ..who.clone()
    };
    (grant.id, who)
}

async fn end(world: &World, grant: i64) {
    let tx = world.store.begin().await.unwrap();
    let ended = tx.end_oauth_grant(grant, "person", world.clock.now()).await;
    assert!(ended.unwrap());
    tx.commit().await.unwrap();
    world.gateway.look_at_callers();
}

async fn ends(heard: &mut Messages) {
    while let Some(message) = heard.next().await {
        assert!(message.get("error").is_none(), "{message}");
    }
}

/// Whether this is on record of the tool, with this outcome.
async fn on_record(world: &World, action: &str, tool: &str, outcome: &str) -> bool {
    world.gateway.audit().flush().await;
    let records = world.store.audit_after(0, 1000).await.unwrap();
    records
        .iter()
        .any(|record| record.action == action && record.target == tool && record.outcome == outcome)
}

async fn with_tools(world: &World, who: &Principal) {
    let tools = [
        writing("hang", "Hangs."),
        reading("ask", "Asks."),
        writing("echo", "Echoes."),
    ];
    world.list("fx", &tools);
    let mut new = world.fixture("fx", "fx");
    new.default_policy = Some(deputy_templates::DefaultPolicy::Auto);
    let servers = world.gateway.servers();
    servers.create(who, new).await.unwrap();
    let report = servers.test(who, "fx").await.unwrap();
    assert!(report.ok, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_for_a_client_ends_at_once_with_what_it_was_allowed() {
    // Nobody looks unless it is told to.
    let change = |config: &mut deputy_gateway::Config| {
        config.look_at_callers = Duration::from_hours(1);
    };
    both_within(0, change, async |world| {
        let anna = world.person("anna").await;
        with_tools(world, &anna).await;
        let front = front(world);
        let roots = json!({ "roots": {} });
        let (grant, leaving) = allowed(world, &anna).await;
        // The same client, let in once more: another machine of the person's.
        let (_, staying) = allowed(world, &anna).await;
        let path = "/mcp/fx";
        let mut older = Client::open(&front, &leaving, path, OLDER, json!({})).await;
        let mut newer = Client::open(&front, &leaving, path, NEWER, roots.clone()).await;
        let mut other = Client::open(&front, &staying, path, OLDER, json!({})).await;
        let mut heard = [older.hear(&[]).await, newer.hear(&[]).await];
        let mut stays = other.hear(&[]).await;

        // One call waits for an answer of its client's, another one is under way.
        let params = json!({ "name": "ask", "arguments": { "method": "roots/list" } });
        let asked = newer.request("tools/call", params).await;
        assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
        let mut calling = Client::open(&front, &leaving, path, NEWER, json!({})).await;
        let under_way = async {
            let params = json!({ "name": "hang", "arguments": {} });
            calling.send("tools/call", params).await
        };
        let ending = async {
            until("the call is under way", async || {
                on_record(world, "tool.call", "fx__hang", "started").await
            })
            .await;
            end(world, grant).await;
        };
        let (mut broken_off, ()) = tokio::join!(under_way, ending);
        assert_eq!(broken_off.status, StatusCode::UNAUTHORIZED);
        let challenge = broken_off.challenge.clone().unwrap();
        assert!(
            challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
        assert!(broken_off.answer().await["error"].is_object());
        for heard in &mut heard {
            ends(heard).await;
        }
        for tool in ["fx__hang", "fx__ask"] {
            until("the server is told", async || {
                on_record(world, "tool.result", tool, "CANCELLED").await
                    || on_record(world, "tool.call", tool, "CANCELLED").await
            })
            .await;
        }
        let status = async |client: &mut Client| client.send("tools/list", json!({})).await.status;
        assert_eq!(status(&mut older).await, StatusCode::NOT_FOUND);
        assert_eq!(status(&mut other).await, StatusCode::OK);
        world.gateway.tools_changed(anna.user_id);
        stays.until("notifications/tools/list_changed").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_is_given_back_takes_what_it_opened_and_nothing_else() {
    let change = |config: &mut deputy_gateway::Config| {
        config.look_at_callers = Duration::from_hours(1);
    };
    both_within(0, change, async |world| {
        let anna = world.person("anna").await;
        with_tools(world, &anna).await;
        let front = front(world);
        let (grant, who) = allowed(world, &anna).await;
        let hash = |token: &str| deputy_core::secret::sha256_hex(token.as_bytes());
        let give = async |token: &str, lasts: SignedDuration| {
            let at = world.clock.now();
            let new = NewAccessToken {
                token_hash: hash(token),
                grant_id: grant,
                scopes: who.scopes.clone(),
                resources: vec!["https://deputy.example.org/mcp/fx".to_owned()],
                at,
                expires_at: at + lasts,
            };
            let tx = world.store.begin().await.unwrap();
            tx.insert_access_token(new).await.unwrap();
            tx.commit().await.unwrap();
        };
        let take = async |token: &str| {
            let tx = world.store.begin().await.unwrap();
            assert!(tx.delete_access_token(&hash(token)).await.unwrap());
            tx.commit().await.unwrap();
            world.gateway.look_at_callers();
        };
        let mut clients = Vec::new();
        for token in ["short", "shorter"] {
            give(token, SignedDuration::from_mins(1)).await;
            let mut client = Client::open(&front, &who, "/mcp/fx", OLDER, json!({})).await;
            client.token = Some(token);
            let heard = client.hear(&[]).await;
            clients.push((client, heard));
        }
        // Whoever looks, looks at everybody: when the second of two has ended, all were looked at.
        let all_were_looked_at = async || {
            for _ in 0..2 {
                give("given back", SignedDuration::from_mins(50)).await;
                let mut client = Client::open(&front, &who, "/mcp/fx", OLDER, json!({})).await;
                client.token = Some("given back");
                let mut heard = client.hear(&[]).await;
                take("given back").await;
                ends(&mut heard).await;
                // The session is the client's, which goes on with its next token.
                client.token = Some("short");
                let next = client.send("tools/list", json!({})).await;
                assert_eq!(next.status, StatusCode::OK);
            }
        };
        all_were_looked_at().await;
        // A token whose time is over takes nothing with it, also when its row is swept.
        world.clock.advance(SignedDuration::from_mins(2));
        take("short").await;
        take("shorter").await;
        all_were_looked_at().await;
        world.gateway.tools_changed(anna.user_id);
        for (_, heard) in &mut clients {
            heard.until("notifications/tools/list_changed").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_asked_for_stays_its_persons_to_decide_and_says_through_what_it_was_asked() {
    both(async |world| {
        let anna = world.person("anna").await;
        with_tools(world, &anna).await;
        let servers = world.gateway.servers();
        let ask = Some(deputy_templates::Policy::Ask);
        servers.set_policy(&anna, "fx", "echo", ask).await.unwrap();
        let (grant, agent) = allowed(world, &anna).await;
        let call = async |who| world.call(who, "fx__echo", json!({})).await;
        let Ok(Outcome::Asked(asked)) = call(&agent).await else {
            panic!("it is not asked");
        };
        assert_eq!(asked.requested_by, format!("client:{grant}:Client"));
        end(world, grant).await;
        let waiting = world.gateway.approvals(anna.user_id, 10).await.unwrap();
        assert_eq!((waiting.len(), waiting[0].status), (1, "pending"));
        let decided = world
            .gateway
            .decide(&anna, asked.id, Decision::Approve)
            .await;
        assert!(decided.unwrap().result.is_some());
        let shown = world.gateway.approval(anna.user_id, asked.id).await;
        let shown = shown.unwrap().unwrap();
        assert_eq!(shown.requested_by, format!("client:{grant}:Client"));

        // The answer is for who asked: the client, let in once more, asks anew.
        let (_, again) = allowed(world, &anna).await;
        let Ok(Outcome::Asked(anew)) = call(&again).await else {
            panic!("it is not asked again");
        };
        assert_ne!(anew.id, asked.id);
        // Until it ends, the client that asked has it.
        assert_eq!(done(call(&agent).await).call_id.to_string(), {
            let records = world.store.audit_after(0, 1000).await.unwrap();
            let made = records.iter().find(|record| record.action == "tool.result");
            made.unwrap().call_id.clone().unwrap()
        });
    })
    .await;
}
