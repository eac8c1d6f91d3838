//! Guessing at the sign-in page, and asking too often.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::open;
use crate::support::{App, CALLBACK, Options, PASSWORD, Page, client};

/// One try at the sign-in page from an address: the status, what it says, and how long it took.
async fn try_sign_in(app: &App, from: &str, name: &str, password: &str) -> (u16, String, Duration) {
    let http = client();
    let url = app.url.join("login").unwrap();
    let page = http
        .get(url.clone())
        .header("x-forwarded-for", from)
        .send()
        .await
        .unwrap();
    let cookies: Vec<String> = page
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    let page = Page {
        status: page.status(),
        url,
        html: page.text().await.unwrap(),
    };
    let form = page
        .form_with("password")
        .with("username", name)
        .with("password", password);
    let begun = Instant::now();
    let answer = http
        .post(form.action)
        .header("x-forwarded-for", from)
        .header("cookie", cookies.join("; "))
        .header("sec-fetch-site", "same-origin")
        .form(&form.fields)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, text, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_says_nothing_of_who_is_there() {
    let app = App::start(open().with("DEPUTY_LIMITS_LOGIN_PER_5MIN", "0")).await;
    app.person("alice").await;
    app.person("carol").await;
    assert_eq!(app.run(&["user", "disable", "carol"], "").0, 0);
    let mut times = [const { Vec::new() }; 3];
    let mut said = Vec::new();
    // The quickest of each: what the machine does beside it makes any of them slower, so it is tried until they are
    // alike. They never are where one of them costs less.
    let alike = |times: &[Vec<Duration>; 3]| {
        let quickest = times.each_ref().map(|times| times.iter().min().copied());
        let [Some(first), Some(second), Some(third)] = quickest else {
            return false;
        };
        let (least, most) = (first.min(second).min(third), first.max(second).max(third));
        least * 2 > most
    };
    for round in 0.. {
        if round >= 3 && alike(&times) {
            break;
        }
        assert!(round < 40, "{times:?}");
        for (n, name) in ["alice", "nobody", "carol"].into_iter().enumerate() {
            let (status, text, time) = try_sign_in(&app, "192.0.2.1", name, "a wrong one").await;
            times[n].push(time);
            // But for the name in the field, and what is new in each page.
            let text = text.replace(name, "NAME");
            let text: String = text
                .split("name=\"csrf\"")
                .map(|part| part.split_once('>').map_or(part, |(_, rest)| rest))
                .collect();
            said.push((status, text));
        }
    }
    for other in &said[1..] {
        assert_eq!(other.0, said[0].0);
    }
    assert_eq!(said[0].1, said[1].1);
    assert_eq!(said[0].1, said[2].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_locks_themselves_out_and_nobody_else() {
    let app = App::start(open().with("DEPUTY_TRUSTED_PROXIES", "127.0.0.1")).await;
    app.person("alice").await;
    let (attacker, victim) = ("198.51.100.7", "203.0.113.9");
    let mut refused = 0;
    for _ in 0..15 {
        let (status, _, _) = try_sign_in(&app, attacker, "alice", "a guess").await;
        refused += usize::from(status == 429);
    }
    assert!(refused > 0, "guessing has an end");
    let (status, text, _) = try_sign_in(&app, attacker, "alice", PASSWORD).await;
    assert_eq!(status, 429, "the right one too: {text}");
    let (status, text, _) = try_sign_in(&app, victim, "alice", PASSWORD).await;
    assert_eq!(status, 303, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_waits_and_no_other() {
    let options = Options::default()
        .with("DEPUTY_TRUSTED_PROXIES", "127.0.0.1")
        .with("DEPUTY_LIMITS_TOKEN_PER_MIN", "5")
        .with("DEPUTY_LIMITS_REGISTER_PER_HOUR", "5");
    let app = App::start(options).await;
    let ask = async |path: &str, from: &str, body: &Value| {
        let to = app.url.join(path).unwrap();
        let request = client().post(to).header("x-forwarded-for", from);
        let request = if path == "oauth/token" {
            request.form(body)
        } else {
            request.json(body)
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let wait = answer.headers().contains_key("retry-after");
        let said: Value = answer.json().await.unwrap();
        assert_eq!(status == 429, wait, "{said}");
        assert!(status < 400 || said["error"].is_string(), "{said}");
        status
    };
    let guess = json!({ "grant_type": "refresh_token", "client_id": "x",
        "refresh_token": format!("dpt_rt_{}", "A".repeat(43)) });
    let metadata = json!({ "client_name": "One more", "redirect_uris": [CALLBACK] });
    for (path, body, tries) in [("oauth/token", &guess, 8), ("oauth/register", &metadata, 8)] {
        let mut statuses = Vec::new();
        for _ in 0..tries {
            statuses.push(ask(path, "198.51.100.7", body).await);
        }
        assert_eq!(statuses.last(), Some(&429), "{path}: {statuses:?}");
        assert_ne!(ask(path, "203.0.113.9", body).await, 429, "{path}");
    }
}
