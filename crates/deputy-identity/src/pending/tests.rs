use std::sync::Arc;

use deputy_core::Secret;
use deputy_store::testing::for_each_database;

use super::*;
use crate::session::Rows;
use crate::tests::World;
use crate::{AuthError, PasswordPolicy, Proof};

fn browser(world: &World) -> Session {
    let identity = world.identity.clone();
    Session::new(None, Arc::new(Rows { identity }), None)
}

#[tokio::test]
async fn who_gave_the_password_is_nobody_for_five_minutes() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let identity = &world.identity;
        let session = browser(&world);
        let from = Browser {
            user_agent: "Firefox".to_owned(),
            address: "203.0.113.7".to_owned(),
        };
        // Whoever was signed in here no longer is, and the id is another.
        identity
            .start_session(&session, &anna, from.clone(), Proof::Password)
            .await
            .unwrap();
        let before = session.id();
        identity
            .start_pending(&session, &anna, from.clone())
            .await
            .unwrap();
        assert_ne!(session.id(), before);
        for nobody in [
            identity.authenticate_session(&session).await,
            identity.authenticate_for_enrolment(&session).await,
        ] {
            assert!(matches!(nobody, Err(AuthError::Missing)));
        }
        assert!(!identity.is_fresh(&session, anna.id).await.unwrap());
        identity
            .note_proof(&session, Proof::SecondFactor)
            .await
            .unwrap();
        assert!(identity.authenticate_session(&session).await.is_err());
        assert!(identity.sessions(anna.id, None).await.unwrap().is_empty());
        let pending = identity.pending(&session).await.unwrap();
        assert_eq!(pending, Some((anna.clone(), from.clone())));
        world.clock.advance(SignedDuration::from_secs(299));
        assert!(identity.pending(&session).await.unwrap().is_some());
        world.clock.advance(SignedDuration::from_secs(1));
        assert!(identity.pending(&session).await.unwrap().is_none());

        for change in ["password", "disabled"] {
            identity
                .start_pending(&session, &anna, from.clone())
                .await
                .unwrap();
            if change == "password" {
                let new = Secret::from("another password");
                let policy = PasswordPolicy::Strict;
                identity.set_password(anna.id, &new, policy).await.unwrap();
            } else {
                identity.disable_user(anna.id).await.unwrap();
            }
            let pending = identity.pending(&session).await.unwrap();
            assert!(pending.is_none(), "{change}");
        }
        let nobody = browser(&world);
        assert!(identity.pending(&nobody).await.unwrap().is_none());
    })
    .await;
}
