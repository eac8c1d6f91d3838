//! The one place that starts processes.
//!
//! What a process gets: an empty environment plus what its [`ProcessLaunch`] names, pipes, a session of
//! its own, no core dumps, no new privileges, none of our file descriptors. What it can not do is outlive
//! us: the kernel kills it when the thread that started it ends, which is why one thread that lives as
//! long as the pool starts them all (a runtime's worker or blocking thread may end at any time;
//! `PR_SET_PDEATHSIG` follows the thread, prctl(2)). Deputy is made a subreaper, so that a grandchild
//! whose parent ended becomes our child and can be found (`processes`). A confined server has a warden between
//! itself and us, who ends what the server left if we can't any more (`deputy_jail`).
//!
//! An end is asked for before it is forced: its input closes, then `SIGTERM`, then `SIGKILL`, the signals
//! going to the group; then whatever it left behind is killed and reaped.
//!
//! Elsewhere than on Linux there are process groups, but no death signal, subreaper or search for what
//! left the group.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use deputy_jail::{Confinement, Invocation};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::launch::{EnvValue, ProcessLaunch};
use super::notices::Board;
use super::stderr::StderrRing;
use super::{kin, processes, wire};

/// How long what was written before the end may take to be read after it.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(250);

/// The variable that marks a process and what it starts. The value can't be guessed, so that no server's
/// processes pass for another's.
pub(super) const MARK: &str = "DEPUTY_PROCESS";

type Job = (
    Command,
    String,
    tokio::runtime::Handle,
    oneshot::Sender<io::Result<Child>>,
);

/// The thread that starts processes. It begins with the first one, and takes them all with it when it
/// is dropped.
#[derive(Default)]
pub(super) struct Spawner {
    jobs: Mutex<Option<std::sync::mpsc::Sender<Job>>>,
}

impl Spawner {
    async fn run(&self, command: Command, mark: String) -> io::Result<Child> {
        let (answer, child) = oneshot::channel();
        let job = (command, mark, tokio::runtime::Handle::current(), answer);
        self.jobs()?
            .send(job)
            .map_err(|_| io::Error::other("the starting thread ended"))?;
        child
            .await
            .map_err(|_| io::Error::other("the starting thread ended"))?
    }

    fn jobs(&self) -> io::Result<std::sync::mpsc::Sender<Job>> {
        let mut slot = self.jobs.lock();
        if let Some(jobs) = &*slot {
            return Ok(jobs.clone());
        }
        let (jobs, queue) = std::sync::mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("deputy-spawner".to_owned())
            .spawn(move || {
                #[cfg(target_os = "linux")]
                if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
                    tracing::warn!(%error, "orphans of servers will not be found");
                }
                processes::note_prior();
                while let Ok((mut command, mark, runtime, answer)) = queue.recv() {
                    let _entered = runtime.enter();
                    let started = processes::start(&mark, || command.spawn(), Child::id);
                    // nobody waits for it any more
                    if let Err(Ok(child)) = answer.send(started)
                        && let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok())
                    {
                        let pid = Pid::from_raw(pid);
                        let _ = killpg(pid, Signal::SIGKILL);
                        processes::remove_leader(pid);
                    }
                }
            })?;
        Ok(slot.insert(jobs).clone())
    }

    /// Starts `launch`, marked with `mark`.
    pub(super) async fn start(
        &self,
        launch: &ProcessLaunch,
        mark: String,
        config: &super::Config,
    ) -> io::Result<Started> {
        let invocation = match &launch.confinement {
            None => None,
            Some(confinement) => Some(confine(launch, confinement.clone(), config).await?),
        };
        let mut child = self.run(command(launch, invocation, &mark), mark).await?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .map(Pid::from_raw);
        let (Some(pid), Some(stdin), Some(stdout), Some(stderr)) = (
            pid,
            child.stdin.take(),
            child.stdout.take(),
            child.stderr.take(),
        ) else {
            return Err(io::Error::other("it was gone at once"));
        };
        let secrets = launch.env.iter().filter_map(|(_, value)| match value {
            EnvValue::Secret(secret) => Some(secret.clone()),
            EnvValue::Plain(_) => None,
        });
        let secrets: Vec<_> = secrets.collect();
        let process = Process {
            child,
            pid,
            printed: Arc::new(StderrRing::new(config.printed, &secrets)),
            reading: None,
            ended: false,
        };
        Ok(Started {
            process,
            stdin,
            stdout,
            stderr,
        })
    }
}

