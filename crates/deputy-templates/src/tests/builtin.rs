//! What ships: every template whole, and what it becomes.

use std::fmt::Write as _;

use deputy_core::Language;

use super::*;

/// A right configuration of each built-in template.
fn samples() -> Vec<(&'static str, Value)> {
    let token = "a1B2".repeat(9);
    vec![
        (
            "brave-search",
            json!({"api_key": format!("BSA{}", "x".repeat(28))}),
        ),
        (
            "custom",
            json!({"command": "npx", "args": ["-y", "server"], "env": {"API_KEY": "hidden"}}),
        ),
        ("fetch", json!({})),
        ("filesystem", json!({"allowed_path": "/files/reports"})),
        ("github", json!({"github_token": format!("ghp_{token}")})),
        (
            "github-local",
            json!({"github_token": format!("github_pat_{token}")}),
        ),
        ("memory", json!({})),
        ("notion", json!({"notion_token": format!("ntn_{token}")})),
        ("playwright", json!({})),
        (
            "postgres",
            json!({"connection_string": "postgresql://deputy:hidden@db.example.com:5432/shop?sslmode=require"}),
        ),
        (
            "remote",
            json!({"url": "https://mcp.example.com/mcp", "auth": "header", "header_name": "X-Api-Key", "header_value": "hidden"}),
        ),
        (
            "slack",
            json!({"account": "bot", "bot_token": format!("xoxb-{token}")}),
        ),
        ("sqlite", json!({"folder": "/files/data"})),
    ]
}

#[test]
fn every_template_has_a_sample_here() {
    let sampled: Vec<&str> = samples().into_iter().map(|(name, _)| name).collect();
    let registry = Registry::builtin();
    let all: Vec<&str> = registry
        .all()
        .map(|template| template.server_type.as_str())
        .collect();
    assert_eq!(sampled, all);
}

#[test]
fn every_template_is_complete_in_three_languages() {
    for template in Registry::builtin().all() {
        let name = &template.server_type;
        assert!(template.title.is_complete(), "{name}: title");
        assert!(template.description.is_complete(), "{name}: description");
        assert!(template.setup.is_complete(), "{name}: setup");
        if template.program().is_some() {
            let programs = template.needs.programs.as_ref();
            assert!(
                programs.is_some_and(Localized::is_complete),
                "{name}: needs.programs"
            );
        }
        for field in &template.fields {
            let key = format!("{name}.{}", field.name);
            assert!(field.title.is_complete(), "{key}: x-title");
            for choice in field.choices().into_iter().flatten() {
                let title = field.titles.get(&crate::field::text(choice));
                assert!(
                    title.is_some_and(Localized::is_complete),
                    "{key}: x-titles.{choice}"
                );
            }
            assert!(
                field
                    .description
                    .as_ref()
                    .is_some_and(Localized::is_complete),
                "{key}: x-description"
            );
            assert!(
                field.hint.as_ref().is_none_or(Localized::is_complete),
                "{key}: x-hint"
            );
            assert!(
                field.schema.get("pattern").is_none()
                    || field.hint.is_some()
                    || field.kind != Kind::Token
                    || field.schema["pattern"] == "^[\\x20-\\x7e]+$",
                "{key}: a pattern wants an x-hint"
            );
            if field.kind == Kind::Token {
                assert!(field.secret, "{key}: a token is secret");
            }
        }
    }
}

#[test]
fn what_is_fetched_is_pinned() {
    for template in Registry::builtin().all() {
        let Transport::Stdio(stdio) = &template.transport else {
            continue;
        };
        if !matches!(stdio.program.plain(), Some("npx" | "uvx")) {
            continue;
        }
        let package = template.package.clone().unwrap();
        let (_, version) = package.rsplit_once('@').unwrap();
        assert!(
            version.starts_with(|c: char| c.is_ascii_digit()),
            "{package}"
        );
        let args: Vec<String> = stdio
            .args
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        assert!(
            args.contains(&package),
            "{}: {args:?}",
            template.server_type
        );
    }
}

