use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::usable;

#[test]
fn a_root_is_there_or_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("shared")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    assert_eq!(usable(&at("shared")), Ok(""));
    for personal in ["shared/{user}", "new/people/{user}", "new/{user}/files"] {
        let said = usable(&at(personal)).unwrap();
        assert!(said.contains("made when"), "{personal}: {said}");
    }
    assert!(!at("new").exists(), "looking makes nothing");

    assert!(usable(&at("missing")).unwrap_err().contains("make it"));
    for file in ["file", "file/{user}", "file/below"] {
        assert!(
            usable(&at(file)).unwrap_err().contains("no folder"),
            "{file}"
        );
    }
    // Root may write everywhere.
    if folder.path().metadata().unwrap().uid() != 0 {
        let mode = std::fs::Permissions::from_mode(0o500);
        std::fs::set_permissions(at("shared"), mode).unwrap();
        assert!(usable(&at("shared/{user}")).unwrap_err().contains("write"));
    }
}
