//! What an administrator does with commands while the server runs, and what keeps callers in bounds.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use deputy_store::testing::execute;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, Engine, Options, PASSWORD, Person, Process, both, deputy, on_each};

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" })
}

fn event(summary: &str) -> Value {
    json!({ "summary": summary, "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00" })
}

async fn works(person: &Person) {
    person.call("list_calendar_events", &day()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_written_out_and_shows_tampering() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        for n in 0..3 {
            alice
                .call(
                    "create_calendar_event",
                    &event(&format!("private title {n}")),
                )
                .await;
        }
        works(&alice).await;
        let (code, out, err) = app.run(&["audit", "verify"], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");

        let (code, out, err) = app.run(&["audit", "export"], "");
        assert_eq!(code, 0, "{err}");
        assert!(!out.contains("private title"), "the log holds arguments");
        let records: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let places: Vec<i64> = records.iter().map(|r| r["seq"].as_i64().unwrap()).collect();
        assert_eq!(
            places,
            (1..=i64::try_from(records.len()).unwrap()).collect::<Vec<_>>()
        );
        let started = records
            .iter()
            .filter(|r| r["action"] == "tool.call" && r["outcome"] == "started")
            .count();
        assert_eq!(started, 3, "{out}");
        // The same as the person sees.
        let seen = alice.get("api/v1/audit?limit=500").await;
        let one = records
            .iter()
            .find(|r| r["action"] == "tool.result")
            .unwrap();
        let same = seen
            .data()
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["seq"] == one["seq"])
            .unwrap()
            .clone();
        assert_eq!(
            (&same["call_id"], &same["target"]),
            (&one["call_id"], &one["target"])
        );

        // A row changed, back again, a row gone, the end cut off.
        let victim = one["seq"].as_i64().unwrap();
        let broken = |what: &str| {
            let (code, out, err) = app.run(&["audit", "verify"], "");
            assert_eq!(code, 1, "{what}: {out}{err}");
            out
        };
        execute(
            &app.database(),
            &format!("UPDATE audit_log SET outcome = 'ok!' WHERE id = {victim}"),
        )
        .await;
        let out = broken("a changed row");
        assert!(out.contains(&format!("record {victim}:")), "{out}");
        execute(
            &app.database(),
            &format!("UPDATE audit_log SET outcome = 'ok' WHERE id = {victim}"),
        )
        .await;
        assert_eq!(app.run(&["audit", "verify"], "").0, 0);
        execute(
            &app.database(),
            &format!("DELETE FROM audit_log WHERE id = {victim}"),
        )
        .await;
        broken("a missing row");
    })
    .await;
}

