//! What people prove themselves with beside the password: an authenticator app, recovery codes,
//! passkeys; and the passkey ceremonies that are under way.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn maybe(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// The rows go with their person.
fn of_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user_id_fkey"))
        .from(table, "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn totp() -> TableCreateStatement {
    Table::create()
        .table("totp_factors")
        .col(
            ColumnDef::new("user_id")
                .big_integer()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("secret").blob().not_null())
        .col(number("created_at"))
        .col(maybe("active_at"))
        .col(number("last_step"))
        .foreign_key(&mut of_user("totp_factors"))
        .to_owned()
}

fn recovery() -> TableCreateStatement {
    Table::create()
        .table("recovery_codes")
        .col(number("user_id"))
        .col(ColumnDef::new("code_hash").string_len(64).not_null())
        .primary_key(Index::create().col("user_id").col("code_hash"))
        .foreign_key(&mut of_user("recovery_codes"))
        .to_owned()
}

fn handles() -> TableCreateStatement {
    Table::create()
        .table("passkey_handles")
        .col(
            ColumnDef::new("user_id")
                .big_integer()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("handle").string_len(36).not_null())
        .foreign_key(&mut of_user("passkey_handles"))
        .to_owned()
}

fn passkeys() -> TableCreateStatement {
    Table::create()
        .table("passkeys")
        .col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(number("user_id"))
        .col(ColumnDef::new("credential_id").string_len(1400).not_null())
        .col(text("name"))
        .col(text("data"))
        .col(number("counter"))
        .col(number("created_at"))
        .col(maybe("last_used_at"))
        .foreign_key(&mut of_user("passkeys"))
        .to_owned()
}

fn ceremonies() -> TableCreateStatement {
    Table::create()
        .table("passkey_ceremonies")
        .col(ColumnDef::new("session_hash").string_len(64).not_null())
        .col(ColumnDef::new("kind").string_len(16).not_null())
        .col(text("state"))
        .col(number("expires_at"))
        .primary_key(Index::create().col("session_hash").col("kind"))
        .foreign_key(
            ForeignKey::create()
                .name("passkey_ceremonies_session_hash_fkey")
                .from("passkey_ceremonies", "session_hash")
                .to("sessions", "id_hash")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [totp(), recovery(), handles(), passkeys(), ceremonies()] {
            manager.create_table(table).await?;
        }
        for (table, column) in [("passkey_handles", "handle"), ("passkeys", "credential_id")] {
            let index = Index::create()
                .name(format!("{table}_{column}_unique"))
                .table(table)
                .col(column)
                .unique()
                .to_owned();
            manager.create_index(index).await?;
        }
        for (table, column) in [
            ("passkeys", "user_id"),
            // For the sweep.
            ("passkey_ceremonies", "expires_at"),
        ] {
            let index = Index::create()
                .name(format!("{table}_{column}_idx"))
                .table(table)
                .col(column)
                .to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "passkey_ceremonies",
            "passkeys",
            "passkey_handles",
            "recovery_codes",
            "totp_factors",
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
