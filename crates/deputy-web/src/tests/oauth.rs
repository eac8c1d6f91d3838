//! Programs that log in as people, from outside: pages as forms, endpoints as requests.

mod admin;
mod bearer;
mod consent;
mod documents;
mod endpoints;
mod ends;
mod hostile;
mod leaving;
mod lists;

use deputy_store::testing::count_oauth_grants;
use http::{Method, StatusCode};

use super::*;

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const CALLBACK: &str = "https://program.example/cb";

/// What a program asks for.
#[derive(Clone)]
pub(crate) struct Wish(Vec<(String, String)>);

impl Wish {
    /// Of this client, with a scope and the REST API.
    fn of(client: &str) -> Self {
        Self(Vec::new())
            .with("client_id", client)
            .with("redirect_uri", CALLBACK)
            .with("response_type", "code")
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256")
            .with("state", "st a&te")
            .with("scope", "tools:read chat")
            .with("resource", &format!("{ORIGIN}/api"))
    }

    /// With this in place of what was there; an empty value leaves it out.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(n, _)| n != name);
        if !value.is_empty() {
            self.0.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }

    fn path(&self) -> String {
        format!("/oauth/authorize?{}", self.query())
    }
}

/// What a page's form would send, before anybody changes it.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no field {name}: {page}"));
    unescape(rest.split('"').next().unwrap())
}

fn unescape(html: &str) -> String {
    html.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

/// The boxes of the page and whether each is ticked.
fn boxes(page: &str) -> Vec<(String, bool)> {
    page.split("type=\"checkbox\" name=\"scope\" value=\"")
        .skip(1)
        .map(|rest| {
            let (id, rest) = rest.split_once('"').unwrap();
            (id.to_owned(), rest.starts_with(" checked"))
        })
        .collect()
}

impl Browser<'_> {
    /// Sends the page's form as it is, with this decision.
    async fn decide(&mut self, page: &Answer, decision: &str) -> Answer {
        let ticked: Vec<String> = boxes(&page.text)
            .into_iter()
            .filter(|(_, ticked)| *ticked)
            .map(|(id, _)| id)
            .collect();
        let scopes: Vec<&str> = ticked.iter().map(String::as_str).collect();
        self.decide_with(page, decision, &scopes).await
    }

    async fn decide_with(&mut self, page: &Answer, decision: &str, scopes: &[&str]) -> Answer {
        let (csrf, request) = (page.csrf(), hidden(&page.text, "request"));
        let mut fields = vec![("csrf", csrf.as_str()), ("request", request.as_str())];
        fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
        fields.push(("decision", decision));
        self.post_bare("/oauth/authorize", &fields, Some("same-origin"))
            .await
    }

    /// Asks for a page as a link on another site would.
    async fn follow(&mut self, path: &str, from: &str) -> Answer {
        let request = self
            .request(Method::GET, path)
            .header("sec-fetch-site", from)
            .body(Body::empty())
            .unwrap();
        self.exchange(request).await
    }

    /// Allows what is asked, to the code.
    async fn allow(&mut self, wish: &Wish) -> String {
        let page = self.get(&wish.path()).await;
        let away = if page.status == StatusCode::SEE_OTHER {
            page // It was allowed before.
        } else {
            assert_eq!(page.status, StatusCode::OK, "{}", page.text);
            self.decide(&page, "allow").await
        };
        assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.text);
        parameter(away.header("location"), "code").expect("a code")
    }
}

/// A parameter of an address.
fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(ORIGIN).unwrap().join(url).unwrap();
    url.query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

impl TestApp {
    /// A program that registered itself.
    async fn registered(&self, name: &str, redirects: &[&str]) -> String {
        let body = json!({ "client_name": name, "redirect_uris": redirects });
        let answer = self
            .post("/oauth/register", "application/json", &body.to_string())
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// A program that the administrator added.
    async fn added(&self, id: &str, redirects: &[&str]) {
        let new = deputy_identity::oauth::NewRegistered {
            client_id: id.to_owned(),
            name: None,
            redirect_uris: redirects.iter().map(|&uri| uri.to_owned()).collect(),
        };
        self.authorization.add_client(new).await.unwrap();
    }

    /// A request of a program.
    async fn post(&self, path: &str, kind: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8484")
            .header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.post(path, "application/x-www-form-urlencoded", &body)
            .await
    }

    async fn redeem(&self, client: &str, code: &str, redirect: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", VERIFIER),
        ];
        self.form("/oauth/token", &fields).await
    }

    /// Access and refresh token of what the person in `browser` allows.
    async fn log_in(
        &self,
        browser: &mut Browser<'_>,
        client: &str,
        wish: &Wish,
    ) -> (String, String) {
        let code = browser.allow(wish).await;
        let tokens = self.redeem(client, &code, CALLBACK).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
        let text = |name: &str| tokens.json()[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }

    /// Actions and targets on record that begin so, oldest first; all that was noted is written.
    async fn recorded(&self, prefix: &str) -> Vec<(String, String)> {
        self.audit.flush().await;
        let rows = self.store.store.audit_after(0, 1000).await.unwrap();
        rows.into_iter()
            .filter(|row| row.action.starts_with(prefix))
            .map(|row| (row.action, row.outcome))
            .collect()
    }
}

/// What there is without a token.
const NOTHING: &str = "";
