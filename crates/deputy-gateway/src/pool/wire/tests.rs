use rmcp::model::CustomRequest;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::pool::exchange::{Asides, Params};
use crate::pool::launch::{Owner, PoolKey};
use crate::pool::upstream::{Progress, ProgressSink};

fn wire() -> (Arc<Wire>, UnboundedReceiver<Vec<u8>>) {
    let key = PoolKey {
        owner: Owner::Shared,
        server: "a".to_owned(),
    };
    let lifecycle = Lifecycle::new();
    let board = Board::new(key, tokio::sync::broadcast::channel(1).0, lifecycle.clone());
    let noise = Arc::new(StderrRing::new(4096, &[]));
    let limits = Limits {
        heard: 1 << 20,
        said: 1 << 20,
    };
    Wire::new(limits, noise, board, lifecycle)
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn call(arguments: &str, meta: Value, progress: Option<ProgressSink>) -> Arc<Exchange> {
    let Value::Object(meta) = meta else {
        panic!("an object")
    };
    let params = Params::Call {
        tool: "echo".to_owned(),
        arguments: raw(arguments),
        meta,
    };
    let asides = Asides {
        progress,
        ..Asides::default()
    };
    Exchange::new("tools/call", params, asides)
}

/// What goes over the wire for `exchange`, sent by rmcp under `id` with the metadata `protocol`.
fn sent(wire: &Wire, exchange: &Arc<Exchange>, id: i64, protocol: Value) -> String {
    let mut custom = CustomRequest::new("tools/call", None);
    custom.extensions.insert(exchange.clone());
    let mut request = ClientRequest::CustomRequest(custom);
    let Value::Object(protocol) = protocol else {
        panic!("an object")
    };
    request
        .get_meta_mut()
        .extend(rmcp::model::RequestMetaObject(rmcp::model::MetaObject(
            protocol,
        )));
    let message = JsonRpcMessage::request(request, NumberOrString::Number(id));
    String::from_utf8(wire.encode(&message).unwrap()).unwrap()
}

#[test]
fn arguments_go_out_as_they_are_on_one_line() {
    let (wire, _queue) = wire();
    let exchange = call(
        "{\"b\": 1.50,\r\n \"a\": 123456789012345678901234567890}",
        json!({}),
        None,
    );
    assert_eq!(
        sent(&wire, &exchange, 7, json!({ "progressToken": 3 })),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"b": 1.50,   "a": 123456789012345678901234567890}}}"#
    );
}

#[test]
fn our_meta_wins_and_the_progress_token_is_the_id() {
    let (wire, _queue) = wire();
    let (sink, _progress) = mpsc::channel(1);
    let exchange = call(
        "{}",
        json!({ "k": "ours", "progressToken": 99 }),
        Some(sink),
    );
    assert_eq!(
        sent(&wire, &exchange, 7, json!({ "k": "theirs", "p": 1 })),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"progressToken":7,"p":1,"k":"ours"}}}"#
    );
}

#[test]
fn a_result_comes_in_as_it_is() {
    let (wire, _queue) = wire();
    let exchange = call("{}", json!({}), None);
    sent(&wire, &exchange, 7, json!({}));
    let result =
        r#"{"content":[{"type":"hologram","x":1e400}],"new":123456789012345678901234567890}"#;
    // with a byte order mark, an id as text and a carriage return
    let line = format!("\u{feff}{{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{result}}}\r");
    let stand_in = wire.decode(line.as_bytes()).expect("a message for rmcp");
    assert_eq!(
        serde_json::to_value(&stand_in).unwrap(),
        json!({ "jsonrpc": "2.0", "id": 7, "result": {} })
    );
    match exchange.take_reply() {
        Some(Reply::Result(raw)) => assert_eq!(raw.get(), result),
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_and_half_answers_are_told_apart() {
    let (wire, _queue) = wire();
    let answer = |line: &str| {
        let exchange = call("{}", json!({}), None);
        sent(&wire, &exchange, 7, json!({}));
        wire.decode(line.as_bytes()).expect("a message for rmcp");
        format!("{:?}", exchange.take_reply().unwrap())
    };
    assert_eq!(
        answer(r#"{"id":7,"error":{"code":-99999999999,"message":"m","data":[1]}}"#),
        r#"Error { code: -99999999999, message: "m", data: Some(Array [Number(1)]) }"#
    );
    assert_eq!(
        answer(r#"{"id":7,"error":{}}"#),
        r#"Bad("an error without code or message")"#
    );
    assert_eq!(
        answer(r#"{"id":7}"#),
        r#"Bad("an answer with neither result nor error")"#
    );
}

#[test]
fn noise_is_kept_for_the_diagnosis_and_nothing_else() {
    let (wire, _queue) = wire();
    for noise in [
        &b"Server listening!"[..],
        b"{\"half\":",
        b"\xff\xfe",
        b"",
        b"[]",
        b"{\"method\":\"notifications/message\"}",
    ] {
        assert!(wire.decode(noise).is_none(), "{noise:?}");
    }
    assert!(
        wire.ears
            .printed()
            .starts_with("(stdout) Server listening!")
    );
}

#[test]
fn progress_finds_its_call_before_the_answer() {
    let (wire, _queue) = wire();
    let (sink, mut progress) = mpsc::channel(8);
    let exchange = call("{}", json!({}), Some(sink));
    sent(&wire, &exchange, 7, json!({}));
    let note = |token: &str| {
        let line = format!(
            r#"{{"method":"notifications/progress","params":{{"progressToken":{token},"progress":1,"total":2}}}}"#
        );
        assert!(wire.decode(line.as_bytes()).is_none());
    };
    note("7");
    note("8");
    note("\"7\"");
    assert_eq!(progress.len(), 2);
    wire.decode(br#"{"id":7,"result":{}}"#);
    note("7");
    assert_eq!(progress.len(), 2, "late progress goes nowhere");
    assert_eq!(
        progress.try_recv().unwrap(),
        Progress {
            progress: 1.0,
            total: Some(2.0),
            message: None
        }
    );
}

#[test]
fn the_id_of_an_answer_too_long_is_found_only_where_it_is_certain() {
    assert_eq!(
        id_at_edge(br#"{"jsonrpc": "2.0", "id": 12, "result": {"#, b"xxx"),
        Some(12)
    );
    assert_eq!(
        id_at_edge(
            br#"{"result":{"content":"#,
            br#"x"}]},"jsonrpc":"2.0","id":12}"#
        ),
        Some(12)
    );
    assert_eq!(
        id_at_edge(br#"{"result":{"jsonrpc":"2.0","id":12"#, br#","id":12}}"#),
        None
    );
    assert_eq!(id_at_edge(br#"{"id":12"#, b"12}"), None);
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let (wire, _queue) = wire();
    assert!(matches!(
        wire.outbox.push(vec![b'x'; 1 << 20]),
        Err(SendError::TooLong { .. })
    ));
    assert!(
        !wire.broken.is_cancelled(),
        "one message too long is no reason to give up"
    );
    for _ in 0..4 {
        wire.outbox.push(vec![b'x'; (1 << 20) - 1]).unwrap();
    }
    assert!(matches!(wire.outbox.push(vec![]), Err(SendError::Stuck)));
    assert!(wire.broken.is_cancelled());
}
