//! A server with a person and two clients, for the tests of the modules; and the rules that several
//! of them keep together.

use std::net::Ipv4Addr;

use deputy_core::clock::OffsetClock;
use deputy_core::{Caller, Principal, Scopes, Secret, SystemRng};
use deputy_store::testing::{count_oauth_grants, for_each_database};
use url::Url;
use url::form_urlencoded::Serializer;

use super::*;
use crate::tests::World;
use crate::{AuthError, User};

mod at_once;

pub(crate) const URL: &str = "https://deputy.test";
pub(crate) const MCP: &str = "https://deputy.test/mcp";
pub(crate) const API: &str = "https://deputy.test/api";
/// An administrator's client with one address.
pub(crate) const APP: &str = "app";
pub(crate) const APP_AT: &str = "https://app.test/callback?tenant=1";
/// A client that registered itself.
pub(crate) const OTHER: &str = "dpt_client_other";
pub(crate) const OTHER_AT: &str = "https://other.test/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-43-characters-at-least-0123456";
pub(crate) const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

pub(crate) fn challenge() -> String {
    use base64::Engine as _;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
}

pub(crate) fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

/// `base` with `changes`: a value replaces, an empty one takes away.
pub(crate) fn form(base: &[(&str, &str)], changes: &[(&str, &str)]) -> String {
    let mut out = Serializer::new(String::new());
    let kept = base
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    for (name, value) in kept.chain(changes).filter(|(_, value)| !value.is_empty()) {
        out.append_pair(name, value);
    }
    out.finish()
}

/// The person in a browser.
pub(crate) fn in_browser(user: &User) -> Principal {
    let browser = Caller::Browser {
        session: "x".to_owned(),
    };
    crate::principal(user.clone(), None, browser).unwrap()
}

pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) config: Config,
    pub(crate) server: AuthorizationServer,
    pub(crate) anna: User,
}

impl Desk {
    pub(crate) async fn new(store: Store) -> Self {
        Self::with(store, |_| ()).await
    }

