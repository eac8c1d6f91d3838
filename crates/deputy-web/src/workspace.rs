//! The workspace as the gateway's built-in tools, and the audit chain as its record: here because
//! this is the first room that sees both.

use async_trait::async_trait;
use deputy_gateway::BuiltIns;
use deputy_gateway::audit::{Audit, Entry};
use deputy_gateway::built_in::{BuiltInAnswer, BuiltInCall, BuiltInError, BuiltInServer};
use deputy_store::Tx;
use deputy_workspace::tools::{self, Tools};
use deputy_workspace::{Actor, Error, Record, RecordError, Recorded};

/// Records of changes go into the chain, in the changes' own transactions.
pub struct WorkspaceRecord(pub Audit);

#[async_trait]
impl Record for WorkspaceRecord {
    async fn record(&self, tx: &Tx, entries: Vec<Recorded>) -> Result<(), RecordError> {
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|recorded| Entry {
                user: Some(recorded.actor.user),
                caller: recorded.actor.caller,
                action: recorded.action,
                target: recorded.target,
                call_id: recorded.actor.call.map(|call| call.to_string()),
                outcome: "ok".to_owned(),
                detail: recorded.detail,
            })
            .collect();
        let done = self.0.record_in(tx, &entries).await;
        done.map_err(|_| RecordError)
    }
}

/// The workspace's tools, called by the gateway.
pub struct WorkspaceTools(pub Tools);

#[async_trait]
impl BuiltIns for WorkspaceTools {
    fn servers(&self) -> Vec<BuiltInServer> {
        vec![BuiltInServer {
            name: tools::SERVER,
            title: tools::TITLE.to_owned(),
            instructions: tools::INSTRUCTIONS.to_owned(),
            tools: self.0.specs().to_vec(),
        }]
    }

    async fn call(&self, call: BuiltInCall<'_>) -> Result<BuiltInAnswer, BuiltInError> {
        let actor = Actor {
            user: call.user,
            caller: call.caller.to_owned(),
            call: Some(call.call_id),
        };
        match self.0.call(actor, call.tool, call.arguments.clone()).await {
            Ok(answer) => Ok(BuiltInAnswer {
                structured: answer.structured,
                text: answer.text,
                is_error: answer.is_error,
            }),
            Err(Error::Store(error)) => Err(error.into()),
            Err(Error::Record) => Err(BuiltInError::Unavailable(Box::new(Error::Record))),
            Err(error) => Err(BuiltInError::Internal(Box::new(error))),
        }
    }
}
