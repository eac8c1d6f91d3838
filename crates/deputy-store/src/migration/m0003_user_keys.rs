//! Data keys, wrapped by a root key.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("user_keys")
                    .col(
                        ColumnDef::new("id")
                            .big_integer()
                            .not_null()
                            .auto_increment()
                            .primary_key(),
                    )
                    .col(ColumnDef::new("user_id").big_integer())
                    .col(ColumnDef::new("key_id").string().not_null())
                    .col(ColumnDef::new("root_id").string().not_null())
                    .col(ColumnDef::new("wrapped").binary().not_null())
                    .col(ColumnDef::new("is_active").boolean().not_null())
                    .col(ColumnDef::new("created_at").big_integer().not_null())
                    .foreign_key(
                        ForeignKey::create()
                            .name("user_keys_user_id_fkey")
                            .from("user_keys", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("user_keys_key_id_unique")
                    .table("user_keys")
                    .col("key_id")
                    .unique()
                    .to_owned(),
            )
            .await?;
        for column in ["user_id", "root_id"] {
            let name = format!("user_keys_{column}_idx");
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table("user_keys")
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        // NULLs differ from each other in a unique index: 0 stands for the installation, and no
        // person has it. Both engines take this text.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX user_keys_one_active ON user_keys (COALESCE(user_id, 0)) WHERE is_active",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("user_keys").to_owned())
            .await
    }
}
