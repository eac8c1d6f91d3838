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
fn a_process_is_replaced_at_once_and_the_network_given_time() {
    let (reason, stderr_tail) = (String::new(), String::new());
    for error in [
        UpstreamError::NotStarted {
            reason: reason.clone(),
            stderr_tail: stderr_tail.clone(),
        },
        UpstreamError::Died {
            reason,
            stderr_tail,
        },
    ] {
        assert_eq!(waits(&Failure::of_upstream(&error, false)), [0]);
        assert_eq!(waits(&Failure::of_upstream(&error, true)), [1]);
    }
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

struct Bytes(u8);

impl Rng for Bytes {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

#[test]
fn pauses_grow_from_one_second_to_32_and_stray_by_a_quarter_below_that() {
    let pause = |attempts, byte| {
        Tried {
            attempts,
            ..Tried::default()
        }
        .backoff(&Bytes(byte))
        .as_millis()
    };
    for (attempts, seconds) in [
        (1, 1),
        (2, 2),
        (3, 4),
        (4, 8),
        (5, 16),
        (6, 32),
        (7, 32),
        (900, 32),
    ] {
        let base = seconds * 1000;
        assert_eq!(pause(attempts, 0), base * 3 / 4, "attempt {attempts}");
        let most = (base * 5 / 4).min(32_000);
        assert_eq!(pause(attempts, 0xff), most, "attempt {attempts}");
        let middle = pause(attempts, 0x7f);
        assert!(middle.abs_diff(base) <= base / 100, "attempt {attempts}");
    }
}

#[test]
fn whatever_fails_there_are_three_attempts_at_most() {
    let at_once = Some(Duration::ZERO);
    let all = [
        Failure::Unauthorized,
        Failure::Crash,
        Failure::Network,
        Failure::ServerError,
        Failure::RateLimited { retry_after: None },
        Failure::RateLimited {
            retry_after: at_once,
        },
        Failure::BackingOff {
            retry_after: Duration::ZERO,
        },
        Failure::Final,
    ];
    for first in &all {
        for second in &all {
            for third in &all {
                let mut tried = Tried::default();
                let attempts = [first, second, third]
                    .into_iter()
                    .take_while(|failure| tried.next(failure, true, LONG, &Middle) != Next::GiveUp)
                    .count();
                assert!(attempts < 3, "{first:?}, {second:?}, {third:?}");
            }
        }
    }
}

#[test]
fn a_server_that_rests_is_waited_for_within_the_deadline() {
    let rests = |seconds| Failure::BackingOff {
        retry_after: Duration::from_secs(seconds),
    };
    let next = |failure: &Failure| Tried::default().next(failure, true, LONG, &Middle);
    assert_eq!(next(&rests(8)), Next::After(Duration::from_secs(8)));
    assert_eq!(next(&rests(300)), Next::GiveUp);
    assert_eq!(waits(&Failure::RateLimited { retry_after: None }), [1, 2]);
}
