//! What servers leave behind. A server's children may outlive it, leave its process group, and become
//! ours when it ends (Deputy is a subreaper). Here they are told from the processes that somebody waits
//! for, killed when their server ended, and reaped.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use parking_lot::Mutex;

/// The processes that somebody waits for: those started here. One list for the whole program, because
/// being a parent is the whole program's affair.
static LEADERS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

pub(super) fn add_leader(pid: Pid) {
    LEADERS.lock().push(pid);
}

pub(super) fn remove_leader(pid: Pid) {
    LEADERS.lock().retain(|leader| *leader != pid);
}

/// A child of ours as /proc shows it.
struct Kin {
    pid: Pid,
    group: Pid,
    dead: bool,
}

/// All children of this process. Nothing where there is no /proc.
fn children() -> Vec<Kin> {
    let me = nix::unistd::getpid();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // proc_pid_stat(5): pid (comm) state ppid pgrp …, where comm may hold anything
            let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
            let dead = matches!(fields.next()?, "Z" | "X");
            let parent: i32 = fields.next()?.parse().ok()?;
            let group: i32 = fields.next()?.parse().ok()?;
            (parent == me.as_raw()).then(|| Kin {
                pid: Pid::from_raw(pid),
                group: Pid::from_raw(group),
                dead,
            })
        })
        .collect()
}

fn is_marked(pid: Pid, mark: &str) -> bool {
    let wanted = format!("{}={mark}", super::spawn::MARK);
    std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
        environ
            .split(|b| *b == 0)
            .any(|variable| variable == wanted.as_bytes())
    })
}

/// Kills and reaps what the ended leader of `group` started, found by the group or by `mark`.
pub(super) async fn bury(group: Pid, mark: &str) {
    let mut pause = Duration::from_millis(1);
    let mut grave = Grave {
        group,
        mark: mark.to_owned(),
        marked: HashSet::new(),
    };
    // a killed parent hands its children to us, so one look is not enough
    for _ in 0..12 {
        let left_in_group = killpg(group, Signal::SIGKILL).is_ok();
        let Ok((found, back)) = tokio::task::spawn_blocking(move || (grave.look(), grave)).await
        else {
            return;
        };
        grave = back;
        if !left_in_group && !found {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
    tracing::warn!(%group, "a process of a server could not be killed");
}

/// What is known of one server's kin.
struct Grave {
    group: Pid,
    mark: String,
    /// Those outside the group: once dead, they show no mark.
    marked: HashSet<Pid>,
}

impl Grave {
    /// Kills and reaps those that are our children now; whether there were any.
    fn look(&mut self) -> bool {
        let leaders: HashSet<Pid> = LEADERS.lock().iter().copied().collect();
        let mut found = false;
        for kin in children() {
            // the group's own leader was waited for before; others' leaders are others' to wait for
            if leaders.contains(&kin.pid) && kin.pid != self.group {
                continue;
            }
            if kin.group != self.group {
                if !kin.dead && is_marked(kin.pid, &self.mark) {
                    self.marked.insert(kin.pid);
                }
                if !self.marked.contains(&kin.pid) {
                    continue;
                }
            }
            found = true;
            if !kin.dead {
                let _ = kill(kin.pid, Signal::SIGKILL);
            }
            let _ = waitpid(kin.pid, Some(WaitPidFlag::WNOHANG));
        }
        found
    }
}

/// Reaps the dead that came to us from servers that still run. A dead child of an unknown group may be
/// somebody's who has not got round to waiting for it: it is reaped when it was seen dead before.
#[derive(Default)]
pub(super) struct Undertaker {
    seen: HashMap<Pid, Pid>,
}

impl Undertaker {
    /// One look; how many were reaped.
    pub(super) fn look(&mut self) -> usize {
        let leaders: HashSet<Pid> = LEADERS.lock().iter().copied().collect();
        let mut unknown = HashMap::new();
        let mut reaped = 0;
        for kin in children()
            .into_iter()
            .filter(|kin| kin.dead && !leaders.contains(&kin.pid))
        {
            if leaders.contains(&kin.group) || self.seen.get(&kin.pid) == Some(&kin.group) {
                reaped += usize::from(waitpid(kin.pid, Some(WaitPidFlag::WNOHANG)).is_ok());
            } else {
                unknown.insert(kin.pid, kin.group);
            }
        }
        self.seen = unknown;
        reaped
    }
}
