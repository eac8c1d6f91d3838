use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use deputy_core::UserId;
use deputy_store::Store;
use deputy_store::testing::for_each_database;

use super::*;
use crate::Place;
use crate::tests::{user, vault};

fn place(user: UserId) -> Place<'static> {
    Place::of_user(user, "oauth_tokens", "google", "access_token", "google")
}

/// `count` people with a value each, sealed under root key 1.
async fn sealed(store: &Store, count: usize) -> Vec<(UserId, Vec<u8>)> {
    let vault = vault(store, 1, &[]);
    let mut out = Vec::new();
    for n in 0..count {
        let user = user(store, &format!("user-{n}")).await;
        out.push((user, vault.seal(&place(user), b"token").await.unwrap()));
    }
    out
}

async fn assert_all_open(vault: &Vault, values: &[(UserId, Vec<u8>)]) {
    for (user, value) in values {
        assert_eq!(
            vault.open(&place(*user), value).await.unwrap().expose(),
            b"token"
        );
    }
}

#[tokio::test]
async fn after_a_rotation_the_former_key_may_go() {
    for_each_database(|store| async move {
        let values = sealed(&store, 5).await;
        let with_both = vault(&store, 2, &[1]);
        assert_eq!(with_both.status().await.unwrap().left(), 5);
        assert_all_open(&with_both, &values).await;

        let done = with_both.rotate().await.unwrap();
        assert_eq!(
            done,
            Rotation {
                rewrapped: 5,
                left: 0,
                unknown: Vec::new()
            }
        );
        let done = with_both.rotate().await.unwrap();
        assert_eq!(done.rewrapped, 0, "there is nothing left to do");

        let with_new = vault(&store, 2, &[]);
        with_new.check().await.unwrap();
        assert_all_open(&with_new, &values).await;
    })
    .await;
}

#[tokio::test]
async fn a_key_taken_away_too_early_is_noticed_at_the_start() {
    for_each_database(|store| async move {
        let values = sealed(&store, 2).await;
        let wrong = vault(&store, 2, &[]);
        let Err(Error::UnknownRootKey(root)) = wrong.check().await else {
            panic!("a wrong key passed the check");
        };
        assert_eq!(root, vault(&store, 1, &[]).status().await.unwrap().current);
        let opened = wrong.open(&place(values[0].0), &values[0].1).await;
        assert!(matches!(opened, Err(Error::UnknownRootKey(_))));

        let done = wrong.rotate().await.unwrap();
        assert_eq!(
            done,
            Rotation {
                rewrapped: 0,
                left: 2,
                unknown: vec![root]
            }
        );
        assert_all_open(&vault(&store, 1, &[]), &values).await;
    })
    .await;
}

#[tokio::test]
async fn two_at_once_do_each_row_once() {
    for_each_database(|store| async move {
        let values = sealed(&store, 150).await;
        let (one, other) = (vault(&store, 2, &[1]), vault(&store, 2, &[1]));
        let (one, other) = tokio::join!(one.rotate(), other.rotate());
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.rewrapped + other.rewrapped, 150);
        assert_eq!((one.left, other.left), (0, 0));
        assert_all_open(&vault(&store, 2, &[]), &values).await;
    })
    .await;
}

#[tokio::test]
async fn sealing_and_opening_go_on_while_it_runs() {
    for_each_database(|store| async move {
        let mut values = sealed(&store, 120).await;
        let late = user(&store, "late").await;
        let rotating = vault(&store, 2, &[1]);
        // A replica that has the new settings, and one that still has the former.
        let (new, old) = (vault(&store, 2, &[1]), vault(&store, 1, &[2]));
        let (done, fresh, ()) = tokio::join!(
            rotating.rotate(),
            async { old.seal(&place(late), b"token").await.unwrap() },
            async {
                assert_all_open(&new, &values).await;
                assert_all_open(&old, &values).await;
            },
        );
        done.unwrap();
        values.push((late, fresh));
        // The former replica may have added a key behind the cursor: the next run gets it.
        assert_eq!(rotating.rotate().await.unwrap().left, 0);
        assert_all_open(&vault(&store, 2, &[]), &values).await;
    })
    .await;
}

/// Runs `future` until it has waited `steps` times, then drops it; `None` when it was dropped.
async fn killed_after<F: Future>(future: F, steps: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut waited = 0;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waited >= steps => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn killed_at_any_step_it_loses_nothing_and_goes_on() {
    for_each_database(|store| async move {
        let values = sealed(&store, 130).await;
        let mut kills = 0;
        // Each round replaces the key of the round before, and is killed a little later.
        for round in 1..16 {
            let (former, current) = (round, round + 1);
            let killed = vault(&store, current, &[former]);
            if killed_after(killed.rotate(), usize::from(round - 1) * 19)
                .await
                .is_none()
            {
                kills += 1;
            }
            let again = vault(&store, current, &[former]);
            let left = again.status().await.unwrap().left();
            assert!(
                [130, 30, 0].contains(&left),
                "{left}: whole batches or nothing"
            );
            assert_all_open(&again, &values).await;
            assert_eq!(again.rotate().await.unwrap().left, 0);
            assert_all_open(&vault(&store, current, &[]), &values).await;
        }
        assert!(kills > 0);
    })
    .await;
}
