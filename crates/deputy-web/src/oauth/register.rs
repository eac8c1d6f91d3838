//! `POST /oauth/register`: a program registers itself (RFC 7591).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use deputy_core::{Clock, Throttle};
use deputy_gateway::audit::Entry;
use deputy_identity::oauth::redirect;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Sent, answer, said};
use crate::view::ANYBODY;
use crate::{App, auth};

/// Most registrations that are put on record in an hour. Records are kept for ever, and whoever has
/// many addresses can register often: beyond this, they are counted.
const RECORDED: u32 = 60;

/// Most addresses of a program in a record.
const HOSTS: usize = 5;

/// Longest text of a program's in a record, in characters.
const TEXT: usize = 80;

/// Which registrations are put on record.
pub(crate) struct Registrations {
    recorded: Throttle<()>,
    left_out: AtomicU64,
}

impl Registrations {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            recorded: Throttle::new(RECORDED, Duration::from_hours(1), clock),
            left_out: AtomicU64::new(0),
        }
    }

    /// How many came before this one without a record; `None`: this one gets none either.
    fn next(&self) -> Option<u64> {
        if self.recorded.hit(&()).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

/// `POST /oauth/register`.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    let sent = match Sent::read(request).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    let address = auth::address(&sent.parts, &app);
    let registered = app
        .authorization
        .register(&sent.body, sent.content_type(), address);
    match registered.await {
        Ok(client) => {
            if let Some(left_out) = app.registrations().next() {
                let entry = entry(&client, &address.to_string(), left_out);
                app.gateway.audit().note(entry, None).await;
            }
            answer(StatusCode::CREATED, &client, None)
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            answer(status, &error.json(), error.retry_after)
        }
    }
}

/// What is on record of a registration: as much of a stranger's words as tells programs apart.
fn entry(client: &Value, address: &str, left_out: u64) -> Entry {
    let text = |name: &str| said(client[name].as_str().unwrap_or_default(), TEXT);
    let redirects = client["redirect_uris"].as_array();
    let hosts: Vec<String> = redirects
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .take(HOSTS)
        .map(|uri| said(&redirect::host_shown(uri), TEXT))
        .collect();
    let mut detail = json!({ "name": text("client_name"), "redirects": hosts, "address": address });
    if left_out > 0 {
        detail["others_before"] = left_out.into();
    }
    Entry {
        user: None,
        caller: ANYBODY.to_owned(),
        action: "client.register",
        target: text("client_id"),
        call_id: None,
        outcome: "ok".to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use deputy_core::SystemClock;

    use super::*;

    #[test]
    fn a_flood_of_registrations_is_counted_and_not_written_down() {
        let registrations = Registrations::new(Arc::new(SystemClock));
        for _ in 0..RECORDED {
            assert_eq!(registrations.next(), Some(0));
        }
        for _ in 0..5 {
            assert_eq!(registrations.next(), None);
        }
        assert_eq!(registrations.left_out.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn a_record_holds_little_of_what_a_stranger_says() {
        let client = json!({
            "client_id": "dpt_cl_x",
            "client_name": "x\u{202e}".repeat(5000),
            "redirect_uris": vec![format!("https://{}.example/", "a".repeat(200)); 100],
        });
        let entry = entry(&client, "203.0.113.7", 3);
        assert!(entry.detail.to_string().len() < 2500, "{}", entry.detail);
        assert!(!entry.detail.to_string().contains('\u{202e}'));
        assert_eq!(entry.detail["others_before"], 3);
        assert_eq!(entry.user, None);
    }
}
