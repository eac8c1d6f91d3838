//! The emulated Google: OAuth, Calendar, Gmail, Drive and Docs for any number of accounts, under one
//! origin, behaving as Google does where a client can tell.
//!
//! Other emulators answer in the right shapes and behave differently: no scopes, no etags, no sync
//! tokens, no delivery between accounts. What a secretary gets wrong, it gets wrong there. So this one
//! reproduces behaviour, and what it knows of shapes (paths, scopes, parameters, schemas' fields) is
//! generated from Google's discovery documents ([`methods`]).
//!
//! # How it is put together
//!
//! A request goes through [`dispatch`] to a page, to OAuth, to the control endpoint or, through
//! [`pipeline`], to a method's [`call::Handler`]: a plain function that gets a [`call::Call`] (account,
//! parameters, body, and the world as one transaction) and gives a [`call::Answer`] or a
//! [`failure::Failure`]. Authentication, scopes, quota, required and typed parameters, `fields`,
//! gzip, durability and faults are the frame's; a handler sees only requests that may be answered.
//!
//! # Adding an API
//!
//! 1. `mod NAME;` below, with `pub(crate) static SERVICE: Service` in it ([`service::Service`]):
//!    `Service { deliver: Some(…), ..Service::new(METHODS, provision) }`, where `METHODS` pairs
//!    discovery ids with handlers: `&[("gmail.users.messages.list", messages::list), …]`.
//! 2. `&NAME::SERVICE` in [`SERVICES`].
//! 3. What it keeps are types that implement [`world::Document`], under `(account, id)`:
//!    `call.tx.get::<T>(account, id)`, `list`, `put`, `remove`; bytes with `blob`/`put_blob`.
//!    `tx.tick()` gives a strictly increasing instant, `tx.next_change()` a strictly increasing number,
//!    `tx.random_id(alphabet, n)` an id.
//! 4. Another account's data is reached by its address (`accounts::exists` says whether it is one);
//!    mail goes to whoever has an account through `service::deliver(tx, from, to, raw)`.
//! 5. Errors are `Failure::not_found("…")` and so on; the pipeline writes them in the envelope of the
//!    API (`pipeline::envelope`).
//!
//! Left for later, with room made for it: watch channels, push, Gmail history, Drive's changes feed
//! (all three hang on `tx.next_change()`), batch requests (a batch is several passes through
//! `pipeline::answer`), document tabs.

mod accounts;
mod calendar;
mod call;
mod control;
mod docs;
mod drive;
mod failure;
mod faults;
mod gmail;
mod log;
mod methods;
mod oauth;
mod pages;
mod partial;
mod pipeline;
mod quota;
mod service;
mod upload;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use deputy_core::{Lifecycle, Rng};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use url::Url;

use self::service::Service;
use self::world::Store;
pub use self::world::WorldError;
use crate::server::{self, Connection, Reply, Request};

/// The emulated APIs.
static SERVICES: &[&Service] = &[
    &oauth::SERVICE,
    &calendar::SERVICE,
    &gmail::SERVICE,
    &drive::SERVICE,
    &docs::SERVICE,
];

/// The OAuth client that every emulated Google knows: any loopback redirect URI is registered.
pub const CLIENT_ID: &str = "sandbox-client";
/// Its secret; no secret at all, on purpose.
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// Accounts that are there from the start.
pub const ACCOUNTS: [&str; 2] = ["demo@sandbox.test", "guest@sandbox.test"];

/// How an emulated Google is made.
#[derive(Clone)]
pub struct Config {
    /// Folder of the state file, `google.redb`; made if it isn't there.
    pub data: PathBuf,
    /// Where ids and tokens come from.
    pub rng: Arc<dyn Rng>,
}

/// It can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state can't be read; another sandbox may have it open.
    #[error("{0}")]
    State(#[from] WorldError),
    /// The listener has no address.
    #[error("listener: {0}")]
    Listener(#[from] std::io::Error),
}

/// A running emulated Google; it runs until its `Lifecycle` stops.
#[derive(Clone)]
pub struct Google {
    app: Arc<App>,
}

impl Google {
    /// The origin under which everything is.
    pub fn url(&self) -> &Url {
        &self.app.url
    }

    /// Makes an account, if there is none of this address. False if it is no e-mail address.
    pub async fn ensure_account(&self, email: &str) -> Result<bool, WorldError> {
        let Some(email) = accounts::normalized(email) else {
            return Ok(false);
        };
        self.app
            .store
            .run(|tx| {
                accounts::ensure(tx, &email);
                Ok(true)
            })
            .await
    }
}

/// What every request shares.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) faults: Mutex<faults::Faults>,
    pub(crate) spent: Mutex<quota::Spent>,
    pub(crate) log: Mutex<log::Log>,
    pub(crate) url: Url,
}

/// Starts an emulated Google on `listener`.
pub async fn start(
    listener: TcpListener,
    config: Config,
    lifecycle: &Lifecycle,
) -> Result<Google, StartError> {
    let address = listener.local_addr()?;
    let url = Url::parse(&format!("http://{address}/")).map_err(std::io::Error::other)?;
    let Config { data, rng } = config;
    let opened = tokio::task::spawn_blocking(move || Store::open(&data, rng)).await;
    let store = opened.map_err(std::io::Error::other)??;
    store
        .run(|tx| {
            for email in ACCOUNTS {
                accounts::ensure(tx, email);
            }
            oauth::tokens::sweep(tx);
            Ok::<_, WorldError>(())
        })
        .await?;
    let app = Arc::new(App {
        store,
        faults: Mutex::default(),
        spent: Mutex::default(),
        log: Mutex::default(),
        url,
    });
    let handler = app.clone();
    server::serve(listener, lifecycle, move |request, connection| {
        let app = handler.clone();
        async move { dispatch(&app, request, &connection).await }
    });
    Ok(Google { app })
}

async fn dispatch(app: &App, request: Request, connection: &Connection) -> Reply {
    let path = request.uri().path();
    if path == "/control" || path.starts_with("/control/") {
        control::answer(app, request).await
    } else if oauth::is_ours(path) {
        oauth::answer(app, request, connection).await
    } else if pages::is_ours(path) {
        pages::answer(app, &request)
    } else {
        pipeline::answer(app, request, connection).await
    }
}

#[cfg(test)]
mod tests;
