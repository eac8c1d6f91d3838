//! The order of a run: what is started, who calls it, what is measured.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use deputy_core::Lifecycle;
use serde_json::{Value, json};
use url::Url;

use crate::http::{Call, Connection, MODERN, OLDER, PageCaller, Target, ToolCaller};
use crate::load::{Caller, Samples};
use crate::parts;
use crate::people::{Rooms, key_file};
use crate::pipe::{Pipe, PipeCaller, SdkCaller};
use crate::processes::{Program, command, count_children, cpu_us, machine, rss_kib, settle};
use crate::report::{Machine, Memory, People, Report, Row, per_person};

/// How often the targets take turns.
const ROUNDS: u32 = 2;
/// Loads.
const IN_FLIGHT: [usize; 2] = [1, 16];
/// Calls before anything is measured.
const WARM: usize = 200;

/// What to run.
pub(crate) struct Run {
    pub(crate) deputy: PathBuf,
    pub(crate) own: PathBuf,
    pub(crate) peer: Option<PathBuf>,
    pub(crate) each: Duration,
    pub(crate) people: usize,
}

/// One target: its callers and the program whose cost is counted.
struct Lane {
    tool: &'static str,
    through: &'static str,
    callers: Callers,
    /// The gateway, or the server itself where there is none.
    pid: u32,
    has_gateway: bool,
    samples: [Samples; 2],
}

enum Callers {
    Page(Vec<PageCaller>),
    Tool(Vec<ToolCaller>),
    Pipe(Vec<PipeCaller>),
    Sdk(Vec<SdkCaller>),
}

impl Callers {
    async fn take(
        &mut self,
        count: usize,
        time: Duration,
        samples: &mut Samples,
    ) -> anyhow::Result<()> {
        match self {
            Self::Page(callers) => samples.take(&mut callers[..count], time).await,
            Self::Tool(callers) => samples.take(&mut callers[..count], time).await,
            Self::Pipe(callers) => samples.take(&mut callers[..count], time).await,
            Self::Sdk(callers) => samples.take(&mut callers[..count], time).await,
        }
    }
}

impl Lane {
    async fn round(&mut self, time: Duration) -> anyhow::Result<()> {
        let doing = || format!("{} through {}", self.tool, self.through);
        for (samples, count) in self.samples.iter_mut().zip(IN_FLIGHT) {
            let mut warm = Samples::default();
            self.callers
                .take(count, time / 10, &mut warm)
                .await
                .with_context(doing)?;
            settle(self.pid).await;
            let before = (cpu_us(self.pid), cpu_us(std::process::id()).0);
            self.callers
                .take(count, time, samples)
                .await
                .with_context(doing)?;
            // What a call leaves to be done later belongs to it.
            let client = cpu_us(std::process::id()).0;
            settle(self.pid).await;
            let after = cpu_us(self.pid);
            let (own, children) = (after.0 - before.0.0, after.1.saturating_sub(before.0.1));
            let cost = if self.has_gateway {
                [own, children]
            } else {
                [0, own + children]
            };
            for (sum, part) in samples
                .cpu
                .iter_mut()
                .zip([cost[0], cost[1], client - before.1])
            {
                *sum += part;
            }
        }
        Ok(())
    }

    fn rows(self) -> impl Iterator<Item = Row> {
        let (tool, through) = (self.tool, self.through);
        self.samples
            .into_iter()
            .zip(IN_FLIGHT)
            .map(move |(samples, in_flight)| Row {
                tool,
                through,
                in_flight,
                figures: samples.figures(),
            })
    }
}

/// The tools that are called.
fn echo() -> Call {
    Call {
        tool: "echo",
        arguments: json!({ "text": "0123456789abcdef" }),
        marker: "0123456789abcdef",
    }
}

fn calendars() -> Call {
    Call {
        tool: "list_calendars",
        arguments: json!({}),
        marker: "person0@sandbox.test",
    }
}

impl Run {
    /// Starts everything, measures, ends everything.
    pub(crate) async fn make(self) -> anyhow::Result<Report> {
        let lifecycle = Lifecycle::new();
        let report = self.measure(&lifecycle).await;
        lifecycle.stop(Duration::from_millis(100)).await;
        report
    }

