use deputy_store::testing::for_each_database;

use super::*;
use crate::second_factor::totp::tests::set_up;
use crate::tests::World;

async fn kinds(world: &World, user: UserId) -> Vec<String> {
    let notices = world.store.user(user).notices().await.unwrap();
    notices.into_iter().map(|notice| notice.kind).collect()
}

#[tokio::test]
async fn ten_codes_each_work_once_and_a_new_set_voids_them() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        let (identity, id) = (&world.identity, anna.id);
        assert!(matches!(
            identity.new_recovery_codes(id).await,
            Err(FactorError::Missing)
        ));
        set_up(&world, &anna).await;
        set_up(&world, &ivan).await;
        let codes = identity.new_recovery_codes(id).await.unwrap();
        let distinct: std::collections::HashSet<_> = codes.iter().map(Secret::expose).collect();
        assert_eq!(distinct.len(), 10);
        assert!(codes.iter().all(|c| c.expose().len() == 19), "four groups");
        // However it is written down.
        let first = codes[0].expose().to_uppercase().replace('-', " ");
        let used = identity.take_code(id, &first).await.unwrap();
        assert_eq!(used, Used::Recovery { left: 9 });
        assert!(matches!(
            identity.take_code(id, codes[0].expose()).await,
            Err(FactorError::Wrong)
        ));
        assert!(matches!(
            identity.take_code(ivan.id, codes[1].expose()).await,
            Err(FactorError::Wrong)
        ));
        assert!(
            kinds(&world, id)
                .await
                .contains(&NOTICE_RECOVERY_USED.to_owned())
        );
        let new = identity.new_recovery_codes(id).await.unwrap();
        assert!(matches!(
            identity.take_code(id, codes[1].expose()).await,
            Err(FactorError::Wrong)
        ));
        identity.take_code(id, new[1].expose()).await.unwrap();
        assert_eq!(identity.second_factors(id).await.unwrap().recovery_left, 9);

        // They go with the last factor.
        identity.remove_app(id).await.unwrap();
        let left = identity.second_factors(id).await.unwrap();
        assert_eq!((left.recovery_left, left.any()), (0, false));
        assert!(matches!(
            identity.take_code(id, new[2].expose()).await,
            Err(FactorError::Wrong)
        ));
    })
    .await;
}

#[tokio::test]
async fn codes_are_stored_as_digests_alone() {
    let database = deputy_store::testing::sqlite().await;
    let world = World::new(database.store.clone());
    let anna = world.add("anna").await;
    set_up(&world, &anna).await;
    let codes = world.identity.new_recovery_codes(anna.id).await.unwrap();
    let file = database.url.strip_prefix("sqlite://").unwrap();
    let mut stored = std::fs::read(file).unwrap();
    stored.extend(std::fs::read(format!("{file}-wal")).unwrap_or_default());
    let stored = String::from_utf8_lossy(&stored);
    for code in &codes {
        let plain = code.expose().replace('-', "");
        assert!(!stored.contains(code.expose()) && !stored.contains(&plain));
        assert!(stored.contains(&hash(&plain)), "the digest is there");
    }
}
