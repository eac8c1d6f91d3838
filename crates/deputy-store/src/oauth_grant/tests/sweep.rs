use super::everybody::rows;
use super::*;

async fn sweep(store: &Store, now: i64, ended_before: i64, answers_before: i64) -> u64 {
    let tx = store.begin().await.unwrap();
    let gone = tx
        .sweep_oauth(at(now), at(ended_before), at(answers_before))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    gone
}

#[tokio::test]
async fn what_has_expired_goes_at_its_instant_and_not_before() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "1").await;
        let tx = store.begin().await.unwrap();
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        let rotated = tx.rotate_refresh_token("r1", at(1200), vec![7]).await;
        assert!(rotated.unwrap());
        tx.commit().await.unwrap();

        assert_eq!(sweep(&store, 1299, 0, 1200).await, 0);
        assert_eq!(sweep(&store, 1299, 0, 1201).await, 1, "the answer");
        let (token, ..) = store.refresh_token("r1").await.unwrap().unwrap();
        assert_eq!((token.rotated_at, token.answer), (Some(at(1200)), None));
        assert_eq!(sweep(&store, 1300, 0, 1201).await, 1, "the code");
        assert!(store.oauth_code("c1").await.unwrap().is_none());
        assert_eq!(sweep(&store, 4699, 0, 1201).await, 0);
        assert_eq!(sweep(&store, 4700, 0, 1201).await, 1, "the access token");
        assert!(store.access_token("a1").await.unwrap().is_none());
        let tx = store.begin().await.unwrap();
        tx.extend_oauth_grant(made.id, at(20_000)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sweep(&store, 9999, 0, 1201).await, 0);
        assert_eq!(sweep(&store, 10_000, 0, 1201).await, 1, "the refresh token");
        assert_eq!(sweep(&store, 19_999, 0, 1201).await, 0);
        assert_eq!(sweep(&store, 20_000, 0, 1201).await, 1, "the grant");
        assert_eq!(rows(&store).await, [0; 6]);
    })
    .await;
}

#[tokio::test]
async fn an_ended_grant_stays_until_its_time_with_its_reason() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "1").await;
        let tx = store.begin().await.unwrap();
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        assert!(
            tx.end_oauth_grant(made.id, "person", at(1200))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        // Lapsed too, meanwhile: who comes late is told why all the same.
        sweep(&store, 50_000, 1200, 0).await;
        let found = store.user(alice).oauth_grant(made.id).await.unwrap();
        assert_eq!(found.unwrap().ended_why.as_deref(), Some("person"));
        assert_eq!(sweep(&store, 50_000, 1201, 0).await, 1);
        assert_eq!(rows(&store).await, [0; 6]);
    })
    .await;
}

#[tokio::test]
async fn a_grant_that_nobody_redeemed_goes_with_its_code() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let (waiting, redeemed) = (
            full(&store, alice, "1").await,
            full(&store, alice, "2").await,
        );
        let tx = store.begin().await.unwrap();
        let without = tx.user(alice).insert_oauth_grant(grant("abc")).await;
        let without = without.unwrap().id;
        assert!(tx.use_oauth_code("c2", at(1100)).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(sweep(&store, 1299, 0, 0).await, 1, "no code can come");
        let hers = store.user(alice);
        assert!(hers.oauth_grant(without).await.unwrap().is_none());
        assert!(hers.oauth_grant(waiting.id).await.unwrap().is_some());
        sweep(&store, 1300, 0, 0).await;
        assert!(hers.oauth_grant(waiting.id).await.unwrap().is_none());
        assert!(hers.oauth_grant(redeemed.id).await.unwrap().is_some());
        assert!(store.refresh_token("r1").await.unwrap().is_none());
        assert!(store.refresh_token("r2").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn so_many_go_at_a_time() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "").await;
        let tx = store.begin().await.unwrap();
        assert!(tx.use_oauth_code("c", at(1100)).await.unwrap());
        for i in 0..1001 {
            let token = access(&format!("a{i}"), made.id);
            tx.insert_access_token(token).await.unwrap();
        }
        tx.commit().await.unwrap();
        // The code, and a thousand of 1,002 tokens.
        assert_eq!(sweep(&store, 5000, 0, 0).await, 1001);
        assert_eq!(sweep(&store, 5000, 0, 0).await, 2);
        assert_eq!(sweep(&store, 5000, 0, 0).await, 0);
        assert_eq!(rows(&store).await, [0, 0, 1, 0, 0, 1]);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_redeemed_gives_way_and_counts_for_nothing() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let (waiting, redeemed, ended, his) = (
            full(&store, alice, "1").await,
            full(&store, alice, "2").await,
            full(&store, alice, "3").await,
            full(&store, bob, "4").await,
        );
        let tx = store.begin().await.unwrap();
        let hers = tx.user(alice);
        let elsewhere = NewGrant {
            redirect_uri: "http://localhost:6275/back".to_owned(),
            ..grant("abc")
        };
        let elsewhere = hers.insert_oauth_grant(elsewhere).await.unwrap();
        let other = hers.insert_oauth_grant(grant("other")).await.unwrap();
        assert!(tx.use_oauth_code("c2", at(1100)).await.unwrap());
        let done = tx.end_oauth_grant(ended.id, "person", at(1100)).await;
        assert!(done.unwrap());
        for (client, at) in [("abc", "http://x"), ("abc", "\0"), ("\0", "http://x")] {
            let gone = hers.delete_unredeemed_oauth_grants(client, at).await;
            assert_eq!(gone.unwrap(), 0);
        }
        let uri = grant("abc").redirect_uri;
        let gone = hers.delete_unredeemed_oauth_grants("abc", &uri).await;
        assert_eq!(gone.unwrap(), 1);
        tx.commit().await.unwrap();
        let hers = store.user(alice);
        assert!(hers.oauth_grant(waiting.id).await.unwrap().is_none());
        assert!(store.oauth_code("c1").await.unwrap().is_none());
        for id in [redeemed.id, ended.id, elsewhere.id, other.id] {
            assert!(hers.oauth_grant(id).await.unwrap().is_some());
        }
        let bobs = store.user(bob);
        assert!(bobs.oauth_grant(his.id).await.unwrap().is_some());
        for (now, live) in [(9999, 1), (10_000, 0)] {
            let count = hers.count_live_oauth_grants(at(now)).await;
            assert_eq!(count.unwrap(), live);
        }
        assert_eq!(bobs.count_live_oauth_grants(at(1000)).await.unwrap(), 0);
    })
    .await;
}
