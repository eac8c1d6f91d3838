use std::sync::Arc;
use std::time::Duration;

use deputy_core::UserId;

use super::{MOST_WATCHED, Wants};
use crate::pool::PoolKey;

fn key() -> PoolKey {
    PoolKey::own(UserId(1), 1)
}

#[tokio::test]
async fn what_several_want_is_wanted_until_the_last_one_leaves() {
    let wants = Arc::new(Wants::default());
    let (one, other) = (wants.wish(&key()), wants.wish(&key()));
    let stranger = wants.wish(&PoolKey::own(UserId(2), 1));
    assert!(stranger.watch("a:z"));
    assert!(one.watch("a:b") && other.watch("a:b") && other.watch("a:c"));
    one.set_level(4);
    other.set_level(2);
    let mut process = wants.follow(&key());
    let wanted = process.wanted();
    assert_eq!(wanted.uris, ["a:b", "a:c"].map(str::to_owned).into());
    assert_eq!(wanted.level, Some(2));
    drop(other);
    process.changed().await;
    let wanted = process.wanted();
    assert_eq!(wanted.uris, ["a:b".to_owned()].into());
    assert_eq!((wanted.level, one.lowest()), (Some(4), Some(4)));
    drop((one, stranger));
    assert!(process.wanted().uris.is_empty());
    drop(process);
    assert!(wants.0.lock().servers.is_empty(), "nothing is left");
}

#[tokio::test]
async fn a_server_is_waited_for_and_no_more_is_watched_than_there_is_room_for() {
    let wants = Arc::new(Wants::default());
    let (wish, process) = (wants.wish(&key()), wants.follow(&key()));
    let uris = ["a:b".to_owned()];
    assert!(wish.watch("a:b"));
    assert!(!wish.taken_up(&uris, Duration::ZERO).await);
    process.take_up(uris.clone().into());
    assert!(wish.taken_up(&uris, Duration::from_secs(30)).await);
    for n in 1..MOST_WATCHED {
        assert!(wish.watch(&format!("n:{n}")));
    }
    assert!(!wish.watch("one:more"));
    assert!(wish.watch("a:b"), "it is watched already");
    wish.unwatch("n:1");
    assert!(wish.watch("one:more"));
    assert!(!wish.watch(&"u".repeat(3000)));
}
