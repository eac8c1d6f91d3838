//! What a person has too many of: the oldest go.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TryGetable, Value,
};

use crate::{Result, UserScope};

/// Most rows that go at a time.
const AT_ONCE: u64 = 1000;

/// The columns of a table by which rows are somebody's, told apart and put in order.
pub(crate) struct Columns<C> {
    pub(crate) user: C,
    pub(crate) id: C,
    pub(crate) created: C,
}

impl UserScope<'_, DatabaseTransaction> {
    /// Deletes this person's rows beyond the `keep` newest, at most 1,000 at a time. `Id` is the type of the id column.
    pub(crate) async fn delete_surplus<E, Id>(
        &self,
        columns: Columns<E::Column>,
        keep: u64,
    ) -> Result<()>
    where
        E: EntityTrait,
        Id: TryGetable + Into<Value> + Send,
    {
        let surplus: Vec<Id> = E::find()
            .select_only()
            .column(columns.id)
            .filter(columns.user.eq(self.user.0))
            .order_by_desc(columns.created)
            .order_by_desc(columns.id)
            .offset(keep)
            .limit(AT_ONCE)
            .into_tuple()
            .all(self.conn)
            .await?;
        if !surplus.is_empty() {
            E::delete_many()
                .filter(columns.user.eq(self.user.0))
                .filter(columns.id.is_in(surplus))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }
}
