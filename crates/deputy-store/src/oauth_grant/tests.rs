use deputy_core::Scope;

use super::*;
use crate::testing::{count_oauth_grants, for_each_database, user};

mod everybody;
mod limits;
mod races;
mod rotated;
mod sweep;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn scopes() -> Scopes {
    Scopes([Scope::ToolsRead, Scope::ToolsCall].into())
}

pub(super) fn grant(client_id: &str) -> NewGrant {
    NewGrant {
        client_id: client_id.to_owned(),
        client_name: "Inspector".to_owned(),
        redirect_uri: "http://localhost:6274/back".to_owned(),
        scopes: scopes(),
        resources: vec!["https://d/mcp".to_owned(), "https://d/api".to_owned()],
        at: at(1000),
        expires_at: at(10_000),
    }
}

pub(super) fn code(hash: &str, grant_id: i64) -> NewCode {
    NewCode {
        code_hash: hash.to_owned(),
        grant_id,
        redirect_uri: "http://localhost:6274/back".to_owned(),
        redirect_given: true,
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        at: at(1000),
        expires_at: at(1300),
    }
}

pub(super) fn access(hash: &str, grant_id: i64) -> NewAccessToken {
    NewAccessToken {
        token_hash: hash.to_owned(),
        grant_id,
        scopes: Scopes([Scope::ToolsRead].into()),
        resources: vec!["https://d/mcp".to_owned()],
        at: at(1100),
        expires_at: at(4700),
    }
}

pub(super) fn refresh(hash: &str, grant_id: i64) -> NewRefreshToken {
    NewRefreshToken {
        token_hash: hash.to_owned(),
        grant_id,
        at: at(1100),
        expires_at: at(10_000),
    }
}

/// A grant of `who` with a code, an access token and a refresh token: `c…`, `a…` and `r…`.
pub(super) async fn full(store: &Store, who: UserId, name: &str) -> Grant {
    let tx = store.begin().await.unwrap();
    let made = tx.user(who).insert_oauth_grant(grant("abc")).await.unwrap();
    let named = |letter: &str| format!("{letter}{name}");
    tx.insert_oauth_code(code(&named("c"), made.id))
        .await
        .unwrap();
    tx.insert_access_token(access(&named("a"), made.id))
        .await
        .unwrap();
    tx.insert_refresh_token(refresh(&named("r"), made.id))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    made
}

