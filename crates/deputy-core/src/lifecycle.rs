//! How tasks start and end. Every task of the program is spawned here; a stop is first soft (finish
//! what is under way, take no more), then hard (drop everything).

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A handle on the program's life; cheap to clone.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A life with no task yet.
    pub fn new() -> Self {
        let hard = CancellationToken::new();
        Self {
            soft: hard.child_token(),
            hard,
            tasks: TaskTracker::new(),
        }
    }

    /// Starts a task that is dropped at the hard stop at the latest. A task that loops watches
    /// [`Lifecycle::soft`] itself.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let hard = self.hard.clone();
        #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
        tokio::spawn(
            self.tasks
                .track_future(async move { hard.run_until_cancelled_owned(task).await }),
        )
    }

    /// Cancelled when no new work should be taken.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when everything ends now.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Stops softly, waits up to `grace` for all tasks, then stops hard and waits for the rest.
    /// True when all tasks ended within the grace.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.soft.cancel();
        self.tasks.close();
        let in_time = tokio::time::timeout(grace, self.tasks.wait()).await.is_ok();
        self.hard.cancel();
        self.tasks.wait().await;
        in_time
    }
}
