//! People: adding, changing, disabling and deleting them.

use deputy_core::{Language, Role, Secret, UserId};
use deputy_store::Tx;
use deputy_store::user as row;
use jiff::tz::TimeZone;

use crate::name::{self, NameError};
use crate::password::HashError;
use crate::{Identity, PasswordError, PasswordPolicy, ProfileChange, User};

/// Longest display name, in characters.
const MAX_DISPLAY: usize = 100;

/// A person to be.
#[derive(Clone)]
pub struct NewUser {
    /// Sign-in name.
    pub username: String,
    /// Password.
    pub password: Secret<String>,
    /// What the password must satisfy.
    pub policy: PasswordPolicy,
    /// Role; the first person is an administrator whatever it says.
    pub role: Role,
    /// Name for display; the sign-in name when there is none.
    pub name: Option<String>,
    /// Language.
    pub language: Language,
    /// IANA time zone; `UTC` when there is none.
    pub time_zone: Option<String>,
}

impl NewUser {
    /// An ordinary person with defaults for the rest.
    pub fn new(username: impl Into<String>, password: Secret<String>) -> Self {
        Self {
            username: username.into(),
            password,
            policy: PasswordPolicy::Strict,
            role: Role::User,
            name: None,
            language: Language::default(),
            time_zone: None,
        }
    }
}

