//! What holds for every route.

use http::{Method, StatusCode};

use super::*;

pub(crate) const PAGES: [&str; 16] = [
    "/",
    "/login",
    "/connect",
    "/connect/disconnect",
    "/approvals",
    "/activity",
    "/servers",
    "/servers/-/new?type=filesystem",
    "/servers/nothing-here",
    "/settings",
    "/admin",
    "/oauth/authorize",
    "/oauth/authorize?client_id=deputy-cli",
    "/healthz",
    "/readyz",
    "/nothing-here",
];
pub(crate) const API: [&str; 19] = [
    "/api/v1/integrations/status",
    "/api/v1/integrations/google/auth?service=all",
    "/api/v1/tools",
    "/api/v1/approvals",
    "/api/v1/audit",
    "/api/v1/usage",
    "/api/v1/me",
    "/api/v1/admin/pool",
    "/api/v1/admin/clients",
    "/api/v1/grants",
    "/api/v1/admin/blocks",
    "/api/v1/admin/policies",
    "/api/v1/templates",
    "/api/v1/servers",
    "/api/v1/servers/files",
    "/api/v1/notes",
    "/api/v1/projects/SHOP/matrix",
    "/api/v1/requirements/SHOP-1",
    "/api/v1/nothing-here",
];

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut alice = app.signed_in("alice").await;
    for path in PAGES.iter().chain(&API).chain(&[
        "/api/v1/integrations/google/callback",
        "/assets/deputy.css",
        "/api/v1/openapi.json",
    ]) {
        for answer in [app.browser().get(path).await, alice.get(path).await] {
            let policy = answer.header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
            let cached = if path.starts_with("/assets/") {
                "immutable"
            } else {
                "no-store"
            };
            assert!(answer.header("cache-control").contains(cached), "{path}");
        }
    }
}

#[tokio::test]
async fn strangers_are_sent_to_the_sign_in_or_told_so() {
    let app = TestApp::start(None).await;
    for path in [
        "/",
        "/connect",
        "/approvals",
        "/settings",
        "/connect/google?service=all",
    ] {
        let answer = app.browser().get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.header("location").starts_with("/login"), "{path}");
    }
    for path in &API[..18] {
        let answer = app.api(Method::GET, path, "", None).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            "{path}"
        );
        assert_eq!(answer.json()["success"], false);
        let answer = app
            .api(
                Method::GET,
                path,
                "dpt_pat_0000000000000000000000000000000000000000000",
                None,
            )
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn refusals_have_the_shape_of_their_place() {
    let app = TestApp::start(None).await;
    let answer = app.api(Method::GET, "/api/v1/nothing", "", None).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
    let answer = app.api(Method::PUT, "/api/v1/me", "", None).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
    );
    assert!(
        answer.header("allow").contains("PATCH"),
        "{:?}",
        answer.headers
    );
    let answer = app.browser().get("/nothing").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(
        answer.header("content-type").starts_with("text/html")
            && answer.text.contains("There is nothing here")
    );
    let answer = app.browser().get("/logout").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.text.contains("<!doctype html>"));
}

#[tokio::test]
async fn a_body_may_only_be_so_large() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let large = json!({ "name": "x".repeat(300 * 1024) });
    let answer = app
        .api(Method::PATCH, "/api/v1/me", &token, Some(large))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE")
    );
}

#[tokio::test]
async fn the_program_says_how_it_is() {
    let app = TestApp::start(None).await;
    assert_eq!(app.browser().get("/healthz").await.status, StatusCode::OK);
    let ready = app.browser().get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json()["components"]["database"], "ok");
    app.lifecycle.soft().cancel();
    let ready = app.browser().get("/readyz").await;
    assert_eq!(
        (
            ready.status,
            ready.json()["components"]["lifecycle"]
                .as_str()
                .unwrap()
                .to_owned()
        ),
        (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned())
    );
    assert_eq!(
        app.browser().get("/metrics").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn another_name_for_this_machine_is_not_answered() {
    let app = TestApp::start(None).await;
    let request = Request::builder()
        .uri("/login")
        .header(header::HOST, "evil.example:8484")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        app.send(request).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
}

#[test]
fn the_document_describes_every_route() {
    let document = crate::api::document().unwrap();
    let paths: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{method} {path}"))
        })
        .collect();
    insta::assert_snapshot!(paths.join("\n"), @r"
    get /api/v1/admin/blocks
    post /api/v1/admin/blocks
    delete /api/v1/admin/blocks/{id}
    get /api/v1/admin/clients
    post /api/v1/admin/clients
    delete /api/v1/admin/clients/{client_id}
    delete /api/v1/admin/grants
    get /api/v1/admin/health
    get /api/v1/admin/policies
    put /api/v1/admin/policies
    get /api/v1/admin/pool
    get /api/v1/approvals
    post /api/v1/approvals/{id}
    post /api/v1/ask
    get /api/v1/audit
    get /api/v1/context
    put /api/v1/context
    delete /api/v1/context
    get /api/v1/context/suggestions
    get /api/v1/context/summary
    get /api/v1/grants
    delete /api/v1/grants
    delete /api/v1/grants/{id}
    delete /api/v1/integrations/google
    get /api/v1/integrations/google/auth
    get /api/v1/integrations/google/callback
    get /api/v1/integrations/status
    get /api/v1/me
    patch /api/v1/me
    post /api/v1/server-setup
    get /api/v1/server-setup/{id}
    post /api/v1/server-setup/{id}
    delete /api/v1/server-setup/{id}
    get /api/v1/servers
    post /api/v1/servers
    get /api/v1/servers/{name}
    delete /api/v1/servers/{name}
    patch /api/v1/servers/{name}
    post /api/v1/servers/{name}/accept
    post /api/v1/servers/{name}/disable
    post /api/v1/servers/{name}/enable
    get /api/v1/servers/{name}/log
    post /api/v1/servers/{name}/test
    get /api/v1/servers/{name}/tools
    put /api/v1/servers/{name}/tools/{tool}
    get /api/v1/templates
    get /api/v1/tools
    post /api/v1/tools/batch
    post /api/v1/tools/{name}/call
    put /api/v1/tools/{name}/policy
    get /api/v1/usage
    get /api/v1/notes
    post /api/v1/notes
    get /api/v1/notes/{id}
    patch /api/v1/notes/{id}
    delete /api/v1/notes/{id}
    get /api/v1/tasks
    post /api/v1/tasks
    get /api/v1/tasks/{id}
    patch /api/v1/tasks/{id}
    delete /api/v1/tasks/{id}
    get /api/v1/projects
    post /api/v1/projects
    get /api/v1/projects/{project}
    patch /api/v1/projects/{project}
    delete /api/v1/projects/{project}
    get /api/v1/projects/{project}/members
    put /api/v1/projects/{project}/members/{username}
    delete /api/v1/projects/{project}/members/{username}
    get /api/v1/projects/{project}/requirements
    post /api/v1/projects/{project}/requirements
    get /api/v1/projects/{project}/matrix
    get /api/v1/requirements
    get /api/v1/requirements/{key}
    patch /api/v1/requirements/{key}
    delete /api/v1/requirements/{key}
    post /api/v1/requirements/{key}/restore
    get /api/v1/requirements/{key}/history
    post /api/v1/requirements/{key}/links
    delete /api/v1/requirements/{key}/links
    get /api/v1/requirements/{key}/comments
    post /api/v1/requirements/{key}/comments
    delete /api/v1/requirements/{key}/comments/{id}
    ");
}

