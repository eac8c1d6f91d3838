//! What this machine's kernel can do, asked of the kernel itself and not of its version.

use std::sync::OnceLock;

use crate::Level;

/// The Landlock ABI that [`Level::Strict`] needs: the first with scopes (landlock(7): ABI 6, Linux 6.12).
pub(crate) const STRICT_ABI: u32 = 6;
/// The one that [`Level::Basic`] needs: the first that stops files from being cut short (ABI 3, Linux 6.2).
pub(crate) const BASIC_ABI: u32 = 3;

/// What a machine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Whether confinement is known to us here: Linux on x86-64 or ARM64.
    pub known: bool,
    /// The ABI of Landlock, 0 if there is none or it is switched off.
    pub landlock: u32,
    /// Whether seccomp takes filters.
    pub seccomp: bool,
    /// Whether an ordinary account may make user namespaces, as far as the kernel's settings tell. No level
    /// needs them.
    pub user_namespaces: bool,
}

impl Abilities {
    /// What is missing for `level` and what can be done about it; nothing if the level can be had.
    pub fn missing(&self, level: Level) -> Option<String> {
        if level == Level::Off {
            return None;
        }
        if !self.known {
            return Some(
                "confinement is for Linux on x86-64 and ARM64; elsewhere set DEPUTY_SANDBOX=off, \
                 and let only people add servers whom you trust with this machine"
                    .to_owned(),
            );
        }
        let (needed, linux) = match level {
            Level::Strict => (STRICT_ABI, "6.12"),
            Level::Basic | Level::Off => (BASIC_ABI, "6.2"),
        };
        let otherwise = match level {
            Level::Strict if self.landlock >= BASIC_ABI => {
                "set DEPUTY_SANDBOX=basic, which holds files but neither network nor signals"
            }
            _ => "set DEPUTY_SANDBOX=off, which holds nothing",
        };
        if self.landlock == 0 {
            return Some(format!(
                "Landlock is missing or switched off. Use Linux {linux} or later with 'landlock' among the \
                 security modules (boot parameter lsm=), and in a container a seccomp profile that lets \
                 landlock_* calls through; or {otherwise}"
            ));
        }
        if self.landlock < needed {
            return Some(format!(
                "Landlock has ABI {}, {needed} is needed (Linux {linux}). Use a newer kernel; or {otherwise}",
                self.landlock
            ));
        }
        if level == Level::Strict && !self.seccomp {
            return Some(format!(
                "the kernel takes no seccomp filters (CONFIG_SECCOMP_FILTER). Use one that does; or {otherwise}"
            ));
        }
        None
    }

    /// The firmest level that can be had.
    pub fn best(&self) -> Level {
        [Level::Strict, Level::Basic]
            .into_iter()
            .find(|level| self.missing(*level).is_none())
            .unwrap_or(Level::Off)
    }
}

/// What this machine can do. Asked once.
pub fn abilities() -> Abilities {
    static KNOWN: OnceLock<Abilities> = OnceLock::new();
    *KNOWN.get_or_init(ask)
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
fn ask() -> Abilities {
    Abilities {
        known: true,
        landlock: crate::rules::abi(),
        seccomp: crate::syscalls::available(),
        user_namespaces: user_namespaces(),
    }
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn ask() -> Abilities {
    Abilities {
        known: false,
        landlock: 0,
        seccomp: false,
        user_namespaces: false,
    }
}

/// From the kernel's settings (namespaces(7), and what Debian and Ubuntu added).
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
fn user_namespaces() -> bool {
    let number = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    number("user/max_user_namespaces").is_some_and(|most| most > 0)
        && number("kernel/unprivileged_userns_clone") != Some(0)
        && number("kernel/apparmor_restrict_unprivileged_userns").unwrap_or(0) == 0
}
