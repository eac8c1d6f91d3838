use deputy_core::Scopes;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::oauth_consent::Consent;
use crate::oauth_grant::NewGrant;
use crate::testing::{for_each_database, user};

mod held;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn client(client_id: &str, kind: ClientKind) -> NewClient {
    NewClient {
        client_id: client_id.to_owned(),
        kind,
        name: "Inspector".to_owned(),
        redirect_uris: vec!["http://localhost:6274/oauth/callback".to_owned()],
        metadata: json!({"application_type": "native"}),
        created_from: Some("192.0.2.7".to_owned()),
        at: at(1000),
        fresh_until: None,
    }
}

async fn add(store: &Store, client: NewClient) -> ClientRow {
    let tx = store.begin().await.unwrap();
    let row = tx.insert_oauth_client(client).await.unwrap();
    tx.commit().await.unwrap();
    row
}

async fn ids(store: &Store) -> Vec<String> {
    let all = store.oauth_clients(None, None, 100).await.unwrap();
    all.into_iter().map(|row| row.client_id).collect()
}

#[tokio::test]
async fn a_client_comes_back_as_it_went_and_its_id_is_taken_once() {
    for_each_database(|store| async move {
        let made = add(&store, client("abc", ClientKind::Dynamic)).await;
        let found = store.oauth_client("abc").await.unwrap().unwrap();
        assert_eq!(found, made);
        assert_eq!(found.kind, ClientKind::Dynamic);
        assert_eq!(
            found.redirect_uris,
            ["http://localhost:6274/oauth/callback"]
        );
        assert_eq!(found.metadata, json!({"application_type": "native"}));
        assert_eq!(found.created_from.as_deref(), Some("192.0.2.7"));
        assert_eq!((found.created_at, found.fetched_at), (at(1000), None));
        assert_eq!((found.authorized_at, found.last_used_at), (None, None));

        let tx = store.begin().await.unwrap();
        let twice = tx
            .insert_oauth_client(client("abc", ClientKind::Registered))
            .await;
        assert!(matches!(twice, Err(Error::Conflict(_))), "{twice:?}");
        drop(tx);
        for other in ["ABC", "abc ", "ab", ""] {
            assert!(store.oauth_client(other).await.unwrap().is_none());
        }

        let tx = store.begin().await.unwrap();
        assert!(tx.delete_oauth_client("abc").await.unwrap());
        assert!(!tx.delete_oauth_client("abc").await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.oauth_client("abc").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn lists_go_by_kind_and_in_pages() {
    for_each_database(|store| async move {
        for (id, kind) in [
            ("a", ClientKind::Registered),
            ("b", ClientKind::Dynamic),
            ("c", ClientKind::Dynamic),
            ("d", ClientKind::Document),
        ] {
            add(&store, client(id, kind)).await;
        }
        assert_eq!(ids(&store).await, ["a", "b", "c", "d"]);
        let kind = Some(ClientKind::Dynamic);
        let first = store.oauth_clients(kind, None, 1).await.unwrap();
        assert_eq!(first[0].client_id, "b");
        let after = Some(first[0].id);
        let rest = store.oauth_clients(kind, after, 10).await.unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].client_id, "c");

        let tx = store.begin().await.unwrap();
        tx.note_oauth_client_authorized("b", at(2000))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let count = async |never| {
            store
                .count_oauth_clients(ClientKind::Dynamic, never)
                .await
                .unwrap()
        };
        assert_eq!((count(false).await, count(true).await), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn the_first_consent_stays_and_the_last_use_only_moves_forward() {
    for_each_database(|store| async move {
        add(&store, client("abc", ClientKind::Dynamic)).await;
        let tx = store.begin().await.unwrap();
        for second in [2000, 3000] {
            let done = tx.note_oauth_client_authorized("abc", at(second)).await;
            done.unwrap();
        }
        tx.touch_oauth_client("abc", at(2500)).await.unwrap();
        // Built in: there is no row.
        tx.note_oauth_client_authorized("deputy-cli", at(2000))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let found = store.oauth_client("abc").await.unwrap().unwrap();
        assert_eq!(found.authorized_at, Some(at(2000)));
        assert_eq!(found.last_used_at, Some(at(3000)));
    })
    .await;
}

#[tokio::test]
async fn a_document_is_replaced_and_never_stands_in_for_another_kind() {
    for_each_database(|store| async move {
        let url = "https://client.example/metadata.json";
        let put = async |client: NewClient| {
            let tx = store.begin().await.unwrap();
            let row = tx.put_oauth_document(client).await?;
            tx.commit().await.unwrap();
            Ok::<_, Error>(row)
        };
        // The kind is what the method says.
        let first = put(NewClient {
            fresh_until: Some(at(1060)),
            ..client(url, ClientKind::Registered)
        })
        .await
        .unwrap();
        assert_eq!(first.kind, ClientKind::Document);
        assert_eq!(first.fetched_at, Some(at(1000)));
        let tx = store.begin().await.unwrap();
        tx.note_oauth_client_authorized(url, at(1500))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let second = put(NewClient {
            name: "Renamed".to_owned(),
            redirect_uris: vec!["https://client.example/back".to_owned()],
            metadata: json!({}),
            created_from: None,
            at: at(2000),
            fresh_until: Some(at(2060)),
            ..client(url, ClientKind::Document)
        })
        .await
        .unwrap();
        assert_eq!(
            second,
            ClientRow {
                id: first.id,
                client_id: url.to_owned(),
                kind: ClientKind::Document,
                name: "Renamed".to_owned(),
                redirect_uris: vec!["https://client.example/back".to_owned()],
                metadata: json!({}),
                created_at: at(1000),
                created_from: Some("192.0.2.7".to_owned()),
                fetched_at: Some(at(2000)),
                fresh_until: Some(at(2060)),
                authorized_at: Some(at(1500)),
                last_used_at: Some(at(1500)),
            }
        );
        assert_eq!(store.oauth_client(url).await.unwrap(), Some(second));

        let other = add(&store, client("https://x.example/", ClientKind::Registered)).await;
        let refused = put(client("https://x.example/", ClientKind::Document)).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        let found = store.oauth_client("https://x.example/").await.unwrap();
        assert_eq!(found, Some(other));
    })
    .await;
}

#[tokio::test]
async fn what_strangers_caused_and_nobody_uses_goes() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        for (id, kind) in [
            ("registered", ClientKind::Registered),
            ("never", ClientKind::Dynamic),
            ("never-document", ClientKind::Document),
            ("unused", ClientKind::Dynamic),
            ("allowed-only", ClientKind::Dynamic),
            ("used", ClientKind::Dynamic),
            ("live", ClientKind::Dynamic),
            ("asked", ClientKind::Dynamic),
        ] {
            add(&store, client(id, kind)).await;
        }
        add(
            &store,
            NewClient {
                at: at(9000),
                ..client("fresh", ClientKind::Dynamic)
            },
        )
        .await;
        let tx = store.begin().await.unwrap();
        for id in ["registered", "unused", "allowed-only", "used", "live"] {
            tx.note_oauth_client_authorized(id, at(1000)).await.unwrap();
        }
        tx.touch_oauth_client("unused", at(4999)).await.unwrap();
        tx.touch_oauth_client("used", at(5000)).await.unwrap();
        // Its page was shown a moment ago.
        tx.touch_oauth_client("asked", at(8000)).await.unwrap();
        let hers = tx.user(alice);
        for id in ["unused", "live"] {
            let consent = Consent {
                client_id: id.to_owned(),
                redirect_uri: "https://back".to_owned(),
                scopes: Scopes::default(),
                resources: Vec::new(),
                allowed_at: at(1000),
            };
            hers.put_oauth_consent(consent).await.unwrap();
            let grant = NewGrant {
                client_id: id.to_owned(),
                client_name: id.to_owned(),
                redirect_uri: "https://back".to_owned(),
                scopes: Scopes::default(),
                resources: Vec::new(),
                at: at(1000),
                expires_at: at(99_000),
            };
            let grant = hers.insert_oauth_grant(grant).await.unwrap();
            if id == "unused" {
                let ended = tx.end_oauth_grant(grant.id, "person", at(1001)).await;
                assert!(ended.unwrap());
            }
        }
        tx.commit().await.unwrap();

        let tx = store.begin().await.unwrap();
        let gone = tx.sweep_oauth_clients(at(8000), at(5000)).await.unwrap();
        let again = tx.sweep_oauth_clients(at(8000), at(5000)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((gone, again), (4, 0));
        assert_eq!(
            ids(&store).await,
            ["registered", "used", "live", "asked", "fresh"]
        );
        let consents = store.oauth_client_ids_with_consents("").await.unwrap();
        assert_eq!(consents, ["live"], "a swept client's consent is forgotten");
    })
    .await;
}

#[tokio::test]
async fn documents_in_use_come_by_when_they_were_fetched() {
    for_each_database(|store| async move {
        let tx = store.begin().await.unwrap();
        for (id, kind, made) in [
            ("earlier", ClientKind::Document, 1000),
            ("later", ClientKind::Document, 3000),
            ("between", ClientKind::Document, 2000),
            ("registered", ClientKind::Registered, 4000),
        ] {
            let new = NewClient {
                at: at(made),
                ..client(id, kind)
            };
            tx.insert_oauth_client(new).await.unwrap();
            tx.note_oauth_client_authorized(id, at(made)).await.unwrap();
        }
        let never = client("never", ClientKind::Document);
        tx.insert_oauth_client(never).await.unwrap();
        tx.commit().await.unwrap();
        let ids = store.oauth_documents_in_use(2).await.unwrap();
        assert_eq!(ids, ["later", "between"]);
        assert_eq!(store.oauth_documents_in_use(9).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_removed_client_leaves_no_consent_to_a_later_one_of_its_id() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let tx = store.begin().await.unwrap();
        for id in ["mine", "other"] {
            let consent = Consent {
                client_id: id.to_owned(),
                redirect_uri: "https://back".to_owned(),
                scopes: Scopes::all(),
                resources: Vec::new(),
                allowed_at: at(1000),
            };
            tx.insert_oauth_client(client(id, ClientKind::Registered))
                .await
                .unwrap();
            tx.user(alice).put_oauth_consent(consent).await.unwrap();
        }
        assert!(tx.delete_oauth_client("mine").await.unwrap());
        tx.forget_oauth_consents(&["mine"]).await.unwrap();
        tx.commit().await.unwrap();
        let hers = store.user(alice);
        assert!(hers.oauth_consent("mine").await.unwrap().is_none());
        assert!(hers.oauth_consent("other").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn what_no_row_takes_is_refused_alike_on_both_engines() {
    for_each_database(|store| async move {
        let fits = || client("c", ClientKind::Dynamic);
        let long = |bytes: usize| "x".repeat(bytes);
        let cases = [
            (
                "client_id",
                NewClient {
                    client_id: long(1025),
                    ..fits()
                },
            ),
            (
                "client_id",
                NewClient {
                    client_id: "a\0b".to_owned(),
                    ..fits()
                },
            ),
            (
                "name",
                NewClient {
                    name: long(1025),
                    ..fits()
                },
            ),
            (
                "name",
                NewClient {
                    name: "a\0b".to_owned(),
                    ..fits()
                },
            ),
            (
                "redirect_uris",
                NewClient {
                    redirect_uris: vec![long(65_536)],
                    ..fits()
                },
            ),
            (
                "metadata",
                NewClient {
                    metadata: json!(long(65_536)),
                    ..fits()
                },
            ),
            (
                "created_from",
                NewClient {
                    created_from: Some(long(65)),
                    ..fits()
                },
            ),
        ];
        let tx = store.begin().await.unwrap();
        for (column, case) in cases {
            for done in [
                tx.insert_oauth_client(case.clone()).await,
                tx.put_oauth_document(case).await,
            ] {
                let Err(Error::Unfit { column: named, .. }) = done else {
                    panic!("{column}: {done:?}");
                };
                assert_eq!(named, column);
            }
        }
        // At the limits, and with NUL where it is written as an escape.
        let largest = NewClient {
            client_id: long(MAX_CLIENT_ID),
            name: long(MAX_CLIENT_NAME),
            redirect_uris: vec!["a\0b".to_owned(), long(MAX_CLIENT_JSON - 20)],
            metadata: json!({"a\0": long(MAX_CLIENT_JSON - 20)}),
            created_from: Some(long(64)),
            ..fits()
        };
        let made = tx.insert_oauth_client(largest).await.unwrap();
        tx.commit().await.unwrap();
        let found = store.oauth_client(&made.client_id).await.unwrap();
        assert_eq!(found, Some(made));

        assert!(store.oauth_client("a\0b").await.unwrap().is_none());
        assert!(store.oauth_client(&long(100_000)).await.unwrap().is_none());
        let tx = store.begin().await.unwrap();
        assert!(!tx.delete_oauth_client("a\0b").await.unwrap());
        assert!(tx.note_oauth_client_authorized("a\0b", at(1)).await.is_ok());
        assert!(tx.touch_oauth_client("a\0b", at(1)).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_sweep_takes_so_many_at_a_time() {
    for_each_database(|store| async move {
        let tx = store.begin().await.unwrap();
        for i in 0..1001 {
            let one = client(&format!("c{i}"), ClientKind::Dynamic);
            tx.insert_oauth_client(one).await.unwrap();
        }
        let before = at(1000) + SignedDuration::from_secs(1);
        assert_eq!(tx.sweep_oauth_clients(before, before).await.unwrap(), 1000);
        assert_eq!(tx.sweep_oauth_clients(before, before).await.unwrap(), 1);
        assert_eq!(tx.sweep_oauth_clients(before, before).await.unwrap(), 0);
    })
    .await;
}
