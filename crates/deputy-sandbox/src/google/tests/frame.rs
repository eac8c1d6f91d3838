use http::header;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Sandbox, answer, reason};

const PROFILE: [&str; 2] = ["openid", "email"];

#[tokio::test]
async fn tokens_scopes_and_their_errors() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", &PROFILE).await;
    let (status, me) = demo.get("oauth2/v2/userinfo").await;
    assert_eq!(
        (status, me["email"].as_str()),
        (200, Some("demo@sandbox.test"))
    );

    let (status, body) = answer(sandbox.http.get(sandbox.at("oauth2/v2/userinfo"))).await;
    assert_eq!((status, reason(&body)), (401, "required"));
    let bogus = sandbox
        .http
        .get(sandbox.at("oauth2/v2/userinfo"))
        .bearer_auth("bogus")
        .send()
        .await
        .unwrap();
    assert!(
        bogus.headers()[header::WWW_AUTHENTICATE]
            .to_str()
            .unwrap()
            .contains("invalid_token")
    );
    let body: Value = bogus.json().await.unwrap();
    assert_eq!(
        body,
        json!({"error": {"errors": [{"domain": "global", "reason": "authError", "message": "Invalid Credentials",
            "locationType": "header", "location": "Authorization"}], "code": 401, "message": "Invalid Credentials"}})
    );

    let (status, body) = demo.get("calendar/v3/calendars/primary/events").await;
    assert_eq!((status, reason(&body)), (403, "insufficientPermissions"));
    let detail = &body["error"]["details"][0];
    assert_eq!(detail["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(detail["metadata"]["method"], "calendar.v3.Events.List");

    let (_, done) = (
        0,
        sandbox
            .control(
                "tokens",
                json!({"account": "demo@sandbox.test", "action": "expire_access"}),
            )
            .await,
    );
    assert_eq!(done["affected"], 1);
    assert_eq!(demo.get("oauth2/v2/userinfo").await.0, 401);
}

#[tokio::test]
async fn an_access_token_ages_with_the_clock() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", &PROFILE).await;
    sandbox.control("clock", json!({"advance_s": 3590})).await;
    assert_eq!(demo.get("oauth2/v2/userinfo").await.0, 200);
    sandbox.control("clock", json!({"advance_s": 10})).await;
    assert_eq!(demo.get("oauth2/v2/userinfo").await.0, 401);
}

#[tokio::test]
async fn state_and_clock_survive_a_restart() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("somebody@example.org", &PROFILE).await;
    sandbox.control("clock", json!({"advance_s": 1000})).await;
    let token = demo.token.clone();
    let sandbox = sandbox.restart().await;
    let reply = sandbox
        .http
        .get(sandbox.at("oauth2/v2/userinfo"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        reply.json::<Value>().await.unwrap()["email"],
        "somebody@example.org"
    );
    let clock: Value = sandbox
        .http
        .get(sandbox.at("control/clock"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(clock["offset_s"], 1000);
}

#[tokio::test]
async fn faults_act_as_often_as_they_are_told() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", &PROFILE).await;
    let guest = sandbox.person("guest@sandbox.test", &PROFILE).await;
    let get = "oauth2/v2/userinfo";

    sandbox
        .control(
            "faults",
            json!({"account": "demo@sandbox.test", "fault": "unauthorized"}),
        )
        .await;
    assert_eq!(guest.get(get).await.0, 200);
    assert_eq!(demo.get(get).await.0, 401);
    assert_eq!(demo.get(get).await.0, 200);

    sandbox.control("faults", json!({"method": "oauth2.*", "fault": "rate_limited", "status": 429, "retry_after": 7, "after": 1, "times": 2})).await;
    assert_eq!(demo.get(get).await.0, 200);
    let limited = demo.request(Method::GET, get).send().await.unwrap();
    assert_eq!(limited.headers()[header::RETRY_AFTER], "7");
    let body: Value = limited.json().await.unwrap();
    assert_eq!(
        body["error"]["errors"][0],
        json!({"domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Rate Limit Exceeded"})
    );
    assert_eq!(demo.get(get).await.0, 429);
    assert_eq!(demo.get(get).await.0, 200);

    sandbox.control("faults", json!({"path": "/oauth2/v2/", "fault": "canned", "status": 418, "headers": {"x-tea": "yes"}, "body": {"a": 1}})).await;
    assert_eq!(demo.get(get).await, (418, json!({"a": 1})));

    let rule = sandbox
        .control("faults", json!({"fault": "unavailable", "times": null}))
        .await;
    assert_eq!(demo.get(get).await.0, 503);
    assert_eq!(demo.get(get).await.0, 503);
    let gone = sandbox
        .http
        .delete(sandbox.at(&format!("control/faults/{}", rule["id"])))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 200);
    assert_eq!(demo.get(get).await.0, 200);
}

