//! Rows of `oauth_blocks`: programs that may not ask anybody for access, on an administrator's word.
//!
//! A row names a client by its id, or the host of all clients that are described there. It says
//! nothing of clients that there are: what is blocked need not have come yet.

use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::entity::oauth_blocks::{ActiveModel, Column, Entity, Model};
use crate::oauth_client::MAX_CLIENT_ID;
use crate::{Error, Result, Store, Tx, fits, from_ms, is_storable, to_ms};

const TABLE: &str = "oauth_blocks";

/// What is named by a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// One client, by its id.
    Client,
    /// Every client whose id is a URL of this host.
    Host,
}

impl BlockKind {
    /// The word in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Host => "host",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Client, Self::Host]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// What an administrator blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The number of the row.
    pub id: i64,
    /// What `name` is.
    pub kind: BlockKind,
    /// The id of the client, or the host.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
}

impl TryFrom<Model> for Block {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let kind = BlockKind::parse(&row.kind).ok_or_else(|| Error::Inconsistent {
            table: TABLE,
            column: "kind",
            row: row.id.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            kind,
            name: row.name,
            created_at: from_ms(row.created_at),
        })
    }
}

fn named(kind: BlockKind, name: &str) -> Condition {
    Condition::all()
        .add(Column::Kind.eq(kind.as_str()))
        .add(Column::Name.eq(name))
}

impl Store {
    /// What is blocked with a row number above `after`, by that number.
    pub async fn oauth_blocks(&self, after: Option<i64>, limit: u64) -> Result<Vec<Block>> {
        let rows = Entity::find()
            .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))))
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.read())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The block of this number.
    pub async fn oauth_block(&self, id: i64) -> Result<Option<Block>> {
        let row = Entity::find_by_id(id).one(self.read()).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The block of this client or host.
    pub async fn oauth_block_of(&self, kind: BlockKind, name: &str) -> Result<Option<Block>> {
        if !is_storable(name) {
            return Ok(None);
        }
        let row = Entity::find().filter(named(kind, name)).one(self.read());
        row.await?.map(TryInto::try_into).transpose()
    }

    /// Whether the client is blocked, by its id or by the host of it.
    pub async fn is_oauth_blocked(&self, client_id: &str, host: Option<&str>) -> Result<bool> {
        if !is_storable(client_id) {
            return Ok(false);
        }
        let host = host.filter(|host| is_storable(host));
        let either = Condition::any()
            .add(named(BlockKind::Client, client_id))
            .add_option(host.map(|host| named(BlockKind::Host, host)));
        let found = Entity::find().filter(either).one(self.read()).await?;
        Ok(found.is_some())
    }

    /// How many blocks there are.
    pub async fn count_oauth_blocks(&self) -> Result<u64> {
        Ok(Entity::find().count(self.read()).await?)
    }
}

impl Tx {
    /// Blocks; since when stays where it was blocked already. [`Error::Unfit`] when the name is
    /// too long or can't be stored.
    pub async fn put_oauth_block(
        &self,
        kind: BlockKind,
        name: &str,
        at: Timestamp,
    ) -> Result<Block> {
        fits(TABLE, "name", name, MAX_CLIENT_ID)?;
        Entity::insert(ActiveModel {
            id: NotSet,
            kind: Set(kind.as_str().to_owned()),
            name: Set(name.to_owned()),
            created_at: Set(to_ms(at)),
        })
        .on_conflict(
            OnConflict::columns([Column::Kind, Column::Name])
                .update_column(Column::Kind)
                .to_owned(),
        )
        .exec_without_returning(self.conn())
        .await?;
        let row = Entity::find().filter(named(kind, name)).one(self.conn());
        let row = row.await?.ok_or_else(|| Error::Dangling(name.to_owned()))?;
        row.try_into()
    }

    /// Unblocks. False when there is none of this number.
    pub async fn delete_oauth_block(&self, id: i64) -> Result<bool> {
        let done = Entity::delete_by_id(id).exec(self.conn()).await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
