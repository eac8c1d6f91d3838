//! When and how somebody last proved who they are, in a browser in which they are signed in.
//!
//! What hands out rights or takes protection away wants a fresh proof: of the last ten minutes, and
//! of all that this person can prove. Who has a second factor proves nothing with the password
//! alone, however they signed in.

use std::net::IpAddr;

use deputy_core::{Secret, UserId};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use crate::password::Verified;
use crate::{Identity, SessionError, SignInError, User, name};

/// How long a proof is fresh.
pub const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// With the password alone.
    Password,
    /// With the password and a second factor.
    SecondFactor,
    /// With a passkey.
    Passkey,
}

/// A proof, as the session's data keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proved {
    pub(crate) how: Proof,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

impl Identity {
    /// Whether the person of this session proved who they are a moment ago, with all they have.
    pub async fn is_fresh(&self, session: &Session, user: UserId) -> Result<bool, SessionError> {
        let Some(signed_in) = self.signed_in(session).await? else {
            return Ok(false);
        };
        let Proved { how, at } = signed_in.proof();
        let now = self.inner.clock.now().as_millisecond();
        let age = i128::from(now) - i128::from(at);
        if signed_in.user != user || !(0..FRESH.as_millis()).contains(&age) {
            return Ok(false);
        }
        Ok(how != Proof::Password || !self.has_second_factor(user).await?)
    }

    /// Notes that the person of this session proved who they are just now.
    pub async fn note_proof(&self, session: &Session, how: Proof) -> Result<(), SessionError> {
        let at = self.inner.clock.now().as_millisecond();
        if let Some(signed_in) = self.signed_in(session).await? {
            self.put_signed_in(session, signed_in.with_proof(Proved { how, at }))
                .await?;
        }
        Ok(())
    }

    /// Whether this is the person's password; wrong ones count as those of a sign-in do.
    pub async fn check_password(
        &self,
        user: &User,
        password: &Secret<String>,
        address: IpAddr,
    ) -> Result<(), SignInError> {
        let counted = self.count_attempt(&name::key(&user.username), address)?;
        let hash = self.inner.store.user(user.id).password_hash().await?;
        if self.inner.hasher.verify(password, hash).await? == Verified::No {
            return Err(SignInError::Rejected);
        }
        self.forgive(&counted);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
