use super::*;

fn samples(ms: impl Iterator<Item = u64>) -> Samples {
    Samples {
        latencies: ms.map(Duration::from_millis).collect(),
        elapsed: Duration::from_secs(2),
        cpu: [1000, 0, 0],
    }
}

#[test]
fn percentiles_are_nearest_ranks() {
    let figures = samples((1..=200).rev()).figures();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(close(figures.p50_ms, 100.0), "{figures:?}");
    assert!(close(figures.p90_ms, 180.0), "{figures:?}");
    assert!(close(figures.p99_ms, 198.0), "{figures:?}");
    assert!(close(figures.per_second, 100.0), "{figures:?}");
    assert!(close(figures.gateway_cpu_us, 5.0), "{figures:?}");
}

#[test]
fn one_call_is_its_own_percentiles() {
    let figures = samples(std::iter::once(7)).figures();
    assert!(
        (figures.p50_ms - 7.0).abs() < 1e-9 && (figures.p99_ms - 7.0).abs() < 1e-9,
        "{figures:?}"
    );
}
