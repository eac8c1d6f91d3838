//! Requests of any method, the server's own requests, and what it says unasked.

use std::time::Duration;

use deputy_gateway::pool::{Era, Inbound, Notice, Request, RpcError, UpstreamError};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{LONG, World, answer, key, own, request, structured, until};

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn any(method: &str, params: &Value) -> Request {
    Request::new(method, raw(params), Instant::now() + LONG)
}

#[tokio::test]
async fn any_request_goes_through_as_it_is() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&[]);
    let mut request = any("prompts/get", &json!({}));
    request.params = RawValue::from_string(
        "{\"uri\": \"a:b\",\n \"big\": 123456789012345678901234567890, \"_meta\": {\"a\": 1, \"b\": 1, \"progressToken\": 9}}".to_owned(),
    )
    .unwrap();
    request.meta.insert("b".to_owned(), json!(2));
    let result = world.pool.request(&key, &launch, request).await.unwrap();
    let value: Value = serde_json::from_str(result.get()).unwrap();
    assert_eq!(value["method"], "prompts/get");
    assert_eq!(value["params"]["_meta"], json!({ "a": 1, "b": 2 }));

    let mut odd = any("x", &json!({}));
    odd.params = RawValue::from_string("[1]".to_owned()).unwrap();
    let refused = world.pool.request(&key, &launch, odd).await;
    assert!(
        matches!(refused, Err(UpstreamError::Rpc { code: -32602, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_server_says_what_it_is() {
    let world = World::new();
    for (faults, era, version) in [
        (&[][..], Era::Legacy, "2025-11-25"),
        (&["modern"][..], Era::Modern, "2026-07-28"),
    ] {
        let info = world
            .pool
            .info(
                &key(1, version),
                &world.launch(faults),
                None,
                Instant::now() + LONG,
            )
            .await
            .unwrap();
        assert_eq!((info.era, info.protocol_version.as_str()), (era, version));
        assert_eq!(info.capabilities["tools"]["listChanged"], true);
    }
}

#[tokio::test]
async fn only_peoples_own_servers_are_told_that_they_may_ask() {
    let world = World::new();
    let launch = world.launch(&[]);
    let ours = world.ask(&key(1, "a"), &launch, "client", "{}").await;
    assert_eq!(ours["capabilities"], json!({}));
    let theirs = world.ask(&own(1, 5), &launch, "client", "{}").await;
    assert_eq!(
        theirs["capabilities"],
        json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
    );
}

/// Answers everything that comes with how often something came.
fn obliging() -> mpsc::Sender<Inbound> {
    let (sink, mut inbox) = mpsc::channel::<Inbound>(16);
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    tokio::spawn(async move {
        let mut n = 0;
        while let Some(inbound) = inbox.recv().await {
            n += 1;
            let _ = inbound.answer.send(if inbound.method == "roots/list" {
                Err(RpcError {
                    code: -1,
                    message: "no roots".to_owned(),
                    data: Some(json!(1)),
                })
            } else {
                Ok(raw(&json!({ "n": n, "was": inbound.params })))
            });
        }
    });
    sink
}

#[tokio::test]
async fn a_servers_request_reaches_the_call_that_takes_it() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    let mut asking = request("ask", r#"{"method":"elicitation/create","n":2}"#);
    asking.inbound = Some(obliging());
    let result = structured(&answer(world.pool.call(&key, &launch, asking).await));
    assert_eq!(
        result["answers"][1]["result"],
        json!({ "n": 2, "was": { "message": "who?", "n": 1 } })
    );

    let mut asking = request("ask", r#"{"method":"roots/list"}"#);
    asking.inbound = Some(obliging());
    let result = structured(&answer(world.pool.call(&key, &launch, asking).await));
    assert_eq!(
        result["answers"][0]["error"],
        json!({ "code": -1, "message": "no roots", "data": 1 })
    );
}

/// A process has no streams: what it asks while several callers' requests are under way may be about any of them.
#[tokio::test]
async fn a_question_is_nobodys_while_several_calls_are_under_way() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    world.pid(&key, &launch).await;
    let (other, mut others) = mpsc::channel::<Inbound>(4);
    let mut hanging = request("hang", "{}");
    hanging.inbound = Some(other);
    let hang = world.pool.call(&key, &launch, hanging);
    let asking = async {
        world.under_way().await;
        // one that answers nothing, and one that would
        for inbound in [None, Some(obliging())] {
            let mut asking = request("ask", r#"{"method":"elicitation/create"}"#);
            asking.inbound = inbound;
            let result = structured(&answer(world.pool.call(&key, &launch, asking).await));
            assert_eq!(result["answers"][0]["error"]["code"], -32601, "{result}");
        }
    };
    tokio::select! {
        _ = hang => panic!("it hangs"),
        () = asking => {}
    }
    assert!(others.try_recv().is_err());
}

/// A client that was asked and went away leaves a call that waits: it is in nobody's way.
#[tokio::test]
async fn a_call_that_waits_for_its_caller_takes_no_other_ones_question() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    world.pid(&key, &launch).await;
    let ask = |inbound| {
        let mut asking = request("ask", r#"{"method":"elicitation/create"}"#);
        asking.inbound = Some(inbound);
        asking
    };
    let (silent, mut held) = mpsc::channel::<Inbound>(4);
    let waiting = world.pool.call(&key, &launch, ask(silent));
    let asked = async {
        let question = held.recv().await.unwrap();
        let result = world.pool.call(&key, &launch, ask(obliging())).await;
        (question, structured(&answer(result)))
    };
    let (_question, result) = tokio::select! {
        _ = waiting => panic!("it waits for its answer"),
        asked = asked => asked,
    };
    for answer in result["answers"].as_array().unwrap() {
        assert!(answer["result"].is_object(), "{result}");
    }
    assert!(held.try_recv().is_err(), "it was asked once");
}

#[tokio::test]
async fn what_nobody_takes_is_refused_and_a_ping_answered() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    for (method, code) in [("sampling/createMessage", -32601), ("x/y", -32601)] {
        let arguments = json!({ "method": method }).to_string();
        let result = world.ask(&key, &launch, "ask", &arguments).await;
        assert_eq!(result["answers"][0]["error"]["code"], code, "{result}");
    }
    let pinged = world
        .ask(&key, &launch, "ask", r#"{"method":"ping"}"#)
        .await;
    assert_eq!(pinged["answers"][0]["result"], json!({}));

    // somebody who takes it and drops it
    let (sink, mut inbox) = mpsc::channel::<Inbound>(4);
    let mut asking = request("ask", r#"{"method":"elicitation/create"}"#);
    asking.inbound = Some(sink);
    let call = world.pool.call(&key, &launch, asking);
    let (result, ()) = tokio::join!(call, async {
        drop(inbox.recv().await);
    });
    let result = structured(&answer(result));
    assert_eq!(
        result["answers"][0]["error"]["message"],
        "it was not answered"
    );
}

#[tokio::test]
async fn asking_for_ever_ends_with_the_call() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    let mut asking = request("ask-for-ever", "{}");
    asking.inbound = Some(obliging());
    asking.deadline = Instant::now() + Duration::from_secs(1);
    let result = world.pool.call(&key, &launch, asking).await;
    assert!(
        matches!(result, Err(UpstreamError::Timeout { sent: true })),
        "{result:?}"
    );
    // the server is told no, and is well
    let pid = world.pid(&key, &launch).await;
    assert_eq!(world.pid(&key, &launch).await, pid);
}

#[tokio::test]
async fn more_requests_than_anybody_answers_are_refused() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    let (sink, mut inbox) = mpsc::channel::<Inbound>(1000);
    let mut asking = request("ask-unheard", r#"{"n":500}"#);
    asking.inbound = Some(sink);
    answer(world.pool.call(&key, &launch, asking).await);
    let mut held = Vec::new();
    while let Ok(inbound) = inbox.try_recv() {
        held.push(inbound);
    }
    assert!(held.len() <= 64, "{} at once", held.len());
    until("they are withdrawn with their call", || {
        held.iter().all(|inbound| inbound.answer.is_closed())
    })
    .await;
}

#[tokio::test]
async fn notices_come_through_and_floods_collapse() {
    let (world, key) = (World::new(), own(1, 1));
    let launch = world.launch(&[]);
    let mut notices = world.pool.notices();
    let say = |method: &str, params: Value, n: u64| {
        json!({ "method": format!("notifications/{method}"), "params": params, "n": n }).to_string()
    };
    for (method, params) in [
        ("tools/list_changed", json!({})),
        ("prompts/list_changed", json!({})),
        ("resources/list_changed", json!({})),
        ("resources/updated", json!({ "uri": "a:b" })),
        ("message", json!({ "level": "info", "data": [1] })),
        ("unheard/of", json!({})),
    ] {
        world
            .ask(&key, &launch, "say", &say(method, params, 1))
            .await;
    }
    let mut next = || notices.try_recv().map(|(who, notice)| (who == key, notice));
    assert!(matches!(next(), Ok((true, Notice::ToolsChanged))));
    assert!(matches!(next(), Ok((true, Notice::PromptsChanged))));
    assert!(matches!(next(), Ok((true, Notice::ResourcesChanged))));
    assert!(matches!(next(), Ok((true, Notice::ResourceUpdated { uri })) if uri == "a:b"));
    assert!(matches!(next(), Ok((true, Notice::Log { params })) if params.get().contains("info")));
    assert!(next().is_err());

    let flood = say("tools/list_changed", json!({}), 20_000);
    world.ask(&key, &launch, "say", &flood).await;
    let mut said = 0;
    let quiet = Duration::from_millis(1500);
    while let Ok(Ok((_, notice))) = tokio::time::timeout(quiet, notices.recv()).await {
        assert!(matches!(notice, Notice::ToolsChanged));
        said += 1;
    }
    assert!((1..500).contains(&said), "{said}");
}

#[tokio::test]
async fn a_modern_server_is_listened_to() {
    let (world, key) = (World::new(), own(1, 1));
    let mut notices = world.pool.notices();
    let launch = world.launch(&["modern"]);
    world.pid(&key, &launch).await;
    let (who, notice) = tokio::time::timeout(LONG, notices.recv())
        .await
        .expect("a notice")
        .unwrap();
    assert_eq!(who, key);
    assert!(matches!(notice, Notice::ToolsChanged));
    // listening is no use of it
    world.advance(Duration::from_mins(11));
    world.pool.look().await;
    until("it ended", || world.pool.stats().total_servers == 0).await;
}