/// A process with its pipes.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// The variable in which programs are looked up.
const PATH: &str = "PATH";

/// How `launch` is started by way of the helper that confines it.
async fn confine(
    launch: &ProcessLaunch,
    confinement: Confinement,
    config: &super::Config,
) -> io::Result<Invocation> {
    let search = launch
        .env
        .iter()
        .rfind(|(name, _)| name == PATH)
        .map_or(config.search.as_str(), |(_, value)| value.expose())
        .to_owned();
    let (helper, program, args) = (
        config.helper.clone(),
        launch.program.clone(),
        launch.args.clone(),
    );
    // it looks at many files
    tokio::task::spawn_blocking(move || {
        let mut invocation =
            deputy_jail::command(&helper, &confinement, &program, &args, Some(&search))?;
        invocation.env.push((PATH.to_owned(), search));
        Ok(invocation)
    })
    .await
    .map_err(io::Error::other)?
    .map_err(|error: deputy_jail::Error| io::Error::other(error))
}

fn command(launch: &ProcessLaunch, invocation: Option<Invocation>, mark: &str) -> Command {
    let invocation = invocation.unwrap_or_else(|| Invocation {
        program: launch.program.clone(),
        args: launch.args.clone(),
        env: Vec::new(),
        working_dir: None,
        wrapped: false,
    });
    let named = |name: &str| {
        if invocation.wrapped {
            deputy_jail::wrapped_name(name)
        } else {
            name.to_owned()
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts processes"
    )]
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.args)
        .env_clear()
        .envs(
            invocation
                .env
                .iter()
                .map(|(name, value)| (named(name), value.as_str())),
        )
        .envs(
            launch
                .env
                .iter()
                .map(|(name, value)| (named(name), value.expose())),
        )
        // under its own name for the helper, and for what the helper becomes
        .env(MARK, mark)
        .env(named(MARK), mark)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // elsewhere a session of its own is one
    #[cfg(not(target_os = "linux"))]
    command.process_group(0);
    if let Some(dir) = launch
        .working_dir
        .as_ref()
        .or(invocation.working_dir.as_ref())
    {
        command.current_dir(dir);
    }
    let parent = nix::unistd::getpid();
    let restrict = move || restrict(parent);
    #[expect(
        unsafe_code,
        reason = "there is no safe way to act between fork and exec"
    )]
    // SAFETY: the closure runs in the forked child of a threaded process, where only async-signal-safe
    // work is sound: it makes system calls and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(restrict);
    }
    command
}

/// Runs in the new process before the program does.
#[cfg(target_os = "linux")]
fn restrict(parent: Pid) -> io::Result<()> {
    use nix::sys::prctl;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // the parent may have died before that took effect
    if nix::unistd::getppid() != parent {
        return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
    }
    // a session of its own, which nobody else can join
    nix::unistd::setsid()?;
    prctl::set_no_new_privs()?;
    close_others();
    no_core_dumps()
}

/// Runs in the new process before the program does.
#[cfg(not(target_os = "linux"))]
fn restrict(_parent: Pid) -> io::Result<()> {
    no_core_dumps()
}