#[tokio::test]
async fn what_was_stored_is_found_by_its_hash_with_grant_and_person() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "1").await;
        assert_eq!(
            made,
            Grant {
                id: made.id,
                user_id: alice,
                client_id: "abc".to_owned(),
                client_name: "Inspector".to_owned(),
                redirect_uri: "http://localhost:6274/back".to_owned(),
                scopes: scopes(),
                resources: vec!["https://d/mcp".to_owned(), "https://d/api".to_owned()],
                created_at: at(1000),
                redeemed_at: None,
                last_used_at: None,
                expires_at: at(10_000),
                ended_at: None,
                ended_why: None,
            }
        );
        let (found, of) = store.oauth_code("c1").await.unwrap().unwrap();
        let NewCode { challenge, .. } = code("c1", made.id);
        assert_eq!(
            found,
            Code {
                code_hash: "c1".to_owned(),
                grant_id: made.id,
                redirect_uri: "http://localhost:6274/back".to_owned(),
                redirect_given: true,
                challenge,
                created_at: at(1000),
                expires_at: at(1300),
                used_at: None,
            }
        );
        assert_eq!(of, made);
        let (found, of, who) = store.access_token("a1").await.unwrap().unwrap();
        assert_eq!(
            found,
            AccessToken {
                token_hash: "a1".to_owned(),
                grant_id: made.id,
                scopes: Scopes([Scope::ToolsRead].into()),
                resources: vec!["https://d/mcp".to_owned()],
                created_at: at(1100),
                expires_at: at(4700),
            }
        );
        assert_eq!((of, who.id), (made.clone(), alice));
        let (found, of, who) = store.refresh_token("r1").await.unwrap().unwrap();
        assert_eq!(
            found,
            RefreshToken {
                token_hash: "r1".to_owned(),
                grant_id: made.id,
                created_at: at(1100),
                expires_at: at(10_000),
                rotated_at: None,
                answer: None,
            }
        );
        assert_eq!((of, who.id), (made.clone(), alice));
        let tx = store.begin().await.unwrap();
        let locked = tx.refresh_token_locked("r1").await.unwrap().unwrap();
        assert_eq!((locked.0, locked.1), (found, made));
        drop(tx);

        for wrong in ["", "c2", "a1 ", "A1", "a1\0", "\0"] {
            assert!(store.oauth_code(wrong).await.unwrap().is_none());
            assert!(store.access_token(wrong).await.unwrap().is_none());
            assert!(store.refresh_token(wrong).await.unwrap().is_none());
            let tx = store.begin().await.unwrap();
            assert!(tx.refresh_token_locked(wrong).await.unwrap().is_none());
            assert!(!tx.use_oauth_code(wrong, at(1100)).await.unwrap());
            let rotated = tx.rotate_refresh_token(wrong, at(1100), vec![1]).await;
            assert!(!rotated.unwrap());
            assert!(!tx.delete_access_token(wrong).await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_is_used_once_and_only_while_it_and_its_grant_are_live() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let first = full(&store, alice, "1").await;
        let ended = full(&store, alice, "2").await;
        let tx = store.begin().await.unwrap();
        assert!(!tx.use_oauth_code("c1", at(1300)).await.unwrap(), "expired");
        assert!(tx.use_oauth_code("c1", at(1299)).await.unwrap());
        assert!(!tx.use_oauth_code("c1", at(1299)).await.unwrap(), "used");
        tx.end_oauth_grant(ended.id, "person", at(1100))
            .await
            .unwrap();
        tx.insert_oauth_code(code("c3", ended.id)).await.unwrap();
        assert!(!tx.use_oauth_code("c3", at(1200)).await.unwrap(), "ended");
        tx.commit().await.unwrap();

        let (used, of) = store.oauth_code("c1").await.unwrap().unwrap();
        assert_eq!(used.used_at, Some(at(1299)));
        assert_eq!((of.id, of.redeemed_at), (first.id, Some(at(1299))));
        let (unused, of) = store.oauth_code("c3").await.unwrap().unwrap();
        assert_eq!((unused.used_at, of.redeemed_at), (None, None));
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_rotated_once_and_only_while_it_and_its_grant_are_live() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        full(&store, alice, "1").await;
        let lapsed = full(&store, alice, "2").await;
        let ended = full(&store, alice, "3").await;
        let tx = store.begin().await.unwrap();
        let rotate = async |hash: &str, second| {
            tx.rotate_refresh_token(hash, at(second), vec![7])
                .await
                .unwrap()
        };
        assert!(!rotate("r1", 10_000).await, "expired");
        assert!(rotate("r1", 9999).await);
        assert!(!rotate("r1", 9999).await, "rotated");
        let longer = NewRefreshToken {
            expires_at: at(99_000),
            ..refresh("r4", lapsed.id)
        };
        tx.insert_refresh_token(longer).await.unwrap();
        assert!(!rotate("r4", 10_000).await, "its grant has lapsed");
        tx.end_oauth_grant(ended.id, "person", at(1200))
            .await
            .unwrap();
        assert!(!rotate("r3", 1300).await, "its grant has ended");
        tx.commit().await.unwrap();
        let (found, ..) = store.refresh_token("r1").await.unwrap().unwrap();
        assert_eq!(found.rotated_at, Some(at(9999)));
        assert_eq!(found.answer, Some(vec![7]));
        for other in ["r3", "r4"] {
            let (found, ..) = store.refresh_token(other).await.unwrap().unwrap();
            assert_eq!((found.rotated_at, found.answer), (None, None));
        }
    })
    .await;
}

