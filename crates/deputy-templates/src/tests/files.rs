//! Templates of an administrator: files and rows.

use super::*;

const NOTES: &str = r#"
type = "notes"
title = { en = "Notes" }
description = { en = "Notes of a team." }
setup = { en = "Ask the administrator for a key." }

[stdio]
program = "npx"
args = ["-y", "notes@1.0.0", ["--team", "${config:team}"], "$${HOME}"]
env = { KEY = "${input:key}" }

[needs]
network = "open"

[config_schema]
type = "object"
required = ["key"]
properties.team = { type = "string" }
properties.key = { type = "string", x-secret = true }
"#;

fn folder(files: &[(&str, &str)]) -> Registry {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Registry::builtin().with_folder(folder.path())
}

/// The key and the message of the one fault of a template that has one change.
fn fault(before: &str, after: &str) -> (String, String) {
    assert!(NOTES.contains(before), "{before}");
    let registry = folder(&[("notes.toml", &NOTES.replacen(before, after, 1))]);
    assert!(registry.get("notes").is_none(), "{after} is accepted");
    let [fault] = registry.faults() else {
        panic!("{:?}", registry.faults());
    };
    assert!(fault.file.ends_with("notes.toml"));
    (fault.key.clone(), fault.message.clone())
}

#[test]
fn a_file_is_all_that_a_new_kind_needs() {
    let registry = folder(&[
        ("notes.toml", NOTES),
        ("broken.toml", "type = "),
        ("README.md", "no template"),
    ]);
    assert_eq!(registry.faults().len(), 1, "{:?}", registry.faults());
    assert!(registry.get("filesystem").is_some());
    let notes = registry.get("notes").unwrap();
    assert_eq!(
        (notes.origin, notes.default_policy),
        (Origin::Folder, DefaultPolicy::AskWrites)
    );
    let render = |config: Value| {
        let checked = notes.check(&config, &none(), &rules()).unwrap();
        match notes
            .render(&checked.config, &checked.secrets, None, &rules())
            .unwrap()
        {
            Definition::Process(process) => process.args,
            Definition::Http(_) => panic!(),
        }
    };
    assert_eq!(
        render(json!({"key": "k", "team": "a b"})),
        ["-y", "notes@1.0.0", "--team", "a b", "${HOME}"]
    );
    assert_eq!(
        render(json!({"key": "k"})),
        ["-y", "notes@1.0.0", "${HOME}"]
    );
}

#[test]
fn faults_name_the_key_and_what_would_be_right() {
    assert_eq!(fault("[needs]", "[need]").0, "need");
    assert!(fault("[needs]", "[need]").1.contains("\"needs\""));
    assert!(
        fault("${config:team}", "${config:taem}")
            .1
            .contains("did you mean \"team\"")
    );
    assert!(
        fault("${config:team}", "${confg:team}")
            .1
            .contains("is no placeholder")
    );
    assert!(
        fault("${config:team}", "${config:team")
            .1
            .contains("without its }")
    );
    assert!(fault("${config:team}", "x").1.contains("never used"));
    assert_eq!(fault("${config:team}", "${input:key}").0, "stdio.args[2]");
    assert!(
        fault("${config:team}", "${token:google.access_token}")
            .1
            .contains("secret")
    );
    assert!(
        fault("${input:key}", "${config:key}")
            .1
            .contains("${input:key}")
    );
    assert_eq!(fault("KEY =", "\"A KEY\" =").0, "stdio.env.A KEY");
    assert_eq!(fault("type = \"notes\"", "type = \"No Tes\"").0, "type");
    assert_eq!(
        fault("required = [\"key\"]", "required = [\"kez\"]").0,
        "config_schema.required"
    );
    assert!(
        fault(
            "{ type = \"string\" }",
            "{ type = \"string\", patern = \"x\" }"
        )
        .1
        .contains("\"pattern\"")
    );
    assert_eq!(
        fault(
            "{ type = \"string\" }",
            "{ type = \"string\", pattern = \"(\" }"
        )
        .0,
        "config_schema.properties.team"
    );
    assert!(
        fault(
            "{ type = \"string\" }",
            "{ type = \"string\", x-when = { kind = \"a\" } }"
        )
        .0
        .ends_with("team.x-when")
    );
    assert_eq!(
        fault("network = \"open\"", "network = \"some\"").0,
        "needs.network"
    );
    assert_eq!(
        fault(
            "[stdio]",
            "http = { url = \"https://x.example/mcp\" }\n[stdio]"
        )
        .0,
        ""
    );
}

