use deputy_core::Caller;
use deputy_store::testing::for_each_database;
use deputy_vault::Place;

use super::*;
use crate::tests::{PASSWORD, World};
use crate::{AuthError, TokenRequest};

#[tokio::test]
async fn the_first_person_is_an_administrator_and_names_are_taken_once() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let first = world.add("Demo").await;
        assert_eq!((first.role, first.time_zone.as_str()), (Role::Admin, "UTC"));
        assert_eq!(world.add("anna").await.role, Role::User);
        for name in ["DEMO", "ｄｅｍｏ", " demo "] {
            let again = world
                .identity
                .create_user(NewUser::new(name, Secret::from(PASSWORD)))
                .await;
            assert!(matches!(again, Err(UserError::Taken(_))), "{name}");
        }
        let admin = NewUser {
            role: Role::Admin,
            ..NewUser::new("root", Secret::from(PASSWORD))
        };
        assert_eq!(
            world.identity.create_user(admin).await.unwrap().role,
            Role::Admin
        );
        assert_eq!(world.identity.users().await.unwrap().len(), 3);
        assert_eq!(world.identity.user_by_name("dEmO").await.unwrap(), first);
        assert!(matches!(
            world.identity.user_by_name("bob").await,
            Err(UserError::NotFound)
        ));
    })
    .await;
}

#[tokio::test]
async fn two_first_people_at_once_give_one_administrator() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (one, other) = tokio::join!(world.add("anna"), world.add("bob"));
        let admins = [one, other]
            .iter()
            .filter(|user| user.role == Role::Admin)
            .count();
        assert_eq!(admins, 1);
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let base = || NewUser::new("anna", Secret::from(PASSWORD));
        let refused = async |new| {
            world
                .identity
                .create_user(new)
                .await
                .unwrap_err()
                .to_string()
        };
        assert!(
            refused(NewUser {
                username: "a b".into(),
                ..base()
            })
            .await
            .contains("letters")
        );
        assert!(
            refused(NewUser {
                password: Secret::from("short"),
                ..base()
            })
            .await
            .contains('8')
        );
        let zone = NewUser {
            time_zone: Some("Mars/Base".into()),
            ..base()
        };
        assert!(refused(zone).await.contains("Mars/Base"));
        assert!(
            refused(NewUser {
                name: Some(" ".into()),
                ..base()
            })
            .await
            .contains("100")
        );
        assert!(world.identity.users().await.unwrap().is_empty());

        let sandbox = NewUser {
            policy: PasswordPolicy::Sandbox,
            ..NewUser::new("demo", Secret::from("demo"))
        };
        world.identity.create_user(sandbox).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_profile_changes_in_part_and_zones_get_their_own_spelling() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let change = ProfileChange {
            time_zone: Some("europe/kyiv".into()),
            ..Default::default()
        };
        let changed = world
            .identity
            .change_profile(anna.id, change)
            .await
            .unwrap();
        assert_eq!(
            (changed.time_zone.as_str(), changed.name.as_str()),
            ("Europe/Kyiv", "anna")
        );
        let change = ProfileChange {
            name: Some("a\nb".into()),
            ..Default::default()
        };
        let refused = world.identity.change_profile(anna.id, change).await;
        assert!(matches!(refused, Err(UserError::DisplayName)));
        let gone = world
            .identity
            .change_profile(UserId(9999), ProfileChange::default())
            .await;
        assert!(matches!(gone, Err(UserError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn a_disabled_person_is_nobody_until_enabled_again() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let request = TokenRequest {
            name: "cli".to_owned(),
            scopes: None,
            days: None,
        };
        let (token, _) = world.identity.create_token(anna.id, request).await.unwrap();
        let principal = world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        assert!(matches!(principal.caller, Caller::Token { .. }));
        world.identity.disable_user(anna.id).await.unwrap();
        let refused = world.identity.authenticate_token(token.expose()).await;
        assert!(matches!(refused, Err(AuthError::Disabled)));
        world.identity.enable_user(anna.id).await.unwrap();
        world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        assert!(matches!(
            world.identity.disable_user(UserId(9999)).await,
            Err(UserError::NotFound)
        ));
    })
    .await;
}

#[tokio::test]
async fn deleting_a_person_takes_everything_and_shreds_their_secrets() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, bob) = (world.add("anna").await, world.add("bob").await);
        let vault = world.identity.inner.vault.clone().unwrap();
        let here = Place::of_user(anna.id, "t", "r", "c", "p");
        let there = Place::of_user(bob.id, "t", "r", "c", "p");
        let sealed = vault.seal(&here, b"anna's").await.unwrap();
        let of_bob = vault.seal(&there, b"bob's").await.unwrap();
        let request = TokenRequest {
            name: "cli".to_owned(),
            scopes: None,
            days: None,
        };
        let (token, _) = world.identity.create_token(anna.id, request).await.unwrap();

        world.identity.delete_user(anna.id).await.unwrap();
        let opened = vault.open(&here, &sealed).await;
        assert!(matches!(opened, Err(deputy_vault::Error::NoDataKey)));
        let refused = world.identity.authenticate_token(token.expose()).await;
        assert!(matches!(refused, Err(AuthError::Unknown)));
        assert_eq!(
            vault.open(&there, &of_bob).await.unwrap().expose(),
            b"bob's"
        );
        assert!(matches!(
            world.identity.delete_user(anna.id).await,
            Err(UserError::NotFound)
        ));
        assert!(
            world.add("anna").await.id > bob.id,
            "the number is not used again"
        );
    })
    .await;
}
