use super::*;

#[test]
fn keeps_the_end_and_no_secret() {
    let ring = StderrRing::new(64, &["ya29.secret".into(), "".into()]);
    ring.push(&[b'x'; 1000]);
    ring.push(b"\nfirst line\ntoken ya29.secret \x1b[31mbad\n");
    assert_eq!(ring.tail(), "first line\ntoken *** [31mbad");
    assert!(ring.bytes.lock().len() <= 64);
}

#[test]
fn a_long_tail_starts_with_a_whole_line() {
    let ring = StderrRing::new(65536, &[]);
    for n in 0..10_000 {
        ring.push(format!("line {n} ü\n").as_bytes());
    }
    let tail = ring.tail();
    assert!(
        tail.starts_with("line ") && tail.ends_with("line 9999 ü"),
        "{tail}"
    );
    assert!(tail.len() <= TAIL_BYTES);
}

#[test]
fn what_came_later_is_cut_out_too() {
    let ring = StderrRing::new(4096, &[]);
    for n in 0..20 {
        ring.hide(&Secret::new(format!("bearer-number-{n:02}")));
        ring.hide(&Secret::new(format!("bearer-number-{n:02}")));
    }
    ring.push(b"a bearer-number-19 b bearer-number-12 c");
    assert_eq!(ring.tail(), "a *** b *** c");
    assert_eq!(ring.later.lock().len(), LATER);
}
