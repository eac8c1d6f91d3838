use deputy_store::testing::for_each_database;

use super::*;
use crate::second_factor::totp::tests::set_up;
use crate::tests::World;

#[test]
fn who_must_have_one() {
    for (required, admin, user) in [
        (Required::Off, false, false),
        (Required::Admins, true, false),
        (Required::All, true, true),
    ] {
        assert_eq!(
            (required.of(Role::Admin), required.of(Role::User)),
            (admin, user)
        );
    }
}

#[tokio::test]
async fn an_administrator_removes_all_of_it() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        for who in [&anna, &ivan] {
            set_up(&world, who).await;
        }
        let tx = world.store.begin().await.unwrap();
        let passkey = deputy_store::passkey::NewPasskey {
            credential_id: "a".to_owned(),
            name: "Phone".to_owned(),
            data: "{}".to_owned(),
            counter: 0,
            at: Timestamp::UNIX_EPOCH,
        };
        tx.user(anna.id).insert_passkey(passkey).await.unwrap();
        tx.commit().await.unwrap();
        let identity = &world.identity;
        let people = identity.people_with_second_factor().await.unwrap();
        let kinds = Kinds {
            app: true,
            passkeys: 1,
        };
        assert_eq!(people[&anna.id], kinds);
        assert!(identity.reset_second_factor(anna.id).await.unwrap());
        assert!(!identity.reset_second_factor(anna.id).await.unwrap());
        let left = identity.second_factors(anna.id).await.unwrap();
        assert_eq!(left, SecondFactors::default());
        assert!(identity.has_second_factor(ivan.id).await.unwrap());
        let notices = world.store.user(anna.id).notices().await.unwrap();
        assert!(notices.iter().any(|notice| notice.kind == NOTICE_RESET));
    })
    .await;
}
