use super::*;

#[test]
fn a_steady_clock_follows_forwards_and_never_back() {
    let below = OffsetClock::default();
    let steady = SteadyClock::new(Arc::new(below.clone()));
    let first = steady.now();
    below.advance(SignedDuration::from_hours(2));
    let later = steady.now();
    assert!(later.duration_since(first) >= SignedDuration::from_hours(2));
    below.advance(SignedDuration::from_hours(-1000));
    let after = steady.now();
    assert!(after >= later);
    assert!(after.duration_since(later) < SignedDuration::from_mins(1));
    assert!(steady.now() >= after, "it goes on meanwhile");
    below.advance(SignedDuration::from_hours(1001));
    assert!(steady.now().duration_since(later) >= SignedDuration::from_mins(59));
}
