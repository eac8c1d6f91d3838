//! A program that asks for access step by step, with everything in its hands: for what libraries would not do.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{App, Browser, client};

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where it would listen.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:38123/callback";

/// A client that has registered.
#[derive(Clone)]
pub(crate) struct Program {
    /// The installation's name.
    url: Url,
    /// Where its requests go.
    server: Url,
    pub(crate) id: String,
    http: reqwest::Client,
}

/// What an endpoint said.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn text(&self, name: &str) -> String {
        let found = self.body[name].as_str();
        found
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_owned()
    }
}

impl Program {
    /// Registers.
    pub(crate) async fn register(url: &Url, name: &str) -> Self {
        let body = json!({ "client_name": name, "redirect_uris": [CALLBACK] });
        let http = client();
        let to = url.join("oauth/register").unwrap();
        let answer = http.post(to).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let answer: Value = answer.json().await.unwrap();
        Self {
            url: url.clone(),
            server: url.clone(),
            id: answer["client_id"].as_str().unwrap().to_owned(),
            http,
        }
    }

    /// One that an administrator added: all its installations share the id, so that a later login ends
    /// no earlier one.
    pub(crate) fn shared(app: &App, id: &str) -> Self {
        let (code, _, err) = app.run(&["client", "add", id, "--redirect-uri", CALLBACK], "");
        assert_eq!(code, 0, "{err}");
        Self {
            url: app.url.clone(),
            server: app.url.clone(),
            id: id.to_owned(),
            http: client(),
        }
    }

    /// The same program, sent to another server of the installation by whatever stands before both.
    pub(crate) fn at(&self, server: &Url) -> Self {
        Self {
            server: server.clone(),
            ..self.clone()
        }
    }

    /// Its link, with `more` parameters beside what every link has.
    pub(crate) fn link(&self, more: &[(&str, &str)]) -> Url {
        let mut link = self.url.join("oauth/authorize").unwrap();
        let usual = [
            ("client_id", &*self.id),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("state", "as it was"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in usual {
            if !more.iter().any(|(n, _)| *n == name) {
                link.query_pairs_mut().append_pair(name, value);
            }
        }
        link.query_pairs_mut().extend_pairs(more);
        link
    }

    /// A code that `name` allowed, in a browser of theirs.
    pub(crate) async fn code(&self, browser: &mut Browser, name: &str) -> String {
        let resource = self.url.join("api").unwrap();
        let link = self.link(&[("resource", resource.as_str())]);
        let sent_to = browser
            .answer(link, name, "allow", None)
            .await
            .unwrap_or_else(|page| panic!("{page:?}"));
        parameter(&sent_to, "code").unwrap_or_else(|| panic!("no code in {sent_to}"))
    }

    /// Tokens of `name`.
    pub(crate) async fn log_in(&self, browser: &mut Browser, name: &str) -> Reply {
        let code = self.code(browser, name).await;
        let tokens = self.redeem(&code).await.unwrap();
        assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
        tokens
    }

    /// Redeems a code; nothing where no answer came.
    pub(crate) async fn redeem(&self, code: &str) -> Option<Reply> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    /// Refreshes; nothing where no answer came.
    pub(crate) async fn refresh(&self, token: &str) -> Option<Reply> {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// A request to the token endpoint.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Option<Reply> {
        let mut form = form.to_vec();
        if !form.iter().any(|(n, _)| *n == "client_id") {
            form.push(("client_id", &self.id));
        }
        self.form("oauth/token", &form).await
    }

    /// A form to an endpoint.
    pub(crate) async fn form(&self, path: &str, form: &[(&str, &str)]) -> Option<Reply> {
        let request = self.request(Method::POST, path).form(form);
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {status}: {text}"))
        };
        Some(Reply { status, body })
    }

    /// Uses an access token on the REST API: the status, and the challenge that came with it.
    pub(crate) async fn try_token(&self, token: &str, path: &str) -> Option<(StatusCode, String)> {
        let method = if path.starts_with("mcp") {
            Method::POST
        } else {
            Method::GET
        };
        let mut request = self.request(method, path).bearer_auth(token);
        if path.starts_with("mcp") {
            let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
            request = request
                .header("accept", "application/json, text/event-stream")
                .json(&list);
        }
        let answer = request.send().await.ok()?;
        let challenge = answer
            .headers()
            .get("www-authenticate")
            .map(|v| v.to_str().unwrap().to_owned());
        Some((answer.status(), challenge.unwrap_or_default()))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let to = self.server.join(path).unwrap();
        self.http
            .request(method, to)
            .header("host", self.url.authority())
    }

    /// Whether an access token works on the REST API.
    pub(crate) async fn works(&self, token: &str) -> bool {
        let (status, _) = self.try_token(token, "api/v1/me").await.unwrap();
        status == StatusCode::OK
    }
}

/// A parameter of an address.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}
