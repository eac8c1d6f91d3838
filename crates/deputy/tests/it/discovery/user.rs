//! Somebody who uses every tool, whatever it asks.

use std::cell::RefCell;
use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::Person;

/// Somebody who uses every tool there is.
pub(super) struct User<'a> {
    pub(super) person: &'a Person,
    pub(super) used: &'a RefCell<BTreeSet<String>>,
}

impl User<'_> {
    /// Calls a tool, approves where it asks, and gives its result, or nothing if it was an error.
    pub(super) async fn attempt(&self, tool: &str, arguments: Value) -> Option<Value> {
        self.used.borrow_mut().insert(tool.to_owned());
        let answer = self.person.try_call(tool, &arguments).await;
        let result = if answer.status == StatusCode::ACCEPTED {
            let id = answer.data()["approval"]["id"].as_str().unwrap().to_owned();
            self.person.decide(&id, "approve").await.data()["result"].clone()
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{tool}: {answer:?}");
            answer.data().clone()
        };
        (result["is_error"] == json!(false)).then(|| result["structured"].clone())
    }

    /// Calls a tool that has to succeed.
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        self.attempt(tool, arguments)
            .await
            .unwrap_or_else(|| panic!("{tool} {shown} failed"))
    }

    /// Calls a tool that has to answer with an error.
    pub(super) async fn fails(&self, tool: &str, arguments: Value) {
        let result = self.attempt(tool, arguments).await;
        assert!(result.is_none(), "{tool}: {result:?}");
    }

    /// Every page of a listing; gives the first one's items.
    pub(super) async fn pages(&self, tool: &str, arguments: Value, items: &str) -> Vec<Value> {
        let mut arguments = arguments;
        let mut found = Vec::new();
        loop {
            let page = self.call(tool, arguments.clone()).await;
            found.extend(page[items].as_array().unwrap().iter().cloned());
            match page.get("next_page_token").filter(|t| t.is_string()) {
                Some(token) => arguments["page_token"] = token.clone(),
                None => return found,
            }
        }
    }
}

/// A string of an answer.
pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
