use deputy_core::clock::OffsetClock;
use deputy_core::{Language, Role, SystemRng};
use deputy_store::testing::for_each_database;
use deputy_store::user::NewUser;
use jiff::SignedDuration;

use super::*;

pub(crate) fn vault_with(store: &Store, clock: &OffsetClock, current: u8, old: &[u8]) -> Vault {
    let key = |byte: &u8| Secret::new([*byte; 32]);
    let config = Config {
        current: key(&current),
        old: old.iter().map(key).collect(),
    };
    Vault::new(
        store.clone(),
        &config,
        Arc::new(clock.clone()),
        Arc::new(SystemRng),
    )
}

pub(crate) fn vault(store: &Store, current: u8, old: &[u8]) -> Vault {
    vault_with(store, &OffsetClock::default(), current, old)
}

pub(crate) async fn user(store: &Store, name: &str) -> UserId {
    let tx = store.begin().await.unwrap();
    let new = NewUser {
        username: name.to_owned(),
        username_key: name.to_owned(),
        name: name.to_owned(),
        password_hash: Secret::from(""),
        role: Role::User,
        language: Language::En,
        time_zone: "UTC".to_owned(),
        at: OffsetClock::default().now(),
    };
    let user = tx.insert_user(new).await.unwrap();
    tx.commit().await.unwrap();
    user.id
}

fn place(user: UserId) -> Place<'static> {
    Place::of_user(user, "oauth_tokens", "google", "access_token", "google")
}

#[tokio::test]
async fn a_sealed_value_opens_after_a_restart_for_its_owner_alone() {
    for_each_database(|store| async move {
        let (anna, bob) = (user(&store, "anna").await, user(&store, "bob").await);
        let first = vault(&store, 1, &[]);
        let sealed = first.seal(&place(anna), b"token").await.unwrap();
        let of_bob = first.seal(&place(bob), b"bob's").await.unwrap();

        let again = vault(&store, 1, &[]);
        assert_eq!(
            again.open(&place(anna), &sealed).await.unwrap().expose(),
            b"token"
        );
        assert_eq!(
            again
                .open_text(&place(bob), &of_bob)
                .await
                .unwrap()
                .expose(),
            "bob's"
        );
        for vault in [&first, &again] {
            let moved = vault.open(&place(bob), &sealed).await;
            assert!(
                matches!(moved, Err(Error::NoDataKey)),
                "a row moved to another person"
            );
        }
        let other_row = Place::of_user(anna, "oauth_tokens", "slack", "access_token", "google");
        assert!(matches!(
            again.open(&other_row, &sealed).await,
            Err(Error::Refused)
        ));
    })
    .await;
}

#[tokio::test]
async fn the_installation_has_secrets_of_its_own() {
    for_each_database(|store| async move {
        let vault = vault(&store, 1, &[]);
        let here = Place::of_installation("installation_secrets", "state", "value", "signing");
        let sealed = vault.seal(&here, &[0xff; 32]).await.unwrap();
        assert_eq!(
            vault.open(&here, &sealed).await.unwrap().expose(),
            &[0xff; 32]
        );
        assert!(matches!(
            vault.open_text(&here, &sealed).await,
            Err(Error::Format)
        ));
    })
    .await;
}

#[tokio::test]
async fn a_first_key_is_stored_with_the_value_or_not_at_all() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let vault = vault(&store, 1, &[]);
        let tx = store.begin().await.unwrap();
        let undone = vault.seal_in(&tx, &place(anna), b"undone").await.unwrap();
        assert_eq!(
            vault
                .open_in(&tx, &place(anna), &undone)
                .await
                .unwrap()
                .expose(),
            b"undone"
        );
        drop(tx);
        assert!(store.user(anna).active_key().await.unwrap().is_none());
        assert!(matches!(
            vault.open(&place(anna), &undone).await,
            Err(Error::NoDataKey)
        ));

        let tx = store.begin().await.unwrap();
        let sealed = vault.seal_in(&tx, &place(anna), b"token").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            vault.open(&place(anna), &sealed).await.unwrap().expose(),
            b"token"
        );
    })
    .await;
}

#[tokio::test]
async fn many_that_seal_at_once_agree_on_one_key() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let vaults: Vec<Vault> = (0..8).map(|_| vault(&store, 1, &[])).collect();
        let here = place(anna);
        let seal = |vault: &Vault| {
            let vault = vault.clone();
            async move { vault.seal(&here, b"token").await.unwrap() }
        };
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| Box::pin(seal(&vaults[n])));
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        for sealed in [a, b, c, d] {
            assert_eq!(
                vaults[7].open(&here, &sealed).await.unwrap().expose(),
                b"token"
            );
        }
        assert_eq!(vaults[7].status().await.unwrap().uses[0].keys, 1);
    })
    .await;
}

#[tokio::test]
async fn a_renewed_key_seals_and_the_former_still_opens() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let vault = vault(&store, 1, &[]);
        let before = vault.seal(&place(anna), b"before").await.unwrap();
        vault.renew_data_key(Some(anna)).await.unwrap();
        let after = vault.seal(&place(anna), b"after").await.unwrap();
        assert_ne!(
            record::key_id(&before).unwrap(),
            record::key_id(&after).unwrap()
        );
        assert_eq!(
            vault.open(&place(anna), &before).await.unwrap().expose(),
            b"before"
        );
        assert_eq!(
            vault.open(&place(anna), &after).await.unwrap().expose(),
            b"after"
        );
    })
    .await;
}

#[tokio::test]
async fn deleting_the_keys_shreds_what_they_sealed() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let clock = OffsetClock::default();
        let vault = vault_with(&store, &clock, 1, &[]);
        let sealed = vault.seal(&place(anna), b"token").await.unwrap();
        let tx = store.begin().await.unwrap();
        tx.user(anna).delete_keys().await.unwrap();
        tx.commit().await.unwrap();

        // Another replica that was not told opens it until its memory is wiped.
        assert!(vault.open(&place(anna), &sealed).await.is_ok());
        clock.advance(SignedDuration::from_mins(5));
        assert!(matches!(
            vault.open(&place(anna), &sealed).await,
            Err(Error::NoDataKey)
        ));
        // This one was told.
        vault.forget(anna);
        assert!(matches!(
            vault.open(&place(anna), &sealed).await,
            Err(Error::NoDataKey)
        ));
    })
    .await;
}

#[tokio::test]
async fn no_secret_lies_in_the_database_in_the_open() {
    let folder = deputy_store::testing::sqlite().await;
    let store = folder.store.clone();
    let anna = user(&store, "anna").await;
    let vault = vault(&store, 1, &[]);
    let canary = b"canary-0d9f6b1c-of-a-secret";
    let tx = store.begin().await.unwrap();
    let sealed = vault.seal_in(&tx, &place(anna), canary).await.unwrap();
    tx.commit().await.unwrap();
    let key = vault.open(&place(anna), &sealed).await.unwrap();
    assert_eq!(key.expose(), canary);
    let data_key = vault
        .inner
        .cache
        .get(Some(anna), record::key_id(&sealed).unwrap())
        .unwrap();

    let path = folder.url.strip_prefix("sqlite://").unwrap();
    let mut files = 0;
    for suffix in ["", "-wal"] {
        let Ok(bytes) = std::fs::read(format!("{path}{suffix}")) else {
            continue;
        };
        files += 1;
        let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
        assert!(
            !holds(canary) && !holds(&data_key.expose()[..]) && !holds(&[1; 32]),
            "{suffix}"
        );
    }
    assert!(files > 0);
}
