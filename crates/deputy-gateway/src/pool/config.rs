//! Limits and times of the pool.

use std::path::PathBuf;
use std::time::Duration;

use deputy_core::http::PrivateHosts;

/// Limits and times of the pool.
#[derive(Clone, Debug)]
pub struct Config {
    /// An unused process ends after this. Default 10 min.
    pub idle_stop: Duration,
    /// What is kept of an unused server in the network (its session, its stream) is given up after this. Default 5 min.
    ///
    /// Its sockets close after 5 min without use, too. No smallest number of them is kept open (docs/adr/0006).
    pub http_idle: Duration,
    /// How often a server has to give a sign of life. Default 60 s.
    pub health_every: Duration,
    /// How long it may take to. Default 10 s.
    pub health_answer: Duration,
    /// How long a server may take to start. Default 30 s.
    pub handshake: Duration,
    /// How much of that the attempt of the newer protocol may take, with a server of which it is not known
    /// what it speaks and that answers nothing. Default 4 s.
    pub probe: Duration,
    /// Most processes of one person. Default 16: 10 of their own, the first-party ones, and some room.
    pub per_person: usize,
    /// Most processes in all. Default 256.
    pub total: usize,
    /// Most servers in the network that one person uses at a time. Default 16.
    pub http_per_person: usize,
    /// Most in all. Default 1024.
    pub http_total: usize,
    /// Most requests to one of them at a time. Default 10.
    pub http_in_flight: usize,
    /// How long a request waits for its turn there. Default 30 s.
    pub http_acquire: Duration,
    /// Which of them may be on private addresses, and without TLS. Default: none.
    pub private_hosts: PrivateHosts,
    /// First pause of a server that keeps ending. Default 1 s.
    pub backoff_first: Duration,
    /// Longest. Default 5 min.
    pub backoff_max: Duration,
    /// A server that lived this long starts its count of failures anew. Default 60 s.
    pub stable_after: Duration,
    /// How long a process may take to end after its input closed. Default 3 s.
    pub input_grace: Duration,
    /// How long after `SIGTERM`. Default 2 s.
    pub term_grace: Duration,
    /// How much of what a server prints is kept, in bytes. Default 64 KiB.
    pub printed: usize,
    /// The largest message, in bytes: any of a server's, and any that a person's own server is sent. Default 16 MiB.
    pub max_message: usize,
    /// The largest request to a server of ours, in bytes. Default 36 MiB, as those servers take: what a mail may have of
    /// attachments is 24 MiB in base64.
    pub max_request: usize,
    /// How often the pool looks whether any of the times above has come. Default 5 s.
    pub tick: Duration,
    /// The program that confines itself ([`deputy_jail::enter`]). Default: this one, as it was when it was
    /// started, also if its file was replaced since.
    pub helper: PathBuf,
    /// `PATH` of confined servers whose environment has none.
    pub search: String,
    /// How long the preparation of a server may take. Default 5 min.
    pub prepare: Duration,
    /// The memory that a server with all it started may use, in bytes; 0: no limit. Default 1 GiB.
    pub memory: u64,
    /// The files that a server may keep in its home, in bytes; 0: no limit. Default 4 GiB.
    pub disk: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle_stop: Duration::from_mins(10),
            http_idle: Duration::from_mins(5),
            health_every: Duration::from_mins(1),
            health_answer: Duration::from_secs(10),
            handshake: Duration::from_secs(30),
            probe: Duration::from_secs(4),
            per_person: 16,
            total: 256,
            http_per_person: 16,
            http_total: 1024,
            http_in_flight: 10,
            http_acquire: Duration::from_secs(30),
            private_hosts: PrivateHosts::default(),
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_mins(5),
            stable_after: Duration::from_mins(1),
            input_grace: Duration::from_secs(3),
            term_grace: Duration::from_secs(2),
            printed: 64 * 1024,
            max_message: 16 * 1024 * 1024,
            max_request: 36 * 1024 * 1024,
            tick: Duration::from_secs(5),
            helper: PathBuf::from("/proc/self/exe"),
            search: deputy_jail::DEFAULT_PATH.to_owned(),
            prepare: Duration::from_mins(5),
            memory: 1 << 30,
            disk: 4 << 30,
        }
    }
}
