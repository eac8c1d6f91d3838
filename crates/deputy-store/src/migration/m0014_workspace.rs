//! What people keep in Deputy itself: notes, tasks, and requirements of projects that they share.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// In the order in which they are made; taken away in the other.
const TABLES: [&str; 9] = [
    "notes",
    "tasks",
    "projects",
    "project_members",
    "requirements",
    "requirement_versions",
    "requirement_links",
    "requirement_comments",
    "workspace_calls",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            notes(),
            tasks(),
            projects(),
            project_members(),
            requirements(),
            requirement_versions(),
            requirement_links(),
            requirement_comments(),
            workspace_calls(),
        ] {
            manager.create_table(table).await?;
        }
        for (table, name, columns, unique) in [
            ("notes", "notes_user_idx", &["user_id", "id"][..], false),
            ("tasks", "tasks_user_idx", &["user_id", "id"][..], false),
            (
                "project_members",
                "project_members_user_idx",
                &["user_id"][..],
                false,
            ),
            (
                "requirements",
                "requirements_project_number_unique",
                &["project_id", "number"][..],
                true,
            ),
            (
                "requirement_versions",
                "requirement_versions_unique",
                &["requirement_id", "version"][..],
                true,
            ),
            (
                "requirement_links",
                "requirement_links_from_idx",
                &["from_id"][..],
                false,
            ),
            (
                "requirement_links",
                "requirement_links_to_idx",
                &["to_id"][..],
                false,
            ),
            (
                "requirement_links",
                "requirement_links_project_idx",
                &["project_id"][..],
                false,
            ),
            (
                "requirement_comments",
                "requirement_comments_idx",
                &["requirement_id", "id"][..],
                false,
            ),
            (
                "workspace_calls",
                "workspace_calls_created_idx",
                &["created_at"][..],
                false,
            ),
        ] {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index.clone()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.iter().rev() {
            manager
                .drop_table(Table::drop().table(*table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn id() -> ColumnDef {
    ColumnDef::new("id")
        .big_integer()
        .not_null()
        .auto_increment()
        .primary_key()
        .to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

fn perhaps(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().to_owned()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

fn word(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(32).not_null().to_owned()
}

fn of(
    table: &'static str,
    column: &'static str,
    to: &'static str,
    gone: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fk"))
        .from(table, column)
        .to(to, "id")
        .on_delete(gone)
        .on_update(ForeignKeyAction::Cascade)
        .to_owned()
}

fn notes() -> TableCreateStatement {
    Table::create()
        .table("notes")
        .col(id())
        .col(number("user_id"))
        .col(text("content"))
        .col(ColumnDef::new("category").string_len(64))
        .col(text("search"))
        .col(perhaps("completed_at"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut of(
            "notes",
            "user_id",
            "users",
            ForeignKeyAction::Cascade,
        ))
        .to_owned()
}

fn tasks() -> TableCreateStatement {
    Table::create()
        .table("tasks")
        .col(id())
        .col(number("user_id"))
        .col(text("title"))
        .col(text("description"))
        .col(word("priority"))
        .col(word("status"))
        // As it was said: a date, or a time with its offset; and the instant by which it is ordered.
        .col(ColumnDef::new("due").string_len(64))
        .col(perhaps("due_at"))
        .col(text("search"))
        .col(perhaps("completed_at"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut of(
            "tasks",
            "user_id",
            "users",
            ForeignKeyAction::Cascade,
        ))
        .to_owned()
}

fn projects() -> TableCreateStatement {
    Table::create()
        .table("projects")
        .col(id())
        .col(word("key"))
        .col(text("name"))
        .col(text("description"))
        .col(number("last_number"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .to_owned()
}

fn project_members() -> TableCreateStatement {
    Table::create()
        .table("project_members")
        .col(number("project_id"))
        .col(number("user_id"))
        .col(word("role"))
        .col(number("created_at"))
        .primary_key(Index::create().col("project_id").col("user_id"))
        .foreign_key(&mut of(
            "project_members",
            "project_id",
            "projects",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut of(
            "project_members",
            "user_id",
            "users",
            ForeignKeyAction::Cascade,
        ))
        .to_owned()
}

fn requirements() -> TableCreateStatement {
    Table::create()
        .table("requirements")
        .col(id())
        .col(number("project_id"))
        .col(number("number"))
        .col(text("title"))
        .col(text("body"))
        .col(word("status"))
        .col(number("version"))
        .col(text("search"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .col(perhaps("deleted_at"))
        .foreign_key(&mut of(
            "requirements",
            "project_id",
            "projects",
            ForeignKeyAction::Cascade,
        ))
        .to_owned()
}

/// Who did something: the person while there is one, the name as it was, and through what.
fn by(table: &mut TableCreateStatement) -> &mut TableCreateStatement {
    table
        .col(perhaps("by_user"))
        .col(text("by_name"))
        .col(text("by_caller"))
}

fn requirement_versions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("requirement_versions")
        .col(id())
        .col(number("requirement_id"))
        .col(number("version"))
        .col(word("change"))
        .col(text("title"))
        .col(text("body"))
        .col(word("status"))
        .col(text("reason"))
        .col(number("created_at"));
    by(&mut table)
        .foreign_key(&mut of(
            "requirement_versions",
            "requirement_id",
            "requirements",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut of(
            "requirement_versions",
            "by_user",
            "users",
            ForeignKeyAction::SetNull,
        ))
        .to_owned()
}

fn requirement_links() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("requirement_links")
        .col(id())
        .col(number("project_id"))
        .col(number("from_id"))
        .col(number("to_id"))
        .col(word("kind"))
        .col(number("created_at"))
        .col(perhaps("ended_at"))
        .col(ColumnDef::new("ended_by_name").text())
        .col(ColumnDef::new("ended_by_caller").text());
    by(&mut table)
        .foreign_key(&mut of(
            "requirement_links",
            "project_id",
            "projects",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut of(
            "requirement_links",
            "from_id",
            "requirements",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut of(
            "requirement_links",
            "to_id",
            "requirements",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut of(
            "requirement_links",
            "by_user",
            "users",
            ForeignKeyAction::SetNull,
        ))
        .to_owned()
}

fn requirement_comments() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("requirement_comments")
        .col(id())
        .col(number("requirement_id"))
        .col(text("body"))
        .col(number("created_at"));
    by(&mut table)
        .foreign_key(&mut of(
            "requirement_comments",
            "requirement_id",
            "requirements",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut of(
            "requirement_comments",
            "by_user",
            "users",
            ForeignKeyAction::SetNull,
        ))
        .to_owned()
}

fn workspace_calls() -> TableCreateStatement {
    Table::create()
        .table("workspace_calls")
        .col(number("user_id"))
        .col(ColumnDef::new("call_id").string_len(64).not_null())
        .col(text("answer"))
        .col(number("created_at"))
        .primary_key(Index::create().col("user_id").col("call_id"))
        .foreign_key(&mut of(
            "workspace_calls",
            "user_id",
            "users",
            ForeignKeyAction::Cascade,
        ))
        .to_owned()
}
