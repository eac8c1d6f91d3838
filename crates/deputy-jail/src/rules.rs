//! Which files a server may reach, as rules of Landlock (landlock(7)).
//!
//! What is not named can't be opened, listed, made, removed, renamed, linked or cut short. Landlock does not
//! keep a program from asking whether a path exists, nor from changing modes, owners and times
//! (landlock(7), "Limitations"); see `syscalls` for what is done about that.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;
use nix::sys::stat::Mode;

use crate::abilities::{BASIC_ABI, STRICT_ABI};
use crate::programs::SYSTEM;
use crate::{Confinement, Level, Network};

/// Parts of `/etc` that programs need: who is who, names of hosts, time, certificates, libraries. No
/// folder of it as a whole that may hold a secret (`/etc/ssl/private`, `/etc/npmrc`).
const ETC: &[&str] = &[
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    "/etc/os-release",
    "/etc/mime.types",
    "/etc/fonts",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
    "/etc/crypto-policies/back-ends",
];

/// About the machine and about the process itself, never about other processes. `/proc/self` is the
/// program that is started; what it starts in turn does not see itself there.
const ABOUT: &[&str] = &[
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/ngroups_max",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/fs/pipe-max-size",
    "/proc/sys/net/core/somaxconn",
    "/sys/devices/system/cpu",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
];

const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// Why the rules can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A path that has to be there can't be opened.
    #[error("{}: {error}{}", path.display(), hint(*error))]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        error: Errno,
    },
    /// Landlock.
    #[error("landlock: {0}")]
    Landlock(#[from] RulesetError),
    /// The kernel took less than it was given.
    #[error("landlock: the kernel enforces the rules in part only")]
    Partial,
}

fn hint(error: Errno) -> &'static str {
    if error == Errno::ELOOP {
        " (a part of the path is a link)"
    } else {
        ""
    }
}

/// The ABI of this kernel's Landlock, 0 if there is none or it is switched off.
pub(crate) fn abi() -> u32 {
    const VERSION: libc::c_uint = 1; // LANDLOCK_CREATE_RULESET_VERSION, linux/landlock.h
    #[expect(unsafe_code, reason = "a system call without a wrapper")]
    // SAFETY: with that flag, no attributes are read and nothing is made (landlock_create_ruleset(2)).
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION,
        )
    };
    u32::try_from(version).unwrap_or(0)
}

/// Rules that are made and do not hold yet.
pub(crate) struct Rules(RulesetCreated);

impl Rules {
    /// Opens all that `confinement` names.
    pub(crate) fn new(confinement: &Confinement) -> Result<Self, Error> {
        let strict = confinement.level == Level::Strict;
        // The access rights up to what the level needs have to be there; what newer kernels add comes on top.
        let promised = if strict { STRICT_ABI } else { BASIC_ABI };
        let promised = ABI::from(i32::try_from(promised).unwrap_or(i32::MAX));
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(promised))?;
        if strict {
            ruleset = ruleset.scope(Scope::from_all(promised))?;
        }
        ruleset = ruleset
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?;
        if confinement.network == Network::None {
            ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
        }
        let mut rules = Self(ruleset.create()?);
        let read = AccessFs::from_read(NEWEST);
        let look = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = AccessFs::from_all(NEWEST)
            & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
        for path in SYSTEM {
            rules.add_if_there(Path::new(path), read)?;
        }
        for path in ETC.iter().chain(ABOUT) {
            rules.add_if_there(Path::new(path), look)?;
        }
        for path in DEVICES {
            rules.add_if_there(
                Path::new(path),
                AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
            )?;
        }
        for path in &confinement.read {
            rules.add_if_there(path, read)?;
        }
        for path in confinement.home.iter().chain(&confinement.write) {
            rules.add(path, &open(path, ResolveFlag::RESOLVE_NO_SYMLINKS)?, write)?;
        }
        Ok(rules)
    }

    /// Has them hold for this thread and all that comes of it, for good. Needs `no_new_privs`.
    pub(crate) fn enforce(self) -> Result<(), Error> {
        let status = self.0.restrict_self()?;
        // Rights of kernels to come are not there, and that is no gap in what the level promises: those
        // were required above.
        match status.ruleset {
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced
                if status.no_new_privs =>
            {
                Ok(())
            }
            _ => Err(Error::Partial),
        }
    }

    fn add_if_there(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), Error> {
        match open(path, ResolveFlag::empty()) {
            Ok(fd) => self.add(path, &fd, access),
            // what can't be found can't be read either
            Err(_) => Ok(()),
        }
    }

    fn add(&mut self, path: &Path, fd: &OwnedFd, access: BitFlags<AccessFs>) -> Result<(), Error> {
        let stat = nix::sys::stat::fstat(fd).map_err(|error| Error::Path {
            path: path.to_owned(),
            error,
        })?;
        let folder = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let access = if folder {
            access
        } else {
            access & AccessFs::from_file(NEWEST)
        };
        (&mut self.0).add_rule(PathBeneath::new(fd.as_fd(), access))?;
        Ok(())
    }
}

/// The newest ABI whose rights are asked for where the kernel has them.
const NEWEST: ABI = ABI::V9;

fn open(path: &Path, resolve: ResolveFlag) -> Result<OwnedFd, Error> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .mode(Mode::empty())
        .resolve(resolve);
    openat2(nix::fcntl::AT_FDCWD, path, how).map_err(|error| Error::Path {
        path: path.to_owned(),
        error,
    })
}
