//! What the program counts, kept where a test can look.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;

#[derive(Default)]
struct Tally(AtomicU64);

impl CounterFn for Tally {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// All counters of this process.
static ALL: Mutex<Option<HashMap<Key, Arc<Tally>>>> = Mutex::new(None);

struct Recording;

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut all = ALL.lock();
        let tally = all.get_or_insert_default().entry(key.clone()).or_default();
        Counter::from_arc(Arc::clone(tally))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Counts from now on.
pub(crate) fn begin() {
    // A test before this one may have begun.
    let _ = metrics::set_global_recorder(Recording);
}

/// The requests of this method to this kind of server so far: good ones and failed ones.
pub(crate) fn requests(service: &str, method: &str) -> (u64, u64) {
    let count = |status: &'static str| {
        let labels = vec![
            metrics::Label::new("service", service.to_owned()),
            metrics::Label::new("method", method.to_owned()),
            metrics::Label::new("status", status),
        ];
        let key = Key::from_parts("mcp_requests_total", labels);
        let all = ALL.lock();
        let tally = all.as_ref().and_then(|all| all.get(&key));
        tally.map_or(0, |tally| tally.0.load(Ordering::Relaxed))
    };
    (count("success"), count("error"))
}
