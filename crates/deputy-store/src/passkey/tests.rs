use jiff::SignedDuration;

use super::*;
use crate::session::Session;
use crate::testing::{for_each_database, user};
use crate::{Error, Store};

const NOON: Timestamp = Timestamp::constant(1_790_000_000, 0);

fn passkey(credential_id: &str) -> NewPasskey {
    NewPasskey {
        credential_id: credential_id.to_owned(),
        name: "Phone".to_owned(),
        data: "{}".to_owned(),
        counter: 0,
        at: NOON,
    }
}

async fn add(store: &Store, who: UserId, credential_id: &str) -> Result<Passkey> {
    let tx = store.begin().await?;
    let added = tx.user(who).insert_passkey(passkey(credential_id)).await?;
    tx.commit().await?;
    Ok(added)
}

#[tokio::test]
async fn passkeys_belong_to_one_person_and_are_known_by_their_handle() {
    for_each_database(|store| async move {
        let (anna, ivan) = (user(&store, "anna").await, user(&store, "ivan").await);
        assert!(!store.user(anna).has_second_factor().await.unwrap());
        let hers = add(&store, anna, "a").await.unwrap();
        assert!(store.user(anna).has_second_factor().await.unwrap());
        add(&store, anna, "b").await.unwrap();
        assert!(matches!(
            add(&store, ivan, "a").await,
            Err(Error::Conflict(_))
        ));
        assert!(matches!(
            add(&store, ivan, &"x".repeat(1401)).await,
            Err(Error::Unfit { .. })
        ));
        let tx = store.begin().await.unwrap();
        assert_eq!(tx.user(anna).passkey_handle("h1").await.unwrap(), "h1");
        assert_eq!(tx.user(anna).passkey_handle("h2").await.unwrap(), "h1");
        assert_eq!(tx.user(ivan).passkey_handle("h3").await.unwrap(), "h3");
        tx.commit().await.unwrap();
        let found = async |handle, id| store.passkey_by_handle(handle, id).await.unwrap();
        assert_eq!(found("h1", "a").await, Some(hers.clone()));
        assert_eq!(found("h3", "a").await, None);
        assert_eq!(found("h1", "c").await, None);
        assert_eq!(found("nobody\0", "a").await, None);
        assert_eq!(store.user(anna).count_passkeys().await.unwrap(), 2);
        assert_eq!(
            store.passkeys_by_person().await.unwrap(),
            [(anna, 2)].into()
        );

        let tx = store.begin().await.unwrap();
        assert_eq!(tx.user(ivan).delete_passkey(hers.id).await.unwrap(), None);
        let name = tx.user(anna).delete_passkey(hers.id).await.unwrap();
        assert_eq!(name.as_deref(), Some("Phone"));
        assert_eq!(tx.user(anna).delete_passkeys().await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert!(store.user(anna).passkeys().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_count_that_does_not_grow_is_refused() {
    for_each_database(|store| async move {
        let (anna, ivan) = (user(&store, "anna").await, user(&store, "ivan").await);
        let id = add(&store, anna, "a").await.unwrap().id;
        let used = async |who, counter| {
            let tx = store.begin().await.unwrap();
            let used = tx.user(who).use_passkey(id, "{}", counter, NOON).await;
            tx.commit().await.unwrap();
            used.unwrap()
        };
        assert!(!used(ivan, 1).await, "another person's");
        assert!(
            used(anna, 0).await && used(anna, 0).await,
            "it does not count"
        );
        assert!(used(anna, 5).await);
        assert!(!used(anna, 5).await && !used(anna, 4).await && !used(anna, 0).await);
        assert!(used(anna, 6).await);
        let row = store.user(anna).passkeys().await.unwrap().remove(0);
        assert_eq!((row.counter, row.last_used_at), (6, Some(NOON)));
    })
    .await;
}

async fn session(store: &Store, hash: &str) {
    let tx = store.begin().await.unwrap();
    let session = Session {
        id_hash: hash.to_owned(),
        user_id: None,
        data: "{}".to_owned(),
        user_agent: String::new(),
        address: String::new(),
        created_at: NOON,
        last_seen_at: NOON,
        expires_at: NOON + SignedDuration::from_hours(1),
    };
    assert!(tx.insert_session(session).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_ceremony_is_answered_once_in_its_session_and_in_time() {
    for_each_database(|store| async move {
        session(&store, "s1").await;
        session(&store, "s2").await;
        let end = NOON + SignedDuration::from_mins(5);
        let put = async |hash: &str, state: &str| {
            let tx = store.begin().await.unwrap();
            tx.put_passkey_ceremony(hash, "sign-in", state, end)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        };
        let take = async |hash: &str, kind: &str, now| {
            let tx = store.begin().await.unwrap();
            let taken = tx.take_passkey_ceremony(hash, kind, now).await.unwrap();
            tx.commit().await.unwrap();
            taken
        };
        put("s1", "one").await;
        put("s1", "two").await;
        assert_eq!(take("s2", "sign-in", NOON).await, None);
        assert_eq!(take("s1", "add", NOON).await, None);
        assert_eq!(take("s1", "sign-in", NOON).await.as_deref(), Some("two"));
        assert_eq!(take("s1", "sign-in", NOON).await, None);
        put("s1", "late").await;
        assert_eq!(take("s1", "sign-in", end).await, None);
        assert_eq!(take("s1", "sign-in", NOON).await, None, "it was used up");

        put("s1", "three").await;
        put("s2", "four").await;
        let tx = store.begin().await.unwrap();
        tx.delete_session("s1").await.unwrap();
        tx.commit().await.unwrap();
        let tx = store.begin().await.unwrap();
        assert_eq!(tx.sweep_passkey_ceremonies(NOON).await.unwrap(), 0);
        assert_eq!(tx.sweep_passkey_ceremonies(end).await.unwrap(), 1);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_many_who_take_one_ceremony_one_gets_it() {
    for_each_database(|store| async move {
        session(&store, "s1").await;
        let tx = store.begin().await.unwrap();
        let end = NOON + SignedDuration::from_mins(5);
        tx.put_passkey_ceremony("s1", "add", "state", end)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let store = store.clone();
            tasks.spawn(async move {
                let tx = store.begin().await.unwrap();
                let taken = tx.take_passkey_ceremony("s1", "add", NOON).await.unwrap();
                tx.commit().await.unwrap();
                taken.is_some()
            });
        }
        let mut taken = 0;
        while let Some(done) = tasks.join_next().await {
            taken += usize::from(done.unwrap());
        }
        assert_eq!(taken, 1);
    })
    .await;
}
