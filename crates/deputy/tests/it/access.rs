//! Who may what, over every route: nobody, a person, an administrator, tokens with one right. A
//! route without a case here fails.

mod routes;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, both, client};

pub(crate) use routes::ROUTES;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it answers everybody.
    Nothing,
    /// To be somebody.
    Somebody,
    /// A right.
    Right(&'static str),
    /// One of two rights.
    Either(&'static str, &'static str),
    /// Both rights.
    Both(&'static str, &'static str),
}

impl Need {
    /// Whether a token of these rights is let in.
    pub(crate) fn met_by(self, scopes: &[&str]) -> bool {
        match self {
            Self::Nothing | Self::Somebody => true,
            Self::Right(right) => scopes.contains(&right),
            Self::Either(one, other) => scopes.contains(&one) || scopes.contains(&other),
            Self::Both(one, other) => scopes.contains(&one) && scopes.contains(&other),
        }
    }
}

/// The one that changes the caller, apart.
pub(crate) const CHANGE_ME: (&str, &str, &str, &str, Need) = (
    "patch",
    "/api/v1/me",
    "api/v1/me",
    r#"{"name":"Someone"}"#,
    Need::Right("tools:write"),
);
/// A tool that writes asks for another right than one that reads.
pub(crate) const WRITE: (&str, &str, &str, &str, Need) = (
    "post",
    "/api/v1/tools/{name}/call",
    "api/v1/tools/create_document/call",
    r#"{"title":"t","content":"c"}"#,
    Need::Right("tools:write"),
);

pub(crate) const SCOPES: [&str; 9] = [
    "tools:read",
    "tools:call",
    "tools:write",
    "approvals:decide",
    "chat",
    "servers:manage",
    "integrations:manage",
    "audit:read",
    "admin",
];

/// Makes a request to a route, or to another path in a route's shape: status and body.
pub(crate) async fn ask(
    app: &App,
    token: Option<&str>,
    route: &(&str, &str, &str, &str, Need),
) -> (u16, String) {
    let response = answer(app, token, route).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The same: the whole answer.
pub(crate) async fn answer(
    app: &App,
    token: Option<&str>,
    route: &(&str, &str, &str, &str, Need),
) -> reqwest::Response {
    let (verb, _, path, body, _) = route;
    let method = Method::from_bytes(verb.to_uppercase().as_bytes()).unwrap();
    let mut request = client().request(method, app.url.join(path).unwrap());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if !body.is_empty() {
        request = request
            .header("content-type", "application/json")
            .body((*body).to_owned());
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_it_should() {
    both(|app| async move {
        let root = app.person("root").await;
        let mut routes = ROUTES.to_vec();
        routes.extend([CHANGE_ME, WRITE]);

        let document: Value = root.http_get("api/v1/openapi.json").await;
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, verbs)| {
                verbs
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(move |verb| (verb.clone(), path.clone()))
            })
            .collect();
        let cases: BTreeSet<(String, String)> = routes
            .iter()
            .map(|r| (r.0.to_owned(), r.1.to_owned()))
            .collect();
        assert_eq!(described, cases, "routes and cases differ");

        for route in &routes {
            for token in [None, Some("dpat_nobody"), Some("")] {
                let (status, body) = ask(&app, token, route).await;
                if route.4 == Need::Nothing {
                    assert_eq!(status, 400, "{route:?}: {body}");
                } else {
                    assert_eq!(status, 401, "{route:?} {token:?}: {body}");
                    assert!(body.contains("UNAUTHORIZED"), "{route:?}: {body}");
                }
            }
        }
        // The administrator's token of one right each, and of two where a route wants two; nothing is
        // connected.
        let single = SCOPES.iter().map(std::slice::from_ref);
        for scopes in single.chain([&["chat", "tools:read"][..]]) {
            let mut args = vec!["token", "create", "--user", "root"];
            args.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
            let (code, token, err) = app.run(&args, "");
            assert_eq!(code, 0, "{err}");
            for route in &routes {
                let (status, body) = ask(&app, Some(token.trim()), route).await;
                match route.4 {
                    need if !need.met_by(scopes) => {
                        assert_eq!(status, 403, "{route:?} with {scopes:?}: {body}");
                        assert!(body.contains("FORBIDDEN"), "{body}");
                    }
                    Need::Nothing => assert_eq!(status, 400, "{route:?} with {scopes:?}: {body}"),
                    _ => assert!(
                        ![401, 403, 405].contains(&status) && status < 500,
                        "{route:?} with {scopes:?}: {status} {body}"
                    ),
                }
            }
        }
        // A token never exceeds its user.
        let (_, _, _) = app.run(&["user", "add", "bob", "--password-stdin"], PASSWORD);
        let (code, token, _) = app.run(
            &["token", "create", "--user", "bob", "--scope", "admin"],
            "",
        );
        if code == 0 {
            for route in routes.iter().filter(|r| r.4 == Need::Right("admin")) {
                assert_eq!(ask(&app, Some(token.trim()), route).await.0, 403);
            }
        }
        // Pages and /mcp.
        for page in [
            "",
            "connect",
            "connect/google",
            "approvals",
            "activity",
            "settings",
            "servers",
            "servers/-/new?type=filesystem",
            "servers/files",
            "servers/files/edit",
            "servers/files/delete",
            "servers/files/connect",
        ] {
            let shown = app.browser().open(page).await;
            assert_eq!(shown.url.path(), "/login", "/{page} without a session");
        }
        let mcp = client()
            .post(app.url.join("mcp").unwrap())
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        assert_eq!(mcp.status().as_u16(), 401);
        assert!(mcp.headers().contains_key("www-authenticate"));
    })
    .await;
}
