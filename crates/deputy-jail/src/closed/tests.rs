use super::*;

#[test]
fn what_is_closed_is_closed_with_all_in_it_and_what_is_above_has_it() {
    let closed = Closed::new(&["/a/b".into(), "/people/of-{user}/files".into()]);
    let held = |path: &str| closed.holds(Path::new(path));
    for path in [
        "/a/b",
        "/a/b/c",
        "/people/of-7/files",
        "/people/of-12/files/x",
    ] {
        assert!(held(path), "{path}");
    }
    for path in [
        "/",
        "/a",
        "/a/bc",
        "/b",
        "/people",
        "/people/of-7",
        "/people/of-/files",
        "/people/of-x/files",
    ] {
        assert!(!held(path), "{path}");
    }
    let touched = |path: &str| closed.touches(Path::new(path));
    for path in ["/", "/a", "/a/b", "/a/b/c", "/people", "/people/of-7"] {
        assert!(touched(path), "{path}");
    }
    for path in ["/b", "/a/bc", "/people/of-x", "/people/of-7/other"] {
        assert!(!touched(path), "{path}");
    }
    assert!(!Closed::default().touches(Path::new("/")));
}

#[test]
fn links_on_the_way_to_what_is_closed_are_seen_through() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().canonicalize().unwrap();
    for folder in ["real/data", "big/7/files", "people"] {
        std::fs::create_dir_all(at.join(folder)).unwrap();
    }
    std::os::unix::fs::symlink(at.join("real"), at.join("link")).unwrap();
    std::os::unix::fs::symlink(at.join("big/7"), at.join("people/7")).unwrap();
    let closed = Closed::new(&[
        at.join("link/data"),
        at.join("link/to-come"),
        at.join("people/{user}/files"),
    ]);
    for path in [
        "link/data/x",
        "real/data/x",
        "real/to-come",
        "people/7/files",
        "people/8/files",
        "big/7/files/x",
    ] {
        assert!(closed.holds(&at.join(path)), "{path}");
    }
    assert!(!closed.holds(&at.join("big/8")) && !closed.holds(&at.join("real/other")));
    assert!(closed.touches(&at.join("big")));
}
