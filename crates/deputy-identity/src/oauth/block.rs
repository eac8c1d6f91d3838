//! What administrators end and forbid: all access of one client or one person, and clients that may
//! not ask anybody any more.
//!
//! A block is stored first and the grants end after it, in another transaction. Whoever redeems or
//! refreshes looks for a block before anything else. So a grant that was allowed while the block was
//! being made either was there when the grants ended, or is redeemed by somebody who sees the block.

use deputy_core::UserId;
use deputy_store::oauth_block::{Block, BlockKind};
use deputy_store::oauth_grant::{Grant, Program};
use url::Url;

use super::{ADMINISTRATOR_BLOCK, ADMINISTRATOR_END, AuthorizationServer};

/// Most blocks that there are.
const MAX_BLOCKS: u64 = 1000;
/// Clients whose grants end in one transaction.
const AT_ONCE: usize = 500;
/// Longest id of a client, in bytes; that of a row.
const MAX_CLIENT_ID: usize = deputy_store::oauth_client::MAX_CLIENT_ID;
/// How the id of a client begins that is described by a document.
const DESCRIBED: &str = "https://";

/// What is to be blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The client of this id, whether there is one or not.
    Client(String),
    /// Every client whose document is on this host, as in its URL, without a port. A dot at its end
    /// makes no difference.
    Host(String),
}

/// What a block did.
#[derive(Debug)]
pub struct Blocked {
    /// The block.
    pub block: Block,
    /// What people had allowed and ended with it.
    pub ended: Vec<Grant>,
    /// Why not all of it ended. The block stands, so nothing is renewed; to block again ends the
    /// rest.
    pub failed: Option<deputy_store::Error>,
}

/// Why nothing was blocked.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// This can be neither the id of a client nor a host.
    #[error("'{0}' can't be blocked: give the id of a client, or a host such as 'example.org'")]
    Name(String),
    /// There is no client of this id, which looks like a host.
    #[error("there is no client '{0}'; if that is a host, block it as one")]
    Host(String),
    /// There are too many.
    #[error("there are {MAX_BLOCKS} blocks already")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl Subject {
    /// As it is compared: `None` for what can't be one.
    fn canonical(&self) -> Option<(BlockKind, String)> {
        match self {
            Self::Client(id) => {
                let is_id = (1..=MAX_CLIENT_ID).contains(&id.len())
                    && id.trim() == id
                    && !id.chars().any(char::is_control);
                is_id.then(|| (BlockKind::Client, id.clone()))
            }
            Self::Host(host) => {
                let host = plain(host.trim());
                let url = Url::parse(&format!("{DESCRIBED}{host}/")).ok()?;
                let parsed = url.host_str()?;
                // Nothing but a host was in it.
                let is_host = url.as_str() == format!("{DESCRIBED}{parsed}/");
                is_host.then(|| (BlockKind::Host, parsed.to_owned()))
            }
        }
    }
}

/// The host of a client that is described by a document.
fn host(client_id: &str) -> Option<String> {
    let url = Url::parse(client_id).ok()?;
    let host = url.host_str().filter(|_| url.scheme() == "https")?;
    Some(plain(host).to_owned())
}

/// A host without the dot at its end, with which it is another text for the same host.
fn plain(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Whether the id of a client is written like a host: `example.org`.
fn is_like_host(id: &str) -> bool {
    let as_host = Subject::Host(id.to_owned());
    id.contains('.') && as_host.canonical().is_some()
}

impl AuthorizationServer {
    /// What is blocked with a number above `after`, by that number, at most `limit`.
    pub async fn blocks(
        &self,
        after: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Block>, deputy_store::Error> {
        self.inner.store.oauth_blocks(after, limit).await
    }

    /// Blocks: such a client can't ask anybody for access any more, gets no tokens, and what people
    /// allowed it ends at once. To block again ends again.
    pub async fn block(&self, subject: &Subject) -> Result<Blocked, BlockError> {
        let (kind, name) = subject.canonical().ok_or_else(|| {
            let (Subject::Client(name) | Subject::Host(name)) = subject;
            BlockError::Name(name.escape_debug().take(200).collect())
        })?;
        let store = &self.inner.store;
        if store.oauth_block_of(kind, &name).await?.is_none() {
            if store.count_oauth_blocks().await? >= MAX_BLOCKS {
                return Err(BlockError::TooMany);
            }
            let is_known = kind == BlockKind::Host || self.known_client(&name).await?.is_some();
            if !is_known && is_like_host(&name) {
                return Err(BlockError::Host(name));
            }
        }
        let tx = store.begin().await?;
        let block = tx.put_oauth_block(kind, &name, self.now()).await?;
        tx.commit().await?;
        let clients = match kind {
            BlockKind::Client => vec![name],
            BlockKind::Host => {
                let mut ids = store.oauth_client_ids_with_grants(DESCRIBED).await?;
                ids.extend(store.oauth_client_ids_with_consents(DESCRIBED).await?);
                ids.sort_unstable();
                ids.dedup();
                ids.retain(|id| host(id).as_deref() == Some(&name));
                ids
            }
        };
        let clients: Vec<&str> = clients.iter().map(String::as_str).collect();
        let mut ended = Vec::new();
        let all = self.end_clients(&clients, ADMINISTRATOR_BLOCK, &mut ended);
        let failed = all.await.err();
        Ok(Blocked {
            block,
            ended,
            failed,
        })
    }

    /// Takes a block back; what ended stays ended. The block; `None` when there is none of this
    /// number.
    pub async fn unblock(&self, id: i64) -> Result<Option<Block>, deputy_store::Error> {
        let store = &self.inner.store;
        let Some(block) = store.oauth_block(id).await? else {
            return Ok(None);
        };
        let tx = store.begin().await?;
        let was_there = tx.delete_oauth_block(id).await?;
        tx.commit().await?;
        Ok(was_there.then_some(block))
    }

    /// Whether the client is blocked, by its id or by the host of its document.
    pub async fn is_blocked(&self, client_id: &str) -> Result<bool, deputy_store::Error> {
        let host = host(client_id);
        let store = &self.inner.store;
        store.is_oauth_blocked(client_id, host.as_deref()).await
    }

    /// Ends all that anybody allowed this client, which stays and may ask again; what ended.
    pub async fn end_client(&self, client_id: &str) -> Result<Vec<Grant>, deputy_store::Error> {
        let mut ended = Vec::new();
        self.end_clients(&[client_id], ADMINISTRATOR_END, &mut ended)
            .await?;
        Ok(ended)
    }

    /// Ends all that this person allowed any client; what ended.
    pub async fn end_person(&self, user: UserId) -> Result<Vec<Grant>, deputy_store::Error> {
        self.end_grants(user, None, ADMINISTRATOR_END).await
    }

    /// The clients that have access to something of anybody's, those with most accesses first: at
    /// most `limit` after the first `passed`.
    pub async fn programs(
        &self,
        passed: u64,
        limit: u64,
    ) -> Result<Vec<Program>, deputy_store::Error> {
        self.inner.store.oauth_programs(passed, limit).await
    }

    async fn end_clients(
        &self,
        client_ids: &[&str],
        why: &str,
        ended: &mut Vec<Grant>,
    ) -> Result<(), deputy_store::Error> {
        for some in client_ids.chunks(AT_ONCE) {
            let now = self.now();
            let tx = self.inner.store.begin().await?;
            let these = tx.end_oauth_grants_of_clients(some, why, now).await?;
            tx.forget_oauth_consents(some).await?;
            tx.commit().await?;
            ended.extend(these);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
