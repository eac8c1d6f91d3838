//! Where the browser comes back to: `http://localhost:8181/callback` on this machine (RFC 8252 section 7.3).
//!
//! A browser may take `localhost` for 127.0.0.1 or for ::1, so both are listened on, at one port: if another program has
//! one of the two, the next port is taken, or that program would get the code. Any page in the browser can send it here
//! with what it likes; so what doesn't carry this login's `state` is answered with an error and changes nothing. The
//! first answer that does is the only one, and its page says what really became of it.

mod page;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::get;
use deputy_core::{Lifecycle, Secret};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::consent::answer::parameter;
use page::Said;

pub(super) use page::Outcome;

/// The port that is tried first.
const FIRST: u16 = 8181;
/// How many after it, before any port will do.
const TRIES: u16 = 20;
/// How long a page may wait for what becomes of the login.
const PAGE: Duration = Duration::from_mins(1);

/// What the browser brought: the query, and the way to tell its person what became of it.
pub(super) struct Arrival {
    pub(super) query: Secret<String>,
    pub(super) tell: oneshot::Sender<Outcome>,
}

/// A listener for one login.
pub(super) struct Callback {
    port: u16,
    arrival: oneshot::Receiver<Arrival>,
    lifecycle: Lifecycle,
}

struct Door {
    state: Secret<String>,
    /// Taken by the first answer.
    first: Mutex<Option<oneshot::Sender<Arrival>>>,
}

impl Callback {
    /// Begins to listen for the answer that carries `state`.
    pub(super) async fn listen(state: &Secret<String>) -> io::Result<Self> {
        Self::listen_from(FIRST, state).await
    }

    async fn listen_from(first: u16, state: &Secret<String>) -> io::Result<Self> {
        let (port, listeners) = bind(first).await?;
        let (sender, arrival) = oneshot::channel();
        let door = Arc::new(Door {
            state: state.clone(),
            first: Mutex::new(Some(sender)),
        });
        let router = Router::new()
            .route("/callback", get(answer))
            .fallback(|headers: HeaderMap| async move { Said::NothingHere.page(&headers) })
            .with_state(door);
        let lifecycle = Lifecycle::new();
        for listener in listeners {
            let stop = lifecycle.soft().clone().cancelled_owned();
            let serving = axum::serve(listener, router.clone()).with_graceful_shutdown(stop);
            lifecycle.spawn(async move { serving.await });
        }
        Ok(Self {
            port,
            arrival,
            lifecycle,
        })
    }

    /// The address that the server is to send the browser to.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://localhost:{}/callback", self.port)
    }

    /// The answer; waits for it.
    pub(super) async fn arrival(&mut self) -> io::Result<Arrival> {
        (&mut self.arrival)
            .await
            .map_err(|_| io::Error::other("the listener ended"))
    }

    /// Ends the listener, after the page that is on its way.
    pub(super) async fn close(self) {
        self.lifecycle.stop(Duration::from_secs(2)).await;
    }
}

/// The first port from `first` on that is free on both loopback addresses.
async fn bind(first: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    let tries = (first..=first.saturating_add(TRIES)).chain([0, 0, 0]);
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in tries {
        let v4 = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => listener,
            Err(error) => {
                last = error;
                continue;
            }
        };
        let port = v4.local_addr()?.port();
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(v6) => return Ok((port, vec![v4, v6])),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            // no IPv6 on this machine
            Err(_) => return Ok((port, vec![v4])),
        }
    }
    Err(last)
}

async fn answer(
    State(door): State<Arc<Door>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let said = if method == Method::GET {
        outcome(&door, query.unwrap_or_default()).await
    } else {
        Said::NotLikeThat
    };
    said.page(&headers)
}

/// Hands the answer over, and waits for what becomes of it.
async fn outcome(door: &Door, query: String) -> Said {
    let state = parameter(&query, "state");
    if !matches!(state, Ok(Some(state)) if state == *door.state.expose()) {
        return Said::AnotherLogin;
    }
    let Some(first) = door.first.lock().take() else {
        return Said::AnsweredAlready;
    };
    let (tell, told) = oneshot::channel();
    let query = Secret::new(query);
    if first.send(Arrival { query, tell }).is_err() {
        return Said::GivenUp;
    }
    match tokio::time::timeout(PAGE, told).await {
        Ok(Ok(outcome)) => Said::Outcome(outcome),
        _ => Said::NotKnownYet,
    }
}

#[cfg(test)]
mod tests;
