//! Telling the administrators that something is critical, and that it is over.
//!
//! An alert goes to the log and, where one is configured, to a webhook. It is sent once per episode and component: a
//! reminder comes after [`REMIND`] at the earliest, and an episode ends only when three looks in a row
//! found nothing critical, so that something that comes and goes rings once ([`Episode`], pure).
//!
//! Replicas over one database send one webhook message together: who sends holds a lease for each component, for as
//! long as a reminder would take. Whoever first sees that it is over takes the leases away, and says so: the process
//! that had them may be gone. When the database itself is what is gone nobody can ask for the lease, and
//! each replica speaks for itself. A message that nobody took is told with each look again.
//!
//! The webhook's URL may carry a secret: it is never logged, and neither is what the receiver answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Secret, http};
use deputy_store::Engine;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;

use crate::health::{COMPONENTS, Health, Level};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Episode {
    /// None.
    None,
    /// One is on.
    On {
        since: Timestamp,
        told: Timestamp,
        calm: u32,
        /// The components that were critical in it.
        about: BTreeSet<&'static str>,
    },
}

impl Episode {
    /// Takes the next look, at which these components are critical; what is to be told of which of them, if anything.
    pub(crate) fn look(
        &mut self,
        critical: &BTreeSet<&'static str>,
        now: Timestamp,
    ) -> Option<(Event, BTreeSet<&'static str>)> {
        match self {
            Self::None if critical.is_empty() => None,
            Self::None => {
                *self = Self::On {
                    since: now,
                    told: now,
                    calm: 0,
                    about: critical.clone(),
                };
                Some((Event::Critical, critical.clone()))
            }
            Self::On {
                told, calm, about, ..
            } if !critical.is_empty() => {
                *calm = 0;
                let new: BTreeSet<_> = critical.difference(about).copied().collect();
                if !new.is_empty() {
                    about.extend(&new);
                    *told = now;
                    return Some((Event::Critical, new));
                }
                let due = now.duration_since(*told) >= signed(REMIND);
                if due {
                    *told = now;
                }
                due.then(|| (Event::StillCritical, about.clone()))
            }
            Self::On { calm, about, .. } => {
                *calm += 1;
                if *calm < CALM {
                    return None;
                }
                let about = std::mem::take(about);
                *self = Self::None;
                Some((Event::Recovered, about))
            }
        }
    }

    fn since(&self) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::On { since, .. } => Some(*since),
        }
    }

    /// What has to be sent again that could not be delivered, if it still holds.
    fn again(&self, undelivered: Event) -> Option<(Event, BTreeSet<&'static str>)> {
        match (self, undelivered) {
            (Self::None, Event::Recovered) => Some((undelivered, BTreeSet::new())),
            (Self::On { about, .. }, Event::Critical | Event::StillCritical) => {
                Some((undelivered, about.clone()))
            }
            _ => None,
        }
    }
}

/// The state of the telling.
pub(crate) struct Alerts {
    episode: Episode,
    /// Names this process among replicas.
    holder: String,
    client: Option<reqwest::Client>,
    pauses: &'static [Duration],
    /// It told without a lease, or what it told did not arrive: that it is over it tells without one too.
    alone: bool,
    /// What could not be delivered.
    undelivered: Arc<Mutex<Option<Event>>>,
}

impl Gateway {
    pub(crate) async fn alerts(&self) -> Alerts {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        // The process after a restart goes on where the one before it ended.
        let mut about = BTreeSet::new();
        for component in COMPONENTS {
            if let Ok(true) = parts.store.lease_held(&lease(component), now).await {
                about.insert(component);
            }
        }
        let episode = if about.is_empty() {
            Episode::None
        } else {
            Episode::On {
                since: now,
                told: now,
                calm: 0,
                about,
            }
        };
        let holder = if parts.store.engine() == Engine::Sqlite {
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
            pauses: &PAUSES,
            alone: false,
            undelivered: Arc::default(),
        }
    }

