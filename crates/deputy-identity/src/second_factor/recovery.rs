//! Recovery codes: ten that are shown once, each good for one sign-in. With 80 random bits there is
//! nothing to guess, so a plain hash keeps them.

use std::collections::BTreeMap;

use deputy_core::secret::sha256_hex;
use deputy_core::{Secret, UserId, random};
use deputy_store::UserScope;

use super::{FactorError, NOTICE_RECOVERY_NEW, NOTICE_RECOVERY_USED, Used};
use crate::Identity;

/// Codes of a set.
pub const CODES: usize = 10;

/// Characters of a code, five bits each.
const LENGTH: usize = 16;
/// Characters of a group.
const GROUP: usize = 4;
/// Without those that are taken for others in handwriting: 0, 1, l, o.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

impl Identity {
    /// A new set in place of the old. [`FactorError::Missing`] when there is no second factor that
    /// they could stand in for.
    pub async fn new_recovery_codes(
        &self,
        user: UserId,
    ) -> Result<Vec<Secret<String>>, FactorError> {
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        if !scope.has_second_factor().await? {
            return Err(FactorError::Missing);
        }
        let codes = self.replace_codes(&scope).await?;
        let now = self.inner.clock.now();
        scope.notice_clear(NOTICE_RECOVERY_USED).await?;
        scope
            .notice_put(NOTICE_RECOVERY_NEW, &BTreeMap::new(), now)
            .await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// A set for somebody who has no code left.
    pub(super) async fn codes_where_none(
        &self,
        scope: &UserScope<'_, deputy_store::Writing>,
    ) -> Result<Option<Vec<Secret<String>>>, FactorError> {
        if scope.count_recovery_codes().await? > 0 {
            return Ok(None);
        }
        Ok(Some(self.replace_codes(scope).await?))
    }

    async fn replace_codes(
        &self,
        scope: &UserScope<'_, deputy_store::Writing>,
    ) -> Result<Vec<Secret<String>>, FactorError> {
        let codes: Vec<_> = (0..CODES).map(|_| self.recovery_code()).collect();
        let hashes = codes.iter().map(|code| hash(&super::plain(code.expose())));
        scope.replace_recovery_codes(hashes.collect()).await?;
        Ok(codes)
    }

    fn recovery_code(&self) -> Secret<String> {
        let bits = u128::from_le_bytes(random::bytes(&*self.inner.rng));
        let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
        for place in 0..LENGTH {
            if place > 0 && place % GROUP == 0 {
                code.push('-');
            }
            let five = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
            code.push(char::from(ALPHABET[five]));
        }
        Secret::new(code)
    }

    pub(super) async fn take_recovery_code(
        &self,
        user: UserId,
        code: &str,
    ) -> Result<Used, FactorError> {
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        if !scope.take_recovery_code(&hash(code)).await? {
            return Err(FactorError::Wrong);
        }
        let left = scope.count_recovery_codes().await?;
        let parameters = BTreeMap::from([("left".to_owned(), left.to_string())]);
        let now = self.inner.clock.now();
        scope
            .notice_put(NOTICE_RECOVERY_USED, &parameters, now)
            .await?;
        tx.commit().await?;
        Ok(Used::Recovery { left })
    }
}

/// Codes stand in for a second factor; without one there is nothing that they open.
pub(super) async fn drop_where_useless(
    scope: &UserScope<'_, deputy_store::Writing>,
) -> Result<(), FactorError> {
    if !scope.has_second_factor().await? {
        scope.replace_recovery_codes(Vec::new()).await?;
    }
    Ok(())
}

fn hash(code: &str) -> String {
    sha256_hex(format!("deputy/recovery/v1:{code}").as_bytes())
}

#[cfg(test)]
mod tests;
