//! Rows of `oauth_clients`: the programs that may ask a person for access, other than those that
//! are built in.
//!
//! Administrators put some here, programs register themselves, and of a client whose id is the URL
//! of a document the row is a copy. What strangers cause is swept: a client that nobody allowed
//! anything goes soon, one that nobody uses any more goes later, and one that holds a live grant
//! stays.

use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LockBehavior, LockType, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::entity::oauth_clients::{ActiveModel, Column, Entity, Model};
use crate::entity::{oauth_consents, oauth_grants};
use crate::{Error, Result, Store, Tx, fits, from_ms, is_storable, to_ms};

mod unused;

pub use unused::UnusedClient;

const TABLE: &str = "oauth_clients";

/// Longest client id, in bytes: what an index of PostgreSQL surely takes.
pub const MAX_CLIENT_ID: usize = 1024;
/// Longest name of a client, in bytes.
pub const MAX_CLIENT_NAME: usize = 1024;
/// Longest redirect URI, in bytes.
pub const MAX_REDIRECT_URI: usize = 4096;
/// Longest list of redirect URIs and longest metadata, each as JSON, in bytes.
pub const MAX_CLIENT_JSON: usize = 65_536;
/// Longest address that a registration is noted to come from, in bytes.
const MAX_ADDRESS: usize = 64;
/// Most rows that go with one call of the sweep.
const AT_ONCE: u64 = 1000;

/// How a client came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// An administrator added it.
    Registered,
    /// It registered itself (RFC 7591).
    Dynamic,
    /// Its id is the URL of its metadata document; the row is a copy.
    Document,
}

impl ClientKind {
    /// The word in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Dynamic => "dynamic",
            Self::Document => "document",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Registered, Self::Dynamic, Self::Document]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// A client as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// The number of the row; never reused.
    pub id: i64,
    /// What it calls itself on the wire; unique.
    pub client_id: String,
    /// How it came to be known.
    pub kind: ClientKind,
    /// Name for display; as the client gave it.
    pub name: String,
    /// Where it may have people sent back to.
    pub redirect_uris: Vec<String>,
    /// What else it said about itself, a JSON object.
    pub metadata: serde_json::Value,
    /// When the row was made.
    pub created_at: Timestamp,
    /// The address that registered it, where that is known.
    pub created_from: Option<String>,
    /// When its document was last fetched.
    pub fetched_at: Option<Timestamp>,
    /// Until when the copy of its document is fresh.
    pub fresh_until: Option<Timestamp>,
    /// When somebody first allowed it something.
    pub authorized_at: Option<Timestamp>,
    /// When it last asked a person, or got or used a token, as far as it was noted.
    pub last_used_at: Option<Timestamp>,
}

/// A client to be, or a newer copy of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClient {
    /// What it calls itself on the wire; at most [`MAX_CLIENT_ID`] bytes.
    pub client_id: String,
    /// How it came to be known.
    pub kind: ClientKind,
    /// Name for display; at most [`MAX_CLIENT_NAME`] bytes.
    pub name: String,
    /// Where it may have people sent back to; at most [`MAX_CLIENT_JSON`] bytes as JSON.
    pub redirect_uris: Vec<String>,
    /// What else it said about itself, a JSON object; at most [`MAX_CLIENT_JSON`] bytes.
    pub metadata: serde_json::Value,
    /// The address that registers it, where that is known.
    pub created_from: Option<String>,
    /// The present; for a document also when it was fetched.
    pub at: Timestamp,
    /// Until when the copy of its document is fresh.
    pub fresh_until: Option<Timestamp>,
}

impl TryFrom<Model> for ClientRow {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let bad = |column| Error::Inconsistent {
            table: TABLE,
            column,
            row: row.id.to_string(),
        };
        Ok(Self {
            kind: ClientKind::parse(&row.kind).ok_or_else(|| bad("kind"))?,
            redirect_uris: serde_json::from_str(&row.redirect_uris)
                .map_err(|_| bad("redirect_uris"))?,
            metadata: serde_json::from_str(&row.metadata).map_err(|_| bad("metadata"))?,
            id: row.id,
            client_id: row.client_id,
            name: row.name,
            created_at: from_ms(row.created_at),
            created_from: row.created_from,
            fetched_at: row.fetched_at.map(from_ms),
            fresh_until: row.fresh_until.map(from_ms),
            authorized_at: row.authorized_at.map(from_ms),
            last_used_at: row.last_used_at.map(from_ms),
        })
    }
}

