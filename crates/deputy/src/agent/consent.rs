//! Logging in: a link to the server's own pages, the answer that the browser brings back, a token in its store.
//!
//! The way back is the browser itself where it runs on this machine, or the terminal, into which a person on another
//! machine pastes the address that their browser ended at. The one thing that makes a code worth something, the verifier,
//! stays in this process, so a code that somebody else sees is worth nothing to them (RFC 7636).

pub(super) mod answer;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use deputy_core::{Clock, Rng, Scope, Secret, http, random};
use tokio::sync::oneshot;
use url::Url;

use super::api::{Api, Identity};
use super::callback::{Callback, Outcome};
use super::discovery::{Endpoints, discover};
use super::interrupt::Interrupt;
use super::server::ServerUrl;
use super::store::{Login, Logins, Place, Slot};
use super::terminal::{plain, strong};
use super::tokens::{TokenEndpoint, Tokens};
use super::{CLIENT_ID, callback};
use crate::settings::variable;
use answer::{AnswerError, Expected};

/// How long the browser may take.
const WAIT: Duration = Duration::from_mins(5);

/// How often a pasted text may be none.
const PASTES: usize = 5;

/// Where the browser would come back to, when nobody listens there.
const UNHEARD: &str = "http://localhost:8181/callback";

/// How the person gets to the server's pages, and the answer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Opens the browser here, and listens.
    Browser,
    /// Prints the link, and listens.
    Link,
    /// Prints the link, and reads the answer from the terminal.
    Paste,
}

/// What a login asks for.
pub(crate) struct Wish {
    pub(crate) scopes: Vec<Scope>,
    /// Servers whose own MCP endpoint it is for too.
    pub(crate) servers: Vec<String>,
    pub(crate) way: Way,
    /// Where to keep the token; nothing: the system's store, or a file where there is none.
    pub(crate) place: Option<Place>,
}

