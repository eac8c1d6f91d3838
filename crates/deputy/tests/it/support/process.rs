//! The built program as a process of its own group, ended with the test.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A running `deputy`.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

/// The program with nothing of our environment but what processes need anywhere.
pub(crate) fn deputy(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deputy"));
    command.args(args).env_clear();
    for name in [
        "PATH",
        "HOME",
        "TMPDIR",
        "LLVM_PROFILE_FILE",
        // where and how packages are fetched on this machine, for people's servers
        "NODE_EXTRA_CA_CERTS",
        "SSL_CERT_FILE",
        "npm_config_registry",
        "npm_config_cafile",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "PIP_INDEX_URL",
        "RUST_LOG",
        "RUST_BACKTRACE",
    ] {
        if let Ok(value) = std::env::var(name) {
            command.env(name, value);
        }
    }
    command
}

impl Process {
    /// Starts it; both outputs are read line by line.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        for reader in [
            Box::new(out) as Box<dyn std::io::Read + Send>,
            Box::new(err),
        ] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(reader).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The first line that contains `text`, waiting at most 30 s.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!(
                    "the process did not say '{text}' ({error}); it said:\n{}",
                    self.seen.join("\n")
                ),
            }
        }
    }

    /// Its process id, which is its group's too.
    pub(crate) fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Ends it as a crash would, it alone.
    pub(crate) fn kill(&mut self) {
        let _ = nix::sys::signal::kill(Pid::from_raw(self.id()), Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Asks it to stop and waits.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let _ = nix::sys::signal::kill(Pid::from_raw(self.id()), Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the process did not stop in 30 s"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its own end, at most 30 s.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process did not end in 30 s");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that it said, after its end and that of its children; waits at most 5 s for it.
    pub(crate) fn last_words(&mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            self.seen.push(line);
        }
        self.seen.join("\n")
    }

    /// What it has said so far that was read.
    pub(crate) fn said(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.id()), Signal::SIGKILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the process said:\n{}\n---", self.said());
        }
    }
}

/// Whether this process lives. One that is dead and that nobody has waited for does not.
pub(crate) fn is_alive(pid: impl std::fmt::Display) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
