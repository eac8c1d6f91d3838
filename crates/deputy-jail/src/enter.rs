//! What the helper does: takes its rights away from itself, and becomes the server.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt as _;

use crate::{Confinement, WRAPPED};

/// Exit status when the confinement can't be had (`EX_OSERR` of sysexits).
pub const EXIT_CONFINEMENT: u8 = 71;
/// Exit status when the program can't be started, as a shell's.
pub const EXIT_PROGRAM: u8 = 127;

/// Why the helper did not become the server.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the arguments are not those of Deputy")]
    Arguments,
    #[error("the confinement can't be read: {0}")]
    Encoding(#[from] serde_json::Error),
    #[error("this machine can't hold a server at the level '{level}': {missing}")]
    Unsupported {
        level: crate::Level,
        missing: String,
    },
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Rules(#[from] crate::rules::Error),
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Syscalls(#[from] crate::syscalls::Error),
    #[error("{0}: {1}")]
    System(&'static str, nix::errno::Errno),
    #[error("{} can't be started: {error}", program.to_string_lossy())]
    Program {
        program: CString,
        error: nix::errno::Errno,
    },
}

/// Confines this process as `args` say (what follows [`crate::SUBCOMMAND`] in what [`crate::command`]
/// made) and becomes the program in them, with those variables of `env` that were wrapped.
///
/// Has to be called before any thread is started. The program is a child of this process, which ends when
/// nothing of the program is left, as the program ended: then this returns. If something is wrong, that is on
/// stderr, and the exit status is returned.
pub fn enter(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> u8 {
    #[cfg(target_os = "linux")]
    match crate::warden::split() {
        Ok(None) => {}
        Ok(Some(end)) => return end,
        Err(error) => {
            eprintln!("deputy: the server was not started: {error}");
            return EXIT_CONFINEMENT;
        }
    }
    match try_enter(args.into_iter().collect(), env.into_iter().collect()) {
        Ok(never) => match never {},
        Err(fault) => {
            eprintln!("deputy: the server was not started: {fault}");
            match fault {
                Fault::Program { .. } => EXIT_PROGRAM,
                _ => EXIT_CONFINEMENT,
            }
        }
    }
}

fn try_enter(args: Vec<OsString>, env: Vec<(OsString, OsString)>) -> Result<Infallible, Fault> {
    let mut args = args.into_iter();
    let (Some(text), Some(mark)) = (args.next(), args.next()) else {
        return Err(Fault::Arguments);
    };
    let confinement: Confinement = serde_json::from_str(text.to_str().ok_or(Fault::Arguments)?)?;
    let c = |text: OsString| CString::new(text.into_vec()).map_err(|_| Fault::Arguments);
    let argv: Vec<CString> = args.map(c).collect::<Result<_, _>>()?;
    let Some(program) = argv.first().filter(|_| mark == "--") else {
        return Err(Fault::Arguments);
    };
    let environment: Vec<CString> = env
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.into_vec();
            let mut pair = name.strip_prefix(WRAPPED.as_bytes())?.to_vec();
            pair.push(b'=');
            pair.extend(value.into_vec());
            CString::new(pair).ok()
        })
        .collect();
    confine(&confinement)?;
    nix::unistd::execve(program, &argv, &environment).map_err(|error| Fault::Program {
        program: program.clone(),
        error,
    })
}

#[cfg(target_os = "linux")]
fn confine(confinement: &Confinement) -> Result<(), Fault> {
    if let Some(missing) = crate::abilities().missing(confinement.level) {
        return Err(Fault::Unsupported {
            level: confinement.level,
            missing,
        });
    }
    if confinement.level == crate::Level::Off {
        return Ok(());
    }
    limit(&confinement.limits)?;
    nix::sys::prctl::set_no_new_privs().map_err(|e| Fault::System("no_new_privs", e))?;
    let rules = crate::rules::Rules::new(confinement)?;
    drop_capabilities()?;
    rules.enforce()?;
    if confinement.level == crate::Level::Strict {
        crate::syscalls::forbid(confinement.network)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn confine(confinement: &Confinement) -> Result<(), Fault> {
    match crate::abilities().missing(confinement.level) {
        Some(missing) => Err(Fault::Unsupported {
            level: confinement.level,
            missing,
        }),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn limit(limits: &crate::Limits) -> Result<(), Fault> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let set = |what: &'static str, resource: Resource, value: u64| {
        let fault = |error| Fault::System(what, error);
        let (_, most) = getrlimit(resource).map_err(fault)?;
        let value = value.min(most);
        setrlimit(resource, value, value).map_err(fault)
    };
    set("RLIMIT_CORE", Resource::RLIMIT_CORE, 0)?;
    set("RLIMIT_NOFILE", Resource::RLIMIT_NOFILE, limits.open_files)?;
    set("RLIMIT_FSIZE", Resource::RLIMIT_FSIZE, limits.file_size)?;
    set("RLIMIT_NPROC", Resource::RLIMIT_NPROC, limits.processes)?;
    set("RLIMIT_DATA", Resource::RLIMIT_DATA, limits.data)
}

/// Gives up what root has beyond other accounts, for good: with `no_new_privs` no program gives it back
/// (capabilities(7), execve(2)).
#[cfg(target_os = "linux")]
fn drop_capabilities() -> Result<(), Fault> {
    use nix::errno::Errno;
    use nix::libc;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let header = Header {
        version: 0x2008_0522, // _LINUX_CAPABILITY_VERSION_3, linux/capability.h
        pid: 0,
    };
    let none = [Data {
        effective: 0,
        permitted: 0,
        inheritable: 0,
    }; 2];
    #[expect(unsafe_code, reason = "system calls without a wrapper")]
    // SAFETY: both are laid out as capset(2) wants them for that version, and outlive the call; prctl(2)
    // with that option takes integers only.
    let (ambient, done) = unsafe {
        (
            libc::prctl(
                libc::PR_CAP_AMBIENT,
                libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong,
                0 as libc::c_ulong,
                0 as libc::c_ulong,
                0 as libc::c_ulong,
            ),
            libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()),
        )
    };
    Errno::result(ambient).map_err(|e| Fault::System("ambient capabilities", e))?;
    Errno::result(done).map_err(|e| Fault::System("capset", e))?;
    Ok(())
}
