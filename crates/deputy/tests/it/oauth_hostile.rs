//! Everything that somebody who means ill sends to the authorization server, from outside.

mod guesses;
mod pages;
mod tokens;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::support::{App, Browser, Engine, Options, PASSWORD, Page, client};

/// An installation for which no limit stands but those that a test is about.
fn open() -> Options {
    Options::on(Engine::Sqlite).with("DEPUTY_LIMITS_TOKEN_PER_MIN", "0")
}

/// A page as it is answered, with its headers; no redirect is followed.
async fn get(browser: &mut Browser, url: Url) -> (StatusCode, HeaderMap, String) {
    let answer = browser.send(Method::GET, url, None).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

/// Registers with `metadata`, whatever is said of it.
async fn register(app: &App, metadata: &Value) -> (StatusCode, Value) {
    let to = app.url.join("oauth/register").unwrap();
    let answer = client().post(to).json(metadata).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Opens a link and signs in: the page for deciding.
async fn consent(browser: &mut Browser, link: Url, name: &str) -> Page {
    let page = browser.go(Method::GET, link, None).await;
    if !page.html.contains("name=\"password\"") {
        return page;
    }
    let form = page
        .form_with("password")
        .with("username", name)
        .with("password", PASSWORD);
    browser.submit(form).await
}
