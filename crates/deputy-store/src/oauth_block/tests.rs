use super::*;
use crate::testing::for_each_database;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn a_client_is_blocked_by_its_id_or_its_host_and_can_be_let_in_again() {
    for_each_database(|store| async move {
        let id = "https://a.test/c.json";
        let blocked = async |id: &str, host| store.is_oauth_blocked(id, host).await.unwrap();
        assert!(!blocked(id, Some("a.test")).await);
        let tx = store.begin().await.unwrap();
        let host = tx.put_oauth_block(BlockKind::Host, "a.test", at(1)).await;
        let host = host.unwrap();
        let again = tx.put_oauth_block(BlockKind::Host, "a.test", at(9)).await;
        assert_eq!(again.unwrap(), host, "since when stays");
        let one = tx.put_oauth_block(BlockKind::Client, "bot", at(2)).await;
        let one = one.unwrap();
        tx.commit().await.unwrap();
        assert!(blocked(id, Some("a.test")).await);
        assert!(blocked("bot", None).await);
        for (id, host) in [
            ("Bot", None),
            ("a.test", None),
            ("https://b.test/", Some("b.test")),
            ("x", Some("bot")),
            ("\0", Some("\0")),
            ("x", Some("\0")),
        ] {
            assert!(!blocked(id, host).await, "{id:?} {host:?}");
        }
        let all = store.oauth_blocks(None, 10).await.unwrap();
        assert_eq!(all, [host.clone(), one.clone()]);
        let later = store.oauth_blocks(Some(host.id), 10).await.unwrap();
        assert_eq!(later, std::slice::from_ref(&one));
        assert_eq!(store.oauth_blocks(None, 1).await.unwrap().len(), 1);
        let found = async |kind, name| store.oauth_block_of(kind, name).await.unwrap();
        assert_eq!(found(BlockKind::Client, "bot").await, Some(one.clone()));
        for (kind, name) in [
            (BlockKind::Host, "bot"),
            (BlockKind::Client, "a.test"),
            (BlockKind::Client, "\0"),
        ] {
            assert_eq!(found(kind, name).await, None);
        }
        assert_eq!(store.oauth_block(one.id).await.unwrap(), Some(one));
        assert_eq!(store.count_oauth_blocks().await.unwrap(), 2);

        let tx = store.begin().await.unwrap();
        assert!(tx.delete_oauth_block(host.id).await.unwrap());
        assert!(!tx.delete_oauth_block(host.id).await.unwrap());
        for name in ["a\0b".to_owned(), "x".repeat(1025)] {
            let done = tx.put_oauth_block(BlockKind::Client, &name, at(1)).await;
            assert!(matches!(done, Err(Error::Unfit { .. })), "{done:?}");
        }
        tx.commit().await.unwrap();
        assert!(!blocked(id, Some("a.test")).await);
        assert!(store.oauth_block(host.id).await.unwrap().is_none());
    })
    .await;
}
