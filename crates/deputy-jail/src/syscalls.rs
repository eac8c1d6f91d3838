//! Which system calls a server may not make, as filters of seccomp (seccomp(2)).
//!
//! Everything is allowed but what is named here. An allow-list would be firmer and would have to be right
//! for every runtime there is; against what it would catch, system calls that came after this list was
//! written do not exist for the server.
//!
//! What is kept from it, and why:
//!
//! * other processes (`ptrace` and its kin): Landlock keeps it from those outside, this from its own too.
//!   Limits and priorities of others, which the same account may set and Landlock does not guard;
//! * the shape of the machine: mounts, namespaces, modules, clocks, swap, `bpf`, `perf`;
//! * corners of the kernel in which most of its faults were found: `io_uring`, `userfaultfd`, keys, `x32`;
//! * sockets: all of them without network; with it, all but TCP, UDP and asking for addresses. Unix
//!   sockets always: who may connect to a container engine or a session bus owns the machine or the
//!   account, and Landlock guards those of the file system only from Linux 7.1 on;
//! * what reaches other processes without a socket: message queues, shared memory and semaphores of System V;
//! * watching folders: Landlock does not keep it from hearing the names in those of others;
//! * set-user-id bits: a program that an administrator runs later would have Deputy's rights;
//! * without network, modes, owners, times and attributes of files that are named by their path: Landlock does
//!   not guard those, and the same account may change them. By an open file they can be changed, and what may be
//!   opened Landlock does guard. With network they are left: what fetches packages needs them, and browsers.

use std::collections::BTreeMap;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use crate::Network;

/// Why the filters can't be made or set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("seccomp: {0}")]
    Backend(#[from] seccompiler::BackendError),
    #[error("seccomp: {0}")]
    Set(#[from] seccompiler::Error),
}

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// The newest system call that was looked at: `mseal`, Linux 6.10. The same number everywhere since 424.
const NEWEST: u32 = 462;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Whether the kernel takes filters that answer with an error (seccomp(2), `SECCOMP_GET_ACTION_AVAIL`).
pub(crate) fn available() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    #[expect(unsafe_code, reason = "a system call without a wrapper")]
    // SAFETY: reads one u32, which outlives the call, and changes nothing.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw const action,
        )
    };
    answer == 0
}

/// Forbids them to this thread and all that comes of it, for good.
pub(crate) fn forbid(network: Network) -> Result<(), Error> {
    let refused = filter(refused(network)?, libc::EPERM)?;
    let mut unknown = filter(unknown(), libc::ENOSYS)?;
    unknown.splice(0..0, newer_are_unknown());
    // the second first: nothing in it is needed to set the other
    apply_filter(&unknown)?;
    apply_filter(&refused)?;
    Ok(())
}

fn filter(rules: Rules, errno: i32) -> Result<BpfProgram, Error> {
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        ARCH,
    )?;
    Ok(filter.try_into()?)
}

/// Instructions that answer `ENOSYS` for all numbers above [`NEWEST`], those of x32 among them.
fn newer_are_unknown() -> [sock_filter; 3] {
    const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS, linux/bpf_common.h
    const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    let statement = |code, k| sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    };
    [
        statement(LOAD, 0), // offsetof(struct seccomp_data, nr)
        sock_filter {
            code: JUMP_GREATER,
            jt: 0,
            jf: 1,
            k: NEWEST,
        },
        statement(
            RETURN,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs(),
        ),
    ]
}

/// Those that do not exist for it: programs then take the older way, whose arguments can be looked at.
fn unknown() -> Rules {
    [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_inotify_init1,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_inotify_init,
        457, // statmount, include/uapi/asm-generic/unistd.h
        458, // listmount
    ]
    .into_iter()
    .map(|number| (number, Vec::new()))
    .collect()
}

/// Always refused.
const REFUSED: &[c_long] = &[
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    // mounts and namespaces
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    // the machine
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    // corners of the kernel
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // other ways to reach processes
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
];

