//! What runs, for an administrator's eyes: `GET /api/v1/admin/pool`.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;

use super::slot::{Kind, Phase, Seat};
use super::{Inner, Slot};

/// The pool at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PoolStats {
    /// Processes, those that start or leave included.
    pub total_servers: usize,
    /// Servers in the network that are connected, likewise.
    pub http_servers: usize,
    /// Processes by the server's name.
    pub by_server: BTreeMap<String, usize>,
    /// Processes by the user's id, or `shared`.
    pub by_user: BTreeMap<String, usize>,
    /// All of them, and servers that wait after failures; by owner and name.
    pub servers: Vec<ServerStats>,
}

/// What a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// The handshake is under way.
    Starting,
    /// It takes calls.
    Running,
    /// It ends, maybe after its last call.
    Leaving,
    /// It failed and is not started again yet. There is no process.
    BackingOff,
}

/// Where a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// A process of ours.
    Process,
    /// In the network.
    Http,
    /// Not known any more: it does not run.
    Unknown,
}

/// One process or waiting server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerStats {
    /// The user's id, or `shared`.
    pub owner: String,
    /// The server's name.
    pub server: String,
    /// Whether it is a process.
    pub kind: ServerKind,
    /// The process.
    pub pid: Option<u32>,
    /// What it is doing.
    pub state: ServerState,
    /// When it was started.
    pub since: Option<Timestamp>,
    /// When its last call ended.
    pub last_used: Option<Timestamp>,
    /// Calls taken.
    pub calls: u64,
    /// Calls under way.
    pub in_flight: u32,
    /// How often this server was started again.
    pub restarts: u64,
    /// When it may start again.
    pub backoff_until: Option<Timestamp>,
    /// How often in a row it did not start, or ended soon.
    pub failures: u32,
    /// Resident memory of the process and all it started in bytes, where the system tells, as of the last look
    /// ([`Config::tick`](super::Config::tick)).
    pub rss_bytes: Option<u64>,
}

/// One server's state, as its person may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// What it is doing; nothing when it doesn't run and may be started.
    pub state: Option<ServerState>,
    /// When it was started.
    pub since: Option<Timestamp>,
    /// Calls under way.
    pub in_flight: u32,
    /// How often in a row it did not start, or ended soon.
    pub failures: u32,
    /// What happened the last time, if anything did.
    pub reason: Option<String>,
    /// When it may start again.
    pub backoff_until: Option<Timestamp>,
    /// The last lines it printed, also when it doesn't run any more; secrets are cut out.
    pub stderr_tail: String,
}

pub(super) fn of_slot(slot: &Slot, now: Timestamp) -> ServerStatus {
    let state = slot.state.lock();
    let backoff_until = state.backoff_until.filter(|until| *until > now);
    let child = match &state.phase {
        Phase::Running(child) => Some(child),
        _ => None,
    };
    ServerStatus {
        state: match &state.phase {
            Phase::Running(child) if child.is_leaving() => Some(ServerState::Leaving),
            Phase::Running(_) => Some(ServerState::Running),
            Phase::Starting(_) => Some(ServerState::Starting),
            Phase::Vacant | Phase::Gone => backoff_until.map(|_| ServerState::BackingOff),
        },
        since: child.map(|child| child.started),
        in_flight: child.map_or(0, |child| child.in_flight()),
        failures: state.failures,
        reason: Some(state.failed_for.clone()).filter(|reason| !reason.is_empty()),
        backoff_until,
        stderr_tail: child.map_or_else(|| state.printed.clone(), |child| child.ears().printed()),
    }
}

pub(super) fn collect(inner: &Inner) -> PoolStats {
    let mut stats = PoolStats::default();
    let seats: Vec<_> = inner.seats.lock().values().cloned().collect();
    // of the last look at all processes, which is no matter of a moment
    let used = inner.memory.lock().clone();
    for seat in seats {
        if seat.kind == Kind::Http {
            stats.http_servers += 1;
        } else {
            stats.total_servers += 1;
            let (server, owner) = (seat.key.server.clone(), seat.key.owner.to_string());
            *stats.by_server.entry(server).or_default() += 1;
            *stats.by_user.entry(owner).or_default() += 1;
        }
        stats.servers.push(of_seat(&seat, &used));
    }
    let now = inner.clock.now();
    let slots: Vec<_> = inner.slots.read().values().cloned().collect();
    stats
        .servers
        .extend(slots.iter().filter_map(|slot| of_waiting(slot, now)));
    stats
        .servers
        .sort_by(|a, b| (&a.owner, &a.server, a.pid).cmp(&(&b.owner, &b.server, b.pid)));
    stats
}

fn of_seat(seat: &Seat, used: &HashMap<i32, u64>) -> ServerStats {
    let child = seat.child.get();
    let (starts, failures, backoff_until) = {
        let state = seat.slot.state.lock();
        (state.starts, state.failures, state.backoff_until)
    };
    ServerStats {
        owner: seat.key.owner.to_string(),
        server: seat.key.server.clone(),
        kind: match seat.kind {
            Kind::Process => ServerKind::Process,
            Kind::Http => ServerKind::Http,
        },
        pid: child.and_then(|child| child.pid),
        state: match child {
            None => ServerState::Starting,
            Some(child) if child.is_leaving() => ServerState::Leaving,
            Some(_) => ServerState::Running,
        },
        since: Some(seat.since),
        last_used: child.map(|child| child.last_used()),
        calls: child.map_or(0, |child| child.calls()),
        in_flight: child.map_or(0, |child| child.in_flight()),
        restarts: starts.saturating_sub(1),
        backoff_until,
        failures,
        rss_bytes: child
            .and_then(|child| i32::try_from(child.pid?).ok())
            .and_then(|leader| used.get(&leader).copied()),
    }
}

fn of_waiting(slot: &Slot, now: Timestamp) -> Option<ServerStats> {
    let state = slot.state.lock();
    let until = state.backoff_until.filter(|until| *until > now)?;
    matches!(state.phase, Phase::Vacant).then(|| ServerStats {
        owner: slot.key.owner.to_string(),
        server: slot.key.server.clone(),
        kind: ServerKind::Unknown,
        pid: None,
        state: ServerState::BackingOff,
        since: None,
        last_used: None,
        calls: 0,
        in_flight: 0,
        restarts: state.starts.saturating_sub(1),
        backoff_until: Some(until),
        failures: state.failures,
        rss_bytes: None,
    })
}
