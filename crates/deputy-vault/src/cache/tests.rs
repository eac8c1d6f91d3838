use deputy_core::Secret;
use deputy_core::clock::OffsetClock;

use super::*;

const ANNA: Owner = Some(UserId(1));
const BOB: Owner = Some(UserId(2));

fn key(byte: u8) -> DataKey {
    DataKey::new(Secret::new([byte; 32]))
}

fn cache() -> (OffsetClock, Cache) {
    let clock = OffsetClock::default();
    (clock.clone(), Cache::new(Arc::new(clock)))
}

#[test]
fn a_key_is_its_owners_alone_and_for_five_minutes() {
    let (clock, cache) = cache();
    let id = KeyId([1; 16]);
    cache.put(ANNA, id, &key(1), false);
    assert_eq!(cache.get(ANNA, id).unwrap().expose(), &[1; 32]);
    assert!(cache.active(ANNA).is_none());
    assert!(cache.get(BOB, id).is_none());
    assert!(cache.get(None, id).is_none());
    clock.advance(TTL);
    assert!(cache.get(ANNA, id).is_none());
    cache.sweep();
    assert!(cache.entries.lock().is_empty());
}

#[test]
fn the_active_key_is_the_last_that_was_put_as_such() {
    let (_, cache) = cache();
    let (first, second) = (KeyId([1; 16]), KeyId([2; 16]));
    cache.put(ANNA, first, &key(1), true);
    cache.put(ANNA, second, &key(2), true);
    cache.put(ANNA, first, &key(1), false);
    assert_eq!(cache.active(ANNA).unwrap().0, second);
    cache.put(ANNA, second, &key(2), false);
    assert_eq!(cache.active(ANNA).unwrap().0, second);
    cache.forget(ANNA);
    assert!(cache.active(ANNA).is_none() && cache.get(ANNA, first).is_none());
}

#[test]
fn who_is_opening_something_can_finish_with_a_forgotten_key() {
    let (_, cache) = cache();
    let id = KeyId([1; 16]);
    cache.put(ANNA, id, &key(1), true);
    let held = cache.get(ANNA, id).unwrap();
    cache.forget(ANNA);
    assert_eq!(held.expose(), &[1; 32]);
}

#[test]
fn memory_is_bounded() {
    let (_, cache) = cache();
    let users = i64::try_from(MAX_KEYS).unwrap() + 10;
    for user in 0..users {
        cache.put(Some(UserId(user)), KeyId([1; 16]), &key(1), true);
    }
    assert!(cache.entries.lock().len() <= MAX_KEYS);
    assert!(cache.active(Some(UserId(users - 1))).is_some());
}
