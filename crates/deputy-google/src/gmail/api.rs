//! The calls of the Gmail API that the tools are made of.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::Method;
use serde::de::DeserializeOwned;

use super::wire::{Draft, DraftList, Message, MessageList, NewDraft, Profile, SendDraft, Thread};
use crate::client::{Api, Google, Request};
use crate::error::ToolError;

/// How many messages of a listing are fetched at once. Gmail's limit is 6,000 units a minute and
/// user, a get costs 5 (Gmail API, "Usage limits").
const AT_ONCE: usize = 8;

/// Gmail, as one person.
pub(crate) struct Gmail<'a>(pub(crate) &'a Google);

impl Gmail<'_> {
    fn me(&self, path: &[&str]) -> Request<'_> {
        self.0.get(Api::Gmail, &me(path))
    }

    fn post(&self, path: &[&str]) -> Request<'_> {
        self.0.request(Method::POST, Api::Gmail, &me(path))
    }

    /// `messages.list`: ids, newest first. `labels` all apply.
    pub(crate) async fn list(
        &self,
        query: Option<&str>,
        labels: &[&str],
        max: u32,
        page_token: Option<&str>,
    ) -> Result<MessageList, ToolError> {
        let mut request = self
            .me(&["messages"])
            .query("maxResults", max)
            .query_opt("q", query)
            .query_opt("pageToken", page_token)
            .query("fields", "messages(id,threadId),nextPageToken");
        for label in labels {
            request = request.query("labelIds", label);
        }
        request.fetch().await
    }

    /// `messages.get`, headers only: those named.
    pub(crate) async fn headers(
        &self,
        id: &str,
        names: &[&str],
        fields: &str,
    ) -> Result<Message, ToolError> {
        let mut request = self
            .me(&["messages", id])
            .query("format", "metadata")
            .query("fields", fields);
        for name in names {
            request = request.query("metadataHeaders", name);
        }
        request.fetch().await
    }

    /// The same for many messages, in the order given. A message that is gone meanwhile is left out.
    pub(crate) async fn headers_of(
        &self,
        ids: impl IntoIterator<Item = String>,
        names: &[&str],
        fields: &str,
    ) -> Result<Vec<Message>, ToolError> {
        let found: Vec<Option<Message>> = stream::iter(ids)
            .map(|id| async move { if_there(self.headers(&id, names, fields).await) })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// `messages.get`, whole.
    pub(crate) async fn message(&self, id: &str) -> Result<Message, ToolError> {
        self.me(&["messages", id])
            .query("format", "full")
            .query(
                "fields",
                "id,threadId,labelIds,snippet,internalDate,payload",
            )
            .fetch()
            .await
    }

    /// `messages.attachments.get`: the bytes as Gmail encodes them.
    pub(crate) async fn attachment<T: DeserializeOwned>(
        &self,
        message_id: &str,
        id: &str,
    ) -> Result<T, ToolError> {
        self.me(&["messages", message_id, "attachments", id])
            .query("fields", "size,data")
            .fetch()
            .await
    }

    /// `threads.get`: the messages of a conversation with the headers named.
    pub(crate) async fn thread(
        &self,
        id: &str,
        names: &[&str],
        fields: &str,
    ) -> Result<Thread, ToolError> {
        let mut request = self
            .me(&["threads", id])
            .query("format", "metadata")
            .query("fields", fields);
        for name in names {
            request = request.query("metadataHeaders", name);
        }
        request.fetch().await
    }

    /// `users.getProfile`: the person's address.
    pub(crate) async fn profile(&self) -> Result<Profile, ToolError> {
        self.me(&["profile"])
            .query("fields", "emailAddress")
            .fetch()
            .await
    }

    /// `drafts.list`: the newest drafts' ids.
    pub(crate) async fn drafts(&self, max: u32) -> Result<Vec<Draft>, ToolError> {
        let list: DraftList = self
            .me(&["drafts"])
            .query("maxResults", max)
            .query("fields", "drafts(id,message(id,threadId))")
            .fetch()
            .await?;
        Ok(list.drafts)
    }

    /// `drafts.get` with all headers; `None` when it is gone.
    pub(crate) async fn draft(&self, id: &str) -> Result<Option<Draft>, ToolError> {
        let request = self
            .me(&["drafts", id])
            .query("format", "metadata")
            .query("fields", "id,message(id,threadId,labelIds,payload/headers)");
        if_there(request.fetch().await)
    }

    /// [`Gmail::draft`] for many.
    pub(crate) async fn drafts_of(
        &self,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<Vec<Draft>, ToolError> {
        let found: Vec<Option<Draft>> = stream::iter(ids)
            .map(|id| async move { self.draft(&id).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// `drafts.create`.
    pub(crate) async fn create_draft(&self, draft: &NewDraft) -> Result<Draft, ToolError> {
        self.post(&["drafts"])
            .query("fields", "id,message(id,threadId)")
            .json(draft)
            .fetch()
            .await
    }

    /// `drafts.create` of a message too large for a JSON body: both in one `multipart/related`
    /// (RFC 2387). `boundary` must not occur in the message.
    pub(crate) async fn upload_draft(
        &self,
        draft: &NewDraft,
        mime: &[u8],
        boundary: &str,
    ) -> Result<Draft, ToolError> {
        let metadata = serde_json::to_vec(draft)
            .map_err(|error| ToolError::argument("", error.to_string()))?;
        let json = format!("--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n");
        let message = format!("\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n");
        let end = format!("\r\n--{boundary}--\r\n");
        let body = [
            json.as_bytes(),
            &metadata,
            message.as_bytes(),
            mime,
            end.as_bytes(),
        ]
        .concat();
        self.0
            .request(Method::POST, Api::GmailUpload, &me(&["drafts"]))
            .query("uploadType", "multipart")
            .query("fields", "id,message(id,threadId)")
            .raw(&format!("multipart/related; boundary={boundary}"), body)
            .fetch()
            .await
    }

    /// `drafts.delete`.
    pub(crate) async fn delete_draft(&self, id: &str) -> Result<(), ToolError> {
        let request = self
            .0
            .request(Method::DELETE, Api::Gmail, &me(&["drafts", id]));
        request.send().await.map(drop)
    }

    /// `drafts.send`: the message that was sent; the draft is gone then.
    pub(crate) async fn send_draft(&self, id: &str) -> Result<Message, ToolError> {
        self.post(&["drafts", "send"])
            .query("fields", "id,threadId")
            .json(&SendDraft { id })
            .fetch()
            .await
    }
}

fn me<'a>(path: &[&'a str]) -> Vec<&'a str> {
    ["users", "me"]
        .into_iter()
        .chain(path.iter().copied())
        .collect()
}

/// `None` for what is not there.
fn if_there<T>(outcome: Result<T, ToolError>) -> Result<Option<T>, ToolError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
