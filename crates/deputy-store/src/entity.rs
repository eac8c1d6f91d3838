//! Rows as they are stored. Private: the modules above turn them into domain types.

#![expect(
    unreachable_pub,
    reason = "the derive makes public items of a private module"
)]

pub(crate) mod approvals;
pub(crate) mod audit_head;
pub(crate) mod audit_log;
pub(crate) mod installation_secrets;
pub(crate) mod leases;
pub(crate) mod mcp_server_templates;
pub(crate) mod mcp_usage_log;
pub(crate) mod notes;
pub(crate) mod notices;
pub(crate) mod oauth_access_tokens;
pub(crate) mod oauth_blocks;
pub(crate) mod oauth_clients;
pub(crate) mod oauth_codes;
pub(crate) mod oauth_consents;
pub(crate) mod oauth_grants;
pub(crate) mod oauth_refresh_tokens;
pub(crate) mod oauth_revocations;
pub(crate) mod oauth_states;
pub(crate) mod oauth_tokens;
pub(crate) mod passkey_ceremonies;
pub(crate) mod passkey_handles;
pub(crate) mod passkeys;
pub(crate) mod personal_tokens;
pub(crate) mod project_members;
pub(crate) mod projects;
pub(crate) mod recovery_codes;
pub(crate) mod remote_accounts;
pub(crate) mod remote_clients;
pub(crate) mod repeatable_calls;
pub(crate) mod requirement_comments;
pub(crate) mod requirement_links;
pub(crate) mod requirement_versions;
pub(crate) mod requirements;
pub(crate) mod server_setups;
pub(crate) mod sessions;
pub(crate) mod tasks;
pub(crate) mod tool_policies;
pub(crate) mod totp_factors;
pub(crate) mod user_active_context;
pub(crate) mod user_keys;
pub(crate) mod user_mcp_servers;
pub(crate) mod user_mcp_tools;
pub(crate) mod user_tool_policies;
pub(crate) mod users;
pub(crate) mod workspace_calls;
