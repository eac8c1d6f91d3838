//! Table `totp_factors`.

use sea_orm::entity::prelude::*;

/// A row of `totp_factors`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "totp_factors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// Sealed.
    pub secret: Vec<u8>,
    pub created_at: i64,
    /// When a right code was given; before that it is nothing but an attempt.
    pub active_at: Option<i64>,
    /// The time step of the last code that was taken.
    pub last_step: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
