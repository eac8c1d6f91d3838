use std::sync::Arc;

use deputy_store::testing::for_each_database;

use super::*;
use crate::second_factor::totp::tests::set_up;
use crate::session::Rows;
use crate::tests::{PASSWORD, World};
use crate::{AuthError, Browser, Required, UserError};

async fn browser(world: &World, user: &User, how: Proof) -> Session {
    let identity = world.identity.clone();
    let session = Session::new(None, Arc::new(Rows { identity }), None);
    world
        .identity
        .start_session(&session, user, Browser::default(), how)
        .await
        .unwrap();
    session
}

#[tokio::test]
async fn a_proof_is_fresh_for_ten_minutes_and_as_strong_as_can_be() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        let fresh =
            async |session: &Session, id| world.identity.is_fresh(session, id).await.unwrap();
        let session = browser(&world, &anna, Proof::Password).await;
        assert!(fresh(&session, anna.id).await);
        assert!(!fresh(&session, ivan.id).await, "another person's session");
        world.clock.advance(SignedDuration::from_secs(599));
        assert!(fresh(&session, anna.id).await);
        world.clock.advance(SignedDuration::from_secs(1));
        assert!(!fresh(&session, anna.id).await);
        let noted = world.identity.note_proof(&session, Proof::Password).await;
        noted.unwrap();
        assert!(fresh(&session, anna.id).await);
        // With an app, the password is worth nothing in sessions that there are, and the others are.
        set_up(&world, &anna).await;
        assert!(!fresh(&session, anna.id).await);
        for how in [Proof::SecondFactor, Proof::Passkey] {
            world.identity.note_proof(&session, how).await.unwrap();
            assert!(fresh(&session, anna.id).await, "{how:?}");
        }
        world
            .identity
            .note_proof(&session, Proof::Password)
            .await
            .unwrap();
        assert!(!fresh(&session, anna.id).await);
    })
    .await;
}

#[tokio::test]
async fn wrong_passwords_of_a_proof_count_as_those_of_a_sign_in_do() {
    for_each_database(|store| async move {
        let world = World::with(store, |config| config.login_per_5min = 2);
        let anna = world.add("anna").await;
        let home = std::net::IpAddr::from([203, 0, 113, 7]);
        let check = async |password: &str| {
            let password = Secret::from(password);
            world.identity.check_password(&anna, &password, home).await
        };
        check(PASSWORD).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(check("wrong").await, Err(SignInError::Rejected)));
        }
        assert!(matches!(
            check(PASSWORD).await,
            Err(SignInError::Throttled(_))
        ));
        let sign_in = world
            .identity
            .sign_in("anna", &Secret::from(PASSWORD), home)
            .await;
        assert!(matches!(sign_in, Err(SignInError::Throttled(_))));
    })
    .await;
}

#[tokio::test]
async fn who_has_to_have_a_second_factor_is_nobody_without() {
    for_each_database(|store| async move {
        let world = World::with(store, |config| config.second_factor = Required::Admins);
        let (root, ivan) = (world.add("root").await, world.add("ivan").await);
        let identity = &world.identity;
        let his = browser(&world, &ivan, Proof::Password).await;
        assert!(identity.authenticate_session(&his).await.is_ok());
        let session = browser(&world, &root, Proof::Password).await;
        assert!(matches!(
            identity.authenticate_session(&session).await,
            Err(AuthError::MustEnrol)
        ));
        let led = identity.authenticate_for_enrolment(&session).await.unwrap();
        assert_eq!(led.user_id, root.id);
        set_up(&world, &root).await;
        assert!(identity.authenticate_session(&session).await.is_ok());
        identity.remove_app(root.id).await.unwrap();
        assert!(matches!(
            identity.authenticate_session(&session).await,
            Err(AuthError::MustEnrol)
        ));
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_does_not_delete_themselves() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (root, ivan) = (world.add("root").await, world.add("ivan").await);
        let identity = &world.identity;
        assert!(identity.is_last_admin(&root).await.unwrap());
        assert!(!identity.is_last_admin(&ivan).await.unwrap());
        assert!(matches!(
            identity.delete_own(root.id).await,
            Err(UserError::LastAdmin)
        ));
        identity.delete_own(ivan.id).await.unwrap();
        assert!(matches!(
            identity.delete_own(ivan.id).await,
            Err(UserError::NotFound)
        ));
        let oleh = world.add("oleh").await;
        identity
            .set_role(oleh.id, deputy_core::Role::Admin)
            .await
            .unwrap();
        identity.delete_own(root.id).await.unwrap();
    })
    .await;
}
