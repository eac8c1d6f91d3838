use super::*;

fn values(pairs: &[(&'static str, &str)]) -> Values {
    Values(
        pairs
            .iter()
            .map(|(k, v)| (*k, ((*v).to_owned(), "test")))
            .collect(),
    )
}

fn error(pairs: &[(&'static str, &str)]) -> String {
    match Settings::check(&values(pairs)) {
        Ok(_) => panic!("{pairs:?} passed"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn defaults_stand_alone() {
    let settings = Settings::check(&Values::default()).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8484");
    assert_eq!(settings.public_url.as_str(), "http://127.0.0.1:8484/");
    assert_eq!(settings.database_url, "sqlite://./data/deputy.db");
    assert!(settings.key.is_none());
}

#[test]
fn logins_of_programs_have_limits_that_are_checked() {
    let settings = Settings::check(&values(&[
        ("DEPUTY_OAUTH_REFRESH_GRACE_S", "1800"),
        ("DEPUTY_LIMITS_TOKEN_PER_MIN", "0"),
        ("DEPUTY_LIMITS_REGISTER_PER_HOUR", "7"),
        ("DEPUTY_CLIENT_DOCUMENTS", "off"),
    ]))
    .unwrap();
    assert_eq!(settings.oauth.grace.as_secs(), 1800);
    assert_eq!(settings.oauth.token_per_min, 0);
    assert_eq!(settings.oauth.register_per_hour, 7);
    assert_eq!(
        settings.oauth.documents,
        deputy_identity::oauth::Documents::Off
    );
    for (name, value) in [
        ("DEPUTY_OAUTH_REFRESH_GRACE_S", "1801"),
        ("DEPUTY_OAUTH_REFRESH_GRACE_S", "-1"),
        ("DEPUTY_OAUTH_REFRESH_GRACE_S", "30s"),
        ("DEPUTY_LIMITS_TOKEN_PER_MIN", "-1"),
        ("DEPUTY_LIMITS_REGISTER_PER_HOUR", "many"),
        ("DEPUTY_CLIENT_DOCUMENTS", "yes"),
    ] {
        let said = error(&[(name, value)]);
        assert!(said.contains(name) && said.contains(value), "{said}");
    }
}

#[test]
fn people_choose_folders_below_the_data_unless_told_otherwise() {
    let settings = Settings::check(&values(&[("DEPUTY_DATA_DIR", "/var/lib/deputy")])).unwrap();
    assert_eq!(settings.confinement.level, deputy_jail::Level::Strict);
    assert_eq!(
        settings.confinement.files_roots,
        [Path::new("/var/lib/deputy/files/{user}")]
    );
    let pairs = [
        ("DEPUTY_DATA_DIR", "/var/lib/deputy"),
        (
            "DEPUTY_FILES_ROOTS",
            "/srv/{user}:/var/lib/deputy/files/shared",
        ),
    ];
    let settings = Settings::check(&values(&pairs)).unwrap();
    assert_eq!(
        settings.confinement.files_roots,
        [
            Path::new("/srv/{user}"),
            Path::new("/var/lib/deputy/files/shared")
        ]
    );
    for root in [
        "/var/lib/deputy",
        "/var/lib",
        "/srv:/var/",
        "/var/lib/deputy/servers",
        "/var/lib/deputy/{user}",
        "/var/lib/deputy/files-{user}",
    ] {
        let pairs = [
            ("DEPUTY_DATA_DIR", "/var/lib/deputy"),
            ("DEPUTY_FILES_ROOTS", root),
        ];
        assert!(error(&pairs).contains("own data"));
    }
}

/// Wherever they are, and whatever links lead there.
#[test]
fn a_root_with_the_key_or_the_database_in_it_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().canonicalize().unwrap();
    for name in ["data", "keys", "7/db"] {
        std::fs::create_dir_all(at.join(name)).unwrap();
    }
    std::fs::write(at.join("keys/key"), "00").unwrap();
    let mode = std::fs::Permissions::from_mode(0o400);
    std::fs::set_permissions(at.join("keys/key"), mode).unwrap();
    std::os::unix::fs::symlink(at.join("keys"), at.join("link")).unwrap();
    std::os::unix::fs::symlink(at.join("data"), at.join("linked")).unwrap();
    let text = |name: &str| at.join(name).display().to_string();
    let database = format!("sqlite://{}", text("7/db/deputy.db"));
    let check = |root: &str| {
        Settings::check(&values(&[
            ("DEPUTY_DATA_DIR", &text("data")),
            ("TOKEN_ENCRYPTION_KEY_FILE", &text("link/key")),
            ("DATABASE_URL", &database),
            ("DEPUTY_FILES_ROOTS", &text(root)),
        ]))
    };
    for root in [
        "keys",
        "link",
        "7",
        "{user}",
        "{user}/db",
        "linked/servers",
        "linked",
    ] {
        let Err(refused) = check(root) else {
            panic!("{root}")
        };
        assert!(refused.to_string().contains("own data"), "{refused}");
    }
    for root in [
        "beside",
        "{user}/files",
        "linked/files",
        "linked/files/{user}",
    ] {
        let settings = check(root).unwrap();
        let closed = deputy_jail::Closed::new(&settings.confinement.closed);
        for own in ["data/x", "keys/key", "7/db/deputy.db", "7/db/deputy.db-wal"] {
            assert!(closed.holds(&at.join(own)), "{own}");
        }
        assert!(!closed.holds(&at.join("7/db")));
    }
}

#[test]
fn http_is_for_this_machine_only() {
    assert!(error(&[("DEPUTY_PUBLIC_URL", "http://deputy.example.org")]).contains("https://"));
    assert!(error(&[("GOOGLE_API_URL", "http://10.0.0.1/x")]).contains("GOOGLE_API_URL"));
    assert!(Settings::check(&values(&[("GOOGLE_API_URL", "http://127.0.0.1:9/")])).is_ok());
    assert!(Settings::check(&values(&[("GOOGLE_TOKEN_URL", "http://[::1]:9/token")])).is_ok());
}

#[test]
fn every_complaint_names_its_setting() {
    for (name, bad) in [
        ("DEPUTY_LISTEN", "here"),
        ("DEPUTY_PUBLIC_URL", "https://a/b"),
        ("DATABASE_URL", "mysql://x"),
        ("GOOGLE_ISOLATION", "none"),
        ("DEPUTY_LIMITS_CALLS_PER_MIN", "many"),
        ("DEPUTY_TRUSTED_PROXIES", "10.0.0.1, proxy"),
        ("DEPUTY_PRIVATE_HOSTS", "localhost"),
        ("DEPUTY_CLIENT_METADATA_URL", "https://example.org"),
        ("DEPUTY_CLIENT_METADATA_URL", "http://127.0.0.1:9/a.json"),
        ("DEPUTY_SANDBOX", "on"),
        ("DEPUTY_FILES_ROOTS", "files/{user}"),
        ("DEPUTY_FILES_ROOTS", "/srv/../etc"),
        ("DEPUTY_FILES_ROOTS", "/"),
        ("DEPUTY_FILES_ROOTS", "/srv/a, /srv/b"),
        ("DEPUTY_FILES_ROOTS", "/srv/a:b"),
        ("DEPUTY_LIMITS_SERVERS_PER_USER", "0"),
        ("DEPUTY_LIMITS_SERVERS_PER_USER", "257"),
        ("DEPUTY_LIMITS_SERVERS_TOTAL", "-1"),
        ("DEPUTY_LIMITS_SERVERS_TOTAL", "10001"),
        ("DEPUTY_LIMITS_SERVER_MEMORY_MB", "1G"),
        ("DEPUTY_LIMITS_SERVER_DISK_MB", "1G"),
        ("DEPUTY_LIMITS_REMOTE_PER_USER", "1025"),
        ("DEPUTY_LIMITS_REMOTE_TOTAL", "many"),
    ] {
        let message = error(&[(name, bad)]);
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn how_many_servers_run_at_a_time() {
    let limits = |pairs: &[(&'static str, &str)]| {
        let servers = Settings::check(&values(pairs)).unwrap().servers;
        (servers.per_user, servers.total)
    };
    let (per_user, total) = (
        "DEPUTY_LIMITS_SERVERS_PER_USER",
        "DEPUTY_LIMITS_SERVERS_TOTAL",
    );
    assert_eq!(limits(&[]), (16, 256));
    assert_eq!(limits(&[(per_user, "40"), (total, "400")]), (40, 400));
    // Where all have fewer, nobody has more.
    assert_eq!(limits(&[(total, "8")]), (8, 8));
    let settings = Settings::check(&values(&[(per_user, "3"), (total, "5")])).unwrap();
    let pool = crate::compose::config::pool(&settings);
    assert_eq!((pool.per_person, pool.total), (3, 5));
}

/// A list in the file means what its variable does.
#[test]
fn a_list_of_folders_is_joined_as_paths_are() {
    let table: toml::Table = r#"
        trusted_proxies = ["10.0.0.1", "10.0.0.2"]
        [servers]
        files_roots = ["/srv/people/{user}", "/srv/a,b"]
        custom_commands = ["npx", "uvx"]
    "#
    .parse()
    .unwrap();
    let flat = keys::flatten(&table);
    let of = |key: &str| flat.iter().find(|(k, _)| k == key).unwrap().1.as_str();
    assert_eq!(of("servers.files_roots"), "/srv/people/{user}:/srv/a,b");
    assert_eq!(of("servers.custom_commands"), "npx,uvx");
    assert_eq!(of("trusted_proxies"), "10.0.0.1,10.0.0.2");
    let settings = Settings::check(&values(&[(
        "DEPUTY_FILES_ROOTS",
        of("servers.files_roots"),
    )]))
    .unwrap();
    assert_eq!(
        settings.confinement.files_roots,
        [Path::new("/srv/people/{user}"), Path::new("/srv/a,b")]
    );
}

#[test]
fn an_unknown_key_of_the_file_is_an_error_that_names_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deputy.toml");
    std::fs::write(&file, "[google]\nclient_idd = \"x\"\n").unwrap();
    let mut values = Values::default();
    let message = read_file(Sources::All, Some(&file), &mut values)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("google.client_idd") && message.contains("google.client_id'"),
        "{message}"
    );
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "00").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let path = file.display().to_string();
    assert!(error(&[("TOKEN_ENCRYPTION_KEY_FILE", &path)]).contains("chmod 600"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert!(
        Settings::check(&values(&[("TOKEN_ENCRYPTION_KEY_FILE", &path)]))
            .unwrap()
            .key
            .is_some()
    );
}

#[test]
fn the_sandbox_takes_no_credentials() {
    for name in ["GOOGLE_CLIENT_ID", "TOKEN_ENCRYPTION_KEY", "DATABASE_URL"] {
        assert!(!keys::is_allowed(name, Sources::Sandbox), "{name}");
    }
    assert!(keys::is_allowed("DEPUTY_LISTEN", Sources::Sandbox));
}

#[test]
fn every_setting_is_in_the_documentation() {
    let page = include_str!("../../../../docs/settings.md");
    let table = page.split("\n## ").next().unwrap();
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix("| `")?.split("` | `");
        let (name, key) = (cells.next()?, cells.next()?);
        Some((name, key.split('`').next()?))
    };
    let documented: Vec<_> = table.lines().filter_map(row).collect();
    for setting in keys::KEYS {
        assert!(documented.contains(setting), "{setting:?} is not there");
    }
    for setting in &documented {
        assert!(keys::KEYS.contains(setting), "{setting:?} is no setting");
    }
    assert_eq!(documented.len(), keys::KEYS.len(), "one is there twice");
}

#[test]
fn the_example_names_settings_that_exist() {
    let example = include_str!("../../../../deputy.example.toml");
    let (mut section, mut found) = (String::new(), 0);
    for line in example.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with("# ")
        {
            let key = format!("{section}{}", key.trim_start_matches('#'));
            assert!(keys::env_of(&key).is_some(), "{key} is no setting");
            found += 1;
        }
    }
    assert!(found > 20, "only {found} were found");
}
