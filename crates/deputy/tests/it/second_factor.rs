//! Second factors from outside: passkeys in a real browser, an authenticator app on the pages, what commands say and
//! remove, and that what was sent to the sign-in arrives.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use totp_rs::{Builder, Totp};

use crate::support::{
    App, Browser, CALLBACK, Engine, Options, PASSWORD, Page, Person, chromium, node, on_each,
    succeed,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_uses_passkeys() {
    if node("passkey.mjs").is_none() {
        return;
    }
    let Some(chromium) = chromium() else {
        return;
    };
    // Passkeys belong to a name; of an address there are none.
    let app = App::start(Options::on(Engine::Sqlite).named("localhost")).await;
    let alice = app.person("alice").await;
    app.person("bob").await;
    let mut browser = node("passkey.mjs").unwrap();
    browser
        .env("CHROMIUM", chromium)
        .env("URL", app.url.as_str())
        .envs([("ALICE", "alice"), ("BOB", "bob"), ("PASSWORD", PASSWORD)]);
    let said = succeed(browser).await;
    let said: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(said["signed_in"], "alice");
    let listed = said["listed"].as_str().unwrap();
    assert!(
        listed.contains("Phone") && !listed.contains("never"),
        "{listed}"
    );
    let actions = actions(&alice).await;
    for action in [
        "factor.add",
        "factor.remove",
        "factor.refused",
        "session.confirm",
    ] {
        assert!(actions.iter().any(|a| a == action), "{action}: {actions:?}");
    }
    let (_, list, _) = app.run(&["user", "list"], "");
    assert!(list.contains("password+passkeys:1"), "{list}");
}

async fn actions(person: &Person) -> Vec<String> {
    let records = person.get("api/v1/audit?limit=200").await;
    let records = records.data().as_array().unwrap();
    let action = |record: &Value| record["action"].as_str().unwrap().to_owned();
    records.iter().map(action).collect()
}

/// The app in which the secret of this page was typed.
fn phone(page: &Page) -> Totp {
    let (_, after) = page.html.split_once("class=\"picture\"").unwrap();
    let (_, after) = after.split_once("<pre").unwrap();
    let secret = after.split(['>', '<']).nth(1).unwrap().replace(' ', "");
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    Builder::new().with_secret(secret).build().unwrap()
}

/// Sets an app up on the pages: the app, its recovery codes, and the time of the code that was used.
async fn set_up(browser: &mut Browser) -> (Totp, Vec<String>, u64) {
    let page = browser.open("settings/second-factor").await;
    let page = browser
        .submit(page.form_to("/settings/second-factor/app"))
        .await;
    let phone = phone(&page);
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let code = phone.generate(now).to_string();
    let page = browser
        .submit(page.form_with("code").with("code", &code))
        .await;
    let (_, after) = page.html.split_once("id=\"codes\"").expect("codes");
    let (_, after) = after.split_once("<pre").unwrap();
    let list = after.split(['>', '<']).nth(1).unwrap();
    let codes: Vec<String> = list.split_whitespace().map(str::to_owned).collect();
    assert_eq!(codes.len(), 10);
    (phone, codes, now)
}

/// The password, and where that leads.
async fn first_step(browser: &mut Browser, page: Page) -> Page {
    let form = page.form_with("password");
    let form = form.with("username", "alice").with("password", PASSWORD);
    let page = browser.submit(form).await;
    assert_eq!(page.url.path(), "/login/second", "{page:?}");
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_to_the_sign_in_arrives_after_both_steps() {
    on_each(async |engine| {
        let app = App::start(Options::on(engine)).await;
        app.person("root").await;
        let alice = app.connected("alice").await;
        let mut browser = app.browser();
        browser.sign_in("alice", PASSWORD).await;
        let (phone, codes, at) = set_up(&mut browser).await;

        // A program that logs in: the code of the next half minute, which is in time already.
        let mut link = app.url.join("oauth/authorize").unwrap();
        link.query_pairs_mut().extend_pairs([
            ("client_id", "deputy-cli"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            (
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ),
            ("code_challenge_method", "S256"),
            ("scope", "tools:read"),
            ("state", "s t&a"),
            ("resource", app.url.join("mcp").unwrap().as_str()),
        ]);
        let mut fresh = app.browser();
        let page = fresh.go(Method::GET, link, None).await;
        let page = first_step(&mut fresh, page).await;
        let code = phone.generate(at + 30).to_string();
        let form = page.form_with("code").with("code", &code);
        let page = fresh.submit(form).await;
        let form = page.form_with("decision").with("decision", "allow");
        let sent = fresh
            .send(Method::POST, form.action, Some(&form.fields))
            .await;
        let to = sent.headers()["location"].to_str().unwrap().to_owned();
        assert!(to.contains("code=") && to.contains("state=s+t%26a"), "{to}");

        // That code opens nothing a second time, and half way nothing is open.
        let mut thief = app.browser();
        let page = thief.open("login").await;
        let page = first_step(&mut thief, page).await;
        let again = thief
            .submit(page.form_with("code").with("code", &code))
            .await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{again:?}");
        assert_eq!(thief.open("settings").await.url.path(), "/login");
        // A recovery code does, once.
        let form = again.form_with("code").with("code", &codes[0]);
        assert_eq!(thief.submit(form.clone()).await.url.path(), "/");

        let (_, list, _) = app.run(&["user", "list"], "");
        assert!(list.contains("\tpassword+app"), "{list}");
        let (code, _, err) = app.run(&["user", "reset-second-factor", "alice"], "");
        assert_eq!(code, 0, "{err}");
        let mut plain = app.browser();
        let home = plain.sign_in("alice", PASSWORD).await;
        assert_eq!(home.url.path(), "/", "{home:?}");
        assert!(home.html.contains("Your second factor was removed"));
        let actions = actions(&alice).await;
        for action in ["user.reset_second_factor", "factor.recovery_used"] {
            assert!(actions.iter().any(|a| a == action), "{action}: {actions:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_deletes_their_account() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.person("root").await;
    let alice = app.connected("alice").await;
    let mut browser = app.browser();
    browser.sign_in("alice", PASSWORD).await;
    let page = browser.open("settings/delete").await;
    let form = page.form_with("username").with("username", "alice");
    let page = browser.submit(form).await;
    assert_eq!(page.url.path(), "/login", "{page:?}");
    let gone = alice.get("api/v1/me").await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    let (_, list, _) = app.run(&["user", "list"], "");
    assert!(!list.contains("alice"), "{list}");
    // Google was told.
    let log = app.observe("log").await;
    assert!(log.to_string().contains("/revoke"), "{log}");
}
