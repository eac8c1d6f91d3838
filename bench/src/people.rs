//! An installation with people in it, whose Google (the emulated one) is connected: written into a
//! folder before a server runs on it. The consent is the real one; only the browser is left out.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use deputy_connections::{CallbackQuery, Connections, Services};
use deputy_core::{Clock, Lifecycle, Rng, Secret, SystemClock, SystemRng, UserId, http};
use deputy_identity::{HashCost, Identity, NewUser, PasswordPolicy, TokenRequest};
use deputy_sandbox::google::{CLIENT_ID, CLIENT_SECRET};
use deputy_store::Store;
use deputy_vault::Vault;
use url::Url;

/// The rooms of an installation that a server and the seeding share.
pub(crate) struct Rooms {
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) identity: Identity,
    pub(crate) connections: Connections,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
}

/// Where the root key of an installation is.
pub(crate) fn key_file(data: &Path) -> PathBuf {
    data.join("root.key")
}

impl Rooms {
    /// Opens the installation in `data`, made where there is none, with its Google at `google`.
    pub(crate) async fn open(
        data: &Path,
        google: &Url,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let key = key_file(data);
        if !key.exists() {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&key)?;
            std::io::Write::write_all(
                &mut file,
                deputy_vault::generate_key(&*rng).expose().as_bytes(),
            )?;
        }
        let key = deputy_vault::Config {
            current: deputy_vault::parse_key(fs::read_to_string(&key)?.trim())?,
            old: Vec::new(),
        };
        let url = format!("sqlite://{}", data.join("deputy.db").display());
        let store = Store::connect(&deputy_store::Config::new(url)).await?;
        store.migrate().await?;
        let vault = Vault::new(store.clone(), &key, Arc::clone(&clock), Arc::clone(&rng));
        vault.check().await?;
        let config = deputy_identity::Config {
            hash_cost: HashCost::cheapest(),
            ..Default::default()
        };
        let identity = Identity::new(
            store.clone(),
            Some(vault.clone()),
            config,
            Arc::clone(&clock),
            Arc::clone(&rng),
        );
        let mut config = deputy_connections::Config::google(
            CLIENT_ID.to_owned(),
            Secret::from(CLIENT_SECRET),
            Url::parse("http://127.0.0.1:1/callback")?,
        );
        config.auth_url = google.join("o/oauth2/v2/auth")?;
        config.token_url = google.join("token")?;
        config.revoke_url = google.join("revoke")?;
        let connections = Connections::new(
            store.clone(),
            vault.clone(),
            Some(config),
            http::trusted(http::Limits::default())?,
            lifecycle.clone(),
            Arc::clone(&clock),
            Arc::clone(&rng),
        );
        Ok(Self {
            store,
            vault,
            identity,
            connections,
            clock,
            rng,
        })
    }

    /// Adds `count` people, connected; their personal tokens.
    pub(crate) async fn settle(&self, count: usize) -> anyhow::Result<Vec<String>> {
        self.add(count, true).await
    }

    /// Adds `count` people with nothing connected; their personal tokens.
    pub(crate) async fn people(&self, count: usize) -> anyhow::Result<Vec<String>> {
        self.add(count, false).await
    }

    async fn add(&self, count: usize, connected: bool) -> anyhow::Result<Vec<String>> {
        let mut tokens = Vec::with_capacity(count);
        for number in 0..count {
            let name = format!("person{number}");
            let mut new = NewUser::new(name.clone(), Secret::from("a long enough passphrase"));
            new.policy = PasswordPolicy::Sandbox;
            let user = self.identity.create_user(new).await?.id;
            if connected {
                self.consent(user, &format!("{name}@sandbox.test"))
                    .await
                    .context("consenting")?;
            }
            let request = TokenRequest {
                name: "bench".to_owned(),
                scopes: None,
                days: None,
            };
            tokens.push(
                self.identity
                    .create_token(user, request)
                    .await?
                    .0
                    .expose()
                    .clone(),
            );
        }
        Ok(tokens)
    }

    async fn consent(&self, user: UserId, account: &str) -> anyhow::Result<()> {
        let page = self.connections.begin(user, Services::ALL).await?;
        let client = http::trusted(http::Limits::default())?;
        let asked = page
            .query_pairs()
            .find(|(key, _)| key == "scope")
            .map(|(_, scopes)| scopes.into_owned());
        let form = client
            .get(page.clone())
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
        let mut answers: Vec<(String, String)> = form
            .split("<input")
            .filter(|tag| tag.contains("type=\"hidden\""))
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
            .collect();
        answers.extend(
            asked
                .unwrap_or_default()
                .split(' ')
                .map(|s| ("scope".to_owned(), s.to_owned())),
        );
        answers.extend([
            ("email".to_owned(), account.to_owned()),
            ("decision".to_owned(), "allow".to_owned()),
        ]);
        let action = form
            .split("<form")
            .nth(1)
            .and_then(|tag| attribute(tag.split('>').next()?, "action"));
        let action = action.map_or_else(|| Ok(page.clone()), |a| page.join(&a))?;
        let response = client.post(action).form(&answers).send().await?;
        let back = response
            .headers()
            .get("location")
            .and_then(|to| to.to_str().ok());
        let back = Url::parse(
            back.with_context(|| format!("the consent page answered {}", response.status()))?,
        )?;
        let value = |name: &str| {
            back.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let Some(code) = value("code") else {
            bail!("the consent was refused: {back}")
        };
        let query = CallbackQuery {
            code: Some(Secret::new(code)),
            state: value("state"),
            error: None,
            iss: None,
        };
        self.connections.complete(user, query).await?;
        Ok(())
    }
}

/// The value of an attribute in a tag of the emulator's page.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let raw = tag[start..].split('"').next()?;
    let plain = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#38;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    Some(
        plain
            .iter()
            .fold(raw.to_owned(), |text, (from, to)| text.replace(from, to)),
    )
}
