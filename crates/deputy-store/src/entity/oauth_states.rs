//! Table `oauth_states`.

use sea_orm::entity::prelude::*;

/// A row of `oauth_states`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_states")]
pub struct Model {
    /// SHA-256 of the nonce, in hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub nonce_hash: String,
    pub user_id: i64,
    pub provider: String,
    pub services: String,
    /// PKCE verifier, sealed.
    #[sea_orm(column_type = "Blob")]
    pub verifier: Vec<u8>,
    pub created_at: i64,
    pub expires_at: i64,
    pub consumed_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
