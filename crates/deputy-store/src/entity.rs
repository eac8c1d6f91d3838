//! Rows as they are stored. Private: the modules above turn them into domain types.

pub(crate) mod users;
pub(crate) mod approvals;
pub(crate) mod audit_head;
pub(crate) mod audit_log;
pub(crate) mod mcp_usage_log;
pub(crate) mod repeatable_calls;