#[tokio::test]
async fn a_connection_can_break_and_an_answer_can_fail_to_come() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", &PROFILE).await;
    sandbox
        .control(
            "faults",
            json!({"method": "oauth2.userinfo.get", "fault": "drop"}),
        )
        .await;
    assert!(
        demo.request(Method::GET, "oauth2/v2/userinfo")
            .send()
            .await
            .is_err()
    );
    sandbox
        .control(
            "faults",
            json!({"method": "oauth2.userinfo.get", "fault": "hang"}),
        )
        .await;
    let hanging = demo
        .request(Method::GET, "oauth2/v2/userinfo")
        .timeout(std::time::Duration::from_millis(150));
    assert!(hanging.send().await.unwrap_err().is_timeout());
    let log = sandbox.log("oauth2.userinfo.get").await;
    let seen: Vec<_> = log
        .iter()
        .map(|e| (e["fault"].as_str().unwrap(), e["status"].is_null()))
        .collect();
    assert_eq!(seen, [("drop", true), ("hang", true)]);
}

#[tokio::test]
async fn control_is_closed_to_other_sites() {
    let sandbox = Sandbox::start().await;
    let clock = sandbox.at("control/clock");
    let get = |name: &'static str, value: String| sandbox.http.get(&clock).header(name, value);
    assert_eq!(
        answer(get("origin", "https://evil.example".into())).await.0,
        403
    );
    assert_eq!(
        answer(get("sec-fetch-site", "cross-site".into())).await.0,
        403
    );
    assert_eq!(answer(get("host", "rebound.example".into())).await.0, 403);
    let own = sandbox
        .google
        .url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    assert_eq!(answer(get("origin", own)).await.0, 200);
}

#[tokio::test]
async fn answers_are_masked_pretty_and_compressed_when_asked() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", &PROFILE).await;
    assert_eq!(
        demo.get("oauth2/v2/userinfo?fields=email").await.1,
        json!({"email": "demo@sandbox.test"})
    );
    let (status, body) = demo.get("oauth2/v2/userinfo?fields=mail").await;
    assert_eq!(
        (status, body["error"]["message"].as_str()),
        (400, Some("Invalid field selection mail"))
    );
    let plain = demo
        .request(Method::GET, "oauth2/v2/userinfo?prettyPrint=false")
        .send()
        .await
        .unwrap();
    assert!(!plain.text().await.unwrap().contains('\n'));
    let unknown = demo.get("calendar/v3/nothing").await;
    assert_eq!((unknown.0, reason(&unknown.1)), (404, "notFound"));
}

#[tokio::test]
async fn pages_show_accounts_and_escape_what_they_show() {
    let sandbox = Sandbox::start().await;
    sandbox
        .control(
            "accounts",
            json!({"email": "x@sandbox.test", "name": "<script>alert(1)</script>"}),
        )
        .await;
    let text = |path: String| async {
        sandbox
            .http
            .get(path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let start = text(sandbox.at("/")).await;
    assert!(start.contains("demo@sandbox.test") && start.contains("/accounts/x%40sandbox.test"));
    let page = text(sandbox.at("/accounts/x%40sandbox.test")).await;
    assert!(!page.contains("<script>") && page.contains("alert(1)"));
    let missing = sandbox
        .http
        .get(sandbox.at("/accounts/nobody%40sandbox.test"))
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn an_effect_without_an_answer_is_durable() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let events = "calendar/v3/calendars/primary/events";
    let event =
        json!({"id": "hangs1", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}});
    sandbox
        .control(
            "faults",
            json!({"method": "calendar.events.insert", "fault": "commit_then_hang"}),
        )
        .await;
    let there = async {
        while demo.get(&format!("{events}/hangs1")).await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = demo.post(events, event) => panic!("an answer came: {answer:?}"),
        () = there => {}
    }
    sandbox
        .control(
            "faults",
            json!({"method": "calendar.events.insert", "fault": "commit_then_unavailable"}),
        )
        .await;
    let event =
        json!({"id": "fails1", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}});
    assert_eq!(demo.post(events, event).await.0, 503);
    let token = demo.token.clone();
    let sandbox = sandbox.restart().await;
    let list = sandbox
        .http
        .get(sandbox.at(&format!("{events}?fields=items/id")))
        .bearer_auth(token);
    let (status, list) = answer(list).await;
    assert_eq!(
        (status, list),
        (200, json!({"items": [{"id": "hangs1"}, {"id": "fails1"}]}))
    );
}

#[tokio::test]
async fn a_reset_leaves_only_the_first_accounts() {
    let sandbox = Sandbox::start().await;
    let other = sandbox.calendar_person("other@sandbox.test").await;
    sandbox.control("clock", json!({"advance_s": 50})).await;
    sandbox.control("reset", json!({})).await;
    assert_eq!(other.get("calendar/v3/calendars/primary").await.0, 401);
    let sandbox = sandbox.restart().await;
    let get = |path: &str| answer(sandbox.http.get(sandbox.at(path)));
    let (_, accounts) = get("control/accounts").await;
    let emails: Vec<_> = accounts["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["email"].as_str().unwrap())
        .collect();
    assert_eq!(emails, ["demo@sandbox.test", "guest@sandbox.test"]);
    assert_eq!(get("control/clock").await.1["offset_s"], 0);
}
