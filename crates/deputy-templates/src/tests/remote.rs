//! The remote template: URLs, headers, sign-in.

use super::*;

fn http(config: &Value) -> HttpDefinition {
    let registry = Registry::builtin();
    let template = registry.get("remote").unwrap();
    let checked = template.check(config, &none(), &rules()).unwrap();
    match template
        .render(&checked.config, &checked.secrets, None, &rules())
        .unwrap()
    {
        Definition::Http(http) => http,
        Definition::Process(process) => panic!("{process:?}"),
    }
}

#[test]
fn each_way_of_sign_in_sends_what_it_should_and_nothing_else() {
    let url = "https://mcp.example.com/mcp";
    let plain = http(&json!({"url": url}));
    assert!(plain.headers.is_empty() && matches!(plain.auth, Auth::None));
    let bearer = http(&json!({"url": url, "auth": "bearer", "token": "abc"}));
    assert!(
        matches!(&bearer.headers[..], [(name, value)] if name == "Authorization" && value.expose() == "Bearer abc")
    );
    assert!(!format!("{bearer:?}").contains("abc"));
    let own = http(
        &json!({"url": url, "auth": "header", "header_name": "X-Api-Key", "header_value": "k"}),
    );
    assert!(
        matches!(&own.headers[..], [(name, value)] if name == "X-Api-Key" && value.expose() == "k")
    );
    let oauth = http(
        &json!({"url": url, "auth": "oauth", "scopes": "read write", "client_id": "c", "client_secret": "s3cr3t"}),
    );
    assert!(oauth.headers.is_empty());
    assert!(!format!("{oauth:?}").contains("s3cr3t"));
    let Auth::OAuth {
        scopes,
        client_id,
        client_secret,
    } = oauth.auth
    else {
        panic!("no sign-in");
    };
    assert_eq!(
        (scopes, client_id.as_deref()),
        (vec!["read".to_owned(), "write".to_owned()], Some("c"))
    );
    assert_eq!(client_secret.unwrap().expose(), "s3cr3t");
}

#[test]
fn what_belongs_to_another_way_of_sign_in_is_refused_and_what_is_needed_is_asked_for() {
    let url = "https://mcp.example.com/mcp";
    assert_eq!(
        faults("remote", &json!({"url": url, "token": "abc"})),
        [(
            "/token".to_owned(),
            Problem::NotApplicable("auth".to_owned())
        )]
    );
    assert_eq!(
        faults("remote", &json!({"url": url, "auth": "bearer"})),
        [("/token".to_owned(), Problem::Missing)]
    );
    // A form sends every field, empty where it wasn't filled in.
    http(&json!({"url": url, "auth": "none", "token": "", "header_name": "", "client_id": ""}));
    for (name, problem) in [
        ("Mcp-Session-Id", Problem::HeaderName),
        ("Host", Problem::HeaderName),
        ("X Y", Problem::HeaderName),
        ("X-Y:", Problem::HeaderName),
    ] {
        let config =
            json!({"url": url, "auth": "header", "header_name": name, "header_value": "k"});
        assert_eq!(
            faults("remote", &config),
            [("/header_name".to_owned(), problem)],
            "{name}"
        );
    }
    let split = json!({"url": url, "auth": "header", "header_name": "X-Y", "header_value": "k\r\nCookie: a"});
    assert_eq!(
        faults("remote", &split),
        [("/header_value".to_owned(), Problem::Character)]
    );
}

#[test]
fn only_safe_urls_are_taken() {
    for (url, problem) in [
        ("http://mcp.example.com/mcp", Problem::NotHttps),
        ("http://127.0.0.1:9/mcp", Problem::NotHttps),
        ("ftp://mcp.example.com/mcp", Problem::NotHttps),
        ("https://user:pw@mcp.example.com/mcp", Problem::UserInfo),
        ("https://user@mcp.example.com/mcp", Problem::UserInfo),
        ("https://mcp.example.com/mcp#part", Problem::Fragment),
        ("mcp.example.com/mcp", Problem::NotAUrl),
        ("https:///", Problem::NotAUrl),
    ] {
        assert_eq!(
            faults("remote", &json!({"url": url})),
            [("/url".to_owned(), problem)],
            "{url}"
        );
    }
    let allowed = "127.0.0.1:9,localhost:9,[::1]:80,10.0.0.7:8080".parse();
    let loopback = Rules {
        plain_http: PlainHttp::Allowed(allowed.unwrap()),
        ..rules()
    };
    let registry = Registry::builtin();
    let check = |url: &str| {
        registry
            .get("remote")
            .unwrap()
            .check(&json!({"url": url}), &none(), &loopback)
            .is_ok()
    };
    for url in [
        "http://127.0.0.1:9/mcp",
        "http://localhost:9/mcp",
        "http://[::1]/mcp",
        "http://10.0.0.7:8080/mcp",
    ] {
        assert!(check(url), "{url}");
    }
    for url in [
        "http://10.0.0.1/mcp",
        "http://127.0.0.1:10/mcp",
        "http://localhost.example.com/mcp",
        "http://127.0.0.1.example.com/mcp",
    ] {
        assert!(!check(url), "{url}");
    }
}

#[test]
fn a_stored_secret_does_not_move_to_another_origin() {
    let registry = Registry::builtin();
    let template = registry.get("remote").unwrap();
    let before =
        json!({"url": "https://mcp.example.com/mcp", "auth": "header", "header_name": "X-Key"});
    let settle = |patch: Value| {
        let before = before.as_object().unwrap();
        let patch = patch.as_object().unwrap();
        let mut config = before.clone();
        config.extend(patch.clone());
        let mut kept = BTreeSet::from(["header_value".to_owned()]);
        template.settle(before, patch, &mut config, &mut kept, true);
        (Value::Object(config), kept.len())
    };
    assert_eq!(settle(json!({"url": "https://mcp.example.com/v2"})).1, 1);
    for url in [
        "https://evil.example/mcp",
        "https://mcp.example.com:8443/mcp",
        "nonsense",
    ] {
        assert_eq!(settle(json!({"url": url})).1, 0, "{url}");
    }
    // What was for another way of sign-in goes without being named.
    assert_eq!(
        settle(json!({"auth": "none"})).0,
        json!({"url": "https://mcp.example.com/mcp", "auth": "none"})
    );
}

#[test]
fn a_stored_secret_does_not_go_to_another_program() {
    let registry = Registry::builtin();
    let template = registry.get("custom").unwrap();
    let before = json!({"command": "npx", "args": ["-y", "mine"]});
    let settle = |patch: Value, in_person: bool| {
        let (before, patch) = (before.as_object().unwrap(), patch.as_object().unwrap());
        let mut config = before.clone();
        config.extend(patch.clone());
        let mut kept = BTreeSet::from(["env/TOKEN".to_owned()]);
        template.settle(before, patch, &mut config, &mut kept, in_person);
        (config.get("env").cloned(), kept.len())
    };
    for other in [json!({"args": ["-y", "theirs"]}), json!({"command": "uvx"})] {
        assert_eq!(settle(other, true).1, 0);
    }
    assert_eq!(settle(json!({"args": ["-y", "mine"]}), false).1, 1);
    // A variable may say where secrets are sent.
    let also = json!({"env": {"TOKEN": null, "API_URL": "https://evil.example"}});
    assert_eq!(settle(also.clone(), true).1, 1);
    let alone = json!({"API_URL": "https://evil.example"});
    assert_eq!(settle(also, false), (Some(alone), 0));
    assert_eq!(settle(json!({"env": {"TOKEN": null}}), false).1, 1);
}
