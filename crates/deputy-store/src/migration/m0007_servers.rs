//! People's own MCP servers: templates, servers, the tools they were accepted with, policies.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

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

fn user_id() -> ColumnDef {
    ColumnDef::new("user_id").big_integer().not_null().take()
}

fn belongs(table: &str, column: &str, to: &str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fk"))
        .from(table.to_owned(), column.to_owned())
        .to(to.to_owned(), "id")
        .on_delete(ForeignKeyAction::Cascade)
        .on_update(ForeignKeyAction::Cascade)
        .to_owned()
}

fn unique(table: &str, columns: [&str; 2]) -> IndexCreateStatement {
    Index::create()
        .name(format!("{table}_{}_{}_unique", columns[0], columns[1]))
        .table(table.to_owned())
        .col(columns[0].to_owned())
        .col(columns[1].to_owned())
        .unique()
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let now = now(manager.get_database_backend());
        manager.create_table(mcp_server_templates(&now)).await?;
        manager.create_table(user_mcp_servers()).await?;
        manager
            .create_index(unique("user_mcp_servers", ["user_id", "server_name"]))
            .await?;
        manager.create_table(user_mcp_tools()).await?;
        manager
            .create_index(unique("user_mcp_tools", ["server_id", "alias"]))
            .await?;
        manager
            .create_index(unique("user_mcp_tools", ["server_id", "tool"]))
            .await?;
        manager.create_table(tool_policies()).await?;
        manager
            .create_index(unique("tool_policies", ["server", "tool"]))
            .await?;
        manager.create_table(user_tool_policies()).await?;
        manager
            .create_index(unique("user_tool_policies", ["user_id", "tool"]))
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "user_tool_policies",
            "tool_policies",
            "user_mcp_tools",
            "user_mcp_servers",
            "mcp_server_templates",
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// The present instant in milliseconds: administrators add templates by plain SQL.
fn now(engine: DbBackend) -> SimpleExpr {
    Expr::cust(match engine {
        // What `unixepoch` gives in milliseconds only from SQLite 3.42 on (sqlite.org/lang_datefunc.html).
        DbBackend::Sqlite => "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))",
        _ => "(CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT))",
    })
}

fn mcp_server_templates(now: &SimpleExpr) -> TableCreateStatement {
    let instant = |name: &str| {
        ColumnDef::new(name.to_owned())
            .big_integer()
            .not_null()
            .default(now.clone())
            .take()
    };
    Table::create()
        .table("mcp_server_templates")
        .col(id())
        .col(
            ColumnDef::new("server_type")
                .string()
                .not_null()
                .unique_key(),
        )
        .col(ColumnDef::new("display_name").text().not_null())
        .col(ColumnDef::new("description").text())
        .col(ColumnDef::new("command_template").text().not_null())
        .col(ColumnDef::new("args_template").text())
        .col(ColumnDef::new("env_template").text())
        .col(ColumnDef::new("config_schema").text())
        .col(ColumnDef::new("setup_instructions").text())
        .col(
            ColumnDef::new("is_active")
                .boolean()
                .not_null()
                .default(true),
        )
        .col(instant("created_at"))
        .col(instant("updated_at"))
        .to_owned()
}

fn user_mcp_servers() -> TableCreateStatement {
    Table::create()
        .table("user_mcp_servers")
        .col(id())
        .col(user_id())
        // Names the row in what is sealed for it, before the number is known.
        .col(ColumnDef::new("uid").string_len(36).not_null())
        .col(ColumnDef::new("server_name").string().not_null())
        .col(ColumnDef::new("server_type").string().not_null())
        .col(ColumnDef::new("server_command").text().not_null())
        .col(ColumnDef::new("server_args").text())
        // Names of variables; values are rendered from the template when the server starts.
        .col(ColumnDef::new("server_env").text())
        // Without secrets.
        .col(ColumnDef::new("config").text().not_null())
        // Sealed: a JSON object of all secrets.
        .col(ColumnDef::new("secrets").binary())
        .col(ColumnDef::new("secrets_set").text().not_null())
        .col(ColumnDef::new("default_policy").string_len(16).not_null())
        // There because tools that read this table know it; nothing here reads it. Whether a person wants the server is
        // `is_enabled`, whether it runs `status`.
        .col(
            ColumnDef::new("is_active")
                .boolean()
                .not_null()
                .default(true),
        )
        .col(
            ColumnDef::new("is_enabled")
                .boolean()
                .not_null()
                .default(true),
        )
        .col(
            ColumnDef::new("status")
                .string_len(24)
                .not_null()
                .default("inactive"),
        )
        .col(ColumnDef::new("last_used").big_integer())
        .col(ColumnDef::new("last_activity").big_integer())
        .col(ColumnDef::new("last_status_check").big_integer())
        .col(
            ColumnDef::new("error_count")
                .integer()
                .not_null()
                .default(0),
        )
        .col(ColumnDef::new("retry_after").big_integer())
        .col(ColumnDef::new("error_message").text())
        // Grows with every change of what the server is started with.
        .col(ColumnDef::new("generation").big_integer().not_null())
        // When its tools were last read; none: never, nothing is accepted yet.
        .col(ColumnDef::new("tools_read_at").big_integer())
        .col(ColumnDef::new("created_at").big_integer().not_null())
        .col(ColumnDef::new("updated_at").big_integer().not_null())
        .foreign_key(&mut belongs("user_mcp_servers", "user_id", "users"))
        .to_owned()
}

fn user_mcp_tools() -> TableCreateStatement {
    Table::create()
        .table("user_mcp_tools")
        .col(id())
        .col(user_id())
        .col(ColumnDef::new("server_id").big_integer().not_null())
        .col(ColumnDef::new("tool").text().not_null())
        // The name under which it is published after `NAME__`.
        .col(ColumnDef::new("alias").string_len(64).not_null())
        .col(ColumnDef::new("position").integer().not_null())
        .col(ColumnDef::new("state").string_len(16).not_null())
        // What its person agreed to, and what the server says now where that is another thing.
        .col(ColumnDef::new("accepted").text())
        .col(ColumnDef::new("accepted_digest").string_len(64))
        .col(ColumnDef::new("offered").text())
        .col(ColumnDef::new("offered_digest").string_len(64))
        .col(ColumnDef::new("policy").string_len(16))
        .foreign_key(&mut belongs("user_mcp_tools", "user_id", "users"))
        .foreign_key(&mut belongs(
            "user_mcp_tools",
            "server_id",
            "user_mcp_servers",
        ))
        .to_owned()
}

fn tool_policies() -> TableCreateStatement {
    Table::create()
        .table("tool_policies")
        .col(id())
        // A server type, or a first-party server.
        .col(ColumnDef::new("server").string().not_null())
        // A tool as its server names it, or `*`.
        .col(ColumnDef::new("tool").string().not_null())
        .col(ColumnDef::new("policy").string_len(16).not_null())
        // No foreign key: the rule outlives who made it.
        .col(ColumnDef::new("updated_by").big_integer().not_null())
        .col(ColumnDef::new("updated_at").big_integer().not_null())
        .to_owned()
}

fn user_tool_policies() -> TableCreateStatement {
    Table::create()
        .table("user_tool_policies")
        .col(id())
        .col(user_id())
        .col(ColumnDef::new("tool").string().not_null())
        .col(ColumnDef::new("policy").string_len(16).not_null())
        .col(ColumnDef::new("updated_at").big_integer().not_null())
        .foreign_key(&mut belongs("user_tool_policies", "user_id", "users"))
        .to_owned()
}
