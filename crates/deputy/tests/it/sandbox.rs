//! `deputy sandbox`: one command, everything works.

use serde_json::{Value, json};

use crate::support::{Browser, Person, Process, deputy};

fn start(folder: &std::path::Path) -> (Process, Value) {
    let data = folder.join("data").display().to_string();
    let mut process = Process::start(deputy(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--data",
        &data,
        "--json",
    ]));
    let facts = serde_json::from_str(&process.line_with("\"url\"")).unwrap();
    (process, facts)
}

fn demo(facts: &Value) -> Person {
    let text = |key: &str| facts[key].as_str().unwrap();
    Person::new(
        format!("{}/", text("url")).parse().unwrap(),
        "demo".to_owned(),
        text("token").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_has_a_working_deputy_after_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, facts) = start(folder.path());
    assert_eq!(
        (&facts["user"], &facts["password"]),
        (&json!("demo"), &json!("demo"))
    );
    assert_eq!(
        (&facts["telegram_url"], &facts["model_url"]),
        (&Value::Null, &Value::Null)
    );
    let person = demo(&facts);
    let status = person.get("api/v1/integrations/status").await;
    assert_eq!(
        status.data()["google"]["services"],
        json!({ "calendar": true, "gmail": true, "drive": true })
    );

    let google: url::Url = facts["google_url"].as_str().unwrap().parse().unwrap();
    let mut browser = Browser::new(person.url.clone());
    let home = browser.sign_in("demo", "demo").await;
    assert_eq!((home.status.as_u16(), home.url.path()), (200, "/"));
    // Disconnect, then connect again through the consent page.
    assert_eq!(
        person
            .delete("api/v1/integrations/google")
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(
        person.delete("api/v1/integrations/google").await.code(),
        "NOT_FOUND"
    );
    assert!(person.google_tools().await.is_empty());
    browser
        .connect_google(&google, "demo@sandbox.test", "all")
        .await;

    let event = json!({
        "summary": "Встреча", "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00"
    });
    person.call("create_calendar_event", &event).await;
    person
        .call_approved(
            "send_email",
            &json!({ "to": "guest@sandbox.test", "subject": "Hello", "body": "Hi" }),
        )
        .await;
    assert!(process.stop().success());

    // Everything is there after a restart, and the old token still works.
    let (_process, facts) = start(folder.path());
    let again = demo(&facts);
    assert_eq!(again.token, person.token);
    let day =
        json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" });
    assert_eq!(
        again.call("list_calendar_events", &day).await["events"][0]["summary"],
        "Встреча"
    );
}

#[test]
fn it_refuses_to_listen_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let output = deputy(&["sandbox", "--listen", "0.0.0.0:0", "--data", &data])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}

#[test]
fn commands_on_its_folder_use_its_own_database_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, _) = start(folder.path());
    let data = folder.path().join("data").display().to_string();
    // As if a production installation were configured in the same shell; also while it runs.
    let command = |args: &[&str]| {
        let mut command = deputy(args);
        command
            .args(["--data", &data])
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
            .env("TOKEN_ENCRYPTION_KEY", "5a".repeat(31) + "5b");
        command.output().unwrap()
    };
    let users = command(&["user", "list"]);
    let seen = String::from_utf8_lossy(&users.stdout).into_owned();
    assert!(seen.starts_with("demo\tadmin"), "{users:?}");
    let verified = command(&["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
    assert!(process.stop().success());
}
