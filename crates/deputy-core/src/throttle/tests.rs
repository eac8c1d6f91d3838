use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::*;

#[derive(Default)]
struct Still(AtomicI64);

impl Still {
    fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

fn throttle(limit: u32) -> (Arc<Still>, Throttle<u32>) {
    let clock = Arc::new(Still::default());
    let throttle = Throttle::new(
        limit,
        Duration::from_mins(1),
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    (clock, throttle)
}

#[test]
fn the_limit_holds_in_every_window() {
    let (clock, throttle) = throttle(3);
    let mut passed = Vec::new();
    for second in 0..600 {
        if throttle.hit(&1).is_ok() {
            passed.push(second);
        }
        clock.forward(1000);
    }
    assert!(
        passed.windows(4).all(|four| four[3] - four[0] >= 60),
        "{passed:?}"
    );
    assert_eq!(passed.len(), 30);
}

#[test]
fn whoever_waits_as_told_is_let_through() {
    let (clock, throttle) = throttle(2);
    throttle.hit(&1).unwrap();
    clock.forward(10_500);
    throttle.hit(&1).unwrap();
    let told = throttle.hit(&1).unwrap_err();
    assert_eq!(
        (told.retry_after, told.seconds()),
        (Duration::from_millis(49_500), 50)
    );
    assert!(throttle.hit(&2).is_ok(), "another key is not concerned");
    clock.forward(49_499);
    assert!(throttle.hit(&1).is_err());
    clock.forward(1);
    assert!(throttle.hit(&1).is_ok());
}

#[test]
fn a_clock_set_back_makes_nobody_wait_longer_than_a_window() {
    let (clock, throttle) = throttle(1);
    clock.forward(86_400_000);
    throttle.hit(&1).unwrap();
    clock.forward(-86_400_000);
    assert_eq!(
        throttle.hit(&1).unwrap_err().retry_after,
        Duration::from_mins(1)
    );
}

#[test]
fn what_is_taken_back_or_forgotten_does_not_count() {
    let (_, throttle) = throttle(2);
    throttle.hit(&1).unwrap();
    throttle.hit(&1).unwrap();
    throttle.take_back(&1);
    assert!(throttle.hit(&1).is_ok());
    assert!(throttle.hit(&1).is_err());
    throttle.forget(&1);
    assert!(throttle.hit(&1).is_ok());
}

#[test]
fn zero_switches_it_off() {
    let (_, throttle) = throttle(0);
    assert!((0..10_000).all(|_| throttle.hit(&1).is_ok()));
    assert!(throttle.seen.lock().is_empty());
}

#[test]
fn the_keys_that_were_quiet_longest_make_room() {
    let (clock, mut throttle) = throttle(1);
    throttle.max_keys = 100;
    for key in 0..1000 {
        throttle.hit(&key).unwrap();
        clock.forward(1);
        assert!(throttle.seen.lock().len() <= 100);
    }
    assert!(throttle.hit(&999).is_err(), "the latest is still known");
}
