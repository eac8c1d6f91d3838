//! What is about more than one person's grant: removed clients, counts, deleted people.

use sea_orm::{FromQueryResult, Statement};

use super::*;
use crate::oauth_client::{ClientKind, NewClient};
use crate::oauth_consent::Consent;

#[tokio::test]
async fn a_removed_clients_grants_end_everybodys_and_no_others() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let (hers, his) = (full(&store, alice, "1").await, full(&store, bob, "2").await);
        let before = full(&store, bob, "3").await;
        let tx = store.begin().await.unwrap();
        let other = tx.user(bob).insert_oauth_grant(grant("other")).await;
        let other = other.unwrap();
        tx.end_oauth_grant(before.id, "person", at(1100))
            .await
            .unwrap();
        let ended = tx
            .end_oauth_grants_of_clients(&["abc"], "administrator", at(1200))
            .await
            .unwrap();
        let again = tx
            .end_oauth_grants_of_clients(&["abc"], "client", at(1300))
            .await;
        assert!(again.unwrap().is_empty());
        let nobodys = tx
            .end_oauth_grants_of_clients(&["\0"], "client", at(1300))
            .await;
        assert!(nobodys.unwrap().is_empty());
        tx.commit().await.unwrap();
        let after = |grant: Grant| Grant {
            ended_at: Some(at(1200)),
            ended_why: Some("administrator".to_owned()),
            ..grant
        };
        assert_eq!(ended, [after(hers.clone()), after(his)]);
        let found = store.user(alice).oauth_grant(hers.id).await.unwrap();
        assert_eq!(found, Some(after(hers)));
        let found = store.user(bob).oauth_grant(other.id).await.unwrap();
        assert_eq!(found, Some(other));
        let found = store.user(bob).oauth_grant(before.id).await.unwrap();
        assert_eq!(found.unwrap().ended_why.as_deref(), Some("person"));
        assert!(store.oauth_code("c1").await.unwrap().is_none());
        assert!(store.oauth_code("c2").await.unwrap().is_none());
    })
    .await;
}

/// How many rows each table of the authorization server has.
pub(super) async fn rows(store: &Store) -> [i64; 6] {
    #[derive(FromQueryResult)]
    struct Count {
        n: i64,
    }
    let mut counts = [0; 6];
    let tables = [
        "oauth_clients",
        "oauth_consents",
        "oauth_grants",
        "oauth_codes",
        "oauth_access_tokens",
        "oauth_refresh_tokens",
    ];
    for (count, table) in counts.iter_mut().zip(tables) {
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let backend = store.read().get_database_backend();
        let found = Count::find_by_statement(Statement::from_string(backend, sql))
            .one(store.read())
            .await;
        *count = found.unwrap().unwrap().n;
    }
    counts
}

#[tokio::test]
async fn a_deleted_person_leaves_nothing_in_any_table() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        full(&store, bob, "0").await;
        let tx = store.begin().await.unwrap();
        let client = NewClient {
            client_id: "abc".to_owned(),
            kind: ClientKind::Dynamic,
            name: "Inspector".to_owned(),
            redirect_uris: Vec::new(),
            metadata: serde_json::json!({}),
            created_from: None,
            at: at(1000),
            fresh_until: None,
        };
        tx.insert_oauth_client(client).await.unwrap();
        tx.commit().await.unwrap();
        let before = rows(&store).await;
        for name in ["1", "2", "3"] {
            full(&store, alice, name).await;
        }
        let tx = store.begin().await.unwrap();
        let consent = Consent {
            client_id: "abc".to_owned(),
            redirect_uri: "https://back".to_owned(),
            scopes: scopes(),
            resources: Vec::new(),
            allowed_at: at(1000),
        };
        tx.user(alice).put_oauth_consent(consent).await.unwrap();
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        let rotated = tx.rotate_refresh_token("r1", at(1200), vec![1]).await;
        assert!(rotated.unwrap());
        let ended = tx.user(alice).oauth_grants().await.unwrap()[0].id;
        assert!(tx.end_oauth_grant(ended, "person", at(1300)).await.unwrap());
        tx.commit().await.unwrap();
        assert_ne!(rows(&store).await, before);

        let tx = store.begin().await.unwrap();
        assert!(tx.user(alice).delete_user().await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(
            rows(&store).await,
            before,
            "only hers went, and all of hers"
        );
        assert_eq!(before, [1, 0, 1, 1, 1, 1]);
    })
    .await;
}

