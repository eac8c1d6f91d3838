//! What others are told about connections as they come, change and go.

use deputy_core::UserId;

/// Something happened to a person's connection. It has been stored already.
///
/// Events reach the subscribers of this process only, and a subscriber that falls behind loses the
/// oldest. So they are a reason to look at [`crate::Connections::connection`], never a substitute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// Whose connection.
    pub user_id: UserId,
    /// What happened.
    pub kind: ConnectionEventKind,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEventKind {
    /// A consent was completed: tokens, scopes and services are new.
    Connected,
    /// Another set of services is connected than before; the tokens are the same.
    ServicesChanged,
    /// It is gone: what runs with its credentials must stop.
    Disconnected,
    /// The access token is a new one.
    TokenRefreshed,
}
