//! Processes that are killed: the servers behind the tools, and the whole program at the worst
//! moments. What was acknowledged is there, nothing happened twice, nothing is left behind.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, Person, both, is_alive, until};

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00", "max_results": 250 })
}

fn event(summary: &str) -> Value {
    json!({ "summary": summary, "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00" })
}

async fn summaries(person: &Person) -> Vec<String> {
    let listed = person.call("list_calendar_events", &day()).await;
    listed["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["summary"].as_str().unwrap().to_owned())
        .collect()
}

/// The processes of a server, as an administrator sees them.
async fn children(admin: &Person, server: &str) -> Vec<i32> {
    let pool = admin.get("api/v1/admin/pool").await;
    let servers = pool.data()["servers"].as_array().unwrap().clone();
    let of_it = servers
        .iter()
        .filter(|s| server.is_empty() || s["server"] == server);
    of_it
        .filter_map(|s| s["pid"].as_i64())
        .map(|pid| i32::try_from(pid).unwrap())
        .collect()
}

fn shoot(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

async fn acted(app: &App, fault: u64) {
    until("the fault acting", || async {
        (app.hits(fault).await > 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_replaced_and_its_calls_are_made_once() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        summaries(&alice).await;

        // Between calls.
        let [pid] = children(&alice, "calendar").await[..] else {
            panic!("one process expected")
        };
        shoot(pid);
        assert_eq!(summaries(&alice).await, [] as [&str; 0]);
        let [next] = children(&alice, "calendar").await[..] else {
            panic!("one process expected")
        };
        assert_ne!(pid, next);

        // During a read.
        let slow = json!({ "method": "calendar.events.list", "fault": "slow", "delay_ms": 3000 });
        let fault = app.fault(slow).await;
        let (listed, ()) = tokio::join!(summaries(&alice), async {
            acted(&app, fault).await;
            shoot(next);
        });
        assert_eq!(listed, [] as [&str; 0]);

        // During a write, before its effect and after it.
        for (name, fault, delay) in [
            ("before", "slow", Some(2000)),
            ("after", "commit_then_hang", None),
        ] {
            let mut rule = json!({ "method": "calendar.events.insert", "fault": fault });
            if let Some(delay) = delay {
                rule["delay_ms"] = json!(delay);
            }
            let fault = app.fault(rule).await;
            let arguments = event(name);
            let (made, ()) = tokio::join!(alice.call("create_calendar_event", &arguments), async {
                acted(&app, fault).await;
                let pids = children(&alice, "calendar").await;
                assert_eq!(pids.len(), 1);
                shoot(pids[0]);
            });
            assert_eq!(made["event"]["summary"], name);
            let all = summaries(&alice).await;
            assert_eq!(all.iter().filter(|s| *s == name).count(), 1, "{all:?}");
        }
    })
    .await;
}

/// Asks for a mail; the approval's id.
async fn asked(person: &Person, subject: &str) -> String {
    let mail = json!({ "to": "bob@sandbox.test", "subject": subject, "body": "Text" });
    let answer = person.try_call("send_email", &mail).await;
    assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
    answer.data()["approval"]["id"].as_str().unwrap().to_owned()
}

/// A request whose answer may never come.
async fn cut_off(
    person: Person,
    path: String,
    body: Value,
    key: Option<String>,
) -> Option<(u16, Value)> {
    let client = crate::support::client();
    let mut request = client
        .post(person.url.join(&path).unwrap())
        .bearer_auth(&person.token)
        .json(&body);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    Some((status, response.json().await.ok()?))
}

/// Repeats a call under its key until there is an outcome.
async fn insist(person: &Person, arguments: &Value, key: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let path = "api/v1/tools/create_calendar_event/call";
        let answer = person
            .request(
                Method::POST,
                path,
                Some(arguments),
                &[("Idempotency-Key", key)],
            )
            .await;
        if answer.status.as_u16() == 200 {
            return answer.data()["structured"]["event"]["id"].clone();
        }
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "CONFLICT"),
            "{answer:?}"
        );
        assert!(Instant::now() < deadline, "still under way: {answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn status_of(person: &Person, approval: &str) -> String {
    let all = person.get("api/v1/approvals").await;
    let one = all
        .data()
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["id"] == approval)
        .unwrap()
        .clone();
    one["status"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_carries_on_where_it_was() {
    both(|mut app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;

        // Acknowledged before.
        alice
            .call("create_calendar_event", &event("acknowledged"))
            .await;
        let done = asked(&alice, "finished").await;
        assert_eq!(alice.decide(&done, "approve").await.status.as_u16(), 200);
        let keyed = insist(&alice, &event("keyed"), "k-done").await;

        // Under way: mails and events before and after their effect, and one that waits for a word.
        let waiting = asked(&alice, "waiting").await;
        let (early, late) = (asked(&alice, "early").await, asked(&alice, "late").await);
        let mut calls = Vec::new();
        let moments = [("early", "slow"), ("late", "commit_then_hang")];
        for (approval, fault) in [&early, &late].into_iter().zip(moments.map(|(_, f)| f)) {
            let mut rule = json!({ "method": "gmail.users.drafts.send", "fault": fault });
            if fault == "slow" {
                rule["delay_ms"] = json!(5000);
            }
            let fault = app.fault(rule).await;
            let path = format!("api/v1/approvals/{approval}");
            calls.push(tokio::spawn(cut_off(
                alice.clone(),
                path,
                json!({ "decision": "approve" }),
                None,
            )));
            acted(&app, fault).await;
        }
        for (name, fault) in moments {
            let mut rule = json!({ "method": "calendar.events.insert", "fault": fault });
            if fault == "slow" {
                rule["delay_ms"] = json!(5000);
            }
            let fault = app.fault(rule).await;
            let path = "api/v1/tools/create_calendar_event/call".to_owned();
            calls.push(tokio::spawn(cut_off(
                alice.clone(),
                path,
                event(name),
                Some(format!("k-{name}")),
            )));
            acted(&app, fault).await;
        }

        let pids = children(&alice, "").await;
        assert!(pids.len() >= 2, "{pids:?}");
        app.server().kill();
        for call in calls {
            assert_eq!(call.await.unwrap(), None, "a call was answered");
        }
        until("the end of the servers behind the tools", || async {
            (!pids.iter().any(|p| is_alive(*p))).then_some(())
        })
        .await;
        app.start_server().await;

        // At once after the restart: what was acknowledged.
        assert!(summaries(&alice).await.contains(&"acknowledged".to_owned()));
        assert_eq!(status_of(&alice, &done).await, "done");
        assert_eq!(status_of(&alice, &waiting).await, "pending");
        assert_eq!(insist(&alice, &event("keyed"), "k-done").await, keyed);

        // Whoever repeats with the key gets the one event.
        for (name, _) in moments {
            let id = insist(&alice, &event(name), &format!("k-{name}")).await;
            assert_eq!(insist(&alice, &event(name), &format!("k-{name}")).await, id);
        }
        let mut all = summaries(&alice).await;
        all.sort();
        assert_eq!(all, ["acknowledged", "early", "keyed", "late"]);

        // What was approved is carried out without anybody asking again.
        let deadline = Instant::now() + Duration::from_secs(40);
        for approval in [&early, &late] {
            while status_of(&alice, approval).await != "done" {
                assert!(
                    Instant::now() < deadline,
                    "an approved call was not carried on with"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let again = alice.decide(approval, "approve").await;
            assert_eq!(
                (again.status.as_u16(), again.code()),
                (409, "ALREADY_DECIDED")
            );
        }
        assert_eq!(alice.decide(&waiting, "approve").await.status.as_u16(), 200);
        for subject in ["finished", "early", "late", "waiting"] {
            let query = json!({ "query": format!("in:inbox subject:{subject}") });
            let found = bob.call("search_emails", &query).await;
            assert_eq!(
                found["emails"].as_array().unwrap().len(),
                1,
                "{subject}: {found}"
            );
        }
        let (code, out, err) = app.run(&["audit", "verify"], "");
        assert_eq!(code, 0, "{out}{err}");
    })
    .await;
}

/// Creates under keys and decisions of approved mails, begun one after the other.
struct Stream {
    round: usize,
    approvals: Vec<String>,
}

impl Stream {
    async fn new(alice: &Person, round: usize) -> Self {
        let mut approvals = Vec::new();
        for n in 0..2 {
            approvals.push(asked(alice, &format!("r{round}m{n}")).await);
        }
        Self { round, approvals }
    }

    /// Runs until `cut` kills the server; what was answered, by the event's name.
    async fn run(&self, alice: &Person, cut: impl Future<Output = ()>) -> Vec<(String, Value)> {
        let calls = (0..4_u64).map(|n| {
            let (name, alice) = (format!("r{}n{n}", self.round), alice.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(n * 30)).await;
                let path = "api/v1/tools/create_calendar_event/call".to_owned();
                let answer = cut_off(alice, path, event(&name), Some(name.clone())).await?;
                Some((name, answer))
            })
        });
        let decisions = (10_u64..)
            .step_by(60)
            .zip(&self.approvals)
            .map(|(pause, id)| {
                let (path, alice) = (format!("api/v1/approvals/{id}"), alice.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    cut_off(alice, path, json!({ "decision": "approve" }), None).await
                })
            });
        let (calls, decisions): (Vec<_>, Vec<_>) = (calls.collect(), decisions.collect());
        cut.await;
        for decided in join_all(decisions).await {
            assert!(decided.unwrap().is_none_or(|(status, _)| status == 200));
        }
        let mut answered = Vec::new();
        for (name, (status, body)) in join_all(calls).await.into_iter().filter_map(Result::unwrap) {
            assert_eq!(status, 200, "{body}");
            answered.push((name, body["data"]["structured"]["event"]["id"].clone()));
        }
        answered
    }
}

/// What was decided is carried out without a further word; what was not waits for it.
async fn settled(alice: &Person, bob: &Person, approval: &str, subject: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        match status_of(alice, approval).await.as_str() {
            "done" => break,
            "pending" => {
                let decided = alice.decide(approval, "approve").await;
                assert_eq!(decided.status.as_u16(), 200, "{decided:?}");
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        assert!(
            Instant::now() < deadline,
            "{subject} was not carried on with"
        );
    }
    let query = json!({ "query": format!("in:inbox subject:{subject}") });
    let found = bob.call("search_emails", &query).await;
    assert_eq!(
        found["emails"].as_array().unwrap().len(),
        1,
        "{subject}: {found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_lose_and_double_nothing() {
    both(|mut app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        summaries(&alice).await;
        // Cut at moments from nothing done to nearly everything.
        let (mut answered, mut approvals) = (Vec::new(), Vec::new());
        for (round, pause) in [5_u64, 45, 90, 200].into_iter().enumerate() {
            let stream = Stream::new(&alice, round).await;
            let cut = async {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                app.server().kill();
            };
            answered.extend(stream.run(&alice, cut).await);
            approvals.extend(
                stream
                    .approvals
                    .into_iter()
                    .enumerate()
                    .map(|(n, id)| (id, format!("r{round}m{n}"))),
            );
            app.start_server().await;
        }
        let there = summaries(&alice).await;
        for (name, _) in &answered {
            assert!(there.contains(name), "{name} was acknowledged: {there:?}");
        }
        let names: Vec<String> = (0..4)
            .flat_map(|r| (0..4).map(move |n| format!("r{r}n{n}")))
            .collect();
        let insisted = join_all(names.iter().map(|name| {
            let alice = &alice;
            async move { insist(alice, &event(name), name).await }
        }));
        let mails = join_all(
            approvals
                .iter()
                .map(|(id, subject)| settled(&alice, &bob, id, subject)),
        );
        let (ids, _) = tokio::join!(insisted, mails);
        for (name, id) in &answered {
            let place = names.iter().position(|n| n == name).unwrap();
            assert_eq!(
                &ids[place], id,
                "{name} has another event than was acknowledged"
            );
        }
        let mut there = summaries(&alice).await;
        there.sort();
        assert_eq!(there, names);
        let (code, out, err) = app.run(&["audit", "verify"], "");
        assert_eq!(code, 0, "{out}{err}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_a_kill_cuts_off_is_whole_or_not_there() {
    both(|mut app| async move {
        // Killed while the person is at Google: the way back still works.
        let alice = app.person("alice").await;
        let mut browser = app.browser();
        browser.sign_in("alice", PASSWORD).await;
        let consent = browser.open("connect/google?service=all").await;
        app.server().kill();
        app.start_server().await;
        let form = consent
            .form_with("decision")
            .with("email", &alice.account())
            .with("decision", "allow");
        let back = browser.submit(form).await;
        assert_eq!(back.status.as_u16(), 200, "{back:?}");
        summaries(&alice).await;

        // Killed while two codes are exchanged: one not looked at yet, one with its answer lost.
        let mut half = Vec::new();
        for (name, fault) in [("bob", "slow"), ("carol", "commit_then_hang")] {
            let person = app.person(name).await;
            let mut browser = app.browser();
            browser.sign_in(name, PASSWORD).await;
            let consent = browser.open("connect/google?service=all").await;
            let form = consent
                .form_with("decision")
                .with("email", &person.account())
                .with("decision", "allow");
            let mut rule = json!({ "path": "/token", "fault": fault });
            if fault == "slow" {
                rule["delay_ms"] = json!(5000);
            }
            let fault = app.fault(rule).await;
            let sent = browser
                .send(Method::POST, form.action.clone(), Some(&form.fields))
                .await;
            let callback = form
                .action
                .join(sent.headers()["location"].to_str().unwrap())
                .unwrap();
            let cookies = browser.cookies_of(&callback);
            let going = crate::support::client()
                .get(callback.clone())
                .header("cookie", cookies)
                .send();
            let going = tokio::spawn(going);
            acted(&app, fault).await;
            half.push((person, browser, callback, going));
        }
        app.server().kill();
        app.start_server().await;
        let again = half
            .into_iter()
            .map(|(person, mut browser, callback, going)| {
                let google = app.google.clone();
                async move {
                    assert!(going.await.unwrap().is_err());
                    let status = person.get("api/v1/integrations/status").await;
                    assert_eq!(status.data()["google"]["status"], "disconnected");
                    assert!(person.google_tools().await.is_empty());
                    // The state is used up; beginning anew works.
                    let page = browser.go(Method::GET, callback, None).await;
                    assert_eq!(page.status.as_u16(), 400, "{page:?}");
                    browser
                        .connect_google(&google, &person.account(), "all")
                        .await;
                    summaries(&person).await;
                }
            });
        join_all(again).await;
    })
    .await;
}
