use deputy_core::clock::OffsetClock;
use proptest::prelude::*;

use super::*;

const CONFIG: Config = Config {
    failures: 5,
    open_for: Duration::from_mins(1),
    successes: 3,
    forget_after: Duration::from_mins(10),
    kept: 100,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// One call at this second with this end.
fn call(breaker: &mut Breaker, second: i64, verdict: Verdict) -> Result<(), Duration> {
    let epoch = breaker.admit(at(second), &CONFIG)?;
    breaker.settle(epoch, verdict, at(second), &CONFIG);
    Ok(())
}

#[test]
fn the_table_of_states() {
    use Verdict::{Bad, Good, Neither};
    let mut breaker = Breaker::new(at(0));
    // What happens at which second, and the state after it.
    let table = [
        (1, Bad, Ok(()), State::Closed),
        (2, Bad, Ok(()), State::Closed),
        (3, Good, Ok(()), State::Closed),
        (4, Bad, Ok(()), State::Closed),
        (5, Bad, Ok(()), State::Closed),
        (6, Neither, Ok(()), State::Closed),
        (7, Bad, Ok(()), State::Closed),
        (8, Bad, Ok(()), State::Closed),
        (9, Bad, Ok(()), State::Open),
        (10, Good, Err(Duration::from_secs(59)), State::Open),
        (68, Good, Err(Duration::from_secs(1)), State::Open),
        (69, Good, Ok(()), State::HalfOpen),
        (70, Neither, Ok(()), State::HalfOpen),
        (71, Good, Ok(()), State::HalfOpen),
        (72, Bad, Ok(()), State::Open),
        (131, Good, Err(Duration::from_secs(1)), State::Open),
        (132, Good, Ok(()), State::HalfOpen),
        (133, Good, Ok(()), State::HalfOpen),
        (134, Good, Ok(()), State::Closed),
        (135, Bad, Ok(()), State::Closed),
        // Four failures, then none for long: the count starts anew.
        (136, Bad, Ok(()), State::Closed),
        (137, Bad, Ok(()), State::Closed),
        (138, Bad, Ok(()), State::Closed),
        (138 + 600, Bad, Ok(()), State::Closed),
    ];
    for (second, verdict, admitted, state) in table {
        assert_eq!(call(&mut breaker, second, verdict), admitted, "{second} s");
        assert_eq!(breaker.state(at(second)), state, "{second} s");
    }
    assert_eq!(breaker.failures, 1);
}

#[test]
fn half_open_lets_few_through_at_once() {
    let mut breaker = Breaker::new(at(0));
    for _ in 0..5 {
        call(&mut breaker, 0, Verdict::Bad).unwrap();
    }
    let passes: Vec<_> = (0..4).map(|_| breaker.admit(at(60), &CONFIG)).collect();
    assert!(passes[..3].iter().all(Result::is_ok));
    assert!(passes[3].is_err());
    // One that ends without an outcome makes place for another.
    breaker.settle(passes[0].unwrap(), Verdict::Neither, at(61), &CONFIG);
    let again = breaker.admit(at(61), &CONFIG).unwrap();
    for epoch in [passes[1].unwrap(), passes[2].unwrap(), again] {
        breaker.settle(epoch, Verdict::Good, at(62), &CONFIG);
    }
    assert_eq!(breaker.state(at(62)), State::Closed);
}

#[test]
fn an_outcome_from_before_counts_for_nothing() {
    let mut breaker = Breaker::new(at(0));
    let slow = breaker.admit(at(0), &CONFIG).unwrap();
    for _ in 0..5 {
        call(&mut breaker, 1, Verdict::Bad).unwrap();
    }
    breaker.settle(slow, Verdict::Good, at(2), &CONFIG);
    assert_eq!(breaker.state(at(2)), State::Open);
    let trial = breaker.admit(at(61), &CONFIG).unwrap();
    breaker.settle(slow, Verdict::Bad, at(61), &CONFIG);
    assert_eq!(breaker.state(at(61)), State::HalfOpen);
    breaker.settle(trial, Verdict::Bad, at(62), &CONFIG);
    assert_eq!(breaker.state(at(62)), State::Open);
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Good),
        Just(Verdict::Bad),
        Just(Verdict::Neither)
    ]
}

