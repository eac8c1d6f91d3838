//! Table `oauth_clients`.

use sea_orm::entity::prelude::*;

/// A row of `oauth_clients`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_clients")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Unique.
    pub client_id: String,
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// JSON array of strings.
    #[sea_orm(column_type = "Text")]
    pub redirect_uris: String,
    /// JSON object.
    #[sea_orm(column_type = "Text")]
    pub metadata: String,
    pub created_at: i64,
    pub created_from: Option<String>,
    pub fetched_at: Option<i64>,
    pub fresh_until: Option<i64>,
    pub authorized_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
