//! What a server reaches, level by level.

use std::collections::BTreeMap;

use deputy_jail::{Level, Network};

use crate::able;
use crate::world::World;

const FILES: &[&str] = &[
    "read",
    "list",
    "root",
    "write",
    "overwrite",
    "truncate",
    "mkdir",
    "unlink",
    "symlink",
    "symlinked_folder",
    "dots",
    "new_symlink",
    "hardlink",
    "rename_out",
    "hardlink_out",
    "rename_in",
];
const SEEN: &[&str] = &["environ", "cmdline", "maps", "root_of", "ptrace", "vm_read"];
const OTHERS: &[&str] = &["signal", "prlimit", "nice"];
const INTERNET: &[&str] = &["tcp", "udp", "listen", "netlink"];
const SOCKETS: &[&str] = &[
    "abstract", "unix", "datagram", "audit", "raw", "packet", "vsock", "alg",
];
const KERNEL: &[&str] = &[
    "io_uring",
    "bpf",
    "userfaultfd",
    "keyctl",
    "inotify",
    "newuser",
    "handle",
    "shm",
    "chroot",
    "own_setuid",
];
const ATTRIBUTES: &[&str] = &["chmod", "chown", "utimes", "xattr", "fchmodat2", "chmod_fd"];
const OWN: &[&str] = &[
    "own_read",
    "own_write",
    "own_link",
    "own_modes",
    "tmp",
    "null",
    "self",
    "passwd",
    "pair",
];

fn all_refused(tried: &BTreeMap<String, String>, names: &[&[&str]]) {
    for name in names.concat() {
        let answer = &tried[name];
        let refused = [
            "(os error 1)",
            "(os error 13)",
            "(os error 18)",
            "(os error 38)",
        ];
        assert!(
            refused.iter().any(|errno| answer.ends_with(errno)),
            "{name}: {answer}"
        );
    }
}

fn all_done(tried: &BTreeMap<String, String>, names: &[&[&str]]) {
    for name in names.concat() {
        assert_eq!(tried[name], "yes", "{name}");
    }
}

/// What the others are measured against: without confinement the probe reaches all that it looks for.
#[test]
fn off_holds_nothing() {
    let tried = World::new().attempt(Level::Off, Network::None);
    all_done(
        &tried,
        &[
            FILES,
            &["environ", "cmdline", "maps", "ptrace", "vm_read"],
            OTHERS,
            INTERNET,
            OWN,
            ATTRIBUTES,
            &["own_chmod"],
        ],
    );
    all_done(
        &tried,
        &[&[
            "abstract",
            "unix",
            "datagram",
            "inotify",
            "own_setuid",
            "shm",
        ]],
    );
}

#[test]
fn basic_holds_files_and_what_is_seen_of_others() {
    if !able() {
        return;
    }
    let tried = World::new().attempt(Level::Basic, Network::Open);
    all_refused(&tried, &[FILES, SEEN]);
    all_done(&tried, &[INTERNET, OWN]);
}

#[test]
fn strict_without_network_leaves_its_own_folder() {
    if !able() {
        return;
    }
    let tried = World::new().attempt(Level::Strict, Network::None);
    all_refused(
        &tried,
        &[FILES, &["shadow"], SEEN, OTHERS, INTERNET, SOCKETS, KERNEL],
    );
    all_refused(&tried, &[ATTRIBUTES, &["own_chmod"]]);
    assert!(tried["fchmod_path"].ends_with("(os error 9)"), "{tried:?}");
    all_done(&tried, &[OWN]);
    assert!(
        tried["unknown_call"].ends_with("(os error 38)"),
        "{tried:?}"
    );
    #[cfg(target_arch = "x86_64")]
    assert!(tried["x32"].ends_with("(os error 38)"), "{tried:?}");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(tried[set], "0000000000000000", "{set}");
    }
}

#[test]
fn strict_with_network_leaves_tcp_and_udp_too() {
    if !able() {
        return;
    }
    let tried = World::new().attempt(Level::Strict, Network::Open);
    all_refused(&tried, &[FILES, &["shadow"], SEEN, OTHERS, SOCKETS, KERNEL]);
    all_done(&tried, &[INTERNET, OWN, &["own_chmod"]]);
}

/// What the server tried changed nothing outside.
#[test]
fn nothing_outside_is_changed() {
    if !able() {
        return;
    }
    for level in [Level::Basic, Level::Strict] {
        let world = World::new();
        world.attempt(level, Network::None);
        let mut left: Vec<_> = std::fs::read_dir(world.at("outside"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            ["datagram", "deep", "doomed", "movable", "secret", "unix"]
        );
        let doomed = std::fs::read_to_string(world.at("outside/doomed")).unwrap();
        assert_eq!(doomed, "everybody may read me");
    }
}