fn key_file(app: &App, name: &str) -> String {
    let (code, key, _) = app.run(&["key", "generate"], "");
    assert_eq!(code, 0);
    let path = app.folder.path().join(name);
    std::fs::write(&path, &key).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_while_the_server_runs() {
    both(|mut app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let old = std::fs::read_to_string(app.folder.path().join("key"))
            .unwrap()
            .trim()
            .to_owned();
        let new = key_file(&app, "key2");
        app.set("TOKEN_ENCRYPTION_KEY_FILE", &new);

        // The new key alone opens nothing: said at the start, not at the first call.
        assert!(app.server().stop().success());
        let output = app.command(&["serve"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("TOKEN_ENCRYPTION_KEY"), "{said}");

        app.set("TOKEN_ENCRYPTION_KEYS_OLD", &old);
        app.start_server().await;
        works(&alice).await;
        let asked = alice
            .try_call(
                "send_email",
                &json!({ "to": "bob@sandbox.test", "subject": "Kept", "body": "b" }),
            )
            .await;
        let approval = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
        // While calls are made, twice at once.
        let (calls, codes) = tokio::join!(
            async {
                for _ in 0..5 {
                    works(&alice).await;
                    works(&bob).await;
                }
                5
            },
            async {
                let rotations = [
                    app.command(&["key", "rotate"]).spawn().unwrap(),
                    app.command(&["key", "rotate"]).spawn().unwrap(),
                ];
                tokio::task::spawn_blocking(|| rotations.map(|mut r| r.wait().unwrap().code()))
                    .await
                    .unwrap()
            }
        );
        assert_eq!(calls, 5);
        assert!(
            codes.iter().all(|code| matches!(code, Some(0 | 1))),
            "{codes:?}"
        );
        let (code, _, err) = app.run(&["key", "rotate"], "");
        assert_eq!(code, 0, "{err}");
        assert!(err.contains("nothing is left"), "{err}");

        // The old key can go; everything opens still.
        app.unset("TOKEN_ENCRYPTION_KEYS_OLD");
        app.restart().await;
        works(&alice).await;
        works(&bob).await;
        assert_eq!(
            alice.decide(&approval, "approve").await.status.as_u16(),
            200
        );
        assert_eq!(app.run(&["audit", "verify"], "").0, 0);
    })
    .await;
}

/// Settings, and what the program says of them.
type Wrong<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn wrong_settings_end_the_program_and_say_which() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |settings: &[(&str, &str)]| {
        let mut command = deputy(&["serve"]);
        command
            .current_dir(folder.path())
            .env("DEPUTY_LISTEN", "127.0.0.1:0");
        command.env("DEPUTY_DATA_DIR", folder.path().join("data"));
        for (name, value) in settings {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let key = String::from_utf8(deputy(&["key", "generate"]).output().unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned();
    let readable = folder.path().join("readable");
    std::fs::write(&readable, &key).unwrap();
    std::fs::set_permissions(&readable, std::fs::Permissions::from_mode(0o644)).unwrap();
    let readable = readable.display().to_string();
    let cases: &[Wrong] = &[
        (&[], &["TOKEN_ENCRYPTION_KEY", "deputy key generate"]),
        (
            &[("TOKEN_ENCRYPTION_KEY", "abc123")],
            &["TOKEN_ENCRYPTION_KEY", "64"],
        ),
        (
            &[("TOKEN_ENCRYPTION_KEY", &"ab".repeat(32))],
            &["TOKEN_ENCRYPTION_KEY", "repeats"],
        ),
        (
            &[("TOKEN_ENCRYPTION_KEY", &"zz".repeat(32))],
            &["TOKEN_ENCRYPTION_KEY"],
        ),
        (
            &[("TOKEN_ENCRYPTION_KEY_FILE", "/nonexistent/key")],
            &["TOKEN_ENCRYPTION_KEY_FILE"],
        ),
        (
            &[("TOKEN_ENCRYPTION_KEY_FILE", &readable)],
            &["TOKEN_ENCRYPTION_KEY_FILE", "chmod 600"],
        ),
        (
            &[
                ("TOKEN_ENCRYPTION_KEY", &key),
                ("TOKEN_ENCRYPTION_KEYS_OLD", "beef"),
            ],
            &["TOKEN_ENCRYPTION_KEYS_OLD"],
        ),
        (
            &[
                ("TOKEN_ENCRYPTION_KEY", &key),
                ("DATABASE_URL", "mysql://x"),
            ],
            &["DATABASE_URL", "postgres://"],
        ),
        (
            &[
                ("TOKEN_ENCRYPTION_KEY", &key),
                ("GOOGLE_API_URL", "http://example.org/"),
            ],
            &["GOOGLE_API_URL", "https"],
        ),
        (
            &[("TOKEN_ENCRYPTION_KEY", &key), ("GOOGLE_ISOLATION", "none")],
            &["GOOGLE_ISOLATION", "process"],
        ),
        (
            &[
                ("TOKEN_ENCRYPTION_KEY", &key),
                ("DEPUTY_LIMITS_CALLS_PER_MIN", "many"),
            ],
            &["DEPUTY_LIMITS_CALLS_PER_MIN"],
        ),
        (
            &[("TOKEN_ENCRYPTION_KEY", &key), ("GOOGLE_CLIENT_ID", "x")],
            &["GOOGLE_CLIENT_SECRET"],
        ),
    ];
    for (settings, expected) in cases {
        let (code, said) = serve(settings);
        let names: Vec<&str> = settings.iter().map(|(name, _)| *name).collect();
        assert_eq!(code, Some(78), "{names:?}: {said}");
        for text in *expected {
            assert!(said.contains(text), "{names:?}: no '{text}' in: {said}");
        }
        assert!(
            !said.contains(&key) && !said.contains("abc123"),
            "a key is shown: {said}"
        );
    }
}

#[test]
fn an_unknown_key_of_the_file_is_named_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("deputy.toml"),
        "listne = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let output = deputy(&["serve"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("'listne'") && said.contains("'listen'"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_goes_down_and_up() {
    both(|mut app| async move {
        let states = |app: &App| {
            let (code, out, err) = app.run(&["db", "status"], "");
            assert_eq!(code, 0, "{err}");
            out.lines()
                .map(|l| l.split('\t').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let all = states(&app);
        assert!(
            !all.is_empty() && all.iter().all(|s| s == "applied"),
            "{all:?}"
        );
        assert!(app.server().stop().success());
        assert_eq!(app.run(&["db", "rollback"], "").0, 0);
        assert_eq!(states(&app).iter().filter(|s| *s == "missing").count(), 1);
        assert_eq!(app.run(&["db", "migrate"], "").0, 0);
        assert!(states(&app).iter().all(|s| s == "applied"));
        let (code, _, err) = app.run(&["db", "rollback", "--steps", &all.len().to_string()], "");
        assert_eq!(code, 0, "{err}");
        assert!(states(&app).iter().all(|s| s == "missing"));
        // A server brings the schema up by itself.
        app.start_server().await;
        assert!(states(&app).iter().all(|s| s == "applied"));
        let alice = app.connected("alice").await;
        works(&alice).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_kept_out_let_in_and_deleted_while_the_server_runs() {
    both(|app| async move {
        let root = app.connected("root").await;
        let bob = app.connected("bob").await;
        let mut browser = app.browser();
        browser.sign_in("bob", PASSWORD).await;
        works(&bob).await;
        let asked = bob
            .try_call(
                "send_email",
                &json!({ "to": "a@sandbox.test", "subject": "s", "body": "b" }),
            )
            .await;
        let approval = asked.data()["approval"]["id"].as_str().unwrap().to_owned();

        assert_eq!(app.run(&["user", "disable", "bob"], "").0, 0);
        let out = bob.get("api/v1/tools").await;
        assert_eq!((out.status.as_u16(), out.code()), (401, "UNAUTHORIZED"));
        assert_eq!(bob.decide(&approval, "approve").await.status.as_u16(), 401);
        assert_eq!(browser.open("connect").await.url.path(), "/login");
        let refused = app.browser().sign_in("bob", PASSWORD).await;
        assert_eq!(refused.url.path(), "/login", "{refused:?}");

        assert_eq!(app.run(&["user", "enable", "bob"], "").0, 0);
        let mut again = app.browser();
        assert_eq!(again.sign_in("bob", PASSWORD).await.url.path(), "/");
        let (_, token, _) = app.run(&["token", "create", "--user", "bob", "--scope", "all"], "");
        let bob = bob.with_token(token.trim());
        works(&bob).await;

        // A new password signs out everywhere.
        assert_eq!(
            app.run(
                &["user", "passwd", "bob", "--password-stdin"],
                "another good passphrase"
            )
            .0,
            0
        );
        assert_eq!(again.open("connect").await.url.path(), "/login");
        assert_eq!(
            app.browser().sign_in("bob", PASSWORD).await.url.path(),
            "/login"
        );

        let since = app.last_request().await;
        let (code, _, said) = app.run(&["user", "delete", "bob"], "");
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("could not be told"), "{said}");
        let log = app
            .observe(&format!("log?path=/revoke&since={since}"))
            .await;
        let told = log["requests"].as_array().unwrap().iter();
        assert_eq!(told.filter(|r| r["status"] == 200).count(), 1, "{log}");
        assert_eq!(bob.get("api/v1/tools").await.status.as_u16(), 401);
        assert!(!app.run(&["user", "list"], "").1.contains("bob"));
        works(&root).await;
        assert_eq!(
            app.run(&["audit", "verify"], "").0,
            0,
            "deleting a user breaks the chain"
        );

        // Another Bob is another person: nothing of the first is theirs.
        let second = app.person("bob").await;
        assert!(
            second
                .get("api/v1/approvals")
                .await
                .data()
                .as_array()
                .unwrap()
                .is_empty()
        );
        // Nothing is on record of this one but that they were added.
        let records = second.get("api/v1/audit").await;
        let actions: BTreeSet<&str> = records
            .data()
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["action"].as_str().unwrap())
            .collect();
        assert_eq!(actions, BTreeSet::from(["token.create", "user.add"]));
        assert_eq!(
            second.get("api/v1/integrations/status").await.data()["google"]["status"],
            "disconnected"
        );
        assert_eq!(
            second.decide(&approval, "approve").await.status.as_u16(),
            404
        );
        assert_eq!(
            second
                .with_token(&bob.token)
                .get("api/v1/me")
                .await
                .status
                .as_u16(),
            401
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_gives_the_first_answer_to_its_person() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let path = "api/v1/tools/create_calendar_event/call";
        let (one, two) = (event("One"), event("Two"));
        let keyed = |person: &Person, body: &Value| {
            let (person, body) = (person.clone(), body.clone());
            async move {
                person
                    .request(
                        Method::POST,
                        path,
                        Some(&body),
                        &[("Idempotency-Key", "same")],
                    )
                    .await
            }
        };
        let first = keyed(&alice, &one).await;
        let again = keyed(&alice, &one).await;
        assert_eq!(first.data(), again.data());
        let other = keyed(&alice, &two).await;
        assert_eq!((other.status.as_u16(), other.code()), (409, "CONFLICT"));
        // Bob's key of the same name is Bob's.
        let bobs = keyed(&bob, &two).await;
        assert_eq!(bobs.data()["structured"]["event"]["summary"], "Two");
        let listed = alice.call("list_calendar_events", &day()).await;
        assert_eq!(listed["events"].as_array().unwrap().len(), 1);
        // A call that asks is the same question, and then the same answer.
        let mail = json!({ "to": "bob@sandbox.test", "subject": "Key", "body": "b" });
        let send = || {
            let (alice, mail) = (alice.clone(), mail.clone());
            let path = "api/v1/tools/send_email/call";
            async move {
                alice
                    .request(
                        Method::POST,
                        path,
                        Some(&mail),
                        &[("Idempotency-Key", "mail")],
                    )
                    .await
            }
        };
        let asked = send().await;
        let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
        assert_eq!(send().await.data()["approval"]["id"], json!(id));
        assert_eq!(alice.decide(&id, "approve").await.status.as_u16(), 200);
        let (one, two) = (send().await, send().await);
        assert_eq!((one.status.as_u16(), one.data()), (200, two.data()));
        let found = bob
            .call("search_emails", &json!({ "query": "in:inbox subject:Key" }))
            .await;
        assert_eq!(found["emails"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_sign_ins_are_throttled() {
    on_each(async |engine| {
        let options = Options::on(engine)
            .with("DEPUTY_LIMITS_CALLS_PER_MIN", "4")
            .with("DEPUTY_LIMITS_LOGIN_PER_5MIN", "3");
        let app = App::start(options).await;
        let (alice, bob) = (app.connected("alice").await, app.connected("bob").await);
        for _ in 0..4 {
            works(&alice).await;
        }
        let refused = alice.try_call("list_calendar_events", &day()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (429, "RATE_LIMITED")
        );
        assert!(
            (1..=60).contains(&refused.retry_after.unwrap()),
            "{refused:?}"
        );
        works(&bob).await;

        for _ in 0..3 {
            let page = app.browser().sign_in("carol", "not the password").await;
            assert_eq!(page.url.path(), "/login");
        }
        let page = app.browser().sign_in("carol", "not the password").await;
        assert_eq!(page.status.as_u16(), 429, "{page:?}");
    })
    .await;
}

/// The webhook of the settings, from a server whose audit log can't be written.
#[tokio::test(flavor = "multi_thread")]
async fn the_alert_webhook_of_the_settings_is_told() {
    let mut app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.connected("alice").await;
    alice
        .call("create_calendar_event", &event("on record"))
        .await;
    assert!(app.server().stop().success());
    execute(
        &app.database(),
        "ALTER TABLE audit_head RENAME TO audit_head_gone",
    )
    .await;

    let (inbox, mut received) = tokio::sync::mpsc::unbounded_channel::<String>();
    let take = move |body: String| {
        let inbox = inbox.clone();
        async move {
            let _ = inbox.send(body);
        }
    };
    let hook = axum::Router::new().route("/hook", axum::routing::post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let world = deputy_core::Lifecycle::new();
    world.spawn(async move { axum::serve(listener, hook).await });
    app.set("DEPUTY_ALERT_WEBHOOK", &url);
    // Not ready, and so not waited for.
    let mut server = Process::start(app.command(&["serve"]));
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), received.recv()).await;
    let told: Value = serde_json::from_str(&told.expect("it is told").unwrap()).unwrap();
    assert_eq!(told["event"], "critical", "{told}");
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("the audit log can't be written"), "{told}");
    server.kill();
}
