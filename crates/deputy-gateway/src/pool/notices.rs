//! What servers say unasked, on its way to whom it concerns.
//!
//! A server may say it without end, and everybody's goes the same way. So each server may say some things
//! a second; beyond that "changed" is said once at the second's end, however often it was said, and log
//! messages are lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::Lifecycle;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::launch::PoolKey;
use super::upstream::Notice;

/// How much a server may say in a [`WINDOW`].
const BURST: u32 = 32;
const WINDOW: Duration = Duration::from_secs(1);
/// The most resources whose updates wait for the end of the window; of more, all are said to have changed. As many
/// links may be said to be done with.
const RESOURCES: usize = 64;
/// The longest URI and the longest log message, in bytes.
const LONGEST_URI: usize = 2048;
const LONGEST_LOG: usize = 16 * 1024;

/// Where one server's notices go.
pub(super) struct Board {
    key: PoolKey,
    out: broadcast::Sender<(PoolKey, Notice)>,
    lifecycle: Lifecycle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    window: Option<Instant>,
    said: u32,
    flushing: bool,
    waiting: Waiting,
}

#[derive(Default)]
struct Waiting {
    tools: bool,
    prompts: bool,
    resources: bool,
    updated: BTreeSet<String>,
    complete: BTreeSet<String>,
}

impl Board {
    pub(super) fn new(
        key: PoolKey,
        out: broadcast::Sender<(PoolKey, Notice)>,
        lifecycle: Lifecycle,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            out,
            lifecycle,
            state: Mutex::default(),
        })
    }

    /// Takes a notification; those that concern nobody are dropped.
    pub(super) fn notified(self: &Arc<Self>, method: &str, params: Option<&RawValue>) {
        if self.out.receiver_count() > 0
            && let Some(notice) = notice(method, params)
        {
            self.post(notice);
        }
    }

    fn post(self: &Arc<Self>, notice: Notice) {
        let mut state = self.state.lock();
        let now = Instant::now();
        if state.window.is_none_or(|since| now >= since + WINDOW) {
            state.window = Some(now);
            state.said = 0;
        }
        state.said = state.said.saturating_add(1);
        // what waits is said first
        if state.said <= BURST && !state.flushing {
            drop(state);
            let _ = self.out.send((self.key.clone(), notice));
            return;
        }
        state.waiting.add(notice);
        if !state.flushing && !state.waiting.is_empty() {
            state.flushing = true;
            let board = self.clone();
            let until = state.window.unwrap_or(now) + WINDOW;
            self.lifecycle.spawn(async move {
                tokio::time::sleep_until(until).await;
                board.flush();
            });
        }
    }

    fn flush(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.flushing = false;
            std::mem::take(&mut state.waiting)
        };
        for notice in waiting.into_notices() {
            let _ = self.out.send((self.key.clone(), notice));
        }
    }
}

impl Waiting {
    fn add(&mut self, notice: Notice) {
        match notice {
            Notice::ToolsChanged => self.tools = true,
            Notice::PromptsChanged => self.prompts = true,
            Notice::ResourcesChanged => self.resources = true,
            Notice::ResourceUpdated { uri } => {
                if self.updated.len() < RESOURCES || self.updated.contains(&uri) {
                    self.updated.insert(uri);
                } else {
                    self.resources = true;
                }
            }
            Notice::ElicitationComplete { id } => {
                if self.complete.len() < RESOURCES {
                    self.complete.insert(id);
                }
            }
            Notice::Log { .. } => {
                metrics::counter!("deputy_pool_logs_dropped_total").increment(1);
            }
        }
    }

    fn is_empty(&self) -> bool {
        !self.tools
            && !self.prompts
            && !self.resources
            && self.updated.is_empty()
            && self.complete.is_empty()
    }

    fn into_notices(self) -> impl Iterator<Item = Notice> {
        let lists = [
            (self.tools, Notice::ToolsChanged),
            (self.prompts, Notice::PromptsChanged),
            (self.resources, Notice::ResourcesChanged),
        ];
        let updated = self.updated.into_iter();
        let complete = self.complete.into_iter();
        lists
            .into_iter()
            .filter_map(|(changed, notice)| changed.then_some(notice))
            .chain(updated.map(|uri| Notice::ResourceUpdated { uri }))
            .chain(complete.map(|id| Notice::ElicitationComplete { id }))
    }
}

fn notice(method: &str, params: Option<&RawValue>) -> Option<Notice> {
    #[derive(Deserialize)]
    struct Updated {
        uri: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Complete {
        elicitation_id: String,
    }
    match method {
        "notifications/tools/list_changed" => Some(Notice::ToolsChanged),
        "notifications/prompts/list_changed" => Some(Notice::PromptsChanged),
        "notifications/resources/list_changed" => Some(Notice::ResourcesChanged),
        "notifications/resources/updated" => {
            let Updated { uri } = serde_json::from_str(params?.get()).ok()?;
            (uri.len() <= LONGEST_URI).then_some(Notice::ResourceUpdated { uri })
        }
        "notifications/elicitation/complete" => {
            let Complete { elicitation_id: id } = serde_json::from_str(params?.get()).ok()?;
            (id.len() <= LONGEST_URI).then_some(Notice::ElicitationComplete { id })
        }
        "notifications/message" => {
            let params = params?;
            (params.get().len() <= LONGEST_LOG && params.get().starts_with('{')).then(|| {
                Notice::Log {
                    params: Arc::from(params.to_owned()),
                }
            })
        }
        _ => None,
    }
}
