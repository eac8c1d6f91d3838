//! What a server tries that runs as the same account as Deputy, at each level: what it can reach and what
//! it can't. The machine has to be able to do `strict`; where it isn't, the tests say so and are left out,
//! except where `CI=true`.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail like its tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests start the helper as the gateway does"
)]

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use deputy_jail::{Confinement, Level, Network, abilities, command, wrapped_name};

const PROBE: &str = env!("CARGO_BIN_EXE_jail-probe");
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn able() -> bool {
    let missing = abilities().missing(Level::Strict);
    assert!(
        missing.is_none() || std::env::var("CI").as_deref() != Ok("true"),
        "{missing:?}"
    );
    if let Some(missing) = &missing {
        eprintln!("left out: {missing}");
    }
    missing.is_none()
}

fn start(
    confinement: &Confinement,
    program: &Path,
    args: &[&str],
    env: &[(&str, &str)],
) -> Command {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let search = env
        .iter()
        .find(|(name, _)| *name == "PATH")
        .map_or(PATH, |(_, path)| *path);
    let invocation = command(Path::new(PROBE), confinement, program, &args, Some(search)).unwrap();
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.args)
        .env_clear()
        .stdin(Stdio::null());
    let own = invocation
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.chain([("PATH", search)]).chain(env.iter().copied()) {
        let name = if invocation.wrapped {
            wrapped_name(name)
        } else {
            name.to_owned()
        };
        command.env(name, value);
    }
    if let Some(dir) = &invocation.working_dir {
        command.current_dir(dir);
    }
    command
}

fn run(confinement: &Confinement, program: &str, args: &[&str]) -> Output {
    start(confinement, Path::new(program), args, &[])
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A server's folder, and around it what it must not reach.
struct World {
    dir: tempfile::TempDir,
    victim: Child,
    tcp: TcpListener,
    udp: UdpSocket,
    name: String,
    _sockets: (UnixListener, UnixListener, UnixDatagram),
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        for folder in ["home", "outside", "outside/deep"] {
            std::fs::create_dir(at.join(folder)).unwrap();
        }
        for file in [
            "outside/secret",
            "outside/doomed",
            "outside/movable",
            "home/own",
        ] {
            std::fs::write(at.join(file), "everybody may read me").unwrap();
        }
        std::os::unix::fs::symlink(at.join("outside/secret"), at.join("home/out")).unwrap();
        std::os::unix::fs::symlink(at.join("outside"), at.join("home/folder-out")).unwrap();
        let name = format!("deputy-jail-{}", at.file_name().unwrap().display());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = (
            UnixListener::bind_addr(&address).unwrap(),
            UnixListener::bind(at.join("outside/unix")).unwrap(),
            UnixDatagram::bind(at.join("outside/datagram")).unwrap(),
        );
        let victim = Command::new(PROBE)
            .arg("victim")
            .env("SECRET_OF_THE_GATEWAY", "x")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            dir,
            victim,
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            name,
            _sockets: sockets,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// The level with `home` as the server's own folder.
    fn confinement(&self, level: Level, network: Network) -> Confinement {
        Confinement {
            level,
            network,
            read: vec![PathBuf::from(PROBE)],
            home: Some(self.at("home")),
            ..Confinement::default()
        }
    }

    /// What the server can do, each thing with `yes` or what refused it.
    fn attempt(&self, level: Level, network: Network) -> BTreeMap<String, String> {
        let path = |name: &str, file: &str| format!("{name}={}", self.at(file).display());
        let args = [
            "try".to_owned(),
            path("home", "home"),
            path("secret", "outside/secret"),
            path("doomed", "outside/doomed"),
            path("movable", "outside/movable"),
            path("unix", "outside/unix"),
            path("datagram", "outside/datagram"),
            format!("abstract={}", self.name),
            format!("pid={}", self.victim.id()),
            format!("tcp={}", self.tcp.local_addr().unwrap().port()),
            format!("udp={}", self.udp.local_addr().unwrap().port()),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = run(&self.confinement(level, network), PROBE, &args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, answer)| (name.to_owned(), answer.to_owned()))
            .collect()
    }
}

const FILES: &[&str] = &[
    "read",
    "list",
    "root",
    "write",
    "overwrite",
    "truncate",
    "mkdir",
    "unlink",
    "symlink",
    "symlinked_folder",
    "dots",
    "new_symlink",
    "hardlink",
    "rename_out",
    "hardlink_out",
    "rename_in",
];
const SEEN: &[&str] = &["environ", "cmdline", "maps", "root_of", "ptrace", "vm_read"];
const OTHERS: &[&str] = &["signal", "prlimit", "nice"];
const INTERNET: &[&str] = &["tcp", "udp", "listen", "netlink"];
const SOCKETS: &[&str] = &[
    "abstract", "unix", "datagram", "audit", "raw", "packet", "vsock", "alg",
];
const KERNEL: &[&str] = &[
    "io_uring",
    "bpf",
    "userfaultfd",
    "keyctl",
    "inotify",
    "newuser",
    "handle",
    "shm",
    "chroot",
    "own_setuid",
];
const ATTRIBUTES: &[&str] = &["chmod", "chown", "utimes", "xattr", "fchmodat2", "chmod_fd"];
const OWN: &[&str] = &[
    "own_read",
    "own_write",
    "own_link",
    "own_modes",
    "tmp",
    "null",
    "self",
    "passwd",
    "pair",
];

fn all_refused(tried: &BTreeMap<String, String>, names: &[&[&str]]) {
    for name in names.concat() {
        let answer = &tried[name];
        let refused = [
            "(os error 1)",
            "(os error 13)",
            "(os error 18)",
            "(os error 38)",
        ];
        assert!(
            refused.iter().any(|errno| answer.ends_with(errno)),
            "{name}: {answer}"
        );
    }
}

fn all_done(tried: &BTreeMap<String, String>, names: &[&[&str]]) {
    for name in names.concat() {
        assert_eq!(tried[name], "yes", "{name}");
    }
}

/// What the others are measured against: without confinement the probe reaches all that it looks for.
#[test]
fn off_holds_nothing() {
    let tried = World::new().attempt(Level::Off, Network::None);
    all_done(
        &tried,
        &[
            FILES,
            &["environ", "cmdline", "maps", "ptrace", "vm_read"],
            OTHERS,
            INTERNET,
            OWN,
            ATTRIBUTES,
            &["own_chmod"],
        ],
    );
    all_done(
        &tried,
        &[&[
            "abstract",
            "unix",
            "datagram",
            "inotify",
            "own_setuid",
            "shm",
        ]],
    );
}

#[test]
fn basic_holds_files_and_what_is_seen_of_others() {
    if !able() {
        return;
    }
    let tried = World::new().attempt(Level::Basic, Network::Open);
    all_refused(&tried, &[FILES, SEEN]);
    all_done(&tried, &[INTERNET, OWN]);
}

#[test]
fn strict_without_network_leaves_its_own_folder() {
    if !able() {
        return;
    }
    let tried = World::new().attempt(Level::Strict, Network::None);
    all_refused(
        &tried,
        &[FILES, &["shadow"], SEEN, OTHERS, INTERNET, SOCKETS, KERNEL],
    );
    all_refused(&tried, &[ATTRIBUTES, &["own_chmod"]]);
    assert!(tried["fchmod_path"].ends_with("(os error 9)"), "{tried:?}");
    all_done(&tried, &[OWN]);
    assert!(
        tried["unknown_call"].ends_with("(os error 38)"),
        "{tried:?}"
    );
    #[cfg(target_arch = "x86_64")]
    assert!(tried["x32"].ends_with("(os error 38)"), "{tried:?}");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(tried[set], "0000000000000000", "{set}");
    }
}

