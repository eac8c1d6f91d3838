//! `GOOGLE_ISOLATION=process`: a process per person and server, with that person's token and nothing
//! else, for as long as the token is good and the person is connected.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{App, Options, Person, is_alive, on_each, until};

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" })
}

async fn pool(admin: &Person) -> Value {
    admin.get("api/v1/admin/pool").await.data().clone()
}

/// Whose processes run beside those of `known`.
async fn owner_beside(admin: &Person, known: &[&String]) -> String {
    let now = pool(admin).await;
    let mut others = now["by_user"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|owner| !known.contains(owner));
    let owner = others.next().unwrap().clone();
    assert_eq!(others.next(), None, "{now}");
    owner
}

/// The process that gets the next call. One that is replaced stays until its last call has ended, and
/// a moment longer.
fn pid_of(pool: &Value, owner: &str, server: &str) -> Option<u32> {
    let servers = pool["servers"].as_array().unwrap();
    let mut fitting = servers.iter().filter(|s| {
        s["owner"].to_string().trim_matches('"') == owner
            && s["server"] == server
            && s["state"] != "leaving"
    });
    let pid = fitting.next()?["pid"]
        .as_u64()
        .map(|pid| u32::try_from(pid).unwrap());
    assert!(
        fitting.next().is_none(),
        "two processes of {owner} for {server}: {pool}"
    );
    pid
}

fn environment(pid: u32) -> Vec<(String, String)> {
    let raw = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8(raw).unwrap();
    text.split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

fn token_in(pid: u32) -> String {
    environment(pid)
        .into_iter()
        .find(|(name, _)| name == "GOOGLE_ACCESS_TOKEN")
        .unwrap()
        .1
}

async fn gone(pids: &[u32]) {
    until("the end of the processes", || async {
        (!pids.iter().any(|pid| is_alive(*pid))).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_person_has_processes_of_their_own() {
    on_each(async |engine| {
        let mut app = App::start(Options::on(engine).with("GOOGLE_ISOLATION", "process")).await;
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        alice.call("list_calendar_events", &day()).await;
        let a = owner_beside(&alice, &[]).await;
        bob.call("list_calendar_events", &day()).await;
        let b = owner_beside(&alice, &[&a]).await;
        for person in [&alice, &bob, &alice, &bob] {
            person.call("list_calendar_events", &day()).await;
            person.call("list_files", &json!({})).await;
        }
        let now = pool(&alice).await;
        assert_eq!(now["total_servers"], 4, "{now}");
        assert_eq!(now["by_user"], json!({ &a: 2, &b: 2 }));
        assert_eq!(now["by_server"], json!({ "calendar": 2, "drive": 2 }));
        only_an_administrator_sees_it(&app, &alice, &bob).await;
        the_token_is_in_the_environment_alone(&mut app, &now, &a, &b);

        let (old, bobs) = (
            pid_of(&now, &a, "calendar").unwrap(),
            pid_of(&now, &b, "calendar").unwrap(),
        );
        let token = token_in(old);
        replaced_after_a_refresh(&app, &alice, &a, old).await;
        let now = pool(&alice).await;
        assert_ne!(token_in(pid_of(&now, &a, "calendar").unwrap()), token);
        assert_eq!(
            pid_of(&now, &b, "calendar"),
            Some(bobs),
            "another person's process was touched"
        );

        stopped_at_once_on_disconnect(&app, &alice, &bob, &b).await;

        let left = processes(&alice).await;
        assert!(app.server().stop().success());
        assert!(
            !left.iter().any(|pid| is_alive(*pid)),
            "a process outlived the server"
        );
        // Nor does one outlive a server that is killed.
        app.start_server().await;
        alice.call("list_calendar_events", &day()).await;
        let left = processes(&alice).await;
        app.server().kill();
        gone(&left).await;
    })
    .await;
}

async fn processes(admin: &Person) -> Vec<u32> {
    let now = pool(admin).await;
    let pids: Vec<u32> = now["servers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["pid"].as_u64())
        .map(|pid| u32::try_from(pid).unwrap())
        .collect();
    assert!(!pids.is_empty(), "{now}");
    pids
}

async fn only_an_administrator_sees_it(app: &App, alice: &Person, bob: &Person) {
    let refused = bob.get("api/v1/admin/pool").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, "FORBIDDEN")
    );
    let (_, token, _) = app.run(&["token", "create", "--user", "alice"], "");
    let refused = alice
        .with_token(token.trim())
        .get("api/v1/admin/pool")
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, "FORBIDDEN")
    );
}

fn the_token_is_in_the_environment_alone(app: &mut App, pool: &Value, a: &str, b: &str) {
    let server = u32::try_from(app.server().id()).unwrap();
    let mut tokens = BTreeSet::new();
    for owner in [a, b] {
        let mut own = BTreeSet::new();
        for name in ["calendar", "drive"] {
            let pid = pid_of(pool, owner, name).unwrap();
            own.insert(token_in(pid));
            // Nothing of the server's secrets reaches a child.
            for (name, value) in environment(pid) {
                let foreign = name.starts_with("TOKEN_ENCRYPTION")
                    || name.starts_with("GOOGLE_CLIENT")
                    || name == "DATABASE_URL"
                    || value.contains("sandbox-secret");
                assert!(!foreign, "{name} reached a server behind the tools");
            }
        }
        assert_eq!(own.len(), 1, "one token per person");
        tokens.extend(own);
    }
    assert_eq!(tokens.len(), 2, "two people, two tokens");
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Ok(command) = std::fs::read(entry.unwrap().path().join("cmdline")) else {
            continue;
        };
        let command = String::from_utf8_lossy(&command);
        assert!(
            !tokens.iter().any(|t| command.contains(t.as_str())),
            "a token among arguments"
        );
    }
    let own = environment(server);
    assert!(!own.iter().any(|(_, value)| tokens.contains(value)));
}

