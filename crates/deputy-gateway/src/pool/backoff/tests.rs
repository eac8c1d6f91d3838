use super::*;

const S: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn grows_from_first_to_max_with_a_quarter_of_jitter() {
    assert_eq!(pause(0, S(1), S(300), 0.5), None);
    assert_eq!(pause(1, S(1), S(300), 0.5), None);
    let middle: Vec<_> = (2..12)
        .filter_map(|n| pause(n, S(1), S(300), 0.5))
        .map(|d| d.as_secs())
        .collect();
    assert_eq!(middle, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert_eq!(pause(u32::MAX, S(1), S(300), 0.0), Some(S(225)));
    assert_eq!(pause(u32::MAX, S(1), S(300), 1.0), Some(S(300)));
}
