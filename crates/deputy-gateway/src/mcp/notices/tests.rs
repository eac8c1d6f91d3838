use deputy_core::UserId;
use tokio::sync::broadcast;

use super::{Listeners, MOST_LISTENERS, News, Piece};
use crate::pool::{Notice, PoolKey};

#[tokio::test]
async fn who_missed_something_is_told_that_everything_may_have_changed() {
    let key = PoolKey::own(UserId(1), 1);
    let (notices, heard) = broadcast::channel(2);
    let (_changes, changes) = broadcast::channel(2);
    let mut news = News {
        user: UserId(1),
        key: Some(key.clone()),
        notices: heard,
        changes,
        missed: Vec::new(),
    };
    for n in 0..9 {
        let update = Notice::ResourceUpdated { uri: n.to_string() };
        let whose = PoolKey::own(UserId(n), 1);
        notices.send((whose, update)).unwrap();
    }
    let update = Notice::ResourceUpdated {
        uri: "a:b".to_owned(),
    };
    notices.send((key, update)).unwrap();
    let mut said = Vec::new();
    while said.len() < 4 {
        said.push(news.next().await.unwrap());
    }
    assert!(
        matches!(
            &said[..],
            [Piece::Tools, Piece::Prompts, Piece::Resources, Piece::Updated(uri)] if uri == "a:b"
        ),
        "{said:?}"
    );
    drop(notices);
    assert!(news.next().await.is_none());
}

#[test]
fn a_person_has_so_many_listeners_and_no_more() {
    let listeners = Listeners::default();
    let mut places: Vec<_> = (0..MOST_LISTENERS)
        .map(|_| listeners.enter(UserId(1)).unwrap())
        .collect();
    assert!(listeners.enter(UserId(1)).is_none());
    assert!(
        listeners.enter(UserId(2)).is_some(),
        "another's are another's"
    );
    places.pop();
    assert!(listeners.enter(UserId(1)).is_some());
    drop(places);
    assert!(listeners.0.lock().is_empty());
}
