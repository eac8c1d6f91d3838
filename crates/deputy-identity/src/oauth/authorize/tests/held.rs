//! What is beside a grant when one is allowed: the client, and the person's notice.

use deputy_core::Clock as _;
use deputy_store::Engine;

use super::*;
use crate::oauth::PERSON;

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
        let store = &desk.world.store;
        let scope = store.user(desk.anna.id);
        assert_eq!(count_oauth_grants(store, desk.anna.id).await, 0);
        assert!(scope.oauth_consent(APP).await.unwrap().is_none());
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
            let count = count_oauth_grants(&desk.world.store, desk.anna.id).await;
            assert_eq!(count, 0);
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
        desk.code(&[("scope", "tools:read")]).await;
        assert_eq!(told().await, None, "the same program again");
        for n in 0..2 {
            let ended = desk.server.end_grants(user, Some(APP), PERSON).await;
            ended.unwrap();
            desk.code(&[]).await;
            let told = told().await;
            assert_eq!(told.as_deref(), Some("The app"), "named once, end {n}");
        }
        // It does not grow without end.
        let tx = desk.world.store.begin().await.unwrap();
        for n in 0..30 {
            let now = desk.world.clock.now();
            let told = tell(&tx, user, NOTICE_FIRST, &format!("Program {n}"), now).await;
            told.unwrap();
        }
        tx.commit().await.unwrap();
        let told = told().await.unwrap();
        let names: Vec<&str> = told.lines().collect();
        assert_eq!((names.len(), names[9]), (10, "Program 29"));
    })
    .await;
}

#[tokio::test]
async fn the_person_is_told_when_a_program_is_allowed_more_than_it_ever_was() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let user = desk.anna.id;
        let told = async |kind: &str| {
            let notices = desk.world.store.user(user).notices().await.unwrap();
            let notice = notices.into_iter().find(|notice| notice.kind == kind);
            notice.map(|notice| notice.parameters["clients"].clone())
        };
        let log_in = async |scope: &str| {
            let code = desk.code(&[("scope", scope)]).await;
            desk.redeem(&code, &[]).await.unwrap()
        };
        log_in("tools:read chat").await;
        assert_eq!(told(NOTICE_FIRST).await.as_deref(), Some("The app"));
        let narrow = log_in("chat").await;
        log_in("tools:read").await;
        assert_eq!(told(NOTICE_MORE).await, None, "it held all of that before");
        log_in("tools:write").await;
        assert_eq!(told(NOTICE_MORE).await.as_deref(), Some("The app"));

        let tx = desk.world.store.begin().await.unwrap();
        tx.user(user).notice_clear(NOTICE_MORE).await.unwrap();
        tx.commit().await.unwrap();
        log_in("tools:write tools:read").await;
        assert_eq!(told(NOTICE_MORE).await, None, "each of them it has");
        // What was taken away counts no longer; the last consent goes with it, so it is new.
        desk.server
            .end_grant(user, narrow.grant_id, PERSON)
            .await
            .unwrap();
        let tx = desk.world.store.begin().await.unwrap();
        tx.user(user).notice_clear(NOTICE_FIRST).await.unwrap();
        tx.commit().await.unwrap();
        log_in("chat").await;
        assert_eq!(told(NOTICE_FIRST).await.as_deref(), Some("The app"));
        assert_eq!(told(NOTICE_MORE).await, None);
    })
    .await;
}

/// Of a built-in client, whose consents no row of a client keeps apart, and of two clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_consents_at_once_each_program_is_named_in_the_one_notice() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let cli = [
            ("client_id", "deputy-cli"),
            ("redirect_uri", "http://127.0.0.1:1/callback"),
        ];
        let other = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
        let ways: [&[(&str, &str)]; 4] = [&[], &other, &cli, &cli];
        for _ in 0..10 {
            let mut tasks = tokio::task::JoinSet::new();
            for changes in ways {
                let asked = desk.check(changes).await.unwrap();
                let (server, principal) = (desk.server.clone(), in_browser(&desk.anna));
                tasks.spawn(async move {
                    let allowed = server.allow(&principal, &asked, &Scopes::all()).await;
                    allowed.map(|_| ()).unwrap();
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
            let notices = desk.world.store.user(desk.anna.id).notices().await.unwrap();
            assert_eq!(notices.len(), 1, "{notices:?}");
            let clients = &notices[0].parameters["clients"];
            let mut names: Vec<&str> = clients.lines().collect();
            names.sort_unstable();
            let ours = crate::oauth::Client::builtin().name;
            assert_eq!(names, [ours.as_str(), "The app", "The dpt_client_other"]);
            desk.server
                .end_grants(desk.anna.id, None, PERSON)
                .await
                .unwrap();
            let tx = desk.world.store.begin().await.unwrap();
            tx.user(desk.anna.id)
                .notice_clear(NOTICE_FIRST)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    })
    .await;
}