#[test]
fn what_each_template_becomes() {
    let registry = Registry::builtin();
    let mut shown = String::new();
    for (name, config) in samples() {
        let template = registry.get(name).unwrap();
        let checked = template.check(&config, &none(), &rules()).unwrap();
        let definition = template
            .render(&checked.config, &checked.secrets, None, &rules())
            .unwrap();
        write!(shown, "{name}\n{checked:#?}\n{definition:#?}\n\n").unwrap();
    }
    assert!(
        !shown.contains("hidden") && !shown.contains("a1B2"),
        "a secret is shown"
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn tokens_as_the_services_make_them_now_are_taken_and_others_are_not() {
    let long = format!(
        "ghs_12345_{}.{}.{}",
        "e".repeat(120),
        "p".repeat(250),
        "s-_".repeat(40)
    );
    let right = [
        ("github", "github_token", format!("ghp_{}", "a1".repeat(18))),
        (
            "github",
            "github_token",
            format!("github_pat_11ABCDEFG0{}_{}", "x".repeat(12), "y".repeat(59)),
        ),
        ("github", "github_token", long),
        (
            "github",
            "github_token",
            format!("  ghp_{} \n", "a1".repeat(18)),
        ),
        ("notion", "notion_token", format!("ntn_{}", "1".repeat(46))),
        (
            "notion",
            "notion_token",
            format!("secret_{}", "z".repeat(43)),
        ),
        (
            "brave-search",
            "api_key",
            "BSAxK-abcdefghij_klmnopqrstuvwx".to_owned(),
        ),
        (
            "slack",
            "user_token",
            "xoxp-1234567890-1234567890-1234567890-abcdef0123456789".to_owned(),
        ),
    ];
    let registry = Registry::builtin();
    for (server_type, field, token) in right {
        let checked =
            registry
                .get(server_type)
                .unwrap()
                .check(&json!({field: token}), &none(), &rules());
        assert!(checked.is_ok(), "{server_type}: {checked:?}");
    }
    let wrong = [
        (
            "github",
            "github_token",
            "sk-abcdefghijklmnopqrstuvwxyz".to_owned(),
        ),
        (
            "github",
            "github_token",
            format!("ghp_{}", "a b".repeat(12)),
        ),
        ("github", "github_token", "ghp_short".to_owned()),
        ("notion", "notion_token", format!("ghp_{}", "a".repeat(36))),
        ("brave-search", "api_key", "x".repeat(31)),
        (
            "slack",
            "user_token",
            "xoxb-1234567890-1234567890-abcdef".to_owned(),
        ),
    ];
    for (server_type, field, token) in wrong {
        let faults = registry
            .get(server_type)
            .unwrap()
            .check(&json!({field: token}), &none(), &rules())
            .unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].field, format!("/{field}"));
        for language in Language::ALL {
            let message = faults[0].message(language);
            assert!(!message.contains(&token) && message.len() > 20, "{message}");
        }
    }
}

#[test]
fn connection_strings_of_postgresql() {
    let check = |text: &str| {
        Registry::builtin()
            .get("postgres")
            .unwrap()
            .check(&json!({"connection_string": text}), &none(), &rules())
            .map(|checked| checked.secrets["connection_string"].expose().clone())
            .map_err(|faults| faults[0].problem.clone())
    };
    for right in [
        "postgres://u:p%40ss@localhost:5432/db",
        "postgresql://u@[::1]/db?sslmode=require&application_name=deputy",
    ] {
        assert_eq!(check(right).unwrap(), right);
    }
    for wrong in [
        "mysql://u:p@localhost/database",
        "postgres://u:p@localhost:5432",
        "postgres:///database?host=/var/run",
        "postgres://u:p@%2Fvar%2Frun/database",
        "postgres://u:p@a,b/database",
        "host=localhost dbname=x",
        "postgres://u:p@h/db?sslkey=/etc/ssl/private/key.pem",
        "postgres://u:p@h:99999/db",
    ] {
        assert_eq!(check(wrong), Err(Problem::NotPostgres), "{wrong}");
    }
}