/// Why a person was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The sign-in name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Somebody has the sign-in name already.
    #[error("there is a user '{0}' already")]
    Taken(String),
    /// The password is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The present password is another one.
    #[error("the present password is wrong")]
    WrongPassword,
    /// No such time zone.
    #[error("'{0}' is no IANA time zone such as Europe/Kyiv")]
    TimeZone(String),
    /// The display name is empty, too long or has control characters.
    #[error("a name has 1 to {MAX_DISPLAY} printable characters")]
    DisplayName,
    /// There is no such person.
    #[error("there is no such user")]
    NotFound,
    /// Nobody else could administer this installation.
    #[error("the last administrator can't be deleted")]
    LastAdmin,
    /// Too many at once, or a damaged hash.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Too many wrong passwords.
    #[error(transparent)]
    Throttled(#[from] deputy_core::Throttled),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl Identity {
    /// Adds a person. The first one is an administrator.
    pub async fn create_user(&self, new: NewUser) -> Result<User, UserError> {
        let username = name::parse(&new.username)?;
        let username_key = name::key(&username);
        new.policy.check(&username, &new.password)?;
        let display = display_name(new.name.as_deref().unwrap_or(&username))?;
        let time_zone = time_zone(new.time_zone.as_deref().unwrap_or("UTC"))?;
        let password_hash = self.inner.hasher.hash(&new.password).await?;

        let tx = self.inner.store.begin().await?;
        tx.lock_users().await?;
        let is_first = tx.count_users().await? == 0;
        let user = row::NewUser {
            username: username.clone(),
            username_key,
            name: display,
            password_hash,
            role: if is_first { Role::Admin } else { new.role },
            language: new.language,
            time_zone,
            at: self.inner.clock.now(),
        };
        let user = tx.insert_user(user).await.map_err(|err| match err {
            deputy_store::Error::Conflict(_) => UserError::Taken(username),
            err => err.into(),
        })?;
        tx.commit().await?;
        Ok(user)
    }

    /// Everybody, oldest first.
    pub async fn users(&self) -> Result<Vec<User>, UserError> {
        Ok(self.inner.store.users().await?)
    }

    /// The person of this number.
    pub async fn user(&self, id: UserId) -> Result<User, UserError> {
        self.inner
            .store
            .user(id)
            .profile()
            .await?
            .ok_or(UserError::NotFound)
    }

    /// The person of this sign-in name, however it is written.
    pub async fn user_by_name(&self, username: &str) -> Result<User, UserError> {
        let found = self.inner.store.user_by_key(&name::key(username)).await?;
        found.map(|(user, _)| user).ok_or(UserError::NotFound)
    }

    /// Changes what a person may change about themselves.
    pub async fn change_profile(
        &self,
        id: UserId,
        mut change: ProfileChange,
    ) -> Result<User, UserError> {
        if let Some(name) = &change.name {
            change.name = Some(display_name(name)?);
        }
        if let Some(zone) = &change.time_zone {
            change.time_zone = Some(time_zone(zone)?);
        }
        let tx = self.inner.store.begin().await?;
        found(
            tx.user(id)
                .change_profile(change, self.inner.clock.now())
                .await?,
        )?;
        let user = tx.user(id).profile().await?.ok_or(UserError::NotFound)?;
        tx.commit().await?;
        Ok(user)
    }

    /// Makes a person an administrator, or no longer one.
    pub async fn set_role(&self, id: UserId, role: Role) -> Result<(), UserError> {
        let tx = self.inner.store.begin().await?;
        found(tx.user(id).set_role(role, self.inner.clock.now()).await?)?;
        Ok(tx.commit().await?)
    }

    /// Disables a person: their sessions end, their tokens answer to nothing until they are
    /// enabled again. Whoever runs things for the person stops these after it.
    pub async fn disable_user(&self, id: UserId) -> Result<(), UserError> {
        let tx = self.inner.store.begin().await?;
        found(
            tx.user(id)
                .set_active(false, self.inner.clock.now())
                .await?,
        )?;
        tx.user(id).end_sessions(None).await?;
        Ok(tx.commit().await?)
    }

    /// Enables a person again.
    pub async fn enable_user(&self, id: UserId) -> Result<(), UserError> {
        let tx = self.inner.store.begin().await?;
        found(tx.user(id).set_active(true, self.inner.clock.now()).await?)?;
        Ok(tx.commit().await?)
    }

    /// Sets a person's password, as an administrator does, and ends all their sessions.
    pub async fn set_password(
        &self,
        id: UserId,
        password: &Secret<String>,
        policy: PasswordPolicy,
    ) -> Result<(), UserError> {
        self.replace_password(id, password, policy, None).await
    }

    pub(crate) async fn replace_password(
        &self,
        id: UserId,
        password: &Secret<String>,
        policy: PasswordPolicy,
        kept_session: Option<&str>,
    ) -> Result<(), UserError> {
        let user = self.user(id).await?;
        policy.check(&user.username, password)?;
        let hash = self.inner.hasher.hash(password).await?;
        let tx = self.inner.store.begin().await?;
        found(
            tx.user(id)
                .set_password_hash(&hash, self.inner.clock.now())
                .await?,
        )?;
        tx.user(id).end_sessions(kept_session).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a person with everything that is theirs. Their data keys go in the same
    /// transaction, so nothing that was sealed for them opens again. Whoever runs things for the
    /// person stops these before it.
    pub async fn delete_user(&self, id: UserId) -> Result<(), UserError> {
        let tx = self.inner.store.begin().await?;
        self.delete_in(tx, id).await
    }

    /// The same as the person themselves does it: [`UserError::LastAdmin`] where no other active
    /// administrator would be left.
    pub async fn delete_own(&self, id: UserId) -> Result<(), UserError> {
        let tx = self.inner.store.begin().await?;
        tx.lock_users().await?;
        let user = tx.user(id).profile().await?.ok_or(UserError::NotFound)?;
        if user.role == Role::Admin && tx.count_other_admins(id).await? == 0 {
            return Err(UserError::LastAdmin);
        }
        self.delete_in(tx, id).await
    }

    /// Whether no active administrator would be left without this person.
    pub async fn is_last_admin(&self, user: &User) -> Result<bool, UserError> {
        if user.role != Role::Admin {
            return Ok(false);
        }
        let tx = self.inner.store.begin().await?;
        Ok(tx.count_other_admins(user.id).await? == 0)
    }

    async fn delete_in(&self, tx: Tx, id: UserId) -> Result<(), UserError> {
        tx.user(id).delete_keys().await?;
        found(tx.user(id).delete_user().await?)?;
        tx.commit().await?;
        if let Some(vault) = &self.inner.vault {
            vault.forget(id);
        }
        Ok(())
    }
}

fn found(is_there: bool) -> Result<(), UserError> {
    if is_there {
        Ok(())
    } else {
        Err(UserError::NotFound)
    }
}

fn display_name(text: &str) -> Result<String, UserError> {
    let name = text.trim();
    let length = name.chars().count();
    if length == 0 || length > MAX_DISPLAY || name.chars().any(char::is_control) {
        return Err(UserError::DisplayName);
    }
    Ok(name.to_owned())
}

/// The zone's own spelling of its name.
fn time_zone(text: &str) -> Result<String, UserError> {
    let zone = TimeZone::get(text).ok();
    let name = zone.as_ref().and_then(TimeZone::iana_name);
    name.map(str::to_owned)
        .ok_or_else(|| UserError::TimeZone(text.chars().take(64).collect()))
}

#[cfg(test)]
mod tests;
