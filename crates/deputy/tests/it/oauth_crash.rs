//! The program is killed while programs redeem codes and refresh: whatever was acknowledged works afterwards, whoever
//! repeats a refresh with what they have stored stays logged in, and no code gives tokens twice.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::support::{App, Engine, Options, Program, Reply, engines};

/// When the kill comes after the first request is sent, ms: from nothing done to everything.
const MOMENTS: [u64; 5] = [1, 6, 15, 30, 70];

/// How many do the same thing, begun a little after each other.
const CROWD: usize = 6;

/// Begins `CROWD` requests, the `n`th after `n` steps of 4 ms, and gives what was answered.
async fn staggered<F, Fut>(ask: F) -> Vec<Option<Reply>>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Option<Reply>> + Send + 'static,
{
    let asked: Vec<_> = (0..CROWD)
        .map(|n| {
            let asking = ask(n);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(4 * n as u64)).await;
                asking.await
            })
        })
        .collect();
    join_all(asked)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn tokens(reply: &Reply) -> (String, String) {
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    (reply.text("access_token"), reply.text("refresh_token"))
}

async fn on(engine: Engine) {
    // The grace is longer than a start of the program takes.
    let options = Options::on(engine).with("DEPUTY_LIMITS_TOKEN_PER_MIN", "0");
    let mut app = App::start(options).await;
    app.person("alice").await;
    let program = Program::shared(&app, "program-of-alice");
    let mut browser = app.browser();
    // One of each at a time: a code that nobody redeemed gives way to the program's next.
    let mut others = Vec::new();
    for n in 0..CROWD {
        others.push(Program::register(&app.url, &format!("Program {n}")).await);
    }
    let mut stored = Vec::new();
    for _ in 0..CROWD {
        stored.push(tokens(&program.log_in(&mut browser, "alice").await).1);
    }
    for moment in MOMENTS {
        let mut codes = Vec::new();
        for other in &others {
            codes.push(other.code(&mut browser, "alice").await);
        }
        let redeeming = staggered(|n| {
            let (other, code) = (others[n].clone(), codes[n].clone());
            async move { other.redeem(&code).await }
        });
        let refreshing = staggered(|n| {
            let (program, token) = (program.clone(), stored[n].clone());
            async move { program.refresh(&token).await }
        });
        let kill = async {
            tokio::time::sleep(Duration::from_millis(moment)).await;
            app.server().kill();
        };
        let (redeemed, refreshed, ()) = tokio::join!(redeeming, refreshing, kill);
        app.start_server().await;

        for ((other, code), answer) in others.iter().zip(&codes).zip(redeemed) {
            if let Some(answer) = &answer {
                let (access, _) = tokens(answer);
                assert!(program.works(&access).await, "after {moment} ms");
            }
            let repeated = other.redeem(code).await.unwrap();
            if answer.is_none() {
                // Whoever got no answer asks again: tokens, or the code was used and the person is asked again.
                if repeated.status != StatusCode::OK {
                    assert_eq!(repeated.text("error"), "invalid_grant", "{repeated:?}");
                }
                continue;
            }
            assert_eq!(repeated.text("error"), "invalid_grant", "twice");
        }
        for (token, answer) in stored.iter_mut().zip(refreshed) {
            if let Some(answer) = answer {
                // What was acknowledged.
                let (access, refresh) = tokens(&answer);
                assert!(program.works(&access).await, "after {moment} ms");
                let repeated = tokens(&program.refresh(token).await.unwrap());
                assert_eq!(repeated.1, refresh, "the same successor");
                *token = refresh;
            } else {
                let (access, refresh) = tokens(&program.refresh(token).await.unwrap());
                assert!(program.works(&access).await, "after {moment} ms");
                *token = refresh;
            }
        }
    }
    let (code, out, err) = app.run(&["audit", "verify"], "");
    assert_eq!(code, 0, "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_log_nobody_out() {
    join_all(engines().into_iter().map(on)).await;
}
