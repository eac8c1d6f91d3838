//! Rows of `passkeys`, of `passkey_handles`, which stand for people at their authenticators, and of
//! `passkey_ceremonies`, what a session waits for.
//!
//! A ceremony belongs to a session and goes with it. It is answered once: who takes it deletes it.

use std::collections::HashMap;

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction,
    EntityTrait, PaginatorTrait as _, QueryFilter, QueryOrder as _, QuerySelect as _,
};

use crate::entity::{passkey_ceremonies, passkey_handles, passkeys};
use crate::{Result, Store, Tx, UserScope, fits, from_ms, is_storable, to_ms};

/// Longest identifier of a credential, in characters: 1023 bytes (WebAuthn, section 5.8.3) in base64.
const CREDENTIAL_ID: usize = 1400;

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The row's number.
    pub id: i64,
    /// Whose it is.
    pub user_id: UserId,
    /// The credential's identifier in URL-safe base64.
    pub credential_id: String,
    /// What its owner calls it.
    pub name: String,
    /// Public key and flags, JSON.
    pub data: String,
    /// How often it was used, where the authenticator counts; else 0.
    pub counter: u32,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl From<passkeys::Model> for Passkey {
    fn from(row: passkeys::Model) -> Self {
        Self {
            id: row.id,
            user_id: UserId(row.user_id),
            credential_id: row.credential_id,
            name: row.name,
            data: row.data,
            counter: u32::try_from(row.counter).unwrap_or(u32::MAX),
            created_at: from_ms(row.created_at),
            last_used_at: row.last_used_at.map(from_ms),
        }
    }
}

/// A passkey to be.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// The credential's identifier in URL-safe base64, at most 1,400 characters.
    pub credential_id: String,
    /// What its owner calls it, at most 200 bytes.
    pub name: String,
    /// Public key and flags, JSON, at most 64 KiB.
    pub data: String,
    /// The authenticator's count.
    pub counter: u32,
    /// The present.
    pub at: Timestamp,
}

impl Store {
    /// The passkey with this credential, of whomever has this handle.
    pub async fn passkey_by_handle(
        &self,
        handle: &str,
        credential_id: &str,
    ) -> Result<Option<Passkey>> {
        if !is_storable(handle) || !is_storable(credential_id) {
            return Ok(None);
        }
        let owner = passkey_handles::Entity::find()
            .filter(passkey_handles::Column::Handle.eq(handle))
            .one(self.read())
            .await?;
        let Some(owner) = owner else {
            return Ok(None);
        };
        self.user(UserId(owner.user_id))
            .passkey_by_credential(credential_id)
            .await
    }

    /// How many passkeys people have, those who have any.
    pub async fn passkeys_by_person(&self) -> Result<HashMap<UserId, u64>> {
        let counts: Vec<(i64, i64)> = passkeys::Entity::find()
            .select_only()
            .column(passkeys::Column::UserId)
            .column_as(passkeys::Column::Id.count(), "n")
            .group_by(passkeys::Column::UserId)
            .into_tuple()
            .all(self.read())
            .await?;
        let counts = counts.into_iter();
        Ok(counts
            .map(|(user, n)| (UserId(user), n.unsigned_abs()))
            .collect())
    }
}

impl Tx {
    /// Keeps what the session of this hash waits for, in place of an earlier one of its kind.
    pub async fn put_passkey_ceremony(
        &self,
        session_hash: &str,
        kind: &str,
        state: &str,
        expires_at: Timestamp,
    ) -> Result<()> {
        use passkey_ceremonies::{ActiveModel, Column, Entity};
        let row = ActiveModel {
            session_hash: Set(session_hash.to_owned()),
            kind: Set(kind.to_owned()),
            state: Set(state.to_owned()),
            expires_at: Set(to_ms(expires_at)),
        };
        Entity::insert(row)
            .on_conflict(
                OnConflict::columns([Column::SessionHash, Column::Kind])
                    .update_columns([Column::State, Column::ExpiresAt])
                    .to_owned(),
            )
            .exec_without_returning(self.conn())
            .await?;
        Ok(())
    }

    /// What the session of this hash waits for; nobody gets it a second time. `None` also when its
    /// time was over by `now`.
    pub async fn take_passkey_ceremony(
        &self,
        session_hash: &str,
        kind: &str,
        now: Timestamp,
    ) -> Result<Option<String>> {
        use passkey_ceremonies::{Column, Entity};
        let key = (session_hash.to_owned(), kind.to_owned());
        let Some(row) = Entity::find_by_id(key.clone()).one(self.conn()).await? else {
            return Ok(None);
        };
        let done = Entity::delete_by_id(key)
            .filter(Column::State.eq(row.state.as_str()))
            .exec(self.conn())
            .await?;
        Ok((done.rows_affected == 1 && row.expires_at > to_ms(now)).then_some(row.state))
    }

