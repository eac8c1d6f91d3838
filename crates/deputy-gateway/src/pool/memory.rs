//! How much memory the servers use. A server that uses too much is killed with all it started, and its
//! person is told so.
//!
//! What counts is what is resident, of the server and all that came of it, looked at now and then: a limit of
//! address space would kill Node, which reserves much more than it uses, and control groups are the
//! administrator's to hand out. Between two looks the confinement's limit of data per process holds.

use std::sync::Arc;

use super::Inner;
use super::kin;
use super::processes::Look;

/// One look at all servers, which also ends what was left by those that are gone.
pub(super) async fn look(inner: &Arc<Inner>) {
    let limit = inner.config.memory;
    let children = inner.children();
    let looking = tokio::task::spawn_blocking(move || {
        let look = Look::new();
        kin::end_left(&look, None);
        look.memory()
    });
    let Ok(used) = looking.await else {
        return;
    };
    for child in children {
        let Some(leader) = child.pid.and_then(|pid| i32::try_from(pid).ok()) else {
            continue;
        };
        let bytes = used.get(&leader).copied().unwrap_or(0);
        if limit > 0 && bytes > limit {
            tracing::warn!(
                pid = child.pid,
                bytes,
                limit,
                "a server uses too much memory"
            );
            metrics::counter!("deputy_pool_memory_kills_total").increment(1);
            child.kill(format!(
                "it used {} MiB of memory, more than the {} MiB that a server may use",
                bytes >> 20,
                limit >> 20
            ));
        }
    }
    *inner.memory.lock() = used;
}