    pub(crate) async fn with(store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let world = World::new(store);
        let mut config = Config::new(URL);
        config.token_per_min = 0;
        change(&mut config);
        let server = server(&world, &world.identity, &config);
        world.add("admin").await;
        let anna = world.add("anna").await;
        let at = world.clock.now();
        let tx = world.store.begin().await.unwrap();
        for (id, uri, kind) in [
            (APP, APP_AT, ClientKind::Registered),
            (OTHER, OTHER_AT, ClientKind::Dynamic),
        ] {
            tx.insert_oauth_client(deputy_store::oauth_client::NewClient {
                client_id: id.to_owned(),
                kind,
                name: format!("The {id}"),
                redirect_uris: vec![uri.to_owned()],
                metadata: serde_json::json!({}),
                created_from: None,
                at,
                fresh_until: None,
            })
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        Self {
            world,
            config,
            server,
            anna,
        }
    }

    /// Another process on the same database, with a clock of its own.
    pub(crate) fn replica(&self, clock: &OffsetClock) -> (Identity, AuthorizationServer) {
        let config = crate::Config {
            hash_cost: crate::HashCost::cheapest(),
            ..crate::Config::default()
        };
        let world = World {
            store: self.world.store.clone(),
            clock: clock.clone(),
            identity: World::replica(&self.world.store, clock, config),
        };
        let server = server(&world, &world.identity, &self.config);
        (world.identity, server)
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.world.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The query of an authorization request of [`APP`].
    pub(crate) fn query(changes: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let base = [
            ("response_type", "code"),
            ("client_id", APP),
            ("redirect_uri", APP_AT),
            ("state", "st&te"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        form(&base, changes)
    }

    pub(crate) async fn check(&self, changes: &[(&str, &str)]) -> Result<Asked, AuthorizeError> {
        let request = AuthorizeRequest::parse(&Self::query(changes))?;
        self.server.check(request, None).await
    }

    /// A code for what the person was asked, all of it ticked.
    pub(crate) async fn code(&self, changes: &[(&str, &str)]) -> String {
        let asked = self.check(changes).await.unwrap();
        let principal = in_browser(&self.anna);
        let allowed = self.server.allow(&principal, &asked, &Scopes::all()).await;
        parameter(&allowed.unwrap().location, "code").unwrap()
    }

    pub(crate) async fn post(&self, body: &str) -> Result<TokenAnswer, TokenEndpointError> {
        self.server.token(body.as_bytes(), FORM, None, HERE).await
    }

    pub(crate) fn redeeming(code: &str, changes: &[(&str, &str)]) -> String {
        let base = [
            ("grant_type", "authorization_code"),
            ("client_id", APP),
            ("code", code),
            ("redirect_uri", APP_AT),
            ("code_verifier", VERIFIER),
        ];
        form(&base, changes)
    }

    pub(crate) async fn redeem(
        &self,
        code: &str,
        changes: &[(&str, &str)],
    ) -> Result<TokenAnswer, TokenEndpointError> {
        self.post(&Self::redeeming(code, changes)).await
    }

    pub(crate) fn refreshing(token: &Secret<String>, changes: &[(&str, &str)]) -> String {
        let base = [
            ("grant_type", "refresh_token"),
            ("client_id", APP),
            ("refresh_token", token.expose()),
        ];
        form(&base, changes)
    }

    pub(crate) async fn refresh(
        &self,
        token: &Secret<String>,
        changes: &[(&str, &str)],
    ) -> Result<TokenAnswer, TokenEndpointError> {
        self.post(&Self::refreshing(token, changes)).await
    }

    /// Tokens of a fresh grant.
    pub(crate) async fn tokens(&self, changes: &[(&str, &str)]) -> TokenAnswer {
        let code = self.code(changes).await;
        self.redeem(&code, &[]).await.unwrap()
    }

    pub(crate) async fn bearer(
        &self,
        token: &Secret<String>,
        resource: &str,
    ) -> Result<Principal, AuthError> {
        self.world
            .identity
            .authenticate_bearer(token.expose(), resource)
            .await
    }

    /// Whether the token opens `/mcp`.
    pub(crate) async fn opens(&self, token: &TokenAnswer) -> bool {
        self.bearer(&token.access_token, MCP).await.is_ok()
    }
}

fn server(world: &World, identity: &Identity, config: &Config) -> AuthorizationServer {
    AuthorizationServer::new(
        identity.clone(),
        world.store.clone(),
        None,
        config.clone(),
        Arc::new(world.clock.clone()),
        Arc::new(SystemRng),
    )
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

/// The refusal; a success is none.
#[track_caller]
pub(crate) fn refusal(result: Result<TokenAnswer, TokenEndpointError>) -> TokenEndpointError {
    match result {
        Ok(_) => panic!("tokens were given"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_person_lets_a_client_in_and_takes_it_away_again() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[("scope", "tools:read chat openid")]).await;
        let asked = asked.unwrap();
        assert_eq!(asked.client.name, "The app");
        assert_eq!(asked.resources, [Resource::Mcp]);
        assert!(
            desk.server
                .remembered(desk.anna.id, &asked)
                .await
                .unwrap()
                .is_none()
        );
        let principal = in_browser(&desk.anna);
        let ticked = scopes("tools:read");
        let allowed = desk
            .server
            .allow(&principal, &asked, &ticked)
            .await
            .unwrap();
        let location = &allowed.location;
        assert!(
            location
                .as_str()
                .starts_with("https://app.test/callback?tenant=1&code=dpt_ac_")
        );
        assert_eq!(parameter(location, "state").unwrap(), "st&te");
        assert_eq!(parameter(location, "iss").unwrap(), URL);
        let code = parameter(location, "code").unwrap();
        assert!(
            desk.server.grants(desk.anna.id).await.unwrap().is_empty(),
            "not redeemed"
        );

        let tokens = desk.redeem(&code, &[]).await.unwrap();
        assert_eq!(tokens.kind, Issued::Code);
        let body = tokens.json();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert_eq!(body["scope"], "tools:read");
        assert!(
            body["access_token"]
                .as_str()
                .unwrap()
                .starts_with("dpt_at_")
        );
        assert!(
            body["refresh_token"]
                .as_str()
                .unwrap()
                .starts_with("dpt_rt_")
        );
        let principal = desk.bearer(&tokens.access_token, MCP).await.unwrap();
        assert_eq!(
            (principal.user_id, principal.scopes),
            (desk.anna.id, ticked)
        );
        let label = format!("client:{}:The app", allowed.grant_id);
        assert_eq!(principal.caller.label(), label);

        let grants = desk.server.grants(desk.anna.id).await.unwrap();
        assert_eq!(grants.len(), 1);
        assert!(grants[0].last_used_at.is_some() && grants[0].redeemed_at.is_some());
        let consent = desk.server.remembered(desk.anna.id, &asked).await.unwrap();
        assert_eq!(consent.unwrap().scopes, scopes("tools:read"));
    })
    .await;
}

#[tokio::test]
async fn what_a_person_takes_away_is_dead_at_once_and_says_why() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        let tokens = desk.tokens(&[]).await;
        let admin = desk.world.identity.user_by_name("admin").await.unwrap();
        assert!(
            !desk
                .server
                .end_grant(admin.id, tokens.grant_id, PERSON)
                .await
                .unwrap(),
            "not theirs"
        );
        assert!(desk.opens(&tokens).await);
        assert!(
            desk.server
                .end_grant(desk.anna.id, tokens.grant_id, PERSON)
                .await
                .unwrap()
        );
        assert!(
            !desk
                .server
                .end_grant(desk.anna.id, tokens.grant_id, PERSON)
                .await
                .unwrap()
        );
        let error = desk
            .bearer(&tokens.access_token, MCP)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("access was taken away on /settings on 20"),
            "{error}"
        );
        let error = refusal(desk.refresh(&tokens.refresh_token, &[]).await);
        assert_eq!((error.status, error.error), (400, "invalid_grant"));
        assert!(
            error
                .description
                .starts_with("access was taken away on /settings on 20")
        );
        assert!(desk.server.grants(desk.anna.id).await.unwrap().is_empty());
        assert!(
            desk.server
                .remembered(desk.anna.id, &asked)
                .await
                .unwrap()
                .is_none()
        );
    })
    .await;
}

