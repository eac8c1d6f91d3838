//! How much memory the servers use. A server that uses too much is killed with all it started, and its
//! person is told so.
//!
//! What counts is what is resident, of the whole process group, looked at now and then: a limit of address
//! space would kill Node, which reserves much more than it uses, and control groups are the
//! administrator's to hand out. Between two looks the confinement's limit of data per process holds.

use std::collections::HashMap;
use std::sync::Arc;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Inner;

/// One look at all servers.
pub(super) async fn look(inner: &Arc<Inner>) {
    let limit = inner.config.memory;
    if limit == 0 {
        return;
    }
    let children: Vec<_> = inner
        .seats
        .lock()
        .values()
        .filter_map(|seat| seat.child.get().cloned())
        .collect();
    if children.is_empty() {
        return;
    }
    let Ok(used) = tokio::task::spawn_blocking(by_group).await else {
        return;
    };
    for child in children {
        let Some(group) = child.pid.and_then(|pid| i32::try_from(pid).ok()) else {
            continue;
        };
        let bytes = used.get(&group).copied().unwrap_or(0);
        if bytes > limit {
            tracing::warn!(
                pid = child.pid,
                bytes,
                limit,
                "a server uses too much memory"
            );
            metrics::counter!("deputy_pool_memory_kills_total").increment(1);
            child.condemn(format!(
                "it used {} MiB of memory, more than the {} MiB that a server may use",
                bytes >> 20,
                limit >> 20
            ));
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

/// Resident bytes by process group. Nothing where there is no /proc.
fn by_group() -> HashMap<i32, u64> {
    let mut used = HashMap::new();
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(4096);
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return used;
    };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes()[0].is_ascii_digit() {
            continue;
        }
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some((group, pages)) = group_and_pages(&stat) {
            *used.entry(group).or_default() += pages * page;
        }
    }
    used
}

/// From proc_pid_stat(5): fields 5 and 24, where field 2 may hold anything.
fn group_and_pages(stat: &str) -> Option<(i32, u64)> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let group = fields.nth(2)?.parse().ok()?;
    let pages = fields.nth(18)?.parse().ok()?;
    Some((group, pages))
}

#[cfg(test)]
mod tests;