async fn replaced_after_a_refresh(app: &App, alice: &Person, a: &str, old: u32) {
    // A call that is under way on the old process ends there, well.
    let slow = json!({
        "account": alice.account(), "method": "calendar.calendarList.list", "fault": "slow", "delay_ms": 2500
    });
    let slow = app.fault(slow).await;
    let refused = json!({ "account": alice.account(), "method": "calendar.events.list", "fault": "unauthorized" });
    let nothing = json!({});
    let (_, ()) = tokio::join!(alice.call("list_calendars", &nothing), async {
        until("a slow call", || async {
            (app.hits(slow).await > 0).then_some(())
        })
        .await;
        // Google refuses the token: refreshed, and the next process has the new one.
        let refused = app.fault(refused).await;
        alice.call("list_calendar_events", &day()).await;
        assert_eq!(app.hits(refused).await, 1);
        assert!(is_alive(old), "the old process did not finish its call");
    });
    gone(&[old]).await;
    let now = pool(alice).await;
    assert!(
        pid_of(&now, a, "calendar").is_some_and(|pid| pid != old && is_alive(pid)),
        "{now}"
    );
}

async fn stopped_at_once_on_disconnect(app: &App, alice: &Person, bob: &Person, b: &str) {
    let now = pool(alice).await;
    let pids: Vec<u32> = ["calendar", "drive"]
        .iter()
        .filter_map(|s| pid_of(&now, b, s))
        .collect();
    assert_eq!(pids.len(), 2);
    let hang =
        json!({ "account": bob.account(), "method": "calendar.events.list", "fault": "hang" });
    let fault = app.fault(hang).await;
    let arguments = day();
    let (cut, ended) = tokio::join!(
        async {
            (
                bob.try_call("list_calendar_events", &arguments).await,
                Instant::now(),
            )
        },
        async {
            until("a call under way", || async {
                (app.hits(fault).await > 0).then_some(())
            })
            .await;
            assert_eq!(
                bob.delete("api/v1/integrations/google")
                    .await
                    .status
                    .as_u16(),
                200
            );
            let ended = Instant::now();
            gone(&pids).await;
            assert!(
                ended.elapsed() < Duration::from_secs(5),
                "the processes lived on for {:?}",
                ended.elapsed()
            );
            ended
        }
    );
    let (answer, at) = cut;
    assert_ne!(answer.status.as_u16(), 200, "{answer:?}");
    assert!(
        at.saturating_duration_since(ended) < Duration::from_secs(5),
        "the call went on: {answer:?}"
    );
    let now = pool(alice).await;
    assert!(
        !now["by_user"].as_object().unwrap().contains_key(b),
        "{now}"
    );
    alice.call("list_calendar_events", &day()).await;
}
