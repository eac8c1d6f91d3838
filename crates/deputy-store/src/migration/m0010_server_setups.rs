//! Guided setups of servers under way.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("server_setups")
                    .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
                    .col(ColumnDef::new("user_id").big_integer().not_null())
                    .col(ColumnDef::new("server_type").string_len(32).not_null())
                    // Sealed: the answers, secret ones among them.
                    .col(ColumnDef::new("state").blob().not_null())
                    // Grows with each answer, so that of two at once one is taken.
                    .col(ColumnDef::new("version").big_integer().not_null())
                    .col(ColumnDef::new("created_at").big_integer().not_null())
                    .col(ColumnDef::new("expires_at").big_integer().not_null())
                    .foreign_key(
                        ForeignKey::create()
                            .name("server_setups_user_id_fkey")
                            .from("server_setups", "user_id")
                            .to("users", "id")
                            .on_update(ForeignKeyAction::Cascade)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("server_setups_user_idx")
                    .table("server_setups")
                    .col("user_id")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("server_setups").to_owned())
            .await
    }
}
