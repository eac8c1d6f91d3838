use super::*;

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: i64) -> Timestamp {
    START + SignedDuration::from_secs(seconds)
}

fn fail(state: &mut SlotState, now: i64, lived: Option<u64>) {
    state.failed(
        at(now),
        lived.map(Duration::from_secs),
        1,
        End {
            reason: "boom".to_owned(),
            printed: String::new(),
        },
        &Config::default(),
        0.5,
    );
}

#[test]
fn one_accident_is_free_and_a_loop_is_not() {
    let mut state = SlotState::default();
    fail(&mut state, 0, None);
    assert!(state.check_backoff(at(0), 1).is_ok());
    fail(&mut state, 0, Some(3));
    fail(&mut state, 10, Some(3));
    let refused = state.check_backoff(at(11), 1).unwrap_err();
    assert!(
        matches!(&refused, UpstreamError::BackingOff { retry_after, reason } if *retry_after == Duration::from_secs(1) && reason == "boom"),
        "{refused:?}"
    );
    assert!(state.check_backoff(at(12), 1).is_ok());
}

#[test]
fn a_long_life_or_a_new_generation_clears_the_count() {
    let mut state = SlotState::default();
    for _ in 0..5 {
        fail(&mut state, 0, None);
    }
    assert!(state.check_backoff(at(0), 1).is_err());
    assert!(state.check_backoff(at(0), 2).is_ok());
    for _ in 0..5 {
        fail(&mut state, 0, None);
    }
    fail(&mut state, 100, Some(60));
    assert!(state.check_backoff(at(100), 1).is_ok());
}

#[test]
fn failures_are_remembered_for_twice_the_longest_pause() {
    let mut state = SlotState::default();
    assert!(state.is_forgettable(at(0), Duration::from_mins(5)));
    fail(&mut state, 0, None);
    assert!(!state.is_forgettable(at(599), Duration::from_mins(5)));
    assert!(state.is_forgettable(at(600), Duration::from_mins(5)));
}