/// What changes attributes of a file that is named by its path.
const ATTRIBUTES: &[c_long] = &[
    libc::SYS_fchmodat,
    452, // fchmodat2, include/uapi/asm-generic/unistd.h
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

/// A condition on the argument `index`, of which the kernel looks at the lower 32 bits.
fn when(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Error> {
    Ok(SeccompCondition::new(
        index,
        SeccompCmpArgLen::Dword,
        operator,
        value,
    )?)
}

/// A rule that holds if all its conditions do.
fn all<const N: usize>(
    conditions: [Result<SeccompCondition, Error>; N],
) -> Result<SeccompRule, Error> {
    let conditions = conditions.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}

fn int(value: i32) -> u64 {
    u64::from(value.unsigned_abs())
}

fn refused(network: Network) -> Result<Rules, Error> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules: Rules = REFUSED.iter().map(|number| (*number, Vec::new())).collect();
    sockets(&mut rules, network)?;
    // namespaces by way of clone; the flags are the first argument on both architectures
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let namespaces = namespaces
        .into_iter()
        .map(|flag| all([when(0, MaskedEq(int(flag)), int(flag))]));
    rules.insert(libc::SYS_clone, namespaces.collect::<Result<_, _>>()?);
    // limits, priorities and places of other processes; 0 is oneself
    rules.insert(libc::SYS_prlimit64, vec![all([when(0, Ne, 0)])?]);
    rules.insert(libc::SYS_sched_setaffinity, vec![all([when(0, Ne, 0)])?]);
    rules.insert(
        libc::SYS_setpriority,
        vec![all([when(1, Ne, 0)])?, all([when(0, Ne, 0)])?],
    );
    rules.insert(
        libc::SYS_ioprio_set,
        vec![all([when(1, Ne, 0)])?, all([when(0, Ne, 1)])?],
    );
    // typing into a terminal
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        let rule = all([when(1, Eq, request)])?;
        rules.entry(libc::SYS_ioctl).or_default().push(rule);
    }
    if network == Network::None {
        for number in ATTRIBUTES {
            rules.insert(*number, Vec::new());
        }
        // without a path it is about an open file; the rest of utimensat(2) is about a path
        let named = SeccompCondition::new(1, SeccompCmpArgLen::Qword, Ne, 0)?;
        rules.insert(libc::SYS_utimensat, vec![SeccompRule::new(vec![named])?]);
    }
    // another machine's habits, some of which make memory executable
    rules.insert(
        libc::SYS_personality,
        vec![all([when(0, Ne, 0), when(0, Ne, 0xffff_ffff)])?],
    );
    // set-user-id and set-group-id
    let mut modes = vec![
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        (452, 2), // fchmodat2, include/uapi/asm-generic/unistd.h
        (libc::SYS_mkdirat, 2),
        (libc::SYS_mknodat, 2),
    ];
    #[cfg(target_arch = "x86_64")]
    modes.extend([(libc::SYS_chmod, 1), (libc::SYS_mknod, 1)]);
    for (number, index) in modes {
        let bits = [u64::from(libc::S_ISUID), u64::from(libc::S_ISGID)];
        if network == Network::None && ATTRIBUTES.contains(&number) {
            continue;
        }
        let some = bits.map(|bit| all([when(index, MaskedEq(bit), bit)]));
        rules.insert(number, some.into_iter().collect::<Result<_, _>>()?);
    }
    Ok(rules)
}

fn sockets(rules: &mut Rules, network: Network) -> Result<(), Error> {
    use SeccompCmpOp::{MaskedEq, Ne};
    const KIND: u64 = 0xf; // SOCK_TYPE_MASK, linux/net.h
    match network {
        Network::None => {
            rules.insert(libc::SYS_socket, Vec::new());
        }
        Network::Open => {
            let [inet, inet6, netlink] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK].map(int);
            let mut some = vec![
                all([when(0, Ne, inet), when(0, Ne, inet6), when(0, Ne, netlink)])?,
                // of netlink only what the C library asks for addresses (NETLINK_ROUTE is 0)
                all([when(0, Ne, inet), when(0, Ne, inet6), when(2, Ne, 0)])?,
            ];
            // of the rest no raw, packet or exotic kinds
            for kind in [
                libc::SOCK_RAW,
                libc::SOCK_RDM,
                libc::SOCK_SEQPACKET,
                libc::SOCK_DCCP,
            ] {
                some.push(all([
                    when(0, Ne, netlink),
                    when(1, MaskedEq(KIND), int(kind)),
                ])?);
            }
            rules.insert(libc::SYS_socket, some);
        }
    }
    // A pair is connected to itself, but one of datagrams can send elsewhere.
    rules.insert(
        libc::SYS_socketpair,
        vec![
            all([when(0, Ne, int(libc::AF_UNIX))])?,
            all([when(1, MaskedEq(KIND), int(libc::SOCK_DGRAM))])?,
        ],
    );
    Ok(())
}
