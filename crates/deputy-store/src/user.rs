//! Rows of `users`: the people of this installation.
//!
//! The password's hash travels beside the person, never in it: only the methods that sign somebody
//! in ask for it.

use deputy_core::{Language, Role, Secret, UserId};
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder,
};

use crate::entity::users::{ActiveModel, Column, Entity, Model};
use crate::{Engine, Error, Result, Store, Tx, UserScope, from_ms, to_ms};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The number of the row; never reused.
    pub id: UserId,
    /// Sign-in name as the person writes it.
    pub username: String,
    /// Name for display.
    pub name: String,
    /// What the person is here.
    pub role: Role,
    /// Language of what is said to the person.
    pub language: Language,
    /// IANA name of the person's time zone.
    pub time_zone: String,
    /// False while an administrator has disabled the person.
    pub is_active: bool,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last changed.
    pub updated_at: Timestamp,
}

/// A person to be.
#[derive(Clone)]
pub struct NewUser {
    /// Sign-in name as the person writes it.
    pub username: String,
    /// The name folded for comparison.
    pub username_key: String,
    /// Name for display.
    pub name: String,
    /// Argon2id in PHC form.
    pub password_hash: Secret<String>,
    /// What the person is here.
    pub role: Role,
    /// Language of what is said to the person.
    pub language: Language,
    /// IANA name of the person's time zone.
    pub time_zone: String,
    /// The present.
    pub at: Timestamp,
}

/// What a person may change about themselves; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// Name for display.
    pub name: Option<String>,
    /// Language of what is said to the person.
    pub language: Option<Language>,
    /// IANA name of the time zone; the caller has checked it.
    pub time_zone: Option<String>,
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}

impl TryFrom<Model> for User {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let bad = |column| Error::Inconsistent {
            table: "users",
            column,
            row: row.id.to_string(),
        };
        let role = match row.role.as_str() {
            "admin" => Role::Admin,
            "user" => Role::User,
            _ => return Err(bad("role")),
        };
        let language = Language::ALL
            .into_iter()
            .find(|l| l.as_str() == row.language)
            .ok_or_else(|| bad("language"))?;
        Ok(Self {
            id: UserId(row.id),
            username: row.username,
            name: row.name,
            role,
            language,
            time_zone: row.time_zone,
            is_active: row.is_active,
            created_at: from_ms(row.created_at),
            updated_at: from_ms(row.updated_at),
        })
    }
}

async fn find_by_key(
    conn: &impl ConnectionTrait,
    key: &str,
) -> Result<Option<(User, Secret<String>)>> {
    let Some(mut row) = Entity::find()
        .filter(Column::UsernameKey.eq(key))
        .one(conn)
        .await?
    else {
        return Ok(None);
    };
    let hash = Secret::new(std::mem::take(&mut row.password_hash));
    Ok(Some((row.try_into()?, hash)))
}

impl Store {
    /// The person with this folded name, and the password's hash.
    pub async fn user_by_key(&self, username_key: &str) -> Result<Option<(User, Secret<String>)>> {
        find_by_key(self.read(), username_key).await
    }

    /// Everybody, oldest first.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows = Entity::find()
            .order_by_asc(Column::Id)
            .all(self.read())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// Keeps others from adding people until this unit of work ends.
    pub async fn lock_users(&self) -> Result<()> {
        if self.engine() == Engine::Postgres {
            self.conn()
                .execute_unprepared("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
                .await?;
        }
        Ok(())
    }

    /// How many people there are.
    pub async fn count_users(&self) -> Result<u64> {
        Ok(Entity::find().count(self.conn()).await?)
    }

    /// How many active administrators there are beside this person.
    pub async fn count_other_admins(&self, id: UserId) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::Id.ne(id.0))
            .filter(Column::Role.eq(role_name(Role::Admin)))
            .filter(Column::IsActive.eq(true))
            .count(self.conn())
            .await?)
    }

    /// Adds a person. [`Error::Conflict`] when the folded name is taken.
    pub async fn insert_user(&self, user: NewUser) -> Result<User> {
        let at = to_ms(user.at);
        let row = ActiveModel {
            id: NotSet,
            username: Set(user.username),
            username_key: Set(user.username_key),
            name: Set(user.name),
            password_hash: Set(user.password_hash.expose().clone()),
            role: Set(role_name(user.role).to_owned()),
            language: Set(user.language.as_str().to_owned()),
            time_zone: Set(user.time_zone),
            is_active: Set(true),
            created_at: Set(at),
            updated_at: Set(at),
        };
        row.insert(self.conn()).await?.try_into()
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The person.
    pub async fn profile(&self) -> Result<Option<User>> {
        Entity::find_by_id(self.user.0)
            .one(self.conn)
            .await?
            .map(TryInto::try_into)
            .transpose()
    }

    /// The hash of the person's password.
    pub async fn password_hash(&self) -> Result<Option<Secret<String>>> {
        let row = Entity::find_by_id(self.user.0).one(self.conn).await?;
        Ok(row.map(|row| Secret::new(row.password_hash)))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Changes what `change` names. False when the person is gone.
    pub async fn change_profile(&self, change: ProfileChange, at: Timestamp) -> Result<bool> {
        self.update_user(
            ActiveModel {
                name: change.name.map_or(NotSet, Set),
                language: change
                    .language
                    .map_or(NotSet, |l| Set(l.as_str().to_owned())),
                time_zone: change.time_zone.map_or(NotSet, Set),
                ..Default::default()
            },
            at,
        )
        .await
    }

    /// Replaces the password's hash. False when the person is gone.
    pub async fn set_password_hash(&self, hash: &Secret<String>, at: Timestamp) -> Result<bool> {
        let row = ActiveModel {
            password_hash: Set(hash.expose().clone()),
            ..Default::default()
        };
        self.update_user(row, at).await
    }

    /// Replaces the password's hash if it is still `old`. False when it is another or the person
    /// is gone.
    pub async fn replace_password_hash(
        &self,
        old: &Secret<String>,
        new: &Secret<String>,
        at: Timestamp,
    ) -> Result<bool> {
        let row = ActiveModel {
            password_hash: Set(new.expose().clone()),
            updated_at: Set(to_ms(at)),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(self.user.0))
            .filter(Column::PasswordHash.eq(old.expose()))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Enables or disables the person. False when the person is gone.
    pub async fn set_active(&self, is_active: bool, at: Timestamp) -> Result<bool> {
        self.update_user(
            ActiveModel {
                is_active: Set(is_active),
                ..Default::default()
            },
            at,
        )
        .await
    }

    /// Makes the person an administrator, or no longer one. False when the person is gone.
    pub async fn set_role(&self, role: Role, at: Timestamp) -> Result<bool> {
        let row = ActiveModel {
            role: Set(role_name(role).to_owned()),
            ..Default::default()
        };
        self.update_user(row, at).await
    }

    /// Deletes the person with every row that refers to them. Projects that others have too stay with
    /// them. False when the person is gone.
    pub async fn delete_user(&self) -> Result<bool> {
        self.leave_projects().await?;
        let done = Entity::delete_by_id(self.user.0).exec(self.conn).await?;
        Ok(done.rows_affected == 1)
    }

    async fn update_user(&self, mut row: ActiveModel, at: Timestamp) -> Result<bool> {
        row.updated_at = Set(to_ms(at));
        let done = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(self.user.0))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
pub(crate) mod tests;
