//! A kind of server that an administrator adds to the database, as the guides describe it.

use reqwest::StatusCode;
use serde_json::json;

use super::{add, text};
use crate::support::{App, Options, Person, on_each, runners};

/// In the words of the guides: columns that are filled in, `allowed_path` for a folder.
const ROW: &str = r#"INSERT INTO mcp_server_templates
    (server_type, display_name, description, command_template, args_template, config_schema)
    VALUES ('from-a-row', 'From a row', 'For the tests.', 'node',
        '["${config:allowed_path}/notes.mjs", "${config:allowed_path}/description"]',
        '{"type": "object", "required": ["allowed_path"], "properties": {"allowed_path": {"type": "string"}}}')"#;

async fn kinds(person: &Person) -> String {
    person.get("api/v1/templates").await.body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_a_kind_of_server_that_works_and_keeps_to_its_folder() {
    let Some(path) = runners() else { return };
    on_each(async |engine| {
        let mut app = App::start(Options::on(engine).with("PATH", &path)).await;
        let alice = app.person("alice").await;
        assert!(!kinds(&alice).await.contains("from-a-row"));
        deputy_store::testing::execute(&app.database(), ROW).await;
        app.restart().await;
        assert!(kinds(&alice).await.contains("From a row"));

        let notes =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/notes.mjs");
        let outside = app.folder.path().join("outside");
        let folder = app.folder.path().join("data/files/1/notes");
        for folder in [&outside, &folder] {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::copy(&notes, folder.join("notes.mjs")).unwrap();
            std::fs::write(folder.join("description"), "Reads a note").unwrap();
        }
        let new = json!({
            "server_name": "out", "server_type": "from-a-row", "config": { "allowed_path": outside },
        });
        let refused = alice.post("api/v1/servers", &new).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert_eq!(
            refused.body["error"]["pointer"], "/config/allowed_path",
            "{refused:?}"
        );
        let config = json!({ "allowed_path": folder });
        add(&alice, "rowed", "from-a-row", config, "auto").await;
        let said = text(&alice, "rowed__read_note", &json!({})).await;
        assert!(said.starts_with("read_note by "), "{said}");
        assert!(app.server().stop().success());
    })
    .await;
}
