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

/// What must be given again after this change of a stored configuration, and the configuration then.
fn changed(
    template: &Template,
    before: &Value,
    stored: &[&str],
    patch: &Value,
    in_person: bool,
) -> (Vec<String>, Value) {
    let (before, patch) = (before.as_object().unwrap(), patch.as_object().unwrap());
    let mut config = before.clone();
    config.extend(patch.clone());
    template.settle(patch, &mut config);
    let kept = stored.iter().map(|name| (*name).to_owned()).collect();
    let rules = Rules {
        commands: Commands::from_setting("npx, uvx"),
        ..rules()
    };
    let config = Value::Object(config);
    let checked = template.check(&config, &kept, &rules).unwrap();
    let again = template.again(before, &checked, in_person);
    assert!(again.iter().all(|fault| fault.problem == Problem::Again));
    let fields = again.into_iter().map(|fault| fault.field).collect();
    (fields, Value::Object(checked.config))
}

#[test]
fn a_stored_secret_does_not_move_to_another_origin() {
    let registry = Registry::builtin();
    let template = registry.get("remote").unwrap();
    let before =
        json!({"url": "https://mcp.example.com/mcp", "auth": "header", "header_name": "X-Key"});
    let again = |patch: Value, in_person: bool| {
        changed(template, &before, &["header_value"], &patch, in_person).0
    };
    for same in [
        "https://mcp.example.com/mcp",
        " https://mcp.example.com/mcp ",
    ] {
        assert!(again(json!({"url": same}), false).is_empty());
    }
    // On a host that many share the path is another's.
    let path = json!({"url": "https://mcp.example.com/v2"});
    assert!(again(path.clone(), true).is_empty());
    assert_eq!(again(path, false), ["/header_value"]);
    for url in [
        "https://evil.example/mcp",
        "https://mcp.example.com:8443/mcp",
    ] {
        assert_eq!(again(json!({"url": url}), true), ["/header_value"], "{url}");
        let with = json!({"url": url, "header_value": "given again"});
        assert!(again(with, true).is_empty(), "{url}");
    }
    // What was for another way of sign-in goes without being named.
    assert_eq!(
        changed(
            template,
            &before,
            &["header_value"],
            &json!({"auth": "none"}),
            true
        ),
        (
            Vec::new(),
            json!({"url": "https://mcp.example.com/mcp", "auth": "none"})
        )
    );
}

#[test]
fn a_stored_secret_does_not_go_to_another_program() {
    let registry = Registry::builtin();
    let template = registry.get("custom").unwrap();
    let before = json!({"command": "npx", "args": ["-y", "mine"]});
    let again = |patch: Value, in_person: bool| {
        changed(
            template,
            &before,
            &["env/TOKEN", "env/A"],
            &patch,
            in_person,
        )
        .0
    };
    for other in [json!({"args": ["-y", "theirs"]}), json!({"command": "uvx"})] {
        assert_eq!(again(other, true), ["/env/A", "/env/TOKEN"]);
    }
    assert!(again(json!({"args": ["-y", "mine"]}), false).is_empty());
    assert!(again(json!({"args": "-y\nmine"}), false).is_empty());
    // A variable may say where secrets are sent.
    let also = json!({"env": {"TOKEN": null, "API_URL": "https://evil.example"}});
    assert!(again(also.clone(), true).is_empty());
    assert_eq!(again(also, false), ["/env/TOKEN"]);
    assert!(again(json!({"env": {"TOKEN": null}}), false).is_empty());
}

#[test]
fn a_stored_secret_does_not_go_where_an_argument_or_a_variable_says_unless_its_person_says_so() {
    let text = include_str!("../../../../docs/adding-a-server-template.md");
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (wiki, _) = rest.split_once("```").unwrap();
    let in_environment = wiki
        .replace("    \"--url=${config:url}\",\n", "")
        .replace("env = { ", "env = { WIKI_URL = \"${config:url}\", ");
    assert!(in_environment.contains("WIKI_URL") && !in_environment.contains("--url=${"));
    for wiki in [wiki, &in_environment] {
        let template = crate::file::parse("wiki.toml", wiki, Origin::Folder).unwrap();
        let before = json!({"url": "https://wiki.example.com/"});
        let again = |patch: Value, in_person: bool| {
            changed(&template, &before, &["token"], &patch, in_person).0
        };
        assert!(again(json!({"url": "https://wiki.example.com"}), false).is_empty());
        let evil = json!({"url": "https://evil.example"});
        assert_eq!(again(evil.clone(), false), ["/token"]);
        assert_eq!(again(json!({"space": "theirs"}), false), ["/token"]);
        assert!(again(evil, true).is_empty());
    }
}
