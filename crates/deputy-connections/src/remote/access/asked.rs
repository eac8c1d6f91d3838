//! What a server asked for with a refusal, remembered for the next consent.

use deputy_store::remote_account::RemoteAccount;
use jiff::Timestamp;
use url::Url;

use super::AccessError;
use crate::remote::challenge::Challenge;
use crate::remote::{Inner, Key, union};

/// So many consents in a row may be followed by a question for scopes that were granted; then the server is told no.
pub(in crate::remote) const STEP_UPS: i32 = 2;
/// What a server says about itself is kept up to this length.
const MAX_URL: usize = 2048;

impl Inner {
    /// Remembers what a server asked for, until the person consents.
    pub(super) async fn note_challenge(
        &self,
        key: Key,
        url: &Url,
        challenge: Challenge,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let metadata_url = challenge
            .resource_metadata
            .clone()
            .filter(|text| text.len() <= MAX_URL);
        let tx = self.store.begin().await?;
        let scope = tx.user(key.0);
        // Of several calls that are refused at once, one adds the row.
        scope.lock_own_servers().await?;
        let before = scope.remote_account_for_update(key.1).await?;
        let seen = before.as_ref().map(|row| row.generation);
        let mut row = match &before {
            Some(row) if row.server_url == url.as_str() => row.clone(),
            _ => unconnected(key.1, url, seen, now),
        };
        let held = challenge.scopes.iter().all(|s| row.scopes.contains(s));
        let mut refused = false;
        if challenge.is_insufficient_scope() && row.access_token.is_some() {
            // All that is refused between two consents is one round, however many calls that are.
            if !held {
                row.step_ups = 0;
            } else if !row.asked_again {
                row.step_ups += 1;
            }
            row.asked_again = true;
            refused = row.step_ups >= STEP_UPS;
        }
        row.wanted_scopes = if row.wanted_scopes.is_empty() {
            challenge.scopes
        } else {
            union(&[&row.wanted_scopes, &challenge.scopes])
        };
        row.metadata_url = metadata_url.or(row.metadata_url);
        let changed = before.as_ref() != Some(&row);
        row.updated_at = now;
        match seen {
            Some(seen) if changed => {
                scope.remote_account_replace(row, seen).await?;
            }
            // False where the server is gone: then nobody will consent either.
            None => {
                scope.remote_account_add(row).await?;
            }
            Some(_) => {}
        }
        tx.commit().await?;
        if refused {
            return Err(AccessError::Refused);
        }
        Ok(())
    }
}

/// The row of a server that nobody has consented at. What was there of another URL is dropped with
/// it: its tokens are of no use any more.
fn unconnected(server: i64, url: &Url, seen: Option<i64>, now: Timestamp) -> RemoteAccount {
    RemoteAccount {
        server_id: server,
        server_url: url.to_string(),
        issuer: None,
        client: None,
        access_token: None,
        refresh_token: None,
        expires_at: None,
        scopes: Vec::new(),
        wanted_scopes: Vec::new(),
        metadata_url: None,
        step_ups: 0,
        asked_again: false,
        generation: seen.map_or(0, |seen| seen + 1),
        connected_at: None,
        refreshed_at: now,
        last_used_at: now,
        failures: 0,
        retry_at: Timestamp::UNIX_EPOCH,
        refusal: None,
        created_at: now,
        updated_at: now,
    }
}
