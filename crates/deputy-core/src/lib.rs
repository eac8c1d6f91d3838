//! The vocabulary that every other crate shares: who is calling ([`Principal`], [`Scope`]), what
//! time it is ([`Clock`]), where randomness comes from ([`Rng`]), what must not be shown
//! ([`Secret`]), how tasks end ([`Lifecycle`]), how to make an HTTP client ([`http`]) and what to
//! tell whom is not let in ([`challenge`]).
//!
//! Admission rule: used by three crates or more, no noun of one feature, no new dependency without
//! a reason.

pub mod challenge;
pub mod clock;
pub mod firstparty;
pub mod http;
pub mod id;
pub mod lifecycle;
pub mod principal;
pub mod random;
pub mod secret;
pub mod throttle;

pub use clock::{Clock, SystemClock};
pub use id::{CallId, UserId};
pub use lifecycle::Lifecycle;
pub use principal::{Caller, Language, Principal, Role, Scope, Scopes};
pub use random::{Rng, SystemRng};
pub use secret::Secret;
pub use throttle::{Throttle, Throttled};
