//! Faults on demand: rules that say which requests go wrong and how.
//!
//! A rule matches by account, by method and by path, skips the first `after` matches and then acts
//! `times` times. The first rule that matches and still has something to do acts, alone.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;

/// A rule, as `/control/faults` takes and shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Given by the emulator.
    #[serde(default, skip_deserializing)]
    pub(crate) id: u64,
    /// Only requests with this account's access token (or, at `/token`, for this account).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// Only this method: a discovery id, or the beginning of some before a final `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Only paths that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// Only this HTTP verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verb: Option<String>,
    /// How many matches it lets pass first. Default 0.
    #[serde(default)]
    pub(crate) after: u64,
    /// How often it acts; `null` for ever. Default 1.
    #[serde(default = "once")]
    pub(crate) times: Option<u64>,
    /// How often it has acted.
    #[serde(default, skip_deserializing)]
    pub(crate) hits: u64,
    /// What it does.
    pub(crate) fault: Kind,
    /// `rate_limited`: 403 (default) or 429; `canned`: the status (default 200).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Seconds for a `Retry-After` header of an error answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    /// `slow`: how long to wait before the request is looked at. Default 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    /// `canned`: headers of the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// `canned`: the body; a string goes out as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Value>,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u64> {
    Some(1)
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// 401 `authError`.
    Unauthorized,
    /// 403 or 429 `userRateLimitExceeded`.
    UserRateLimited,
    /// 403 or 429 `rateLimitExceeded`.
    RateLimited,
    /// 403 `quotaExceeded`.
    QuotaExceeded,
    /// 500 `backendError`.
    BackendError,
    /// 503.
    Unavailable,
    /// Answers after `delay_ms`.
    Slow,
    /// Never answers and has no effect.
    Hang,
    /// Closes the connection without an answer or an effect.
    Drop,
    /// Has its effect and never answers.
    CommitThenHang,
    /// Has its effect and closes the connection.
    CommitThenDrop,
    /// Has its effect and answers 503.
    CommitThenUnavailable,
    /// Answers what the rule says, without an effect.
    Canned,
}

impl Rule {
    /// The error that the client gets, if this fault is one.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let code = if self.status == Some(429) {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::FORBIDDEN
        };
        let mut failure = match self.fault {
            Kind::Unauthorized => Failure::unauthorized(),
            Kind::UserRateLimited => Failure::user_rate_limit(code),
            Kind::RateLimited => Failure::rate_limit(code),
            Kind::QuotaExceeded => Failure::quota_exceeded(),
            Kind::BackendError => Failure::backend_error(),
            Kind::Unavailable | Kind::CommitThenUnavailable => Failure::unavailable(),
            Kind::Slow
            | Kind::Hang
            | Kind::Drop
            | Kind::CommitThenHang
            | Kind::CommitThenDrop
            | Kind::Canned => {
                return None;
            }
        };
        failure.retry_after = self.retry_after;
        Some(failure)
    }

    fn matches(&self, request: &Subject<'_>) -> bool {
        let method = |pattern: &String| {
            request
                .method
                .is_some_and(|method| match pattern.strip_suffix('*') {
                    Some(beginning) => method.starts_with(beginning),
                    None => method == pattern,
                })
        };
        self.account
            .as_deref()
            .is_none_or(|a| request.account.is_some_and(|b| a.eq_ignore_ascii_case(b)))
            && self.method.as_ref().is_none_or(method)
            && self
                .path
                .as_deref()
                .is_none_or(|p| request.path.starts_with(p))
            && self
                .verb
                .as_deref()
                .is_none_or(|v| request.verb.eq_ignore_ascii_case(v))
    }
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'r> {
    pub(crate) verb: &'r str,
    pub(crate) path: &'r str,
    pub(crate) method: Option<&'r str>,
    pub(crate) account: Option<&'r str>,
}

/// The rules in force. They don't survive a restart.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    last_id: u64,
}

impl Faults {
    /// Adds a rule behind the others and returns it with its id.
    pub(crate) fn add(&mut self, mut rule: Rule) -> Rule {
        self.last_id += 1;
        rule.id = self.last_id;
        rule.hits = 0;
        self.rules.push(rule.clone());
        rule
    }

    /// All rules, also those that have nothing left to do.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Removes one rule. True if it was there.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Removes all rules.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rule that acts on this request, counted.
    pub(crate) fn take(&mut self, request: &Subject<'_>) -> Option<Rule> {
        for rule in &mut self.rules {
            if rule.times.is_some_and(|times| rule.hits >= times) || !rule.matches(request) {
                continue;
            }
            if rule.after > 0 {
                rule.after -= 1;
                continue;
            }
            rule.hits += 1;
            return Some(rule.clone());
        }
        None
    }
}
