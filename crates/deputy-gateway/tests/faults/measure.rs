//! What is measured while servers misbehave: how long the calls of well-behaved ones take, how much memory this
//! program has, and how many descriptors are open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{LONG, until};

/// Calls of well-behaved servers that the pace before is taken from.
const BEFORE: usize = 150;
/// The name for all faults together.
const ALL: &str = "all of it";
/// Fewer calls than this say nothing about one fault.
const ENOUGH: usize = 20;

/// Open descriptors of this program.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What they are.
fn open() -> Vec<String> {
    let all = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    all.filter_map(|fd| std::fs::read_link(fd.path()).ok())
        .map(|link| link.display().to_string())
        .collect()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmRSS:")).unwrap();
    let mut parts = line.split_ascii_whitespace();
    parts.nth(1).unwrap().parse().unwrap()
}

/// Calls with when they began and how long they took.
#[derive(Clone, Default)]
struct Beats(Vec<(Instant, Duration)>);

impl Beats {
    /// Those that were under way between two moments.
    fn between(&self, from: Instant, to: Instant) -> Self {
        let during = self
            .0
            .iter()
            .filter(|(begun, took)| *begun < to && *begun + *took > from);
        Self(during.copied().collect())
    }

    /// The time that this percentage of the calls stayed below.
    fn percentile(&self, percent: usize) -> Duration {
        let mut took: Vec<_> = self.0.iter().map(|(_, took)| *took).collect();
        took.sort_unstable();
        let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(at).copied().unwrap_or_default()
    }
}

/// What the machine itself takes to hand something to another thread and back, all the time: with much other work on it
/// everything waits, and that is nobody's fault.
fn watch_machine(over: CancellationToken) -> std::thread::JoinHandle<Beats> {
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        while asked.recv().is_ok() {
            let _ = answer.send(());
        }
    });
    std::thread::spawn(move || {
        let mut beats = Beats::default();
        while !over.is_cancelled() {
            let begun = Instant::now();
            ask.send(()).unwrap();
            answered.recv().unwrap();
            beats.0.push((begun, begun.elapsed()));
            std::thread::sleep(Duration::from_millis(3));
        }
        beats
    })
}

/// How often as much as two threads a call hands something on, roughly: to two servers, each with some threads.
const HANDS: u32 = 8;

/// Well-behaved servers that are called all the time.
pub(crate) struct Pulse {
    machine: std::thread::JoinHandle<Beats>,
    beats: Arc<Mutex<Beats>>,
    peak: Arc<AtomicU64>,
    over: CancellationToken,
    task: JoinHandle<()>,
    before: Beats,
    resident: u64,
    descriptors: usize,
}

impl Pulse {
    /// Calls `beat` again and again, beginning while nothing is wrong. What runs by now is the base line.
    pub(crate) async fn start(beat: impl Fn() -> BoxFuture<'static, ()> + Send + 'static) -> Self {
        beat().await;
        let (descriptors, resident) = (descriptors(), resident_kib());
        let (beats, peak) = (
            Arc::new(Mutex::new(Beats::default())),
            Arc::new(AtomicU64::new(0)),
        );
        let over = CancellationToken::new();
        let machine = watch_machine(over.clone());
        #[expect(clippy::disallowed_methods, reason = "a test's own task")]
        let task = tokio::spawn({
            let (beats, peak, over) = (beats.clone(), peak.clone(), over.clone());
            async move {
                while !over.is_cancelled() {
                    let begun = Instant::now();
                    beat().await;
                    beats.lock().0.push((begun, begun.elapsed()));
                    peak.fetch_max(resident_kib(), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            }
        });
        until("the pace before is known", || {
            beats.lock().0.len() >= BEFORE || task.is_finished()
        })
        .await;
        let before = beats.lock().clone();
        Self {
            machine,
            beats,
            peak,
            over,
            task,
            before,
            resident,
            descriptors,
        }
    }

    /// Ends the calls and says what they were like during `faults` (name, beginning, end): slower than before within
    /// bounds, the program never much larger.
    #[expect(clippy::print_stdout, reason = "what was measured is worth reading")]
    pub(crate) async fn assert_kept(
        self,
        faults: &[(&str, Instant, Instant)],
        memory_mib: u64,
    ) -> Left {
        self.over.cancel();
        self.task.await.unwrap();
        let all = self.beats.lock().clone();
        let machine = self.machine.join().unwrap();
        let (p50, p95) = (self.before.percentile(50), self.before.percentile(95));
        println!("{p50:>7.1?} {p95:>7.1?}  before");
        let from = self.before.0.last().map_or_else(Instant::now, |it| it.0);
        let windows = faults.iter().copied();
        for (name, from, to) in windows.chain([(ALL, from, Instant::now())]) {
            let (calls, machine) = (all.between(from, to), machine.between(from, to));
            let (slow50, slow95) = (calls.percentile(50), calls.percentile(95));
            println!(
                "{slow50:>7.1?} {slow95:>7.1?}  {name} ({} calls in {:.1?}; the machine {:.1?} {:.1?})",
                calls.0.len(),
                to - from,
                machine.percentile(50),
                machine.percentile(95),
            );
            // What the faulty servers do slows everything down, and an unoptimized build takes a while over 16 MiB. What
            // must not be is that somebody waits for a fault to be over.
            let limit = |before: Duration, some: u64, percent: usize| {
                before * 10 + machine.percentile(percent) * HANDS + Duration::from_millis(some)
            };
            let some = if name == ALL { 100 } else { 400 };
            if calls.0.len() >= ENOUGH {
                let limit50 = limit(p50, some / 2, 50);
                let limit95 = limit(p95, some, 95);
                assert!(
                    slow50 < limit50,
                    "{name}: half of the calls took {slow50:?}, before {p50:?}"
                );
                assert!(
                    slow95 < limit95,
                    "{name}: one call in 20 took {slow95:?}, before {p95:?}"
                );
            }
            let slowest = calls.percentile(100);
            assert!(
                slowest < limit(p95, 1000, 100),
                "{name}: a call took {slowest:?}"
            );
        }
        let grown = self
            .peak
            .load(Ordering::Relaxed)
            .saturating_sub(self.resident)
            / 1024;
        println!("memory grew by {grown} MiB at most");
        assert!(grown < memory_mib, "{grown} MiB more");
        Left(self.descriptors)
    }
}

/// The base line of descriptors.
pub(crate) struct Left(usize);

impl Left {
    /// As many descriptors are open as at the beginning.
    pub(crate) async fn assert_nothing(self) {
        let closed = tokio::time::timeout(LONG, async {
            while descriptors() > self.0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(closed.await.is_ok(), "{} before, now {:?}", self.0, open());
    }
}
