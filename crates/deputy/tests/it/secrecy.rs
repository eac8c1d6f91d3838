//! Secrets that were planted are nowhere: not in the database, its log, the program's logs or any
//! process's arguments.

use std::path::{Path, PathBuf};

use deputy_store::testing::execute;
use serde_json::json;

use crate::support::{App, Engine, Options, PASSWORD, on_each};

const CANARIES: [&str; 3] = [
    "CANARY-ACCESS-5d1f",
    "CANARY-REFRESH-83c7",
    "CANARY-BODY-41aa",
];

/// The files under a folder that hold a text.
fn search(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(search(&path, text));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

/// Fails where a row of any table of a PostgreSQL database holds the text.
async fn search_rows(url: &str, text: &str) {
    let hex = text
        .bytes()
        .fold(String::new(), |hex, b| hex + &format!("{b:02x}"));
    let block = format!(
        "DO $$ DECLARE t record; n bigint; BEGIN
           FOR t IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' LOOP
             EXECUTE format('SELECT count(*) FROM %I x WHERE x::text LIKE %L OR x::text LIKE %L', t.table_name, '%{text}%', '%{hex}%') INTO n;
             IF n > 0 THEN RAISE EXCEPTION 'table % holds it', t.table_name; END IF;
           END LOOP;
         END $$"
    );
    execute(url, &block).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_stored_logged_or_shown_among_arguments() {
    on_each(async |engine| {
        let options = Options::on(engine)
            .with("RUST_LOG", "trace")
            .with("GOOGLE_ISOLATION", "process");
        let mut app = App::start(options).await;
        let key = std::fs::read_to_string(app.folder.path().join("key"))
            .unwrap()
            .trim()
            .to_owned();
        // A consent whose tokens we know.
        let scopes = [
            "calendar",
            "calendar.events",
            "gmail.readonly",
            "gmail.send",
            "gmail.compose",
            "drive",
            "documents",
        ]
        .map(|s| format!("https://www.googleapis.com/auth/{s}"));
        let tokens = json!({
            "access_token": CANARIES[0], "refresh_token": CANARIES[1], "expires_in": 3600, "token_type": "Bearer",
            "scope": scopes.join(" "),
        });
        app.fault(json!({ "path": "/token", "verb": "POST", "fault": "canned", "body": tokens }))
            .await;
        let alice = app.connected("alice").await;
        let status = alice.get("api/v1/integrations/status").await;
        assert_eq!(status.data()["google"]["status"], "connected", "{status:?}");

        // A call with them that works; one whose arguments and answer hold a secret; one that asks.
        let canned = json!({ "items": [{
            "id": "abcdefgh", "summary": CANARIES[2], "status": "confirmed",
            "start": { "dateTime": "2026-12-01T10:00:00Z" }, "end": { "dateTime": "2026-12-01T11:00:00Z" }
        }] });
        app.fault(json!({ "path": "/calendar/v3/calendars/primary/events", "fault": "canned", "body": canned })).await;
        let listed = alice
            .try_call(
                "list_calendar_events",
                &json!({ "time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-02T00:00:00Z" }),
            )
            .await;
        assert!(listed.body.to_string().contains(CANARIES[2]), "{listed:?}");
        let mail = json!({ "to": "a@sandbox.test", "subject": "s", "body": CANARIES[2] });
        assert_eq!(
            alice.try_call("send_email", &mail).await.status.as_u16(),
            202
        );
        arguments_hold_none(&[CANARIES[0], CANARIES[1], PASSWORD, &alice.token, &key]);
        // The real Google knows none of them: refused, refreshed, withdrawn.
        let refused = alice.try_call("list_files", &json!({})).await;
        assert_eq!(refused.code(), "NOT_CONNECTED", "{refused:?}");
        app.browser()
            .sign_in("alice", "CANARY-WRONG-PASSWORD")
            .await;
        alice
            .with_token("CANARY-WRONG-TOKEN")
            .get("api/v1/me")
            .await;

        let secret = [
            CANARIES[0],
            CANARIES[1],
            CANARIES[2],
            PASSWORD,
            &alice.token,
            &key,
            "CANARY-WRONG-PASSWORD",
            "CANARY-WRONG-TOKEN",
            "sandbox-secret",
        ];
        stored_nowhere(&app, engine, &secret).await;
        assert!(app.server().stop().success());
        let said = app.server().last_words();
        assert!(said.lines().count() > 20, "nothing was logged:\n{said}");
        for text in secret {
            let line = said.lines().find(|line| line.contains(text));
            assert!(line.is_none(), "the log holds '{text}': {line:?}");
        }
    })
    .await;
}

fn arguments_hold_none(texts: &[&str]) {
    let own = std::process::id().to_string();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(&own) {
            continue;
        }
        let Ok(command) = std::fs::read(path.join("cmdline")) else {
            continue;
        };
        let command = String::from_utf8_lossy(&command);
        for text in texts {
            assert!(
                !command.contains(text),
                "{} has '{text}' among its arguments",
                path.display()
            );
        }
    }
}

async fn stored_nowhere(app: &App, engine: Engine, secret: &[&str]) {
    // What runs is in the write-ahead log, too.
    let data = app.folder.path().join("data");
    match engine {
        Engine::Sqlite => {
            assert!(
                !search(&data, "send_email").is_empty(),
                "the search finds nothing at all"
            );
            for text in secret {
                assert_eq!(
                    search(&data, text),
                    [] as [PathBuf; 0],
                    "'{text}' is stored"
                );
            }
        }
        Engine::Postgres => {
            let url = app.database();
            let there = tokio::spawn({
                let url = url.clone();
                async move { search_rows(&url, "send_email").await }
            });
            assert!(there.await.is_err(), "the search finds nothing at all");
            for text in secret {
                search_rows(&url, text).await;
            }
        }
    }
}
