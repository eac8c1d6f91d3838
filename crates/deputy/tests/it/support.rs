//! What the suite acts with.

mod app;
mod browser;
mod clients;
mod google;
mod mcp;
mod person;
mod process;
mod program;
mod proxy;
mod somebody;

pub(crate) use app::{
    App, Engine, Options, PASSWORD, both, engines, on_each, one_engine, postgres_server,
};
pub(crate) use browser::{Browser, Form, Page};
pub(crate) use clients::{
    chromium, client_package, for_two, node, node_dir, node_program, output, python, runners,
    script, succeed,
};
pub(crate) use mcp::Mcp;
pub(crate) use person::{Answer, Person};
pub(crate) use process::{Process, deputy, is_alive};
pub(crate) use program::{CALLBACK, Program, Reply, VERIFIER, parameter};
pub(crate) use proxy::Proxy;
pub(crate) use somebody::Somebody;

use std::time::{Duration, Instant};

/// Waits until `look` gives something, at most 20 s; looks every 20 ms.
pub(crate) async fn until<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "in 20 s there was not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A plain HTTP client that follows no redirect.
pub(crate) fn client() -> reqwest::Client {
    let limits = deputy_core::http::Limits {
        total: Duration::from_secs(90),
        ..Default::default()
    };
    deputy_core::http::trusted(limits).unwrap()
}
