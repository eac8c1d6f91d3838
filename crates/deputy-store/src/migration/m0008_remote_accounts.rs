//! Accounts at the remote MCP servers that people brought along, and the OAuth clients that were
//! registered for them.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn id() -> ColumnDef {
    ColumnDef::new("id")
        .big_integer()
        .not_null()
        .auto_increment()
        .primary_key()
        .to_owned()
}

fn belongs(
    table: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(to, "id")
        .on_update(ForeignKeyAction::Cascade)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn remote_clients() -> TableCreateStatement {
    Table::create()
        .table("remote_clients")
        .col(id())
        .col(ColumnDef::new("user_id").big_integer().not_null())
        .col(ColumnDef::new("issuer").string_len(512).not_null())
        .col(ColumnDef::new("redirect_uri").string_len(512).not_null())
        .col(ColumnDef::new("client").blob().not_null())
        .col(ColumnDef::new("expires_at").big_integer())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .foreign_key(&mut belongs("remote_clients", "user_id", "users"))
        .to_owned()
}

fn remote_accounts() -> TableCreateStatement {
    let number = |name: &'static str| {
        ColumnDef::new(name)
            .big_integer()
            .not_null()
            .default(0)
            .to_owned()
    };
    Table::create()
        .table("remote_accounts")
        .col(id())
        .col(ColumnDef::new("user_id").big_integer().not_null())
        .col(ColumnDef::new("server_id").big_integer().not_null())
        .col(ColumnDef::new("server_url").text().not_null())
        .col(ColumnDef::new("issuer").string_len(512))
        .col(ColumnDef::new("client").blob())
        .col(ColumnDef::new("access_token").blob())
        .col(ColumnDef::new("refresh_token").blob())
        .col(ColumnDef::new("expires_at").big_integer())
        .col(ColumnDef::new("scopes").text().not_null())
        .col(ColumnDef::new("wanted_scopes").text().not_null())
        .col(ColumnDef::new("metadata_url").text())
        .col(ColumnDef::new("step_ups").integer().not_null().default(0))
        .col(number("generation"))
        .col(ColumnDef::new("connected_at").big_integer())
        .col(number("refreshed_at"))
        .col(number("last_used_at"))
        .col(ColumnDef::new("failures").integer().not_null().default(0))
        .col(number("retry_at"))
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("updated_at").big_integer().not_null())
        .foreign_key(&mut belongs("remote_accounts", "user_id", "users"))
        .foreign_key(&mut belongs(
            "remote_accounts",
            "server_id",
            "user_mcp_servers",
        ))
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(remote_clients()).await?;
        manager.create_table(remote_accounts()).await?;
        for index in [
            Index::create()
                .name("remote_clients_user_issuer_unique")
                .table("remote_clients")
                .col("user_id")
                .col("issuer")
                .col("redirect_uri")
                .unique()
                .to_owned(),
            Index::create()
                .name("remote_accounts_user_server_unique")
                .table("remote_accounts")
                .col("user_id")
                .col("server_id")
                .unique()
                .to_owned(),
            Index::create()
                .name("remote_accounts_server_id_idx")
                .table("remote_accounts")
                .col("server_id")
                .to_owned(),
            Index::create()
                .name("remote_accounts_expires_at_idx")
                .table("remote_accounts")
                .col("expires_at")
                .to_owned(),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["remote_accounts", "remote_clients"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
