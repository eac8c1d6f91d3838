//! The address of a Deputy server. It is the server's identity: issuer of tokens, beginning of every resource, and the
//! key under which a login is kept. So it is brought into one form, and never guessed at.

use std::fmt;

use deputy_core::http;
use deputy_core::secret::sha256_hex;
use url::Url;

use crate::settings::SettingError;

/// Where a server is when nobody says.
pub(crate) const DEFAULT: &str = "http://127.0.0.1:8484";

/// The address, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    /// Of what somebody typed. `https`, or `http` towards this machine.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong = |what: &str| {
            Err(SettingError(format!(
                "the server's address {what}: '{text}'"
            )))
        };
        let mut url = match Url::parse(text.trim()) {
            Ok(url) => url,
            Err(error) => return wrong(&format!("is no URL ({error})")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && http::is_loopback(&url)) {
            return wrong("must begin with https:// (http:// is accepted for this machine only)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingError(
                "the server's address must not have a name or a password in it; log in with `deputy login`"
                    .to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("must be the address of the server alone, without ? and #");
        }
        // the same server, also where two are compared
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address, as the server itself writes it (RFC 8414: the issuer).
    pub(crate) fn issuer(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The REST API as a resource (RFC 8707).
    pub(crate) fn api(&self) -> String {
        format!("{}/api", self.issuer())
    }

    /// An MCP endpoint as a resource: everything, or one server.
    pub(crate) fn mcp(&self, server: Option<&str>) -> String {
        match server {
            None => format!("{}/mcp", self.issuer()),
            Some(name) => format!("{}/mcp/{name}", self.issuer()),
        }
    }

    /// A path of the server.
    pub(crate) fn join(&self, path: &str) -> Result<Url, url::ParseError> {
        Url::parse(&format!("{}/{path}", self.issuer()))
    }

    /// A well-known document about `path` (empty: about the server itself): its name goes between host and path
    /// (RFC 8414 section 3.1, RFC 9728 section 3.1).
    pub(crate) fn well_known(&self, name: &str, path: &str) -> Url {
        let mut url = self.0.clone();
        let own = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("/.well-known/{name}{own}{path}"));
        url
    }

    /// Whether `url` is at this server: same scheme, host and port.
    pub(crate) fn is_home_of(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// A name for a folder: readable, and different for different addresses.
    pub(crate) fn folder_name(&self) -> String {
        let readable: String = self
            .issuer()
            .split_once("://")
            .map_or("", |(_, rest)| rest)
            .chars()
            .take(60)
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let digest = sha256_hex(self.issuer().as_bytes());
        format!("{readable}-{}", &digest[..12])
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.issuer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_one_address() {
        for text in [
            "https://deputy.example.org",
            "https://deputy.example.org/",
            " HTTPS://Deputy.Example.org:443/ ",
        ] {
            let server = ServerUrl::parse(text).unwrap();
            assert_eq!(server.issuer(), "https://deputy.example.org", "{text}");
            assert_eq!(server.mcp(None), "https://deputy.example.org/mcp");
            assert_eq!(
                server.mcp(Some("files")),
                "https://deputy.example.org/mcp/files"
            );
        }
        let server = ServerUrl::parse("https://example.org/deputy/").unwrap();
        assert_eq!(
            ServerUrl::parse("https://example.org/deputy").unwrap(),
            server
        );
        assert_eq!(
            server
                .well_known("oauth-protected-resource", "/api")
                .as_str(),
            "https://example.org/.well-known/oauth-protected-resource/deputy/api"
        );
        assert_eq!(
            server.join("api/v1/me").unwrap().path(),
            "/deputy/api/v1/me"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "deputy.example.org",
            "http://deputy.example.org",
            "https://deputy.example.org/?a=b",
            "https://deputy.example.org/#a",
            "file:///etc/passwd",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text}");
        }
        let error = ServerUrl::parse("https://me:s3cret@deputy.example.org").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn folders_differ_by_the_whole_address() {
        let name = |text| ServerUrl::parse(text).unwrap().folder_name();
        assert!(name("http://127.0.0.1:8484").starts_with("127.0.0.1-8484-"));
        assert_ne!(name("http://localhost:1"), name("https://localhost:1"));
        assert_ne!(name("https://a.org/b/c"), name("https://a.org/b-c"));
        assert!(!name("https://a.org/../..").contains('/'));
    }
}
