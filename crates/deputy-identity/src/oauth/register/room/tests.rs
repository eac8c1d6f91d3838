use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// One of each, seen in this order.
fn unused(from: &[Option<&str>]) -> Vec<UnusedClient> {
    let client = |(id, from): (i64, Option<&str>)| UnusedClient {
        id,
        created_from: from.map(str::to_owned),
        seen_at: at(id),
    };
    (0..).zip(from.iter().copied()).map(client).collect()
}

fn dropped(from: &[Option<&str>], newcomer: &str, young_since: i64, max: u64) -> Option<i64> {
    let unused = unused(from);
    goes(&unused, newcomer, at(young_since), max).map(|client| client.id)
}

#[test]
fn whoever_made_many_pays_first() {
    let from = [
        Some("192.0.2.1"),
        Some("2001:db8:1:1::"),
        Some("192.0.2.3"),
        Some("2001:db8:1:2::"),
        None,
        Some("192.0.2.3"),
        Some("2001:db8:1:3::"),
    ];
    let goes = |newcomer, young_since| dropped(&from, newcomer, young_since, 7);
    // The newcomer's own, else the largest crowd's, of those that are not young.
    assert_eq!(goes("192.0.2.3", 100), Some(2));
    assert_eq!(goes("2001:db8:1:2::", 100), Some(3));
    assert_eq!(goes("192.0.2.9", 100), Some(1), "a /48 is one");
    assert_eq!(goes("192.0.2.9", 6), Some(1), "of two crowds the older one");
    assert_eq!(goes("192.0.2.9", 1), Some(0));
    assert_eq!(goes("192.0.2.9", 0), None, "all are young");
    assert_eq!(dropped(&[], "192.0.2.9", 100, 7), None);
    assert_eq!(dropped(&[None, None, Some("x")], "", 100, 7), Some(0));
}

#[test]
fn who_holds_more_than_a_share_loses_their_own_however_young() {
    let mut from = vec![Some("192.0.2.1")];
    let many: Vec<String> = (0..11).map(|n| format!("2001:db8:1:{n:x}::")).collect();
    from.extend(many.iter().map(|from| Some(from.as_str())));
    // Whose are old or the newcomer's own does not matter then.
    for young_since in [0, 1, 100] {
        for newcomer in ["192.0.2.1", "192.0.2.9", "2001:db8:1:5::"] {
            assert_eq!(dropped(&from, newcomer, young_since, 12), Some(1));
        }
    }
    assert_eq!(dropped(&from, "192.0.2.9", 0, 240), None, "a larger share");
    from.pop();
    assert_eq!(dropped(&from, "192.0.2.9", 0, 12), None, "no more than ten");
}
