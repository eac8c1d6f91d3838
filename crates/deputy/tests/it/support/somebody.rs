//! Somebody whom programs ask to open a link: signs in, allows it, and takes it back, on the pages.
//!
//! Programs written in other languages reach the person by HTTP, on loopback: `open` and `take-away`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::{App, Browser, PASSWORD, Page, chromium, node, succeed};

/// A person at their browser.
pub(crate) struct Somebody {
    /// Where programs find this person; ends with a slash.
    pub(crate) address: Url,
    seat: Arc<Mutex<Seat>>,
    task: tokio::task::JoinHandle<()>,
}

/// What a person has before them.
struct Seat {
    name: String,
    browser: Browser,
    /// Whether links are opened in a real browser.
    real: bool,
}

impl Somebody {
    /// A user of the installation with a browser in which nobody is signed in yet.
    pub(crate) async fn sit_down(app: &App, name: &str) -> Self {
        Self::at(app, name, false).await
    }

    /// The same with a real browser, a new one for each link; nothing where there is none.
    pub(crate) async fn at_a_real_browser(app: &App, name: &str) -> Option<Self> {
        node("browser.mjs")?;
        chromium()?;
        Some(Self::at(app, name, true).await)
    }

    async fn at(app: &App, name: &str, real: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let seat = Arc::new(Mutex::new(Seat {
            name: name.to_owned(),
            browser: app.browser(),
            real,
        }));
        let router = Router::new()
            .route("/open", post(open))
            .route("/take-away", post(take_away))
            .with_state(seat.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address: Url::parse(&format!("http://{own}/")).unwrap(),
            seat,
            task,
        }
    }

    /// Opens a program's link and allows what it asks for; where the browser is sent then.
    pub(crate) async fn open(&self, link: Url) -> Url {
        let mut seat = self.seat.lock().await;
        seat.allow(link, None)
            .await
            .unwrap_or_else(|page| panic!("the page for it is another: {page:?}"))
    }

    /// Takes a client's access away.
    pub(crate) async fn take_away(&self, client: &str) {
        self.seat.lock().await.take_away(client).await;
    }
}

impl Seat {
    async fn allow(&mut self, link: Url, scopes: Option<&[String]>) -> Result<Url, Page> {
        if !self.real {
            return self.browser.answer(link, &self.name, "allow", scopes).await;
        }
        let mut browser = node("browser.mjs").unwrap();
        browser
            .env("CHROMIUM", chromium().unwrap())
            .env("LINK", link.as_str())
            .env("USERNAME", &self.name)
            .env("PASSWORD", PASSWORD)
            .env("SCOPES", json!(scopes).to_string());
        let said = succeed(browser).await;
        let last = said.lines().last().unwrap_or_default();
        let said: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{said}"));
        Ok(Url::parse(said["sent_to"].as_str().unwrap()).unwrap())
    }

    async fn take_away(&mut self, client: &str) {
        if self.real {
            self.browser.sign_in(&self.name, PASSWORD).await;
        }
        self.browser.take_away(client).await;
    }
}

impl Drop for Somebody {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Said = (StatusCode, String);

async fn open(State(seat): State<Arc<Mutex<Seat>>>, body: String) -> Said {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let link = Url::parse(asked["url"].as_str().unwrap()).unwrap();
    let scopes: Option<Vec<String>> = serde_json::from_value(asked["scopes"].clone()).unwrap();
    match seat.lock().await.allow(link, scopes.as_deref()).await {
        Ok(sent_to) => (StatusCode::OK, json!({ "sent_to": sent_to }).to_string()),
        Err(page) => (StatusCode::BAD_GATEWAY, format!("{page:?}")),
    }
}

async fn take_away(State(seat): State<Arc<Mutex<Seat>>>, body: String) -> Said {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let client = asked["client"].as_str().unwrap();
    // A panic here is the program's failure too: its connection breaks.
    seat.lock().await.take_away(client).await;
    (StatusCode::OK, "{}".to_owned())
}

impl Browser {
    /// Opens a program's link, signs in where asked to, and decides; where the browser is sent then, which it does not
    /// follow. `scopes`: what is ticked, where it is not what the page has ticked. A page with nothing to decide is
    /// an error.
    pub(crate) async fn answer(
        &mut self,
        link: Url,
        name: &str,
        decision: &str,
        scopes: Option<&[String]>,
    ) -> Result<Url, Page> {
        let home = self.base().origin();
        let mut page = self.until_sent_away(&home, link, None).await?;
        for _ in 0..3 {
            let form = match page {
                Shown::Elsewhere(url) => return Ok(url),
                Shown::Page(page) if page.html.contains("name=\"password\"") => page
                    .form_with("password")
                    .with("username", name)
                    .with("password", PASSWORD),
                Shown::Page(page) if page.html.contains("name=\"decision\"") => {
                    let mut form = page.form_with("decision").with("decision", decision);
                    if let Some(scopes) = scopes {
                        form.fields.retain(|(name, _)| name != "scope");
                        let ticked = scopes.iter().map(|s| ("scope".to_owned(), s.clone()));
                        form.fields.extend(ticked);
                    }
                    form
                }
                Shown::Page(page) => return Err(page),
            };
            page = self
                .until_sent_away(&home, form.action, Some(&form.fields))
                .await?;
        }
        panic!("{name} is asked without end");
    }

    /// Follows redirects on the installation itself.
    async fn until_sent_away(
        &mut self,
        home: &url::Origin,
        mut url: Url,
        form: Option<&[(String, String)]>,
    ) -> Result<Shown, Page> {
        let method = if form.is_some() {
            reqwest::Method::POST
        } else {
            reqwest::Method::GET
        };
        let mut response = self.send(method, url.clone(), form).await;
        for _ in 0..10 {
            let Some(to) = response.headers().get("location") else {
                break;
            };
            url = url.join(to.to_str().unwrap()).unwrap();
            if url.origin() != *home {
                return Ok(Shown::Elsewhere(url));
            }
            response = self.send(reqwest::Method::GET, url.clone(), None).await;
        }
        let page = Page {
            status: response.status(),
            url,
            html: response.text().await.unwrap(),
        };
        if page.status.is_success() {
            Ok(Shown::Page(page))
        } else {
            Err(page)
        }
    }

    /// Takes a client's access away where the person sees what has access.
    pub(crate) async fn take_away(&mut self, client: &str) {
        let page = self.open("settings").await;
        let (_, rest) = page
            .html
            .split_once(client)
            .unwrap_or_else(|| panic!("{client} is not on {page:?}"));
        let of_it = Page {
            html: rest.to_owned(),
            ..page
        };
        let form = of_it.form_with("csrf");
        assert!(
            form.action.path().starts_with("/settings/access/"),
            "{form:?}"
        );
        let done = self.submit(form).await;
        assert!(done.status.is_success(), "{done:?}");
    }
}

/// What comes of opening something.
enum Shown {
    Page(Page),
    Elsewhere(Url),
}
