//! What a server has around it.

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deputy_jail::{Confinement, Level, Network};

use crate::{PROBE, run};

/// A server's folder, and around it what it must not reach.
pub(crate) struct World {
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
    pub(crate) fn new() -> Self {
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

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// The level with `home` as the server's own folder.
    pub(crate) fn confinement(&self, level: Level, network: Network) -> Confinement {
        Confinement {
            level,
            network,
            read: vec![PathBuf::from(PROBE)],
            home: Some(self.at("home")),
            ..Confinement::default()
        }
    }

    /// What the server can do, each thing with `yes` or what refused it.
    pub(crate) fn attempt(&self, level: Level, network: Network) -> BTreeMap<String, String> {
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
