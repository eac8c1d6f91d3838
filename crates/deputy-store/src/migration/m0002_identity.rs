//! Sign-in: sessions of browsers, personal access tokens.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The rows go when the person goes.
fn of_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user_id_fkey"))
        .from(table, "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("sessions")
                    .col(ColumnDef::new("id_hash").string().not_null().primary_key())
                    .col(ColumnDef::new("user_id").big_integer())
                    .col(ColumnDef::new("data").text().not_null())
                    .col(ColumnDef::new("user_agent").text().not_null())
                    .col(ColumnDef::new("address").string().not_null())
                    .col(ColumnDef::new("created_at").big_integer().not_null())
                    .col(ColumnDef::new("last_seen_at").big_integer().not_null())
                    .col(ColumnDef::new("expires_at").big_integer().not_null())
                    .foreign_key(&mut of_user("sessions"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("personal_tokens")
                    .col(
                        ColumnDef::new("id")
                            .big_integer()
                            .not_null()
                            .auto_increment()
                            .primary_key(),
                    )
                    .col(ColumnDef::new("user_id").big_integer().not_null())
                    .col(ColumnDef::new("name").string().not_null())
                    .col(ColumnDef::new("token_hash").string().not_null())
                    .col(ColumnDef::new("hint").string().not_null())
                    .col(ColumnDef::new("scopes").text().not_null())
                    .col(ColumnDef::new("created_at").big_integer().not_null())
                    .col(ColumnDef::new("expires_at").big_integer())
                    .col(ColumnDef::new("last_used_at").big_integer())
                    .foreign_key(&mut of_user("personal_tokens"))
                    .to_owned(),
            )
            .await?;
        for (table, column) in [
            ("sessions", "user_id"),
            ("sessions", "expires_at"),
            ("sessions", "last_seen_at"),
            ("personal_tokens", "user_id"),
        ] {
            let name = format!("{table}_{column}_idx");
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table(table)
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("personal_tokens_token_hash_unique")
                    .table("personal_tokens")
                    .col("token_hash")
                    .unique()
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("personal_tokens").to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table("sessions").to_owned())
            .await
    }
}
