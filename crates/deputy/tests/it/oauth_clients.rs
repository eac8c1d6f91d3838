//! Programs that others wrote log in: from the address alone to tokens, through a refresh, until the person takes their
//! access away, and again. What they do is in `tests/clients`; nothing in them is there for Deputy's sake.

use std::process::Command;

use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthorizationRequest, CredentialStore as _, InMemoryCredentialStore, OAuthState,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::Value;

use crate::support::{
    App, Engine, Options, Person, Somebody, client, engines, node, output, python, succeed, until,
};

/// A script, and what runs it.
type Script = (&'static str, fn(&str) -> Option<Command>);

/// The clients' scripts.
const SCRIPTS: [Script; 7] = [
    ("oauth_v1.mjs", node),
    ("oauth_v2.mjs", node),
    ("oauth_openid_client.mjs", node),
    ("oauth_oauth4webapi.mjs", node),
    ("oauth_mcp.py", python),
    ("oauth_authlib.py", python),
    ("oauth_requests.py", python),
];

/// Everybody's program registers from one address.
fn installation(engine: Engine) -> Options {
    Options::on(engine).with("DEPUTY_LIMITS_TOKEN_PER_MIN", "0")
}

/// Runs one script for a person of its own, who has a calendar.
async fn run(app: &App, script: &str, how: fn(&str) -> Option<Command>) {
    let Some(command) = how(script) else {
        return;
    };
    let (name, _) = script.rsplit_once('.').unwrap();
    let name = name.replace('_', "-");
    let person = app.connected(&name).await;
    let somebody = Somebody::sit_down(app, &name).await;
    drive(&person, &somebody, script, command).await;
}

/// Runs a script and looks at what is on record.
async fn drive(person: &Person, somebody: &Somebody, script: &str, mut command: Command) {
    let name = &person.name;
    let client = format!("{name} of others");
    command
        .env("DEPUTY_URL", person.url.as_str())
        .env("PERSON", somebody.address.as_str())
        .env("CLIENT", &client);
    let (done, said) = output(command).await;
    assert!(done.status.success(), "{script}: {}:\n{said}", done.status);
    // What it did stands under the person's name and its own.
    let calls = until("its calls on record", || async {
        let records = person.get("api/v1/audit?limit=100").await;
        let records = records.data().as_array().unwrap().clone();
        let calls = |record: &Value| record["target"] == "list_calendars";
        let calls: Vec<Value> = records.into_iter().filter(calls).collect();
        (calls.len() >= 3).then_some(calls)
    })
    .await;
    for call in calls {
        let caller = call["caller"].as_str().unwrap();
        assert!(caller.ends_with(&format!(":{client}")), "{script}: {call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_people_s_clients_log_in_and_out_and_in() {
    let engines = engines();
    let of_an_engine = |place: usize| {
        let engine = engines[place];
        let of_it: Vec<_> = SCRIPTS
            .into_iter()
            .enumerate()
            .filter(|(n, _)| n % engines.len() == place)
            .map(|(_, script)| script)
            .collect();
        async move {
            let app = App::start(installation(engine)).await;
            // The first is an administrator, who sees what others did.
            app.person("admin").await;
            let runs = of_it.iter().map(|(script, how)| run(&app, script, *how));
            futures_util::future::join_all(runs).await;
            let (code, out, err) = app.run(&["audit", "verify"], "");
            assert_eq!(code, 0, "{out}{err}");
        }
    };
    futures_util::future::join_all((0..engines.len()).map(of_an_engine)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_lets_a_client_in_at_a_real_browser() {
    let app = App::start(installation(Engine::Sqlite)).await;
    let Some(somebody) = Somebody::at_a_real_browser(&app, "alice").await else {
        return;
    };
    app.person("admin").await;
    let alice = app.connected("alice").await;
    drive(
        &alice,
        &somebody,
        "oauth_v2.mjs",
        node("oauth_v2.mjs").unwrap(),
    )
    .await;
}

/// The Claude Code CLI, where DEPUTY_TEST_CLAUDE_CODE names its program: too large for every run, and its vendor's
/// licence is not ours to accept for others.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Claude Code CLI: DEPUTY_TEST_CLAUDE_CODE"]
async fn claude_code_logs_in_and_out_and_in() {
    let program = std::env::var_os("DEPUTY_TEST_CLAUDE_CODE").expect("DEPUTY_TEST_CLAUDE_CODE");
    let app = App::start(installation(Engine::Sqlite)).await;
    app.connected("alice").await;
    let somebody = Somebody::sit_down(&app, "alice").await;
    let home = tempfile::tempdir().unwrap();
    let mut command = python("claude_code.py").unwrap();
    command
        .env("HOME", home.path())
        .env("CLAUDE_CODE", program)
        .env("DEPUTY_URL", app.url.as_str())
        .env("PERSON", somebody.address.as_str())
        .env("CLIENT", "Claude Code (deputy)");
    eprintln!("{}", succeed(command).await);
}

/// rmcp's client with what it has in its store.
type Client = rmcp::service::RunningService<rmcp::RoleClient, ()>;

/// Asks the person and connects.
async fn log_in(app: &App, somebody: &Somebody, store: &InMemoryCredentialStore) -> Client {
    let endpoint = app.url.join("mcp").unwrap();
    let mut state = OAuthState::new(endpoint.as_str(), None).await.unwrap();
    if let OAuthState::Unauthorized(manager) = &mut state {
        manager.set_credential_store(store.clone());
    }
    let request = AuthorizationRequest::new("http://127.0.0.1:38124/callback")
        .with_client_name("rmcp itself");
    state.start_authorization(request).await.unwrap();
    let link = state.get_authorization_url().await.unwrap();
    let sent_to = somebody.open(link.parse().unwrap()).await;
    state.handle_callback_url(sent_to.as_str()).await.unwrap();
    let manager = state.into_authorization_manager().unwrap();
    let http = AuthClient::new(client(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(endpoint.as_str());
    let transport = StreamableHttpClientTransport::with_client(http, config);
    ().serve(transport).await.unwrap()
}

async fn calendars(client: &Client) -> Result<(), String> {
    let call = CallToolRequestParams::new("list_calendars");
    let result = client
        .call_tool(call)
        .await
        .map_err(|error| error.to_string())?;
    assert_ne!(result.is_error, Some(true), "{result:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcp_s_own_client_logs_in_and_out_and_in() {
    let app = App::start(installation(Engine::Sqlite)).await;
    app.connected("alice").await;
    let somebody = Somebody::sit_down(&app, "alice").await;
    let store = InMemoryCredentialStore::new();
    let refresh_token = async || {
        let kept = store.load().await.unwrap().unwrap();
        let kept = serde_json::to_value(kept).unwrap();
        kept["token_response"]["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let program = log_in(&app, &somebody, &store).await;
    calendars(&program).await.unwrap();

    // As if it had been received long ago.
    let first = refresh_token().await;
    let mut kept = store.load().await.unwrap().unwrap();
    kept.token_received_at = Some(1);
    store.save(kept).await.unwrap();
    calendars(&program).await.unwrap();
    assert_ne!(refresh_token().await, first, "it refreshed by itself");

    somebody.take_away("rmcp itself").await;
    let refused = calendars(&program).await.unwrap_err();
    assert!(!refused.is_empty());
    let program = log_in(&app, &somebody, &store).await;
    calendars(&program).await.unwrap();
}