    async fn measure(&self, lifecycle: &Lifecycle) -> anyhow::Result<Report> {
        let (processor, processors, load_before) = machine();
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path();
        progress("an emulated Google and two installations");
        let google = Google::start(&self.deputy, folder)?;
        let server_data = folder.join("server");
        let tokens = self
            .settle(&server_data, &google.url, 1 + self.people, lifecycle)
            .await?;
        let host_data = folder.join("host");
        let host_token = self
            .settle(&host_data, &google.url, 1, lifecycle)
            .await?
            .remove(0);
        google
            .control("quota", &json!({ "enforced": false }))
            .await?;
        let access = google.access_token().await?;

        let server = self.serve(&server_data, &google.url, folder).await?;
        let host = self.host(&host_data, &google.url, folder)?;
        let peer = match &self.peer {
            Some(program) => Some(self.peer(program, &google.url, &access, folder).await?),
            None => None,
        };
        let mut memory = vec![
            idle("deputy", &server.program),
            idle("deputy in front of echo", &host.program),
        ];
        memory.extend(peer.as_ref().map(|peer| idle("mcp-gateway", &peer.program)));

        let ours = [(&host, host_token.as_str()), (&server, tokens[0].as_str())];
        let mut lanes = vec![self.pages(&server, lifecycle).await?];
        lanes.extend(direct(echo(), || self.echo_server()).await?);
        lanes.extend(
            gateways(
                echo(),
                ours[0],
                peer.as_ref().map(|peer| (peer, "/mcp/echo")),
                lifecycle,
            )
            .await?,
        );
        lanes.extend(direct(calendars(), || self.calendar_server(&google.url, &access)).await?);
        lanes.extend(
            gateways(
                calendars(),
                ours[1],
                peer.as_ref().map(|peer| (peer, "/mcp/calendar")),
                lifecycle,
            )
            .await?,
        );
        for round in 1..=ROUNDS {
            for lane in &mut lanes {
                progress(&format!(
                    "round {round}: {} through {}",
                    lane.tool, lane.through
                ));
                lane.round(self.each / ROUNDS).await?;
            }
        }
        let programs = [Some(&server), Some(&host), peer.as_ref()];
        for (memory, program) in memory.iter_mut().zip(programs.into_iter().flatten()) {
            let pid = program.program.pid();
            (memory.loaded_kib, memory.children_kib) = rss_kib(pid);
            memory.children = count_children(pid);
        }
        let loads = lanes.into_iter().flat_map(Lane::rows).collect();
        drop((server, host, peer));
        let people = match self.people {
            0 => None,
            _ => Some(
                self.further_people(&server_data, &google.url, &tokens, folder, lifecycle)
                    .await?,
            ),
        };
        progress("the parts of a call");
        let rooms = Rooms::open(&host_data, &google.url, lifecycle).await?;
        let parts = parts::measure(&rooms, &host_token, lifecycle).await?;
        rooms.store.close().await?;
        Ok(Report {
            machine: Machine {
                processor,
                processors,
                load_before,
            },
            seconds_each: self.each.as_secs_f64(),
            loads,
            memory,
            people,
            parts,
        })
    }

