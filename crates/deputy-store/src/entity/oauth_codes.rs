//! Table `oauth_codes`.

use sea_orm::entity::prelude::*;

/// A row of `oauth_codes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_codes")]
pub struct Model {
    /// SHA-256, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: String,
    pub grant_id: i64,
    #[sea_orm(column_type = "Text")]
    pub redirect_uri: String,
    pub redirect_given: bool,
    pub challenge: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::oauth_grants::Entity",
        from = "Column::GrantId",
        to = "super::oauth_grants::Column::Id"
    )]
    Grant,
}

impl Related<super::oauth_grants::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Grant.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
