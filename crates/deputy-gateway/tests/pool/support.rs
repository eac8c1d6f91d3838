use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deputy_core::clock::OffsetClock;
use deputy_core::{Lifecycle, UserId};
use deputy_gateway::pool::{
    CallRequest, Config, EnvValue, How, HttpLaunch, Launch, Owner, Pool, PoolKey, ProcessLaunch,
    ToolAnswer, ToolResult, UpstreamError,
};
use jiff::SignedDuration;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Longer than anything here should take, on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A pool with short times, whose clock only moves when told, and which looks only when told.
pub(crate) struct World {
    pub(crate) pool: Pool,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) clock: OffsetClock,
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            probe: Duration::from_secs(2),
            handshake: Duration::from_secs(10),
            health_answer: Duration::from_millis(500),
            input_grace: Duration::from_millis(300),
            term_grace: Duration::from_millis(300),
            tick: Duration::from_hours(1),
            ..Config::default()
        };
        change(&mut config);
        let (lifecycle, clock) = (Lifecycle::new(), OffsetClock::default());
        let pool = Pool::new(config, lifecycle.clone(), Arc::new(clock.clone()));
        Self {
            pool,
            lifecycle,
            clock,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// How the fixture with these faults is started.
    pub(crate) fn launch(&self, faults: &[&str]) -> Launch {
        Self::launch_noting(faults, &self.pids_file())
    }

    /// The same, with its processes listed in `pids`.
    pub(crate) fn launch_noting(faults: &[&str], pids: &Path) -> Launch {
        let mut args: Vec<_> = faults
            .iter()
            .flat_map(|fault| ["--fault".to_owned(), (*fault).to_owned()])
            .collect();
        args.extend(["--pids".to_owned(), pids.display().to_string()]);
        Launch {
            how: How::Process(ProcessLaunch {
                program: env!("CARGO_BIN_EXE_mcp-fixture").into(),
                args,
                env: vec![],
                working_dir: None,
                confinement: None,
                prepare: None,
            }),
            generation: 1,
        }
    }

    pub(crate) fn pids_file(&self) -> PathBuf {
        self.dir.path().join("pids")
    }

    /// A folder of this world's.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Every process that fixtures of this world ever were.
    pub(crate) fn pids(&self) -> Vec<u32> {
        pids_in(&self.pids_file())
    }

    pub(crate) async fn call(
        &self,
        key: &PoolKey,
        launch: &Launch,
        tool: &str,
        arguments: &str,
    ) -> Result<ToolResult, UpstreamError> {
        self.pool.call(key, launch, request(tool, arguments)).await
    }

    /// The structured result of a call that must succeed.
    pub(crate) async fn ask(
        &self,
        key: &PoolKey,
        launch: &Launch,
        tool: &str,
        arguments: &str,
    ) -> Value {
        structured(&answer(self.call(key, launch, tool, arguments).await))
    }

    /// The pid of the process that answers.
    pub(crate) async fn pid(&self, key: &PoolKey, launch: &Launch) -> u64 {
        self.ask(key, launch, "echo", "{}").await["pid"]
            .as_u64()
            .unwrap()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(SignedDuration::try_from(by).unwrap());
    }

    /// Waits until some server is at work on one call.
    pub(crate) async fn under_way(&self) {
        until("it is under way", || {
            let stats = self.pool.stats();
            stats.servers.iter().any(|server| server.in_flight == 1)
        })
        .await;
    }

    /// Nothing of this world's is left, not even a zombie.
    pub(crate) async fn assert_nothing_left(&self) {
        let pids = self.pids();
        until("all processes are gone", || {
            pids.iter().all(|pid| is_gone(*pid))
        })
        .await;
    }
}

impl World {
    /// Nothing of this world's runs; who reaps it is not the question.
    pub(crate) async fn assert_nothing_left_running(&self) {
        let pids = self.pids();
        let dead = || pids.iter().all(|pid| is_dead(*pid));
        until("all processes are dead", dead).await;
    }
}

/// Whether this process has ended, also if nobody has waited for it yet.
pub(crate) fn is_dead(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

/// The server at `url`.
pub(crate) fn net(url: &Url) -> Launch {
    Launch {
        how: How::Http(HttpLaunch {
            url: url.clone(),
            headers: vec![],
        }),
        generation: 1,
    }
}

/// The process of a launch, to change.
pub(crate) fn process(launch: &mut Launch) -> &mut ProcessLaunch {
    match &mut launch.how {
        How::Process(process) => process,
        How::Http(_) => panic!("no process"),
    }
}

/// Server `name` of user `user`.
pub(crate) fn key(user: i64, name: &str) -> PoolKey {
    PoolKey {
        owner: Owner::User(UserId(user)),
        server: name.to_owned(),
    }
}

/// The own server `id` of user `user`.
pub(crate) fn own(user: i64, id: i64) -> PoolKey {
    PoolKey::own(UserId(user), id)
}

pub(crate) fn request(tool: &str, arguments: &str) -> CallRequest {
    CallRequest {
        tool: tool.to_owned(),
        arguments: RawValue::from_string(arguments.to_owned()).unwrap(),
        input: None,
        meta: Map::new(),
        progress: None,
        bearer: None,
        headers: vec![],
        inbound: None,
        cancel: CancellationToken::new(),
        late: CancellationToken::new(),
        deadline: Instant::now() + LONG,
    }
}

pub(crate) fn answer(result: Result<ToolResult, UpstreamError>) -> ToolAnswer {
    match result {
        Ok(ToolResult::Complete(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn structured(answer: &ToolAnswer) -> Value {
    serde_json::from_str(
        answer
            .structured
            .as_ref()
            .expect("structured content")
            .get(),
    )
    .unwrap()
}

pub(crate) fn secret(value: &str) -> EnvValue {
    EnvValue::Secret(value.into())
}

/// The processes that are listed in `file`.
pub(crate) fn pids_in(file: &Path) -> Vec<u32> {
    let list = std::fs::read_to_string(file).unwrap_or_default();
    list.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Whether the process is gone for good: not running and no zombie.
pub(crate) fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// Waits for a condition, which has to come soon.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The result of something that has to be over soon.
pub(crate) async fn soon<F: Future>(within: Duration, what: F) -> F::Output {
    tokio::time::timeout(within, what)
        .await
        .expect("it takes too long")
}
