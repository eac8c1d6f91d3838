//! `deputy audit …`

use std::process::ExitCode;

use deputy_gateway::audit::{Verdict, verify};
use serde_json::json;

use crate::cli::{AuditAction, DatabaseArgs};
use crate::commands::say;
use crate::compose::{Offline, audit_key};

/// Records read at a time.
const PAGE: u64 = 1000;

/// Runs it.
pub(crate) async fn run(action: AuditAction, database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let offline = Offline::open(database).await?;
    let code = match action {
        AuditAction::Verify => {
            let key = audit_key(&offline.store, &offline.vault()?).await?;
            match verify(&offline.store, &key).await? {
                Verdict::Whole { records } => {
                    eprintln!("the chain of {records} records is whole");
                    ExitCode::SUCCESS
                }
                Verdict::Broken { seq, reason } => {
                    say(&format!("record {seq}: {reason}"));
                    eprintln!("the audit log was tampered with, or damaged");
                    ExitCode::FAILURE
                }
            }
        }
        AuditAction::Export => {
            let mut after = 0;
            loop {
                let rows = offline.store.audit_after(after, PAGE).await?;
                let Some(last) = rows.last() else { break };
                after = last.seq;
                for row in rows {
                    let detail: serde_json::Value =
                        serde_json::from_str(&row.detail).unwrap_or_default();
                    let record = json!({
                        "seq": row.seq, "at": row.at, "user_id": row.user, "caller": row.caller, "action": row.action,
                        "target": row.target, "call_id": row.call_id, "outcome": row.outcome, "detail": detail,
                        "hash": hex::encode(&row.hash),
                    });
                    say(&record.to_string());
                }
            }
            ExitCode::SUCCESS
        }
    };
    offline.close().await?;
    Ok(code)
}
