use deputy_core::CallId;
use http_body_util::BodyExt as _;
use serde_json::json;

use super::*;
use crate::api::workspace::{ROUTES, Verb};

fn route(verb: Verb, tool: &str) -> &'static Route {
    let mut routes = ROUTES.iter();
    routes.find(|r| r.verb == verb && r.tool == tool).unwrap()
}

fn result(structured: &Value) -> CallResult {
    let raw = |value: &Value| serde_json::value::to_raw_value(value).unwrap();
    CallResult {
        content: raw(&json!([])),
        structured: Some(raw(structured)),
        is_error: structured.get("error").is_some(),
        call_id: CallId(uuid::Uuid::nil()),
    }
}

async fn shown(response: Result<Response, ApiError>) -> (u16, String, String, Value) {
    let (parts, body) = response.into_response().into_parts();
    let header = |name| {
        let value = parts
            .headers
            .get(name)
            .map(|v: &HeaderValue| v.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let (place, tag) = (header(header::LOCATION), header(header::ETAG));
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap();
    (parts.status.as_u16(), place, tag, body)
}

#[tokio::test]
async fn what_was_made_has_a_place_and_a_requirement_a_tag() {
    let note = json!({ "note": { "id": 7 } });
    let made = of(route(Verb::Post, "create_note"), &result(&note), false);
    let expected = json!({ "success": true, "data": note });
    let place = "/api/v1/notes/7".to_owned();
    assert_eq!(shown(made).await, (201, place, String::new(), expected));

    let requirement = json!({ "requirement": { "key": "SHOP 1/ї", "version": 3 } });
    let made = of(
        route(Verb::Post, "create_requirement"),
        &result(&requirement),
        false,
    );
    let (status, place, tag, _) = shown(made).await;
    assert_eq!((status, &*tag), (201, "\"3\""));
    assert_eq!(place, "/api/v1/requirements/SHOP%201%2F%D1%97");
    let read = of(
        route(Verb::Get, "get_requirement"),
        &result(&requirement),
        false,
    );
    let (status, place, tag, _) = shown(read).await;
    assert_eq!((status, &*place, &*tag), (200, "", "\"3\""));
}

#[tokio::test]
async fn a_refusal_has_the_status_of_its_code() {
    let change = route(Verb::Patch, "update_requirement");
    for (code, by_header, status) in [
        ("NOT_FOUND", false, 404),
        ("FORBIDDEN", false, 403),
        ("VALIDATION_ERROR", false, 400),
        ("CONFLICT", true, 409),
        ("LIMIT_REACHED", false, 409),
        ("VERSION_CONFLICT", false, 409),
        ("VERSION_CONFLICT", true, 412),
    ] {
        let error = json!({ "error": { "code": code, "message": "no", "pointer": "/title" } });
        let (got, _, _, body) = shown(of(change, &result(&error), by_header)).await;
        assert_eq!((got, body["error"]["code"].as_str()), (status, Some(code)));
        assert_eq!(body["error"]["message"], "no");
        assert_eq!(body["error"]["pointer"], "/title");
    }
    let current = json!({ "key": "SHOP-1", "version": 4 });
    let error =
        json!({ "error": { "code": "VERSION_CONFLICT", "message": "no", "current": current } });
    let (status, _, tag, body) = shown(of(change, &result(&error), true)).await;
    assert_eq!((status, &*tag), (412, "\"4\""));
    assert_eq!(body["error"]["current"], current);
    // Nothing of what is not known gets out.
    let odd = json!({ "error": { "code": "SEGFAULT", "message": "at 0x7" } });
    let (status, _, _, body) = shown(of(change, &result(&odd), true)).await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (500, Some("INTERNAL_ERROR"))
    );
}
