use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::*;

struct Place {
    _dir: tempfile::TempDir,
    at: PathBuf,
    roots: Vec<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let roots = vec![at.join("files/{user}")];
        Self {
            _dir: dir,
            at,
            roots,
        }
    }

    fn make(&self, path: &str) -> PathBuf {
        let path = self.at.join(path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn choose(&self, path: &str) -> Result<PathBuf, PathFault> {
        allowed_folder(&self.at.join(path), &self.roots, 7)
    }
}

#[test]
fn a_person_gets_what_is_under_their_root() {
    let place = Place::new();
    // The root itself is made on the way.
    assert_eq!(place.choose("files/7").unwrap(), place.at.join("files/7"));
    let deep = place.make("files/7/a/b");
    assert_eq!(place.choose("files/7/a/b").unwrap(), deep);
    assert_eq!(place.choose("files/7/./a//b/").unwrap(), deep);
    assert!(matches!(
        place.choose("files/7/no"),
        Err(PathFault::Missing)
    ));
    std::fs::write(deep.join("file"), "").unwrap();
    assert!(matches!(
        place.choose("files/7/a/b/file"),
        Err(PathFault::NotAFolder)
    ));
    // A link that stays inside leads to what it means.
    symlink(&deep, place.at.join("files/7/short")).unwrap();
    assert_eq!(place.choose("files/7/short").unwrap(), deep);
}

#[test]
fn what_is_not_theirs_is_outside_whether_it_is_there_or_not() {
    let place = Place::new();
    place.make("files/7");
    place.make("files/8/x");
    place.make("files/77");
    symlink("/etc", place.at.join("files/7/etc")).unwrap();
    symlink(place.at.join("files/8"), place.at.join("files/7/friend")).unwrap();
    for path in [
        "files",
        "files/8",
        "files/8/x",
        "files/77",
        "files/9",
        "nowhere",
        "files/7/etc",
        "files/7/etc/ssl",
        "files/7/friend/x",
        "files/{user}",
        "/",
        "/root",
        "/no/such/folder",
        "/proc/self/root",
    ] {
        let fault = place.choose(path).unwrap_err();
        assert!(
            matches!(fault, PathFault::Outside { .. }),
            "{path}: {fault}"
        );
        assert!(fault.to_string().contains("files/7"), "{fault}");
    }
    assert!(!place.at.join("files/9").exists());
}

#[test]
fn what_is_no_plain_full_path_is_refused() {
    let place = Place::new();
    place.make("files/7/a");
    assert!(matches!(
        place.choose("files/7/a/.."),
        Err(PathFault::Malformed)
    ));
    assert!(matches!(
        place.choose("files/7/a/../../8"),
        Err(PathFault::Malformed)
    ));
    let relative = allowed_folder(Path::new("files/7"), &place.roots, 7);
    assert!(matches!(relative, Err(PathFault::Relative)));
    let nul = Path::new(OsStr::from_bytes(b"/files\0/7"));
    let nul = allowed_folder(nul, &place.roots, 7);
    assert!(matches!(nul, Err(PathFault::Malformed)));
    assert!(matches!(
        allowed_folder(Path::new("/tmp"), &[], 7),
        Err(PathFault::Outside { .. })
    ));
}

#[test]
fn a_root_for_everybody_is_not_made() {
    let mut place = Place::new();
    place.roots = vec![place.at.join("shared"), place.at.join("own-{user}-files")];
    assert!(matches!(place.choose("shared"), Err(PathFault::Missing)));
    let shared = place.make("shared");
    assert_eq!(place.choose("shared").unwrap(), shared);
    let own = place.choose("own-7-files").unwrap();
    assert_eq!(own, place.at.join("own-7-files"));
    assert!(matches!(
        place.choose("own-8-files"),
        Err(PathFault::Outside { .. })
    ));
    // A root that is a link itself: what counts is where it leads.
    let elsewhere = place.make("elsewhere/in");
    symlink(place.at.join("elsewhere"), place.at.join("by-link")).unwrap();
    place.roots = vec![place.at.join("by-link")];
    assert_eq!(place.choose("by-link/in").unwrap(), elsewhere);
}
