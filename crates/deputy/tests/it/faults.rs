//! What goes wrong at Google and what becomes of the call: the table of `deputy_gateway::retry`,
//! row by row, counted at Google.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::support::{Answer, App, Options, PASSWORD, Person, both, one_engine};

const LIST: &str = "calendar.events.list";

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" })
}

/// Lists with a fault in force; the answer, and how often Google was asked to list.
async fn list_with(app: &App, person: &Person, mut rule: Value) -> (Answer, usize) {
    rule["account"] = json!(person.account());
    rule["method"] = json!(LIST);
    let since = app.last_request().await;
    let id = app.fault(rule).await;
    let answer = person.try_call("list_calendar_events", &day()).await;
    assert!(app.hits(id).await > 0, "the fault did not act: {answer:?}");
    app.heal(id).await;
    (answer, app.asked(&person.account(), LIST, since).await)
}

async fn works(person: &Person) {
    let answer = person.try_call("list_calendar_events", &day()).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.data()["is_error"]),
        (200, &json!(false)),
        "{answer:?}"
    );
}

/// How often a token was asked for (a line of the log at the token endpoint names no method).
async fn token_requests(app: &App, since: u64) -> usize {
    let log = app.observe(&format!("log?path=/token&since={since}")).await;
    log["requests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["seq"].as_u64().unwrap() > since)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_access_token_is_refreshed_once() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        works(&alice).await;
        // Refused in the middle of the call: one refresh, one more try.
        let since = app.last_request().await;
        let (answer, asked) = list_with(&app, &alice, json!({ "fault": "unauthorized" })).await;
        assert_eq!((answer.status.as_u16(), asked), (200, 2), "{answer:?}");
        assert_eq!(token_requests(&app, since).await, 1);
        // Refused again and again: no second refresh, no loop, and the connection stays.
        let since = app.last_request().await;
        let (answer, asked) = list_with(&app, &alice, json!({ "fault": "unauthorized", "times": null })).await;
        assert_eq!((answer.status.as_u16(), answer.code(), asked), (502, "UPSTREAM_ERROR", 2), "{answer:?}");
        assert_eq!(token_requests(&app, since).await, 1);
        works(&alice).await;

        // All at once with a token that died: every call succeeds, and Google gives one new token.
        app.control("tokens", json!({ "account": alice.account(), "action": "expire_access" })).await;
        let since = app.last_request().await;
        let calls = (0..10).map(|_| works(&alice));
        futures_util::future::join_all(calls).await;
        assert_eq!(token_requests(&app, since).await, 1);

        // A write: refused means not done, and the second try makes it once.
        let id = app
            .fault(json!({ "account": alice.account(), "method": "calendar.events.insert", "fault": "unauthorized" }))
            .await;
        let event = json!({
            "summary": "Once", "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00"
        });
        alice.call("create_calendar_event", &event).await;
        assert_eq!(app.hits(id).await, 1);
        let listed = alice.call("list_calendar_events", &day()).await;
        assert_eq!(listed["events"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_grant_ends_the_connection_and_tells_its_person_why() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        works(&alice).await;
        app.control(
            "tokens",
            json!({ "account": alice.account(), "action": "revoke" }),
        )
        .await;
        let answer = alice.try_call("list_calendar_events", &day()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "NOT_CONNECTED"),
            "{answer:?}"
        );
        assert!(
            answer.body["error"]["connect_url"]
                .as_str()
                .unwrap()
                .contains("/connect"),
            "{answer:?}"
        );
        let status = alice.get("api/v1/integrations/status").await;
        assert_eq!(status.data()["google"]["status"], "disconnected");
        assert!(alice.google_tools().await.is_empty());
        // The next call asks Google nothing.
        let since = app.last_request().await;
        assert_eq!(
            alice.try_call("list_calendar_events", &day()).await.code(),
            "NOT_CONNECTED"
        );
        assert_eq!(app.last_request().await, since);

        // Bob's connection is another one.
        works(&bob).await;
        assert_eq!(
            bob.get("api/v1/integrations/status").await.data()["google"]["status"],
            "connected"
        );

        // Alice is told, can put the notice away, and can connect again; Bob is told nothing.
        let mut browser = app.browser();
        browser.sign_in("alice", PASSWORD).await;
        let page = browser.open("connect").await;
        assert!(page.html.contains("/connect/notices/"), "{page:?}");
        let mut other = app.browser();
        other.sign_in("bob", PASSWORD).await;
        assert!(
            !other
                .open("connect")
                .await
                .html
                .contains("/connect/notices/")
        );
        browser
            .connect_google(&app.google, &alice.account(), "all")
            .await;
        works(&alice).await;
    })
    .await;
}

async fn too_many_requests(app: &App, person: &Person) {
    for rule in [
        json!({ "fault": "rate_limited", "status": 429, "retry_after": 1 }),
        json!({ "fault": "user_rate_limited" }),
    ] {
        let (answer, asked) = list_with(app, person, rule).await;
        assert_eq!((answer.status.as_u16(), asked), (200, 2), "{answer:?}");
    }
    let rule = json!({ "fault": "rate_limited", "status": 429, "retry_after": 1, "times": null });
    let (answer, asked) = list_with(app, person, rule).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code(), asked),
        (429, "RATE_LIMITED", 3),
        "{answer:?}"
    );
    assert!(answer.retry_after.unwrap() >= 1, "{answer:?}");
    // Longer than anybody waits: said at once.
    let rule = json!({ "fault": "user_rate_limited", "retry_after": 300, "times": null });
    let (answer, asked) = list_with(app, person, rule).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code(), asked),
        (429, "RATE_LIMITED", 1),
        "{answer:?}"
    );
    assert!(answer.retry_after.unwrap() >= 290, "{answer:?}");
    works(person).await;
}

