//! What is over goes, some rows at a time.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, TryGetable, Value,
};

use crate::entity::{oauth_access_tokens, oauth_codes, oauth_grants, oauth_refresh_tokens};
use crate::{Result, Tx, UserScope, is_storable, to_ms};

/// Most rows of a table that go with one call.
const AT_ONCE: u64 = 1000;

impl Tx {
    /// Deletes codes and tokens that have expired at `now`, answers of rotations made before
    /// `answers_before`, and grants: those that ended before `ended_before`, those that have lapsed
    /// at `now`, and those whose code was never redeemed and is over. At most 1,000 of each;
    /// returns how many, so that a caller goes on in another transaction until there are none.
    pub async fn sweep_oauth(
        &self,
        now: Timestamp,
        ended_before: Timestamp,
        answers_before: Timestamp,
    ) -> Result<u64> {
        // Grants first: whoever writes below a grant holds it first.
        let mut gone = self.sweep_grants(now, ended_before).await?;
        let now = to_ms(now);
        {
            use oauth_codes::{Column, Entity};
            let query = Entity::find().filter(Column::ExpiresAt.lte(now));
            gone += delete_some::<_, String>(self.conn(), query, Column::CodeHash).await?;
        }
        {
            use oauth_access_tokens::{Column, Entity};
            let query = Entity::find().filter(Column::ExpiresAt.lte(now));
            gone += delete_some::<_, String>(self.conn(), query, Column::TokenHash).await?;
        }
        {
            use oauth_refresh_tokens::{Column, Entity};
            let query = Entity::find().filter(Column::ExpiresAt.lte(now));
            gone += delete_some::<_, String>(self.conn(), query, Column::TokenHash).await?;
        }
        Ok(gone + self.forget_oauth_answers(answers_before).await?)
    }

    async fn sweep_grants(&self, now: Timestamp, ended_before: Timestamp) -> Result<u64> {
        use oauth_grants::{Column, Entity};
        let redeemable = Query::select()
            .column(oauth_codes::Column::GrantId)
            .from(oauth_codes::Entity)
            .and_where(oauth_codes::Column::ExpiresAt.gt(to_ms(now)))
            .to_owned();
        let over = Condition::all().add(Column::EndedAt.is_null()).add(
            Condition::any().add(Column::ExpiresAt.lte(to_ms(now))).add(
                Condition::all()
                    .add(Column::RedeemedAt.is_null())
                    .add(Column::Id.not_in_subquery(redeemable)),
            ),
        );
        let query = Entity::find().filter(
            Condition::any()
                .add(Column::EndedAt.lt(to_ms(ended_before)))
                .add(over),
        );
        delete_some::<_, i64>(self.conn(), query, Column::Id).await
    }

    /// Forgets what rotations before `before` answered, at most 1,000 of them; how many.
    pub async fn forget_oauth_answers(&self, before: Timestamp) -> Result<u64> {
        use oauth_refresh_tokens::{Column, Entity};
        let query = Entity::find()
            .filter(Column::RotatedAt.lt(to_ms(before)))
            .filter(Column::Answer.is_not_null());
        let hashes: Vec<String> = some_of(self.conn(), query, Column::TokenHash).await?;
        if hashes.is_empty() {
            return Ok(0);
        }
        let done = Entity::update_many()
            .col_expr(Column::Answer, Expr::value(None::<Vec<u8>>))
            .filter(Column::TokenHash.is_in(hashes))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Deletes this person's grants of the client at `redirect_uri` that nobody has redeemed, with
    /// their codes; how many. On PostgreSQL one that is being redeemed at this moment stays.
    pub async fn delete_unredeemed_oauth_grants(
        &self,
        client_id: &str,
        redirect_uri: &str,
    ) -> Result<u64> {
        use oauth_grants::{Column, Entity};
        if !is_storable(client_id) || !is_storable(redirect_uri) {
            return Ok(0);
        }
        let query = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ClientId.eq(client_id))
            .filter(Column::RedirectUri.eq(redirect_uri))
            .filter(Column::RedeemedAt.is_null())
            .filter(Column::EndedAt.is_null());
        delete_some::<_, i64>(self.conn, query, Column::Id).await
    }
}

/// Deletes at most [`AT_ONCE`] of the rows that `query` finds.
async fn delete_some<E, Id>(
    conn: &DatabaseTransaction,
    query: Select<E>,
    key: E::Column,
) -> Result<u64>
where
    E: EntityTrait,
    Id: TryGetable + Into<Value> + Send,
{
    let keys: Vec<Id> = some_of(conn, query, key).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    let done = E::delete_many().filter(key.is_in(keys)).exec(conn).await?;
    Ok(done.rows_affected)
}

/// The keys of some rows, held. On PostgreSQL those that somebody writes are left for the next
/// time: a sweep waits for nobody, so nobody waits for it in a circle.
async fn some_of<E, Id>(
    conn: &DatabaseTransaction,
    query: Select<E>,
    key: E::Column,
) -> Result<Vec<Id>>
where
    E: EntityTrait,
    Id: TryGetable + Send,
{
    Ok(query
        .select_only()
        .column(key)
        .order_by_asc(key)
        .limit(AT_ONCE)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(conn)
        .await?)
}
