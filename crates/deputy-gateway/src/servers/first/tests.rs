use deputy_core::UserId;

use super::{AT_ONCE, Turns, WAITING_OF_ONE};

#[test]
fn one_persons_slow_servers_hold_up_nobody_else() {
    let mut turns = Turns::default();
    let (anna, boris) = (UserId(1), UserId(2));
    for server in 0..10 {
        turns.enter(anna, server);
    }
    turns.enter(boris, 100);
    assert_eq!(turns.next(), Some((anna, 0)));
    assert_eq!(turns.next(), Some((boris, 100)));
    assert_eq!(turns.next(), None);
    turns.ended(anna);
    assert_eq!(turns.next(), Some((anna, 1)));
    turns.ended(boris);
    assert_eq!(turns.next(), None);
    assert_eq!(turns.busy.len(), 1, "nothing is kept of who is done");
}

#[test]
fn so_many_are_looked_at_at_once_and_so_many_wait() {
    let mut turns = Turns::default();
    for person in 0..30 {
        turns.enter(UserId(person), person);
    }
    let begun = std::iter::from_fn(|| turns.next()).count();
    assert_eq!(begun, AT_ONCE);
    turns.ended(UserId(3));
    assert!(turns.next().is_some() && turns.next().is_none());

    let mut turns = Turns::default();
    for server in 0..100 {
        turns.enter(UserId(1), server);
        turns.enter(UserId(1), server);
    }
    assert_eq!(turns.waiting.len(), WAITING_OF_ONE);
}
