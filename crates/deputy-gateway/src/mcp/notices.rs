//! What servers and Deputy say unasked, on its way to the clients that it concerns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::UserId;
use parking_lot::Mutex;
use rmcp::model::{CustomNotification, ResourceUpdatedNotificationParam, ServerNotification};
use rmcp::service::{Peer, RoleServer, SubscriptionContext};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::Gateway;
use crate::pool::{Notice, PoolKey};

/// Levels of log messages, the lowest first (RFC 5424).
pub(super) const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];
/// The most resources that one session watches.
const MOST_WATCHED: usize = 256;

/// How far up a level is; what is none is treated as `info`.
pub(super) fn severity(level: &str) -> usize {
    LEVELS.iter().position(|l| *l == level).unwrap_or(1)
}

/// What a session of an older client wants to hear.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    level: Mutex<Option<String>>,
    watched: Mutex<BTreeSet<String>>,
}

impl Wishes {
    pub(super) fn level(&self) -> Option<String> {
        self.level.lock().clone()
    }

    pub(super) fn set_level(&self, level: &str) {
        *self.level.lock() = Some(level.to_owned());
    }

    /// False: it watches too many already.
    pub(super) fn watch(&self, uri: &str) -> bool {
        let mut watched = self.watched.lock();
        if watched.len() >= MOST_WATCHED && !watched.contains(uri) {
            return false;
        }
        watched.insert(uri.to_owned());
        true
    }

    pub(super) fn unwatch(&self, uri: &str) {
        self.watched.lock().remove(uri);
    }

    fn wants(&self, said: &RawValue) -> bool {
        let lowest = self.level.lock().as_deref().map_or(0, severity);
        level_of(said) >= lowest
    }
}

fn level_of(said: &RawValue) -> usize {
    #[derive(Deserialize)]
    struct Said<'a> {
        #[serde(borrow)]
        level: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Said<'_>>(said.get()).map_or(1, |said| severity(&said.level))
}

/// A piece of news.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Tools,
    Prompts,
    Resources,
    Updated(String),
    Log(Box<RawValue>),
}

/// The news of one person, and of one server of theirs.
pub(super) struct News {
    user: UserId,
    key: Option<PoolKey>,
    notices: broadcast::Receiver<(PoolKey, Notice)>,
    changes: broadcast::Receiver<UserId>,
}

impl News {
    pub(super) fn of(gateway: &Gateway, user: UserId, key: Option<PoolKey>) -> Self {
        Self {
            user,
            key,
            notices: gateway.inner.parts.pool.notices(),
            changes: gateway.inner.tools_changed.subscribe(),
        }
    }

    /// The next piece; none when there will be no more. Safe to be broken off.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        loop {
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(user) if user == self.user => return Some(Piece::Tools),
                    Ok(_) => {}
                    // After a burst nobody can say who was meant: everybody is told once.
                    Err(RecvError::Lagged(_)) => return Some(Piece::Tools),
                    Err(RecvError::Closed) => return None,
                },
                notice = self.notices.recv(), if self.key.is_some() => match notice {
                    Ok((key, notice)) if Some(&key) == self.key.as_ref() => match notice {
                        Notice::ToolsChanged => return Some(Piece::Tools),
                        Notice::PromptsChanged => return Some(Piece::Prompts),
                        Notice::ResourcesChanged => return Some(Piece::Resources),
                        Notice::ResourceUpdated { uri } => return Some(Piece::Updated(uri)),
                        Notice::Log { params } => return Some(Piece::Log(params)),
                    },
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Tells an older client for as long as its session lives.
    pub(super) fn follow(mut self, gateway: &Gateway, peer: Peer<RoleServer>, wishes: Arc<Wishes>) {
        let lifecycle = &gateway.inner.parts.lifecycle;
        lifecycle.spawn(
            lifecycle
                .soft()
                .clone()
                .run_until_cancelled_owned(async move {
                    let mut alive = tokio::time::interval(Duration::from_secs(30));
                    loop {
                        tokio::select! {
                            piece = self.next() => {
                                let Some(piece) = piece else { return };
                                if !Self::tell(piece, &peer, &wishes).await {
                                    return;
                                }
                            }
                            _ = alive.tick() => if peer.is_transport_closed() {
                                return;
                            },
                        }
                    }
                }),
        );
    }

    /// Tells a listener until it leaves or the program stops.
    pub(super) async fn serve(mut self, gateway: &Gateway, listener: &SubscriptionContext) {
        let soft = gateway.inner.parts.lifecycle.soft();
        loop {
            tokio::select! {
                piece = self.next() => {
                    let Some(piece) = piece else { return };
                    if !Self::tell_listener(piece, listener).await {
                        return;
                    }
                }
                () = listener.cancelled() => return,
                () = soft.cancelled() => return,
            }
        }
    }

    /// Tells an older client; false when it is gone.
    async fn tell(piece: Piece, peer: &Peer<RoleServer>, wishes: &Wishes) -> bool {
        let told = match piece {
            Piece::Tools => peer.notify_tool_list_changed().await,
            Piece::Prompts => peer.notify_prompt_list_changed().await,
            Piece::Resources => peer.notify_resource_list_changed().await,
            Piece::Updated(uri) if wishes.watched.lock().contains(&uri) => {
                let update = ResourceUpdatedNotificationParam::new(uri);
                peer.notify_resource_updated(update).await
            }
            Piece::Log(said) if wishes.wants(&said) => return log(peer, &said).await,
            Piece::Updated(_) | Piece::Log(_) => return true,
        };
        told.is_ok()
    }

    /// Tells a listener of the newer era what it asked for; false when it is gone.
    async fn tell_listener(piece: Piece, listener: &SubscriptionContext) -> bool {
        use rmcp::service::SubscriptionSendError as Error;
        let sink = listener.sink();
        let told = match piece {
            Piece::Tools => sink.notify_tool_list_changed().await,
            Piece::Prompts => sink.notify_prompt_list_changed().await,
            Piece::Resources => sink.notify_resource_list_changed().await,
            Piece::Updated(uri) => sink.notify_resource_updated(uri).await,
            // Those go with requests.
            Piece::Log(_) => return true,
        };
        matches!(told, Ok(()) | Err(Error::NotificationNotAccepted(_)))
    }
}

/// Passes a log message on as it is; false when the client is gone.
pub(super) async fn log(peer: &Peer<RoleServer>, said: &RawValue) -> bool {
    let params = serde_json::from_str(said.get()).ok();
    let note = CustomNotification::new("notifications/message", params);
    peer.send_notification(ServerNotification::CustomNotification(note))
        .await
        .is_ok()
}

/// The log messages of one server while a request lasts.
pub(super) struct Logs {
    notices: broadcast::Receiver<(PoolKey, Notice)>,
    key: PoolKey,
    lowest: usize,
}

impl Logs {
    pub(super) fn of(gateway: &Gateway, key: PoolKey, level: &str) -> Self {
        Self {
            notices: gateway.inner.parts.pool.notices(),
            key,
            lowest: severity(level),
        }
    }

    /// The next one; none when there will be no more. Safe to be broken off.
    pub(super) async fn next(&mut self) -> Option<Box<RawValue>> {
        loop {
            match self.notices.recv().await {
                Ok((key, Notice::Log { params }))
                    if key == self.key && level_of(&params) >= self.lowest =>
                {
                    return Some(params);
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
