use super::*;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("deputy-xtask-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_half_done_installation_does_not_count() {
    let scratch = Scratch::new("stamp");
    let folder = &scratch.0;
    assert!(stamped(folder, "v1", || anyhow::bail!("the network went away")).is_err());
    assert!(folder.exists() && !is_stamped(folder, "v1"));

    stamped(folder, "v1", || {
        Ok(std::fs::write(folder.join("tool"), "1")?)
    })
    .unwrap();
    assert!(is_stamped(folder, "v1") && !is_stamped(folder, "v2"));

    stamped(folder, "v2", || Ok(())).unwrap();
    assert!(
        is_stamped(folder, "v2") && !folder.join("tool").exists(),
        "the old version is gone"
    );
}

/// Pins are pins, and say nothing of where packages are fetched.
#[test]
fn every_version_is_pinned() {
    for line in python::REQUIREMENTS
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        assert!(
            line.split_once("==")
                .is_some_and(|(name, version)| !name.is_empty() && !version.is_empty()),
            "{line}"
        );
    }
    for line in node::PACKAGE
        .lines()
        .skip_while(|l| !l.contains("\"dependencies\""))
        .filter(|l| l.contains("\": \""))
    {
        let version = line.split('"').nth(3).unwrap();
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{line}");
    }
    assert!(!node::LOCK.contains("\"resolved\""));
    assert!(node::LOCK.contains("\"integrity\""));
    assert!(
        cargo_deny::VERSION
            .trim()
            .split('.')
            .all(|n| n.parse::<u32>().is_ok())
    );
}
