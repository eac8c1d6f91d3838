use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;

#[tokio::test]
async fn few_run_at_once_and_answers_keep_their_order() {
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = in_order((0_u64..10).collect(), |n| {
        let (running, most) = (&running, &most);
        async move {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // The later ones are quicker.
            for _ in n..10 {
                tokio::task::yield_now().await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
            n
        }
    })
    .await;
    assert_eq!(done, (0..10).collect::<Vec<_>>());
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
}

#[tokio::test]
async fn a_dropped_batch_begins_no_more() {
    let begun = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let batch = in_order((0..10).collect(), |_: i32| {
        let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
        async move {
            begun.fetch_add(1, Ordering::SeqCst);
            let _ = gate.acquire().await;
        }
    });
    let mut batch = Box::pin(batch);
    assert!(futures_util::poll!(&mut batch).is_pending());
    drop(batch);
    gate.add_permits(10);
    tokio::task::yield_now().await;
    assert_eq!(begun.load(Ordering::SeqCst), AT_ONCE);
}

/// One that takes long keeps its own place and nobody else's.
#[tokio::test]
async fn a_slow_call_holds_up_no_others() {
    let last = Arc::new(Semaphore::new(0));
    let done = in_order((0..10).collect(), |n: i32| {
        let last = Arc::clone(&last);
        async move {
            match n {
                0 => drop(last.acquire().await),
                9 => last.add_permits(1),
                _ => tokio::task::yield_now().await,
            }
            n
        }
    });
    let done = tokio::time::timeout(Duration::from_secs(20), done).await;
    let done = done.expect("the others go on beside the first");
    assert_eq!(done, (0..10).collect::<Vec<_>>());
}
