use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use deputy_core::firstparty::FailureKind;
use deputy_core::{Lifecycle, Secret};
use http::header::AUTHORIZATION;
use http::request::Parts;
use rmcp::ServiceExt as _;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, ErrorCode, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, PeerRequestOptions, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use url::Url;

use crate::testing::{Client, Seen, canned, config, credential, failed, listen, succeeded};
use crate::{Credentials, http_service};

fn bearer_of(parts: &Parts) -> String {
    parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn no_calendars() -> Response {
    Json(json!({"items": []})).into_response()
}

/// A Google that writes down whose token came.
async fn recording(lifecycle: &Lifecycle) -> (Url, Seen<String>) {
    let seen = Seen::default();
    let tokens = seen.clone();
    let url = canned(lifecycle, move |parts, _| {
        tokens.lock().push(bearer_of(&parts));
        async { no_calendars() }
    })
    .await;
    (url, seen)
}

#[tokio::test]
async fn each_request_over_the_private_pipe_brings_its_own_token() {
    let lifecycle = Lifecycle::new();
    let (google, seen) = recording(&lifecycle).await;
    let client = Client::of(
        &lifecycle,
        "calendar",
        config(&google, Credentials::PerRequest),
    )
    .await;
    for token in ["tok-alice", "tok-bob"] {
        succeeded(
            &client
                .request("list_calendars", json!({}), credential(token))
                .await
                .unwrap(),
        );
    }
    assert_eq!(*seen.lock(), ["Bearer tok-alice", "Bearer tok-bob"]);
    let (text, failure) = client.fail("list_calendars", json!({})).await;
    assert_eq!(failure.kind, FailureKind::Unauthorized, "{text}");
    assert_eq!(
        seen.lock().len(),
        2,
        "without a token nothing is asked of Google"
    );
}

#[tokio::test]
async fn a_server_with_its_own_token_uses_no_other() {
    let lifecycle = Lifecycle::new();
    let (google, seen) = recording(&lifecycle).await;
    let client = Client::with_token(&lifecycle, "google-calendar", &google, "tok-own").await;
    succeeded(
        &client
            .request("list_calendars", json!({}), credential("tok-other"))
            .await
            .unwrap(),
    );
    assert_eq!(*seen.lock(), ["Bearer tok-own"]);
}

#[tokio::test]
async fn tools_are_listed_as_the_gateway_knows_them() {
    let lifecycle = Lifecycle::new();
    let (google, _) = recording(&lifecycle).await;
    for spec in crate::servers() {
        let client = Client::with_token(&lifecycle, spec.command, &google, "tok").await;
        let listed = client.service.list_all_tools().await.unwrap();
        let names = |tools: &[rmcp::model::Tool]| {
            tools.iter().map(|t| t.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&listed),
            spec.tools.iter().map(|t| t.name).collect::<Vec<_>>()
        );
        for (listed, spec) in listed.iter().zip(&spec.tools) {
            assert_eq!(listed.schema_as_json_value(), spec.input_schema);
            assert_eq!(
                serde_json::to_value(&listed.annotations).unwrap(),
                spec.annotations
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error_and_a_wrong_argument_is_a_result() {
    let lifecycle = Lifecycle::new();
    let (google, seen) = recording(&lifecycle).await;
    let client = Client::with_token(&lifecycle, "calendar", &google, "tok").await;
    let error = client
        .request("destroy_calendar", json!({}), json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ServiceError::McpError(e) if e.code == ErrorCode::INVALID_PARAMS),
        "{error:?}"
    );
    for (arguments, says) in [
        (
            json!({"time_min": "2026-02-13", "time_max": "2026-02-14", "sumary": "x"}),
            "/sumary: there is no such argument; there are: time_min",
        ),
        (
            json!({"time_min": "2026-02-13"}),
            "/time_max: this argument is required",
        ),
        (
            json!({"time_min": "2026-02-13", "time_max": 5}),
            "/time_max: ",
        ),
        (
            json!({"time_min": "2026-02-13", "time_max": "2026-02-14", "max_results": 251}),
            "/max_results: ",
        ),
        (
            json!({"time_min": "2026-02-13", "time_max": "2026-02-14", "max_results": 0}),
            "/max_results: ",
        ),
        (
            json!({"time_min": "monday", "time_max": "2026-02-14"}),
            "/time_min: 'monday' is no time",
        ),
        (
            json!({"time_min": "2026-02-13T00:00:00Z", "time_max": "2026-02-13T00:00:00Z"}),
            "/time_max: time_max must be after",
        ),
    ] {
        let (text, failure) = client.fail("list_calendar_events", arguments).await;
        assert!(text.starts_with(says), "{text}");
        assert_eq!(failure.kind, FailureKind::Invalid);
    }
    for id in ["", ".", ".."] {
        let (text, _) = client
            .fail("get_calendar_event", json!({"event_id": id}))
            .await;
        assert!(text.contains("no id that Google gave out"), "{text}");
    }
    assert!(seen.lock().is_empty(), "nothing of this is asked of Google");
}

#[tokio::test]
async fn ids_stay_one_segment_of_the_path() {
    let lifecycle = Lifecycle::new();
    let seen: Seen<String> = Seen::default();
    let paths = seen.clone();
    let google = canned(&lifecycle, move |parts, _| {
        paths.lock().push(parts.uri.path().to_owned());
        async { Json(json!({"id": "x"})).into_response() }
    })
    .await;
    let client = Client::with_token(&lifecycle, "calendar", &google, "tok").await;
    client
        .call(
            "get_calendar_event",
            json!({"event_id": "../../users/me", "calendar_id": "de#holiday@x.test?q=1"}),
        )
        .await;
    assert_eq!(
        *seen.lock(),
        ["/calendar/v3/calendars/de%23holiday@x.test%3Fq=1/events/..%2F..%2Fusers%2Fme"]
    );
}

#[tokio::test]
async fn errors_name_their_kind_and_no_token() {
    let lifecycle = Lifecycle::new();
    let google = canned(&lifecycle, |_, _| async {
        (
            http::StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "7")],
            "{}",
        )
            .into_response()
    })
    .await;
    let client = Client::with_token(&lifecycle, "calendar", &google, "tok-secret").await;
    let (text, failure) = client.fail("list_calendars", json!({})).await;
    assert_eq!(
        (failure.kind, failure.status, failure.retry_after_ms),
        (FailureKind::RateLimited, Some(429), Some(7000))
    );
    assert!(text.contains("7 s"), "{text}");
    let unreachable: Url = "http://127.0.0.1:9/".parse().unwrap();
    let client = Client::with_token(&lifecycle, "calendar", &unreachable, "tok-secret").await;
    let (text, failure) = client.fail("list_calendars", json!({})).await;
    assert_eq!(failure.kind, FailureKind::Network);
    assert!(
        !text.contains("tok-secret") && !text.contains("127.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let lifecycle = Lifecycle::new();
    let google = canned(&lifecycle, |_, _| async {
        let endless =
            futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 16]));
        Response::new(axum::body::Body::from_stream(endless))
    })
    .await;
    let mut config = config(&google, Credentials::Fixed(Secret::from("tok")));
    config.limits.answer_bytes = 1 << 20;
    let client = Client::of(&lifecycle, "calendar", config).await;
    let (text, _) = client.fail("list_calendars", json!({})).await;
    assert!(text.contains("longer than 1 MiB"), "{text}");
}

/// Tells, when it is dropped, that nobody waits for the answer any more.
struct Gone(Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            let _ = told.send(());
        }
    }
}

