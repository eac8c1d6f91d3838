use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn server() -> ServerUrl {
    ServerUrl::parse("https://deputy.example.org").unwrap()
}

fn login(place: Place) -> Login {
    Login {
        server: server().issuer().to_owned(),
        username: "alice".to_owned(),
        scopes: "tools:read".to_owned(),
        resources: vec![server().api()],
        kept: place,
        since: Timestamp::UNIX_EPOCH,
        token_endpoint: server().join("oauth/token").unwrap(),
        revocation_endpoint: None,
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::from(text)
}

async fn stored(slot: &Slot, place: Place) -> Option<String> {
    let token = slot.token(place).await.unwrap()?;
    Some(token.expose().clone())
}

/// What holds wherever the token is.
async fn behaves(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let logins = Logins::at(folder.path().join("deputy"));
    let slot = logins.of(&server());
    assert!(slot.login().unwrap().is_none());
    assert_eq!(stored(&slot, place).await, None);

    slot.put(&login(place), &secret("first")).await.unwrap();
    assert_eq!(slot.login().unwrap().unwrap().username, "alice");
    assert_eq!(logins.servers(), ["https://deputy.example.org"]);
    assert!(
        slot.replace(place, &secret("first"), &secret("second"))
            .await
            .unwrap()
    );
    assert!(
        !slot
            .replace(place, &secret("first"), &secret("late"))
            .await
            .unwrap(),
        "somebody was faster"
    );
    assert!(!slot.forget_if(place, &secret("first")).await.unwrap());
    assert_eq!(stored(&slot, place).await.as_deref(), Some("second"));

    let other = logins.of(&ServerUrl::parse("https://other.example.org").unwrap());
    assert_eq!(
        other
            .token(place)
            .await
            .unwrap()
            .map(|t| t.expose().clone()),
        None
    );

    assert!(slot.forget_if(place, &secret("second")).await.unwrap());
    assert_eq!(stored(&slot, place).await, None);
    assert!(slot.login().unwrap().is_none());
    slot.forget(place).await.unwrap();
}

#[tokio::test]
async fn a_file_keeps_a_login() {
    behaves(Place::File).await;
}

/// The variable that says that this is the inner run of the test below.
const INSIDE: &str = "DEPUTY_TEST_KEYRING_INSIDE";

/// With a Secret Service of its own on a session bus of its own: the test runs itself there.
#[tokio::test]
async fn the_key_store_keeps_a_login() {
    if variable(INSIDE).is_some() {
        return in_the_key_store().await;
    }
    let Some(daemon) = variable("DEPUTY_TEST_KEYRING") else {
        assert!(
            variable("CI").as_deref() != Some("true"),
            "DEPUTY_TEST_KEYRING is not set"
        );
        eprintln!("left out: the system's key store (DEPUTY_TEST_KEYRING is not set)");
        return;
    };
    let home = tempfile::tempdir().unwrap();
    // The daemon goes into the background when it is there, and ends with its bus.
    let script = "printf pw | \"$0\" --unlock --components=secrets >/dev/null 2>&1; exec \"$@\"";
    #[expect(
        clippy::disallowed_methods,
        reason = "a test that needs a bus around it"
    )]
    let mut command = std::process::Command::new("dbus-run-session");
    command
        .args(["--", "sh", "-c", script, &daemon])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "agent::store::tests::the_key_store_keeps_a_login",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "{said}");
}

async fn in_the_key_store() {
    behaves(Place::Keyring).await;
    // From the file to the key store: nothing stays behind.
    let folder = tempfile::tempdir().unwrap();
    let slot = Logins::at(folder.path().to_owned()).of(&server());
    slot.put(&login(Place::File), &secret("first"))
        .await
        .unwrap();
    slot.put(&login(Place::Keyring), &secret("second"))
        .await
        .unwrap();
    assert_eq!(stored(&slot, Place::File).await, None);
    assert_eq!(
        stored(&slot, Place::Keyring).await.as_deref(),
        Some("second")
    );
    slot.forget(Place::Keyring).await.unwrap();
}

#[tokio::test]
async fn nobody_else_reads_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deputy");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
    let slot = Logins::at(root.clone()).of(&server());
    slot.put(&login(Place::File), &secret("first"))
        .await
        .unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&slot.folder), 0o700);
    for entry in std::fs::read_dir(&slot.folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    std::fs::set_permissions(slot.token_file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = slot.token(Place::File).await.err().unwrap().to_string();
    assert!(
        error.contains("read by others") && error.contains("refresh-token"),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_killed_process_left_is_no_token_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Logins::at(folder.path().to_owned()).of(&server());
    slot.put(&login(Place::File), &secret("first"))
        .await
        .unwrap();
    let left = slot.folder.join("refresh-token.1.new");
    std::fs::write(&left, "half").unwrap();
    assert_eq!(stored(&slot, Place::File).await.as_deref(), Some("first"));
    slot.forget(Place::File).await.unwrap();
    assert!(!left.exists());
}

#[tokio::test]
async fn a_full_disk_leaves_the_token_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Logins::at(folder.path().to_owned()).of(&server());
    slot.put(&login(Place::File), &secret("first"))
        .await
        .unwrap();
    // a folder where the new file would go
    let beside = slot
        .folder
        .join(format!("refresh-token.{}.new", std::process::id()));
    std::fs::create_dir(&beside).unwrap();
    assert!(
        slot.replace(Place::File, &secret("first"), &secret("second"))
            .await
            .is_err()
    );
    assert_eq!(stored(&slot, Place::File).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_damaged_record_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let logins = Logins::at(folder.path().to_owned());
    let slot = logins.of(&server());
    slot.put(&login(Place::File), &secret("first"))
        .await
        .unwrap();
    file::write(&slot.record(), b"{").unwrap();
    let error = slot.login().unwrap_err().to_string();
    assert!(error.contains("login.json"), "{error}");
    assert!(logins.servers().is_empty());
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Logins::at(folder.path().to_owned()).of(&server());
    let held = slot.lock().await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(100), slot.lock());
    assert!(waits.await.is_err(), "it is held");
    drop(held);
    slot.lock().await.unwrap();
}

#[test]
fn the_current_server_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let logins = Logins::at(folder.path().join("deputy"));
    assert_eq!(logins.current(), None);
    logins.set_current(Some(&server())).unwrap();
    assert_eq!(logins.current(), Some(server()));
    logins.set_current(None).unwrap();
    assert_eq!(logins.current(), None);
}
