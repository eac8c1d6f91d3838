//! The processes of this machine, as /proc shows them, and whose they are.
//!
//! A server's are those below its leader by parentage, and those that its leader's group or session still has:
//! each leader has a session of its own, which nobody can join. What left both and lost its parent is our
//! child (Deputy is a subreaper): it is known by the mark in its environment, if it kept that.

use std::collections::{HashMap, HashSet};

use nix::unistd::Pid;
use parking_lot::Mutex;

/// The processes that somebody waits for: those started here, with their marks. One list for the whole
/// program, because being a parent is the whole program's affair.
static LEADERS: Mutex<Vec<Leader>> = Mutex::new(Vec::new());

/// Children that the program had before it started any.
static PRIOR: Mutex<Option<HashSet<(i32, u64)>>> = Mutex::new(None);

struct Leader {
    pid: Pid,
    mark: String,
}

/// Starts a process, so that nobody takes it for a stranger before it is known.
pub(super) fn start<T>(
    mark: &str,
    start: impl FnOnce() -> std::io::Result<T>,
    pid: impl FnOnce(&T) -> Option<u32>,
) -> std::io::Result<T> {
    let mut leaders = LEADERS.lock();
    let started = start()?;
    if let Some(pid) = pid(&started).and_then(|pid| i32::try_from(pid).ok()) {
        leaders.push(Leader {
            pid: Pid::from_raw(pid),
            mark: mark.to_owned(),
        });
    }
    Ok(started)
}

pub(super) fn remove_leader(pid: Pid) {
    LEADERS.lock().retain(|leader| leader.pid != pid);
}

/// To be called before the first is started: what is our child now is none of a server's.
pub(super) fn note_prior() {
    let mut prior = PRIOR.lock();
    if prior.is_none() {
        let me = nix::unistd::getpid().as_raw();
        let all = read().into_iter().filter(|process| process.parent == me);
        *prior = Some(all.map(|process| (process.pid, process.since)).collect());
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) pid: i32,
    parent: i32,
    pub(super) group: i32,
    session: i32,
    /// When it was started.
    since: u64,
    /// Resident memory.
    pages: u64,
    pub(super) dead: bool,
}

impl Seen {
    /// From proc_pid_stat(5), where the second field may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let pid = stat.split(' ').next()?.parse().ok()?;
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..]
            .split_ascii_whitespace()
            .collect();
        let number = |field: usize| fields.get(field - 3)?.parse().ok();
        Some(Self {
            pid,
            parent: number(4)?,
            group: number(5)?,
            session: number(6)?,
            since: fields.get(22 - 3)?.parse().ok()?,
            pages: fields.get(24 - 3)?.parse().ok()?,
            dead: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

/// All processes. Nothing where there is no /proc.
fn read() -> Vec<Seen> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| Seen::parse(&stat))
        .collect()
}

fn mark_of(pid: i32) -> Option<String> {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let name = super::spawn::MARK.as_bytes();
    let mark = environ
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))?;
    String::from_utf8(mark.to_vec()).ok()
}

/// One look at all of them.
pub(super) struct Look {
    all: Vec<Seen>,
    /// The leaders that were there, with their marks.
    leaders: HashMap<i32, String>,
    me: i32,
    session: i32,
}

impl Look {
    pub(super) fn new() -> Self {
        // In this order: whose start we have seen is in the list, or has been waited for.
        let all = read();
        let leaders = LEADERS.lock();
        let leaders = leaders
            .iter()
            .map(|leader| (leader.pid.as_raw(), leader.mark.clone()))
            .collect();
        Self {
            all,
            leaders,
            me: nix::unistd::getpid().as_raw(),
            session: nix::unistd::getsid(None).map_or(0, Pid::as_raw),
        }
    }

    pub(super) fn is_leader(&self, pid: i32) -> bool {
        self.leaders.contains_key(&pid)
    }

    /// Our children that somebody's server left to us: no leaders, nobody's whom the program started itself.
    pub(super) fn left(&self) -> impl Iterator<Item = &Seen> {
        let prior = PRIOR.lock().clone().unwrap_or_default();
        self.all.iter().filter(move |process| {
            process.parent == self.me
                && !self.is_leader(process.pid)
                && process.session != self.session
                && !prior.contains(&(process.pid, process.since))
        })
    }

    /// The leader whose group, session or mark one has that was left to us.
    pub(super) fn leader_of(&self, left: &Seen) -> Option<i32> {
        let leader = |pid: i32| self.is_leader(pid).then_some(pid);
        leader(left.session)
            .or_else(|| leader(left.group))
            .or_else(|| {
                let mark = mark_of(left.pid)?;
                let mut leaders = self.leaders.iter();
                leaders.find_map(|(pid, known)| (*known == mark).then_some(*pid))
            })
    }

    /// Resident bytes by leader, of the leader and all that is its.
    pub(super) fn memory(&self) -> HashMap<i32, u64> {
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
            .ok()
            .flatten()
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(4096);
        let by_pid: HashMap<i32, &Seen> = self.all.iter().map(|seen| (seen.pid, seen)).collect();
        let mut owners: HashMap<i32, Option<i32>> = HashMap::new();
        let mut used = HashMap::new();
        for process in &self.all {
            let mut way = Vec::new();
            let mut at = process;
            let owner = loop {
                if let Some(known) = owners.get(&at.pid) {
                    break *known;
                }
                if self.is_leader(at.pid) {
                    break Some(at.pid);
                }
                way.push(at.pid);
                if at.parent == self.me {
                    break self.leader_of(at);
                }
                match by_pid.get(&at.parent) {
                    // what is looked at one after the other may form a ring
                    Some(parent) if way.len() < self.all.len() => at = parent,
                    _ => break None,
                }
            };
            owners.extend(way.into_iter().map(|pid| (pid, owner)));
            if let Some(owner) = owner {
                *used.entry(owner).or_default() += process.pages * page;
            }
        }
        used
    }
}

#[cfg(test)]
mod tests;
