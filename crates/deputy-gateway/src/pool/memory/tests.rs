use super::{by_group, group_and_pages};

#[test]
fn a_name_with_anything_in_it_moves_no_field() {
    let stat = "7 (a) R 1 (b) S 1 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 11 0 99 1000 321 18446";
    assert_eq!(group_and_pages(stat), Some((42, 321)));
    assert_eq!(group_and_pages("7 (a"), None);
    assert_eq!(group_and_pages("7 (a) S 1"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn what_this_process_holds_is_counted_for_its_group() {
    let held = vec![1_u8; 32 << 20];
    let group = nix::unistd::getpgrp().as_raw();
    let used = by_group()[&group];
    assert!(used > held.len() as u64, "{used}");
}