fn to_row(client: NewClient) -> Result<ActiveModel> {
    let redirect_uris = serde_json::Value::from(client.redirect_uris).to_string();
    let metadata = client.metadata.to_string();
    for (column, text, max) in [
        ("client_id", &client.client_id, MAX_CLIENT_ID),
        ("name", &client.name, MAX_CLIENT_NAME),
        ("redirect_uris", &redirect_uris, MAX_CLIENT_JSON),
        ("metadata", &metadata, MAX_CLIENT_JSON),
    ] {
        fits(TABLE, column, text, max)?;
    }
    if let Some(address) = &client.created_from {
        fits(TABLE, "created_from", address, MAX_ADDRESS)?;
    }
    let at = to_ms(client.at);
    Ok(ActiveModel {
        id: NotSet,
        client_id: Set(client.client_id),
        kind: Set(client.kind.as_str().to_owned()),
        name: Set(client.name),
        redirect_uris: Set(redirect_uris),
        metadata: Set(metadata),
        created_at: Set(at),
        created_from: Set(client.created_from),
        fetched_at: Set((client.kind == ClientKind::Document).then_some(at)),
        fresh_until: Set(client.fresh_until.map(to_ms)),
        authorized_at: Set(None),
        last_used_at: Set(None),
    })
}

impl Store {
    /// The client of this id.
    pub async fn oauth_client(&self, client_id: &str) -> Result<Option<ClientRow>> {
        if !is_storable(client_id) {
            return Ok(None);
        }
        Entity::find()
            .filter(Column::ClientId.eq(client_id))
            .one(self.read())
            .await?
            .map(TryInto::try_into)
            .transpose()
    }

    /// Clients of `kind` (`None`: of every kind) with a row number above `after`, by that number.
    pub async fn oauth_clients(
        &self,
        kind: Option<ClientKind>,
        after: Option<i64>,
        limit: u64,
    ) -> Result<Vec<ClientRow>> {
        let wanted = Condition::all()
            .add_option(kind.map(|kind| Column::Kind.eq(kind.as_str())))
            .add_option(after.map(|after| Column::Id.gt(after)));
        let rows = Entity::find()
            .filter(wanted)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.read())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The ids of documents that somebody allowed something, the one fetched last first.
    pub async fn oauth_documents_in_use(&self, limit: u64) -> Result<Vec<String>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::ClientId)
            .filter(Column::Kind.eq(ClientKind::Document.as_str()))
            .filter(Column::AuthorizedAt.is_not_null())
            .order_by_desc(Column::FetchedAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(self.read())
            .await?)
    }

    /// How many clients of `kind` there are, all or only those that nobody has allowed anything.
    pub async fn count_oauth_clients(
        &self,
        kind: ClientKind,
        never_authorized_only: bool,
    ) -> Result<u64> {
        let mut query = Entity::find().filter(Column::Kind.eq(kind.as_str()));
        if never_authorized_only {
            query = query.filter(Column::AuthorizedAt.is_null());
        }
        Ok(query.count(self.read()).await?)
    }
}

impl Tx {
    /// Adds a client. [`Error::Conflict`] when the id is taken, [`Error::Unfit`] when a text is too
    /// long or can't be stored.
    pub async fn insert_oauth_client(&self, client: NewClient) -> Result<ClientRow> {
        to_row(client)?.insert(self.conn()).await?.try_into()
    }

    /// Stores a document's copy, in place of an older one; since when it is known and used stays.
    /// [`Error::Conflict`] when the id is that of a client of another kind, whose row stays as it
    /// is.
    pub async fn put_oauth_document(&self, client: NewClient) -> Result<ClientRow> {
        let client_id = client.client_id.clone();
        let row = to_row(NewClient {
            kind: ClientKind::Document,
            ..client
        })?;
        let newer = OnConflict::column(Column::ClientId)
            .update_columns([
                Column::Name,
                Column::RedirectUris,
                Column::Metadata,
                Column::FetchedAt,
                Column::FreshUntil,
            ])
            .action_and_where(Column::Kind.eq(ClientKind::Document.as_str()))
            .to_owned();
        let statement = Entity::insert(row).on_conflict(newer).into_query();
        use sea_orm::ConnectionTrait as _;
        if self.conn().execute(&statement).await?.rows_affected() == 0 {
            return Err(Error::Conflict(client_id));
        }
        let row = Entity::find()
            .filter(Column::ClientId.eq(client_id.as_str()))
            .one(self.conn())
            .await?;
        row.ok_or(Error::Dangling(client_id))?.try_into()
    }

