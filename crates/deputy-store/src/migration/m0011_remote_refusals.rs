//! What an authorization server refused the last refresh of an account with, and whether a server's
//! question for scopes that it was granted was counted since the last consent.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column at a time: SQLite adds no two at once.
        for column in [
            ColumnDef::new("refusal").string_len(64).to_owned(),
            ColumnDef::new("asked_again")
                .boolean()
                .not_null()
                .default(false)
                .to_owned(),
        ] {
            let table = Table::alter()
                .table("remote_accounts")
                .add_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["asked_again", "refusal"] {
            let table = Table::alter()
                .table("remote_accounts")
                .drop_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
