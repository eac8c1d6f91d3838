use deputy_core::{Clock as _, SystemClock};

use super::*;
use crate::testing::for_each_database;
use crate::user::tests::add;

fn token(hash: &str) -> NewPersonalToken {
    NewPersonalToken {
        name: "laptop".to_owned(),
        token_hash: hash.to_owned(),
        hint: "wxyz".to_owned(),
        scopes: Scopes::default_for_token(),
        at: SystemClock.now(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_token_leads_to_its_owner_and_to_nobody_else() {
    for_each_database(|store| async move {
        let (anna, bob) = (add(&store, "anna").await, add(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        let made = tx.user(anna.id).insert_token(token("aa")).await.unwrap();
        assert_eq!(tx.user(anna.id).count_tokens().await.unwrap(), 1);
        let twice = tx.user(bob.id).insert_token(token("aa")).await;
        assert!(matches!(twice, Err(Error::Conflict(_))), "{twice:?}");
        drop(tx);
        assert!(
            store.token_by_hash("aa").await.unwrap().is_none(),
            "the transaction was dropped"
        );

        let tx = store.begin().await.unwrap();
        let made_again = tx.user(anna.id).insert_token(token("aa")).await.unwrap();
        assert_eq!(made_again.scopes, made.scopes);
        tx.commit().await.unwrap();
        let (found, owner) = store.token_by_hash("aa").await.unwrap().unwrap();
        assert_eq!((found, owner), (made_again.clone(), anna.clone()));

        let tx = store.begin().await.unwrap();
        assert!(!tx.user(bob.id).delete_token(made_again.id).await.unwrap());
        assert!(tx.user(anna.id).delete_token(made_again.id).await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.token_by_hash("aa").await.unwrap().is_none());
        assert!(store.user(anna.id).tokens().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn last_use_only_moves_forward() {
    for_each_database(|store| async move {
        let anna = add(&store, "anna").await;
        let at = from_ms(to_ms(SystemClock.now()));
        let tx = store.begin().await.unwrap();
        let made = tx.user(anna.id).insert_token(token("aa")).await.unwrap();
        tx.touch_token(made.id, at).await.unwrap();
        tx.touch_token(made.id, at - jiff::SignedDuration::from_mins(5))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let listed = store.user(anna.id).tokens().await.unwrap();
        assert_eq!(listed[0].last_used_at, Some(at));
    })
    .await;
}
