//! Somebody at the pages: cookies, forms, redirects; no scripts.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::client;

/// A browser of one person.
pub(crate) struct Browser {
    base: Url,
    cookies: BTreeMap<(String, u16), BTreeMap<String, String>>,
    http: reqwest::Client,
}

/// A page that was shown.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) url: Url,
    pub(crate) html: String,
}

/// A form of a page, filled in as the page has it.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: Url,
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// The form with a field set (all of its name are replaced).
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Browser {
    pub(crate) fn new(base: Url) -> Self {
        Self {
            base,
            cookies: BTreeMap::new(),
            http: client(),
        }
    }

    /// Where its installation is.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// One request, no redirect followed. The cookie jar is kept.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: Url,
        form: Option<&[(String, String)]>,
    ) -> reqwest::Response {
        let site = (
            url.host_str().unwrap().to_owned(),
            url.port_or_known_default().unwrap(),
        );
        let mut request = self.http.request(method, url);
        if let Some(jar) = self.cookies.get(&site) {
            let line = jar
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect::<Vec<_>>()
                .join("; ");
            request = request.header(COOKIE, line);
        }
        if let Some(form) = form {
            request = request.form(form).header("Sec-Fetch-Site", "same-origin");
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            let jar = self.cookies.entry(site.clone()).or_default();
            if value.is_empty() || text.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// The `Cookie` header that goes to a URL's site.
    pub(crate) fn cookies_of(&self, url: &Url) -> String {
        let site = (
            url.host_str().unwrap().to_owned(),
            url.port_or_known_default().unwrap(),
        );
        let jar = self.cookies.get(&site);
        jar.into_iter()
            .flatten()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Follows redirects until there is a page.
    pub(crate) async fn go(
        &mut self,
        method: Method,
        mut url: Url,
        form: Option<&[(String, String)]>,
    ) -> Page {
        let mut response = self.send(method, url.clone(), form).await;
        for _ in 0..10 {
            let Some(to) = response.headers().get(LOCATION) else {
                break;
            };
            url = url.join(to.to_str().unwrap()).unwrap();
            response = self.send(Method::GET, url.clone(), None).await;
        }
        Page {
            status: response.status(),
            url,
            html: response.text().await.unwrap(),
        }
    }

    /// Opens a path of the server.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let url = self.base.join(path).unwrap();
        self.go(Method::GET, url, None).await
    }

    /// Sends a form.
    pub(crate) async fn submit(&mut self, form: Form) -> Page {
        self.go(Method::POST, form.action, Some(&form.fields)).await
    }

    /// Signs in on the page for it.
    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.open("login").await;
        let form = page
            .form_with("password")
            .with("username", name)
            .with("password", password);
        self.submit(form).await
    }

    /// Consents at the emulated Google to `service` (or `all`) as `account`.
    pub(crate) async fn connect_google(
        &mut self,
        google: &Url,
        account: &str,
        service: &str,
    ) -> Page {
        let page = self
            .open(&format!("connect/google?service={service}"))
            .await;
        assert_eq!(
            page.url.origin(),
            google.origin(),
            "not at Google: {page:?}"
        );
        let form = page.form_with("decision");
        let form = if form.fields.iter().any(|(n, _)| n == "email") {
            form.with("email", account)
        } else {
            form
        };
        let page = self.submit(form.with("decision", "allow")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page
    }
}

impl Page {
    /// The first form that has a field or button of this name, with hidden fields, texts and ticked
    /// boxes as they are.
    pub(crate) fn form_with(&self, field: &str) -> Form {
        for part in self.html.split("<form").skip(1) {
            let (tag, rest) = part.split_once('>').unwrap();
            let inner = rest.split("</form>").next().unwrap();
            if !inner.contains(&format!("name=\"{field}\"")) {
                continue;
            }
            let action = attribute(tag, "action")
                .map_or_else(|| self.url.clone(), |a| self.url.join(&a).unwrap());
            return Form {
                action,
                fields: fields(inner),
            };
        }
        panic!("no form with '{field}' on {}:\n{}", self.url, self.html);
    }

    /// The form that is sent to this path.
    pub(crate) fn form_to(&self, path: &str) -> Form {
        for part in self.html.split("<form").skip(1) {
            let (tag, rest) = part.split_once('>').unwrap();
            if attribute(tag, "action").is_some_and(|a| self.url.join(&a).unwrap().path() == path) {
                let inner = rest.split("</form>").next().unwrap();
                return Form {
                    action: self.url.join(&attribute(tag, "action").unwrap()).unwrap(),
                    fields: fields(inner),
                };
            }
        }
        panic!("no form to '{path}' on {}:\n{}", self.url, self.html);
    }
}

fn fields(inner: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for part in inner.split("<input").skip(1) {
        let tag = part.split('>').next().unwrap();
        let kind = attribute(tag, "type").unwrap_or_default();
        let ticked = tag
            .split_whitespace()
            .any(|w| w.trim_end_matches('/') == "checked" || w.starts_with("checked="));
        if kind == "submit" || (matches!(kind.as_str(), "checkbox" | "radio") && !ticked) {
            continue;
        }
        if let Some(name) = attribute(tag, "name") {
            out.push((name, attribute(tag, "value").unwrap_or_default()));
        }
    }
    out
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let raw = tag[start..].split('"').next()?;
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#38;", "&"),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    Some(
        plain
            .iter()
            .fold(raw.to_owned(), |text, (from, to)| text.replace(from, to)),
    )
}
