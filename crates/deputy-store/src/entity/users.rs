//! Table `users`.

use sea_orm::entity::prelude::*;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Sign-in name as the person writes it.
    pub username: String,
    /// The name folded for comparison; unique.
    pub username_key: String,
    /// Name for display.
    pub name: String,
    /// Argon2id in PHC form.
    pub password_hash: String,
    pub role: String,
    pub language: String,
    pub time_zone: String,
    pub is_active: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
