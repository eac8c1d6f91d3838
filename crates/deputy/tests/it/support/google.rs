//! What goes wrong at the emulated Google, and what it was asked.

use serde_json::{Value, json};

use super::{App, client};

impl App {
    /// Adds a fault (a rule of the control endpoint) and gives its number.
    pub(crate) async fn fault(&self, rule: Value) -> u64 {
        self.control("faults", rule).await["id"].as_u64().unwrap()
    }

    /// How often a fault has acted.
    pub(crate) async fn hits(&self, id: u64) -> u64 {
        let faults = self.observe("faults").await;
        let rule = faults["faults"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["id"] == json!(id))
            .unwrap();
        rule["hits"].as_u64().unwrap()
    }

    /// Removes a fault.
    pub(crate) async fn heal(&self, id: u64) {
        let url = self.google.join(&format!("control/faults/{id}")).unwrap();
        client()
            .delete(url)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
    }

    /// The number of the last request that Google has seen.
    pub(crate) async fn last_request(&self) -> u64 {
        let log = self.observe("log").await;
        log["requests"]
            .as_array()
            .unwrap()
            .last()
            .map_or(0, |r| r["seq"].as_u64().unwrap())
    }

    /// What Google was asked with an account's tokens after the request numbered `since`.
    pub(crate) async fn requests(&self, account: &str, since: u64) -> Vec<Value> {
        let log = self
            .observe(&format!("log?account={account}&since={since}"))
            .await;
        let all = log["requests"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|r| r["seq"].as_u64().unwrap() > since)
            .collect()
    }

    /// How often a method was asked for with an account's tokens after the request numbered `since`.
    pub(crate) async fn asked(&self, account: &str, method: &str, since: u64) -> usize {
        self.requests(account, since)
            .await
            .iter()
            .filter(|r| r["method"] == method)
            .count()
    }
}
