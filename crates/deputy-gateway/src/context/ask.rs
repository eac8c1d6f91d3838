//! A question to the selected server.
//!
//! Until a model chooses, the context's settings do: they name the tool, what it always gets and which
//! argument takes the question. The call goes the one way in ([`Gateway::call`]), so that policy,
//! approvals, limits, records and statistics hold for it as for any other. The question's text is in
//! neither records nor statistics; an approval keeps it sealed, as all arguments.

use std::path::{Path, PathBuf};

use deputy_core::Principal;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settings::find;
use super::{ContextError, Settings, invalid, may};
use crate::approval::Approval;
use crate::error::CallError;
use crate::{CallOptions, CallResult, Gateway, Outcome};

/// Longest question, in characters (Unicode scalar values).
pub const MAX_QUERY: usize = 4000;
/// Longest name of a session, in bytes: that of the column.
const MAX_SESSION: usize = 64;

/// What somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// 1 to 4000 characters.
    pub query: String,
    /// The session in which it is counted; none: the context's. Up to 64 letters, digits, `.`, `_`, `-`.
    pub session_id: Option<String>,
    /// A folder under the person's roots, for the argument that the settings name.
    pub working_directory: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The session in which it was counted.
    pub session_id: String,
    /// The server that was asked.
    pub server: String,
    /// The tool that was called.
    pub tool: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The answer, or the approval that it waits for.
    pub came: Came,
}

/// The answer, or what it waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// The tool answered.
    Answered {
        /// The text of the answer.
        reply: String,
        /// The whole answer.
        result: CallResult,
    },
    /// It waits for its person's word.
    Asked(Box<Approval>),
}

impl Gateway {
    /// Asks the selected server.
    ///
    /// [`ContextError::NotSelected`] when none is, [`ContextError::NoTool`] when the settings name no
    /// tool, [`ContextError::Validation`] for a question that is empty or too long, and for a folder
    /// outside of the person's roots.
    pub async fn ask_context(
        &self,
        principal: &Principal,
        question: Question,
        cancel: CancellationToken,
    ) -> Result<Reply, ContextError> {
        may(principal)?;
        check(&question)?;
        let context = self.selected(principal.user_id).await?;
        let settings = serde_json::from_str(&context.settings).unwrap_or(Value::Null);
        let settings = Settings::of(&settings)?;
        let wanted = settings.tool.as_deref().ok_or(ContextError::NoTool)?;
        let mut arguments = settings.arguments.clone();
        if let Some(folder) = question.working_directory {
            let name = settings.directory_argument.clone().ok_or_else(|| {
                invalid(
                    "/working_directory",
                    "the context does not say which argument takes a folder: \
                     settings.directory_argument",
                )
            })?;
            let folder = self.allowed_folder(principal, folder).await?;
            arguments.insert(name, Value::from(folder));
        }
        arguments.insert(settings.query_argument.clone(), question.query.into());

        let tools = self.tools_of(principal, &context.server).await?;
        let tool = match find(&context.server, wanted, &tools) {
            Some(tool) => tool.name.clone(),
            // Quarantined, switched off or gone: the call says which.
            None if context.server_id.is_some() => published(&context.server, wanted),
            None => return Err(CallError::UnknownTool(wanted.to_owned()).into()),
        };
        let parts = &self.inner.parts;
        let session = question
            .session_id
            .unwrap_or_else(|| context.session.clone());
        let tx = parts.store.begin().await?;
        tx.user(principal.user_id)
            .active_context_used(&context.session, parts.clock.now())
            .await?;
        tx.commit().await?;

        let started = Instant::now();
        let options = CallOptions {
            cancel,
            session: Some(session.clone()),
            ..CallOptions::default()
        };
        let outcome = self
            .call(principal, &tool, Value::Object(arguments), options)
            .await?;
        let came = match outcome {
            Outcome::Done(result) => Came::Answered {
                reply: text_of(&result.content),
                result,
            },
            Outcome::Asked(approval) => Came::Asked(approval),
        };
        Ok(Reply {
            session_id: session,
            server: context.server,
            tool,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            came,
        })
    }

    async fn allowed_folder(
        &self,
        principal: &Principal,
        folder: PathBuf,
    ) -> Result<String, ContextError> {
        let roots = self.inner.config.servers.files_roots.clone();
        let user = principal.user_id.0;
        let look = move || deputy_jail::allowed_folder(Path::new(&folder), &roots, user);
        let found = tokio::task::spawn_blocking(look)
            .await
            .map_err(|e| CallError::internal(&e, "looking at a folder"))?
            .map_err(|fault| invalid("/working_directory", fault.to_string()))?;
        found
            .into_os_string()
            .into_string()
            .map_err(|_| invalid("/working_directory", "the folder's name is not UTF-8"))
    }
}

fn check(question: &Question) -> Result<(), ContextError> {
    if question.query.trim().is_empty() {
        return Err(invalid("/query", "the question is empty"));
    }
    if question.query.chars().count() > MAX_QUERY {
        return Err(invalid(
            "/query",
            format!("a question has at most {MAX_QUERY} characters"),
        ));
    }
    let fits = |session: &String| {
        (1..=MAX_SESSION).contains(&session.len())
            && session
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if question.session_id.as_ref().is_some_and(|s| !fits(s)) {
        return Err(invalid(
            "/session_id",
            "a session's name has 1 to 64 letters, digits, '.', '_' and '-'",
        ));
    }
    Ok(())
}

/// The name under which an own server's tool is called. Never one of another server.
fn published(server: &str, wanted: &str) -> String {
    let prefix = format!("{server}__");
    if wanted.starts_with(&prefix) {
        wanted.to_owned()
    } else {
        prefix + wanted
    }
}

/// The text blocks of an answer, one after the other.
fn text_of(content: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Block {
        text: Option<String>,
    }
    let blocks: Vec<Block> = serde_json::from_str(content.get()).unwrap_or_default();
    let texts: Vec<_> = blocks.into_iter().filter_map(|block| block.text).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str, session: Option<&str>) -> Result<(), ContextError> {
        check(&Question {
            query: query.to_owned(),
            session_id: session.map(str::to_owned),
            working_directory: None,
        })
    }

    #[test]
    fn questions_are_counted_in_characters() {
        assert!(asked(&"ї".repeat(4000), Some("a.B_9-")).is_ok());
        let faults = [
            asked(&"x".repeat(4001), None),
            asked("", None),
            asked(" \n", None),
            asked("x", Some("")),
            asked("x", Some("a b")),
            asked("x", Some(&"a".repeat(65))),
        ];
        for fault in faults {
            assert!(matches!(fault, Err(ContextError::Validation { .. })));
        }
    }

    #[test]
    fn an_own_servers_tool_is_always_that_servers() {
        assert_eq!(published("notes", "read"), "notes__read");
        assert_eq!(published("notes", "notes__read"), "notes__read");
        assert_eq!(published("notes", "other__read"), "notes__other__read");
    }

    #[test]
    fn the_texts_of_an_answer_follow_each_other() {
        let content = RawValue::from_string(
            r#"[{"type":"text","text":"a"},{"type":"image","data":""},{"type":"text","text":"b"}]"#
                .to_owned(),
        );
        assert_eq!(text_of(&content.unwrap()), "a\nb");
    }
}