#[tokio::test]
async fn what_is_served_is_the_document_and_every_reference_leads_somewhere() {
    let document = crate::api::document().unwrap();
    let served = TestApp::start(None)
        .await
        .browser()
        .get("/api/v1/openapi.json")
        .await;
    assert_eq!(served.json(), document);
    for reference in served
        .text
        .split("\"$ref\":\"#/components/schemas/")
        .skip(1)
    {
        let name = reference.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"].get(name).is_some(),
            "{name} is missing"
        );
    }
}

#[tokio::test]
async fn the_document_says_of_every_route_what_goes_in_and_what_comes_out() {
    let document = crate::api::document().unwrap();
    let mut lacks = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut want = |fine: bool, what: &str| {
                if !fine {
                    lacks.push(format!("{method} {path}: {what}"));
                }
            };
            let says = |field: &str| operation[field].as_str().is_some_and(|s| !s.is_empty());
            want(says("summary"), "what it does");
            want(operation["tags"].is_array(), "where it belongs");
            let named: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path")
                .filter_map(|p| p["name"].as_str())
                .collect();
            for part in path.split('/').filter_map(|p| p.strip_prefix('{')) {
                let part = part.trim_end_matches('}');
                want(named.contains(&part), &format!("its parameter {part}"));
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let said = parameter["description"].is_string();
                want(said, &format!("what {} is", parameter["name"]));
            }
            let answers = operation["responses"].as_object().unwrap();
            want(answers.keys().any(|s| s.starts_with('2')), "its success");
            // Where browsers come back to, nobody need be signed in yet.
            if !path.ends_with("/callback") {
                want(answers.contains_key("401"), "401");
                for (status, answer) in answers {
                    let body = answer["content"]["application/json"]["schema"].is_object();
                    want(body, &format!("the body of {status}"));
                }
            }
            if matches!(method.as_str(), "put" | "patch") {
                want(operation["requestBody"].is_object(), "its body");
                want(answers.contains_key("400"), "400");
            }
            if path.contains('{') && !path.starts_with("/api/v1/tools/") {
                want(answers.contains_key("404"), "404");
            }
        }
    }
    assert!(lacks.is_empty(), "{}", lacks.join("\n"));
    // Every member of every body says its type.
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            let typed = ["type", "$ref", "oneOf", "allOf", "anyOf"];
            assert!(
                typed.iter().any(|key| schema.get(key).is_some()),
                "{name}.{member}: {schema}"
            );
        }
    }
}

/// Of two bodies of one name the document would show one in both places.
#[test]
fn bodies_of_the_document_have_names_of_their_own() {
    let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()];
    let mut named = std::collections::BTreeMap::<String, std::path::PathBuf>::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir::<&std::path::PathBuf>(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let derived = source.split("#[derive(").skip(1);
            for item in derived.filter(|item| {
                let derived = item.split(')').next().unwrap_or_default();
                derived.contains("ToSchema")
            }) {
                let words: Vec<&str> = item.split_whitespace().collect();
                let at = words.iter().position(|w| ["struct", "enum"].contains(w));
                let name = words[at.unwrap() + 1];
                let name = name.split(['<', '(', '{', ';']).next().unwrap().to_owned();
                let other = named.insert(name.clone(), path.clone());
                assert!(other.is_none(), "{name} in {path:?} and {other:?}");
            }
        }
    }
    assert!(named.len() > 30, "{named:?}");
}