    /// An installation with so many connected people; their tokens.
    async fn settle(
        &self,
        data: &Path,
        google: &Url,
        count: usize,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Vec<String>> {
        let rooms = Rooms::open(data, google, lifecycle).await?;
        let tokens = rooms.settle(count).await?;
        rooms.store.close().await?;
        Ok(tokens)
    }

    fn echo_server(&self) -> Command {
        let mut server = command(&self.own);
        server.arg("echo");
        server
    }

    fn calendar_server(&self, google: &Url, access: &str) -> Command {
        let mut server = command(&self.deputy);
        server
            .args(["mcp", "google-calendar"])
            .env("GOOGLE_API_URL", google.as_str())
            .env("GOOGLE_ACCESS_TOKEN", access);
        server
    }

    /// `deputy serve` on an installation.
    async fn serve(&self, data: &Path, google: &Url, folder: &Path) -> anyhow::Result<Server> {
        let address = free_address()?;
        let mut serve = command(&self.deputy);
        serve
            .arg("serve")
            .current_dir(folder)
            .env("DEPUTY_LISTEN", address.to_string())
            .env("DEPUTY_DATA_DIR", data)
            .env("TOKEN_ENCRYPTION_KEY_FILE", key_file(data))
            .env("GOOGLE_CLIENT_ID", deputy_sandbox::google::CLIENT_ID)
            .env(
                "GOOGLE_CLIENT_SECRET",
                deputy_sandbox::google::CLIENT_SECRET,
            )
            .env("GOOGLE_API_URL", google.as_str())
            .env("DEPUTY_LIMITS_CALLS_PER_MIN", "0");
        for (name, path) in [
            ("GOOGLE_AUTH_URL", "o/oauth2/v2/auth"),
            ("GOOGLE_TOKEN_URL", "token"),
            ("GOOGLE_REVOKE_URL", "revoke"),
        ] {
            serve.env(name, google.join(path)?.as_str());
        }
        let program = Program::start(serve, &folder.join("serve.log"))?;
        listening(address).await?;
        Ok(Server { program, address })
    }

    fn host(&self, data: &Path, google: &Url, folder: &Path) -> anyhow::Result<Server> {
        let mut host = command(&self.own);
        host.arg("host")
            .arg("--data")
            .arg(data)
            .arg("--google")
            .arg(google.as_str());
        let program = Program::start(host, &folder.join("host.log"))?;
        let line = program.line_with("listening ")?;
        let address = line.trim_start_matches("listening ").parse()?;
        Ok(Server { program, address })
    }

    /// The peer in front of both servers; no authentication, no limits, nothing written down.
    async fn peer(
        &self,
        program: &Path,
        google: &Url,
        access: &str,
        folder: &Path,
    ) -> anyhow::Result<Server> {
        let address = free_address()?;
        let config = json!({
            "server": { "host": "127.0.0.1", "port": address.port() },
            "meta_mcp": { "enabled": true },
            "failsafe": { "rate_limit": { "enabled": false } },
            "backends": {
                "echo": { "command": format!("{} echo", self.own.display()) },
                "calendar": {
                    "command": format!("{} mcp google-calendar", self.deputy.display()),
                    "env": { "GOOGLE_API_URL": google.as_str(), "GOOGLE_ACCESS_TOKEN": access },
                },
            },
        });
        let file = folder.join("peer.yaml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string())?;
        let mut peer = command(program);
        peer.arg("--config")
            .arg(&file)
            .args(["--log-level", "error"])
            .current_dir(folder)
            .env("HOME", folder);
        let program = Program::start(peer, &folder.join("peer.log"))?;
        listening(address).await.context("waiting for the peer")?;
        Ok(Server { program, address })
    }

    /// What HTTP costs with nothing behind it.
    async fn pages(&self, server: &Server, lifecycle: &Lifecycle) -> anyhow::Result<Lane> {
        let target = server.target("/healthz", None, MODERN);
        let mut callers = Vec::new();
        for _ in 0..IN_FLIGHT[1] {
            callers.push(PageCaller(Connection::open(&target, lifecycle).await?));
        }
        Ok(Lane {
            tool: "(GET /healthz)",
            through: "deputy",
            callers: Callers::Page(callers),
            pid: server.program.pid(),
            has_gateway: true,
            samples: <[Samples; 2]>::default(),
        })
    }

    /// On a fresh server: one person calls until the server is warm, then everybody else once.
    async fn further_people(
        &self,
        data: &Path,
        google: &Url,
        tokens: &[String],
        folder: &Path,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<People> {
        progress("further people");
        let server = self.serve(data, google, folder).await?;
        let pid = server.program.pid();
        let everybody = async |who: &[String], times: usize, hold: bool| {
            let mut held = Vec::new();
            for token in who {
                let mut call = calendars();
                call.marker = "@sandbox.test";
                let target = server.target("/mcp", Some(token), MODERN);
                let mut caller = ToolCaller::open(&target, &call, lifecycle).await?;
                for _ in 0..times {
                    caller.call().await?;
                }
                if hold {
                    held.push(caller);
                }
            }
            settle(pid).await;
            anyhow::Ok(rss_kib(pid))
        };
        let (before_kib, children_before) = everybody(&tokens[..1], WARM * 2, false).await?;
        let (after_kib, _) = everybody(&tokens[1..], 1, false).await?;
        let (after_more_kib, _) = everybody(&tokens[1..], 10, false).await?;
        let (held_kib, children_after) = everybody(&tokens[1..], 1, true).await?;
        Ok(People {
            count: self.people,
            before_kib,
            after_kib,
            after_more_kib,
            held_kib,
            children_growth_kib: i64::try_from(children_after)? - i64::try_from(children_before)?,
            kib_per_person: per_person(after_kib, before_kib, self.people),
            kib_per_person_held: per_person(held_kib, before_kib, self.people),
        })
    }
}

/// A running program that answers HTTP.
struct Server {
    program: Program,
    address: SocketAddr,
}

impl Server {
    fn target(&self, path: &str, token: Option<&str>, version: &'static str) -> Target {
        Target {
            address: self.address,
            path: path.to_owned(),
            token: token.map(str::to_owned),
            version,
        }
    }
}

/// An emulated Google as a process of its own.
struct Google {
    _program: Program,
    url: Url,
}

impl Google {
    fn start(deputy: &Path, folder: &Path) -> anyhow::Result<Self> {
        let data = folder.join("google");
        std::fs::create_dir(&data)?;
        let mut emulate = command(deputy);
        emulate
            .args([
                "emulate",
                "google",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--data",
            ])
            .arg(&data);
        let program = Program::start(emulate, &folder.join("google.log"))?;
        let facts: Value = serde_json::from_str(&program.line_with("\"url\"")?)?;
        let url = Url::parse(facts["url"].as_str().context("no URL")?)?;
        Ok(Self {
            _program: program,
            url,
        })
    }

    async fn control(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let client = deputy_core::http::trusted(deputy_core::http::Limits::default())?;
        let response = client
            .post(self.url.join(&format!("control/{path}"))?)
            .json(body)
            .send()
            .await?;
        Ok(response
            .error_for_status()?
            .json()
            .await
            .unwrap_or_default())
    }

    /// A token of the first person, for servers that have no gateway to give them one.
    async fn access_token(&self) -> anyhow::Result<String> {
        let scopes = ["https://www.googleapis.com/auth/calendar"];
        let issue =
            json!({ "account": "person0@sandbox.test", "action": "issue", "scopes": scopes });
        let issued = self.control("tokens", &issue).await?;
        Ok(issued["access_token"]
            .as_str()
            .context("no token was issued")?
            .to_owned())
    }
}

async fn direct(call: Call, server: impl Fn() -> Command) -> anyhow::Result<[Lane; 2]> {
    let pipe = Pipe::open(server()).await?;
    let sdk = SdkCaller::open(server(), &call, IN_FLIGHT[1]).await?;
    let lane = |through, pid, callers| Lane {
        tool: call.tool,
        through,
        callers,
        pid,
        has_gateway: false,
        samples: <[Samples; 2]>::default(),
    };
    let sdk_pid = sdk.first().map_or(0, |caller| caller.pid);
    let pipes = (0..IN_FLIGHT[1])
        .map(|_| PipeCaller::new(&pipe, &call))
        .collect();
    Ok([
        lane("pipe", pipe.pid, Callers::Pipe(pipes)),
        lane("pipe, SDK client", sdk_pid, Callers::Sdk(sdk)),
    ])
}

/// A tool through Deputy, with a token, and through the peer.
async fn gateways(
    call: Call,
    (ours, token): (&Server, &str),
    peer: Option<(&Server, &str)>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Vec<Lane>> {
    let target = ours.target("/mcp", Some(token), MODERN);
    let mut lanes = vec![gateway(call.clone(), "deputy", ours, target, lifecycle).await?];
    if let Some((peer, path)) = peer {
        let target = peer.target(path, None, OLDER);
        lanes.push(gateway(call, "mcp-gateway", peer, target, lifecycle).await?);
    }
    Ok(lanes)
}

async fn gateway(
    call: Call,
    through: &'static str,
    server: &Server,
    target: Target,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Lane> {
    let mut callers = Vec::new();
    for _ in 0..IN_FLIGHT[1] {
        callers.push(
            ToolCaller::open(&target, &call, lifecycle)
                .await
                .with_context(|| format!("{} through {through}", call.tool))?,
        );
    }
    Ok(Lane {
        tool: call.tool,
        through,
        callers: Callers::Tool(callers),
        pid: server.program.pid(),
        has_gateway: true,
        samples: <[Samples; 2]>::default(),
    })
}

fn idle(program: &'static str, running: &Program) -> Memory {
    Memory {
        program,
        idle_kib: rss_kib(running.pid()).0,
        loaded_kib: 0,
        children_kib: 0,
        children: 0,
    }
}

/// An address that was free a moment ago: programs that are told their port need one.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) async fn listening(address: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if Instant::now() > deadline {
            bail!("nothing listens on {address}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program for people")]
fn progress(what: &str) {
    eprintln!("… {what}");
}
