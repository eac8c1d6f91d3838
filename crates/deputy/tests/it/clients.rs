//! OAuth clients: those that an administrator knows beforehand (`deputy client`), and those that
//! name the document that says who they are.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::support::{App, Browser, Options, PASSWORD, Page, both, client};

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_added_listed_and_removed() {
    both(|app| async move {
        let (code, out, err) = app.run(&["client", "list"], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        let add = [
            "client",
            "add",
            "inspector",
            "--redirect-uri",
            "http://localhost:6274/oauth/callback",
            "com.example.app:/cb",
            "--redirect-uri",
            "https://example.org/cb",
            "--name",
            "The Inspector",
        ];
        let (code, out, err) = app.run(&add, "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        assert!(err.contains("The Inspector"), "{err}");
        let (code, _, err) = app.run(&add, "");
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("inspector") && err.contains("already"),
            "{err}"
        );

        let (code, out, _) = app.run(&["client", "list"], "");
        assert_eq!((code, out.lines().count()), (0, 1), "{out}");
        let shown: Vec<&str> = out.trim_end().split('\t').collect();
        assert_eq!(shown[..3], ["inspector", "registered", "The Inspector"]);
        assert_eq!(
            shown[3],
            "http://localhost:6274/oauth/callback com.example.app:/cb https://example.org/cb"
        );
        assert_eq!(shown[5..], ["allowed never", "used never"]);
        let (_, out, _) = app.run(&["client", "list", "--all"], "");
        assert!(
            out.starts_with("deputy-cli\tbuilt in\t") && out.contains("\ninspector\t"),
            "{out}"
        );

        let (code, out, err) = app.run(&["client", "remove", "inspector"], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        assert!(err.contains("nobody had given it access"), "{err}");
        assert_eq!(app.run(&["client", "list"], "").1, "");

        let (_, out, _) = app.run(&["doctor"], "");
        assert!(
            out.contains("oauth: the issuer is http://127.0.0.1:"),
            "{out}"
        );
        assert!(
            out.contains("oauth: clients' documents") || out.contains("can't be fetched"),
            "{out}"
        );
    })
    .await;
}

/// The list of this command as JSON, without its instants, once these are looked at.
fn listed(app: &App, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    let (code, out, err) = app.run(&args, "");
    assert_eq!((code, out.lines().count()), (0, 1), "{args:?}: {err}");
    let mut list: Value = serde_json::from_str(&out).unwrap();
    for item in list.as_array_mut().unwrap() {
        let at = item.as_object_mut().unwrap().remove("created_at").unwrap();
        let is_instant = at
            .as_str()
            .is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok());
        assert!(is_instant || item["kind"] == "builtin", "{item}: {at}");
    }
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn each_list_of_a_command_is_one_json_array_for_programs() {
    both(|app| async move {
        let run = |args: &[&str], input: &str| {
            let (code, _, err) = app.run(args, input);
            assert_eq!(code, 0, "{args:?}: {err}");
        };
        for nothing in [["client", "list"], ["client", "blocked"]] {
            assert_eq!(listed(&app, &nothing), json!([]));
        }
        run(&["user", "add", "bob", "--password-stdin"], PASSWORD);
        run(&["user", "disable", "bob"], "");
        let people = listed(&app, &["user", "list"]);
        let bob = people.as_array().unwrap().last().unwrap();
        let expected = json!({
            "id": bob["id"], "username": "bob", "name": "bob", "role": "admin",
            "is_active": false, "second_factor": { "app": false, "passkeys": 0 },
        });
        assert!(bob["id"].is_i64() && *bob == expected, "{people}");

        let made = [
            "token", "create", "--user", "bob", "--name", "lap top", "--days", "3",
        ];
        run(&[&made[..], &["--scope", "chat"]].concat(), "");
        let mut tokens = listed(&app, &["token", "list", "--user", "bob"]);
        let token = tokens[0].as_object_mut().unwrap();
        let ends = token.remove("expires_at").unwrap();
        assert!(ends.as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        let expected = json!([{
            "id": token["id"], "username": "bob", "name": "lap top", "hint": token["hint"],
            "scopes": ["chat"], "last_used_at": null,
        }]);
        assert_eq!(tokens, expected);

        let uri = "https://example.org/cb";
        run(&["client", "add", "bot", "--redirect-uri", uri], "");
        let bot = json!({
            "client_id": "bot", "kind": "registered", "name": "bot", "redirect_uris": [uri],
            "authorized_at": null, "last_used_at": null,
        });
        assert_eq!(listed(&app, &["client", "list"]), json!([bot]));
        let all = listed(&app, &["client", "list", "--all"]);
        assert_eq!(
            (&all[0]["client_id"], &all[1]),
            (&json!("deputy-cli"), &bot)
        );
        run(&["client", "block", "--host", "evil.example"], "");
        let blocked = json!([{ "id": 1, "kind": "host", "name": "evil.example" }]);
        assert_eq!(listed(&app, &["client", "blocked"]), blocked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_client_is_said_and_nothing_is_changed() {
    both(|app| async move {
        for (args, said) in [
            (&["client", "add", "x"][..], "--redirect-uri"),
            (
                &[
                    "client",
                    "add",
                    "x",
                    "--redirect-uri",
                    "http://example.org/cb",
                ],
                "http://",
            ),
            (
                &["client", "add", "x", "--redirect-uri", "javascript:/x"],
                "javascript",
            ),
            (
                &[
                    "client",
                    "add",
                    "x",
                    "--redirect-uri",
                    "https://example.org/#x",
                ],
                "fragment",
            ),
            (
                &[
                    "client",
                    "add",
                    "a b",
                    "--redirect-uri",
                    "https://example.org/",
                ],
                "a b",
            ),
            (
                &[
                    "client",
                    "add",
                    "https://a.example/c",
                    "--redirect-uri",
                    "https://a.example/",
                ],
                "identifier",
            ),
            (&["client"], "Usage"),
        ] {
            let (code, out, err) = app.run(args, "");
            assert_eq!((code, out.as_str()), (2, ""), "{args:?} {err}");
            assert!(err.contains(said), "{args:?} {err}");
        }
        for (id, said) in [("nobody", "nobody"), ("deputy-cli", "own command line")] {
            let (code, _, err) = app.run(&["client", "remove", id], "");
            assert_eq!(code, 1, "{err}");
            assert!(err.contains(said), "{err}");
        }
        assert_eq!(app.run(&["client", "list"], "").1, "");
    })
    .await;
}

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The consent page, as `client_id` has somebody led to it.
async fn consent(app: &App, browser: &mut Browser, client_id: &str, redirect_uri: &str) -> Page {
    let resource = app.url.join("api").unwrap();
    let mut link = app.url.join("oauth/authorize").unwrap();
    link.query_pairs_mut().extend_pairs([
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", resource.as_str()),
    ]);
    browser.go(Method::GET, link, None).await
}

async fn token(app: &App, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let to = app.url.join("oauth/token").unwrap();
    let answer = client().post(to).form(form).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Allows what the page asks for, and redeems the code.
async fn tokens(
    app: &App,
    browser: &mut Browser,
    page: &Page,
    client_id: &str,
    redirect_uri: &str,
) -> Value {
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let form = page.form_with("decision").with("decision", "allow");
    let sent = browser
        .send(Method::POST, form.action, Some(&form.fields))
        .await;
    let to: Url = sent.headers()["location"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(to.as_str().starts_with(redirect_uri), "{to}");
    let code = to
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let (status, tokens) = token(
        app,
        &[
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", redirect_uri),
        ],
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    tokens
}

/// What the REST API says to a token: the status, and the challenge.
async fn me(app: &App, tokens: &Value) -> (StatusCode, String) {
    let to = app.url.join("api/v1/me").unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let answer = client().get(to).bearer_auth(token).send().await.unwrap();
    let challenge = answer
        .headers()
        .get("www-authenticate")
        .map(|v| v.to_str().unwrap().to_owned());
    (answer.status(), challenge.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_named_by_its_document_logs_in_and_removing_it_ends_that_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let id = format!("http://{host}/client.json");
    let said = json!({
        "client_id": id,
        "client_name": "A client with a document",
        "redirect_uris": ["http://localhost/callback"],
        "token_endpoint_auth_method": "none",
    });
    let document = axum::routing::get(move || async move { axum::Json(said) });
    let site = axum::Router::new().route("/client.json", document);
    let site = tokio::spawn(async move { axum::serve(listener, site).await });
    let options = Options::default()
        .with("DEPUTY_PRIVATE_HOSTS", &host)
        .with("DEPUTY_CLIENT_DOCUMENTS", "on");
    let app = App::start(options).await;
    let metadata = app
        .url
        .join(".well-known/oauth-authorization-server")
        .unwrap();
    let metadata: Value = client()
        .get(metadata)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);

    app.person("alice").await;
    let mut browser = app.browser();
    browser.sign_in("alice", PASSWORD).await;
    // Not at an address that the document does not have.
    for wrong in [
        "http://127.0.0.1:1/callback",
        "https://localhost/callback",
        "http://localhost:1/other",
    ] {
        let page = consent(&app, &mut browser, &id, wrong).await;
        assert_eq!(
            (page.status, page.url.path()),
            (StatusCode::BAD_REQUEST, "/oauth/authorize"),
            "{wrong}"
        );
    }
    let redirect_uri = "http://localhost:38123/callback";
    let page = consent(&app, &mut browser, &id, redirect_uri).await;
    assert!(
        page.html.contains("A client with a document") && page.html.contains(&host),
        "{page:?}"
    );
    let first = tokens(&app, &mut browser, &page, &id, redirect_uri).await;
    assert_eq!(me(&app, &first).await.0, StatusCode::OK);

    // Its site is gone: who is logged in stays so.
    site.abort();
    let refresh = first["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &*id),
        ("refresh_token", refresh),
    ];
    let (status, second) = token(&app, &form).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    assert_eq!(me(&app, &second).await.0, StatusCode::OK);

    let (_, out, _) = app.run(&["client", "list", "--all"], "");
    assert!(
        out.contains(&format!("{id}\tdocument\tA client with a document\t")),
        "{out}"
    );
    let (code, _, err) = app.run(&["client", "remove", &id], "");
    assert!(code == 0 && err.contains("1 access ended at once"), "{err}");
    for tokens in [&first, &second] {
        let (status, challenge) = me(&app, tokens).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(
            challenge.contains("an administrator removed the client"),
            "{challenge}"
        );
    }
    let refresh = second["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &*id),
        ("refresh_token", refresh),
    ];
    let (status, refused) = token(&app, &form).await;
    assert_eq!(
        (status, &refused["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_grant"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_end_access_block_clients_and_let_them_in_again() {
    let app = App::start(Options::default()).await;
    app.person("alice").await;
    for command in [
        ["client", "end", "nobody"],
        ["user", "end-access", "nobody"],
    ] {
        let (code, _, err) = app.run(&command, "");
        assert!(code != 0 && !err.is_empty(), "{command:?}");
    }
    for (command, says) in [
        (
            &["client", "end", "deputy-cli"][..],
            "nobody had given it access",
        ),
        (&["user", "end-access", "alice"], "at once: 0"),
        (
            &["client", "block", "--host", "Bad.example"],
            "blocked bad.example",
        ),
        (&["client", "block", "bot"], "blocked bot"),
    ] {
        let (code, _, err) = app.run(command, "");
        assert!(code == 0 && err.contains(says), "{command:?}: {err}");
    }
    let (code, out, _) = app.run(&["client", "blocked"], "");
    assert!(
        code == 0 && out.contains("1\thost\tbad.example\tsince "),
        "{out}"
    );
    for (number, expected) in [("1", 0), ("1", 1)] {
        let (code, _, err) = app.run(&["client", "unblock", number], "");
        assert_eq!(code, expected, "{err}");
    }
    let (_, out, _) = app.run(&["client", "blocked"], "");
    assert!(
        !out.contains("bad.example") && out.contains("client\tbot"),
        "{out}"
    );
}
