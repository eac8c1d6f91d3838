//! The suite's requirements for clients, against the code with which Deputy connects to servers.
//!
//! The suite plays a server, and the authorization server for it, for each scenario, and starts a program that is to
//! connect to it. That program passes the scenario on to this test, in which a person takes a running Deputy through it
//! as people do: they add the server by its address, sign in where Deputy sends them, and call its tools.
//!
//! All scenarios of a revision start at once; a few people share them, with one Deputy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{RwLock, Semaphore};
use url::Url;

use super::{baseline, failures};
use crate::support::{
    App, Browser, Mcp, Options, PASSWORD, Person, client_package, node_dir, node_program, output,
    script,
};

/// Where the suite expects an installation to describe itself; nobody reads it there.
const METADATA: &str = "https://conformance-test.local/client-metadata.json";

/// How many scenarios are acted out at once.
const PEOPLE: usize = 3;

/// More sign-ins than this in a row help nobody.
const SIGN_INS: usize = 6;

/// Scenarios in which somebody is to be turned away, and what Deputy may say then.
const REFUSALS: [(&str, &[&str]); 7] = [
    (
        "auth/scope-retry-limit",
        &[
            "everything it asked for was granted",
            // The suite lets its server go at the fourth request, which a first look beside the test may make;
            // what is left of it answers the handshake of the older era so.
            "Missing MCP-Protocol-Version header",
        ],
    ),
    (
        "auth/resource-mismatch",
        &["metadata is for another address"],
    ),
    ("auth/metadata-issuer-mismatch", &["description is another"]),
    (
        "auth/iss-supported-missing",
        &["somebody else than was asked"],
    ),
    ("auth/iss-wrong-issuer", &["somebody else than was asked"]),
    ("auth/iss-unexpected", &["somebody else than was asked"]),
    ("auth/iss-normalized", &["somebody else than was asked"]),
];

/// Extensions of the protocol that Deputy does not have; the suite runs them without counting them.
const EXTENSIONS: [&str; 4] = [
    "auth/client-credentials",
    "auth/dpop",
    "auth/enterprise-managed",
    "auth/wif",
];

/// The revisions go one after the other.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What the suite asks for.
#[derive(Deserialize)]
struct Asked {
    scenario: String,
    revision: String,
    context: Value,
    url: Url,
}

/// Somebody with a browser in which they are signed in.
struct Actor {
    person: Person,
    browser: Browser,
    acted: usize,
}

/// Those who are free to act.
struct Actors {
    free: Mutex<Vec<Actor>>,
    places: Semaphore,
    /// Taken alone by what measures time.
    quiet: RwLock<()>,
    last_asked: Mutex<Instant>,
    /// How each scenario went: nothing, or why it ended.
    ends: Mutex<BTreeMap<String, Option<String>>>,
}

/// An installation that may reach what the suite starts, wherever on this machine that listens.
async fn installation() -> App {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let mut ends = range.split_whitespace().map(|end| end.parse().unwrap());
    let (first, last): (u16, u16) = (ends.next().unwrap(), ends.next().unwrap());
    let hosts: Vec<String> = (first..=last)
        .map(|port| format!("localhost:{port}"))
        .collect();
    let options = Options::default()
        .with("DEPUTY_CLIENT_METADATA_URL", METADATA)
        .in_file(&format!("private_hosts = '{}'", hosts.join(",")));
    App::start(options).await
}

impl Actors {
    async fn gather(app: &App) -> Arc<Self> {
        let mut free = Vec::new();
        for number in 0..PEOPLE {
            let name = format!("actor{number}");
            let person = app.person(&name).await;
            let mut browser = app.browser();
            browser.sign_in(&name, PASSWORD).await;
            free.push(Actor {
                person,
                browser,
                acted: 0,
            });
        }
        Arc::new(Self {
            free: Mutex::new(free),
            places: Semaphore::new(PEOPLE),
            quiet: RwLock::new(()),
            last_asked: Mutex::new(Instant::now()),
            ends: Mutex::default(),
        })
    }

    async fn act(&self, asked: &Asked) -> Result<(), String> {
        *self.last_asked.lock() = Instant::now();
        // When all the programs have started, which takes the suite's breath.
        while self.last_asked.lock().elapsed() < Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if asked.scenario == "sse-retry" {
            // It measures how long we wait, to 200 ms: while nobody else does anything.
            let _quiet = self.quiet.write().await;
            return self.act_now(asked).await;
        }
        let _quiet = self.quiet.read().await;
        self.act_now(asked).await
    }

