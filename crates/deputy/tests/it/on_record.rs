//! What administrators do with commands is on record like what people do, in one chain with what
//! the server writes; and what somebody does to that chain is named.

use deputy_store::testing::execute;
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, both};

fn records(app: &App) -> Vec<Value> {
    let (code, out, err) = app.run(&["audit", "export"], "");
    assert_eq!(code, 0, "{err}");
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The commands' records, as far as they are the same on every run.
fn acts(app: &App) -> Vec<(String, String, String)> {
    let text = |record: &Value, field: &str| record[field].as_str().unwrap().to_owned();
    records(app)
        .iter()
        .filter(|record| record["caller"] == "cli")
        .map(|record| {
            (
                text(record, "action"),
                text(record, "target"),
                text(record, "outcome"),
            )
        })
        .collect()
}

fn redirect() -> [&'static str; 5] {
    [
        "client",
        "add",
        "inspector",
        "--redirect-uri",
        "https://example.org/cb",
    ]
}

/// Does each act, and some that fail; the number of the token that it made.
fn commands(app: &App) -> String {
    let run = |args: &[&str], input: &str, wanted: i32| {
        let (code, out, err) = app.run(args, input);
        assert_eq!(code, wanted, "{args:?}: {err}");
        out
    };
    run(&["user", "add", "bob", "--password-stdin"], PASSWORD, 0);
    run(&["user", "add", "bob", "--password-stdin"], PASSWORD, 1);
    run(&["user", "disable", "bob"], "", 0);
    run(&["user", "enable", "bob"], "", 0);
    let another = "another good passphrase";
    run(&["user", "passwd", "bob", "--password-stdin"], another, 0);
    run(
        &["token", "create", "--user", "bob", "--name", "laptop"],
        "",
        0,
    );
    let listed = run(&["token", "list", "--user", "bob"], "", 0);
    let id = listed.split('\t').next().unwrap().to_owned();
    run(&["token", "revoke", &id], "", 0);
    run(&["token", "revoke", &id], "", 1);
    run(&redirect(), "", 0);
    run(&["client", "remove", "inspector"], "", 0);
    run(&["client", "remove", "inspector"], "", 1);
    run(&["key", "rotate"], "", 0);
    run(&["user", "delete", "bob"], "", 0);
    run(&["user", "delete", "bob"], "", 1);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_of_commands_are_on_record_in_one_chain_with_the_servers() {
    both(|app| async move {
        let root = app.connected("root").await;
        let begun = acts(&app).len();
        let day = json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" });
        // The server writes all the while.
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut calls = tokio::task::JoinSet::new();
        calls.spawn(async move {
            let mut made = 0;
            while !*stopped.borrow() {
                root.call("list_calendar_events", &day).await;
                made += 1;
            }
            made
        });
        let id = tokio::task::block_in_place(|| commands(&app));
        stop.send(true).unwrap();
        assert!(calls.join_next().await.unwrap().unwrap() > 1);
        let (code, out, err) = app.run(&["audit", "verify"], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");

        let pair = |action: &str, target: &str, ended: &str, outcome: &str| {
            [
                (action.to_owned(), target.to_owned(), "started".to_owned()),
                (action.to_owned(), ended.to_owned(), outcome.to_owned()),
            ]
        };
        let wanted: Vec<_> = [
            pair("user.add", "bob", "bob", "ok"),
            pair("user.add", "bob", "bob", "failed"),
            pair("user.disable", "bob", "bob", "ok"),
            pair("user.enable", "bob", "bob", "ok"),
            pair("user.password", "bob", "bob", "ok"),
            pair("token.create", "laptop", &id, "ok"),
            pair("token.revoke", &id, &id, "ok"),
            pair("client.add", "inspector", "inspector", "ok"),
            pair("client.remove", "inspector", "inspector", "ok"),
            pair("key.rotate", "root key", "root key", "ok"),
            pair("user.delete", "bob", "bob", "ok"),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(acts(&app)[begun..], wanted);
        let all = records(&app);
        let told = serde_json::to_string(&all).unwrap();
        assert!(!told.contains("another good passphrase") && !told.contains(PASSWORD));
        let of_bob: Vec<&Value> = all.iter().filter(|r| r["action"] == "user.enable").collect();
        assert_eq!(of_bob.len(), 2);
        assert_ne!(of_bob[0]["user_id"], Value::Null, "it is the person's record");
        assert_eq!(of_bob[0]["user_id"], of_bob[1]["user_id"]);

        // Words for people, not names for programs.
        let mut browser = app.browser();
        browser.sign_in("root", PASSWORD).await;
        let page = browser.open("activity?person=all").await;
        assert!(page.status.is_success(), "{page:?}");
        for words in ["Command line", "User deleted", "Root key changed"] {
            assert!(page.html.contains(words), "{words}: {}", page.html);
        }

        tampering_is_named(&app).await;
    })
    .await;
}

/// Each thing somebody may do to the rows, and which record is then printed; undone each time.
async fn tampering_is_named(app: &App) {
    let execute = async |statements: &str| execute(&app.database(), statements).await;
    execute(
        "CREATE TABLE kept_log AS SELECT * FROM audit_log; CREATE TABLE kept_head AS SELECT * FROM audit_head",
    )
    .await;
    let last = records(app).len();
    let insert = format!(
        "INSERT INTO audit_log SELECT {}, created_at, user_id, caller, action, target, call_id, outcome, detail, hash \
         FROM kept_log WHERE id = {last}",
        last + 1
    );
    let cases = [
        ("UPDATE audit_log SET target = 'x' WHERE id = 1".to_owned(), 1),
        ("UPDATE audit_log SET user_id = NULL WHERE id = 4".to_owned(), 4),
        (format!("UPDATE audit_log SET created_at = created_at - 1 WHERE id = {last}"), last),
        ("DELETE FROM audit_log WHERE id = 1".to_owned(), 1),
        ("DELETE FROM audit_log WHERE id = 7".to_owned(), 7),
        (format!("DELETE FROM audit_log WHERE id = {last}"), last),
        ("UPDATE audit_log SET id = 0 WHERE id = 5; UPDATE audit_log SET id = 5 WHERE id = 6; UPDATE audit_log SET id = 6 WHERE id = 0".to_owned(), 5),
        (insert, last + 1),
        ("DELETE FROM audit_head".to_owned(), last),
        ("UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit_log WHERE id = 3); DELETE FROM audit_log WHERE id > 3".to_owned(), 3),
    ];
    for (statements, seq) in cases {
        execute(&statements).await;
        let (code, out, err) = app.run(&["audit", "verify"], "");
        assert_eq!(code, 1, "{statements}: {out}{err}");
        assert!(
            out.starts_with(&format!("record {seq}: ")) && out.lines().count() == 1,
            "{statements}: {out}"
        );
        assert!(err.contains("tampered"), "{err}");
        execute(
            "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM kept_log; \
             DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head",
        )
        .await;
    }
    assert_eq!(app.run(&["audit", "verify"], "").0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_put_on_record_is_not_done() {
    both(|mut app| async move {
        app.person("root").await;
        let (code, _, err) = app.run(&["user", "add", "bob", "--password-stdin"], PASSWORD);
        assert_eq!(code, 0, "{err}");
        assert_eq!(app.run(&redirect(), "").0, 0);
        let listed =
            |app: &App| ["user", "token", "client"].map(|what| app.run(&[what, "list"], "").1);
        let before = listed(&app);
        let id = before[1].split('\t').next().unwrap().to_owned();
        let other = [
            "client",
            "add",
            "other",
            "--redirect-uri",
            "https://example.org/cb",
        ];
        let commands: [(&[&str], &str); 10] = [
            (&["user", "add", "eve", "--password-stdin"], PASSWORD),
            (&["user", "disable", "bob"], ""),
            (&["user", "enable", "bob"], ""),
            (
                &["user", "passwd", "bob", "--password-stdin"],
                "another good passphrase",
            ),
            (&["user", "delete", "bob"], ""),
            (&["token", "create", "--user", "bob"], ""),
            (&["token", "revoke", &id], ""),
            (&other, ""),
            (&["client", "remove", "inspector"], ""),
            (&["key", "rotate"], ""),
        ];
        execute(&app.database(), "ALTER TABLE audit_head RENAME TO away").await;
        for (args, input) in commands {
            let (code, out, err) = app.run(args, input);
            assert_eq!((code, out.as_str()), (1, ""), "{args:?}: {err}");
            assert!(
                err.contains("nothing was done: it can't be put on record"),
                "{args:?}: {err}"
            );
        }
        execute(&app.database(), "ALTER TABLE away RENAME TO audit_head").await;
        assert_eq!(listed(&app), before);

        // Without the key, or with another one.
        let key = app
            .settings
            .iter()
            .find(|(name, _)| name == "TOKEN_ENCRYPTION_KEY_FILE");
        let key = key.unwrap().1.clone();
        app.unset("TOKEN_ENCRYPTION_KEY_FILE");
        for (args, input) in commands {
            let (code, out, err) = app.run(args, input);
            assert_eq!((code, out.as_str()), (78, ""), "{args:?}: {err}");
            assert!(err.contains("TOKEN_ENCRYPTION_KEY_FILE"), "{args:?}: {err}");
        }
        let (_, fresh, _) = app.run(&["key", "generate"], "");
        app.set("TOKEN_ENCRYPTION_KEY", fresh.trim());
        let (code, _, err) = app.run(&["user", "disable", "bob"], "");
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("nothing was done"), "{err}");
        app.unset("TOKEN_ENCRYPTION_KEY");
        app.set("TOKEN_ENCRYPTION_KEY_FILE", &key);
        assert_eq!(listed(&app), before);
        let (code, _, err) = app.run(&["audit", "verify"], "");
        assert_eq!(code, 0, "{err}");
        let mut browser = app.browser();
        assert_eq!(
            browser.sign_in("bob", PASSWORD).await.url.path(),
            "/",
            "the password is the old one"
        );
    })
    .await;
}
