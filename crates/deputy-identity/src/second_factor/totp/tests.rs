use deputy_core::Clock as _;
use deputy_store::testing::for_each_database;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::Config;
use crate::tests::World;

/// RFC 6238, appendix B, the lines of SHA-1: the time, and the code of eight digits, of which apps show
/// the last six.
const VECTORS: [(u64, &str); 6] = [
    (59, "94287082"),
    (1_111_111_109, "07081804"),
    (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"),
    (2_000_000_000, "69279037"),
    (20_000_000_000, "65353130"),
];

#[test]
fn codes_are_those_of_the_rfc() {
    let totp = builder(b"12345678901234567890").build().unwrap();
    for (time, code) in VECTORS {
        assert_eq!(totp.generate(time).to_string(), code[2..], "{time}");
        let step = Some(time / 30);
        assert_eq!(totp.check(&code[2..], time), step, "{time}");
        assert_eq!(totp.check(&code[2..], time + 30), step, "{time}: slow");
        assert_eq!(totp.check(&code[2..], time - 30), step, "{time}: fast");
        assert_eq!(totp.check(&code[2..], time + 60), None, "{time}: old");
    }
}

/// The app of somebody who typed the secret in.
pub(crate) struct App(Totp);

impl App {
    pub(crate) fn told(setup: &AppSetup) -> Self {
        let uri = Totp::from_url(setup.uri.expose()).unwrap();
        let typed = setup.secret.expose().replace(' ', "");
        assert_eq!(uri.secret().to_base32(), typed);
        assert_eq!(uri.secret().as_bytes().len(), 20);
        assert_eq!((uri.digits(), uri.step()), (6, 30));
        Self(uri)
    }

    pub(crate) fn code(&self, at: Timestamp) -> String {
        self.0.generate(at.as_second().unsigned_abs()).to_string()
    }
}

/// Sets an app up, and lets its code grow old.
pub(crate) async fn set_up(world: &World, user: &User) -> App {
    let app = App::told(&world.identity.begin_app(user).await.unwrap());
    let code = app.code(world.clock.now());
    world.identity.confirm_app(user.id, &code).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    app
}

#[tokio::test]
async fn an_app_counts_after_its_first_code_and_each_code_works_once() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let (identity, id) = (&world.identity, anna.id);
        assert!(matches!(
            identity.confirm_app(id, "123456").await,
            Err(FactorError::Missing)
        ));
        let void = App::told(&identity.begin_app(&anna).await.unwrap());
        let setup = identity.begin_app(&anna).await.unwrap();
        let app = App::told(&setup);
        let shown_again = identity.app_being_set_up(&anna).await.unwrap().unwrap();
        assert_eq!(shown_again.uri.expose(), setup.uri.expose());
        let now = world.clock.now();
        assert!(matches!(
            identity.confirm_app(id, &void.code(now)).await,
            Err(FactorError::Wrong)
        ));
        assert!(!identity.has_second_factor(id).await.unwrap());
        let code = app.code(now);
        let spaced = format!(" {} {} ", &code[..3], &code[3..]);
        let added = identity.confirm_app(id, &spaced).await.unwrap();
        assert_eq!(added.codes.unwrap().len(), 10);
        assert!(identity.has_second_factor(id).await.unwrap());
        assert!(matches!(
            identity.begin_app(&anna).await,
            Err(FactorError::HasApp)
        ));
        assert!(identity.app_being_set_up(&anna).await.unwrap().is_none());
        // The code that confirmed it is used up.
        assert!(matches!(
            identity.take_code(id, &code).await,
            Err(FactorError::Wrong)
        ));
        world.clock.advance(SignedDuration::from_secs(60));
        let code = app.code(world.clock.now());
        assert_eq!(identity.take_code(id, &code).await.unwrap(), Used::App);
        assert!(matches!(
            identity.take_code(id, &code).await,
            Err(FactorError::Wrong)
        ));
        // Nor one before it, which would still be in time.
        let before = app.code(world.clock.now() - SignedDuration::from_secs(30));
        assert!(matches!(
            identity.take_code(id, &before).await,
            Err(FactorError::Wrong)
        ));
        identity.remove_app(id).await.unwrap();
        assert!(!identity.has_second_factor(id).await.unwrap());
        assert!(matches!(
            identity.remove_app(id).await,
            Err(FactorError::Missing)
        ));
    })
    .await;
}

#[tokio::test]
async fn a_code_on_two_replicas_at_once_works_once() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let app = set_up(&world, &anna).await;
        let config = || Config {
            hash_cost: crate::HashCost::cheapest(),
            ..Config::default()
        };
        let other = World::replica(&world.store, &world.clock, config());
        let code = app.code(world.clock.now());
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..6 {
            let identity = if n % 2 == 0 { &world.identity } else { &other }.clone();
            let code = code.clone();
            tasks.spawn(async move { identity.take_code(anna.id, &code).await.is_ok() });
        }
        let mut taken = 0;
        while let Some(done) = tasks.join_next().await {
            taken += usize::from(done.unwrap());
        }
        assert_eq!(taken, 1);
    })
    .await;
}

#[tokio::test]
async fn wrong_codes_are_slowed_down_per_account() {
    for_each_database(|store| async move {
        let world = World::with(store, |config| config.login_per_5min = 3);
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        let hers = set_up(&world, &anna).await;
        let his = set_up(&world, &ivan).await;
        for wrong in ["000000", "aaaa-bbbb-cccc-dddd", ""] {
            assert!(matches!(
                world.identity.take_code(anna.id, wrong).await,
                Err(FactorError::Wrong)
            ));
        }
        let code = hers.code(world.clock.now());
        let Err(FactorError::Throttled(told)) = world.identity.take_code(anna.id, &code).await
        else {
            panic!("the fourth was let through");
        };
        let code = his.code(world.clock.now());
        world.identity.take_code(ivan.id, &code).await.unwrap();
        world
            .clock
            .advance(SignedDuration::try_from(told.retry_after).unwrap());
        let code = hers.code(world.clock.now());
        world.identity.take_code(anna.id, &code).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn another_persons_code_and_secret_open_nothing() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        let hers = set_up(&world, &anna).await;
        set_up(&world, &ivan).await;
        let code = hers.code(world.clock.now());
        assert!(matches!(
            world.identity.take_code(ivan.id, &code).await,
            Err(FactorError::Wrong)
        ));
        // Her sealed secret in his row is refused by the vault.
        let sealed = world.store.user(anna.id).totp_factor().await.unwrap();
        let tx = world.store.begin().await.unwrap();
        tx.user(ivan.id).delete_totp().await.unwrap();
        let sealed = sealed.unwrap().secret;
        tx.user(ivan.id)
            .put_pending_totp(&sealed, world.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(
            world.identity.confirm_app(ivan.id, &code).await,
            Err(FactorError::Vault(_))
        ));
    })
    .await;
}
