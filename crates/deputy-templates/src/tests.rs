//! Tests of the crate from outside: what a person fills in, what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::*;

/// Folders under `/files`, which needn't exist.
pub(crate) fn rules() -> Rules {
    Rules {
        folders: Arc::new(|path: &str| {
            if !path.starts_with('/') {
                Err(FolderProblem::NotAbsolute)
            } else if path.starts_with("/files") && !path.contains("..") {
                Ok(PathBuf::from(path))
            } else {
                Err(FolderProblem::Outside(vec![PathBuf::from("/files")]))
            }
        }),
        commands: Commands::from_setting("npx, uvx"),
        plain_http: PlainHttp::Never,
        data: Some(PathBuf::from("/data/1")),
    }
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

fn process(server_type: &str, config: &Value) -> ProcessDefinition {
    let registry = Registry::builtin();
    let template = registry.get(server_type).unwrap();
    let checked = template.check(config, &none(), &rules()).unwrap();
    match template
        .render(&checked.config, &checked.secrets, None, &rules())
        .unwrap()
    {
        Definition::Process(process) => process,
        Definition::Http(http) => panic!("{http:?}"),
    }
}

fn faults(server_type: &str, config: &Value) -> Vec<(String, Problem)> {
    Registry::builtin()
        .get(server_type)
        .unwrap()
        .check(config, &none(), &rules())
        .unwrap_err()
        .into_iter()
        .map(|fault| (fault.field, fault.problem))
        .collect()
}

#[test]
fn every_built_in_template_is_read() {
    assert_eq!(Registry::builtin().faults(), &[]);
}

#[test]
fn a_folder_becomes_one_argument_and_the_only_one_to_write() {
    let files = process(
        "filesystem",
        &json!({"allowed_path": "/files/my $(id) \"x\" ${config:y}"}),
    );
    assert_eq!(files.program, "npx");
    assert_eq!(
        files.args.last().unwrap(),
        "/files/my $(id) \"x\" ${config:y}"
    );
    assert_eq!(files.args.len(), 3);
    assert_eq!(
        files.folders,
        [PathBuf::from("/files/my $(id) \"x\" ${config:y}")]
    );
    assert_eq!(files.network, Network::None);
}

#[test]
fn a_folder_outside_is_refused_by_name() {
    assert_eq!(
        faults("filesystem", &json!({"allowed_path": "/etc"})),
        [(
            "/allowed_path".to_owned(),
            Problem::Folder(FolderProblem::Outside(vec![PathBuf::from("/files")]))
        )]
    );
}

#[test]
fn a_missing_value_and_an_unknown_one_are_both_named() {
    assert_eq!(
        faults("filesystem", &json!({"alowed_path": "/files"})),
        [
            ("/allowed_path".to_owned(), Problem::Missing),
            (
                "/alowed_path".to_owned(),
                Problem::Unknown(Some("allowed_path".to_owned()))
            ),
        ]
    );
}

#[test]
fn a_custom_command_has_its_arguments_and_secret_variables() {
    let own = process(
        "custom",
        &json!({"command": "npx", "args": ["-y", "some-server", "a b"], "env": {"API_KEY": "s3cr3t"}}),
    );
    assert_eq!(own.args, ["-y", "some-server", "a b"]);
    assert!(
        matches!(&own.env[..], [(name, Text::Secret(value))] if name == "API_KEY" && value.expose() == "s3cr3t")
    );
    assert!(!format!("{own:?}").contains("s3cr3t"));
    assert_eq!(
        faults("custom", &json!({"command": "bash"})),
        [("/command".to_owned(), Problem::Command)]
    );
}

#[test]
fn no_variable_makes_an_allowed_command_run_another() {
    for name in [
        "LD_PRELOAD",
        "SHELLOPTS",
        "BASHOPTS",
        "BASH_ENV",
        "PS4",
        "PROMPT_COMMAND",
        "LUA_INIT_5_4",
        "JDK_JAVA_OPTIONS",
        "_JAVA_OPTIONS",
        "CLASSPATH",
        "DOTNET_STARTUP_HOOKS",
        "PERLLIB",
        "PHPRC",
        "PHP_INI_SCAN_DIR",
        "GCONV_PATH",
        "OPENSSL_CONF",
        "ZDOTDIR",
        "XDG_CONFIG_HOME",
        "npm_config_prefix",
        "Path",
    ] {
        let config = json!({"command": "npx", "env": {(name): "x"}});
        assert_eq!(
            faults("custom", &config),
            [(format!("/env/{name}"), Problem::VariableReserved)]
        );
        let any = Rules {
            commands: Commands::Any,
            ..rules()
        };
        let registry = Registry::builtin();
        let custom = registry.get("custom").unwrap();
        assert!(custom.check(&config, &none(), &any).is_ok(), "{name}");
    }
    for name in ["API_KEY", "HTTPS_PROXY", "RUST_LOG", "NODE_ENV", "TZ"] {
        let config = json!({"command": "npx", "env": {(name): "x"}});
        process("custom", &config);
    }
}

#[test]
fn a_stored_secret_stays_until_it_is_given_again() {
    let registry = Registry::builtin();
    let template = registry.get("github").unwrap();
    let stored = BTreeSet::from(["github_token".to_owned()]);
    for config in [json!({}), json!({"github_token": null})] {
        let checked = template.check(&config, &stored, &rules()).unwrap();
        assert_eq!(checked.kept, stored);
        assert!(checked.secrets.is_empty());
    }
    let new = format!("ghp_{}", "a".repeat(36));
    let checked = template
        .check(&json!({"github_token": new}), &stored, &rules())
        .unwrap();
    assert!(checked.kept.is_empty());
    assert_eq!(checked.secrets["github_token"].expose(), &new);
    assert_eq!(
        Value::Object(template.view(&checked.config, &stored)),
        json!({"github_token": null})
    );
    let rendered = template
        .render(&checked.config, &BTreeMap::new(), None, &rules())
        .unwrap_err();
    assert_eq!(rendered, RenderError::Missing("github_token".to_owned()));
}

mod builtin;
mod files;
mod leaks;
mod remote;
mod setups;