/// Logs in, and keeps the login.
pub(crate) async fn login(
    server: &ServerUrl,
    wish: &Wish,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> anyhow::Result<Login> {
    let slot = Logins::find()?.of(server);
    let client = http::trusted(http::Limits::default())?;
    let endpoints = discover(&client, server).await?;
    let place = choose_place(&slot, wish.place).await?;
    let endpoint = TokenEndpoint::new(endpoints.token.clone(), endpoints.revoke.clone())?;

    let mut resources = vec![server.api(), server.mcp(None)];
    resources.extend(wish.servers.iter().map(|name| server.mcp(Some(name))));
    let asked = Asked {
        state: random::token("", rng),
        verifier: random::token("", rng),
        endpoints: &endpoints,
        scopes: &wish.scopes,
        resources: &resources,
    };
    let expected = Expected {
        state: asked.state.clone(),
        issuer: server.issuer().to_owned(),
        names_issuer: endpoints.names_issuer,
    };
    let kept = Kept {
        server,
        slot: &slot,
        place,
        must: wish.place.is_some(),
        endpoints: &endpoints,
        endpoint: &endpoint,
        resources: &resources,
        scopes: &wish.scopes,
        clock,
    };
    let mut interrupt = Interrupt::listen()?;
    match wish.way {
        Way::Paste => by_pasting(&asked, &expected, &kept, &mut interrupt).await,
        way => by_listening(&asked, &expected, &kept, way, &mut interrupt).await,
    }
}

/// The browser is elsewhere: its person carries the answer.
async fn by_pasting(
    asked: &Asked<'_>,
    expected: &Expected,
    kept: &Kept<'_>,
    interrupt: &mut Interrupt,
) -> anyhow::Result<Login> {
    show_link(&asked.link(UNHEARD));
    let code = pasted(expected, interrupt).await?;
    kept.redeem(&code, &asked.verifier, UNHEARD).await
}

/// The browser is here, and brings the answer itself.
async fn by_listening(
    asked: &Asked<'_>,
    expected: &Expected,
    kept: &Kept<'_>,
    way: Way,
    interrupt: &mut Interrupt,
) -> anyhow::Result<Login> {
    let mut callback = Callback::listen(&expected.state)
        .await
        .context("no port of this machine is free to hear from the browser; try --paste")?;
    let redirect_uri = callback.redirect_uri();
    let link = asked.link(&redirect_uri);
    show_link(&link);
    if way == Way::Browser {
        open_browser(&link);
    }
    eprintln!("Waiting for the browser, for five minutes at most. Ctrl-C gives up.");
    if variable("SSH_CONNECTION").is_some() {
        eprintln!("Is it on another machine? Then give up, and add --paste.");
    }
    let arrival = tokio::select! {
        arrival = tokio::time::timeout(WAIT, callback.arrival()) => arrival,
        () = interrupt.pressed() => bail!("given up; nothing was changed"),
    };
    let Ok(arrival) = arrival else {
        bail!(
            "the browser did not come back within five minutes; nothing was changed. Is it on another machine? Then: deputy login {} --paste",
            kept.server
        );
    };
    let callback::Arrival { query, tell } = arrival?;
    let done = match expected.read(query.expose()) {
        Ok(code) => kept.redeem(&code, &asked.verifier, &redirect_uri).await,
        Err(error) => Err(error.into()),
    };
    // the browser may be gone
    let _ = tell.send(match &done {
        Ok(login) => Outcome::LoggedIn {
            username: login.username.clone(),
            server: login.server.clone(),
        },
        Err(error) => match error.downcast_ref() {
            Some(AnswerError::Refused(why)) => Outcome::Refused(why.clone()),
            _ => Outcome::Failed(error.to_string()),
        },
    });
    callback.close().await;
    done
}

/// Says where the token will be before anybody is asked for consent.
async fn choose_place(slot: &Slot, wish: Option<Place>) -> anyhow::Result<Place> {
    if wish == Some(Place::File) {
        return Ok(Place::File);
    }
    match slot.keyring_works().await {
        Ok(()) => Ok(Place::Keyring),
        Err(error) if wish == Some(Place::Keyring) => Err(error.into()),
        Err(error) => {
            announce_file(slot, &error);
            Ok(Place::File)
        }
    }
}

fn announce_file(slot: &Slot, why: &dyn std::fmt::Display) {
    eprintln!(
        "{}\nSo the login will be kept in a file that only your account can read, unencrypted:\n  {}",
        plain(&why.to_string()),
        slot.describe(Place::File)
    );
}

fn show_link(link: &Url) {
    eprintln!("Log in here:\n\n  {}\n", strong(link.as_str()));
}

/// Opens the person's browser, without a shell. What can't be opened was printed.
fn open_browser(link: &Url) {
    let link = link.to_string();
    // some browsers of a terminal run until they are closed
    let opening = std::thread::Builder::new().spawn(move || {
        if crate::as_we_were_started(|| webbrowser::open(&link)).is_err() {
            eprintln!("No browser could be opened here: open the link yourself, or use --paste if your browser is on another machine.");
        }
    });
    // without a thread there is still the link
    drop(opening);
}

/// What is asked of the server.
struct Asked<'a> {
    state: Secret<String>,
    verifier: Secret<String>,
    endpoints: &'a Endpoints,
    scopes: &'a [Scope],
    resources: &'a [String],
}

impl Asked<'_> {
    /// The link to the server's page (RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2).
    fn link(&self, redirect_uri: &str) -> Url {
        let digest = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            self.verifier.expose().as_bytes(),
        );
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut link = self.endpoints.authorize.clone();
        {
            let mut query = link.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", CLIENT_ID)
                .append_pair("redirect_uri", redirect_uri)
                .append_pair("scope", &scopes.join(" "))
                .append_pair("state", self.state.expose())
                .append_pair("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(digest))
                .append_pair("code_challenge_method", "S256");
            for resource in self.resources {
                query.append_pair("resource", resource);
            }
        }
        link
    }
}

