//! What the tests of the modules share, and the sweep.

use deputy_core::clock::OffsetClock;
use deputy_core::{Secret, SystemRng};
use deputy_store::testing::for_each_database;

use super::*;
use crate::user::NewUser;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: OffsetClock,
    pub(crate) identity: Identity,
}

impl World {
    pub(crate) fn new(store: Store) -> Self {
        Self::with(store, |_| ())
    }

    pub(crate) fn with(store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let clock = OffsetClock::default();
        let mut config = Config {
            hash_cost: HashCost::cheapest(),
            ..Config::default()
        };
        change(&mut config);
        let identity = Self::replica(&store, &clock, config);
        Self {
            store,
            clock,
            identity,
        }
    }

    /// Another process on the same database.
    pub(crate) fn replica(store: &Store, clock: &OffsetClock, config: Config) -> Identity {
        let keys = deputy_vault::Config {
            current: Secret::new([1; 32]),
            old: Vec::new(),
        };
        let vault = Vault::new(
            store.clone(),
            &keys,
            Arc::new(clock.clone()),
            Arc::new(SystemRng),
        );
        Identity::new(
            store.clone(),
            Some(vault),
            config,
            Arc::new(clock.clone()),
            Arc::new(SystemRng),
        )
    }

    pub(crate) async fn add(&self, username: &str) -> User {
        self.identity
            .create_user(NewUser::new(username, Secret::from(PASSWORD)))
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn the_system_acts_with_all_rights_of_an_active_person() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (admin, anna) = (world.add("admin").await, world.add("anna").await);
        let of_admin = world.identity.system_principal(admin.id).await.unwrap();
        assert!(Scope::ALL.into_iter().all(|scope| of_admin.may(scope)));
        let of_anna = world.identity.system_principal(anna.id).await.unwrap();
        assert!(of_anna.may(Scope::ApprovalsDecide) && !of_anna.scopes.contains(Scope::Admin));
        assert_eq!(of_anna.caller.label(), "system");
        world.identity.disable_user(anna.id).await.unwrap();
        let disabled = world.identity.system_principal(anna.id).await;
        assert!(matches!(disabled, Err(AuthError::Disabled)));
        let nobody = world.identity.system_principal(UserId(9999)).await;
        assert!(matches!(nobody, Err(AuthError::Unknown)));
    })
    .await;
}

#[tokio::test]
async fn the_timer_sweeps_at_the_soft_stop() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let request = TokenRequest {
            name: "cli".to_owned(),
            scopes: None,
            days: None,
        };
        let (token, _) = world.identity.create_token(anna.id, request).await.unwrap();
        let lifecycle = Lifecycle::new();
        world.identity.run(&lifecycle);
        world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        assert!(lifecycle.stop(Duration::from_secs(10)).await);
        let tokens = world.identity.tokens(anna.id).await.unwrap();
        assert!(tokens[0].last_used_at.is_some());
    })
    .await;
}