    /// Takes a look at the health and tells what is to be told. Does not wait for the webhook.
    pub(crate) async fn tell(&self, alerts: &mut Alerts, health: &Health) {
        let now = health.checked_at;
        let before = alerts.episode.since();
        let news = alerts.episode.look(&health.critical(), now);
        let since = alerts.episode.since().or(before).unwrap_or(now);
        if let Some((event, _)) = &news {
            let text = text(*event, health);
            match event {
                Event::Recovered => tracing::warn!(%since, "{text}"),
                Event::Critical | Event::StillCritical => tracing::error!(%since, "{text}"),
            }
            metrics::counter!("deputy_alerts_total").increment(1);
        }
        let (Some(client), Some(url)) = (&alerts.client, &self.inner.config.alerts.webhook) else {
            return;
        };
        let undelivered = alerts.undelivered.lock().take();
        alerts.alone |= undelivered.is_some();
        let again = undelivered.and_then(|event| alerts.episode.again(event));
        let (event, about, pauses) = match (news, again) {
            // With all that nobody heard of.
            (Some((event, _)), Some((_, about))) | (Some((event, about)), None) => {
                (event, about, alerts.pauses)
            }
            // At the next look there is the next try.
            (None, Some((event, about))) => (event, about, &[][..]),
            (None, None) => return,
        };
        let (client, url) = (client.clone(), url.clone());
        if !self.is_mine_to_send(event, &about, alerts, now).await {
            return;
        }
        let body = json!({
            "event": event,
            "text": text(event, health),
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
        let parts = &self.inner.parts;
        let (store, soft) = (parts.store.clone(), parts.lifecycle.soft().clone());
        let (holder, undelivered) = (alerts.holder.clone(), Arc::clone(&alerts.undelivered));
        parts.lifecycle.spawn(async move {
            let delivery = deliver(&client, &url, &body, pauses);
            if soft.run_until_cancelled(delivery).await == Some(true) {
                return;
            }
            // Nobody heard of it: whoever comes next, of the replicas or after a restart, tells it.
            if event != Event::Recovered {
                for component in about {
                    if let Err(error) = store.lease_release(&lease(component), &holder).await {
                        tracing::debug!(%error, "the lease of an alert could not be given back");
                    }
                }
            }
            *undelivered.lock() = Some(event);
        });
    }

    /// Whether this replica is the one that tells the webhook.
    async fn is_mine_to_send(
        &self,
        event: Event,
        about: &BTreeSet<&'static str>,
        alerts: &mut Alerts,
        now: Timestamp,
    ) -> bool {
        let store = &self.inner.parts.store;
        let asked = async {
            let mut mine = false;
            for component in about {
                let name = lease(component);
                mine |= if event == Event::Recovered {
                    // Whoever told that it began may be gone.
                    store.lease_remove(&name).await?
                } else {
                    // A little shorter, so that its own reminder finds it free even by another clock.
                    let until = now + signed(REMIND.saturating_sub(Duration::from_mins(2)));
                    store.lease_take(&name, &alerts.holder, now, until).await?
                };
            }
            Ok::<_, deputy_store::Error>(mine)
        };
        let asked = tokio::time::timeout(WEBHOOK_ANSWERS, asked).await;
        let over = event == Event::Recovered;
        if let Ok(Ok(mine)) = asked {
            let alone = std::mem::take(&mut alerts.alone);
            return mine || over && alone;
        }
        // Better twice than never.
        alerts.alone = !over;
        true
    }
}

/// The lease under which it is told that a component is critical.
fn lease(component: &str) -> String {
    format!("{LEASE}:{component}")
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

/// Posts until it is taken, once and after each of the pauses; false: it was not.
async fn deliver(
    client: &reqwest::Client,
    url: &Secret<String>,
    body: &serde_json::Value,
    pauses: &[Duration],
) -> bool {
    for attempt in 0..=pauses.len() {
        let answer = client.post(url.expose().as_str()).json(body).send().await;
        let refused = match answer {
            Ok(answer) if answer.status().is_success() => return true,
            Ok(answer) => format!("HTTP status {}", answer.status().as_u16()),
            Err(error) => error.without_url().to_string(),
        };
        let Some(pause) = pauses.get(attempt) else {
            tracing::error!(
                refused,
                "an alert could not be delivered to the webhook; it is tried again with the next look"
            );
            return false;
        };
        tracing::warn!(
            refused,
            ?pause,
            "the alert webhook did not take an alert; trying again"
        );
        tokio::time::sleep(*pause).await;
    }
    false
}
