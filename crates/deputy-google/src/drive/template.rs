//! `create_from_template`: a copy of a document with its placeholders filled in.
//!
//! Two steps, each once: the copy carries the call's id, and the replacement names the revision that
//! the copy has. A repeat finds the copy, and sees by its text whether it is still the template's.

use std::collections::BTreeMap;

use deputy_core::firstparty::FailureKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CALL_MARK;
use super::api::Drive;
use super::wire::{DocumentInfo, File, FileChange};
use crate::call::Call;
use crate::docs::api::Docs;
use crate::docs::wire::{Criteria, Edit};
use crate::error::ToolError;
use crate::once::outcome_or_look;

/// How often the replacement is tried.
const TRIES: u32 = 3;

/// Arguments of `create_from_template`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateFromTemplate {
    /// Id of the template, a Google Doc, in Drive
    #[schemars(length(min = 1))]
    template_id: String,
    /// Title of the new document
    #[schemars(length(min = 1, max = 1000))]
    title: String,
    /// What stands for what, e.g. {"{{NAME}}": "Ivan Petrov", "{{DATE}}": "12.02.2026"}
    #[serde(default)]
    replacements: BTreeMap<String, String>,
    /// Id of the folder it goes into; the template's folder when left out
    folder_id: Option<String>,
}

/// Result of `create_from_template`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TemplateAnswer {
    /// The new document
    document: DocumentInfo,
    /// How often each placeholder was replaced
    replaced: BTreeMap<String, u64>,
    /// Placeholders of the form {{…}} that are still there
    unreplaced: Vec<String>,
}

/// `create_from_template`.
pub(crate) async fn create(
    call: Call,
    args: CreateFromTemplate,
) -> Result<TemplateAnswer, ToolError> {
    if args.replacements.contains_key("") {
        return Err(ToolError::argument(
            "/replacements",
            "an empty text cannot be replaced",
        ));
    }
    let drive = Drive(&call.google);
    let template = drive.file(&args.template_id).await?;
    if !template.is_google_doc() {
        let text = format!(
            "'{}' is no Google Doc but {}; only Google Docs can be templates",
            template.name, template.mime_type
        );
        return Err(ToolError::argument("template_id", text));
    }
    let mark = call.id.to_string();
    let known = if call.is_repeat() {
        drive.marked(CALL_MARK, &mark).await?
    } else {
        None
    };
    let resumed = known.is_some();
    let copy = match known {
        Some(copy) => copy,
        None => copy_template(&drive, &template, &args, &mark).await?,
    };
    call.progress(1.0, Some(2.0), "the template is copied")
        .await;

    let docs = Docs(&call.google);
    let (revision, text) = docs.text(&copy.id).await?;
    let filled = if resumed {
        let (_, original) = docs.text(&template.id).await?;
        (original != text).then_some(original)
    } else {
        None
    };
    let replacements = in_order(&args.replacements);
    let (replaced, text) = match filled {
        Some(original) => (count(&original, &replacements).0, text),
        None => (
            fill(&docs, &copy.id, revision, &text, &replacements).await?,
            count(&text, &replacements).1,
        ),
    };
    let document = if args.replacements.is_empty() {
        copy
    } else {
        drive.file(&copy.id).await?
    };
    Ok(TemplateAnswer {
        document: document.into(),
        replaced,
        unreplaced: placeholders(&text),
    })
}

async fn copy_template(
    drive: &Drive<'_>,
    template: &File,
    args: &CreateFromTemplate,
    mark: &str,
) -> Result<File, ToolError> {
    let metadata = FileChange {
        name: Some(&args.title),
        parents: args
            .folder_id
            .as_deref()
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| [id]),
        app_properties: BTreeMap::from([(CALL_MARK, mark.to_owned())]),
        ..FileChange::default()
    };
    let written = drive.copy(&template.id, &metadata).await;
    outcome_or_look(drive.0, written, || Box::pin(drive.marked(CALL_MARK, mark))).await
}

/// Replaces in the copy, which nobody else knows yet: if its revision changed, it was this.
async fn fill(
    docs: &Docs<'_>,
    id: &str,
    mut revision: Option<String>,
    before: &str,
    replacements: &[(&str, &str)],
) -> Result<BTreeMap<String, u64>, ToolError> {
    let edits = |(placeholder, value): &(&str, &str)| Edit::ReplaceAllText {
        contains_text: Criteria {
            text: (*placeholder).to_owned(),
            match_case: true,
        },
        replace_text: (*value).to_owned(),
    };
    let edits: Vec<Edit> = replacements.iter().map(edits).collect();
    if edits.is_empty() {
        return Ok(BTreeMap::new());
    }
    for _ in 0..TRIES {
        let error = match docs.edit(id, edits.clone(), revision.as_deref()).await {
            Ok(reply) => {
                let counts = reply
                    .replies
                    .into_iter()
                    .map(|r| r.replace_all_text.unwrap_or_default().occurrences_changed);
                return Ok(replacements
                    .iter()
                    .map(|(placeholder, _)| (*placeholder).to_owned())
                    .zip(counts)
                    .collect());
            }
            Err(error) => error,
        };
        if !error.may_have_happened() && error.status() != Some(400) {
            return Err(error);
        }
        let (now, text) = docs.text(id).await?;
        if text != before {
            return Ok(count(before, replacements).0);
        }
        if now == revision && !error.may_have_happened() {
            return Err(error);
        }
        revision = now;
    }
    let text = "The template was copied, but its placeholders could not be replaced. Try again.";
    Err(ToolError::refused(FailureKind::Unavailable, text))
}

/// The longest first, so that a placeholder that is part of another does not spoil it.
fn in_order(replacements: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let mut ordered: Vec<(&str, &str)> = replacements
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    ordered.sort_by_key(|(placeholder, _)| std::cmp::Reverse(placeholder.len()));
    ordered
}

/// How often each is replaced in `text`, and the text afterwards.
fn count(text: &str, replacements: &[(&str, &str)]) -> (BTreeMap<String, u64>, String) {
    let mut text = text.to_owned();
    let mut counts = BTreeMap::new();
    for (placeholder, value) in replacements {
        counts.insert(
            (*placeholder).to_owned(),
            text.matches(placeholder).count() as u64,
        );
        text = text.replace(placeholder, value);
    }
    (counts, text)
}

/// What looks like a placeholder: `{{…}}` on one line.
fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let after = after.trim_start_matches('{');
        let inner = after.split(['{', '}', '\n']).next().unwrap_or_default();
        let end = &after[inner.len()..];
        if !inner.is_empty() && end.starts_with("}}") {
            let whole = format!("{{{{{inner}}}}}");
            if !found.contains(&whole) {
                found.push(whole);
            }
        }
        rest = end;
    }
    found
}

#[cfg(test)]
mod tests;
