//! What `/metrics` shows of calls to servers and of the state of things.
//!
//! Labels have few values: a service is one of ours or a kind of server, never the name or id that
//! somebody gave to theirs, and methods are those of MCP.

use std::collections::BTreeMap;
use std::time::Duration;

use deputy_store::own_server::OwnServer;

use crate::Gateway;
use crate::breaker::State;
use crate::pool::{ServerState, UpstreamError};

/// What a person's own server is counted under: people's own names would be without number.
pub(crate) fn own(server: &OwnServer) -> String {
    format!("own:{}", server.server_type)
}

/// Whether a failure is one of a request to a server: not where nothing was asked of it because of what is ours or the
/// caller's.
pub(crate) fn concerns(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::NotStarted { .. }
        | UpstreamError::Died { .. }
        | UpstreamError::Timeout { .. }
        | UpstreamError::Protocol { .. }
        | UpstreamError::Rpc { .. }
        | UpstreamError::Unauthorized { .. }
        | UpstreamError::Forbidden
        | UpstreamError::RateLimited { .. }
        | UpstreamError::Unavailable { .. } => true,
        UpstreamError::Cancelled
        | UpstreamError::TooLarge { .. }
        | UpstreamError::Busy { .. }
        | UpstreamError::BackingOff { .. }
        | UpstreamError::ShuttingDown => false,
    }
}

/// Counts a request to a server.
pub(crate) fn mcp_request(service: &str, method: &'static str, good: bool, took: Duration) {
    let labels = [
        ("service", service.to_owned()),
        ("method", method.to_owned()),
        ("status", if good { "success" } else { "error" }.to_owned()),
    ];
    metrics::counter!("mcp_requests_total", &labels).increment(1);
    metrics::histogram!("mcp_request_duration_seconds", &labels).record(took.as_secs_f64());
}

impl Gateway {
    /// Brings the gauges up to date: called when somebody is about to look at them.
    pub fn refresh_gauges(&self) {
        let stats = self.pool().stats();
        count(
            &metrics::gauge!("deputy_pool_processes"),
            stats.total_servers,
        );
        let mut servers: BTreeMap<&str, usize> = [
            ServerState::Starting,
            ServerState::Running,
            ServerState::Leaving,
            ServerState::BackingOff,
        ]
        .map(|state| (word(state), 0))
        .into();
        for server in &stats.servers {
            *servers.entry(word(server.state)).or_default() += 1;
        }
        for (state, number) in servers {
            count(
                &metrics::gauge!("deputy_pool_servers", "state" => state.to_owned()),
                number,
            );
        }
        let (mut open, mut half_open) = (0, 0);
        for breaker in self.breakers().views() {
            match breaker.state {
                State::Closed => {}
                State::HalfOpen => half_open += 1,
                State::Open => open += 1,
            }
        }
        count(&metrics::gauge!("deputy_breakers", "state" => "open"), open);
        count(
            &metrics::gauge!("deputy_breakers", "state" => "half_open"),
            half_open,
        );
        count(
            &metrics::gauge!("deputy_audit_waiting"),
            self.audit().waiting(),
        );
    }
}

fn count(gauge: &metrics::Gauge, number: usize) {
    gauge.set(f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
}

fn word(state: ServerState) -> &'static str {
    match state {
        ServerState::Starting => "starting",
        ServerState::Running => "running",
        ServerState::Leaving => "leaving",
        ServerState::BackingOff => "backing_off",
    }
}
