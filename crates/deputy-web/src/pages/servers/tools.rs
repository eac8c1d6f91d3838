//! The tools of a server, as its page shows them; `POST /servers/{name}/tools` and `…/accept`.

use axum::extract::{Path, State};
use axum::response::Response;
use deputy_gateway::servers::{Definition, Seen, ServerError, ServerTool, ToolKind, ToolState};
use deputy_templates::Policy;
use serde_json::Value;

use super::diff;
use super::rules::policy_words;
use super::{failed, href};
use crate::App;
use crate::api::servers::accept::is_plausible;
use crate::auth::Form;
use crate::error::PageError;
use crate::pages::done;
use crate::view::diff::Line;
use crate::view::visible;

/// A tool that is held back until its person has seen it.
#[derive(Clone, Debug)]
pub(crate) struct HeldTool {
    pub(crate) name: String,
    pub(crate) digest: String,
    /// Whether it is what the server tells models, and no tool.
    pub(crate) instructions: bool,
    /// Whether it came later, and is not a changed one.
    pub(crate) new: bool,
    pub(crate) lines: Vec<Line>,
    /// Whether some of the lines are left out: then it can't be agreed to here.
    pub(crate) cut: bool,
    pub(crate) notes: Vec<String>,
}

/// A tool.
#[derive(Clone, Debug)]
pub(crate) struct ToolView {
    /// As the server names it.
    pub(crate) name: String,
    pub(crate) title: String,
    /// As clients see it.
    pub(crate) published: String,
    pub(crate) description: String,
    pub(crate) read_only: bool,
    pub(crate) destructive: bool,
    /// `accepted`, or why it can't be called.
    pub(crate) state_key: Option<&'static str>,
    pub(crate) unusable: Option<String>,
    /// The person's word: `auto`, `ask`, `deny`, or empty.
    pub(crate) policy: &'static str,
    pub(crate) effective_key: &'static str,
    pub(crate) effective_tone: &'static str,
    /// Whether an administrator's rule is what counts.
    pub(crate) by_administrator: bool,
}

impl ToolView {
    /// Whether it can be called, as far as its server and its person's word go.
    pub(crate) fn callable(&self) -> bool {
        self.state_key.is_none() && self.unusable.is_none()
    }

    pub(crate) fn policies(&self) -> [(&'static str, &'static str, bool); 4] {
        [
            ("", "policy-default"),
            ("auto", "policy-auto"),
            ("ask", "policy-ask"),
            ("deny", "policy-deny"),
        ]
        .map(|(value, key)| (value, key, value == self.policy))
    }

    pub(super) fn new(tool: &ServerTool) -> Self {
        let hint = |name: &str| tool.annotations.get(name).and_then(Value::as_bool);
        let read_only = hint("readOnlyHint") == Some(true);
        let (effective_key, effective_tone) = policy_words(tool.effective);
        Self {
            name: visible(&tool.name),
            title: visible(tool.title.as_deref().unwrap_or(&tool.name)),
            published: tool.published.clone(),
            description: visible(&tool.description),
            read_only,
            // The default of MCP for a tool that writes (2026-07-28, `ToolAnnotations`) is that it
            // may destroy; only what says so is marked, or nearly all would be.
            destructive: !read_only && hint("destructiveHint") == Some(true),
            state_key: match tool.state {
                ToolState::Accepted => None,
                ToolState::Changed => Some("tool-changed"),
                ToolState::New => Some("tool-new"),
                ToolState::Gone => Some("tool-gone"),
            },
            unusable: tool.unusable.as_deref().map(visible),
            policy: match tool.policy {
                None => "",
                Some(Policy::Auto) => "auto",
                Some(Policy::Ask) => "ask",
                Some(Policy::Deny) => "deny",
            },
            effective_key,
            effective_tone,
            by_administrator: tool
                .administrator
                .is_some_and(|rule| rule == tool.effective && tool.policy != Some(rule)),
        }
    }
}

/// Held tools shown at once; what comes after them is shown when these are decided on.
pub(super) const HELD: usize = 30;

/// What the server tells every model, as far as its person agreed to it.
pub(super) fn instructions(tools: &[ServerTool]) -> String {
    let told = tools.iter().find(|t| t.kind == ToolKind::Instructions);
    let text = told.and_then(|tool| match (tool.state, &tool.change) {
        (ToolState::Accepted, _) => Some(&tool.description),
        (ToolState::Changed, Some(change)) => Some(&change.before.description),
        _ => None,
    });
    text.map(|text| visible(text)).unwrap_or_default()
}

impl HeldTool {
    /// None for a tool that is not held back. `whole`: the name of the tool that is shown without a cut.
    pub(super) fn new(tool: &ServerTool, whole: &str) -> Option<Self> {
        let digest = tool.digest.clone()?;
        let mut lines = match (tool.state, &tool.change) {
            (ToolState::Changed, Some(change)) => diff::between(&change.before, &change.now),
            (ToolState::New, _) => diff::whole(&Definition {
                name: tool.name.clone(),
                title: tool.title.clone(),
                description: tool.description.clone(),
                input_schema: tool.input_schema.clone(),
                output_schema: tool.output_schema.clone(),
                annotations: tool.annotations.clone(),
                unusable: tool.unusable.clone(),
                notes: Vec::new(),
            }),
            _ => return None,
        };
        Some(Self {
            name: visible(&tool.name),
            digest,
            instructions: tool.kind == ToolKind::Instructions,
            new: tool.state == ToolState::New,
            cut: tool.name != whole && diff::cut(&mut lines),
            lines,
            notes: tool.notes.iter().map(|note| visible(note)).collect(),
        })
    }
}

/// `POST /servers/{name}/tools`: the person's word about tools. Each field `p.TOOL` comes with
/// `was.TOOL`, so that only what the person changed is changed.
pub(crate) async fn set(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let servers = app.gateway.servers();
    let tools = servers
        .tools(&who.principal, &name)
        .await
        .map_err(|error| failed(&error))?;
    for tool in &tools {
        let field = format!("p.{}", tool.name);
        let word = fields.get(&field);
        if !fields.has(&field) || word == fields.get(&format!("was.{}", tool.name)) {
            continue;
        }
        let policy = match word {
            "" => None,
            word => Some(word.parse().map_err(|_| PageError::Invalid)?),
        };
        servers
            .set_policy(&who.principal, &name, &tool.name, policy)
            .await
            .map_err(|error| failed(&error))?;
    }
    Ok(done(&format!("{}#tools", href(&name)), "saved"))
}

/// `POST /servers/{name}/accept`: agrees to tools exactly as they were shown. Each `seen` is a
/// digest, a space and the tool's name.
pub(crate) async fn accept(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let seen: Option<Vec<Seen>> = fields
        .all("seen")
        .map(|text| {
            let (digest, name) = text.split_once(' ')?;
            Some(Seen {
                name: name.to_owned(),
                digest: digest.to_owned(),
            })
        })
        .collect();
    let seen = seen.filter(|seen| !seen.is_empty() && is_plausible(seen));
    let seen = seen.ok_or(PageError::Invalid)?;
    let servers = app.gateway.servers();
    match servers.accept(&who.principal, &name, &seen).await {
        Ok(_) => Ok(done(&href(&name), "tools-allowed")),
        Err(ServerError::Conflict(_)) => Ok(done(&href(&name), "tools-changed-again")),
        Err(error) => Err(failed(&error)),
    }
}