    async fn act_now(&self, asked: &Asked) -> Result<(), String> {
        let _place = self.places.acquire().await.unwrap();
        let mut actor = self.free.lock().pop().unwrap();
        let done = actor.act(asked).await;
        self.free.lock().push(actor);
        let end = done.clone().err();
        self.ends.lock().insert(asked.scenario.clone(), end);
        done
    }
}

impl Actor {
    /// Adds the server, acts, and takes it away again.
    async fn act(&mut self, asked: &Asked) -> Result<(), String> {
        self.acted += 1;
        let name = format!("s{}", self.acted);
        let mut config = json!({ "url": asked.url });
        if asked.scenario.starts_with("auth/") {
            config["auth"] = "oauth".into();
            for field in ["client_id", "client_secret"] {
                if let Some(value) = asked.context.get(field) {
                    config[field] = value.clone();
                }
            }
        }
        let server = json!({
            "server_name": name, "server_type": "remote", "config": config, "default_policy": "auto",
        });
        let added = self.person.post("api/v1/servers", &server).await;
        if added.status != 201 {
            return Err(format!("not added: {}", added.body));
        }
        let done = self.use_it(&name, asked).await;
        self.person.delete(&format!("api/v1/servers/{name}")).await;
        done
    }

    async fn use_it(&mut self, name: &str, asked: &Asked) -> Result<(), String> {
        self.connected(name, |person| async move {
            let path = format!("api/v1/servers/{name}/test");
            person.post(&path, &json!({})).await.body
        })
        .await?;
        match asked.scenario.as_str() {
            // What they have is looked at only.
            "initialize" | "request-metadata" | "json-schema-ref-no-deref" => Ok(()),
            "http-standard-headers" => self.ask_everything(name, asked).await,
            "elicitation-sep1034-client-defaults" | "sep-2322-client-request-state" => {
                self.call_by_mcp(name, asked).await
            }
            _ => self.call_everything(name, asked).await,
        }
    }

    /// Does something, signing in as often as that is asked for.
    async fn connected<F, Fut>(&mut self, name: &str, attempt: F) -> Result<Value, String>
    where
        F: Fn(Person) -> Fut,
        Fut: Future<Output = Value>,
    {
        for _ in 0..SIGN_INS {
            let said = attempt(self.person.clone()).await;
            let report = &said["data"];
            let link = report
                .get("connect_url")
                .or(said["error"].get("connect_url"));
            let Some(link) = link.and_then(Value::as_str) else {
                let good = said["success"] == true && report.get("ok").is_none_or(|ok| *ok == true);
                return if good {
                    Ok(said)
                } else {
                    Err(said.to_string())
                };
            };
            assert!(
                link.ends_with(&format!("/servers/{name}/connect")),
                "{link}"
            );
            let page = self.browser.open(&format!("servers/{name}/connect")).await;
            if page.status != 200 {
                return Err(format!("{}: {}: {}", page.url, page.status, page.html));
            }
        }
        Err(format!("{SIGN_INS} sign-ins were not enough"))
    }

    async fn tools(&self, name: &str) -> Vec<Value> {
        let answer = self.person.get("api/v1/tools").await;
        let mine = format!("{name}__");
        let all = answer.data().as_array().unwrap().clone();
        all.into_iter()
            .filter(|tool| tool["name"].as_str().unwrap().starts_with(&mine))
            .collect()
    }

