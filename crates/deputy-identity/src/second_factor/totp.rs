//! Authenticator apps: six digits that change every 30 seconds (RFC 6238, with SHA-1, as all apps
//! have it). A code of the step before and of the step after is taken too, since clocks differ; each
//! code once, and none of a step before one that was taken (RFC 6238 section 5.2).

use std::collections::BTreeMap;

use deputy_core::{Secret, UserId, random};
use deputy_vault::Place;
use totp_rs::{Algorithm, Builder, Totp};

use super::{Added, FactorError, NOTICE_APP_ADDED, NOTICE_APP_REMOVED, Used, plain};
use crate::{Identity, User};

/// Length of the secret, in bytes: 160 bits (RFC 4226 section 4).
const SECRET: usize = 20;
/// Digits of a code.
const DIGITS: u8 = 6;
/// Length of a time step, in seconds.
const STEP: u64 = 30;
/// Steps before and after the present one that are taken.
const SKEW: u16 = 1;

/// What an app has to be told.
pub struct AppSetup {
    /// The secret in base32, in groups of four: to be typed in.
    pub secret: Secret<String>,
    /// All of it as an `otpauth:` URI: to be photographed, never to be requested.
    pub uri: Secret<String>,
}

/// Whether this is what an app shows, without what is between its groups.
pub(super) fn is_code(code: &str) -> bool {
    code.len() == usize::from(DIGITS) && code.bytes().all(|b| b.is_ascii_digit())
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(STEP)
        .with_skew(SKEW)
        .with_secret(secret.to_vec())
}

impl Identity {
    /// Begins to set an app up; an attempt before this one is void. [`FactorError::HasApp`] when
    /// there is one that counts.
    pub async fn begin_app(&self, user: &User) -> Result<AppSetup, FactorError> {
        let secret: Secret<[u8; SECRET]> = Secret::new(random::bytes(&*self.inner.rng));
        let row = user.id.to_string();
        let vault = self.vault()?;
        let sealed = vault.seal(&place(user.id, &row), secret.expose()).await;
        let sealed = sealed.map_err(unsealed)?;
        let tx = self.inner.store.begin().await?;
        let now = self.inner.clock.now();
        if !tx.user(user.id).put_pending_totp(&sealed, now).await? {
            return Err(FactorError::HasApp);
        }
        tx.commit().await?;
        self.setup(user, secret.expose())
    }

    /// What the app has to be told that is being set up, once more.
    pub async fn app_being_set_up(&self, user: &User) -> Result<Option<AppSetup>, FactorError> {
        let row = self.inner.store.user(user.id).totp_factor().await?;
        let Some(row) = row.filter(|row| row.active_at.is_none()) else {
            return Ok(None);
        };
        let secret = self.open_app(user.id, &row.secret).await?;
        self.setup(user, secret.expose()).map(Some)
    }

    /// Lets the app that is being set up count, now that it gave a right code.
    pub async fn confirm_app(&self, user: UserId, code: &str) -> Result<Added, FactorError> {
        self.inner.codes.hit(&user)?;
        let row = self.inner.store.user(user).totp_factor().await?;
        let row = row.filter(|row| row.active_at.is_none());
        let row = row.ok_or(FactorError::Missing)?;
        let secret = self.open_app(user, &row.secret).await?;
        let step = self.step(secret.expose(), &plain(code));
        let step = step.ok_or(FactorError::Wrong)?;
        let now = self.inner.clock.now();
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        if !scope.activate_totp(&row.secret, step, now).await? {
            return Err(FactorError::Missing);
        }
        let codes = self.codes_where_none(&scope).await?;
        scope.notice_clear(NOTICE_APP_REMOVED).await?;
        scope
            .notice_put(NOTICE_APP_ADDED, &BTreeMap::new(), now)
            .await?;
        tx.commit().await?;
        self.inner.codes.forget(&user);
        Ok(Added { codes })
    }

    /// Removes the app. [`FactorError::Missing`] when there is none.
    pub async fn remove_app(&self, user: UserId) -> Result<(), FactorError> {
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        let row = scope.totp_factor().await?;
        if !scope.delete_totp().await? {
            return Err(FactorError::Missing);
        }
        if row.is_some_and(|row| row.active_at.is_some()) {
            let now = self.inner.clock.now();
            scope.notice_clear(NOTICE_APP_ADDED).await?;
            scope
                .notice_put(NOTICE_APP_REMOVED, &BTreeMap::new(), now)
                .await?;
        }
        super::recovery::drop_where_useless(&scope).await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn take_app_code(
        &self,
        user: UserId,
        code: &str,
    ) -> Result<Used, FactorError> {
        let row = self.inner.store.user(user).totp_factor().await?;
        let row = row.filter(|row| row.active_at.is_some());
        let row = row.ok_or(FactorError::Wrong)?;
        let secret = self.open_app(user, &row.secret).await?;
        let step = self.step(secret.expose(), code).ok_or(FactorError::Wrong)?;
        let tx = self.inner.store.begin().await?;
        if !tx.user(user).take_totp_step(step).await? {
            return Err(FactorError::Wrong);
        }
        tx.commit().await?;
        Ok(Used::App)
    }

    /// The step of which this code is, near the present.
    fn step(&self, secret: &[u8], code: &str) -> Option<i64> {
        let now = u64::try_from(self.inner.clock.now().as_second()).ok()?;
        let step = builder(secret).build().ok()?.check(code, now)?;
        i64::try_from(step).ok()
    }

    async fn open_app(&self, user: UserId, sealed: &[u8]) -> Result<Secret<Vec<u8>>, FactorError> {
        let row = user.to_string();
        let opened = self.vault()?.open(&place(user, &row), sealed).await;
        opened.map_err(unsealed)
    }

    fn setup(&self, user: &User, secret: &[u8]) -> Result<AppSetup, FactorError> {
        let totp: Totp = builder(secret)
            .with_account_name(user.username.as_str())
            .with_issuer(Some(self.inner.site.issuer.as_str()))
            .build()
            .map_err(unsealed)?;
        let text = Secret::new(totp.secret().to_base32());
        let groups = text.expose().as_bytes().chunks(4);
        let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
        Ok(AppSetup {
            secret: Secret::new(groups.join(" ")),
            uri: Secret::new(totp.to_url().map_err(unsealed)?),
        })
    }
}

fn place(user: UserId, row: &str) -> Place<'_> {
    Place::of_user(user, "totp_factors", row, "secret", "totp")
}

fn unsealed(error: impl std::error::Error + Send + Sync + 'static) -> FactorError {
    FactorError::Vault(Box::new(error))
}

#[cfg(test)]
pub(crate) mod tests;