proptest! {
    /// Whatever happens: it opens only by a failure, never refuses when closed, refuses only until the
    /// time it said, and comes back with enough good calls.
    #[test]
    fn it_opens_for_a_reason_and_always_comes_back(
        steps in prop::collection::vec((0_i64..40, verdict(), 0_usize..3), 1..120)
    ) {
        let mut breaker = Breaker::new(at(0));
        let (mut now, mut in_a_row) = (0, 0);
        let mut slow = Vec::new();
        for (pause, outcome, keep) in steps {
            now += pause;
            let before = breaker.state(at(now));
            match breaker.admit(at(now), &CONFIG) {
                Err(wait) => {
                    prop_assert_ne!(before, State::Closed);
                    prop_assert!(wait <= CONFIG.open_for && !wait.is_zero());
                }
                Ok(_) if keep == 0 && slow.len() < 2 => slow.push(breaker.epoch),
                Ok(epoch) => {
                    prop_assert_ne!(before, State::Open);
                    breaker.settle(epoch, outcome, at(now), &CONFIG);
                    in_a_row = match outcome {
                        Verdict::Bad => in_a_row + 1,
                        Verdict::Good => 0,
                        Verdict::Neither => in_a_row,
                    };
                    if before == State::Closed && breaker.state(at(now)) == State::Open {
                        prop_assert!(in_a_row >= CONFIG.failures);
                        prop_assert_eq!(outcome, Verdict::Bad);
                    }
                }
            }
            if keep == 2 && let Some(epoch) = slow.pop() {
                breaker.settle(epoch, Verdict::Neither, at(now), &CONFIG);
            }
        }
        for epoch in slow {
            breaker.settle(epoch, Verdict::Neither, at(now), &CONFIG);
        }
        now += 60;
        for _ in 0..CONFIG.successes {
            prop_assert!(call(&mut breaker, now, Verdict::Good).is_ok());
        }
        prop_assert_eq!(breaker.state(at(now)), State::Closed);
    }
}

fn breakers(kept: usize) -> (Breakers, OffsetClock) {
    let clock = OffsetClock::default();
    let config = Config { kept, ..CONFIG };
    (Breakers::new(config, Arc::new(clock.clone())), clock)
}

fn fail(breakers: &Breakers, user: i64, server: &str, times: u32) {
    for _ in 0..times {
        breakers
            .admit(UserId(user), server, server)
            .unwrap()
            .failed(&UpstreamError::Timeout { sent: true });
    }
}

fn refusal() -> UpstreamError {
    UpstreamError::Rpc {
        code: -32602,
        message: "no such thing".to_owned(),
        data: None,
    }
}

#[test]
fn each_person_and_server_has_its_own() {
    let (breakers, clock) = breakers(100);
    fail(&breakers, 1, "calendar", 5);
    let refused = breakers.admit(UserId(1), "calendar", "Google Calendar");
    let Err(CallError::Unavailable {
        message,
        retry_after,
    }) = refused.map(|_| ())
    else {
        panic!("it let the call through");
    };
    assert!(message.contains("Google Calendar"), "{message}");
    assert!(retry_after <= CONFIG.open_for && retry_after > Duration::from_secs(50));
    assert!(breakers.admit(UserId(2), "calendar", "").is_ok());
    assert!(breakers.admit(UserId(1), "gmail", "").is_ok());
    assert_eq!(breakers.views().len(), 1);
    let seen = breakers.view(UserId(1), "calendar").unwrap();
    assert_eq!((seen.state, seen.failures), (State::Open, 5));
    assert!(seen.retry_after.is_some());

    clock.advance(SignedDuration::from_secs(60));
    for _ in 0..3 {
        breakers.admit(UserId(1), "calendar", "").unwrap().good();
    }
    assert_eq!(breakers.views(), [], "a closed one is not kept");
}

#[test]
fn what_is_broken_off_or_not_the_servers_fault_leaves_nothing() {
    let (breakers, _) = breakers(100);
    for _ in 0..20 {
        drop(breakers.admit(UserId(1), "calendar", "").unwrap());
        breakers
            .admit(UserId(1), "calendar", "")
            .unwrap()
            .failed(&UpstreamError::Timeout { sent: false });
    }
    assert_eq!(breakers.views(), []);
    // A retry that worked: the failures before it are forgiven.
    let mut pass = breakers.admit(UserId(1), "calendar", "").unwrap();
    pass.failed(&UpstreamError::Timeout { sent: true });
    pass.good();
    drop(pass);
    assert_eq!(breakers.views(), []);
}

