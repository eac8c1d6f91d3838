//! What servers leave behind. A server's children may outlive it, leave its process group and its session, and
//! become ours when it ends (Deputy is a subreaper). Here they are told from the processes that somebody
//! waits for, killed when no living server is theirs, and reaped.

use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::processes::Look;

/// Kills and reaps what the ended leader of `group` started.
pub(super) async fn bury(group: Pid) {
    let mut pause = Duration::from_millis(1);
    // a killed parent hands its children to us, so one look is not enough
    for _ in 0..12 {
        let left_in_group = killpg(group, Signal::SIGKILL).is_ok();
        let looked = tokio::task::spawn_blocking(move || end_left(&Look::new(), Some(group)));
        let Ok(found) = looked.await else {
            return;
        };
        if !left_in_group && !found {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
    tracing::warn!(%group, "a process of a server could not be killed; it is tried again");
}

/// Kills those that were left to us and are no living server's, that of `ended` among them, and reaps the dead;
/// whether there were any that are no living server's.
pub(super) fn end_left(look: &Look, ended: Option<Pid>) -> bool {
    let ended = ended.map(Pid::as_raw);
    let mut found = false;
    for process in look.left() {
        let owner = look.leader_of(process);
        let others = owner.is_some() && owner != ended;
        let pid = Pid::from_raw(process.pid);
        if !process.dead && !others {
            let _ = kill(pid, Signal::SIGKILL);
        }
        if process.dead || !others {
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        found |= !others;
    }
    found
}
