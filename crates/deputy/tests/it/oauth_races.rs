//! Many at once with one code or one refresh token: one person's programs stay logged in, a thief does not get in.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::replicas::second;
use crate::support::{
    App, Browser, CALLBACK, Engine, Options, Program, Reply, VERIFIER, engines, postgres_server,
};

/// How many at once.
const CROWD: usize = 20;

/// Without the limit on an address: the crowd is one.
fn open(engine: Engine) -> Options {
    Options::on(engine).with("DEPUTY_LIMITS_TOKEN_PER_MIN", "0")
}

/// An installation with Alice, her program and her browser.
async fn alices(engine: Engine) -> (App, Program, Browser) {
    let app = App::start(open(engine)).await;
    app.person("alice").await;
    let program = Program::shared(&app, "program-of-alice");
    let browser = app.browser();
    (app, program, browser)
}

/// Runs `test` on an installation of each engine.
async fn on_each<F, Fut>(test: F)
where
    F: Fn(App, Program, Browser) -> Fut,
    Fut: Future<Output = ()>,
{
    let test = &test;
    let one = |engine| async move {
        let (app, program, browser) = alices(engine).await;
        test(app, program, browser).await;
    };
    join_all(engines().into_iter().map(one)).await;
}

/// The error's name, of a refused request.
fn error(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reply:?}");
    reply.text("error")
}