/// Reads from the terminal where the browser ended, or the code that stands there.
async fn pasted(expected: &Expected, interrupt: &mut Interrupt) -> anyhow::Result<Secret<String>> {
    eprintln!(
        "Your browser will end at an address that begins with {UNHEARD} and can't be shown: that is right.\nPaste that whole address here:"
    );
    for _ in 0..PASTES {
        let line = tokio::select! {
            line = read_line() => line?,
            () = interrupt.pressed() => bail!("given up; nothing was changed"),
        };
        let Some(line) = line else {
            bail!("nothing was pasted; nothing was changed");
        };
        match expected.read_pasted(line.expose()) {
            Ok(code) => return Ok(code),
            Err(error @ (AnswerError::Refused { .. } | AnswerError::Issuer)) => {
                return Err(error.into());
            }
            Err(error) => eprintln!("{error}. Paste the whole address:"),
        }
    }
    bail!("that was no answer of the server, {PASTES} times; nothing was changed");
}

/// A line of standard input; nothing at its end. On a thread that nobody has to wait for.
async fn read_line() -> anyhow::Result<Option<Secret<String>>> {
    const LONGEST: u64 = 16 * 1024;
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        let mut line = String::new();
        let input = std::io::stdin();
        if input.is_terminal() {
            let _ = write!(std::io::stderr(), "> ");
        }
        let read = std::io::Read::take(input.lock(), LONGEST).read_line(&mut line);
        let _ = tell.send(read.map(|length| (length > 0).then(|| Secret::new(line))));
    })?;
    Ok(told.await??)
}

/// What a login is kept with.
struct Kept<'a> {
    server: &'a ServerUrl,
    slot: &'a Slot,
    place: Place,
    /// Whether the place was asked for.
    must: bool,
    endpoints: &'a Endpoints,
    endpoint: &'a TokenEndpoint,
    resources: &'a [String],
    scopes: &'a [Scope],
    clock: &'a dyn Clock,
}

impl Kept<'_> {
    async fn redeem(
        &self,
        code: &Secret<String>,
        verifier: &Secret<String>,
        redirect_uri: &str,
    ) -> anyhow::Result<Login> {
        let tokens = self.endpoint.redeem(code, verifier, redirect_uri).await;
        self.keep(tokens.context("the code was not accepted")?)
            .await
    }

    async fn keep(&self, tokens: Tokens) -> anyhow::Result<Login> {
        let Some(refresh) = &tokens.refresh else {
            bail!("the server gave no token to stay logged in with");
        };
        let asked: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut login = Login {
            server: self.server.issuer().to_owned(),
            username: String::new(),
            scopes: tokens.scope.unwrap_or_else(|| asked.join(" ")),
            resources: self.resources.to_vec(),
            kept: self.place,
            since: self.clock.now(),
            token_endpoint: self.endpoints.token.clone(),
            revocation_endpoint: self.endpoints.revoke.clone(),
        };
        // First of all, so that whatever happens next finds it again.
        let former = match self.store(&mut login, refresh).await {
            Ok(former) => former,
            Err(error) => {
                // nobody could use it, so nobody shall
                let _ = self.endpoint.revoke(refresh).await;
                return Err(error.context("the login can't be kept, so it was ended again"));
            }
        };
        if let Some(former) = former
            && self.endpoint.revoke(&former).await.is_err()
        {
            eprintln!(
                "your former login could not be ended: do it on {}/settings",
                self.server
            );
        }
        let api = Api::of(self.server.clone(), Identity::Token(tokens.access))?;
        match api.get("api/v1/me").await {
            Ok(me) => login.username = plain(me["username"].as_str().unwrap_or_default()),
            // with few rights, or just now: the login is none the worse for it
            Err(error) => eprintln!("the server did not say as whom: {error}"),
        }
        self.slot.put_record(&login)?;
        Logins::find()?.set_current(Some(self.server))?;
        Ok(login)
    }

    /// Stores the token, and gives the one that was there.
    async fn store(
        &self,
        login: &mut Login,
        token: &Secret<String>,
    ) -> anyhow::Result<Option<Secret<String>>> {
        let _lock = self.slot.lock().await?;
        let former = match self.slot.login().ok().flatten() {
            Some(former) => self.slot.token(former.kept).await.ok().flatten(),
            None => None,
        };
        match self.slot.put(login, token).await {
            Err(error) if login.kept == Place::Keyring && !self.must => {
                announce_file(self.slot, &error);
                login.kept = Place::File;
                self.slot.put(login, token).await?;
            }
            done => done?,
        }
        Ok(former)
    }
}