    /// Calls the tools that the scenario names, else each that there is.
    async fn call_everything(&mut self, name: &str, asked: &Asked) -> Result<(), String> {
        let tools = self.tools(name).await;
        if let Some(calls) = asked.context.get("toolCalls").and_then(Value::as_array) {
            for call in calls {
                let tool = format!("{name}__{}", call["name"].as_str().unwrap());
                // What is null is left out: a field of a type may not be null.
                let arguments: Map<String, Value> = call["arguments"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                self.call(name, &tool, &arguments.into()).await?;
            }
            return Ok(());
        }
        if tools.is_empty() {
            return Err("it has no tools".to_owned());
        }
        for tool in &tools {
            let arguments = match tool["name"].as_str().unwrap().split("__").nth(1).unwrap() {
                "json_schema_2020_12_tool" => continue,
                "json_schema_echo" => {
                    let focal = format!("{name}__json_schema_2020_12_tool");
                    let focal = tools.iter().find(|tool| tool["name"] == *focal);
                    json!({ "schema": focal.ok_or("no focal tool")?["input_schema"] })
                }
                _ => fitting(&tool["input_schema"]),
            };
            self.call(name, tool["name"].as_str().unwrap(), &arguments)
                .await?;
        }
        Ok(())
    }

    async fn call(&mut self, name: &str, tool: &str, arguments: &Value) -> Result<(), String> {
        let called = self.connected(name, |person| async move {
            person.try_call(tool, arguments).await.body
        });
        called.await.map(drop)
    }

    /// Calls each tool by MCP, answering what it asks.
    async fn call_by_mcp(&mut self, name: &str, asked: &Asked) -> Result<(), String> {
        let said = |error: Value| error.to_string();
        let path = format!("mcp/{name}");
        let mut mcp = Mcp::open(&self.person, &path, &asked.revision)
            .await
            .map_err(said)?;
        let listed = mcp.request("tools/list", json!({})).await.map_err(said)?;
        for tool in listed["tools"].as_array().unwrap() {
            let call = json!({ "name": tool["name"], "arguments": {} });
            mcp.request("tools/call", call).await.map_err(said)?;
        }
        Ok(())
    }

    /// Asks for everything that there is, by MCP.
    async fn ask_everything(&mut self, name: &str, asked: &Asked) -> Result<(), String> {
        let said = |error: Value| error.to_string();
        let path = format!("mcp/{name}");
        let mut mcp = Mcp::open(&self.person, &path, &asked.revision)
            .await
            .map_err(said)?;
        for (list, of, key, ask) in [
            ("tools/list", "tools", "name", "tools/call"),
            ("resources/list", "resources", "uri", "resources/read"),
            ("prompts/list", "prompts", "name", "prompts/get"),
        ] {
            let listed = mcp.request(list, json!({})).await.map_err(said)?;
            for found in listed[of].as_array().ok_or(list)? {
                let params = json!({ key: found[key] });
                mcp.request(ask, params).await.map_err(said)?;
            }
        }
        Ok(())
    }
}

/// Arguments that a schema wants, whatever they are.
fn fitting(schema: &Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    let arguments: Map<String, Value> = required
        .filter_map(Value::as_str)
        .map(|name| {
            let value = match schema["properties"][name]["type"].as_str() {
                Some("string") => json!("north"),
                Some("number" | "integer") => json!(5),
                Some("boolean") => json!(true),
                Some("object") => json!({}),
                Some("array") => json!([]),
                _ => Value::Null,
            };
            (name.to_owned(), value)
        })
        .collect();
    arguments.into()
}

async fn act(State(actors): State<Arc<Actors>>, body: String) -> (StatusCode, String) {
    let asked: Asked = serde_json::from_str(&body).unwrap();
    match actors.act(&asked).await {
        Ok(()) => (StatusCode::OK, "done".to_owned()),
        Err(why) => (StatusCode::CONFLICT, format!("{}: {why}", asked.scenario)),
    }
}

/// The suite does not look at how its client fares: only those are turned away who should be, with the right words.
fn check_ends(ends: &BTreeMap<String, Option<String>>) {
    for (scenario, end) in ends {
        if EXTENSIONS.iter().any(|name| scenario.starts_with(name)) {
            continue;
        }
        let refusal = REFUSALS.iter().find(|(name, _)| name == scenario);
        match (refusal, end) {
            (None, None) => {}
            (Some((_, words)), Some(why)) if words.iter().any(|words| why.contains(words)) => {}
            (_, end) => panic!("{scenario} ended with {end:?}"),
        }
    }
}

/// Runs the client requirements of a revision against an installation.
async fn client_requirements(revision: &str, expected: &str) {
    let Some(mut suite) = client_package("@modelcontextprotocol/conformance/dist/index.js") else {
        return;
    };
    let _turn = TURN.lock().await;
    let app = installation().await;
    let actors = Actors::gather(&app).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/", post(act))
        .with_state(Arc::clone(&actors));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let node = node_program(&node_dir().unwrap());
    let command = format!("{} {}", node.display(), script("conformance.mjs").display());
    let results = tempfile::tempdir().unwrap();
    suite
        .args(["client", "--requirements", revision, "--timeout", "120000"])
        .args(["--command", &command])
        .arg("--expected-failures")
        .arg(baseline(expected))
        .arg("-o")
        .arg(results.path())
        .env("DEPUTY_TEST_ACTORS", here);
    let (done, said) = output(suite).await;
    serving.abort();
    let summary = said
        .find("=== SUITE SUMMARY")
        .map_or(&*said, |at| &said[at..]);
    assert!(
        done.status.success(),
        "{summary}\n{}",
        failures(results.path())
    );
    check_ends(&actors.ends.lock());
    eprintln!("{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_older_era() {
    client_requirements("2025-11-25", "client-2025-11-25.yml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_newer_era() {
    client_requirements("2026-07-28", "client-2026-07-28.yml").await;
}