    /// Deletes a client. False when there is none. Grants stay, see
    /// [`Tx::end_oauth_grants_of_clients`], and after them consents, see
    /// [`Tx::forget_oauth_consents`]: whoever ends grants takes the two in this order, and on
    /// PostgreSQL two orders would be a deadlock.
    pub async fn delete_oauth_client(&self, client_id: &str) -> Result<bool> {
        if !is_storable(client_id) {
            return Ok(false);
        }
        let done = Entity::delete_many()
            .filter(Column::ClientId.eq(client_id))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes that somebody allows the client something at `at`, and holds its row until this
    /// transaction ends: nobody removes the client meanwhile. False when there is no row: built-in
    /// clients have none, any other is gone.
    pub async fn note_oauth_client_authorized(
        &self,
        client_id: &str,
        at: Timestamp,
    ) -> Result<bool> {
        if !is_storable(client_id) {
            return Ok(false);
        }
        let first = Func::coalesce([Expr::col(Column::AuthorizedAt), Expr::value(to_ms(at))]);
        let done = Entity::update_many()
            .col_expr(Column::AuthorizedAt, first.into())
            .filter(Column::ClientId.eq(client_id))
            .exec(self.conn())
            .await?;
        self.touch_oauth_client(client_id, at).await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes that the client was used at `at`; never moves it back.
    pub async fn touch_oauth_client(&self, client_id: &str, at: Timestamp) -> Result<()> {
        if !is_storable(client_id) {
            return Ok(());
        }
        let older = Condition::any()
            .add(Column::LastUsedAt.is_null())
            .add(Column::LastUsedAt.lt(to_ms(at)));
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(to_ms(at)))
            .filter(Column::ClientId.eq(client_id))
            .filter(older)
            .exec(self.conn())
            .await?;
        Ok(())
    }

    /// Deletes clients that strangers caused: those made, and that last asked a person, before
    /// `never_authorized_before` and that nobody allowed anything, and those not used since `unused_since`. One with a live grant
    /// stays. At most 1,000 with one call; returns how many.
    ///
    /// The rows are held before they go: on PostgreSQL one that somebody is allowing something at
    /// this moment is left for the next time, and one that was allowed something since the look is
    /// looked at again.
    pub async fn sweep_oauth_clients(
        &self,
        never_authorized_before: Timestamp,
        unused_since: Timestamp,
    ) -> Result<u64> {
        let never = Condition::all()
            .add(Column::AuthorizedAt.is_null())
            .add(Expr::expr(unused::seen_at()).lt(to_ms(never_authorized_before)));
        let last = Func::coalesce([
            Expr::col(Column::LastUsedAt),
            Expr::col(Column::AuthorizedAt),
        ]);
        let unused = Condition::all()
            .add(Column::AuthorizedAt.is_not_null())
            .add(Expr::expr(last).lt(to_ms(unused_since)));
        let live = Query::select()
            .column(oauth_grants::Column::ClientId)
            .from(oauth_grants::Entity)
            .and_where(oauth_grants::Column::EndedAt.is_null())
            .to_owned();
        let over: Vec<(i64, String)> = Entity::find()
            .select_only()
            .column(Column::Id)
            .column(Column::ClientId)
            .filter(
                Column::Kind.is_in([ClientKind::Dynamic.as_str(), ClientKind::Document.as_str()]),
            )
            .filter(Condition::any().add(never).add(unused))
            .filter(Column::ClientId.not_in_subquery(live))
            .order_by_asc(Column::Id)
            .limit(AT_ONCE)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_tuple()
            .all(self.conn())
            .await?;
        if over.is_empty() {
            return Ok(0);
        }
        let (ids, client_ids): (Vec<i64>, Vec<String>) = over.into_iter().unzip();
        let done = Entity::delete_many()
            .filter(Column::Id.is_in(ids))
            .exec(self.conn())
            .await?;
        self.forget_consents(client_ids).await?;
        Ok(done.rows_affected)
    }

    /// Forgets what anybody consented to for these clients: the next login is asked about again.
    pub async fn forget_oauth_consents(&self, client_ids: &[&str]) -> Result<()> {
        let ids = client_ids.iter().filter(|id| is_storable(id));
        self.forget_consents(ids.map(|id| (*id).to_owned()).collect())
            .await
    }

    /// A client that comes again under the same id is asked about again.
    async fn forget_consents(&self, client_ids: Vec<String>) -> Result<()> {
        oauth_consents::Entity::delete_many()
            .filter(oauth_consents::Column::ClientId.is_in(client_ids))
            .exec(self.conn())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
