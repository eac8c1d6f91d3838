use super::*;

struct Middle;

impl Rng for Middle {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x7f);
    }
}

const LONG: Duration = Duration::from_mins(1);

fn sequence(failure: &Failure, repeatable: bool) -> Vec<Next> {
    let mut tried = Tried::default();
    let mut out = Vec::new();
    loop {
        let next = tried.next(failure, repeatable, LONG, &Middle);
        out.push(next);
        if next == Next::GiveUp {
            return out;
        }
    }
}

fn waits(failure: &Failure) -> Vec<u128> {
    sequence(failure, true)
        .into_iter()
        .filter_map(|n| match n {
            Next::After(d) => Some((d.as_millis() + 500) / 1000),
            _ => None,
        })
        .collect()
}

#[test]
fn a_refused_token_is_refreshed_once() {
    assert_eq!(
        sequence(&Failure::Unauthorized, true),
        [Next::Refresh, Next::GiveUp]
    );
}

#[test]
fn each_kind_is_tried_as_often_as_the_table_says() {
    assert_eq!(waits(&Failure::Crash), [0]);
    assert_eq!(waits(&Failure::Network), [1]);
    assert_eq!(waits(&Failure::ServerError), [1, 2]);
    assert_eq!(waits(&Failure::Final), [] as [u128; 0]);
}

#[test]
fn what_may_not_be_repeated_is_not() {
    for failure in [
        Failure::Crash,
        Failure::Network,
        Failure::ServerError,
        Failure::Unauthorized,
    ] {
        assert_eq!(sequence(&failure, false), [Next::GiveUp]);
    }
}

#[test]
fn a_limit_is_waited_for_only_within_the_deadline() {
    let limited = Failure::RateLimited {
        retry_after: Some(Duration::from_secs(20)),
    };
    let mut tried = Tried::default();
    assert_eq!(
        tried.next(&limited, true, Duration::from_secs(10), &Middle),
        Next::GiveUp
    );
    let mut tried = Tried::default();
    assert!(
        matches!(tried.next(&limited, true, LONG, &Middle), Next::After(d) if d >= Duration::from_secs(20))
    );
}

#[test]
fn different_failures_share_the_attempts() {
    let mut tried = Tried::default();
    assert_eq!(
        tried.next(&Failure::Unauthorized, true, LONG, &Middle),
        Next::Refresh
    );
    assert!(matches!(
        tried.next(&Failure::ServerError, true, LONG, &Middle),
        Next::After(_)
    ));
    assert_eq!(
        tried.next(&Failure::ServerError, true, LONG, &Middle),
        Next::GiveUp
    );
}
