//! What servers and Deputy say unasked, on its way to the clients that it concerns.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deputy_core::{Principal, UserId};
use parking_lot::Mutex;
use rmcp::model::{
    CustomNotification, ErrorData, ResourceUpdatedNotificationParam, ServerNotification,
};
use rmcp::service::{NotificationContext, Peer, RoleServer, SubscriptionContext};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::MissedTickBehavior;

use super::Front;
use crate::Gateway;
use crate::pool::{Notice, PoolKey, Wish, severity};

/// The most resources that one session watches.
const MOST_WATCHED: usize = 256;
/// How often it is looked whether an older client is still there, to whom there is nothing to say.
const LOOK: Duration = Duration::from_secs(30);
/// The most listeners of the newer era that one person has.
const MOST_LISTENERS: usize = 100;

/// What a session of an older client wants to hear.
#[derive(Default)]
pub(super) struct Wishes {
    level: Mutex<Option<String>>,
    watched: Mutex<BTreeSet<String>>,
    /// What of it the server is told.
    wish: OnceLock<Wish>,
}

impl Wishes {
    /// What the server is told, and each process of it to come.
    pub(super) fn wish(&self, gateway: &Gateway, key: &PoolKey) -> &Wish {
        self.wish.get_or_init(|| gateway.inner.parts.pool.wish(key))
    }

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
        if let Some(wish) = self.wish.get() {
            wish.unwatch(uri);
        }
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
    Log(Arc<RawValue>),
    /// What a link was opened for is done.
    Complete(String),
}

/// The news of one person, and of one server of theirs.
pub(super) struct News {
    user: UserId,
    key: Option<PoolKey>,
    notices: broadcast::Receiver<(PoolKey, Notice)>,
    changes: broadcast::Receiver<UserId>,
    /// What is said in place of what was missed.
    missed: Vec<Piece>,
}

impl News {
    pub(super) fn of(gateway: &Gateway, user: UserId, key: Option<PoolKey>) -> Self {
        Self {
            user,
            key,
            notices: gateway.inner.parts.pool.notices(),
            changes: gateway.inner.tools_changed.subscribe(),
            missed: Vec::new(),
        }
    }

    /// The next piece; none when there will be no more. Safe to be broken off.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(missed) = self.missed.pop() {
                return Some(missed);
            }
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(user) if user == self.user => return Some(Piece::Tools),
                    Ok(_) => {}
                    // After a burst nobody can say who was meant: everybody is told once.
                    Err(RecvError::Lagged(_)) => return Some(Piece::Tools),
                    Err(RecvError::Closed) => return None,
                },
                notice = self.notices.recv(), if self.key.is_some() => match notice {
                    Ok((key, notice)) if Some(&key) == self.key.as_ref() => return Some(notice.into()),
                    Ok(_) => {}
                    // The same: everything may have changed.
                    Err(RecvError::Lagged(_)) => {
                        self.missed = vec![Piece::Resources, Piece::Prompts, Piece::Tools];
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Tells an older client for as long as its session lives.
    pub(super) fn follow(
        mut self,
        front: &Arc<Front>,
        context: &NotificationContext<RoleServer>,
        wishes: Arc<Wishes>,
    ) {
        let (front, peer) = (Arc::clone(front), context.peer.clone());
        let lifecycle = &front.gateway.inner.parts.lifecycle.clone();
        let following = async move {
            let mut look = tokio::time::interval(LOOK);
            look.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    piece = self.next() => {
                        let Some(piece) = piece else { return };
                        if !Self::tell(piece, &peer, &wishes).await {
                            return;
                        }
                    }
                    _ = look.tick() => {
                        if peer.is_transport_closed() {
                            return;
                        }
                    }
                }
            }
        };
        lifecycle.spawn(
            lifecycle
                .soft()
                .clone()
                .run_until_cancelled_owned(following),
        );
    }

    /// Tells a listener until it leaves, or the program stops. An error: its person has too many.
    pub(super) async fn serve(
        mut self,
        front: &Arc<Front>,
        listener: &SubscriptionContext,
        principal: &Principal,
    ) -> Result<(), ErrorData> {
        let gateway = &front.gateway;
        let soft = gateway.inner.parts.lifecycle.soft();
        let Some(_place) = front.listeners.enter(principal.user_id) else {
            return Err(ErrorData::invalid_request("too many listeners", None));
        };
        loop {
            tokio::select! {
                piece = self.next() => {
                    let Some(piece) = piece else { return Ok(()) };
                    if !Self::tell_listener(piece, listener).await {
                        return Ok(());
                    }
                }
                () = listener.cancelled() => return Ok(()),
                () = soft.cancelled() => return Ok(()),
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
            Piece::Complete(id) => {
                let params = json!({ "elicitationId": id });
                let note =
                    CustomNotification::new("notifications/elicitation/complete", Some(params));
                peer.send_notification(ServerNotification::CustomNotification(note))
                    .await
            }
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
            // Log messages go with requests; what is asked by a link is answered by the request's repeat.
            Piece::Log(_) | Piece::Complete(_) => return true,
        };
        matches!(told, Ok(()) | Err(Error::NotificationNotAccepted(_)))
    }
}

impl From<Notice> for Piece {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::ToolsChanged => Self::Tools,
            Notice::PromptsChanged => Self::Prompts,
            Notice::ResourcesChanged => Self::Resources,
            Notice::ResourceUpdated { uri } => Self::Updated(uri),
            Notice::Log { params } => Self::Log(params),
            Notice::ElicitationComplete { id } => Self::Complete(id),
        }
    }
}

/// How many listeners of the newer era there are, by person.
#[derive(Default)]
pub(super) struct Listeners(Mutex<HashMap<UserId, usize>>);

/// A listener's place among them.
struct Listening<'l> {
    listeners: &'l Listeners,
    user: UserId,
}

impl Listeners {
    /// None: this person has too many.
    fn enter(&self, user: UserId) -> Option<Listening<'_>> {
        let mut all = self.0.lock();
        let there = all.entry(user).or_default();
        if *there >= MOST_LISTENERS {
            return None;
        }
        *there += 1;
        Some(Listening {
            listeners: self,
            user,
        })
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut all = self.listeners.0.lock();
        if let Some(there) = all.get_mut(&self.user) {
            *there -= 1;
            if *there == 0 {
                all.remove(&self.user);
            }
        }
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
    pub(super) async fn next(&mut self) -> Option<Arc<RawValue>> {
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

#[cfg(test)]
mod tests;