    /// Deletes the ceremonies whose time was over by `now`.
    pub async fn sweep_passkey_ceremonies(&self, now: Timestamp) -> Result<u64> {
        use passkey_ceremonies::{Column, Entity};
        Ok(Entity::delete_many()
            .filter(Column::ExpiresAt.lte(to_ms(now)))
            .exec(self.conn())
            .await?
            .rows_affected)
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The person's passkeys, oldest first.
    pub async fn passkeys(&self) -> Result<Vec<Passkey>> {
        let rows = passkeys::Entity::find()
            .filter(passkeys::Column::UserId.eq(self.user.0))
            .order_by_asc(passkeys::Column::Id)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The person's passkey with this credential.
    pub async fn passkey_by_credential(&self, credential_id: &str) -> Result<Option<Passkey>> {
        if !is_storable(credential_id) {
            return Ok(None);
        }
        let row = passkeys::Entity::find()
            .filter(passkeys::Column::UserId.eq(self.user.0))
            .filter(passkeys::Column::CredentialId.eq(credential_id))
            .one(self.conn)
            .await?;
        Ok(row.map(Into::into))
    }

    /// Whether the person has an authenticator app that counts, or a passkey.
    pub async fn has_second_factor(&self) -> Result<bool> {
        let app = self.totp_factor().await?;
        Ok(app.is_some_and(|app| app.active_at.is_some()) || self.count_passkeys().await? > 0)
    }

    /// How many passkeys the person has.
    pub async fn count_passkeys(&self) -> Result<u64> {
        Ok(passkeys::Entity::find()
            .filter(passkeys::Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// What stands for the person at their authenticators; `new` where there is nothing yet.
    pub async fn passkey_handle(&self, new: &str) -> Result<String> {
        use passkey_handles::{ActiveModel, Column, Entity};
        let row = ActiveModel {
            user_id: Set(self.user.0),
            handle: Set(new.to_owned()),
        };
        Entity::insert(row)
            .on_conflict(OnConflict::column(Column::UserId).do_nothing().to_owned())
            .try_insert()
            .exec_without_returning(self.conn)
            .await?;
        let row = Entity::find_by_id(self.user.0).one(self.conn).await?;
        Ok(row.map_or_else(|| new.to_owned(), |row| row.handle))
    }

    /// Adds a passkey. [`crate::Error::Conflict`] when somebody has this credential already.
    pub async fn insert_passkey(&self, passkey: NewPasskey) -> Result<Passkey> {
        fits(
            "passkeys",
            "credential_id",
            &passkey.credential_id,
            CREDENTIAL_ID,
        )?;
        fits("passkeys", "name", &passkey.name, 200)?;
        fits("passkeys", "data", &passkey.data, 64 * 1024)?;
        let row = passkeys::ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            credential_id: Set(passkey.credential_id),
            name: Set(passkey.name),
            data: Set(passkey.data),
            counter: Set(passkey.counter.into()),
            created_at: Set(to_ms(passkey.at)),
            last_used_at: NotSet,
        };
        Ok(row.insert(self.conn).await?.into())
    }

    /// Notes that a passkey was used, whose authenticator counts `counter` by now. False when the
    /// passkey is gone, or when the count has not grown: then there may be a copy of it. Who does not
    /// count says 0 for ever.
    pub async fn use_passkey(
        &self,
        id: i64,
        data: &str,
        counter: u32,
        at: Timestamp,
    ) -> Result<bool> {
        use passkeys::{Column, Entity};
        fits("passkeys", "data", data, 64 * 1024)?;
        let grown = Condition::any().add(Column::Counter.lt(i64::from(counter)));
        let grown = if counter == 0 {
            grown.add(Column::Counter.eq(0))
        } else {
            grown
        };
        let done = Entity::update_many()
            .col_expr(Column::Data, Expr::value(data))
            .col_expr(Column::Counter, Expr::value(i64::from(counter)))
            .col_expr(Column::LastUsedAt, Expr::value(to_ms(at)))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .filter(grown)
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Removes one of the person's passkeys: its name. `None` when it is not theirs.
    pub async fn delete_passkey(&self, id: i64) -> Result<Option<String>> {
        use passkeys::{Column, Entity};
        let row = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .one(self.conn)
            .await?;
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(row.filter(|_| done.rows_affected == 1).map(|row| row.name))
    }

    /// Removes all of the person's passkeys; how many there were.
    pub async fn delete_passkeys(&self) -> Result<u64> {
        Ok(passkeys::Entity::delete_many()
            .filter(passkeys::Column::UserId.eq(self.user.0))
            .exec(self.conn)
            .await?
            .rows_affected)
    }
}

#[cfg(test)]
mod tests;