fn no_core_dumps() -> io::Result<()> {
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

/// Has every descriptor but the three standard ones closed at exec, whoever opened it how.
#[cfg(target_os = "linux")]
fn close_others() {
    const CLOEXEC: nix::libc::c_uint = 4; // CLOSE_RANGE_CLOEXEC, linux/close_range.h
    #[expect(unsafe_code, reason = "a system call without a wrapper")]
    // SAFETY: close_range(2) takes three integers and touches no memory. Kernels before 5.11 refuse it,
    // and then the descriptors' own close-on-exec flags have to do.
    unsafe {
        nix::libc::syscall(
            nix::libc::SYS_close_range,
            3 as nix::libc::c_uint,
            nix::libc::c_uint::MAX,
            CLOEXEC,
        );
    }
}

/// Kills all that is in the group of this leader.
pub(super) fn kill_group(pid: Option<u32>) {
    if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// How long each step towards the end may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grace {
    /// After its input closed.
    pub(super) input: Duration,
    /// After `SIGTERM`.
    pub(super) term: Duration,
}

/// A running process, leader of its group.
pub(super) struct Process {
    child: Child,
    pid: Pid,
    printed: Arc<StderrRing>,
    /// What reads what it prints.
    reading: Option<JoinHandle<Option<()>>>,
    ended: bool,
}

impl Process {
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Where its output on stderr, and what is no MCP on stdout, is kept.
    pub(super) fn printed(&self) -> &Arc<StderrRing> {
        &self.printed
    }

    /// The last lines it printed.
    pub(super) fn tail(&self) -> String {
        self.printed.tail()
    }

    /// Waits until all that it printed is in its [`tail`](Self::tail): once nothing holds its pipe any more. Cancel-safe.
    pub(super) async fn drained(&mut self) {
        if let Some(reading) = &mut self.reading {
            let _ = reading.await;
            self.reading = None;
        }
    }

    /// Waits for its end. Cancel-safe.
    pub(super) async fn wait(&mut self) -> String {
        match self.status().await {
            Ok(()) => "it exited with status 0".to_owned(),
            Err(reason) => reason,
        }
    }

    /// Waits for its end; an error if that was not a good one. Cancel-safe.
    pub(super) async fn status(&mut self) -> Result<(), String> {
        let status = self.child.wait().await;
        self.ended = true;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(describe(status)),
            Err(error) => Err(format!("it is gone: {error}")),
        }
    }

    fn signal(&self, signal: Signal) {
        let _ = killpg(self.pid, signal);
    }

    /// Asks it to end, more firmly each time, and sees to it that nothing is left.
    pub(super) async fn stop(&mut self, close_input: &CancellationToken, grace: Grace) {
        close_input.cancel();
        if !self.ended
            && tokio::time::timeout(grace.input, self.wait())
                .await
                .is_err()
        {
            self.signal(Signal::SIGTERM);
            let _ = tokio::time::timeout(grace.term, self.wait()).await;
        }
        self.kill().await;
    }

    /// Kills all that is in its group.
    pub(super) fn kill_group(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Ends it and all it started, now.
    pub(super) async fn kill(&mut self) {
        self.kill_group();
        if !self.ended {
            self.wait().await;
        }
        kin::bury(self.pid).await;
        let _ = tokio::time::timeout(LAST_WORDS, self.drained()).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::SIGKILL);
        }
        processes::remove_leader(self.pid);
    }
}

/// What an exit status means, in words.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with status {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(signal) => format!("it was killed by {signal}"),
            Err(_) => format!("it was killed by signal {signal}"),
        },
        (None, None) => "it ended".to_owned(),
    }
}

/// Keeps what a process prints.
pub(super) async fn read_output(mut output: impl AsyncRead + Unpin, ring: Arc<StderrRing>) {
    let mut chunk = vec![0; 8192];
    while let Ok(n @ 1..) = output.read(&mut chunk).await {
        ring.push(&chunk[..n]);
    }
}

/// Connects `started`'s pipes to a wire, with tasks of `lifecycle` that end with the process.
pub(super) fn connect(
    started: Started,
    lifecycle: &deputy_core::Lifecycle,
    limits: wire::Limits,
    board: Arc<Board>,
) -> (Process, Arc<wire::Wire>, wire::StdioTransport<ChildStdout>) {
    let Started {
        mut process,
        stdin,
        stdout,
        stderr,
    } = started;
    let (wire, queue) =
        wire::Wire::new(limits, process.printed().clone(), board, lifecycle.clone());
    lifecycle.spawn(wire::write_out(wire.clone(), queue, stdin));
    let reading = lifecycle.spawn(read_output(stderr, process.printed().clone()));
    process.reading = Some(reading);
    let transport = wire::StdioTransport::new(wire.clone(), stdout);
    (process, wire, transport)
}
