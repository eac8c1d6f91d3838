//! Requests about the events of one calendar, each write of which is made once.

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::wire;
use crate::call::Call;
use crate::client::Api;
use crate::error::ToolError;

/// Who is told of a change by mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SendUpdates {
    /// All guests.
    All,
    /// Guests who do not use Google Calendar.
    ExternalOnly,
    /// Nobody. Some guests' calendars may then miss the change.
    None,
}

impl SendUpdates {
    /// What was asked for, or else: everybody, if there is anybody.
    pub(crate) fn or_default(asked: Option<Self>, guests: bool) -> Self {
        asked.unwrap_or(if guests { Self::All } else { Self::None })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ExternalOnly => "externalOnly",
            Self::None => "none",
        }
    }
}

/// The events of one calendar, for one call.
#[derive(Clone, Copy)]
pub(crate) struct Events<'a> {
    pub(crate) call: &'a Call,
    pub(crate) calendar_id: &'a str,
}

impl Events<'_> {
    /// The whole event. Google answers with cancelled events too.
    pub(crate) async fn get(&self, id: &str) -> Result<wire::Event, ToolError> {
        self.call
            .google
            .get(
                Api::Calendar,
                &["calendars", self.calendar_id, "events", id],
            )
            .fetch()
            .await
    }

    /// The whole event, or nothing where there is none.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<wire::Event>, ToolError> {
        match self.get(id).await {
            Ok(event) => Ok(Some(event)),
            Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds `event`, whose id is made from the call's: if it is there already (an earlier attempt,
    /// or this one's answer got lost), that event is the answer.
    pub(crate) async fn insert(
        &self,
        event: &wire::Event,
        send: SendUpdates,
    ) -> Result<wire::Event, ToolError> {
        let id = event.id.as_deref().unwrap_or_default();
        if self.call.is_repeat()
            && let Some(found) = self.find(id).await?
        {
            return Ok(found);
        }
        let mut request = self
            .call
            .google
            .request(
                Method::POST,
                Api::Calendar,
                &["calendars", self.calendar_id, "events"],
            )
            .query("sendUpdates", send.as_str());
        if event.extra.contains_key("conferenceData") {
            request = request.query("conferenceDataVersion", 1);
        }
        if event.extra.contains_key("attachments") {
            request = request.query("supportsAttachments", true);
        }
        let error = match request.json(event).fetch().await {
            Ok(event) => return Ok(event),
            Err(error) => error,
        };
        if error.status() != Some(409) && !error.may_have_happened() {
            return Err(error);
        }
        match self.find(id).await {
            Ok(Some(found)) => Ok(found),
            // Nothing there, or no telling: the caller repeats the call, and with it the id.
            Ok(None) | Err(_) => Err(error),
        }
    }

    /// Changes the members of `patch` if the event still has `etag`. `applied` tells, of an event
    /// that was read again because the answer got lost, whether the change is in it.
    pub(crate) async fn patch(
        &self,
        id: &str,
        etag: Option<&str>,
        patch: &Map<String, Value>,
        send: SendUpdates,
        applied: impl Fn(&wire::Event) -> bool + Send,
    ) -> Result<wire::Event, ToolError> {
        let mut request = self
            .call
            .google
            .request(
                Method::PATCH,
                Api::Calendar,
                &["calendars", self.calendar_id, "events", id],
            )
            .query("sendUpdates", send.as_str());
        if let Some(etag) = etag {
            request = request.if_match(etag);
        }
        let error = match request.json(patch).fetch().await {
            Ok(event) => return Ok(event),
            Err(error) => error,
        };
        if !error.may_have_happened() {
            return Err(error);
        }
        match self.get(id).await {
            Ok(event) if applied(&event) => Ok(event),
            Ok(_) | Err(_) => Err(error),
        }
    }

    /// Removes the event. One that is gone already is as good.
    pub(crate) async fn delete(&self, id: &str, send: SendUpdates) -> Result<(), ToolError> {
        let sent = self
            .call
            .google
            .request(
                Method::DELETE,
                Api::Calendar,
                &["calendars", self.calendar_id, "events", id],
            )
            .query("sendUpdates", send.as_str())
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        if error.status() == Some(410) {
            return Ok(());
        }
        if !error.may_have_happened() {
            return Err(error);
        }
        match self.find(id).await {
            Ok(None) => Ok(()),
            Ok(Some(event)) if is_cancelled(&event) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(error),
        }
    }
}

/// Whether the event is one that was deleted.
pub(crate) fn is_cancelled(event: &wire::Event) -> bool {
    event.status.as_deref() == Some("cancelled")
}