#[tokio::test]
async fn an_end_takes_codes_and_answers_and_the_first_reason_stays() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let first = full(&store, alice, "1").await;
        let other = full(&store, alice, "2").await;
        let tx = store.begin().await.unwrap();
        for hash in ["r1", "r2"] {
            let done = tx.rotate_refresh_token(hash, at(1200), vec![7]).await;
            assert!(done.unwrap());
        }
        let end =
            async |why: &str, second| tx.end_oauth_grant(first.id, why, at(second)).await.unwrap();
        assert!(end("reuse", 1250).await);
        assert!(!end("person", 1260).await);
        assert!(!tx.end_oauth_grant(9999, "person", at(1)).await.unwrap());
        // What ended is neither extended nor redeemed.
        tx.extend_oauth_grant(first.id, at(99_000)).await.unwrap();
        tx.commit().await.unwrap();

        assert!(store.oauth_code("c1").await.unwrap().is_none());
        let (token, of, _) = store.access_token("a1").await.unwrap().unwrap();
        assert_eq!(token.grant_id, first.id);
        assert_eq!(of.ended_at, Some(at(1250)));
        assert_eq!(of.ended_why.as_deref(), Some("reuse"));
        assert_eq!(of.expires_at, at(10_000));
        let (token, ..) = store.refresh_token("r1").await.unwrap().unwrap();
        assert_eq!((token.rotated_at, token.answer), (Some(at(1200)), None));

        let (_, of) = store.oauth_code("c2").await.unwrap().unwrap();
        assert_eq!((of.id, of.ended_at), (other.id, None));
        let (token, ..) = store.refresh_token("r2").await.unwrap().unwrap();
        assert_eq!(token.answer, Some(vec![7]));
    })
    .await;
}

#[tokio::test]
async fn nobody_reaches_anothers_grant() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let hers = full(&store, alice, "1").await;
        let tx = store.begin().await.unwrap();
        let his = tx.user(bob);
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        let ended = his.end_oauth_grant(hers.id, "person", at(1100)).await;
        assert!(!ended.unwrap());
        assert!(his.oauth_grant(hers.id).await.unwrap().is_none());
        assert!(his.oauth_grants().await.unwrap().is_empty());
        tx.commit().await.unwrap();
        let (used, of) = store.oauth_code("c1").await.unwrap().unwrap();
        assert!(used.used_at.is_some(), "the code is still there");
        assert_eq!(of.ended_at, None);

        let tx = store.begin().await.unwrap();
        let mine = tx.user(alice);
        let ended = mine.end_oauth_grant(hers.id, "person", at(1200)).await;
        assert!(ended.unwrap());
        assert!(
            !mine
                .end_oauth_grant(hers.id, "again", at(1300))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        let found = store.user(alice).oauth_grant(hers.id).await.unwrap();
        assert_eq!(found.unwrap().ended_why.as_deref(), Some("person"));
    })
    .await;
}

#[tokio::test]
async fn lists_show_what_was_redeemed_and_is_live() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let mut made = Vec::new();
        for name in ["1", "2", "3", "4"] {
            made.push(full(&store, alice, name).await.id);
        }
        let tx = store.begin().await.unwrap();
        for code in ["c1", "c2", "c3"] {
            assert!(tx.use_oauth_code(code, at(1100)).await.unwrap());
        }
        tx.end_oauth_grant(made[1], "person", at(1200))
            .await
            .unwrap();
        tx.touch_oauth_grant(made[0], at(1300)).await.unwrap();
        tx.touch_oauth_grant(made[0], at(1250)).await.unwrap();
        tx.extend_oauth_grant(made[0], at(20_000)).await.unwrap();
        tx.extend_oauth_grant(made[0], at(15_000)).await.unwrap();
        tx.commit().await.unwrap();
        let listed = store.user(alice).oauth_grants().await.unwrap();
        let ids: Vec<i64> = listed.iter().map(|grant| grant.id).collect();
        assert_eq!(ids, [made[2], made[0]]);
        assert_eq!(listed[1].last_used_at, Some(at(1300)));
        assert_eq!(listed[1].expires_at, at(20_000));
        assert_eq!(listed[0].last_used_at, None);
        assert_eq!(count_oauth_grants(&store, alice).await, 3);
    })
    .await;
}
