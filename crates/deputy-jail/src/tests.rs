use super::*;

#[test]
fn levels_have_names() {
    for level in [Level::Off, Level::Basic, Level::Strict] {
        assert_eq!(level.to_string().parse(), Ok(level));
        let json = serde_json::to_string(&level).unwrap();
        assert_eq!(json, format!("\"{level}\""));
    }
    assert_eq!("Strict".parse::<Level>(), Err(UnknownLevel));
    assert_eq!(Level::default(), Level::Strict);
}

#[test]
fn what_is_missing_says_what_to_do() {
    let strict = Abilities {
        known: true,
        landlock: 6,
        seccomp: true,
        user_namespaces: false,
    };
    assert_eq!(strict.best(), Level::Strict);
    let cases = [
        (
            Abilities {
                seccomp: false,
                ..strict
            },
            Level::Basic,
            "seccomp",
        ),
        (
            Abilities {
                landlock: 5,
                ..strict
            },
            Level::Basic,
            "6.12",
        ),
        (
            Abilities {
                landlock: 3,
                ..strict
            },
            Level::Basic,
            "DEPUTY_SANDBOX=basic",
        ),
        (
            Abilities {
                landlock: 2,
                ..strict
            },
            Level::Off,
            "DEPUTY_SANDBOX=off",
        ),
        (
            Abilities {
                landlock: 0,
                ..strict
            },
            Level::Off,
            "lsm=",
        ),
        (
            Abilities {
                known: false,
                ..strict
            },
            Level::Off,
            "DEPUTY_SANDBOX=off",
        ),
    ];
    for (abilities, best, word) in cases {
        assert_eq!(abilities.best(), best, "{abilities:?}");
        let missing = abilities.missing(Level::Strict).unwrap();
        assert!(missing.contains(word), "{missing}");
        assert_eq!(abilities.missing(Level::Off), None);
    }
}

#[test]
fn a_home_is_its_owners_alone_and_everything_points_into_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let home = make_home(&dir.path().join("people/7/home")).unwrap();
    let mode = home.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for (name, value) in home_env(&home) {
        let path = Path::new(&value);
        assert!(path.starts_with(&home) && path.is_dir(), "{name}={value}");
    }
    assert_eq!(make_home(&home).unwrap(), home);
}
