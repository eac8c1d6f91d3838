use super::{LONGEST, Looked, NOTED, PAUSE};

#[test]
fn a_server_that_asks_again_and_again_is_read_less_and_less() {
    let looked = Looked::default();
    let begun = tokio::time::Instant::now();
    let mut now = begun;
    assert_eq!(looked.pause(now), PAUSE);
    let mut readings = 0;
    while now < begun + 12 * LONGEST {
        now += looked.pause(now);
        readings += 1;
    }
    assert!(readings < 25, "{readings} readings in an hour");
    assert_eq!(looked.pause(now), LONGEST);
    now += 4 * LONGEST;
    assert_eq!(looked.pause(now), PAUSE, "it kept quiet");
}

#[test]
fn a_change_is_on_record_once() {
    let looked = Looked::default();
    let change = |digest: &str| vec![("tool".to_owned(), digest.to_owned())];
    assert_eq!(looked.unnoted(change("a")), ["tool"]);
    assert_eq!(looked.unnoted(change("b")), ["tool"]);
    assert!(looked.unnoted(change("a")).is_empty());
    for n in 0..2 * NOTED {
        looked.unnoted(change(&n.to_string()));
    }
    assert!(looked.noted.lock().len() <= NOTED);
}
