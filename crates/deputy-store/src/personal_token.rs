//! Rows of `personal_tokens`: what scripts present instead of a password. Only a hash is stored.

use deputy_core::{Scopes, UserId};
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder,
};

use crate::entity::personal_tokens::{ActiveModel, Column, Entity, Model};
use crate::entity::users;
use crate::user::User;
use crate::{Error, Result, Store, Tx, UserScope, from_ms, to_ms};

/// A personal access token, without what opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalToken {
    /// The number of the row; never reused.
    pub id: i64,
    /// Whose it is.
    pub user_id: UserId,
    /// The name its owner gave it.
    pub name: String,
    /// The last four characters of the token, to tell tokens apart.
    pub hint: String,
    /// What it may do, at most.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A token to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPersonalToken {
    /// The name its owner gives it.
    pub name: String,
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// The last four characters of the token.
    pub hint: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The present.
    pub at: Timestamp,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl TryFrom<Model> for PersonalToken {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let scopes = row.scopes.parse().map_err(|_| Error::Inconsistent {
            table: "personal_tokens",
            column: "scopes",
            row: row.id.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            user_id: UserId(row.user_id),
            name: row.name,
            hint: row.hint,
            scopes,
            created_at: from_ms(row.created_at),
            expires_at: row.expires_at.map(from_ms),
            last_used_at: row.last_used_at.map(from_ms),
        })
    }
}

impl Store {
    /// The token of this hash and its owner, in one indexed query.
    pub async fn token_by_hash(&self, token_hash: &str) -> Result<Option<(PersonalToken, User)>> {
        let found = Entity::find()
            .filter(Column::TokenHash.eq(token_hash))
            .find_also_related(users::Entity)
            .one(self.read())
            .await?;
        match found {
            Some((token, Some(user))) => Ok(Some((token.try_into()?, user.try_into()?))),
            _ => Ok(None),
        }
    }
}

impl Tx {
    /// Notes that a token was used at `at`; never moves it back.
    pub async fn touch_token(&self, id: i64, at: Timestamp) -> Result<()> {
        let older = Condition::any()
            .add(Column::LastUsedAt.is_null())
            .add(Column::LastUsedAt.lt(to_ms(at)));
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(to_ms(at)))
            .filter(Column::Id.eq(id))
            .filter(older)
            .exec(self.conn())
            .await?;
        Ok(())
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The person's tokens, newest first.
    pub async fn tokens(&self) -> Result<Vec<PersonalToken>> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .order_by_desc(Column::Id)
            .all(self.conn)
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many tokens the person has.
    pub async fn count_tokens(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Adds a token. [`Error::Dangling`] when the person is gone.
    pub async fn insert_token(&self, token: NewPersonalToken) -> Result<PersonalToken> {
        let row = ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            name: Set(token.name),
            token_hash: Set(token.token_hash),
            hint: Set(token.hint),
            scopes: Set(token.scopes.to_string()),
            created_at: Set(to_ms(token.at)),
            expires_at: Set(token.expires_at.map(to_ms)),
            last_used_at: Set(None),
        };
        row.insert(self.conn).await?.try_into()
    }

    /// Deletes a token. False when it is not the person's.
    pub async fn delete_token(&self, id: i64) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
