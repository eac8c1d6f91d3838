use super::Bounded;

#[test]
fn the_oldest_leaves_by_number_and_by_bytes() {
    let mut cache = Bounded::new(3, 100);
    for key in 0..5 {
        cache.put(key, key, 1);
    }
    assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(2)));
    cache.put(5, 5, 99);
    assert_eq!((cache.get(&3), cache.get(&4)), (None, Some(4)));
    cache.put(6, 6, 1000);
    assert!((0..7).all(|key| cache.get(&key).is_none()));
    assert_eq!(cache.bytes, 0);
}

#[test]
fn what_is_forgotten_or_replaced_makes_room() {
    let mut cache = Bounded::new(10, 100);
    cache.put("a", 1, 60);
    cache.put("a", 2, 40);
    cache.put("b", 3, 60);
    assert_eq!((cache.get(&"a"), cache.get(&"b")), (Some(2), Some(3)));
    cache.forget(|key| *key == "b");
    cache.put("c", 4, 60);
    assert_eq!((cache.get(&"a"), cache.get(&"c")), (Some(2), Some(4)));
}
