//! The walls between the crates: which may use which, and which libraries stay in one room.
//! ARCHITECTURE.md draws the same; this test holds it.

use std::collections::BTreeSet;

use crate::machine;

/// What each crate may use of ours, besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("deputy-core", &[]),
    ("deputy-store", &["deputy-core"]),
    ("deputy-jail", &[]),
    ("deputy-templates", &["deputy-core"]),
    ("deputy-vault", &["deputy-core", "deputy-store"]),
    ("deputy-google", &["deputy-core"]),
    ("deputy-sandbox", &["deputy-core"]),
    (
        "deputy-identity",
        &["deputy-core", "deputy-store", "deputy-vault"],
    ),
    (
        "deputy-connections",
        &["deputy-core", "deputy-store", "deputy-vault"],
    ),
    (
        "deputy-gateway",
        &[
            "deputy-core",
            "deputy-jail",
            "deputy-templates",
            "deputy-store",
            "deputy-vault",
        ],
    ),
    ("deputy-workspace", &["deputy-core", "deputy-store"]),
    (
        "deputy-web",
        &[
            "deputy-core",
            "deputy-templates",
            "deputy-store",
            "deputy-identity",
            "deputy-connections",
            "deputy-gateway",
            "deputy-workspace",
        ],
    ),
    (
        "deputy",
        &[
            "deputy-core",
            "deputy-jail",
            "deputy-templates",
            "deputy-store",
            "deputy-vault",
            "deputy-google",
            "deputy-sandbox",
            "deputy-identity",
            "deputy-connections",
            "deputy-gateway",
            "deputy-workspace",
            "deputy-web",
        ],
    ),
];

/// Libraries that stay where they are, and why.
const KEPT: &[(&str, &[&str], &str)] = &[
    (
        "sea-orm",
        &["deputy-store"],
        "only the store talks to the database",
    ),
    (
        "sea-orm-migration",
        &["deputy-store"],
        "only the store talks to the database",
    ),
    ("anyhow", &["deputy"], "errors have types elsewhere"),
    ("clap", &["deputy"], "only the binary has a command line"),
    ("dotenvy", &["deputy"], "only the binary reads settings"),
    (
        "toml",
        &["deputy", "deputy-templates"],
        "only the binary reads settings; templates are files too",
    ),
];

/// The libraries of a crate, those for tests left out.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if inside && let Some(end) = line.find(['.', ' ', '=']) {
            names.insert(line[..end].to_owned());
        }
    }
    names
}

#[test]
fn the_walls_stand() {
    for entry in std::fs::read_dir(machine::root().join("crates")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let manifest = std::fs::read_to_string(entry.path().join("Cargo.toml")).unwrap();
        let uses = dependencies(&manifest);
        assert!(!uses.is_empty(), "{name}: no dependencies were read");
        let allowed = ROOMS
            .iter()
            .find(|(room, _)| *room == name)
            .map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("{name} has no room in xtask/src/rooms.rs"));
        for ours in uses
            .iter()
            .filter(|dependency| dependency.starts_with("deputy"))
        {
            assert!(
                allowed.contains(&ours.as_str()),
                "{name} may not use {ours} (ARCHITECTURE.md, the map)"
            );
        }
        for (library, keepers, why) in KEPT {
            assert!(
                !uses.contains(*library) || keepers.contains(&name.as_str()),
                "{name} may not use {library}: {why}"
            );
        }
    }
}

#[test]
fn dependencies_for_tests_do_not_count() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n[target.'cfg(unix)'.dependencies]\nc = { version = \"1\" }\n[dev-dependencies]\nd.workspace = true\n";
    assert_eq!(
        dependencies(manifest).into_iter().collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
}