#[tokio::test]
async fn live_grants_are_counted_by_client_and_others_are_not() {
    for_each_database(async |store| {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        let mut made = Vec::new();
        for (who, client) in [
            (alice, "a"),
            (bob, "a"),
            (alice, "b"),
            (alice, "b"),
            (bob, "c"),
        ] {
            let made_one = tx
                .user(who)
                .insert_oauth_grant(grant(client))
                .await
                .unwrap();
            let hash = format!("{}", made_one.id);
            tx.insert_oauth_code(code(&hash, made_one.id))
                .await
                .unwrap();
            made.push((made_one.id, hash));
        }
        // All but the last are redeemed, and one of those has ended.
        for (_, hash) in &made[..4] {
            assert!(tx.use_oauth_code(hash, at(1100)).await.unwrap());
        }
        assert!(
            tx.end_oauth_grant(made[3].0, "person", at(1200))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        let counts = store
            .oauth_grants_by_client(&["a", "b", "c", "d", "\0"])
            .await;
        let mut counts: Vec<_> = counts.unwrap().into_iter().collect();
        counts.sort();
        assert_eq!(counts, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        let none = store.oauth_grants_by_client(&[]).await.unwrap();
        assert!(none.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_a_person_gave_ends_for_one_client_or_all_and_for_nobody_else() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let first = full(&store, alice, "1").await;
        let second = full(&store, alice, "2").await;
        let his = full(&store, bob, "3").await;
        let tx = store.begin().await.unwrap();
        let hers = tx.user(alice);
        let other = hers.insert_oauth_grant(grant("other")).await.unwrap();
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        let held = hers.hold_oauth_grants("abc").await.unwrap();
        let held: Vec<i64> = held.iter().map(|grant| grant.id).collect();
        assert_eq!(held, [first.id, second.id], "oldest first, redeemed or not");
        assert!(hers.hold_oauth_grants("\0").await.unwrap().is_empty());
        let ended = async |client: Option<&str>, why: &str| {
            let ended = hers.end_oauth_grants(client, why, at(1200)).await.unwrap();
            ended.iter().map(|grant| grant.id).collect::<Vec<i64>>()
        };
        assert!(ended(Some("\0"), "person").await.is_empty());
        assert_eq!(ended(Some("abc"), "person").await, held);
        assert!(ended(Some("abc"), "again").await.is_empty());
        assert!(hers.hold_oauth_grants("abc").await.unwrap().is_empty());
        assert_eq!(ended(None, "administrator").await, [other.id]);
        tx.commit().await.unwrap();
        for (id, why) in [(first.id, "person"), (other.id, "administrator")] {
            let found = store.user(alice).oauth_grant(id).await.unwrap().unwrap();
            assert_eq!(found.ended_why.as_deref(), Some(why));
        }
        assert_eq!(
            store.user(bob).oauth_grant(his.id).await.unwrap(),
            Some(his)
        );
    })
    .await;
}

#[tokio::test]
async fn administrators_see_how_many_hang_on_a_client_and_on_a_person() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        for (who, name) in [(alice, "1"), (bob, "2"), (bob, "3")] {
            full(&store, who, name).await;
        }
        let tx = store.begin().await.unwrap();
        for (client, name) in [("https://a.test/c", "a"), ("https://b.test/c", "b")] {
            let made = tx.user(alice).insert_oauth_grant(grant(client)).await;
            tx.insert_oauth_code(code(name, made.unwrap().id))
                .await
                .unwrap();
        }
        for used in ["c1", "c2", "a"] {
            assert!(tx.use_oauth_code(used, at(1100)).await.unwrap());
        }
        tx.commit().await.unwrap();
        let program = |id: &str, grants| Program {
            client_id: id.to_owned(),
            client_name: "Inspector".to_owned(),
            grants,
        };
        let expected = [program("abc", 2), program("https://a.test/c", 1)];
        assert_eq!(store.oauth_programs(0, 10).await.unwrap(), expected);
        assert_eq!(store.oauth_programs(0, 1).await.unwrap(), expected[..1]);
        assert_eq!(store.oauth_programs(1, 10).await.unwrap(), expected[1..]);
        assert!(
            store
                .oauth_programs(u32::MAX.into(), 10)
                .await
                .unwrap()
                .is_empty()
        );
        let by_person = store.oauth_grants_by_person().await.unwrap();
        assert_eq!(by_person, HashMap::from([(alice, 2), (bob, 1)]));
        let described = store.oauth_client_ids_with_grants("https://").await;
        // Redeemed or not.
        let expected = ["https://a.test/c", "https://b.test/c"];
        assert_eq!(described.unwrap(), expected);
    })
    .await;
}