#[test]
fn a_call_that_waits_for_somebody_leaves_its_place_to_another() {
    let (breakers, clock) = breakers(100);
    fail(&breakers, 1, "own:1", 5);
    clock.advance(SignedDuration::from_secs(60));
    let admit = || breakers.admit(UserId(1), "own:1", "");
    let mut held: Vec<_> = (0..3).map(|_| admit().unwrap()).collect();
    assert!(admit().is_err());
    for pass in &held {
        pass.place().give_back();
        pass.place().give_back();
    }
    let others: Vec<_> = (0..3).map(|_| admit().unwrap()).collect();
    assert!(admit().is_err(), "three at once and no more");
    // They end: nobody's place is given back twice.
    drop(held.pop());
    assert!(admit().is_err());
    for mut pass in held {
        pass.good();
    }
    assert!(admit().is_err());
    drop(others);
    admit().unwrap().good();
    assert_eq!(
        breakers.views(),
        [],
        "two that waited and one more answered"
    );
}

#[test]
fn a_server_that_answers_with_errors_lives() {
    let (breakers, clock) = breakers(100);
    let refuse = || {
        let mut pass = breakers.admit(UserId(1), "own:1", "").unwrap();
        pass.failed(&refusal());
    };
    // Not five in a row.
    fail(&breakers, 1, "own:1", 4);
    refuse();
    fail(&breakers, 1, "own:1", 4);
    assert!(breakers.admit(UserId(1), "own:1", "").is_ok());
    fail(&breakers, 1, "own:1", 1);
    assert!(breakers.admit(UserId(1), "own:1", "").is_err());
    clock.advance(SignedDuration::from_secs(60));
    for _ in 0..3 {
        refuse();
    }
    assert_eq!(breakers.views(), [], "it is as before");
}

#[test]
fn the_number_kept_is_bounded_and_old_ones_are_forgotten() {
    let (breakers, clock) = breakers(10);
    for user in 0..50 {
        fail(&breakers, user, "own:1", 5);
        clock.advance(SignedDuration::from_millis(2));
    }
    let users: Vec<_> = breakers.views().into_iter().map(|v| v.user.0).collect();
    assert_eq!(users, (40..50).collect::<Vec<_>>());
    clock.advance(SignedDuration::from_mins(12));
    breakers.sweep();
    assert_eq!(breakers.views(), []);
}

#[test]
fn a_changed_server_starts_anew() {
    let (breakers, _) = breakers(10);
    fail(&breakers, 1, "own:1", 5);
    breakers.forget(UserId(1), "own:1");
    assert!(breakers.admit(UserId(1), "own:1", "").is_ok());
}

#[test]
fn what_speaks_against_a_server() {
    let text = String::new;
    let table = [
        (
            UpstreamError::NotStarted {
                reason: text(),
                stderr_tail: text(),
            },
            true,
        ),
        (
            UpstreamError::Died {
                reason: text(),
                stderr_tail: text(),
            },
            true,
        ),
        (UpstreamError::Timeout { sent: true }, true),
        // It still starts, with packages to fetch maybe.
        (UpstreamError::Timeout { sent: false }, false),
        (UpstreamError::Protocol { reason: text() }, true),
        (refusal(), false),
        (UpstreamError::Forbidden, false),
        (UpstreamError::TooLarge { most: None }, false),
        (UpstreamError::Cancelled, false),
        (UpstreamError::ShuttingDown, false),
    ];
    for (error, counts) in table {
        assert_eq!(hurts(&error), counts, "{error}");
    }
    for kind in [
        FailureKind::Unavailable,
        FailureKind::Network,
        FailureKind::Timeout,
    ] {
        assert!(hurts_tool(kind));
    }
    for kind in [
        FailureKind::Unauthorized,
        FailureKind::RateLimited,
        FailureKind::QuotaExceeded,
        FailureKind::MissingScope,
        FailureKind::Invalid,
        FailureKind::NotFound,
    ] {
        assert!(!hurts_tool(kind));
    }
}
