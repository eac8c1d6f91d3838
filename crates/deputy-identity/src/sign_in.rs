//! Signing in with a password, and what stands in the way of guessing one.
//!
//! Attempts count per account *and* address: ten wrong ones from one address shut that address out
//! of that account for at most five minutes, and a stranger who guesses from elsewhere does not
//! keep the person out. One address that tries many accounts meets a second, wider limit. What
//! succeeds does not count. IPv6 addresses count by their /64, which is what one subscriber has.

use std::net::{IpAddr, Ipv6Addr};

use deputy_core::{Secret, Throttled, UserId};

use crate::password::{HashError, Verified};
use crate::{Identity, PasswordPolicy, User, UserError, name};

/// How many times the limit of one account and address an address has for all accounts: a family
/// or an office behind one address makes mistakes too.
pub(crate) const ADDRESS_FACTOR: u32 = 10;

/// What attempts count for: the folded name, whether or not it exists, and the address.
pub(crate) type Attempt = (String, IpAddr);

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown name or wrong password; which of the two is not said.
    #[error("the user name or the password is wrong")]
    Rejected,
    /// The password was right, and an administrator has disabled the account.
    #[error("the account is disabled")]
    Disabled,
    /// Too many wrong passwords.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Too many sign-ins at once, or a damaged hash.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl Identity {
    /// The person with this name and password: the first step for who has a second factor, all of it
    /// for the others. `address` is the client's, not a proxy's.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &Secret<String>,
        address: IpAddr,
    ) -> Result<User, SignInError> {
        let key = name::key(username);
        let counted = self.count_attempt(&key, address)?;
        let (user, hash) = self.inner.store.user_by_key(&key).await?.unzip();
        let verified = self.inner.hasher.verify(password, hash.clone()).await?;
        let (Some(user), Some(hash), true) = (user, hash, verified != Verified::No) else {
            return Err(SignInError::Rejected);
        };
        self.forgive(&counted);
        if !user.is_active {
            return Err(SignInError::Disabled);
        }
        if verified == Verified::YesButStale {
            self.rehash(user.id, password, &hash).await?;
        }
        Ok(user)
    }

    /// Replaces the person's password, who has to know the present one. Other sessions end,
    /// `kept_session` (a session's hash) goes on.
    pub async fn change_password(
        &self,
        id: UserId,
        present: &Secret<String>,
        new: &Secret<String>,
        address: IpAddr,
        kept_session: Option<&str>,
    ) -> Result<(), UserError> {
        let user = self.user(id).await?;
        let counted = self.count_attempt(&name::key(&user.username), address)?;
        let hash = self.inner.store.user(id).password_hash().await?;
        if self.inner.hasher.verify(present, hash).await? == Verified::No {
            return Err(UserError::WrongPassword);
        }
        self.forgive(&counted);
        self.replace_password(id, new, PasswordPolicy::Strict, kept_session)
            .await
    }

    /// Counts before the password is looked at, so that many at once can't pass together.
    pub(crate) fn count_attempt(&self, key: &str, address: IpAddr) -> Result<Attempt, Throttled> {
        let counted = (key.to_owned(), network(address));
        self.inner.attempts.hit(&counted)?;
        self.inner.addresses.hit(&counted.1)?;
        Ok(counted)
    }

    pub(crate) fn forgive(&self, counted: &Attempt) {
        self.inner.attempts.forget(counted);
        self.inner.addresses.take_back(&counted.1);
    }

    /// Hashes at today's cost, unless the password was changed meanwhile.
    async fn rehash(
        &self,
        id: UserId,
        password: &Secret<String>,
        old: &Secret<String>,
    ) -> Result<(), SignInError> {
        let new = self.inner.hasher.hash(password).await?;
        let tx = self.inner.store.begin().await?;
        tx.user(id)
            .replace_password_hash(old, &new, self.inner.clock.now())
            .await?;
        Ok(tx.commit().await?)
    }
}

/// The address as attempts count: IPv4 as it is (also when mapped into IPv6), IPv6 by its /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    network_of(address, 64)
}

/// The same with the first so many bits of IPv6 (0 to 127).
pub(crate) fn network_of(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let kept = !(u128::MAX >> bits);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & kept))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
