use super::RemoteClient;
use crate::from_ms;
use crate::testing::{for_each_database, user};

fn client(issuer: &str, secret: u8, at: i64) -> RemoteClient {
    RemoteClient {
        issuer: issuer.to_owned(),
        redirect_uri: "https://deputy.test/back".to_owned(),
        client: vec![secret],
        expires_at: None,
        created_at: from_ms(at),
    }
}

#[tokio::test]
async fn a_client_is_of_one_person_one_issuer_and_one_redirect() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let back = "https://deputy.test/back";
        let tx = store.begin().await.unwrap();
        tx.user(alice)
            .remote_client_put(client("https://as", 1, 1), 9)
            .await
            .unwrap();
        tx.user(bob)
            .remote_client_put(client("https://as", 2, 1), 9)
            .await
            .unwrap();
        tx.user(alice)
            .remote_client_put(client("https://as", 3, 2), 9)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let find = async |who, issuer: &str, back: &str| {
            store
                .user(who)
                .remote_client(issuer, back)
                .await
                .unwrap()
                .map(|c| c.client)
        };
        assert_eq!(find(alice, "https://as", back).await, Some(vec![3]));
        assert_eq!(find(bob, "https://as", back).await, Some(vec![2]));
        assert_eq!(find(alice, "https://as/", back).await, None);
        assert_eq!(find(alice, "https://as", "https://other").await, None);

        let tx = store.begin().await.unwrap();
        let hers = tx.user(alice);
        assert!(hers.remote_client_delete("https://as", back).await.unwrap());
        assert!(!hers.remote_client_delete("https://as", back).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(find(bob, "https://as", back).await, Some(vec![2]));
    })
    .await;
}

#[tokio::test]
async fn the_oldest_beyond_the_limit_go() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        for at in 0..4 {
            let tx = store.begin().await.unwrap();
            let one = client(&format!("https://as{at}"), 1, at);
            tx.user(alice).remote_client_put(one, 2).await.unwrap();
            tx.commit().await.unwrap();
        }
        for (issuer, there) in [
            ("https://as1", false),
            ("https://as2", true),
            ("https://as3", true),
        ] {
            let found = store
                .user(alice)
                .remote_client(issuer, "https://deputy.test/back")
                .await;
            assert_eq!(found.unwrap().is_some(), there, "{issuer}");
        }
    })
    .await;
}
