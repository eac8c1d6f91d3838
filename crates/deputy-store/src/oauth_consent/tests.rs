use deputy_core::Scope;

use super::*;
use crate::testing::{for_each_database, user};

fn consent(client_id: &str, second: i64) -> Consent {
    Consent {
        client_id: client_id.to_owned(),
        redirect_uri: "http://localhost:8181/callback".to_owned(),
        scopes: Scopes([Scope::ToolsRead, Scope::ToolsCall].into()),
        resources: vec!["https://d/mcp".to_owned(), "https://d/api".to_owned()],
        allowed_at: Timestamp::from_second(second).unwrap(),
    }
}

#[tokio::test]
async fn the_last_consent_counts_and_is_one_persons() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        let hers = tx.user(alice);
        hers.put_oauth_consent(consent("a", 1)).await.unwrap();
        let newer = Consent {
            redirect_uri: "https://other/back".to_owned(),
            scopes: Scopes::all(),
            resources: vec!["https://d/mcp/x".to_owned()],
            ..consent("a", 3)
        };
        hers.put_oauth_consent(newer.clone()).await.unwrap();
        hers.put_oauth_consent(consent("b", 2)).await.unwrap();
        tx.user(bob)
            .put_oauth_consent(consent("b", 4))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let clients = async |prefix: &str| store.oauth_client_ids_with_consents(prefix).await;
        assert_eq!(clients("").await.unwrap(), ["a", "b"]);
        assert_eq!(clients("b").await.unwrap(), ["b"]);
        assert!(clients("c").await.unwrap().is_empty());

        let of = async |user, client_id| store.user(user).oauth_consent(client_id).await.unwrap();
        assert_eq!(of(alice, "a").await, Some(newer.clone()));
        assert_eq!(of(alice, "b").await, Some(consent("b", 2)));
        assert_eq!(of(bob, "a").await, None);
        assert_eq!(of(bob, "b").await, Some(consent("b", 4)));

        let tx = store.begin().await.unwrap();
        assert!(!tx.user(bob).delete_oauth_consent("a").await.unwrap());
        assert!(tx.user(alice).delete_oauth_consent("b").await.unwrap());
        assert!(!tx.user(alice).delete_oauth_consent("b").await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(of(alice, "a").await, Some(newer));
        assert_eq!(of(alice, "b").await, None);
        assert_eq!(of(bob, "b").await, Some(consent("b", 4)));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_that_is_nobodys_or_does_not_fit() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let tx = store.begin().await.unwrap();
        let unfit = [
            Consent {
                client_id: "\0".to_owned(),
                ..consent("a", 1)
            },
            Consent {
                client_id: "x".repeat(1025),
                ..consent("a", 1)
            },
            Consent {
                redirect_uri: "\0".to_owned(),
                ..consent("a", 1)
            },
            Consent {
                redirect_uri: "x".repeat(4097),
                ..consent("a", 1)
            },
            Consent {
                resources: vec!["https://d/mcp https://d/api".to_owned()],
                ..consent("a", 1)
            },
            Consent {
                resources: vec![String::new()],
                ..consent("a", 1)
            },
            Consent {
                resources: vec!["\0".to_owned()],
                ..consent("a", 1)
            },
            Consent {
                resources: vec!["x".repeat(20_000)],
                ..consent("a", 1)
            },
        ];
        for case in unfit {
            let done = tx.user(alice).put_oauth_consent(case.clone()).await;
            assert!(matches!(done, Err(Error::Unfit { .. })), "{case:?}");
        }
        assert!(tx.user(alice).oauth_consent("\0").await.unwrap().is_none());
        assert!(!tx.user(alice).delete_oauth_consent("\0").await.unwrap());
        let nobody = tx.user(deputy_core::UserId(999));
        let done = nobody.put_oauth_consent(consent("a", 1)).await;
        assert!(matches!(done, Err(Error::Dangling(_))), "{done:?}");
    })
    .await;
}
