//! The gateways that the people call through, each with the same servers behind it.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, bail};
use deputy_core::Lifecycle;
use serde_json::{Value, json};
use url::Url;

use crate::http::{Connection, MODERN, OLDER, Target, check};
use crate::people::{Rooms, key_file};
use crate::processes::{Program, command};
use crate::targets::{free_address, listening};

/// What is behind every gateway.
pub(super) struct Plan<'a> {
    pub(super) own: &'a Path,
    pub(super) deputy: &'a Path,
    pub(super) people: usize,
    pub(super) servers: usize,
    /// Most servers that Deputy runs.
    pub(super) cap: u32,
    /// A script for Node, and how many people have it.
    pub(super) node: Option<(&'a Path, usize)>,
}

/// One server of one person, and how its tool is called.
pub(super) struct Place {
    target: Target,
    tool: String,
    arguments: Value,
}

impl Plan<'_> {
    /// The command line of one person's server, and its tool's argument.
    fn server(&self, person: usize, server: usize) -> (String, Vec<String>, &'static str) {
        match self.node {
            Some((script, people)) if person < people && server + 1 == self.servers => (
                "node".to_owned(),
                vec![script.display().to_string(), "stdio".to_owned()],
                "message",
            ),
            _ => (
                self.own.display().to_string(),
                vec!["echo".to_owned()],
                "text",
            ),
        }
    }

    /// Starts a gateway; for each person the places to call.
    pub(super) async fn start(
        &self,
        target: &'static str,
        program: Option<&Path>,
        folder: &Path,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<(Program, Vec<Vec<Place>>)> {
        let address = free_address()?;
        let program = match (target, program) {
            ("deputy", _) => return self.deputy(address, folder, lifecycle).await,
            ("mcp-gateway", Some(program)) => self.mcp_gateway(program, address, folder)?,
            ("mcp-proxy", Some(program)) => self.mcp_proxy(program, address, folder)?,
            (other, _) => bail!("no such target: {other}"),
        };
        listening(address).await?;
        let path = |name: &str| match target {
            "mcp-gateway" => format!("/mcp/{name}"),
            _ => format!("/servers/{name}/mcp"),
        };
        let places = (0..self.people).map(|person| {
            (0..self.servers)
                .map(|server| Place {
                    target: Target {
                        address,
                        path: path(&name(person, server)),
                        token: None,
                        version: OLDER,
                    },
                    tool: "echo".to_owned(),
                    arguments: json!({ self.server(person, server).2: TEXT }),
                })
                .collect()
        });
        Ok((program, places.collect()))
    }

    /// The product as people run it: everybody adds their servers over REST and tests them.
    async fn deputy(
        &self,
        address: SocketAddr,
        folder: &Path,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<(Program, Vec<Vec<Place>>)> {
        let data = folder.join("data");
        // No Google is asked for anything.
        let nowhere = Url::parse("http://127.0.0.1:1/")?;
        let rooms = Rooms::open(&data, &nowhere, lifecycle).await?;
        let tokens = rooms.people(self.people).await?;
        rooms.store.close().await?;
        let mut serve = command(self.deputy);
        serve
            .arg("serve")
            .current_dir(folder)
            .env("DEPUTY_LISTEN", address.to_string())
            .env("DEPUTY_DATA_DIR", &data)
            .env("TOKEN_ENCRYPTION_KEY_FILE", key_file(&data))
            .env("DEPUTY_CUSTOM_COMMANDS", "*")
            .env("DEPUTY_LIMITS_SERVERS_TOTAL", self.cap.to_string())
            .env("DEPUTY_LIMITS_CALLS_PER_MIN", "0");
        let program = Program::start(serve, &folder.join("serve.log"))?;
        listening(address).await?;
        let mut all = Vec::new();
        for (person, token) in tokens.into_iter().enumerate() {
            let target = Target {
                address,
                path: "/mcp".to_owned(),
                token: Some(token),
                version: MODERN,
            };
            let mut connection = Connection::open(&target, lifecycle).await?;
            let mut places = Vec::new();
            for server in 0..self.servers {
                let (command, args, argument) = self.server(person, server);
                let own_name = format!("s{server}");
                let body = json!({
                    "server_name": own_name, "server_type": "custom",
                    "config": { "command": command, "args": args },
                    "default_policy": "auto",
                });
                for (path, body) in [
                    ("/api/v1/servers".to_owned(), body),
                    (format!("/api/v1/servers/{own_name}/test"), json!({})),
                ] {
                    let (status, answer) = connection.post(&path, &body).await?;
                    check(
                        status < 300 && !answer.windows(10).any(|w| w == b"\"ok\":false"),
                        &answer,
                        "true",
                    )
                    .with_context(|| path.clone())?;
                }
                places.push(Place {
                    target: target.clone(),
                    tool: format!("{own_name}__echo"),
                    arguments: json!({ argument: TEXT }),
                });
            }
            all.push(places);
        }
        Ok((program, all))
    }

    /// One back end for each server of each person. It knows no people: anybody may call any of them.
    fn mcp_gateway(
        &self,
        program: &Path,
        address: SocketAddr,
        folder: &Path,
    ) -> anyhow::Result<Program> {
        let backends: serde_json::Map<String, Value> = self
            .each()
            .map(|(name, command, args)| {
                (
                    name,
                    json!({ "command": format!("{command} {}", args.join(" ")) }),
                )
            })
            .collect();
        let config = json!({
            "server": { "host": "127.0.0.1", "port": address.port() },
            "meta_mcp": { "enabled": true },
            "failsafe": { "rate_limit": { "enabled": false } },
            "backends": backends,
        });
        let file = folder.join("gateway.yaml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string())?;
        let mut peer = command(program);
        peer.arg("--config")
            .arg(&file)
            .args(["--log-level", "error"])
            .current_dir(folder)
            .env("HOME", folder);
        Program::start(peer, &folder.join("gateway.log"))
    }

    /// Named servers, all started with the program.
    fn mcp_proxy(
        &self,
        program: &Path,
        address: SocketAddr,
        folder: &Path,
    ) -> anyhow::Result<Program> {
        let servers: serde_json::Map<String, Value> = self
            .each()
            .map(|(name, command, args)| (name, json!({ "command": command, "args": args })))
            .collect();
        let file = folder.join("servers.json");
        std::fs::write(&file, json!({ "mcpServers": servers }).to_string())?;
        let mut peer = command(program);
        peer.args(["--host", "127.0.0.1", "--stateless"])
            .arg("--port")
            .arg(address.port().to_string())
            .args(["--log-level", "ERROR"])
            .arg("--named-server-config")
            .arg(&file)
            .current_dir(folder);
        Program::start(peer, &folder.join("proxy.log"))
    }

    fn each(&self) -> impl Iterator<Item = (String, String, Vec<String>)> {
        (0..self.people).flat_map(move |person| {
            (0..self.servers).map(move |server| {
                let (command, args, _) = self.server(person, server);
                (name(person, server), command, args)
            })
        })
    }
}

const TEXT: &str = "0123456789abcdef";

fn name(person: usize, server: usize) -> String {
    format!("u{person}-s{server}")
}

/// Somebody with servers and one connection.
pub(super) struct Person {
    places: Vec<Place>,
    connection: Option<Connection>,
    next: u64,
}

impl Person {
    pub(super) fn new(places: Vec<Place>) -> Self {
        Self {
            places,
            connection: None,
            next: 1,
        }
    }

    /// Calls the tool of one of the servers. A connection that failed is opened anew with the next call.
    pub(super) async fn call(&mut self, which: usize, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let place = &self.places[which % self.places.len()];
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&place.target, lifecycle).await?,
        };
        let mut params = json!({ "name": place.tool, "arguments": place.arguments });
        let mut headers = Vec::new();
        if place.target.version == MODERN {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "deputy-bench", "version": "0" },
            });
            headers = vec![("mcp-method", "tools/call"), ("mcp-name", &place.tool)];
        }
        let body =
            json!({ "jsonrpc": "2.0", "id": self.next, "method": "tools/call", "params": params });
        self.next += 1;
        let (status, answer) = connection
            .post_with(&place.target.path, &headers, &body)
            .await?;
        check(status == 200, &answer, TEXT)
            .with_context(|| format!("a call was answered with {status}"))?;
        self.connection = Some(connection);
        Ok(())
    }
}
