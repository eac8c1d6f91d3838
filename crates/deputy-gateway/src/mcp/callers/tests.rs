use deputy_core::{Language, Role, Scopes};

use super::*;

fn client(user: i64, grant: i64) -> Principal {
    Principal {
        user_id: UserId(user),
        username: String::new(),
        role: Role::User,
        language: Language::En,
        time_zone: "UTC".to_owned(),
        scopes: Scopes::all(),
        caller: Caller::Client {
            grant,
            id: "c".to_owned(),
            name: "C".to_owned(),
        },
    }
}

#[test]
fn who_is_gone_is_gone_everywhere_and_nobody_else_is() {
    let callers = Arc::new(Callers::default());
    let [first, second] = [1, 2].map(|_| callers.enter(&client(1, 7)));
    let others = [callers.enter(&client(1, 8)), callers.enter(&client(2, 7))];
    assert_eq!(callers.there.lock().len(), 3);
    callers.end(&first.key);
    assert!(first.is_gone() && second.is_gone());
    assert!(others.iter().all(|other| !other.is_gone()));
}

#[test]
fn who_has_nothing_open_is_forgotten_and_what_ended_takes_nothing_from_what_came_after() {
    let callers = Arc::new(Callers::default());
    let before = callers.enter(&client(1, 7));
    callers.end(&before.key);
    // Let in before the end, and here after it.
    let after = callers.enter(&client(1, 7));
    assert!(!after.is_gone());
    drop(before);
    assert_eq!(callers.there.lock()[&after.key].presences, 1);
    drop(after);
    assert!(callers.there.lock().is_empty());
}
