//! Telling the administrators that something is critical, and that it is over.
//!
//! An alert goes to the log and, where one is configured, to a webhook. It is sent once per episode: a
//! reminder comes after [`REMIND`] at the earliest, and an episode ends only when three looks in a row
//! found nothing critical, so that something that comes and goes rings once ([`Episode`], pure).
//!
//! Replicas over one database send one webhook message together: who sends holds a lease for as long as
//! a reminder would take. When the database itself is what is gone nobody can ask for the lease, and
//! each replica speaks for itself.
//!
//! The webhook's URL may carry a secret: it is never logged, and neither is what the receiver answers.

use std::time::Duration;

use deputy_core::{Secret, http};
use deputy_store::Engine;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::health::{Health, Level};
use crate::{Gateway, signed};

#[cfg(test)]
mod tests;

/// The earliest reminder of an episode that lasts.
pub const REMIND: Duration = Duration::from_hours(6);
/// Looks in a row without anything critical that end an episode.
const CALM: u32 = 3;
/// How long the webhook may take.
const WEBHOOK_ANSWERS: Duration = Duration::from_secs(5);
/// Pauses between the attempts to reach it.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
];
const LEASE: &str = "health-alert";

/// Where alerts go.
#[derive(Clone, Default)]
pub struct Config {
    /// A URL that takes JSON by POST; trusted as the administrator's own.
    pub webhook: Option<Secret<String>>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("webhook", &self.webhook.is_some())
            .finish()
    }
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// It has become critical.
    Critical,
    /// It still is, after [`REMIND`].
    StillCritical,
    /// It no longer is.
    Recovered,
}

/// The time from the first critical look to the third calm one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Episode {
    /// None.
    None,
    /// One is on.
    On {
        since: Timestamp,
        told: Timestamp,
        calm: u32,
    },
}

impl Episode {
    /// Takes the next look; what is to be told, if anything.
    pub(crate) fn look(&mut self, level: Level, now: Timestamp) -> Option<Event> {
        match self {
            Self::None if level == Level::Critical => {
                *self = Self::On {
                    since: now,
                    told: now,
                    calm: 0,
                };
                Some(Event::Critical)
            }
            Self::None => None,
            Self::On { told, calm, .. } if level == Level::Critical => {
                *calm = 0;
                let due = now.duration_since(*told) >= signed(REMIND);
                if due {
                    *told = now;
                }
                due.then_some(Event::StillCritical)
            }
            Self::On { calm, .. } => {
                *calm += 1;
                if *calm < CALM {
                    return None;
                }
                *self = Self::None;
                Some(Event::Recovered)
            }
        }
    }

    fn since(&self) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::On { since, .. } => Some(*since),
        }
    }
}

/// The state of the telling.
pub(crate) struct Alerts {
    episode: Episode,
    /// Names this process among replicas.
    holder: String,
    client: Option<reqwest::Client>,
}

impl Gateway {
    pub(crate) async fn alerts(&self) -> Alerts {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let mut episode = Episode::None;
        let holder = if parts.store.engine() == Engine::Sqlite {
            // One process: the one after a restart goes on where this one ends.
            if parts.store.lease_held(LEASE, now).await.unwrap_or(false) {
                episode = Episode::On {
                    since: now,
                    told: now,
                    calm: 0,
                };
            }
            "sqlite".to_owned()
        } else {
            hex::encode(deputy_core::random::bytes::<16>(&*parts.rng))
        };
        let limits = http::Limits {
            connect: WEBHOOK_ANSWERS,
            total: WEBHOOK_ANSWERS,
        };
        Alerts {
            episode,
            holder,
            client: self
                .inner
                .config
                .alerts
                .webhook
                .as_ref()
                .and_then(|_| http::trusted(limits).ok()),
        }
    }

    /// Takes a look at the health and tells what is to be told. Does not wait for the webhook.
    pub(crate) async fn tell(&self, alerts: &mut Alerts, health: &Health) {
        let now = health.checked_at;
        let before = alerts.episode.since();
        let Some(event) = alerts.episode.look(health.level, now) else {
            return;
        };
        let since = alerts.episode.since().or(before).unwrap_or(now);
        let text = text(event, health);
        match event {
            Event::Recovered => tracing::warn!(%since, "{text}"),
            Event::Critical | Event::StillCritical => tracing::error!(%since, "{text}"),
        }
        metrics::counter!("deputy_alerts_total").increment(1);
        let (Some(client), Some(url)) = (&alerts.client, &self.inner.config.alerts.webhook) else {
            return;
        };
        if !self.is_mine_to_send(event, &alerts.holder, now).await {
            return;
        }
        let body = json!({
            "event": event,
            "text": text,
            "installation": self.inner.config.public_url.as_str().trim_end_matches('/'),
            "level": health.level,
            "since": since,
            "at": now,
            "components": health.components.iter().map(|c| json!({
                "component": c.component,
                "level": c.level,
                "message": c.message,
            })).collect::<Vec<_>>(),
        });
        let (client, url) = (client.clone(), url.clone());
        let soft = self.inner.parts.lifecycle.soft().clone();
        self.inner.parts.lifecycle.spawn(
            soft.run_until_cancelled_owned(async move { deliver(&client, &url, &body).await }),
        );
    }

    /// Whether this replica is the one that tells the webhook.
    async fn is_mine_to_send(&self, event: Event, holder: &str, now: Timestamp) -> bool {
        let store = &self.inner.parts.store;
        let asked = async {
            if event == Event::Recovered {
                let mine = store.lease_holder(LEASE, now).await?.as_deref() == Some(holder);
                if mine {
                    store.lease_release(LEASE, holder).await?;
                }
                return deputy_store::Result::Ok(mine);
            }
            // A little shorter, so that its own reminder finds it free even by another clock.
            let until = now + signed(REMIND.saturating_sub(Duration::from_mins(2)));
            store.lease_take(LEASE, holder, now, until).await
        };
        match tokio::time::timeout(WEBHOOK_ANSWERS, asked).await {
            Ok(Ok(mine)) => mine,
            // Better twice than never.
            Ok(Err(_)) | Err(_) => true,
        }
    }
}

fn text(event: Event, health: &Health) -> String {
    let what: Vec<_> = health
        .components
        .iter()
        .filter(|component| component.level == Level::Critical)
        .map(|component| format!("{}: {}", component.component, component.message))
        .collect();
    match event {
        Event::Critical => format!("Deputy is in a critical state. {}", what.join("; ")),
        Event::StillCritical => format!("Deputy is still in a critical state. {}", what.join("; ")),
        Event::Recovered => format!(
            "Deputy is no longer in a critical state; it is {} now.",
            health.level.as_str()
        ),
    }
}

/// Posts until it is taken, a few times.
async fn deliver(client: &reqwest::Client, url: &Secret<String>, body: &serde_json::Value) {
    for attempt in 0..=PAUSES.len() {
        let answer = client.post(url.expose().as_str()).json(body).send().await;
        let refused = match answer {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => format!("HTTP status {}", answer.status().as_u16()),
            Err(error) => error.without_url().to_string(),
        };
        let Some(pause) = PAUSES.get(attempt) else {
            tracing::error!(refused, "an alert could not be delivered to the webhook");
            return;
        };
        tracing::warn!(
            refused,
            ?pause,
            "the alert webhook did not take an alert; trying again"
        );
        tokio::time::sleep(*pause).await;
    }
}
