use deputy_core::{Clock as _, Language, Role, Secret, SystemClock};

use super::*;
use crate::testing::for_each_database;

pub(crate) fn named(username: &str) -> NewUser {
    NewUser {
        username: username.to_owned(),
        username_key: username.to_lowercase(),
        name: username.to_owned(),
        password_hash: Secret::from("$argon2id$"),
        role: Role::User,
        language: Language::Ru,
        time_zone: "Europe/Samara".to_owned(),
        at: SystemClock.now(),
    }
}

pub(crate) async fn add(store: &Store, username: &str) -> User {
    let tx = store.begin().await.unwrap();
    tx.lock_users().await.unwrap();
    let user = tx.insert_user(named(username)).await.unwrap();
    tx.commit().await.unwrap();
    user
}

#[tokio::test]
async fn a_name_is_taken_once_and_found_by_its_key() {
    for_each_database(|store| async move {
        let user = add(&store, "Анна").await;
        let tx = store.begin().await.unwrap();
        let again = tx.insert_user(named("АННА")).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        drop(tx);

        let (found, hash) = store.user_by_key("анна").await.unwrap().unwrap();
        assert_eq!(found, user);
        assert_eq!(hash.expose(), "$argon2id$");
        assert_eq!(store.users().await.unwrap(), vec![user]);
        assert!(store.user_by_key("bob").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn changes_touch_one_person_and_leave_the_rest() {
    for_each_database(|store| async move {
        let (anna, bob) = (add(&store, "anna").await, add(&store, "bob").await);
        let at = SystemClock.now();
        let tx = store.begin().await.unwrap();
        let change = ProfileChange {
            language: Some(Language::Uk),
            ..Default::default()
        };
        assert!(tx.user(anna.id).change_profile(change, at).await.unwrap());
        assert!(tx.user(anna.id).set_active(false, at).await.unwrap());
        assert!(tx.user(anna.id).set_role(Role::Admin, at).await.unwrap());
        assert!(
            tx.user(anna.id)
                .set_password_hash(&Secret::from("new"), at)
                .await
                .unwrap()
        );
        assert!(!tx.user(UserId(9999)).set_active(false, at).await.unwrap());
        tx.commit().await.unwrap();

        let changed = store.user(anna.id).profile().await.unwrap().unwrap();
        assert_eq!(
            (changed.language, changed.role),
            (Language::Uk, Role::Admin)
        );
        assert!(!changed.is_active);
        assert_eq!(
            (changed.name.as_str(), changed.time_zone.as_str()),
            ("anna", "Europe/Samara")
        );
        let hash = store.user(anna.id).password_hash().await.unwrap().unwrap();
        assert_eq!(hash.expose(), "new");
        assert_eq!(store.user(bob.id).profile().await.unwrap().unwrap(), bob);
    })
    .await;
}

#[tokio::test]
async fn a_number_is_never_used_again() {
    for_each_database(|store| async move {
        let first = add(&store, "anna").await;
        let tx = store.begin().await.unwrap();
        assert!(tx.user(first.id).delete_user().await.unwrap());
        assert_eq!(tx.count_users().await.unwrap(), 0);
        tx.commit().await.unwrap();
        let second = add(&store, "anna").await;
        assert!(second.id > first.id);
    })
    .await;
}