#[test]
fn a_row_with_the_older_columns_is_read_as_it_was_meant() {
    let row = Row {
        server_type: "github-old".to_owned(),
        display_name: "GitHub Integration".to_owned(),
        command_template: "npx".to_owned(),
        args_template: Some(r#"["-y", "@modelcontextprotocol/server-github"]"#.to_owned()),
        env_template: Some(r#"{"GITHUB_PERSONAL_ACCESS_TOKEN": "${input:github_token}"}"#.to_owned()),
        config_schema: Some(
            r#"{"type":"object","properties":{"github_token":{"type":"string","description":"Token","required":true}}}"#
                .to_owned(),
        ),
        is_active: true,
        ..Row::default()
    };
    let registry = Registry::builtin().with_rows([row.clone()]);
    assert_eq!(registry.faults(), &[]);
    let template = registry.get("github-old").unwrap();
    let field = template.field("github_token").unwrap();
    assert!(field.secret && field.required);
    let faults = template.check(&json!({}), &none(), &rules()).unwrap_err();
    assert_eq!(faults[0].field, "/github_token");

    let off = Row {
        is_active: false,
        server_type: "github".to_owned(),
        ..row.clone()
    };
    let broken = Row {
        args_template: Some("[1".to_owned()),
        ..row
    };
    let registry = Registry::builtin().with_rows([off, broken]);
    assert!(registry.get("github").is_none());
    assert_eq!(registry.faults()[0].key, "args_template");
    assert_eq!(registry.faults()[0].file, "mcp_server_templates/github-old");
}

/// The rows that guides show, as they show them.
const OLDER: [&str; 3] = [
    r#"{
  "server_type": "github",
  "command_template": "npx",
  "args_template": ["-y", "@modelcontextprotocol/server-github"],
  "env_template": {
    "GITHUB_PERSONAL_ACCESS_TOKEN": "${input:github_token}"
  },
  "config_schema": {
    "type": "object",
    "properties": {
      "github_token": {
        "type": "string",
        "description": "GitHub Personal Access Token",
        "required": true
      }
    }
  }
}"#,
    r#"{
  "server_type": "filesystem", 
  "command_template": "npx",
  "args_template": ["-y", "@modelcontextprotocol/server-filesystem", "${config:allowed_path}"],
  "env_template": {},
  "config_schema": {
    "type": "object",
    "properties": {
      "allowed_path": {
        "type": "string",
        "description": "Шлях до дозволеної директорії",
        "required": true
      }
    }
  }
}"#,
    r#"{
  "server_type": "postgres",
  "command_template": "npx", 
  "args_template": ["-y", "@modelcontextprotocol/server-postgres", "${config:connection_string}"],
  "env_template": {},
  "config_schema": {
    "type": "object",
    "properties": {
      "connection_string": {
        "type": "string",
        "description": "Рядок підключення PostgreSQL",
        "required": true
      }
    }
  }
}"#,
];

fn older() -> Registry {
    let rows = OLDER.map(|text| {
        let row: Value = serde_json::from_str(text).unwrap();
        let column = |name: &str| Some(row[name].to_string());
        Row {
            server_type: row["server_type"].as_str().unwrap().to_owned(),
            display_name: "Older".to_owned(),
            command_template: row["command_template"].as_str().unwrap().to_owned(),
            args_template: column("args_template"),
            env_template: column("env_template"),
            config_schema: column("config_schema"),
            is_active: true,
            ..Row::default()
        }
    });
    let registry = Registry::builtin().with_rows(rows);
    assert_eq!(registry.faults(), &[]);
    registry
}

#[test]
fn the_rows_of_the_guides_are_used_as_safely_as_what_ships() {
    let registry = older();
    let run = |server_type: &str, config: Value| {
        let template = registry.get(server_type).unwrap();
        assert_eq!(template.origin, Origin::Database);
        let checked = template.check(&config, &none(), &rules())?;
        let rendered = template.render(&checked.config, &checked.secrets, None, &rules());
        match rendered.unwrap() {
            Definition::Process(process) => Ok::<_, Vec<Fault>>((checked, process)),
            Definition::Http(http) => panic!("{http:?}"),
        }
    };
    let secret = |process: &ProcessDefinition| match &process.env[..] {
        [(name, Text::Secret(value))] => (name.clone(), value.expose().clone()),
        other => panic!("{other:?}"),
    };

    let (checked, github) = run("github", json!({"github_token": "ghp_0123456789"})).unwrap();
    assert!(checked.config.is_empty());
    let token = "GITHUB_PERSONAL_ACCESS_TOKEN".to_owned();
    assert_eq!(secret(&github), (token, "ghp_0123456789".to_owned()));

    let (_, files) = run("filesystem", json!({"allowed_path": "/files/a"})).unwrap();
    assert_eq!(files.folders, [PathBuf::from("/files/a")]);
    assert_eq!(files.args[2], "/files/a");
    let outside = run("filesystem", json!({"allowed_path": "/etc"}))
        .err()
        .unwrap();
    assert!(matches!(
        outside[0].problem,
        Problem::Folder(FolderProblem::Outside(_))
    ));

    let connection = json!({"connection_string": "postgresql://anna:p%40ss@db:5432/shop"});
    let (checked, postgres) = run("postgres", connection).unwrap();
    assert!(checked.config.is_empty());
    assert_eq!(
        postgres.args[1..],
        [
            "@modelcontextprotocol/server-postgres",
            "postgresql://anna@db:5432/shop"
        ]
    );
    assert_eq!(
        secret(&postgres),
        ("PGPASSWORD".to_owned(), "p@ss".to_owned())
    );
    let file = json!({"connection_string": "postgresql://db/shop?sslkey=/etc/passwd"});
    let wrong = run("postgres", file).err().unwrap();
    assert_eq!(wrong[0].problem, Problem::NotPostgres);
}

