//! The agent as somebody uses it: `deputy login`, the browser, and then commands that act as them, until the access is
//! taken away.

mod key_store;
mod login;
mod manners;
mod one_login;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use url::Url;

use crate::support::{App, Browser, PASSWORD, Process, client, deputy};

/// Somebody's machine: the program, and what it keeps.
struct Machine {
    home: TempDir,
    server: String,
}

/// What a command did.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Machine {
    fn of(app: &App) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            server: app.url.origin().ascii_serialization(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = deputy(args);
        command.env("XDG_CONFIG_HOME", self.home.path());
        command
    }

    /// Runs a command to its end.
    fn run(&self, args: &[&str]) -> Done {
        done(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Begins a login that waits for its browser: the process, and the link.
    fn begin(&self, more: &[&str]) -> (Process, Url) {
        let login = ["login", &self.server, "--no-browser", "--store", "file"];
        let mut process = Process::start(self.command(&[&login, more].concat()));
        let link = process.line_with("/oauth/authorize?");
        (process, Url::parse(link.trim()).unwrap())
    }

    /// Logs in as who sits at the browser; what the page at the end says.
    async fn log_in(&self, browser: &mut Browser, name: &str, more: &[&str]) -> String {
        let (mut process, link) = self.begin(more);
        let back = decide(browser, link, name, "allow").await;
        let (status, page) = arrive(back).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert_eq!(process.end().code(), Some(0));
        page
    }

    /// The folder of the one login.
    fn folder(&self) -> PathBuf {
        let servers = std::fs::read_dir(self.home.path().join("deputy/servers"));
        servers.unwrap().next().unwrap().unwrap().path()
    }

    fn token_file(&self) -> PathBuf {
        self.folder().join("refresh-token")
    }
}

fn done(output: std::process::Output) -> Done {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let done = Done {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    for secret in ["dpt_rt_", "dpt_at_", "dpt_ac_", "dpt_pat_"] {
        assert!(
            !done.out.contains(secret) && !done.err.contains(secret),
            "{done:?}"
        );
    }
    done
}

/// Opens a link, signs in where asked to, decides, and gives the address that the browser is sent to.
async fn decide(browser: &mut Browser, link: Url, name: &str, decision: &str) -> Url {
    let home = link.origin();
    let (mut method, mut url, mut fields) = (Method::GET, link, None);
    for _ in 0..20 {
        let response = browser.send(method, url.clone(), fields.as_deref()).await;
        if let Some(to) = response.headers().get("location") {
            url = url.join(to.to_str().unwrap()).unwrap();
            if url.origin() != home {
                return url;
            }
            (method, fields) = (Method::GET, None);
            continue;
        }
        let page = crate::support::Page {
            status: response.status(),
            url: url.clone(),
            html: response.text().await.unwrap(),
        };
        let form = if page.html.contains("name=\"password\"") {
            let form = page.form_with("password");
            form.with("username", name).with("password", PASSWORD)
        } else {
            page.form_with("decision").with("decision", decision)
        };
        (method, url, fields) = (Method::POST, form.action, Some(form.fields));
    }
    panic!("{name} is asked without end");
}

/// The browser comes back.
async fn arrive(back: Url) -> (StatusCode, String) {
    let page = client().get(back).send().await.unwrap();
    (page.status(), page.text().await.unwrap())
}

/// Takes away what has access, where the person sees it.
async fn take_away(browser: &mut Browser) {
    let page = browser.open("settings").await;
    let (_, after) = page.html.split_once("/settings/access/").unwrap();
    let path = format!("/settings/access/{}", after.split('"').next().unwrap());
    let done = browser.submit(page.form_to(&path)).await;
    assert!(done.status.is_success(), "{done:?}");
}
