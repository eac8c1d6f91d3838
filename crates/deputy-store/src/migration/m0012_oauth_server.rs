//! Deputy as an authorization server: clients, what people allowed them, and the codes and tokens
//! that hang on it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn id() -> ColumnDef {
    ColumnDef::new("id")
        .big_integer()
        .not_null()
        .auto_increment()
        .primary_key()
        .take()
}

/// A SHA-256 in hex.
fn hash(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
        .string_len(64)
        .not_null()
        .primary_key()
        .take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn maybe(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().take()
}

/// The rows go when what they belong to goes.
fn belongs(
    table: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn clients() -> TableCreateStatement {
    Table::create()
        .table("oauth_clients")
        .col(id())
        .col(ColumnDef::new("client_id").string_len(1024).not_null())
        .col(ColumnDef::new("kind").string_len(16).not_null())
        .col(text("name"))
        .col(text("redirect_uris"))
        .col(text("metadata"))
        .col(number("created_at"))
        .col(ColumnDef::new("created_from").string_len(64))
        .col(maybe("fetched_at"))
        .col(maybe("fresh_until"))
        .col(maybe("authorized_at"))
        .col(maybe("last_used_at"))
        .to_owned()
}

fn consents() -> TableCreateStatement {
    Table::create()
        .table("oauth_consents")
        .col(number("user_id"))
        .col(ColumnDef::new("client_id").string_len(1024).not_null())
        .col(text("redirect_uri"))
        .col(text("scopes"))
        .col(text("resources"))
        .col(number("allowed_at"))
        .primary_key(Index::create().col("user_id").col("client_id"))
        .foreign_key(&mut belongs("oauth_consents", "user_id", "users"))
        .to_owned()
}

fn grants() -> TableCreateStatement {
    Table::create()
        .table("oauth_grants")
        .col(id())
        .col(number("user_id"))
        .col(ColumnDef::new("client_id").string_len(1024).not_null())
        .col(text("client_name"))
        .col(text("redirect_uri"))
        .col(text("scopes"))
        .col(text("resources"))
        .col(number("created_at"))
        .col(maybe("redeemed_at"))
        .col(maybe("last_used_at"))
        .col(number("expires_at"))
        .col(maybe("ended_at"))
        .col(ColumnDef::new("ended_why").string_len(32))
        .foreign_key(&mut belongs("oauth_grants", "user_id", "users"))
        .to_owned()
}

fn codes() -> TableCreateStatement {
    Table::create()
        .table("oauth_codes")
        .col(hash("code_hash"))
        .col(number("grant_id"))
        .col(text("redirect_uri"))
        .col(ColumnDef::new("redirect_given").boolean().not_null())
        .col(ColumnDef::new("challenge").string_len(128).not_null())
        .col(number("created_at"))
        .col(number("expires_at"))
        .col(maybe("used_at"))
        .foreign_key(&mut belongs("oauth_codes", "grant_id", "oauth_grants"))
        .to_owned()
}

fn access_tokens() -> TableCreateStatement {
    let table = "oauth_access_tokens";
    Table::create()
        .table(table)
        .col(hash("token_hash"))
        .col(number("grant_id"))
        .col(text("scopes"))
        .col(text("resources"))
        .col(number("created_at"))
        .col(number("expires_at"))
        .foreign_key(&mut belongs(table, "grant_id", "oauth_grants"))
        .to_owned()
}

fn refresh_tokens() -> TableCreateStatement {
    let table = "oauth_refresh_tokens";
    Table::create()
        .table(table)
        .col(hash("token_hash"))
        .col(number("grant_id"))
        .col(number("created_at"))
        .col(number("expires_at"))
        .col(maybe("rotated_at"))
        .col(ColumnDef::new("answer").blob())
        .foreign_key(&mut belongs(table, "grant_id", "oauth_grants"))
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            clients(),
            consents(),
            grants(),
            codes(),
            access_tokens(),
            refresh_tokens(),
        ] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("oauth_clients_client_id_unique")
                    .table("oauth_clients")
                    .col("client_id")
                    .unique()
                    .to_owned(),
            )
            .await?;
        for (table, column) in [
            ("oauth_clients", "kind"),
            ("oauth_consents", "client_id"),
            ("oauth_grants", "user_id"),
            ("oauth_grants", "client_id"),
            // For the sweep: those over, those ended, those never redeemed.
            ("oauth_grants", "expires_at"),
            ("oauth_grants", "ended_at"),
            ("oauth_grants", "redeemed_at"),
            ("oauth_codes", "grant_id"),
            ("oauth_codes", "expires_at"),
            ("oauth_access_tokens", "grant_id"),
            ("oauth_access_tokens", "expires_at"),
            ("oauth_refresh_tokens", "grant_id"),
            ("oauth_refresh_tokens", "expires_at"),
        ] {
            let index = Index::create()
                .name(format!("{table}_{column}_idx"))
                .table(table)
                .col(column)
                .to_owned();
            manager.create_index(index).await?;
        }
        // A token that was rotated stays until it expires, its answer for seconds only: the sweep
        // looks for the few that still have one. Both engines take this text.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE INDEX oauth_refresh_tokens_answer_idx ON oauth_refresh_tokens (rotated_at) WHERE answer IS NOT NULL",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "oauth_refresh_tokens",
            "oauth_access_tokens",
            "oauth_codes",
            "oauth_grants",
            "oauth_consents",
            "oauth_clients",
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
