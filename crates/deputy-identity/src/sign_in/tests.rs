use std::net::Ipv4Addr;

use deputy_store::testing::for_each_database;
use jiff::SignedDuration;

use super::*;
use crate::Config;
use crate::password::HashCost;
use crate::tests::{PASSWORD, World};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9));

async fn attempt(
    world: &World,
    username: &str,
    password: &str,
    from: IpAddr,
) -> Result<User, SignInError> {
    world
        .identity
        .sign_in(username, &Secret::from(password), from)
        .await
}

#[tokio::test]
async fn the_right_password_signs_in_and_the_rest_looks_alike() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("Анна").await;
        assert_eq!(
            attempt(&world, "аННА ", PASSWORD, HOME).await.unwrap(),
            anna
        );
        let wrong = attempt(&world, "анна", "wrong", HOME).await.unwrap_err();
        let unknown = attempt(&world, "nobody", PASSWORD, HOME).await.unwrap_err();
        assert!(matches!(
            (&wrong, &unknown),
            (SignInError::Rejected, SignInError::Rejected)
        ));
        assert_eq!(wrong.to_string(), unknown.to_string());
    })
    .await;
}

#[tokio::test]
async fn a_disabled_account_is_told_so_only_with_its_password() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        world.identity.disable_user(anna.id).await.unwrap();
        assert!(matches!(
            attempt(&world, "anna", PASSWORD, HOME).await,
            Err(SignInError::Disabled)
        ));
        assert!(matches!(
            attempt(&world, "anna", "wrong", HOME).await,
            Err(SignInError::Rejected)
        ));
    })
    .await;
}

#[tokio::test]
async fn guessing_is_slowed_down_where_it_happens_and_nowhere_else() {
    for_each_database(|store| async move {
        let world = World::new(store);
        world.add("anna").await;
        for _ in 0..10 {
            assert!(matches!(
                attempt(&world, "anna", "wrong", ELSEWHERE).await,
                Err(SignInError::Rejected)
            ));
        }
        let Err(SignInError::Throttled(told)) = attempt(&world, "anna", PASSWORD, ELSEWHERE).await
        else {
            panic!("the eleventh attempt was let through");
        };
        assert!(told.seconds() <= 300);
        assert!(told.to_string().contains(&told.seconds().to_string()));
        // Anna herself, at home, signs in all the same.
        attempt(&world, "anna", PASSWORD, HOME).await.unwrap();
        world
            .clock
            .advance(SignedDuration::try_from(told.retry_after).unwrap());
        attempt(&world, "anna", PASSWORD, ELSEWHERE).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_throttled_like_one_that_does() {
    for_each_database(|store| async move {
        let world = World::new(store);
        for _ in 0..10 {
            assert!(matches!(
                attempt(&world, "Nobody", "x", HOME).await,
                Err(SignInError::Rejected)
            ));
        }
        assert!(matches!(
            attempt(&world, "nobody ", "x", HOME).await,
            Err(SignInError::Throttled(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn many_at_once_do_not_pass_together() {
    for_each_database(|store| async move {
        let world = World::with(store, |config| config.login_per_5min = 3);
        world.add("anna").await;
        let one = || Box::pin(attempt(&world, "anna", "wrong", HOME));
        let tried = tokio::join!(one(), one(), one(), one(), one());
        let throttled = <[_; 5]>::from(tried)
            .iter()
            .filter(|r| matches!(r, Err(SignInError::Throttled(_))))
            .count();
        assert_eq!(throttled, 2);
    })
    .await;
}

#[tokio::test]
async fn one_address_that_tries_many_accounts_meets_the_wider_limit() {
    for_each_database(|store| async move {
        let world = World::with(store, |config| config.login_per_5min = 2);
        for n in 0..20 {
            let tried = attempt(&world, &format!("user-{n}"), "x", HOME).await;
            assert!(matches!(tried, Err(SignInError::Rejected)), "{n}");
        }
        assert!(matches!(
            attempt(&world, "user-99", "x", HOME).await,
            Err(SignInError::Throttled(_))
        ));
        assert!(matches!(
            attempt(&world, "user-99", "x", ELSEWHERE).await,
            Err(SignInError::Rejected)
        ));
    })
    .await;
}

#[tokio::test]
async fn what_succeeds_does_not_count_and_zero_switches_it_off() {
    for_each_database(|store| async move {
        let world = World::with(store.clone(), |config| config.login_per_5min = 1);
        world.add("anna").await;
        for _ in 0..15 {
            attempt(&world, "anna", PASSWORD, HOME).await.unwrap();
        }
        let open = World::with(store, |config| config.login_per_5min = 0);
        for _ in 0..15 {
            assert!(matches!(
                attempt(&open, "anna", "x", HOME).await,
                Err(SignInError::Rejected)
            ));
        }
    })
    .await;
}

#[test]
fn an_ipv6_subscriber_is_one_address() {
    let network_of = |text: &str| network(text.parse().unwrap());
    assert_eq!(
        network_of("2001:db8:1:2::1"),
        network_of("2001:db8:1:2:ffff::9")
    );
    assert_ne!(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
    assert_eq!(network_of("::ffff:203.0.113.7"), HOME);
    assert_ne!(network_of("203.0.113.8"), HOME);
}

#[tokio::test]
async fn a_sign_in_renews_a_hash_of_another_cost() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let dearer = Config {
            hash_cost: HashCost {
                passes: 2,
                ..HashCost::cheapest()
            },
            ..Config::default()
        };
        let identity = World::replica(&world.store, &world.clock, dearer);
        let hash = async || {
            world
                .store
                .user(anna.id)
                .password_hash()
                .await
                .unwrap()
                .unwrap()
        };
        let password = Secret::from(PASSWORD);
        assert!(hash().await.expose().contains("t=1"));
        identity
            .sign_in("anna", &Secret::from("wrong"), HOME)
            .await
            .unwrap_err();
        assert!(hash().await.expose().contains("t=1"));
        identity.sign_in("anna", &password, HOME).await.unwrap();
        let renewed = hash().await;
        assert!(renewed.expose().contains("t=2"));
        identity.sign_in("anna", &password, HOME).await.unwrap();
        assert_eq!(hash().await.expose(), renewed.expose(), "once");
    })
    .await;
}

#[tokio::test]
async fn changing_a_password_takes_the_present_one() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let (present, new) = (Secret::from(PASSWORD), Secret::from("another long one"));
        let change = async |present: &Secret<String>, new: &Secret<String>| {
            world
                .identity
                .change_password(anna.id, present, new, HOME, None)
                .await
        };
        assert!(matches!(
            change(&new, &new).await,
            Err(UserError::WrongPassword)
        ));
        assert!(matches!(
            change(&present, &Secret::from("short")).await,
            Err(UserError::Password(_))
        ));
        change(&present, &new).await.unwrap();
        attempt(&world, "anna", "another long one", HOME)
            .await
            .unwrap();
        assert!(matches!(
            attempt(&world, "anna", PASSWORD, HOME).await,
            Err(SignInError::Rejected)
        ));
        for _ in 0..9 {
            assert!(matches!(
                change(&present, &new).await,
                Err(UserError::WrongPassword)
            ));
        }
        assert!(matches!(
            change(&new, &present).await,
            Err(UserError::Throttled(_))
        ));
    })
    .await;
}
