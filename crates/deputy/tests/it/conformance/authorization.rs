//! The suite's scenarios for authorization servers, against Deputy's own. The suite prints a link for somebody to open;
//! here they do.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use url::Url;

use super::failures;
use crate::support::{App, Engine, Options, Somebody, client, client_package, engines};

/// Runs the scenarios for one person of an installation, as a client that names what its token is for, and as one that
/// does not.
async fn scenarios(engine: Engine) {
    // Advertised, as where there is a way out: the suite warns where it is not.
    let options = Options::on(engine).with("DEPUTY_CLIENT_DOCUMENTS", "on");
    let app = App::start(options).await;
    app.person("alice").await;
    let somebody = Somebody::sit_down(&app, "alice").await;
    for resource in [Some("mcp"), None] {
        let id = format!("suite-{}", resource.unwrap_or("of-old"));
        run(&app, &somebody, &id, resource).await;
    }
}

async fn run(app: &App, somebody: &Somebody, id: &str, resource: Option<&str>) {
    let Some(mut suite) = client_package("@modelcontextprotocol/conformance/dist/index.js") else {
        return;
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let callback = format!("http://127.0.0.1:{port}/callback");
    let add = ["client", "add", id, "--redirect-uri", &callback];
    let (code, _, err) = app.run(&add, "");
    assert_eq!(code, 0, "{err}");
    let results = tempfile::tempdir().unwrap();
    suite.arg("authorization");
    if let Some(path) = resource {
        let resource = app.url.join(path).unwrap();
        suite.args(["--resource", resource.as_str()]);
    }
    let mut running = suite
        .arg("--url")
        .arg(app.url.as_str().trim_end_matches('/'))
        .args(["--client-id", id, "--port", &port, "-o"])
        .arg(results.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (found, mut link) = tokio::sync::mpsc::unbounded_channel();
    let out = running.stdout.take().unwrap();
    let authorize = app.url.join("oauth/authorize").unwrap();
    let reading = std::thread::spawn(move || {
        let mut said = Vec::new();
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if line.starts_with(authorize.as_str()) {
                let _ = found.send(Url::parse(&line).unwrap());
            }
            said.push(line);
        }
        said.join("\n")
    });
    while let Some(link) = link.recv().await {
        let sent_to = somebody.open(link).await;
        // The suite listens there.
        let back = client().get(sent_to).send().await.unwrap();
        assert!(back.status().is_success(), "{back:?}");
    }
    let said = reading.join().unwrap();
    let done = running.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&done.stderr);
    let failed = failures(results.path());
    assert!(done.status.success(), "{said}\n{err}\n{failed}");
    // Nothing was left out.
    assert!(failed.is_empty(), "{said}\n{failed}");
    assert!(said.contains("Total: 3 passed, 0 failed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_lets_the_suite_in() {
    futures_util::future::join_all(engines().into_iter().map(scenarios)).await;
}