#[test]
fn strict_with_network_leaves_tcp_and_udp_too() {
    if !able() {
        return;
    }
    let tried = World::new().attempt(Level::Strict, Network::Open);
    all_refused(&tried, &[FILES, &["shadow"], SEEN, OTHERS, SOCKETS, KERNEL]);
    all_done(&tried, &[INTERNET, OWN, &["own_chmod"]]);
}

/// What the server tried changed nothing outside.
#[test]
fn nothing_outside_is_changed() {
    if !able() {
        return;
    }
    for level in [Level::Basic, Level::Strict] {
        let world = World::new();
        world.attempt(level, Network::None);
        let mut left: Vec<_> = std::fs::read_dir(world.at("outside"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            ["datagram", "deep", "doomed", "movable", "secret", "unix"]
        );
        let doomed = std::fs::read_to_string(world.at("outside/doomed")).unwrap();
        assert_eq!(doomed, "everybody may read me");
    }
}

#[test]
fn it_gets_its_own_environment_and_the_helper_none_of_it() {
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::None);
    let home = world.at("home").display().to_string();
    let args = ["try", "pid=1"];
    let evil = world.at("home/evil.so").display().to_string();
    std::fs::write(&evil, "no library").unwrap();
    let env = [
        ("TOKEN", "t0k3n"),
        ("XDG_CACHE_HOME", "/elsewhere"),
        ("LD_PRELOAD", evil.as_str()),
    ];
    let output = start(&confinement, Path::new(PROBE), &args, &env)
        .env("LEAK", "of the gateway")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(said.contains("env:TOKEN t0k3n"), "{said}");
    assert!(said.contains(&format!("env:HOME {home}\n")), "{said}");
    assert!(said.contains("env:XDG_CACHE_HOME /elsewhere"), "{said}");
    assert!(
        !said.contains("LEAK") && !said.contains("DEPUTY_ENV_"),
        "{said}"
    );
    // The loader complains once, of the server; had the helper had it, it would have complained twice.
    let complaints = String::from_utf8_lossy(&output.stderr)
        .matches("evil.so")
        .count();
    assert_eq!(complaints, 1, "{output:?}");
}

