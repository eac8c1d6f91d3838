//! What people prove themselves with beside the password: an authenticator app ([`totp`]), passkeys
//! ([`passkey`]), and codes for the day on which both are gone ([`recovery`]).
//!
//! # Who has one
//!
//! An app that gave a right code once, or a passkey, is a second factor. From then on the password
//! alone signs nobody in ([`crate::pending`]) and proves nothing ([`crate::proof`]). Recovery codes
//! are none by themselves: they come with the first one and go with the last.
//!
//! # Guessing
//!
//! Only who knows the password gets to guess a code, so wrong ones count per account, whatever the
//! address: nobody else can use the limit up. Passkeys are not guessed.
//!
//! # Told
//!
//! Each change leaves the person a notice in the transaction that makes it: whoever changed it may
//! have been somebody at their browser.

pub mod passkey;
pub mod recovery;
pub mod totp;

use std::collections::{BTreeMap, HashMap};

use deputy_core::{Role, Secret, Throttled, UserId};
use jiff::Timestamp;

use crate::Identity;

/// Kind of the notice that an authenticator app was added; each kind is a notice of its own.
pub const NOTICE_APP_ADDED: &str = "factor.app_added";
/// An authenticator app was removed.
pub const NOTICE_APP_REMOVED: &str = "factor.app_removed";
/// A passkey was added; parameter `name`.
pub const NOTICE_PASSKEY_ADDED: &str = "factor.passkey_added";
/// A passkey was removed; parameter `name`.
pub const NOTICE_PASSKEY_REMOVED: &str = "factor.passkey_removed";
/// A recovery code was used; parameter `left`.
pub const NOTICE_RECOVERY_USED: &str = "factor.recovery_used";
/// There are new recovery codes, the old ones are void.
pub const NOTICE_RECOVERY_NEW: &str = "factor.recovery_new";
/// An administrator removed all of it.
pub const NOTICE_RESET: &str = "factor.reset";

/// Whose second factor is not left to themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// Nobody's.
    #[default]
    Off,
    /// That of administrators.
    Admins,
    /// Everybody's.
    All,
}

impl Required {
    /// Whether a person of this role has to have one.
    pub fn of(self, role: Role) -> bool {
        match self {
            Self::Off => false,
            Self::Admins => role == Role::Admin,
            Self::All => true,
        }
    }
}

/// What a person has beside the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondFactors {
    /// Since when there is an authenticator app.
    pub app_since: Option<Timestamp>,
    /// Passkeys, oldest first.
    pub passkeys: Vec<passkey::PasskeyInfo>,
    /// Recovery codes that are left.
    pub recovery_left: u64,
}

impl SecondFactors {
    /// Whether the password alone is not enough.
    pub fn any(&self) -> bool {
        self.app_since.is_some() || !self.passkeys.is_empty()
    }
}

/// What somebody else may know of it: who has what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// An authenticator app.
    pub app: bool,
    /// How many passkeys.
    pub passkeys: u64,
}

/// What opened the second step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// A code of the authenticator app.
    App,
    /// A recovery code; so many are left.
    Recovery {
        /// Codes that are left.
        left: u64,
    },
}

/// What came of adding a second factor.
pub struct Added {
    /// The recovery codes that were made with it, where there were none; to be shown once.
    pub codes: Option<Vec<Secret<String>>>,
}

/// Why a second factor was not added, removed or accepted.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The code is none of this person's, or was used before.
    #[error("the code is wrong, or was used before")]
    Wrong,
    /// Too many wrong codes.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// There is an authenticator app already; it has to go first.
    #[error("there is an authenticator app already; remove it first")]
    HasApp,
    /// There is nothing to remove, to confirm, or to make recovery codes for.
    #[error("there is no such second factor")]
    Missing,
    /// The person has too many passkeys.
    #[error("there are {0} passkeys already; remove one first")]
    TooMany(u64),
    /// The passkey's name is empty, too long or has control characters.
    #[error("a passkey's name has 1 to {max} printable characters", max = passkey::MAX_NAME)]
    Name,
    /// What the browser sent is no answer to what was asked, came too late, or is another's.
    #[error("the passkey was not accepted")]
    Refused,
    /// The public URL's host is an address: passkeys belong to a name.
    #[error("passkeys need a host name in DEPUTY_PUBLIC_URL; this one is an address")]
    NoName,
    /// The session failed.
    #[error(transparent)]
    Session(#[from] crate::SessionError),
    /// A secret could not be sealed or opened.
    #[error("the secret could not be sealed or opened")]
    Vault(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl FactorError {
    /// Whether it is the caller's doing and not a failure of ours.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Session(_) | Self::Vault(_) | Self::Store(_))
    }
}

impl Identity {
    /// What this person has beside the password.
    pub async fn second_factors(&self, user: UserId) -> Result<SecondFactors, deputy_store::Error> {
        let scope = self.inner.store.user(user);
        let app = scope.totp_factor().await?;
        let passkeys = scope.passkeys().await?;
        Ok(SecondFactors {
            app_since: app.and_then(|app| app.active_at),
            passkeys: passkeys.into_iter().map(Into::into).collect(),
            recovery_left: scope.count_recovery_codes().await?,
        })
    }

    /// Whether the password alone is not enough for this person.
    pub async fn has_second_factor(&self, user: UserId) -> Result<bool, deputy_store::Error> {
        self.inner.store.user(user).has_second_factor().await
    }

    /// Who has what beside the password; who is not there has nothing.
    pub async fn people_with_second_factor(
        &self,
    ) -> Result<HashMap<UserId, Kinds>, deputy_store::Error> {
        let mut people: HashMap<UserId, Kinds> = HashMap::new();
        for user in self.inner.store.people_with_totp().await? {
            people.entry(user).or_default().app = true;
        }
        for (user, count) in self.inner.store.passkeys_by_person().await? {
            people.entry(user).or_default().passkeys = count;
        }
        Ok(people)
    }

    /// Whether this person has to have a second factor.
    pub fn must_have_second_factor(&self, role: Role) -> bool {
        self.inner.config.second_factor.of(role)
    }

    /// Takes a code, of the app or a recovery code, however it is spaced. It works once.
    pub async fn take_code(&self, user: UserId, code: &str) -> Result<Used, FactorError> {
        self.inner.codes.hit(&user)?;
        let code = Secret::new(plain(code));
        let used = if totp::is_code(code.expose()) {
            self.take_app_code(user, code.expose()).await?
        } else {
            self.take_recovery_code(user, code.expose()).await?
        };
        self.inner.codes.forget(&user);
        Ok(used)
    }

    /// Removes all that the person has beside the password, as an administrator does. False when
    /// there was nothing.
    pub async fn reset_second_factor(&self, user: UserId) -> Result<bool, FactorError> {
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        let had_app = scope.delete_totp().await?;
        let had_passkeys = scope.delete_passkeys().await? > 0;
        scope.replace_recovery_codes(Vec::new()).await?;
        let had_any = had_app || had_passkeys;
        if had_any {
            let now = self.inner.clock.now();
            scope
                .notice_put(NOTICE_RESET, &BTreeMap::new(), now)
                .await?;
        }
        tx.commit().await?;
        Ok(had_any)
    }
}

/// A code without what people put between its groups, in lower case.
fn plain(code: &str) -> String {
    let kept = |c: &char| !c.is_whitespace() && *c != '-';
    code.chars()
        .take(100)
        .filter(kept)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests;
