//! A record as the page shows it.

use deputy_core::UserId;
use deputy_identity::User;
use deputy_store::audit::AuditRow;
use serde_json::Value;

use crate::pages::approvals::Titles;
use crate::view::{Argument, Watch, When, arguments, visible};

/// A record of the audit log.
#[derive(Clone, Debug)]
pub(crate) struct RecordView {
    pub(crate) seq: i64,
    /// What was done, in words, or the action's own name.
    pub(crate) what: String,
    pub(crate) title: String,
    /// The person's name; none on the person's own page.
    pub(crate) person: Option<String>,
    pub(crate) caller: String,
    pub(crate) when: When,
    pub(crate) state_key: &'static str,
    pub(crate) tone: &'static str,
    /// The error's code.
    pub(crate) code: Option<String>,
    /// Everything else, as it is on record.
    pub(crate) arguments: Vec<Argument>,
}

impl RecordView {
    /// `titles` are those of `own`, who looks: another person's server of the same name is another server.
    pub(super) fn new(
        row: &AuditRow,
        own: UserId,
        titles: &Titles,
        watch: &Watch,
        users: &[User],
    ) -> Self {
        let (state_key, tone) = outcome(&row.outcome);
        let plain = |name: &str, value: &str| Argument {
            name: name.to_owned(),
            value: visible(value),
            code: true,
        };
        let mut details = vec![
            plain("seq", &row.seq.to_string()),
            plain("action", &row.action),
            plain("target", &row.target),
            plain("caller", &row.caller),
            plain("outcome", &row.outcome),
        ];
        if let Some(call) = &row.call_id {
            details.push(plain("call_id", call));
        }
        let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
        details.extend(arguments(&detail));
        Self {
            seq: row.seq,
            what: action_key(&row.action).map_or_else(|| visible(&row.action), |k| watch.t.tr(k)),
            title: if let Some(name) = program(&row.action, &detail) {
                name
            } else if row.user == Some(own) || !row.target.contains("__") {
                visible(&titles.title(&row.target))
            } else {
                visible(&row.target)
            },
            person: (!users.is_empty()).then(|| person(row, users)),
            caller: watch.caller(&row.caller),
            when: watch.show(row.at),
            state_key,
            tone,
            code: (tone == "bad" && row.outcome != "tool_error").then(|| visible(&row.outcome)),
            arguments: details,
        }
    }
}

/// What a program called itself, in a record about one: its identifier tells nobody anything.
fn program(action: &str, detail: &Value) -> Option<String> {
    let is_about_one = action.starts_with("access.") || action.starts_with("client.");
    let name = detail.get("name")?.as_str()?;
    (is_about_one && !name.is_empty()).then(|| visible(name))
}

fn person(row: &AuditRow, users: &[User]) -> String {
    row.user.map_or_else(
        || "Deputy".to_owned(),
        |id| {
            users
                .iter()
                .find(|user| user.id == id)
                .map_or_else(|| format!("#{}", id.0), |user| user.username.clone())
        },
    )
}

fn outcome(word: &str) -> (&'static str, &'static str) {
    match word {
        "ok" => ("call-ok", "ok"),
        "started" => ("call-started", ""),
        "pending" => ("call-waiting", "wait"),
        "quarantined" => ("call-held", "wait"),
        "FORBIDDEN" => ("call-refused", "bad"),
        _ => ("call-error", "bad"),
    }
}

/// The words for an action; none for one that came after them.
pub(super) fn action_key(action: &str) -> Option<&'static str> {
    Some(match action {
        "tool.call" => "action-tool-call",
        "tool.result" => "action-tool-result",
        "resource.read" => "action-resource-read",
        "prompt.get" => "action-prompt-get",
        "approval.ask" => "action-approval-ask",
        "approval.approve" => "action-approval-approve",
        "approval.reject" => "action-approval-reject",
        "connection.connect" => "action-connection-connect",
        "connection.disconnect" => "action-connection-disconnect",
        "access.allow" => "action-access-allow",
        "access.deny" => "action-access-deny",
        "access.end" => "action-access-end",
        "access.end_all" => "action-access-end-all",
        "access.reuse" => "action-access-reuse",
        "client.register" => "action-client-register",
        "client.add" => "action-client-add",
        "client.remove" => "action-client-remove",
        "client.block" => "action-client-block",
        "client.unblock" => "action-client-unblock",
        "token.create" => "action-token-create",
        "token.revoke" => "action-token-revoke",
        "session.start" => "action-session-start",
        "session.end_all" => "action-session-end-all",
        "password.change" => "action-password-change",
        "servers.create" => "action-servers-create",
        "servers.change" => "action-servers-change",
        "servers.delete" => "action-servers-delete",
        "servers.test" => "action-servers-test",
        "servers.accept" => "action-servers-accept",
        "servers.tool_policy" => "action-servers-tool-policy",
        "servers.tools_changed" => "action-servers-tools-changed",
        "context.select" => "action-context-select",
        "context.clear" => "action-context-clear",
        "tools.policy" => "action-tools-policy",
        "policies.set" => "action-policies-set",
        "user.add" => "action-user-add",
        "user.delete" => "action-user-delete",
        "user.disable" => "action-user-disable",
        "user.enable" => "action-user-enable",
        "user.password" => "action-user-password",
        "user.reset_second_factor" => "action-user-reset-second-factor",
        "session.confirm" => "action-session-confirm",
        "factor.add" => "action-factor-add",
        "factor.remove" => "action-factor-remove",
        "factor.recovery" => "action-factor-recovery",
        "factor.recovery_used" => "action-factor-recovery-used",
        "factor.refused" => "action-factor-refused",
        "key.rotate" => "action-key-rotate",
        "note.change" => "action-note-change",
        "task.change" => "action-task-change",
        "project.change" => "action-project-change",
        "requirement.change" => "action-requirement-change",
        _ => return None,
    })
}