#[test]
fn limits_hold() {
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Basic, Network::None);
    confinement.limits.open_files = 32;
    confinement.limits.file_size = 4096;
    let output = run(
        &confinement,
        "/bin/sh",
        &["-c", "ulimit -n; ulimit -c; ulimit -f"],
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "32\n0\n8\n",
        "{output:?}"
    );
    let script = "head -c 9000 /dev/zero > big; wc -c < big";
    let output = run(&confinement, "/bin/sh", &["-c", script]);
    assert!(text(&output).contains("4096"), "{output:?}");
}

/// A person's other server may have put a link where the folder was when it was allowed.
#[test]
fn a_folder_that_became_a_link_is_refused() {
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Strict, Network::None);
    for folder in ["home/folder-out", "home/folder-out/deep"] {
        confinement.write = vec![world.at(folder)];
        let output = run(&confinement, "/bin/sh", &["-c", "cat ../outside/secret"]);
        assert_eq!(
            output.status.code(),
            Some(i32::from(deputy_jail::EXIT_CONFINEMENT))
        );
        assert!(text(&output).contains("is a link"), "{output:?}");
    }
    confinement.write = vec![world.at("nowhere")];
    let output = run(&confinement, "/bin/true", &[]);
    assert!(text(&output).contains("nowhere"), "{output:?}");
}

#[test]
fn what_was_taken_stays_taken_from_children() {
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::None);
    let script = format!(
        "sh -c 'setsid sh -c \"cat {}\"'",
        world.at("outside/secret").display()
    );
    let output = run(&confinement, "/bin/sh", &["-c", &script]);
    assert!(!text(&output).contains("everybody"), "{output:?}");
}

#[test]
fn node_and_python_start_with_what_they_need() {
    if !able() {
        return;
    }
    let world = World::new();
    let path = std::env::var("PATH").unwrap_or_default();
    for network in [Network::None, Network::Open] {
        let confinement = world.confinement(Level::Strict, network);
        let node = "const fs=require('fs'); fs.writeFileSync('n','1'); process.memoryUsage(); \
                    console.log(require('os').cpus().length>0, require('child_process').execSync('echo child').toString())";
        let python = "import ssl,json,asyncio,subprocess,sqlite3,tempfile; tempfile.TemporaryFile(); \
                      asyncio.run(asyncio.sleep(0)); print(subprocess.check_output(['echo','child']))";
        for (program, arg, script) in [("node", "-e", node), ("python3", "-c", python)] {
            let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
            if !found {
                eprintln!("left out: no {program}");
                continue;
            }
            let output = start(
                &confinement,
                Path::new(program),
                &[arg, script],
                &[("PATH", &path)],
            )
            .output()
            .unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
            assert!(text(&output).contains("child"), "{program}: {output:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let world = World::new();
    let confinement = world.confinement(Level::Off, Network::None);
    let fail = |program: &str| {
        command(
            Path::new(PROBE),
            &confinement,
            Path::new(program),
            &[],
            Some("/usr/bin:/nowhere"),
        )
        .unwrap_err()
        .to_string()
    };
    let said = fail("no-such-program");
    assert!(
        said.contains("no-such-program") && said.contains("/usr/bin:/nowhere"),
        "{said}"
    );
    assert!(fail("/etc/passwd").contains("not found"));
    assert!(fail("bin/true").contains("full path"));
    let old = deputy_jail::Abilities {
        landlock: 4,
        ..abilities()
    };
    let missing = old.missing(Level::Strict).unwrap();
    assert!(
        missing.contains("6.12") && missing.contains("DEPUTY_SANDBOX=basic"),
        "{missing}"
    );
    assert_eq!(old.missing(Level::Basic), None);
}

/// A command that a server laid out itself, with links to what it would like to read beside it.
#[test]
fn a_program_of_a_servers_making_is_not_started() {
    use std::os::unix::fs::PermissionsExt as _;
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Strict, Network::None);
    confinement.closed = vec![world.at("home")];
    std::fs::create_dir_all(world.at("home/p/bin")).unwrap();
    let shell = world.at("home/p/bin/run");
    std::fs::copy("/bin/sh", &shell).unwrap();
    std::os::unix::fs::symlink("/", world.at("home/p/lib")).unwrap();
    let secret = world.at("outside/secret");
    std::os::unix::fs::symlink(&secret, world.at("home/x")).unwrap();
    let feed = world.at("home/x\x0c");
    std::fs::copy("/bin/sh", &feed).unwrap();
    let script = world.at("home/script");
    let text_of = format!("#!{}\ncat {}\n", feed.display(), secret.display());
    std::fs::write(&script, text_of).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let read = format!("cat {}", secret.display());
    for (program, args) in [
        (shell, vec!["-c".to_owned(), read]),
        (script.clone(), vec![]),
    ] {
        let refused = command(Path::new(PROBE), &confinement, &program, &args, Some(PATH));
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("install it elsewhere"), "{said}");
    }
    // Even elsewhere, only what the kernel runs is opened.
    confinement.closed = vec![world.at("outside/deep")];
    let output = start(&confinement, &script, &[], &[]).output().unwrap();
    assert!(!text(&output).contains("everybody"), "{output:?}");
}

#[test]
fn what_every_server_may_read_is_no_place_for_deputys_data() {
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Strict, Network::None);
    let outside = world.at("outside/deep");
    for (closed, read) in [
        ("/usr/share/deputy".into(), PathBuf::from("/usr/share")),
        (outside.clone(), world.at("outside")),
        (outside.clone(), outside.clone()),
    ] {
        confinement.closed = vec![closed];
        confinement.read = vec![read.clone()];
        let program = Path::new("/bin/true");
        let refused = command(Path::new(PROBE), &confinement, program, &[], None).unwrap_err();
        assert!(
            matches!(&refused, deputy_jail::Error::Exposed(path) if *path == read),
            "{refused}"
        );
    }
    // What is opened by name in what is closed is meant.
    confinement.closed = vec![world.at("outside")];
    confinement.read = vec![outside];
    command(
        Path::new(PROBE),
        &confinement,
        Path::new("/bin/true"),
        &[],
        None,
    )
    .unwrap();
}