/// The rows that only count: one person each, so that their pauses pass together.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_as_often_as_the_table_says() {
    both(|app| async move {
        let mut people = Vec::new();
        for name in ["rate", "server", "network", "final"] {
            people.push(app.connected(name).await);
        }
        let (app, people) = (&app, &people);
        let rate = too_many_requests(app, &people[0]);
        let server = async {
            let person = &people[1];
            for fault in ["backend_error", "unavailable"] {
                let (answer, asked) =
                    list_with(app, person, json!({ "fault": fault, "times": 2 })).await;
                assert_eq!((answer.status.as_u16(), asked), (200, 3), "{answer:?}");
            }
            let (answer, asked) = list_with(
                app,
                person,
                json!({ "fault": "unavailable", "times": null }),
            )
            .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code(), asked),
                (502, "UPSTREAM_ERROR", 3),
                "{answer:?}"
            );
            works(person).await;
        };
        let network = async {
            let person = &people[2];
            let (answer, asked) = list_with(app, person, json!({ "fault": "drop" })).await;
            assert_eq!((answer.status.as_u16(), asked), (200, 2), "{answer:?}");
            let (answer, asked) =
                list_with(app, person, json!({ "fault": "drop", "times": null })).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code(), asked),
                (502, "UPSTREAM_ERROR", 2),
                "{answer:?}"
            );
            works(person).await;
        };
        let last = async {
            let person = &people[3];
            let (answer, asked) = list_with(
                app,
                person,
                json!({ "fault": "quota_exceeded", "times": null }),
            )
            .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code(), asked),
                (429, "RATE_LIMITED", 1),
                "{answer:?}"
            );
            assert!(answer.retry_after.unwrap() >= 1);
            // An answer that is none.
            let rule = json!({ "fault": "canned", "body": "<html>not JSON</html>", "times": null });
            let (answer, _) = list_with(app, person, rule).await;
            assert!(
                answer.status.as_u16() == 502 || answer.body["data"]["is_error"] == json!(true),
                "{answer:?}"
            );
            works(person).await;
        };
        join(join(rate, server), join(network, last)).await;
        // Nobody lost a connection by it.
        for person in people {
            let status = person.get("api/v1/integrations/status").await;
            assert_eq!(
                status.data()["google"]["status"],
                "connected",
                "{}",
                person.name
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_fails_ends_no_connection() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        app.control(
            "tokens",
            json!({ "account": alice.account(), "action": "expire_access" }),
        )
        .await;
        let id = app
            .fault(json!({ "path": "/token", "fault": "unavailable", "times": null }))
            .await;
        let answer = alice.try_call("list_calendar_events", &day()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (503, "UNAVAILABLE"),
            "{answer:?}"
        );
        assert!(answer.retry_after.unwrap() >= 1, "{answer:?}");
        assert!(app.hits(id).await > 0);
        let status = alice.get("api/v1/integrations/status").await;
        assert_ne!(status.data()["google"]["status"], "disconnected");
        app.heal(id).await;
        crate::support::until("a call after the token endpoint is back", || async {
            (alice
                .try_call("list_calendar_events", &day())
                .await
                .status
                .as_u16()
                == 200)
                .then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_connected_says_how_to_connect_it() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let gone = alice
            .delete("api/v1/integrations/google?service=gmail")
            .await;
        assert_eq!(gone.data()["remaining"], json!(["calendar", "drive"]));
        let answer = alice.try_call("list_unread_emails", &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "NOT_CONNECTED")
        );
        assert!(
            answer.body["error"]["connect_url"]
                .as_str()
                .unwrap()
                .ends_with("/connect?service=gmail"),
            "{answer:?}"
        );
        works(&alice).await;
        let names: Vec<Value> = alice
            .get("api/v1/tools")
            .await
            .data()
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["server"].clone())
            .collect();
        assert!(
            names.contains(&json!("calendar"))
                && names.contains(&json!("drive"))
                && !names.contains(&json!("gmail"))
        );
        // Gmail comes back later; the calendar stays.
        let mut browser = app.browser();
        browser.sign_in("alice", PASSWORD).await;
        browser
            .connect_google(&app.google, &alice.account(), "gmail")
            .await;
        alice.call("list_unread_emails", &json!({})).await;
        works(&alice).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_google_blocks_nobody_else() {
    // The pause is the same on any database.
    let app = App::start(Options::on(one_engine())).await;
    let alice = app.connected("alice").await;
    let bob = app.connected("bob").await;
    let id = app
        .fault(
            json!({ "account": alice.account(), "method": LIST, "fault": "hang", "times": null }),
        )
        .await;
    let mute = async { alice.try_call("list_calendar_events", &day()).await };
    let others = async {
        crate::support::until("a request that hangs", || async {
            (app.hits(id).await > 0).then_some(())
        })
        .await;
        for _ in 0..5 {
            works(&bob).await;
        }
        // Nor her own other tools.
        alice.call("list_files", &json!({})).await;
        alice.call("list_calendars", &json!({})).await;
        std::time::Instant::now()
    };
    let ((answer, ended), others) =
        join(async { (mute.await, std::time::Instant::now()) }, others).await;
    assert!(others < ended, "others waited for the mute call");
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (504, "TIMEOUT"),
        "{answer:?}"
    );
}