/// How many of the person's records have this action.
fn recorded(app: &App, action: &str) -> usize {
    let (code, out, err) = app.run(&["audit", "export"], "");
    assert_eq!(code, 0, "{err}");
    out.lines()
        .filter(|line| line.contains(&format!("\"{action}\"")))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_many_redeem_at_once_gives_tokens_once() {
    on_each(async |app, program, mut browser| {
        let beside = program.log_in(&mut browser, "alice").await;
        let code = program.code(&mut browser, "alice").await;
        let replies = join_all((0..CROWD).map(|_| program.redeem(&code))).await;
        let (given, refused): (Vec<_>, Vec<_>) = replies
            .into_iter()
            .map(Option::unwrap)
            .partition(|reply| reply.status == StatusCode::OK);
        assert_eq!(given.len(), 1, "{given:?}");
        for reply in refused {
            assert_eq!(error(&reply), "invalid_grant");
        }
        // All of them had the verifier, so it was the program itself, which goes on with what it got.
        let [first] = &given[..] else { unreachable!() };
        assert!(program.works(&first.text("access_token")).await);
        assert_eq!(recorded(&app, "access.reuse"), 0);
        // Who has the code without the verifier is somebody else: what the code gave ends, and nothing else.
        let wrong = "x".repeat(43);
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &*program.id),
            ("redirect_uri", CALLBACK),
            ("code", &*code),
            ("code_verifier", &*wrong),
        ];
        let stolen = program.form("oauth/token", &fields).await.unwrap();
        assert_eq!(error(&stolen), "invalid_grant");
        assert!(!program.works(&first.text("access_token")).await);
        let refreshed = program.refresh(&first.text("refresh_token")).await.unwrap();
        assert_eq!(error(&refreshed), "invalid_grant");
        assert!(program.works(&beside.text("access_token")).await);
        assert_eq!(recorded(&app, "access.reuse"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_many_use_at_once_has_one_successor() {
    on_each(async |app, program, mut browser| {
        let mut token = program
            .log_in(&mut browser, "alice")
            .await
            .text("refresh_token");
        for _ in 0..3 {
            let replies = join_all((0..CROWD).map(|_| program.refresh(&token))).await;
            let replies: Vec<Reply> = replies.into_iter().map(Option::unwrap).collect();
            let successor = replies[0].text("refresh_token");
            for reply in &replies {
                assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
                assert_eq!(reply.text("refresh_token"), successor);
            }
            assert_ne!(token, successor);
            let access = join_all(replies.iter().map(|r| r.text("access_token")).map(
                |token| async {
                    let token = token;
                    program.works(&token).await
                },
            ))
            .await;
            assert!(access.iter().all(|works| *works), "everybody can go on");
            token = successor;
        }
        assert_eq!(recorded(&app, "access.reuse"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_refresh_token_ends_what_it_was_for() {
    let grace = |engine| open(engine).with("DEPUTY_OAUTH_REFRESH_GRACE_S", "1");
    let one = |engine| async move {
        let app = App::start(grace(engine)).await;
        app.person("alice").await;
        let program = Program::shared(&app, "program-of-alice");
        let mut browser = app.browser();
        let beside = program.log_in(&mut browser, "alice").await;
        let first = program.log_in(&mut browser, "alice").await;
        let old = first.text("refresh_token");
        let next = program.refresh(&old).await.unwrap();
        let again = program.refresh(&old).await.unwrap();
        assert_eq!(again.text("refresh_token"), next.text("refresh_token"));
        let access = next.text("access_token");
        assert!(program.works(&access).await);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let stolen = program.refresh(&old).await.unwrap();
        assert_eq!(error(&stolen), "invalid_grant");
        let (status, challenge) = program.try_token(&access, "api/v1/me").await.unwrap();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{challenge}");
        assert!(challenge.contains("invalid_token"), "{challenge}");
        let last = program.refresh(&next.text("refresh_token")).await.unwrap();
        assert_eq!(error(&last), "invalid_grant");
        // That login alone: another of the same person by the same client lives.
        assert!(program.works(&beside.text("access_token")).await);
        let other = program
            .refresh(&beside.text("refresh_token"))
            .await
            .unwrap();
        assert_eq!(other.status, StatusCode::OK, "{other:?}");
        assert_eq!(recorded(&app, "access.reuse"), 1);
    };
    join_all(engines().into_iter().map(one)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_grace_a_second_use_ends_it() {
    let options = open(Engine::Sqlite).with("DEPUTY_OAUTH_REFRESH_GRACE_S", "0");
    let app = App::start(options).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let tokens = program.log_in(&mut app.browser(), "alice").await;
    let fresh = program
        .refresh(&tokens.text("refresh_token"))
        .await
        .unwrap();
    let again = program
        .refresh(&tokens.text("refresh_token"))
        .await
        .unwrap();
    assert_eq!(error(&again), "invalid_grant");
    assert!(!program.works(&fresh.text("access_token")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_costs_neither_code_nor_token() {
    on_each(async |app, program, mut browser| {
        let other = Program::register(&app.url, "Another program").await;
        let code = program.code(&mut browser, "alice").await;
        let grant = ("grant_type", "authorization_code");
        let (given, verifier) = (("code", &*code), ("code_verifier", VERIFIER));
        let redirect = ("redirect_uri", CALLBACK);
        let elsewhere = [
            (
                "http://127.0.0.1:1/callback",
                &*program.id,
                "api",
                "invalid_grant",
            ),
            (CALLBACK, &*other.id, "api", "invalid_grant"),
            (CALLBACK, "made-up", "api", "invalid_client"),
            (CALLBACK, &*program.id, "mcp/files", "invalid_target"),
        ];
        for (redirect, id, resource, expected) in elsewhere {
            let resource = app.url.join(resource).unwrap();
            let form = [
                grant,
                given,
                verifier,
                ("redirect_uri", redirect),
                ("client_id", id),
                ("resource", resource.as_str()),
            ];
            let reply = program.token(&form).await.unwrap();
            assert!(reply.status.is_client_error(), "{reply:?}");
            assert_eq!(reply.text("error"), expected, "{form:?}");
        }
        let tokens = program
            .token(&[grant, given, verifier, redirect])
            .await
            .unwrap();
        assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");

        let refresh = tokens.text("refresh_token");
        let grant = ("grant_type", "refresh_token");
        let wrong = [
            ("client_id", &*other.id, "invalid_grant"),
            ("client_id", "made-up", "invalid_client"),
            (
                "resource",
                "https://elsewhere.example/mcp",
                "invalid_target",
            ),
            ("scope", "admin", "invalid_scope"),
        ];
        for (name, value, expected) in wrong {
            let form = [grant, ("refresh_token", &*refresh), (name, value)];
            let reply = program.token(&form).await.unwrap();
            assert!(reply.status.is_client_error(), "{reply:?}");
            assert_eq!(reply.text("error"), expected, "{form:?}");
        }
        let fresh = program.refresh(&refresh).await.unwrap();
        assert_eq!(fresh.status, StatusCode::OK, "{fresh:?}");
        assert!(program.works(&fresh.text("access_token")).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_of_one_database_are_one() {
    if postgres_server().is_none() {
        return;
    }
    let mut app = App::start(open(Engine::Postgres)).await;
    let alice = app.person("alice").await;
    // Both are reached by one name, as behind a balancer.
    let name = app.url.to_string();
    app.set("DEPUTY_PUBLIC_URL", &name);
    let (_process, there) = second(&app, &alice).await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let both = [program.clone(), program.at(&there.url)];
    let mut browser = app.browser();

    // A code, on both at once.
    let code = program.code(&mut browser, "alice").await;
    let replies = join_all((0..CROWD).map(|n| both[n % 2].redeem(&code))).await;
    let given = replies
        .iter()
        .flatten()
        .filter(|reply| reply.status == StatusCode::OK)
        .count();
    assert_eq!(given, 1, "{replies:?}");

    // A refresh token, on both at once.
    let mut token = program
        .log_in(&mut browser, "alice")
        .await
        .text("refresh_token");
    for _ in 0..3 {
        let replies = join_all((0..CROWD).map(|n| both[n % 2].refresh(&token))).await;
        let replies: Vec<Reply> = replies.into_iter().map(Option::unwrap).collect();
        let successor = replies[0].text("refresh_token");
        for (n, reply) in replies.iter().enumerate() {
            assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
            assert_eq!(reply.text("refresh_token"), successor);
            let token = reply.text("access_token");
            assert!(both[(n + 1) % 2].works(&token).await, "on the other one");
        }
        token = successor;
    }

    // Taken away on one, over on the other with the next call.
    let tokens = both[1].refresh(&token).await.unwrap();
    assert!(both[1].works(&tokens.text("access_token")).await);
    browser.take_away("Program of Alice").await;
    assert!(!both[1].works(&tokens.text("access_token")).await);
    let (code, out, err) = app.run(&["audit", "verify"], "");
    assert_eq!(code, 0, "{out}{err}");
}
