//! Who minds a confined server from outside of its confinement: a process between Deputy and the server.
//!
//! What a server starts can leave its process group and its session, and be handed to another parent. The
//! kernel hands it to the nearest ancestor that asked for orphans (`PR_SET_CHILD_SUBREAPER`, prctl(2)): the
//! warden. So all that ever came of the server stays below it, and is gone when it has no child left.
//!
//! It ends with the server, and as the server did, once nothing is left. When Deputy ends, however it does, the
//! kernel tells the warden (`PR_SET_PDEATHSIG`), and it ends all of it.
//!
//! A confined server can't reach it: at [`crate::Level::Strict`] no signal leaves the confinement. It runs
//! nothing but what is here, and holds no descriptor.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, raise, signal, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

/// What tells it that Deputy ended.
const PARENT_ENDED: Signal = Signal::SIGUSR2;

/// Makes this process the warden, which gives an exit status at its end, and a child of it, which goes on.
pub(crate) fn split() -> nix::Result<Option<u8>> {
    let mut before = SigSet::empty();
    sigprocmask(
        SigmaskHow::SIG_BLOCK,
        Some(&SigSet::all()),
        Some(&mut before),
    )?;
    prctl::set_child_subreaper(true)?;
    let parent = getppid();
    // until here it was killed with Deputy
    prctl::set_pdeathsig(PARENT_ENDED)?;
    if getppid() != parent {
        return Err(Errno::ESRCH);
    }
    let warden = getpid();
    #[expect(unsafe_code, reason = "there is no safe way to fork")]
    // SAFETY: no thread was started, so the child may do anything.
    let forked = unsafe { fork() }?;
    match forked {
        ForkResult::Parent { child } => Ok(Some(mind(child))),
        ForkResult::Child => {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != warden {
                return Err(Errno::ESRCH);
            }
            restore(Signal::SIGPIPE)?;
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
            Ok(None)
        }
    }
}

/// Rust's runtime has some signals ignored, which a program would inherit.
fn restore(what: Signal) -> nix::Result<()> {
    #[expect(unsafe_code, reason = "a handler may be unsound")]
    // SAFETY: the default action is no handler.
    unsafe { signal(what, SigHandler::SigDfl) }?;
    Ok(())
}

fn mind(server: Pid) -> u8 {
    let _ = prctl::set_name(c"deputy-warden");
    // the server's environment is in its memory, which is nobody's to read
    let _ = prctl::set_dumpable(false);
    // who waits for the end of the server's output waits for the server
    for descriptor in 0..3 {
        let _ = nix::unistd::close(descriptor);
    }
    let mut told = SigSet::empty();
    told.add(Signal::SIGCHLD);
    told.add(PARENT_ENDED);
    let mut end = None;
    let mut alone = false;
    let mut pause = Duration::from_millis(1);
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {}
            Ok(status) => {
                if status.pid() == Some(server) {
                    end = Some(status);
                }
                continue;
            }
            Err(Errno::EINTR) => continue,
            // nobody is left
            Err(_) => return as_it_ended(end),
        }
        if end.is_none() && !alone {
            alone = matches!(told.wait(), Ok(PARENT_ENDED));
        } else {
            // whose parent this kills is our child next time
            for child in children() {
                let _ = kill(child, Signal::SIGKILL);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

/// Our children, by proc_pid_stat(5).
fn children() -> Vec<Pid> {
    let me = getpid();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
            let parent: i32 = fields.nth(1)?.parse().ok()?;
            (parent == me.as_raw()).then(|| Pid::from_raw(pid))
        })
        .collect()
}

/// Ends as the server did.
fn as_it_ended(end: Option<WaitStatus>) -> u8 {
    match end {
        Some(WaitStatus::Exited(_, status)) => u8::try_from(status & 0xff).unwrap_or(u8::MAX),
        Some(WaitStatus::Signaled(_, by, _)) => {
            let _ = restore(by);
            let _ = raise(by);
            let mut only = SigSet::empty();
            only.add(by);
            let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&only), None);
            u8::try_from(128 + by as i32).unwrap_or(u8::MAX)
        }
        _ => u8::try_from(libc::EXIT_FAILURE).unwrap_or(1),
    }
}
