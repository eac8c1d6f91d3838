//! How many rotated refresh tokens a grant keeps, and which.

use super::*;

/// Rotates `hash` at `second` and issues `next`, as old as that.
async fn rotate(store: &Store, grant_id: i64, hash: &str, next: &str, second: i64) {
    let tx = store.begin().await.unwrap();
    let rotated = tx.rotate_refresh_token(hash, at(second), vec![7]).await;
    assert!(rotated.unwrap(), "{hash}");
    let next = NewRefreshToken {
        at: at(second),
        ..refresh(next, grant_id)
    };
    tx.insert_refresh_token(next).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn of_many_the_newest_stay_and_those_that_lay_about_longest() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "").await;
        let other = full(&store, alice, "other").await;
        rotate(&store, other.id, "rother", "other-next", 1101).await;
        // The one that was copied had been the current one for a hundred seconds; then there is one
        // a second, two hundred times.
        rotate(&store, made.id, "r", "r0", 1200).await;
        for i in 0..200 {
            let (hash, next) = (format!("r{i}"), format!("r{}", i + 1));
            rotate(&store, made.id, &hash, &next, 1201 + i).await;
            if i == 98 {
                let there = store.refresh_token("r0").await.unwrap();
                assert!(there.is_some(), "a hundred may stay");
            }
        }
        let mut there = Vec::new();
        for i in 0..=200 {
            if let Some((token, ..)) = store.refresh_token(&format!("r{i}")).await.unwrap() {
                assert_eq!(token.rotated_at.is_none(), i == 200);
                there.push(i);
            }
        }
        // 99 and the one that was copied are rotated; one is not.
        assert_eq!(there.len(), 100, "{there:?}");
        assert!((150..=200).all(|i| there.contains(&i)), "{there:?}");
        let copied = store.refresh_token("r").await.unwrap();
        assert!(copied.is_some(), "a second use of it is known");
        let others = store.refresh_token("rother").await.unwrap();
        assert!(others.is_some(), "another grant has its own");
    })
    .await;
}
