//! Which server a person has selected to ask; and what makes statistics quick to read and to clear.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(user_active_context()).await?;
        manager
            .create_index(
                Index::create()
                    .name("mcp_usage_log_created_idx")
                    .table("mcp_usage_log")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(
                Index::drop()
                    .name("mcp_usage_log_created_idx")
                    .table("mcp_usage_log")
                    .to_owned(),
            )
            .await?;
        manager
            .drop_table(Table::drop().table("user_active_context").to_owned())
            .await
    }
}

fn user_active_context() -> TableCreateStatement {
    Table::create()
        .table("user_active_context")
        .col(
            ColumnDef::new("user_id")
                .big_integer()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("selected_server").string().not_null())
        // Of a person's own server: another one that gets the name is not the one selected.
        .col(ColumnDef::new("server_id").big_integer())
        .col(ColumnDef::new("context_settings").text().not_null())
        .col(ColumnDef::new("session_id").string_len(64).not_null())
        .col(ColumnDef::new("selected_at").big_integer().not_null())
        .col(ColumnDef::new("last_used_at").big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .name("user_active_context_user_fk")
                .from("user_active_context", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade)
                .on_update(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("user_active_context_server_fk")
                .from("user_active_context", "server_id")
                .to("user_mcp_servers", "id")
                .on_delete(ForeignKeyAction::Cascade)
                .on_update(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