#[tokio::test]
async fn cancelling_a_call_aborts_the_request_to_google() {
    let lifecycle = Lifecycle::new();
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let google = canned(&lifecycle, move |_, _| {
        let (told, aborted) = tokio::sync::oneshot::channel();
        arrived.send(aborted).unwrap();
        let gone = Gone(Some(told));
        async move {
            let _gone = gone;
            std::future::pending().await
        }
    })
    .await;
    let client = Client::with_token(&lifecycle, "calendar", &google, "tok").await;
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(CallToolRequestParams::new(
        "list_calendars",
    )));
    let handle = client
        .service
        .send_cancellable_request(request, PeerRequestOptions::default())
        .await
        .unwrap();
    let aborted = arrivals.recv().await.unwrap();
    handle.cancel(None).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), aborted)
        .await
        .expect("the request to Google goes on")
        .unwrap();
}

async fn over_http(lifecycle: &Lifecycle, google: &Url) -> Url {
    let router: Router =
        http_service("google-calendar", &config(google, Credentials::PerRequest)).unwrap();
    listen(lifecycle, router).await.join("mcp").unwrap()
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}})
}

#[tokio::test]
async fn over_http_every_request_needs_a_token_and_a_known_host_and_no_foreign_page() {
    let lifecycle = Lifecycle::new();
    let (google, _) = recording(&lifecycle).await;
    let url = over_http(&lifecycle, &google).await;
    let http = deputy_core::http::trusted(deputy_core::http::Limits::default()).unwrap();
    let post = || {
        http.post(url.clone())
            .header("accept", "application/json, text/event-stream")
            .json(&initialize())
    };
    let refused = post().send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(
        refused.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    assert_eq!(
        post()
            .header("authorization", "Basic dXNlcg==")
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    assert_eq!(
        post().bearer_auth("tok").send().await.unwrap().status(),
        200
    );
    assert_eq!(
        post()
            .bearer_auth("tok")
            .header("origin", "https://evil.example")
            .send()
            .await
            .unwrap()
            .status(),
        403
    );
    assert_eq!(
        post()
            .bearer_auth("tok")
            .header("host", "evil.example")
            .send()
            .await
            .unwrap()
            .status(),
        403
    );
}

#[tokio::test]
async fn over_http_both_eras_are_served_and_only_the_header_says_who_calls() {
    let lifecycle = Lifecycle::new();
    let (google, seen) = recording(&lifecycle).await;
    let url = over_http(&lifecycle, &google).await;
    let transport = |token: &str| {
        StreamableHttpClientTransport::from_config(
            StreamableHttpClientTransportConfig::with_uri(url.as_str()).auth_header(token),
        )
    };
    let older = Client {
        service: ().serve(transport("tok-old")).await.unwrap(),
    };
    let newer = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    let newer = Client {
        service: ().serve_with_lifecycle(transport("tok-new"), newer).await.unwrap(),
    };
    for client in [&older, &newer] {
        assert!(!client.service.list_all_tools().await.unwrap().is_empty());
        succeeded(
            &client
                .request("list_calendars", json!({}), credential("tok-smuggled"))
                .await
                .unwrap(),
        );
        let result = client
            .request("get_calendar_event", json!({}), json!({}))
            .await
            .unwrap();
        assert!(failed(&result).0.starts_with("/event_id"));
    }
    assert_eq!(*seen.lock(), ["Bearer tok-old", "Bearer tok-new"]);
}

#[tokio::test]
async fn over_pipes_both_eras_are_served() {
    let lifecycle = Lifecycle::new();
    let (google, _) = recording(&lifecycle).await;
    for era in [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    ] {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(theirs);
        let config = config(&google, Credentials::PerRequest);
        let served = lifecycle
            .spawn(async move { crate::serve_duplex("calendar", config, reader, writer).await });
        let client = Client {
            service: ().serve_with_lifecycle(ours, era).await.unwrap(),
        };
        succeeded(
            &client
                .request("list_calendars", json!({}), credential("tok"))
                .await
                .unwrap(),
        );
        drop(client);
        // The end of its input is the end of the server.
        let ended = tokio::time::timeout(Duration::from_secs(10), served)
            .await
            .expect("the server goes on");
        ended.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_once_is_no_failure() {
    let lifecycle = Lifecycle::new();
    let (google, _) = recording(&lifecycle).await;
    let config = config(&google, Credentials::PerRequest);
    crate::serve_duplex("calendar", config, tokio::io::empty(), tokio::io::sink())
        .await
        .unwrap();
}
