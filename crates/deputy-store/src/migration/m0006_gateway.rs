//! What the gateway keeps: the audit chain, approvals, repeatable calls, usage.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn user_id() -> ColumnDef {
    ColumnDef::new("user_id").big_integer().not_null().take()
}

fn of_user(table: &str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user_fk"))
        .from(table.to_owned(), "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .on_update(ForeignKeyAction::Cascade)
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(audit_log()).await?;
        manager
            .create_index(
                Index::create()
                    .name("audit_log_user_idx")
                    .table("audit_log")
                    .col("user_id")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("audit_head")
                    .col(ColumnDef::new("id").integer().not_null().primary_key())
                    .col(ColumnDef::new("seq").big_integer().not_null())
                    .col(ColumnDef::new("hash").binary().not_null())
                    .col(ColumnDef::new("seal").binary().not_null())
                    .to_owned(),
            )
            .await?;
        manager.create_table(approvals()).await?;
        manager
            .create_index(
                Index::create()
                    .name("approvals_user_digest_idx")
                    .table("approvals")
                    .col("user_id")
                    .col("arguments_digest")
                    .col("requested_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("approvals_status_idx")
                    .table("approvals")
                    .col("status")
                    .col("expires_at")
                    .to_owned(),
            )
            .await?;
        manager.create_table(repeatable_calls()).await?;
        manager
            .create_index(
                Index::create()
                    .name("repeatable_calls_user_key_unique")
                    .table("repeatable_calls")
                    .col("user_id")
                    .col("idempotency_key")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager.create_table(mcp_usage_log()).await?;
        manager
            .create_index(
                Index::create()
                    .name("mcp_usage_log_user_created_idx")
                    .table("mcp_usage_log")
                    .col("user_id")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "mcp_usage_log",
            "repeatable_calls",
            "approvals",
            "audit_head",
            "audit_log",
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn audit_log() -> TableCreateStatement {
    Table::create()
        .table("audit_log")
        // The place in the chain: 1, 2, 3, … without a gap. No foreign key: records outlive users.
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("user_id").big_integer())
        .col(ColumnDef::new("caller").string().not_null())
        .col(ColumnDef::new("action").string().not_null())
        .col(ColumnDef::new("target").string().not_null())
        .col(ColumnDef::new("call_id").string())
        .col(ColumnDef::new("outcome").string().not_null())
        .col(ColumnDef::new("detail").text().not_null())
        .col(ColumnDef::new("hash").binary().not_null())
        .to_owned()
}

fn approvals() -> TableCreateStatement {
    Table::create()
        .table("approvals")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(user_id())
        .col(ColumnDef::new("server").string().not_null())
        .col(ColumnDef::new("tool").string().not_null())
        // Sealed: {"arguments", "summary"}.
        .col(ColumnDef::new("request").binary().not_null())
        .col(ColumnDef::new("arguments_digest").string_len(64).not_null())
        .col(
            ColumnDef::new("definition_digest")
                .string_len(64)
                .not_null(),
        )
        .col(ColumnDef::new("call_id").string_len(36).not_null())
        .col(ColumnDef::new("caller").string().not_null())
        .col(ColumnDef::new("status").string_len(16).not_null())
        .col(ColumnDef::new("requested_at").big_integer().not_null())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .col(ColumnDef::new("decided_at").big_integer())
        .col(ColumnDef::new("decided_by").string())
        // Who carries it out now, and until when that claim holds.
        .col(ColumnDef::new("lease_until").big_integer())
        .col(ColumnDef::new("attempts").integer().not_null().default(0))
        // Sealed outcome.
        .col(ColumnDef::new("result").binary())
        .col(ColumnDef::new("finished_at").big_integer())
        .col(ColumnDef::new("collected_at").big_integer())
        .foreign_key(&mut of_user("approvals"))
        .to_owned()
}

fn repeatable_calls() -> TableCreateStatement {
    Table::create()
        .table("repeatable_calls")
        .col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(user_id())
        .col(ColumnDef::new("idempotency_key").string().not_null())
        .col(ColumnDef::new("request_digest").string_len(64).not_null())
        .col(ColumnDef::new("call_id").string_len(36).not_null())
        .col(ColumnDef::new("attempts").integer().not_null())
        .col(ColumnDef::new("lease_until").big_integer().not_null())
        // Sealed outcome; absent while the call is under way.
        .col(ColumnDef::new("result").binary())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .foreign_key(&mut of_user("repeatable_calls"))
        .to_owned()
}

fn mcp_usage_log() -> TableCreateStatement {
    Table::create()
        .table("mcp_usage_log")
        .col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(user_id())
        .col(ColumnDef::new("server_name").string().not_null())
        .col(ColumnDef::new("query").text().not_null())
        .col(ColumnDef::new("response_time").big_integer().not_null())
        .col(ColumnDef::new("success").boolean().not_null())
        .col(ColumnDef::new("error_message").text())
        .col(ColumnDef::new("cost").double().not_null().default(0.0))
        .col(ColumnDef::new("session_id").string())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .foreign_key(&mut of_user("mcp_usage_log"))
        .to_owned()
}
