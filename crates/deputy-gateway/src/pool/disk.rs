//! How much of the disk servers fill with what they keep in their homes: caches, downloads, whatever they write. A
//! server that fills too much is killed, and its person is told so: on a full disk nothing works any more, for nobody.
//!
//! No quota of the file system is there for everybody to set, so the homes of running servers are counted. That is not
//! done for nothing: only for a server that was just started, and when the disk has less room than at the last count.
//! Between two looks the confinement's limit of a file's size holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Inner;
use super::child::Child;

/// So much less room makes homes be counted again, in bytes.
const LESS: u64 = 64 << 20;
/// What a file of any size counts: there are only so many of them on a disk, too.
const EACH: u64 = 4096;

/// The room on the disk of each home when it was last counted, in bytes.
pub(super) type Room = HashMap<PathBuf, u64>;

/// One look at all servers with a home.
pub(super) async fn look(inner: &Arc<Inner>) {
    let limit = inner.config.disk;
    // one at a time
    let Ok(mut room) = inner.room.try_lock() else {
        return;
    };
    if limit == 0 {
        return;
    }
    let mut homes: HashMap<PathBuf, Vec<Arc<Child>>> = HashMap::new();
    for child in inner.children() {
        if let Some(home) = &child.home {
            homes.entry(home.clone()).or_default().push(child);
        }
    }
    let mut known = std::mem::take(&mut *room);
    known.retain(|home, _| homes.contains_key(home));
    let all: Vec<_> = homes.keys().cloned().collect();
    let counting = tokio::task::spawn_blocking(move || {
        let full: Vec<_> = all
            .into_iter()
            .filter(|home| may_have_grown(&mut known, home, limit) && is_over(home, limit))
            .collect();
        (full, known)
    });
    let Ok((full, known)) = counting.await else {
        return;
    };
    *room = known;
    for child in full.iter().filter_map(|home| homes.get(home)).flatten() {
        tracing::warn!(pid = child.pid, limit, "a server fills the disk");
        metrics::counter!("deputy_pool_disk_kills_total").increment(1);
        child.kill(format!(
            "it keeps more than the {} MiB of files that a server may keep",
            limit >> 20
        ));
    }
}

/// Whether `home` has to be counted.
fn may_have_grown(known: &mut Room, home: &Path, limit: u64) -> bool {
    let Ok(disk) = nix::sys::statvfs::statvfs(home) else {
        return false;
    };
    // not everywhere of the same width
    let free = u128::from(disk.blocks_available()) * u128::from(disk.fragment_size());
    let free = u64::try_from(free).unwrap_or(u64::MAX);
    match known.get_mut(home) {
        Some(before) if free.saturating_add(LESS.min(limit / 8)) >= *before => {
            // what others gave back is not this one's to take unseen
            *before = free.max(*before);
            false
        }
        _ => {
            known.insert(home.to_owned(), free);
            true
        }
    }
}

/// Whether there is more than `limit` in `home`. Links are not followed, and what disappears meanwhile does not count.
fn is_over(home: &Path, limit: u64) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let mut sum = 0_u64;
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        // of the entry itself, not of what a link leads to
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else {
                continue;
            };
            sum = sum.saturating_add((about.blocks() * 512).max(EACH));
            if sum > limit {
                return true;
            }
            if about.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_links_lead_to_is_not_counted_and_empty_files_are() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("big"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink(other.path(), home.path().join("way-out")).unwrap();
        std::os::unix::fs::symlink(home.path(), home.path().join("round")).unwrap();
        assert!(!is_over(home.path(), 256 << 10));
        for n in 0..64 {
            std::fs::write(home.path().join(n.to_string()), "").unwrap();
        }
        assert!(is_over(home.path(), 128 << 10));
        assert!(!is_over(home.path(), 1 << 20));
        std::fs::create_dir(home.path().join("deep")).unwrap();
        std::fs::write(home.path().join("deep/big"), vec![1; 1 << 20]).unwrap();
        assert!(is_over(home.path(), 1 << 20));
    }

    #[test]
    fn a_home_is_counted_when_it_is_new_and_when_there_is_less_room() {
        let home = tempfile::tempdir().unwrap();
        let mut known = Room::new();
        assert!(may_have_grown(&mut known, home.path(), 1 << 40));
        assert!(!may_have_grown(&mut known, home.path(), 1 << 40));
        *known.get_mut(home.path()).unwrap() += 1 << 40;
        assert!(may_have_grown(&mut known, home.path(), 1 << 40));
    }
}
