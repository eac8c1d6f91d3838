//! Who comes first, on both engines: each task has a transaction of its own.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::*;

/// Runs `one` in two transactions at once; how many of them won.
async fn winners<F>(store: &Store, one: impl Fn(crate::Tx) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    // SQLite has one transaction at a time: there the second one is begun when the first has ended.
    let meet = store.engine() == Engine::Postgres;
    let barrier = Arc::new(Barrier::new(if meet { 2 } else { 1 }));
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        let task = one(store.begin().await.unwrap());
        let barrier = Arc::clone(&barrier);
        tasks.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    tasks
        .join_all()
        .await
        .into_iter()
        .filter(|won| *won)
        .count()
}

#[tokio::test]
async fn of_two_that_redeem_a_code_one_wins() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        for i in 0..10 {
            full(&store, alice, &i.to_string()).await;
            let won = winners(&store, |tx| async move {
                let won = tx.use_oauth_code(&format!("c{i}"), at(1100)).await.unwrap();
                tokio::task::yield_now().await;
                tx.commit().await.unwrap();
                won
            });
            assert_eq!(won.await, 1);
        }
        assert_eq!(store.user(alice).oauth_grants().await.unwrap().len(), 10);
    })
    .await;
}

#[tokio::test]
async fn of_two_that_rotate_a_token_one_wins_and_the_other_sees_its_answer() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        for i in 0..10 {
            let made = full(&store, alice, &i.to_string()).await;
            let won = winners(&store, |tx| async move {
                let hash = format!("r{i}");
                let (seen, of, _) = tx.refresh_token_locked(&hash).await.unwrap().unwrap();
                assert_eq!(of.id, made.id);
                let won = tx
                    .rotate_refresh_token(&hash, at(1200), vec![7])
                    .await
                    .unwrap();
                // Who looked under the lock knew beforehand.
                assert_eq!(won, seen.rotated_at.is_none());
                assert_eq!(seen.answer, (!won).then(|| vec![7]));
                if won {
                    let next = refresh(&format!("next{i}"), made.id);
                    tx.insert_refresh_token(next).await.unwrap();
                    tx.touch_oauth_grant(made.id, at(1200)).await.unwrap();
                    tx.extend_oauth_grant(made.id, at(30_000)).await.unwrap();
                }
                tx.commit().await.unwrap();
                won
            });
            assert_eq!(won.await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn who_gives_up_half_way_leaves_the_code_to_the_next() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        full(&store, alice, "1").await;
        let tx = store.begin().await.unwrap();
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        let rotated = tx.rotate_refresh_token("r1", at(1100), vec![1]).await;
        assert!(rotated.unwrap());
        drop(tx);
        let tx = store.begin().await.unwrap();
        assert!(tx.use_oauth_code("c1", at(1150)).await.unwrap());
        let rotated = tx.rotate_refresh_token("r1", at(1150), vec![2]).await;
        assert!(rotated.unwrap());
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_two_that_end_a_grant_one_gives_the_reason() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        for i in 0..10 {
            let made = full(&store, alice, &i.to_string()).await;
            let won = winners(&store, |tx| async move {
                let mine = tx.user(alice);
                let won = mine.end_oauth_grant(made.id, "person", at(1200)).await;
                tx.commit().await.unwrap();
                won.unwrap()
            });
            assert_eq!(won.await, 1);
        }
    })
    .await;
}

/// Rotations, ends, redeems and sweeps of the same grants at once: nobody waits for another in a
/// circle (PostgreSQL would end one of them with an error), and what ended stays ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_at_once_comes_to_an_end() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let mut grants = Vec::new();
        for i in 0..6 {
            grants.push(full(&store, alice, &i.to_string()).await.id);
        }
        let mut tasks = JoinSet::new();
        for (i, id) in grants.iter().copied().enumerate() {
            let at_once = store.clone();
            tasks.spawn(async move {
                let tx = at_once.begin().await.unwrap();
                tx.use_oauth_code(&format!("c{i}"), at(1100)).await.unwrap();
                tx.commit().await.unwrap();
                let mut hash = format!("r{i}");
                for step in 0..8 {
                    let next = format!("r{i}-{step}");
                    let tx = at_once.begin().await.unwrap();
                    if tx
                        .rotate_refresh_token(&hash, at(1200), vec![7])
                        .await
                        .unwrap()
                    {
                        tx.insert_refresh_token(refresh(&next, id)).await.unwrap();
                        let token = access(&format!("a{i}-{step}"), id);
                        tx.insert_access_token(token).await.unwrap();
                        tx.touch_oauth_grant(id, at(1200)).await.unwrap();
                        tx.extend_oauth_grant(id, at(30_000)).await.unwrap();
                        hash = next;
                    }
                    tx.commit().await.unwrap();
                }
            });
            let ends = store.clone();
            tasks.spawn(async move {
                for step in 0..4 {
                    let tx = ends.begin().await.unwrap();
                    if step == 3 && i % 2 == 0 {
                        tx.end_oauth_grant(id, "person", at(1300)).await.unwrap();
                    } else {
                        tx.touch_oauth_grant(id, at(1250)).await.unwrap();
                    }
                    tx.commit().await.unwrap();
                }
            });
        }
        for _ in 0..2 {
            let store = store.clone();
            tasks.spawn(async move {
                for _ in 0..8 {
                    let tx = store.begin().await.unwrap();
                    // Codes and access tokens are over, answers too, the grants are not.
                    tx.sweep_oauth(at(9000), at(1000), at(1300)).await.unwrap();
                    tx.commit().await.unwrap();
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        for id in grants.iter().step_by(2) {
            let found = store.user(alice).oauth_grant(*id).await.unwrap();
            // Swept where the sweep came before its code was redeemed.
            if let Some(found) = found {
                assert_eq!(found.ended_why.as_deref(), Some("person"));
            }
        }
    })
    .await;
}