#[test]
fn what_cannot_be_read_takes_the_place_of_what_ships_and_offers_nothing() {
    let files = |name: &str| {
        let registry = folder(&[(name, "type = \"filesystem\"\nneeds = 1")]);
        (
            registry.get("filesystem").is_none(),
            registry.faults().len(),
        )
    };
    assert_eq!(files("filesystem.toml"), (true, 1));
    assert_eq!(files("other.toml"), (true, 1));
    for text in ["type = \"filesystem\"\ntitle = ", "title = "] {
        let registry = folder(&[("filesystem.toml", text)]);
        assert!(registry.get("filesystem").is_none(), "{text}");
    }
    let named = folder(&[("a.json", "{\"type\": \"filesystem\",\n\"title\": ")]);
    assert!(named.get("filesystem").is_none() && named.get("fetch").is_some());
    // Nor does a row then count, nor one of two files.
    let row = Registry::builtin().get("filesystem").unwrap().to_row();
    let registry = folder(&[("filesystem.toml", "x")]).with_rows([row.clone()]);
    assert!(registry.get("filesystem").is_none());
    let registry = folder(&[("a.toml", NOTES), ("b.toml", NOTES), ("c.toml", NOTES)]);
    assert!(registry.get("notes").is_none());
    assert_eq!(registry.faults().len(), 2);
    assert!(registry.faults()[0].message.contains("a.toml"));

    let broken = Row {
        config_schema: Some("[1".to_owned()),
        ..row
    };
    assert!(
        Registry::builtin()
            .with_rows([broken.clone()])
            .get("filesystem")
            .is_none()
    );
    // The administrator's file is later than a row.
    let own = NOTES.replace("\"notes\"", "\"filesystem\"");
    let registry = folder(&[("files.toml", &own)]).with_rows([broken]);
    assert!(registry.get("filesystem").is_some());
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a pipe has to be made, and nothing is run by the crate itself"
)]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("fetch.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    std::fs::create_dir(folder.path().join("memory.json")).unwrap();
    let registry = Registry::builtin().with_folder(folder.path());
    assert_eq!(registry.faults().len(), 2);
    assert!(registry.get("fetch").is_none() && registry.get("memory").is_none());
}

#[test]
fn every_template_written_as_a_row_reads_back_the_same() {
    for template in Registry::builtin().all() {
        let read = Template::from_row(&template.to_row()).unwrap();
        assert_eq!(read.to_row(), template.to_row());
        assert_eq!(
            format!("{:?}", read.transport),
            format!("{:?}", template.transport)
        );
        assert_eq!(
            (read.needs, read.policies, read.title),
            (
                template.needs.clone(),
                template.policies.clone(),
                template.title.clone()
            )
        );
    }
}

#[test]
fn the_administrators_file_wins_over_the_row_and_the_row_over_what_ships() {
    let named = |name: &str| {
        NOTES
            .replace("\"notes\"", "\"fetch\"")
            .replace("en = \"Notes\"", &format!("en = \"{name}\""))
    };
    let row = Template::from_row(
        &folder(&[("a.toml", &named("row"))])
            .get("fetch")
            .unwrap()
            .to_row(),
    )
    .unwrap()
    .to_row();
    let of = |registry: &Registry| {
        registry
            .get("fetch")
            .unwrap()
            .title
            .get(deputy_core::Language::Ru)
            .to_owned()
    };
    assert_eq!(of(&Registry::builtin()), "Веб-страницы");
    assert_eq!(of(&Registry::builtin().with_rows([row.clone()])), "row");
    assert_eq!(
        of(&folder(&[("a.toml", &named("file"))]).with_rows([row])),
        "file"
    );
}

#[test]
fn the_template_of_the_documentation_is_one() {
    let text = include_str!("../../../../docs/adding-a-server-template.md");
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (template, _) = rest.split_once("```").unwrap();
    let registry = folder(&[("wiki.toml", template)]);
    assert_eq!(registry.faults(), &[]);
    let config = json!({"url": "https://wiki.example.com", "token": "wk_0123456789abcdefghij"});
    assert!(
        registry
            .get("wiki")
            .unwrap()
            .check(&config, &none(), &rules())
            .is_ok()
    );
    let registry = folder(&[(
        "wiki.toml",
        &template.replace("${config:url}", "${config:ulr}"),
    )]);
    assert!(
        text.contains("\"ulr\" is not a property of config_schema; did you mean \"url\"?")
            && registry.faults()[0].to_string().ends_with(
                "stdio.args[2]: \"ulr\" is not a property of config_schema; did you mean \"url\"?"
            )
    );
}