#[tokio::test]
async fn who_ends_an_access_gives_the_reason() {
    let test = deputy_store::testing::sqlite().await;
    let desk = Desk::new(test.store.clone()).await;
    let browser = in_browser(&desk.anna).caller;
    let token = Caller::Token {
        id: 1,
        name: "mine".to_owned(),
    };
    let client = Caller::Client {
        grant: 1,
        id: APP.to_owned(),
        name: "The app".to_owned(),
    };
    for (caller, said) in [
        (browser, "access was taken away on /settings on 20"),
        (token, "access was taken away with a personal token on 20"),
        (client, "the client gave its access back on 20"),
    ] {
        let tokens = desk.tokens(&[]).await;
        let (anna, why) = (desk.anna.id, ended_by(&caller));
        let ended = desk.server.end_grant(anna, tokens.grant_id, why).await;
        assert!(ended.unwrap());
        let error = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
    }
    let tokens = desk.tokens(&[]).await;
    desk.server.remove_client(APP).await.unwrap();
    let error = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
    let said = "an administrator removed the client on 20";
    assert!(error.to_string().starts_with(said), "{error}");
}

#[tokio::test]
async fn what_is_over_is_swept_and_what_lives_stays() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let kept = desk.tokens(&[]).await;
        let ended = desk.tokens(&[]).await;
        desk.server
            .end_grant(desk.anna.id, ended.grant_id, PERSON)
            .await
            .unwrap();
        let _never_redeemed = desk.code(&[]).await;
        let kept = desk.refresh(&kept.refresh_token, &[]).await.unwrap();
        desk.pass(3600 + 60);
        desk.server.sweep().await.unwrap();
        let user = desk.world.store.user(desk.anna.id);
        assert_eq!(count_oauth_grants(&desk.world.store, desk.anna.id).await, 1);
        assert!(
            user.oauth_grant(ended.grant_id).await.unwrap().is_some(),
            "it says why"
        );
        let error = desk.bearer(&kept.access_token, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Unknown), "{error}");
        let kept = desk.refresh(&kept.refresh_token, &[]).await.unwrap();
        assert!(desk.opens(&kept).await);
        desk.pass(29 * 24 * 3600);
        desk.server.sweep().await.unwrap();
        let says = user.oauth_grant(ended.grant_id).await.unwrap();
        assert!(says.is_some(), "for 30 days");
        desk.pass(24 * 3600 + 60);
        desk.server.sweep().await.unwrap();
        assert!(user.oauth_grant(ended.grant_id).await.unwrap().is_none());
        assert!(user.oauth_grant(kept.grant_id).await.unwrap().is_none());
        assert_eq!(desk.server.sweep().await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_swept_is_counted() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let _never_redeemed = desk.code(&[]).await;
        desk.pass(25 * 3600);
        let swept = desk.server.sweep().await.unwrap();
        assert_eq!(swept, 2, "a grant with its code, and OTHER");
        assert_eq!(desk.server.sweep().await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_timer_sweeps_at_once_and_at_the_soft_stop() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let row = desk.world.store.oauth_client(APP).await.unwrap().unwrap();
        desk.pass(3600);
        desk.refresh(&tokens.refresh_token, &[]).await.unwrap();
        desk.pass(31 * 24 * 3600);
        let lifecycle = Lifecycle::new();
        desk.server.run(&lifecycle);
        let user = desk.world.store.user(desk.anna.id);
        let is_gone = async |id| user.oauth_grant(id).await.unwrap().is_none();
        let sweeping = async {
            while !is_gone(tokens.grant_id).await {
                tokio::task::yield_now().await;
            }
        };
        let swept = tokio::time::timeout(Duration::from_secs(10), sweeping).await;
        swept.expect("swept at once");
        let tokens = desk.tokens(&[]).await;
        desk.pass(31 * 24 * 3600);
        assert!(!is_gone(tokens.grant_id).await);
        assert!(lifecycle.stop(Duration::from_secs(10)).await);
        assert!(is_gone(tokens.grant_id).await);
        let after = desk.world.store.oauth_client(APP).await.unwrap().unwrap();
        assert!(after.last_used_at > row.last_used_at);
    })
    .await;
}
