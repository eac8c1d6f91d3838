//! Properties: whatever is filled in, a secret stays out of sight, and a value stays one value.

use std::sync::LazyLock;

use deputy_core::Secret;
use proptest::prelude::*;

use super::*;

/// Values that would mean something to a shell, a parser or a placeholder.
fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        Just("${input:key}".to_owned()),
        Just("$(id); `id` && rm -rf / \"'".to_owned()),
        Just("--allow-everything".to_owned()),
        Just("a\0b".to_owned()),
        Just("-".to_owned()),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        odd().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((odd(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Read once: a property is tried hundreds of times.
static BUILT_IN: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// A kind with a secret, a value and a list.
static KEYED_TEMPLATE: LazyLock<Template> = LazyLock::new(keyed);

const KEYED: &str = r#"
type = "keyed"
title = { en = "Keyed" }
description = { en = "d" }
setup = { en = "s" }
[stdio]
program = "npx"
args = ["--team=${config:team}", "${config:team}", "${config:more}"]
env = { KEY = "k ${input:key}", TEAM = "${config:team}" }
[config_schema]
type = "object"
properties.team = { type = "string" }
properties.more = { type = "array", items = { type = "string" } }
properties.key = { type = "string", x-secret = true }
"#;

fn keyed() -> Template {
    crate::file::parse("keyed.toml", KEYED, Origin::Folder).unwrap()
}

proptest! {
    #[test]
    fn a_secret_is_in_the_environment_and_nowhere_else(
        key in "[A-Za-z0-9]{12,40}",
        team in odd(),
        more in prop::collection::vec(odd(), 0..4),
    ) {
        let template = &*KEYED_TEMPLATE;
        let config = json!({"team": team, "more": more, "key": key});
        if let Ok(checked) = template.check(&config, &none(), &rules()) {
            let definition = template.render(&checked.config, &checked.secrets, None, &rules()).unwrap();
            let shown = format!("{checked:?} {definition:?}");
            prop_assert!(!shown.contains(&key));
            let Definition::Process(process) = definition else { panic!() };
            prop_assert!(process.args.iter().all(|arg| !arg.contains(&key)));
            let Text::Secret(value) = &process.env[0].1 else { panic!("the variable is plain") };
            prop_assert!(value.expose().contains(&key));
        }
    }

    #[test]
    fn a_value_is_one_argument_and_never_an_option(team in odd(), more in prop::collection::vec(odd(), 0..4)) {
        let template = &*KEYED_TEMPLATE;
        let config = json!({"team": team, "more": more});
        if let Ok(checked) = template.check(&config, &none(), &rules()) {
            let Definition::Process(process) =
                template.render(&checked.config, &checked.secrets, None, &rules()).unwrap()
            else { panic!() };
            let mut expected = Vec::new();
            let team = team.trim();
            if !team.is_empty() {
                expected.extend([format!("--team={team}"), team.to_owned()]);
            }
            expected.extend(more);
            prop_assert!(expected.iter().skip(1).all(|arg| !arg.starts_with('-')), "{expected:?}");
            prop_assert!(expected.iter().all(|arg| !arg.contains('\0')));
            prop_assert_eq!(process.args, expected);
        }
    }

    #[test]
    fn whatever_is_found_right_can_be_rendered(
        index in 0_usize..13,
        values in prop::collection::vec(any_value(), 9),
        whole in any_value(),
    ) {
        let template = BUILT_IN.all().nth(index).unwrap();
        let _ = template.check(&whole, &none(), &rules());
        let config: serde_json::Map<String, Value> =
            template.fields.iter().map(|field| field.name.clone()).zip(values).collect();
        match template.check(&Value::Object(config), &none(), &rules()) {
            Ok(checked) => {
                prop_assert!(template.render(&checked.config, &checked.secrets, None, &rules()).is_ok());
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_is_read(text in "[ -~]{0,30}|(\\$\\{config:a\\}|\\$\\$\\{|\\$|\\{|\\}|x){0,8}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(Pattern::parse(&pattern.to_string()).unwrap(), pattern);
        }
    }
}

#[test]
fn a_token_of_google_is_put_in_for_those_who_ask_and_missing_it_is_said() {
    let text = KEYED
        .replace("k ${input:key}", "${token:google.access_token}")
        .replace(
            "properties.key = { type = \"string\", x-secret = true }\n",
            "",
        );
    let template = crate::file::parse("google.toml", &text, Origin::Folder).unwrap();
    assert!(template.needs_google() && !keyed().needs_google());
    let empty = (serde_json::Map::new(), BTreeMap::new());
    assert_eq!(
        template
            .render(&empty.0, &empty.1, None, &rules())
            .unwrap_err(),
        RenderError::GoogleNotConnected
    );
    let token = Secret::from("ya29.t0ken");
    let definition = template
        .render(&empty.0, &empty.1, Some(&token), &rules())
        .unwrap();
    assert!(!format!("{definition:?}").contains("t0ken"));
}

#[test]
fn a_folder_that_is_no_longer_allowed_is_refused_when_it_is_used() {
    let registry = Registry::builtin();
    let template = registry.get("filesystem").unwrap();
    let checked = template
        .check(&json!({"allowed_path": "/files/a"}), &none(), &rules())
        .unwrap();
    let refused = template
        .render(&checked.config, &checked.secrets, None, &Rules::nothing())
        .unwrap_err();
    assert!(matches!(refused, RenderError::Refused { field, .. } if field == "allowed_path"));
}
