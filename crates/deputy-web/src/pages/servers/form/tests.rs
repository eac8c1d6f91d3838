use deputy_gateway::servers::Status;
use deputy_templates::Registry;
use jiff::Timestamp;
use serde_json::json;

use super::*;

fn template(kind: &str) -> Template {
    (**Registry::builtin().get(kind).unwrap()).clone()
}

/// What a browser sends.
fn sent(fields: &[(&str, &str)]) -> Fields {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    Fields::parse(body.as_bytes())
}

fn stored(kind: &str, config: &Value, secrets: &[&str]) -> Server {
    Server {
        id: 1,
        server_name: "mine".to_owned(),
        server_type: kind.to_owned(),
        config: config.as_object().unwrap().clone(),
        secrets_set: secrets.iter().map(|&name| name.to_owned()).collect(),
        default_policy: DefaultPolicy::AskWrites,
        is_enabled: true,
        status: Status::Inactive,
        last_used: None,
        last_activity: None,
        last_status_check: None,
        error_count: 0,
        retry_after: None,
        error_message: None,
        generation: 1,
        tools_read_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn shown(kind: &str, from: &From<'_>) -> Vec<FieldView> {
    let t = Text::new(Language::En);
    fields(&template(kind), from, &[], &Problems::new(), t)
}

fn field<'a>(fields: &'a [FieldView], key: &str) -> &'a FieldView {
    fields.iter().find(|field| field.key == key).unwrap()
}

#[test]
fn every_kind_has_a_form_and_no_form_holds_a_secret() {
    for template in Registry::builtin().all() {
        let all: Vec<(String, String)> = template
            .fields
            .iter()
            .map(|field| (format!("c.{}", field.name), "typed-in".to_owned()))
            .collect();
        let all: Vec<(&str, &str)> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let sent = sent(&all);
        let t = Text::new(Language::Uk);
        let shown = fields(template, &From::Sent(&sent, None), &[], &Problems::new(), t);
        assert_eq!(shown.len(), template.fields.len());
        for (view, field) in shown.iter().zip(&template.fields) {
            assert!(
                !view.title.is_empty(),
                "{}: {}",
                template.server_type,
                view.key
            );
            let kept = if field.secret { "" } else { "typed-in" };
            assert_eq!(view.value, kept, "{}: {}", template.server_type, view.key);
        }
    }
}

#[test]
fn a_form_starts_from_the_defaults_or_from_what_is_stored() {
    let new = shown("remote", &From::Nothing);
    let auth = field(&new, "auth");
    assert_eq!(auth.control, Control::Choice);
    let chosen: Vec<_> = auth.choices.iter().filter(|c| c.selected).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!((&*chosen[0].value, &*chosen[0].title), ("none", "None"));
    assert_eq!(
        field(&new, "token").when.as_deref(),
        Some("If “Sign-in” is Token (bearer)")
    );

    let server = stored(
        "custom",
        &json!({ "command": "uvx", "args": ["one", "two"] }),
        &["env/KEY", "env/OTHER"],
    );
    let form = shown("custom", &From::Stored(&server));
    assert_eq!(field(&form, "command").value, "uvx");
    assert_eq!(field(&form, "args").value, "one\ntwo");
    let env = field(&form, "env");
    assert_eq!(
        (env.value.as_str(), &*env.members),
        ("", &["KEY".to_owned(), "OTHER".to_owned()][..])
    );
}

#[test]
fn answers_become_the_configuration() {
    let form = sent(&[
        ("c.command", " npx "),
        ("c.args", "-y\r\n\r\n  a package \r\n"),
        ("c.env", "KEY= a=b \nALONE"),
    ]);
    assert_eq!(
        Value::Object(config(&template("custom"), &form, None)),
        json!({
            "command": "npx",
            "args": ["-y", "a package"],
            "env": { "KEY": "a=b", "ALONE": "" },
        })
    );
    // What is left empty is not said.
    let form = sent(&[("c.url", ""), ("c.auth", ""), ("c.token", "")]);
    assert_eq!(config(&template("remote"), &form, None), Map::new());
}

#[test]
fn a_change_says_what_goes_and_leaves_secrets_alone() {
    let server = stored(
        "custom",
        &json!({ "command": "npx", "args": ["-y"] }),
        &["env/KEY", "env/OTHER"],
    );
    let form = sent(&[
        ("c.command", "npx"),
        ("c.args", ""),
        ("unset.env", "KEY"),
        ("c.env", ""),
    ]);
    assert_eq!(
        Value::Object(config(&template("custom"), &form, Some(&server))),
        json!({ "command": "npx", "args": null, "env": { "KEY": null } })
    );

    let server = stored(
        "remote",
        &json!({ "url": "https://a.example/", "auth": "bearer" }),
        &["token"],
    );
    let same = [
        ("c.url", "https://a.example/"),
        ("c.auth", "bearer"),
        ("c.token", ""),
    ];
    let change = config(&template("remote"), &sent(&same), Some(&server));
    assert_eq!(
        Value::Object(change),
        json!({ "url": "https://a.example/", "auth": "bearer" })
    );
    let mut gone = same.to_vec();
    gone.push(("unset.token", ""));
    let change = config(&template("remote"), &sent(&gone), Some(&server));
    assert_eq!(change.get("token"), Some(&Value::Null));
    // Who ticks it and types another one means the other one.
    gone[2].1 = "another";
    let change = config(&template("remote"), &sent(&gone), Some(&server));
    assert_eq!(change.get("token"), Some(&json!("another")));
}

#[test]
fn settings_of_another_sign_in_go_and_those_written_anew_are_said() {
    let was = json!({ "url": "https://a.example/", "auth": "header", "header_name": "X-Key" });
    let server = stored("remote", &was, &["header_value"]);
    let mut form = vec![
        ("c.url", "https://a.example/"),
        ("c.auth", "bearer"),
        ("c.header_name", "X-Key"),
    ];
    let change = config(&template("remote"), &sent(&form), Some(&server));
    assert_eq!(change.get("header_name"), Some(&Value::Null));
    // That is a mistake, which the template names.
    form[2].1 = "X-Other";
    let change = config(&template("remote"), &sent(&form), Some(&server));
    assert_eq!(change.get("header_name"), Some(&json!("X-Other")));
}

#[test]
fn numbers_are_numbers_and_what_is_none_stays_for_the_message() {
    for (text, value) in [
        ("", Value::Null),
        ("5", json!(5)),
        ("-1.5", json!(-1.5)),
        ("five", json!("five")),
        ("NaN", json!("NaN")),
    ] {
        assert_eq!(number(text), value, "{text}");
    }
}

#[test]
fn problems_are_found_at_their_fields() {
    let error = ServerError::Validation {
        field: "/config/args/0".to_owned(),
        message: "first".to_owned(),
        more: vec![
            ("/config/args/1".to_owned(), "second".to_owned()),
            ("/config/env/A".to_owned(), "third.".to_owned()),
            ("/config/env/B".to_owned(), "fourth.".to_owned()),
            ("/name".to_owned(), "name".to_owned()),
            ("/config".to_owned(), "all".to_owned()),
        ],
    };
    let found = problems(&error).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|(f, m)| (f.as_str(), m.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("c.args", "first"),
            ("c.env", "A: third. B: fourth."),
            ("config", "all"),
            ("name", "name")
        ]
    );
    assert!(problems(&ServerError::Internal).is_none());
}
