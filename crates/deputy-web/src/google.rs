//! A person's Google connection, as the API and the pages use it: shown, begun, completed, ended.
//! Whoever ends one also stops what runs with it, before anybody is answered.

use deputy_connections::{
    BeginError, CallbackError, CallbackQuery, Connected, DisconnectError, Disconnected, Service,
    Services, StatusName,
};
use deputy_core::{Principal, UserId};
use deputy_gateway::pool::{Owner, PoolKey};
use jiff::Timestamp;
use serde_json::json;
use url::Url;

use crate::App;
use crate::error::{ApiError, PageError};
use crate::record::{self, Act};
use crate::view::{Grant, ServiceView};

/// What a person has connected.
pub(crate) struct Google {
    pub(crate) services: Vec<ServiceView>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) account: Option<String>,
}

/// What this person has connected.
pub(crate) async fn state(app: &App, user: UserId) -> Result<Google, PageError> {
    let status = app
        .connections
        .status(user)
        .await
        .map_err(|error| PageError::internal(&error, "reading the connection"))?;
    let expired = status.status == StatusName::Expired;
    let services = Service::ALL
        .into_iter()
        .map(|service| {
            service_view(
                service,
                status.services.contains(service),
                expired,
                &status.scopes,
            )
        })
        .collect();
    Ok(Google {
        services,
        since: status.connected_at,
        account: status.account,
    })
}

pub(crate) fn service_view(
    service: Service,
    connected: bool,
    expired: bool,
    scopes: &[String],
) -> ServiceView {
    let has = |name: &str| {
        scopes
            .iter()
            .any(|s| s.strip_prefix("https://www.googleapis.com/auth/") == Some(name))
    };
    // A wider scope covers a narrower one (Google's lists of scopes by API).
    let grants = match service {
        Service::Calendar => vec![
            Grant {
                key: "grant-calendar-read",
                granted: has("calendar"),
            },
            Grant {
                key: "grant-calendar-events",
                granted: has("calendar") || has("calendar.events"),
            },
        ],
        Service::Gmail => vec![
            Grant {
                key: "grant-gmail-read",
                granted: has("gmail.readonly"),
            },
            Grant {
                key: "grant-gmail-send",
                granted: has("gmail.send") || has("gmail.compose"),
            },
            Grant {
                key: "grant-gmail-compose",
                granted: has("gmail.compose"),
            },
        ],
        Service::Drive => vec![
            Grant {
                key: "grant-drive",
                granted: has("drive"),
            },
            Grant {
                key: "grant-docs",
                granted: has("drive") || has("documents"),
            },
        ],
    };
    ServiceView {
        id: service.as_str(),
        connected,
        expired: connected && expired,
        grants,
    }
}

/// The page of Google on which the person consents.
pub(crate) async fn begin(app: &App, user: UserId, services: Services) -> Result<Url, BeginError> {
    app.connections.begin(user, services).await
}

/// Completes a consent that this person came back from. What was begun is finished, and put on
/// record, also when the browser leaves meanwhile.
pub(crate) async fn complete(
    app: &App,
    principal: &Principal,
    query: CallbackQuery,
) -> Result<Connected, CallbackError> {
    let (here, user, caller) = (app.clone(), principal.user_id, principal.caller.label());
    let task = app.lifecycle.spawn(async move {
        let connected = here.connections.complete(user, query).await?;
        let act = Act {
            user,
            caller,
            action: "connection.connect",
            target: "google".to_owned(),
            detail: json!({
                "services": connected.services.to_string(),
                "declined": connected.declined.to_string(),
                "lost": connected.lost.to_string(),
            }),
        };
        record::after(&here, act).await;
        here.gateway.tools_changed(user);
        Ok(connected)
    });
    match task.await {
        Ok(Some(outcome)) => outcome,
        // The program stops.
        _ => Err(CallbackError::Storage(None)),
    }
}

/// Why nothing was disconnected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndError {
    #[error("nothing is done while the records can't be written")]
    Audit,
    #[error(transparent)]
    Disconnect(#[from] DisconnectError),
}

impl From<EndError> for ApiError {
    fn from(error: EndError) -> Self {
        let text = error.to_string();
        match error {
            EndError::Audit => Self::unavailable(text, record::PAUSE),
            EndError::Disconnect(DisconnectError::NotFound) => Self::not_found(text),
            EndError::Disconnect(error @ DisconnectError::Storage(_)) => {
                Self::internal(&error, "disconnecting Google")
            }
        }
    }
}

/// Disconnects these services and stops what runs with them.
pub(crate) async fn end(
    app: &App,
    principal: &Principal,
    services: Services,
) -> Result<Disconnected, EndError> {
    let user = principal.user_id;
    if app
        .connections
        .connection(user)
        .await
        .map_err(DisconnectError::from)?
        .is_none()
    {
        return Err(DisconnectError::NotFound.into());
    }
    let act = Act {
        user,
        caller: principal.caller.label(),
        action: "connection.disconnect",
        target: "google".to_owned(),
        detail: json!({ "services": services.to_string() }),
    };
    record::before(app, act.clone())
        .await
        .map_err(|_| EndError::Audit)?;
    let done = match app.connections.disconnect(user, services).await {
        Ok(done) => done,
        Err(error) => {
            record::refused(app, act).await;
            return Err(error.into());
        }
    };
    record::after(app, act).await;
    if done.remaining.is_empty() {
        app.gateway.stop_google(user).await;
    } else {
        for service in done.dropped.iter() {
            let key = PoolKey {
                owner: Owner::User(user),
                server: service.as_str().to_owned(),
            };
            app.gateway.pool().stop_server(&key).await;
        }
    }
    app.gateway.tools_changed(user);
    Ok(done)
}
