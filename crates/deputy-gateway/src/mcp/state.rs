//! What a client has to bring back with its answers (`requestState`), sealed.
//!
//! It says where a call goes on: with the state that the server behind the tool gave out, or with a call that is held
//! here. The client could write anything there, so it is signed, and bound to whom it was given for what: the person,
//! the token's name, the server, the method and its parameters.

use std::time::Duration;

use deputy_core::{Principal, secret::sha256_hex};
use rmcp::model::{ErrorData, RequestStateCodec, SealOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::Gateway;
use crate::catalog::digest;

/// How long answers may take.
const LIFETIME: Duration = Duration::from_hours(1);

/// Where a call goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// At the server, which gave this out.
    #[serde(rename = "s")]
    Server(String),
    /// Here, where it is held under this name.
    #[serde(rename = "h")]
    Held(Uuid),
    /// At the beginning: the person was to connect something first.
    #[serde(rename = "c")]
    Connect,
}

/// To whom, and for which request, a state is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding(String);

impl Binding {
    pub(super) fn new(principal: &Principal, place: &str, method: &str, params: &Value) -> Self {
        let parts = [
            principal.user_id.to_string(),
            principal.caller.label(),
            place.to_owned(),
            method.to_owned(),
            digest(params),
        ];
        // Each part hashed: none can reach into the next.
        Self(parts.map(|part| sha256_hex(part.as_bytes())).join("."))
    }
}

/// Seals and opens states, with a key of the installation's.
#[derive(Default)]
pub(super) struct States {
    codec: OnceCell<RequestStateCodec>,
}

impl States {
    async fn codec(&self, gateway: &Gateway) -> Result<&RequestStateCodec, ErrorData> {
        let make = || async {
            let vault = &gateway.inner.parts.vault;
            let key = vault.installation_key("mcp-request-state").await;
            let key = key.map_err(|error| super::internal(&error))?;
            RequestStateCodec::try_new(key.expose().clone()).map_err(|e| super::internal(&e))
        };
        self.codec.get_or_try_init(make).await
    }

    pub(super) async fn seal(
        &self,
        gateway: &Gateway,
        binding: &Binding,
        state: &State,
    ) -> Result<String, ErrorData> {
        let options = SealOptions::new()
            .associated_data(binding.0.as_bytes())
            .ttl(LIFETIME);
        self.codec(gateway)
            .await?
            .seal_json_with(state, &options)
            .map_err(|error| super::internal(&error))
    }

    /// The state that was sealed; an error for one that was not, or for another request, or too long ago.
    pub(super) async fn open(
        &self,
        gateway: &Gateway,
        binding: &Binding,
        sealed: &str,
    ) -> Result<State, ErrorData> {
        self.codec(gateway)
            .await?
            .open_json_with(sealed, binding.0.as_bytes())
            .map_err(|error| {
                tracing::debug!(%error, "a request state was refused");
                ErrorData::invalid_params(
                    "the requestState is not one that was given for this request, or too old",
                    None,
                )
            })
    }
}
