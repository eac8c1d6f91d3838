//! The system's store of secrets. Its calls block, and may wait for a person who is asked to unlock it; so each runs on
//! a thread of its own, whose end nobody has to wait for.

use std::io::IsTerminal as _;
use std::time::Duration;

use deputy_core::Secret;
use keyring::{Entry, Error};
use tokio::sync::oneshot;

use super::StoreError;

/// What people know it as.
pub(super) const NAME: &str = if cfg!(target_os = "macos") {
    "the Keychain"
} else if cfg!(windows) {
    "the Credential Manager"
} else {
    "the system's key store (Secret Service)"
};

/// Our entries in it.
const SERVICE: &str = "deputy";

/// How long an answer may take where nobody could unlock it, and where somebody may be typing a password.
const ALONE: Duration = Duration::from_secs(10);
const ATTENDED: Duration = Duration::from_mins(2);
/// When to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The token of a server; nothing where there is none.
pub(super) async fn read(server: &str) -> Result<Option<Secret<String>>, StoreError> {
    call(server, |entry| match entry.get_password() {
        Ok(token) => Ok(Some(Secret::new(token))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

pub(super) async fn write(server: &str, token: &Secret<String>) -> Result<(), StoreError> {
    let token = token.clone();
    call(server, move |entry| entry.set_password(token.expose())).await
}

pub(super) async fn delete(server: &str) -> Result<(), StoreError> {
    call(server, |entry| match entry.delete_credential() {
        Err(Error::NoEntry) => Ok(()),
        done => done,
    })
    .await
}

async fn call<T: Send + 'static>(
    server: &str,
    work: impl FnOnce(Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let server = server.to_owned();
    let (tell, mut told) = oneshot::channel();
    std::thread::Builder::new()
        .name("key store".to_owned())
        .spawn(move || {
            // nobody may be listening any more
            let _ = tell.send(entry(&server).and_then(|entry| {
                work(entry).map_err(|error| StoreError::Keyring(error.to_string()))
            }));
        })
        .map_err(|error| StoreError::Keyring(error.to_string()))?;
    let attended = std::io::stderr().is_terminal();
    let mut answer = tokio::time::timeout(PATIENCE, &mut told).await;
    if answer.is_err() {
        if attended {
            eprintln!("waiting for {NAME}: it may be asking for its password");
        }
        let wait = if attended { ATTENDED } else { ALONE };
        answer = tokio::time::timeout(wait, told).await;
    }
    match answer {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(StoreError::Keyring("it ended unexpectedly".to_owned())),
        Err(_) => Err(StoreError::Keyring(
            "it does not answer; it may be locked".to_owned(),
        )),
    }
}

fn entry(server: &str) -> Result<Entry, StoreError> {
    if let Err(error) = Entry::store_status() {
        return Err(StoreError::Keyring(error.to_string()));
    }
    Entry::new(SERVICE, server).map_err(|error| StoreError::Keyring(error.to_string()))
}
