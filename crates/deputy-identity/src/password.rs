//! Passwords: which are accepted, and how they are hashed.
//!
//! Argon2id in PHC form, at most two at a time off the async threads: a flood of sign-ins costs
//! its senders time, not this machine its memory. Beyond a short queue they are turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use deputy_core::{Rng, Secret, random};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use crate::name;

/// Shortest password, in characters.
pub const MIN: usize = 8;
/// Longest password, in characters.
pub const MAX: usize = 128;

/// Hashes under way at once.
const AT_ONCE: usize = 2;
/// Hashes that wait at most; some seconds' worth.
const QUEUE: usize = 64;

/// The most frequent passwords of public leaks that are long enough to be accepted otherwise.
const COMMON: &str = include_str!("common_passwords.txt");

/// What a new password must satisfy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// 8 to 128 characters, none of the most common, not the user name.
    #[default]
    Strict,
    /// Anything but nothing: for the sandbox, which listens on this machine only.
    Sandbox,
}

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {MIN} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {MAX} characters")]
    TooLong,
    /// One of those that are tried first.
    #[error("this password is among the most common ones")]
    Common,
    /// The user name, perhaps with something small added.
    #[error("the password must not be the user name")]
    LikeName,
}

impl PasswordPolicy {
    /// Whether `username` may have this password.
    pub fn check(self, username: &str, password: &Secret<String>) -> Result<(), PasswordError> {
        let length = password.expose().chars().count();
        if length > MAX {
            return Err(PasswordError::TooLong);
        }
        if self == Self::Sandbox {
            return if length == 0 {
                Err(PasswordError::TooShort)
            } else {
                Ok(())
            };
        }
        if length < MIN {
            return Err(PasswordError::TooShort);
        }
        let folded = Secret::new(password.expose().to_lowercase());
        if COMMON.lines().any(|common| common == folded.expose())
            || is_one_character(folded.expose())
        {
            return Err(PasswordError::Common);
        }
        let rest = folded.expose().replace(&name::key(username), "");
        if rest.chars().count() < 3 {
            Err(PasswordError::LikeName)
        } else {
            Ok(())
        }
    }
}

fn is_one_character(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| chars.all(|c| c == first))
}

/// What hashing costs. The default is OWASP's second choice for argon2id: 19 MiB, 2 passes, 1 lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

impl HashCost {
    /// As cheap as argon2 allows: for tests.
    pub const fn cheapest() -> Self {
        Self {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        }
    }
}

/// Why a password was neither hashed nor compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many are waiting; try again in some seconds.
    #[error("too many sign-ins at once; try again in some seconds")]
    Busy,
    /// A stored hash is damaged, or the cost is outside argon2's ranges.
    #[error("a password could not be hashed")]
    Broken,
}

/// How a password compares to a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    No,
    Yes,
    /// Yes, but the hash was made at another cost than today's.
    YesButStale,
}

pub(crate) struct Hasher {
    cost: HashCost,
    rng: Arc<dyn Rng>,
    running: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Hasher {
    pub(crate) fn new(cost: HashCost, rng: Arc<dyn Rng>) -> Self {
        let running = Arc::new(Semaphore::new(AT_ONCE));
        Self {
            cost,
            rng,
            running,
            waiting: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// The hash of `password` in PHC form.
    pub(crate) async fn hash(
        &self,
        password: &Secret<String>,
    ) -> Result<Secret<String>, HashError> {
        let salt: [u8; 16] = random::bytes(&*self.rng);
        let password = normalized(password);
        let cost = self.cost;
        self.off_thread(move || {
            let hash = engine(cost)?.hash_password_with_salt(password.expose().as_bytes(), &salt);
            hash.map(|hash| Secret::new(hash.to_string()))
                .map_err(|_| HashError::Broken)
        })
        .await
    }

    /// Compares. Without a hash it takes as long and says no.
    pub(crate) async fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<Secret<String>>,
    ) -> Result<Verified, HashError> {
        let password = normalized(password);
        let cost = self.cost;
        let is_real = hash.is_some();
        self.off_thread(move || {
            let hash = hash.unwrap_or_else(|| nobodys(cost));
            let parsed = PasswordHash::new(hash.expose()).map_err(|_| HashError::Broken)?;
            let fits = engine(cost)?
                .verify_password(password.expose().as_bytes(), &parsed)
                .is_ok();
            if !fits || !is_real {
                return Ok(Verified::No);
            }
            let made_at = Params::try_from(&parsed).map_err(|_| HashError::Broken)?;
            let made_at = (made_at.m_cost(), made_at.t_cost(), made_at.p_cost());
            let is_stale = made_at != (cost.memory_kib, cost.passes, cost.lanes);
            Ok(if is_stale {
                Verified::YesButStale
            } else {
                Verified::Yes
            })
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Waiting::enter(&self.waiting)?;
        let permit = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Busy)?;
        drop(place);
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work has ended, even when nobody waits for it any more.
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| HashError::Broken)?
    }
}

/// A place in the queue.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn enter(waiting: &Arc<AtomicUsize>) -> Result<Self, HashError> {
        let place = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::SeqCst) >= QUEUE {
            Err(HashError::Busy)
        } else {
            Ok(place)
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn engine(cost: HashCost) -> Result<Argon2<'static>, HashError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
        .map_err(|_| HashError::Broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A hash of no password, at today's cost.
fn nobodys(cost: HashCost) -> Secret<String> {
    let HashCost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    Secret::new(format!(
        "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}"
    ))
}

/// One form of Unicode (NFKC): the same password from another keyboard or system.
fn normalized(password: &Secret<String>) -> Secret<String> {
    // What is longer than any password there is need not be read to its end.
    Secret::new(password.expose().chars().take(4 * MAX).nfkc().collect())
}

#[cfg(test)]
mod tests;
