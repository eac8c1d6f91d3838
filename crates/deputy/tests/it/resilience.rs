//! What keeps one person's trouble from being everybody's, what tells administrators of it, several calls
//! at once, and asking the selected server.

use std::path::PathBuf;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::own_servers::add;
use crate::support::{App, Options, Person, both, client, runners};

const LIST: &str = "calendar.events.list";

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" })
}

async fn works(person: &Person) {
    person.call("list_calendar_events", &day()).await;
}

/// The value of the one sample of this name that has all these labels.
async fn sample(app: &App, name: &str, labels: &[&str]) -> f64 {
    let text = client()
        .get(app.url.join("metrics").unwrap())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let start = format!("{name}{{");
    let found = text
        .lines()
        .find(|line| {
            (line.starts_with(&start) || line.starts_with(&format!("{name} ")))
                && labels.iter().all(|label| line.contains(label))
        })
        .unwrap_or_else(|| panic!("no {name} with {labels:?} in {text}"));
    found.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_failing_a_person_is_left_alone_for_that_person() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        works(&alice).await;
        let day = day();
        let rule =
            json!({ "account": alice.account(), "method": LIST, "fault": "drop", "times": null });
        let fault = app.fault(rule).await;
        let answers = join_all((0..5).map(|_| alice.try_call("list_calendar_events", &day))).await;
        for answer in answers {
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (502, "UPSTREAM_ERROR"),
                "{answer:?}"
            );
        }

        let since = app.last_request().await;
        let refused = alice.try_call("list_calendar_events", &day).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (503, "UNAVAILABLE"),
            "{refused:?}"
        );
        assert!(
            (1..=60).contains(&refused.retry_after.unwrap()),
            "{refused:?}"
        );
        assert!(
            refused.body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("Google Calendar"),
            "{refused:?}"
        );
        assert_eq!(
            app.asked(&alice.account(), LIST, since).await,
            0,
            "nobody was asked"
        );

        // Healed, it still rests; her other server and everybody else's go on.
        app.heal(fault).await;
        assert_eq!(
            alice.try_call("list_calendar_events", &day).await.code(),
            "UNAVAILABLE"
        );
        alice
            .call("search_emails", &json!({ "query": "in:inbox" }))
            .await;
        works(&bob).await;

        // Administrators see it, by ids; others may not look.
        let health = alice.get("api/v1/admin/health").await;
        let mcp = health.data()["components"][0].clone();
        assert_eq!(health.data()["level"], "degraded", "{health:?}");
        assert_eq!(
            (mcp["component"].as_str(), mcp["healthy"].as_bool()),
            (Some("mcp"), Some(false))
        );
        let me = mcp["details"]["services"].as_array().unwrap();
        assert_eq!(me.len(), 1, "{mcp}");
        assert_eq!(
            (me[0]["name"].as_str(), me[0]["status"].as_str()),
            (Some("calendar"), Some("open"))
        );
        assert!(!health.body.to_string().contains("alice"), "{health:?}");
        assert_eq!(bob.get("api/v1/admin/health").await.status.as_u16(), 403);
        // It can serve: one person's trouble takes no replica out of service.
        assert_eq!(
            client()
                .get(app.url.join("readyz").unwrap())
                .send()
                .await
                .unwrap()
                .status(),
            200
        );

        assert!((sample(&app, "deputy_breakers", &["state=\"open\""]).await - 1.0).abs() < 0.1);
        let of = |status| ["service=\"calendar\"", "method=\"tools/call\"", status];
        assert!(sample(&app, "mcp_requests_total", &of("status=\"error\"")).await >= 10.0);
        assert!(sample(&app, "mcp_requests_total", &of("status=\"success\"")).await >= 2.0);
        assert!(
            sample(
                &app,
                "mcp_request_duration_seconds_bucket",
                &["service=\"calendar\"", "le=\"+Inf\""]
            )
            .await
                >= 2.0
        );
        assert!(sample(&app, "deputy_pool_servers", &["state=\"running\""]).await >= 1.0);
        assert!(
            sample(&app, "deputy_health", &["component=\"database\""])
                .await
                .abs()
                < 0.1
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gives_each_call_its_outcome_and_counts_each() {
    let options = Options::default().with("DEPUTY_LIMITS_CALLS_PER_MIN", "8");
    let app = App::start(options).await;
    let alice = app.connected("alice").await;
    let event = json!({
        "summary": "Together", "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00"
    });
    let calls = json!([
        { "name": "create_calendar_event", "arguments": event, "idempotency_key": "one" },
        { "name": "list_calendars" },
        { "name": "send_email", "arguments": { "to": "bob@sandbox.test", "subject": "s", "body": "b" } },
        { "name": "delete_calendar_event", "arguments": {} },
        { "name": "no_such_tool" },
    ]);
    let answer = alice
        .post("api/v1/tools/batch", &json!({ "calls": calls }))
        .await;
    let results = answer.data()["results"].as_array().unwrap().clone();
    let statuses: Vec<_> = results
        .iter()
        .map(|r| r["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 200, 202, 400, 404], "{answer:?}");
    assert_eq!(
        results[0]["data"]["structured"]["event"]["summary"],
        "Together"
    );
    assert!(results[2]["data"]["approval"]["id"].is_string());
    // The same key again, in another batch: the same event.
    let again = alice
        .post("api/v1/tools/batch", &json!({ "calls": [calls[0]] }))
        .await;
    assert_eq!(again.data()["results"][0]["data"], results[0]["data"]);

    // Four counted above (what is no tool is no call), one now: three are left, and one more for
    // every 7.5 s that have passed.
    let many = json!({ "calls": vec![json!({ "name": "list_calendars" }); 5] });
    let answer = alice.post("api/v1/tools/batch", &many).await;
    let results = answer.data()["results"].as_array().unwrap();
    let limited: Vec<_> = results.iter().filter(|r| r["status"] == 429).collect();
    assert!((1..=2).contains(&limited.len()), "{answer:?}");
    for result in limited {
        assert_eq!(result["error"]["code"], "RATE_LIMITED");
        assert!(result["retry_after"].as_u64().unwrap() >= 1, "{result}");
    }
    assert!(sample(&app, "deputy_batch_calls_total", &["outcome=\"ok\""]).await >= 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_selected_server_is_asked_and_the_question_kept_nowhere() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let put = json!({ "server_name": "gmail", "settings": { "tool": "search_emails", "arguments": { "max_results": 3 } } });
        let selected = alice.request(Method::PUT, "api/v1/context", Some(&put), &[]).await;
        assert_eq!(selected.status.as_u16(), 200, "{selected:?}");
        let question = json!({ "query": "subject:private-words-of-alice" });
        let answer = alice.post("api/v1/ask", &question).await;
        let data = answer.data();
        assert_eq!((data["server"].as_str(), data["tool"].as_str()), (Some("gmail"), Some("search_emails")));
        assert_eq!(data["result"]["structured"]["emails"], json!([]));
        assert_eq!(data["result"]["is_error"], false);
        assert!(data["reply"].as_str().unwrap().contains("emails"), "{answer:?}");
        assert_eq!(data["session_id"], selected.data()["session_id"]);
        let named = json!({ "query": "x", "session_id": "mine-1" });
        assert_eq!(alice.post("api/v1/ask", &named).await.data()["session_id"], "mine-1");

        // What does not go through the waist is no way in.
        let folder = json!({ "query": "x", "working_directory": "/etc" });
        assert_eq!(alice.post("api/v1/ask", &folder).await.code(), "VALIDATION_ERROR");
        assert_eq!(bob.post("api/v1/ask", &question).await.code(), "CONTEXT_NOT_SELECTED");
        let nothing = bob.get("api/v1/context/summary").await;
        assert_eq!((nothing.status.as_u16(), nothing.code()), (404, "CONTEXT_NOT_SELECTED"));

        // Reads are recorded in the background.
        crate::support::until("the statistics of both questions", || async {
            let summary = alice.get("api/v1/context/summary").await;
            (summary.data()["queries"] == 2 && summary.data()["successful"] == 2).then_some(())
        })
        .await;
        let usage = alice.get("api/v1/usage?days=1").await;
        assert_eq!(usage.data()["total_queries"], 2, "{usage:?}");
        assert_eq!(usage.data()["by_server"]["gmail"]["successful"], 2);
        assert_eq!(usage.data()["most_used_server"], "gmail");
        assert_eq!(bob.get("api/v1/usage?days=365").await.data()["total_queries"], 0);

        let (code, out, _) = app.run(&["audit", "export"], "");
        assert_eq!(code, 0);
        assert!(out.contains("context.select") && out.contains("search_emails"));
        assert!(!out.contains("private-words"), "the records hold the question");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_server_is_asked_about_ones_own_folders_and_no_other() {
    let Some(path) = runners() else { return };
    let app = App::start(Options::default().with("PATH", &path)).await;
    let alice = app.person("alice").await;
    let root = app.folder.path().join("data/files");
    let (hers, theirs) = (root.join("1/reports"), root.join("2/reports"));
    for folder in [&hers.join("june"), &hers.join("july"), &theirs] {
        std::fs::create_dir_all(folder).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        std::fs::write(folder.join(format!("warm-{name}.txt")), "warm").unwrap();
    }
    std::os::unix::fs::symlink(&theirs, hers.join("way-out")).unwrap();
    let config = json!({ "allowed_path": hers });
    add(&alice, "files", "filesystem", config, "auto").await;
    let settings = json!({
        "tool": "search_files", "query_argument": "pattern", "directory_argument": "path",
    });
    let put = json!({ "server_name": "files", "settings": settings });
    let selected = alice
        .request(Method::PUT, "api/v1/context", Some(&put), &[])
        .await;
    assert_eq!(selected.status.as_u16(), 200, "{selected:?}");

    let ask = async |folder: PathBuf| {
        let question = json!({ "query": "**/*.txt", "working_directory": folder });
        alice.post("api/v1/ask", &question).await
    };
    let answer = ask(hers.join("june")).await;
    let reply = answer.data()["reply"].as_str().unwrap_or_default();
    assert!(
        reply.contains("warm-june.txt") && !reply.contains("warm-july.txt"),
        "{answer:?}"
    );
    assert_eq!(answer.data()["tool"], "files__search_files");
    for (folder, what) in [
        (PathBuf::from("/etc"), "a folder beyond the roots"),
        (hers.join("way-out"), "a link that leads out"),
        (hers.join("../../2/reports"), "a way out by dots"),
        (theirs, "another person's"),
        (hers.join("nowhere"), "no folder"),
        (PathBuf::from("june"), "a path from nowhere"),
    ] {
        let refused = ask(folder).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "VALIDATION_ERROR"),
            "{what}: {refused:?}"
        );
        assert_eq!(
            refused.body["error"]["pointer"], "/working_directory",
            "{what}"
        );
    }
}