/// What a runner of packages put somewhere is run with what the runner needs.
#[test]
fn what_is_started_instead_of_a_program_reads_what_that_needs() {
    use std::os::unix::fs::PermissionsExt as _;
    if !able() {
        return;
    }
    let world = World::new();
    let runner = world.at("runtime/bin/runner");
    let tool = world.at("packages/bin/tool");
    for (file, text) in [
        (&runner, "#!/bin/sh\necho runner\n".to_owned()),
        (
            &tool,
            format!(
                "#!/bin/sh\necho tool $1; {}; echo x > $0\n",
                runner.display()
            ),
        ),
    ] {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut confinement = world.confinement(Level::Strict, Network::None);
    confinement.closed = vec![world.dir.path().join("packages"), world.at("home")];
    confinement.read.push(world.at("packages/bin"));
    confinement.instead = Some(tool.clone());
    let output = start(&confinement, &runner, &["one"], &[])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "tool one\nrunner\n",
        "{output:?}"
    );
    assert!(
        text(&output).contains("denied"),
        "it changes nothing: {output:?}"
    );
    assert!(std::fs::read_to_string(tool).unwrap().contains("echo tool"));
}

/// The helper ends as the server did, when nothing of it is left.
#[test]
fn what_the_server_left_ends_with_it() {
    use std::os::unix::process::ExitStatusExt as _;
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::None);
    let left = "(setsid env -i /bin/sh -c 'echo $$ > left; exec sleep 1000' > /dev/null 2>&1 &) ; \
                while ! [ -s left ]; do sleep 0.01; done";
    for (end, code, signal) in [
        ("exit 3", Some(3), None),
        ("kill -9 $$", None, Some(9)),
        ("kill -15 $$", None, Some(15)),
    ] {
        let script = format!("{left}; {end}");
        let output = run(&confinement, "/bin/sh", &["-c", &script]);
        assert_eq!(output.status.code(), code, "{output:?}");
        assert_eq!(output.status.signal(), signal, "{output:?}");
        let pid = std::fs::read_to_string(world.at("home/left")).unwrap();
        std::fs::remove_file(world.at("home/left")).unwrap();
        assert!(
            !Path::new(&format!("/proc/{}", pid.trim())).exists(),
            "{end}"
        );
    }
}

/// A confined server can't have its warden leave it, or anything of it, alone.
#[test]
fn a_server_does_not_reach_its_warden() {
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::Open);
    let script = "for signal in KILL USR2 STOP TERM; do kill -$signal $PPID 2>/dev/null && echo sent; done; \
                  cat /proc/$PPID/environ 2>/dev/null && echo read; exit 3";
    let output = run(&confinement, "/bin/sh", &["-c", script]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{output:?}");
}
