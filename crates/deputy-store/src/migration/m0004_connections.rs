//! Accounts at third parties: their tokens, consents under way, revocations still to be told, notices
//! to the person, the leases under which several processes share the work, and the installation's own
//! secrets.

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

fn owner(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user_id_fkey"))
        .from(table, "user_id")
        .to("users", "id")
        .on_update(ForeignKeyAction::Cascade)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn oauth_tokens() -> TableCreateStatement {
    Table::create()
        .table("oauth_tokens")
        .col(id())
        .col(ColumnDef::new("user_id").big_integer().not_null())
        .col(ColumnDef::new("provider").string().not_null())
        .col(ColumnDef::new("access_token").blob().not_null())
        .col(ColumnDef::new("refresh_token").blob())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .col(ColumnDef::new("scopes").text().not_null())
        .col(ColumnDef::new("services").text().not_null())
        .col(ColumnDef::new("generation").big_integer().not_null())
        .col(ColumnDef::new("account").text())
        .col(ColumnDef::new("connected_at").big_integer().not_null())
        .col(ColumnDef::new("granted_at").big_integer().not_null())
        .col(ColumnDef::new("refreshed_at").big_integer().not_null())
        .col(ColumnDef::new("refresh_expires_at").big_integer())
        .col(ColumnDef::new("last_used_at").big_integer().not_null())
        .col(ColumnDef::new("failures").integer().not_null().default(0))
        .col(
            ColumnDef::new("retry_at")
                .big_integer()
                .not_null()
                .default(0),
        )
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("updated_at").big_integer().not_null())
        .foreign_key(&mut owner("oauth_tokens"))
        .to_owned()
}

fn oauth_states() -> TableCreateStatement {
    Table::create()
        .table("oauth_states")
        .col(
            ColumnDef::new("nonce_hash")
                .string()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("user_id").big_integer().not_null())
        .col(ColumnDef::new("provider").string().not_null())
        .col(ColumnDef::new("services").text().not_null())
        .col(ColumnDef::new("verifier").blob().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .col(ColumnDef::new("consumed_at").big_integer())
        .foreign_key(&mut owner("oauth_states"))
        .to_owned()
}

fn oauth_revocations() -> TableCreateStatement {
    Table::create()
        .table("oauth_revocations")
        .col(id())
        .col(ColumnDef::new("user_id").big_integer().not_null())
        .col(ColumnDef::new("provider").string().not_null())
        .col(ColumnDef::new("token").blob().not_null())
        .col(ColumnDef::new("token_column").string().not_null())
        .col(ColumnDef::new("attempts").integer().not_null())
        .col(ColumnDef::new("next_at").big_integer().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .foreign_key(&mut owner("oauth_revocations"))
        .to_owned()
}

fn notices() -> TableCreateStatement {
    Table::create()
        .table("notices")
        .col(id())
        .col(ColumnDef::new("user_id").big_integer().not_null())
        .col(ColumnDef::new("kind").string().not_null())
        .col(ColumnDef::new("parameters").text().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .foreign_key(&mut owner("notices"))
        .to_owned()
}

fn leases() -> TableCreateStatement {
    Table::create()
        .table("leases")
        .col(ColumnDef::new("name").string().not_null().primary_key())
        .col(ColumnDef::new("holder").string().not_null())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .to_owned()
}

fn installation_secrets() -> TableCreateStatement {
    Table::create()
        .table("installation_secrets")
        .col(ColumnDef::new("name").string().not_null().primary_key())
        .col(ColumnDef::new("sealed").blob().not_null())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 6] {
    let index = |name: &'static str, table: &'static str| {
        Index::create().name(name).table(table).to_owned()
    };
    [
        index("oauth_tokens_user_provider_unique", "oauth_tokens")
            .col("user_id")
            .col("provider")
            .unique()
            .to_owned(),
        index("oauth_tokens_expires_at_idx", "oauth_tokens")
            .col("expires_at")
            .to_owned(),
        index("oauth_states_user_id_idx", "oauth_states")
            .col("user_id")
            .col("created_at")
            .to_owned(),
        index("oauth_states_expires_at_idx", "oauth_states")
            .col("expires_at")
            .to_owned(),
        index("oauth_revocations_next_at_idx", "oauth_revocations")
            .col("next_at")
            .to_owned(),
        // One notice of a kind: the newest says it all.
        index("notices_user_kind_unique", "notices")
            .col("user_id")
            .col("kind")
            .unique()
            .to_owned(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            oauth_tokens(),
            oauth_states(),
            oauth_revocations(),
            notices(),
            leases(),
            installation_secrets(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "installation_secrets",
            "leases",
            "notices",
            "oauth_revocations",
            "oauth_states",
            "oauth_tokens",
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
