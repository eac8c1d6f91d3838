//! Why a consent does not begin, and why its answer attaches nothing.

use deputy_core::http::Blocked;

use crate::StorageError;
use crate::remote::discovery::DiscoveryError;
use crate::state::StateError;

/// Why no consent can begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The server's own address may not be used.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// Nobody is known to give tokens for the server.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The authorization server takes no new clients: one must be registered there by hand and its
    /// id be given with the server.
    #[error(
        "the authorization server registers no clients by itself; register one there and enter its client id with the server"
    )]
    NoRegistration,
    /// The authorization server asks for a proof of identity that we don't have.
    #[error("the authorization server wants clients to authenticate in a way Deputy does not know")]
    NoAuthentication,
    /// The authorization server refused to register a client.
    #[error("the authorization server did not register Deputy ({0})")]
    Registration(String),
    /// The client that was entered with the server belongs to another authorization server than the
    /// one that the server names now.
    #[error(
        "the server names another authorization server than the one its client was registered at; remove the server and add it again if that is right"
    )]
    IssuerChanged,
    /// The page for the consent is somebody else's than who would get its code, and answers don't say whose they are.
    #[error(
        "the authorization server sends people to another site for their consent, and its answers do not say whose they are"
    )]
    OtherSite,
    /// Something of ours failed.
    #[error("the consent can't be begun")]
    Storage(#[from] StorageError),
}

impl BeginError {
    /// A word for metrics and for the key of the page's text.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Blocked(_) | Self::Discovery(DiscoveryError::Blocked(_)) => "blocked",
            Self::Discovery(DiscoveryError::Temporary(_)) => "temporary",
            Self::Discovery(DiscoveryError::Nowhere) => "nowhere",
            Self::Discovery(_) => "discovery",
            Self::NoRegistration => "no_registration",
            Self::NoAuthentication => "no_authentication",
            Self::Registration(_) => "registration",
            Self::IssuerChanged => "issuer_changed",
            Self::OtherSite => "other_site",
            Self::Storage(_) => "storage",
        }
    }
}

crate::from_store!(BeginError);

/// Why a callback attached nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// There is no `state`.
    #[error("the state is missing")]
    MissingState,
    /// The `state` isn't one of ours.
    #[error("the state is not valid")]
    ForgedState,
    /// The consent was begun more than ten minutes ago.
    #[error("the consent took too long; begin again")]
    ExpiredState,
    /// The consent was completed or refused before.
    #[error("this answer was used already")]
    UsedState,
    /// Somebody else began the consent. It is still theirs to complete.
    #[error("this consent was begun by somebody else")]
    OtherPerson,
    /// The answer is not of the authorization server that was asked, or doesn't say so although it
    /// should (RFC 9207). What else it says is not believed.
    #[error("this answer comes from somebody else than was asked")]
    OtherIssuer,
    /// There is neither a code nor an error.
    #[error("the code is missing")]
    MissingCode,
    /// The person refused, or the authorization server did.
    #[error("the consent was refused ({error})")]
    Refused {
        /// The error code, e.g. `access_denied`.
        error: String,
    },
    /// The authorization server didn't exchange the code.
    #[error("the authorization server did not complete the connection ({reason})")]
    Exchange {
        /// Its error code, or what happened.
        reason: String,
    },
    /// The server was deleted meanwhile.
    #[error("the server is gone")]
    NoServer,
    /// Something of ours failed, or the program stops.
    #[error("the consent can't be completed")]
    Storage(#[source] Option<StorageError>),
}

impl CallbackError {
    /// The HTTP status of the page that says so: 400 for what the visit brought, 404 where the
    /// server is gone, 502 for the authorization server's failures, 500 for ours.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoServer => 404,
            Self::Exchange { .. } => 502,
            Self::Storage(_) => 500,
            _ => 400,
        }
    }

    /// A word for metrics and for the key of the page's text.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::MissingState => "missing_state",
            Self::ForgedState => "forged_state",
            Self::ExpiredState => "expired_state",
            Self::UsedState => "used_state",
            Self::OtherPerson => "other_person",
            Self::OtherIssuer => "other_issuer",
            Self::MissingCode => "missing_code",
            Self::Refused { .. } => "refused",
            Self::Exchange { .. } => "exchange",
            Self::NoServer => "no_server",
            Self::Storage(_) => "storage",
        }
    }
}

impl From<StorageError> for CallbackError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Some(error))
    }
}

crate::from_store!(CallbackError);

impl From<StateError> for CallbackError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Missing => Self::MissingState,
            StateError::Forged => Self::ForgedState,
            StateError::Expired => Self::ExpiredState,
        }
    }
}
