//! The calls of the Docs API that the tools are made of.

use http::Method;
use serde_json::Value;

use super::markdown::Place;
use super::wire::{BatchReply, BatchUpdate, Document, Edit, Element, WriteControl};
use crate::client::{Api, Google};
use crate::error::ToolError;

/// Docs, as one person.
pub(crate) struct Docs<'a>(pub(crate) &'a Google);

impl Docs<'_> {
    /// `documents.get`, as far as appending needs it.
    pub(crate) async fn document(&self, id: &str) -> Result<Document, ToolError> {
        self.0
            .get(Api::Docs, &["documents", id])
            .query(
                "fields",
                "revisionId,body(content(endIndex,paragraph(bullet,elements(textRun(content)))))",
            )
            .fetch()
            .await
    }

    /// `documents.get`: the revision, and all text wherever it stands.
    pub(crate) async fn text(&self, id: &str) -> Result<(Option<String>, String), ToolError> {
        let whole: Value = self
            .0
            .get(Api::Docs, &["documents", id])
            .query("fields", "revisionId,body,headers,footers,footnotes")
            .fetch()
            .await?;
        let mut text = String::new();
        for part in ["body", "headers", "footers", "footnotes"] {
            collect_text(whole.get(part).unwrap_or(&Value::Null), &mut text);
        }
        Ok((
            whole
                .get("revisionId")
                .and_then(Value::as_str)
                .map(str::to_owned),
            text,
        ))
    }

    /// `documents.batchUpdate`, refused if the document is not at `revision` any more.
    pub(crate) async fn edit(
        &self,
        id: &str,
        requests: Vec<Edit>,
        revision: Option<&str>,
    ) -> Result<BatchReply, ToolError> {
        let write_control = revision.map(|id| WriteControl {
            required_revision_id: id.to_owned(),
        });
        self.0
            .request(
                Method::POST,
                Api::Docs,
                &["documents", &format!("{id}:batchUpdate")],
            )
            .query("fields", "replies")
            .json(&BatchUpdate {
                requests,
                write_control,
            })
            .fetch()
            .await
    }
}

impl Document {
    /// The text of the body's paragraphs, tables left out.
    pub(crate) fn paragraphs(&self) -> String {
        self.body.content.iter().map(paragraph_text).collect()
    }

    /// Where text goes that is added at the end.
    pub(crate) fn end(&self) -> Place {
        let last = self.body.content.last();
        let text = last.map(paragraph_text).unwrap_or_default();
        Place {
            // Before the newline that ends every body and cannot be deleted.
            index: last
                .map_or(2, |element| element.end_index)
                .saturating_sub(1)
                .max(1),
            new_paragraph: !text.trim_end_matches('\n').is_empty(),
            in_list: last
                .and_then(|e| e.paragraph.as_ref())
                .is_some_and(|p| p.bullet.is_some()),
        }
    }
}

fn paragraph_text(element: &Element) -> String {
    let runs = element
        .paragraph
        .iter()
        .flat_map(|p| &p.elements)
        .filter_map(|e| e.text_run.as_ref());
    runs.map(|run| run.content.as_str()).collect()
}

fn collect_text(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            if let Some(content) = members
                .get("textRun")
                .and_then(|run| run.get("content"))
                .and_then(Value::as_str)
            {
                out.push_str(content);
            }
            members
                .values()
                .for_each(|member| collect_text(member, out));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_text(item, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
