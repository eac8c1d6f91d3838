use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::*;
use crate::api::workspace::{KEY, NOTE, ROUTES, Verb};

fn route(verb: Verb, tool: &str) -> &'static Route {
    let mut routes = ROUTES.iter();
    let found = routes.find(|route| route.verb == verb && route.tool == tool);
    found.unwrap_or_else(|| panic!("nothing calls {tool}"))
}

fn given(
    (verb, tool): (Verb, &str),
    path: &[(&str, &str)],
    query: &str,
    body: &str,
) -> Result<Value, ApiError> {
    let (headers, query) = (HeaderMap::new(), Some(query));
    let given = Given::of(route(verb, tool), path, query, &headers, body.as_bytes());
    given.map(|given| given.arguments)
}

/// Status, code and pointer of a refusal.
fn refusal<T: std::fmt::Debug>(given: Result<T, ApiError>) -> (u16, String, Option<String>) {
    let (status, body, _) = given.unwrap_err().into_parts();
    (status.as_u16(), body.code.to_owned(), body.pointer)
}

#[test]
fn a_query_has_values_of_the_kinds_that_the_tool_takes() {
    let listed = |query| given((Verb::Get, "list_notes"), &[], query, "");
    assert_eq!(listed("").unwrap(), json!({}));
    assert_eq!(
        listed("completed=true&max_results=5&query=5&category=a%20b+c").unwrap(),
        json!({ "completed": true, "max_results": 5, "query": "5", "category": "a b c" })
    );
    // What is none is the tool's to refuse.
    assert_eq!(
        listed("completed=yes&max_results=1.5&other=1").unwrap(),
        json!({ "completed": "yes", "max_results": "1.5", "other": "1" })
    );
    let twice = refusal(listed("query=a&query=b"));
    assert_eq!(
        twice,
        (
            400,
            "VALIDATION_ERROR".to_owned(),
            Some("/query".to_owned())
        )
    );
}

#[test]
fn what_is_sent_in_the_wrong_place_is_refused() {
    let bad = |pointer: Option<&str>| {
        (
            400,
            "VALIDATION_ERROR".to_owned(),
            pointer.map(str::to_owned),
        )
    };
    assert_eq!(
        refusal(given((Verb::Get, "list_notes"), &[], "", "{}")),
        bad(None)
    );
    let new = (Verb::Post, "create_note");
    assert_eq!(refusal(given(new, &[], "content=x", "{}")), bad(None));
    assert_eq!(refusal(given(new, &[], "", "[]")), bad(Some("")));
    assert_eq!(refusal(given(new, &[], "", "{")), bad(Some("")));
    assert_eq!(given(new, &[], "", " ").unwrap(), json!({}));
    assert_eq!(
        given(new, &[], "", r#"{"content":"x"}"#).unwrap(),
        json!({ "content": "x" })
    );
    let (change, path) = ((Verb::Patch, "update_note"), [("id", "7")]);
    assert_eq!(
        given(change, &path, "", r#"{"content":"x"}"#).unwrap(),
        json!({ "content": "x", "note_id": 7 })
    );
    assert_eq!(
        refusal(given(change, &path, "", r#"{"note_id":8}"#)),
        bad(Some("/note_id"))
    );
    assert_eq!(NOTE, [("id", "note_id")]);
}

#[test]
fn what_a_path_names_that_can_be_no_number_is_not_found() {
    for id in ["x", "", "7x", "99999999999999999999", "7.0"] {
        let read = given((Verb::Get, "get_note"), &[("id", id)], "", "");
        assert_eq!(refusal(read), (404, "NOT_FOUND".to_owned(), None), "{id}");
    }
    let read = given((Verb::Get, "get_requirement"), &[("key", "7")], "", "");
    assert_eq!(read.unwrap(), json!({ "key": "7" }));
    assert_eq!(KEY, [("key", "key")]);
}

#[test]
fn a_change_says_which_version_it_is_made_for() {
    let change = |tags: &[&str], body: &str| {
        let mut headers = HeaderMap::new();
        for tag in tags {
            headers.append("if-match", HeaderValue::from_str(tag).unwrap());
        }
        let route = route(Verb::Patch, "update_requirement");
        let given = Given::of(route, &[("key", "SHOP-1")], None, &headers, body.as_bytes());
        given.map(|given| (given.arguments["version"].clone(), given.by_header))
    };
    assert_eq!(change(&[r#""3""#], "{}").unwrap(), (json!(3), true));
    assert_eq!(
        change(&[r#""3""#], r#"{"version":3}"#).unwrap(),
        (json!(3), true)
    );
    assert_eq!(change(&[], r#"{"version":3}"#).unwrap(), (json!(3), false));
    let status = |tags: &[&str], body| refusal(change(tags, body)).0;
    assert_eq!(status(&[], "{}"), StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(
        status(&[r#""3""#], r#"{"version":4}"#),
        StatusCode::BAD_REQUEST
    );
    for tags in [&["*"][..], &[r#""3", "4""#], &[r#""3""#, r#""3""#]] {
        assert_eq!(status(tags, "{}"), StatusCode::BAD_REQUEST, "{tags:?}");
    }
    // RFC 9110 section 13.1.1: a weak tag never matches.
    for tag in [r#"W/"3""#, r#""x""#, "3", "\"\"", ""] {
        assert_eq!(
            status(&[tag], "{}"),
            StatusCode::PRECONDITION_FAILED,
            "{tag}"
        );
    }
}
