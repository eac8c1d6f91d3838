//! What is beside a grant when one is allowed: the client, and the person's notice.

use deputy_core::Clock as _;
use deputy_store::Engine;

use super::*;

#[tokio::test]
async fn nothing_is_allowed_a_client_that_was_removed_meanwhile() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        desk.server.remove_client(APP).await.unwrap();
        let principal = in_browser(&desk.anna);
        let refused = desk.server.allow(&principal, &asked, &Scopes::all()).await;
        let refused = refused.err();
        assert!(matches!(refused, Some(AllowError::UnknownClient)));
        let scope = desk.world.store.user(desk.anna.id);
        assert_eq!(scope.count_oauth_grants().await.unwrap(), 0);
        assert!(scope.oauth_consents().await.unwrap().is_empty());
        assert!(scope.notices().await.unwrap().is_empty());
        // Our own has no row.
        let cli = [
            ("client_id", "deputy-cli"),
            ("redirect_uri", "http://127.0.0.1:1/callback"),
        ];
        desk.code(&cli).await;
    })
    .await;
}

/// On PostgreSQL at once, on two connections; SQLite has one writer.
#[tokio::test]
async fn a_consent_that_waits_for_a_removal_comes_to_nothing() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        let removal = desk.world.store.begin().await.unwrap();
        assert!(removal.delete_oauth_client(APP).await.unwrap());
        let server = desk.server.clone();
        let principal = in_browser(&desk.anna);
        let allowing = async move { server.allow(&principal, &asked, &Scopes::all()).await };
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(allowing);
        if desk.world.store.engine() == Engine::Postgres {
            let scope = desk.world.store.user(desk.anna.id);
            assert_eq!(scope.count_oauth_grants().await.unwrap(), 0);
        }
        removal.commit().await.unwrap();
        let done = tasks.join_next().await.unwrap().unwrap();
        assert!(matches!(done.err(), Some(AllowError::UnknownClient)));
    })
    .await;
}

#[tokio::test]
async fn the_person_is_told_of_each_program_that_they_let_in_first() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let told = async || {
            let notices = desk.world.store.user(desk.anna.id).notices().await.unwrap();
            assert!(notices.len() <= 1, "one notice for all");
            let notice = notices.into_iter().next();
            notice.map(|notice| {
                assert_eq!(notice.kind, NOTICE_FIRST);
                notice.parameters["clients"].clone()
            })
        };
        assert_eq!(told().await, None);
        desk.code(&[]).await;
        assert_eq!(told().await.as_deref(), Some("The app"));
        let other = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
        desk.code(&other).await;
        assert_eq!(
            told().await.as_deref(),
            Some("The app\nThe dpt_client_other")
        );
        let user = desk.anna.id;
        let tx = desk.world.store.begin().await.unwrap();
        tx.user(user).notice_clear(NOTICE_FIRST).await.unwrap();
        tx.commit().await.unwrap();
        desk.code(&[("scope", "chat")]).await;
        assert_eq!(told().await, None, "the same program again");
        desk.server.end_grants(user, Some(APP)).await.unwrap();
        desk.code(&[]).await;
        assert_eq!(told().await.as_deref(), Some("The app"), "after an end");
        // It does not grow without end.
        let tx = desk.world.store.begin().await.unwrap();
        for n in 0..30 {
            let now = desk.world.clock.now();
            let told = tell_of_first(&tx, user, &format!("Program {n}"), now).await;
            told.unwrap();
        }
        tx.commit().await.unwrap();
        let told = told().await.unwrap();
        let names: Vec<&str> = told.lines().collect();
        assert_eq!((names.len(), names[9]), (10, "Program 29"));
    })
    .await;
}
