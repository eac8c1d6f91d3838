//! Whether clients are told that they may name themselves by a document.
//!
//! Clients take what the metadata advertise and don't fall back. So a server that can't reach the
//! outside must not advertise it; with [`Setting::Auto`] it tries, and until that worked says no. It
//! tries with a fixed document, and where that one can't be had with those that people here use: no
//! single host decides.

use std::sync::atomic::Ordering;
use std::time::Duration;

use deputy_core::Lifecycle;

use super::Setting;
use crate::oauth::AuthorizationServer;

/// How often is looked whether documents can be fetched: where they could be, and where not.
const LOOK_AGAIN: Duration = Duration::from_hours(24);
const TRY_AGAIN: Duration = Duration::from_mins(10);
/// Documents in use that are tried where the fixed one can't be had.
const OTHERS: u64 = 3;

/// A document that is there wherever the outside can be reached.
pub(in crate::oauth) const PROBE: &str = "https://claude.ai/oauth/claude-code-client-metadata";

impl AuthorizationServer {
    /// Whether clients are told that they may name themselves by a URL.
    pub fn documents_work(&self) -> bool {
        let documents = &self.inner.documents;
        documents.guarded.is_some()
            && match self.inner.config.documents {
                Setting::On => true,
                Setting::Off => false,
                Setting::Auto => documents.works.load(Ordering::Relaxed),
            }
    }

    /// Whether one of the documents that are tried with can be fetched; what the metadata say follows
    /// it.
    pub(in crate::oauth) async fn try_documents(&self) -> bool {
        let documents = &self.inner.documents;
        let works = match &self.inner.config.documents_probe {
            Some(probe) => {
                self.has_one(std::slice::from_ref(probe)).await
                    || self.has_one(&self.others().await).await
            }
            None => false,
        };
        if documents.works.swap(works, Ordering::Relaxed) != works {
            tracing::info!(
                works,
                "whether clients' documents can be fetched has changed"
            );
        }
        works
    }

    /// Whether one of these can be fetched.
    pub(super) async fn has_one(&self, client_ids: &[String]) -> bool {
        let documents = &self.inner.documents;
        for client_id in client_ids {
            if let Ok((url, guarded)) = documents.url(client_id)
                && documents.fetch(client_id, &url, guarded).await.is_ok()
            {
                return true;
            }
        }
        false
    }

    /// Documents that people here use, but for those at places that the administrator allowed: that
    /// they can be reached says nothing about the outside.
    pub(super) async fn others(&self) -> Vec<String> {
        let documents = &self.inner.documents;
        let in_use = self.inner.store.oauth_documents_in_use(OTHERS).await;
        let mut others = in_use.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "which documents are in use could not be looked up"
            );
            Vec::new()
        });
        others.retain(
            |id| matches!(documents.url(id), Ok((url, guarded)) if !guarded.is_allowed(&url)),
        );
        others
    }

    /// Tries until the program stops, where that is asked for.
    pub(in crate::oauth) fn watch_documents(&self, lifecycle: &Lifecycle) {
        let config = &self.inner.config;
        if config.documents != Setting::Auto || config.documents_probe.is_none() {
            return;
        }
        let server = self.clone();
        let stop = lifecycle.soft().clone();
        lifecycle.spawn(stop.run_until_cancelled_owned(async move {
            loop {
                let wait = if server.try_documents().await {
                    LOOK_AGAIN
                } else {
                    TRY_AGAIN
                };
                tokio::time::sleep(wait).await;
            }
        }));
    }
}
