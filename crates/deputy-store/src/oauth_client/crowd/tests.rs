use serde_json::json;

use super::*;
use crate::oauth_client::NewClient;
use crate::testing::for_each_database;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn whoever_made_many_pays_first() {
    for_each_database(|store| async move {
        let tx = store.begin().await.unwrap();
        for (client_id, from, made) in [
            ("allowed", Some("a"), 1),
            ("quiet", Some("q"), 2),
            ("crowd1", Some("c"), 3),
            ("crowd2", Some("c"), 4),
            ("crowd3", Some("c"), 5),
            ("unknown", None, 6),
            ("new", Some("n"), 100),
        ] {
            tx.insert_oauth_client(NewClient {
                client_id: client_id.to_owned(),
                kind: ClientKind::Dynamic,
                name: client_id.to_owned(),
                redirect_uris: vec!["https://example.org/cb".to_owned()],
                metadata: json!({}),
                created_from: from.map(str::to_owned),
                at: at(made),
                fresh_until: None,
            })
            .await
            .unwrap();
        }
        tx.note_oauth_client_authorized("allowed", at(7))
            .await
            .unwrap();
        let mut dropped = Vec::new();
        // The newcomer's own first, then the largest crowd's.
        for from in [Some("q"), Some("q"), None, Some("n"), Some("n"), Some("n")] {
            let gone = tx
                .drop_crowding_oauth_client(ClientKind::Dynamic, from, at(50))
                .await
                .unwrap();
            dropped.push(gone.unwrap_or_default());
        }
        assert_eq!(dropped[..3], ["quiet", "crowd1", "crowd2"]);
        let mut last = dropped[3..5].to_vec();
        last.sort();
        assert_eq!(last, ["crowd3", "unknown"]);
        // What is young, allowed or of another kind stays.
        assert_eq!(dropped[5], "");
        let document = ClientKind::Document;
        assert_eq!(
            tx.drop_crowding_oauth_client(document, None, at(500))
                .await
                .unwrap(),
            None
        );
        tx.commit().await.unwrap();
        let left = store.oauth_clients(None, None, 10).await.unwrap();
        let left: Vec<_> = left.into_iter().map(|c| c.client_id).collect();
        assert_eq!(left, ["allowed", "new"]);
    })
    .await;
}
