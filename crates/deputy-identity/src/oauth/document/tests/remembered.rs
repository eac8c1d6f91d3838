//! What fetching may spend, and what is remembered of it.

use super::*;

/// A clock that moves by hand alone.
struct Still(Mutex<Timestamp>);

impl Still {
    fn pass(&self, by: SignedDuration) {
        *self.0.lock() += by;
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

fn fetching() -> (Arc<Still>, Fetching) {
    let still = Arc::new(Still(Mutex::new(Timestamp::UNIX_EPOCH)));
    let clock: Arc<dyn Clock> = still.clone();
    (still, Fetching::new(None, &clock))
}

#[test]
fn a_fetch_may_spend_16_kib_and_5_s() {
    let limits = document_limits();
    let five = Duration::from_secs(5);
    assert_eq!((limits.connect, limits.total), (five, Some(five)));
    assert_eq!(limits.body, 16 * 1024);
}

#[test]
fn a_failure_is_remembered_for_a_minute_and_only_so_many() {
    let (still, fetching) = fetching();
    let note = |id: &str| fetching.note(id, Some(&DocumentError::NotJson));
    let is_known = |id: &str| fetching.failed(id) == Some(DocumentError::NotJson);
    let count = || fetching.failed.lock().len();
    for n in 0..999 {
        note(&n.to_string());
    }
    still.pass(SignedDuration::from_secs(30));
    note("young");
    still.pass(SignedDuration::from_millis(29_999));
    assert!(is_known("0") && is_known("998") && is_known("young"));
    still.pass(SignedDuration::from_millis(1));
    assert!(!is_known("0") && !is_known("998") && is_known("young"));
    // Room is made by what is over.
    note("last");
    assert!(is_known("young") && is_known("last") && count() == 2);
    for n in 0..998 {
        note(&n.to_string());
    }
    assert!(is_known("young") && is_known("997") && count() == 1000);
    // There is none to be made: it begins anew.
    note("one more");
    assert!(is_known("one more") && count() == 1);
    fetching.note("one more", None);
    assert!(!is_known("one more") && count() == 0);
}

#[test]
fn who_asks_for_a_document_shares_its_flight_whatever_else_is_fetched() {
    let (_, fetching) = fetching();
    let first = fetching.flight("first");
    let second = fetching.flight("second");
    assert!(Arc::ptr_eq(&first, &fetching.flight("first")));
    assert!(Arc::ptr_eq(&second, &fetching.flight("second")));
    assert!(!Arc::ptr_eq(&first, &second));
    drop(first);
    let _third = fetching.flight("third");
    let flights = fetching.flights.lock();
    let mut left: Vec<&str> = flights.keys().map(String::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["second", "third"], "one that is over is forgotten");
}
