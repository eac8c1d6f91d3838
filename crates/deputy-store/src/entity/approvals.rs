//! Table `approvals`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub user_id: i64,
    pub server: String,
    pub tool: String,
    pub request: Vec<u8>,
    pub arguments_digest: String,
    pub definition_digest: String,
    pub call_id: String,
    pub caller: String,
    pub status: String,
    pub requested_at: i64,
    pub expires_at: i64,
    pub decided_at: Option<i64>,
    pub decided_by: Option<String>,
    pub lease_until: Option<i64>,
    pub attempts: i32,
    pub result: Option<Vec<u8>>,
    pub finished_at: Option<i64>,
    pub collected_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
