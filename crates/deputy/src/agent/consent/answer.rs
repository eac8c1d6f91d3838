//! What the server has the browser bring back (RFC 6749 section 4.1.2, RFC 9207). Looked at in this order: is it of this
//! login, is it of this server, and only then what it says.

use deputy_core::Secret;
use url::{Url, form_urlencoded};

use crate::agent::terminal::plain;

/// Why an answer is worth nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// Neither an address nor a code.
    #[error("that is no address with an answer in it")]
    Malformed,
    /// Of another login, or made up.
    #[error("that answer belongs to another login (its state is another one)")]
    State,
    /// Of another server.
    #[error(
        "the answer came from another server than you wanted to log in to; nothing was changed"
    )]
    Issuer,
    /// No consent.
    #[error("the server did not let you in: {0}")]
    Refused(String),
}

/// What an answer has to carry.
pub(in crate::agent) struct Expected {
    pub(in crate::agent) state: Secret<String>,
    pub(in crate::agent) issuer: String,
    /// Whether it has to name its issuer.
    pub(in crate::agent) names_issuer: bool,
}

/// A parameter that may be there once.
pub(crate) fn parameter(query: &str, name: &str) -> Result<Option<String>, AnswerError> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let first = values.next().map(|(_, value)| value.into_owned());
    match values.next() {
        None => Ok(first),
        Some(_) => Err(AnswerError::Malformed),
    }
}

impl Expected {
    /// The code in the query of an answer.
    pub(in crate::agent) fn read(&self, query: &str) -> Result<Secret<String>, AnswerError> {
        if parameter(query, "state")?.as_ref() != Some(self.state.expose()) {
            return Err(AnswerError::State);
        }
        match parameter(query, "iss")? {
            Some(issuer) if issuer != self.issuer => return Err(AnswerError::Issuer),
            None if self.names_issuer => return Err(AnswerError::Issuer),
            _ => {}
        }
        if let Some(error) = parameter(query, "error")? {
            let words = parameter(query, "error_description")?.map(|words| plain(&words));
            return Err(AnswerError::Refused(match (error.as_str(), words) {
                ("access_denied", None) => "the consent was refused".to_owned(),
                (_, Some(words)) => format!("{words} ({})", plain(&error)),
                (_, None) => plain(&error),
            }));
        }
        match parameter(query, "code")? {
            Some(code) if !code.is_empty() => Ok(Secret::new(code)),
            _ => Err(AnswerError::Malformed),
        }
    }

    /// The code in what somebody pasted: the address, its query, or the code alone. That one was read off a page of the
    /// server, and is worth something with our verifier only.
    pub(in crate::agent) fn read_pasted(&self, text: &str) -> Result<Secret<String>, AnswerError> {
        let text = text.trim();
        if let Ok(url) = Url::parse(text) {
            return match url.query() {
                Some(query) => self.read(query),
                None => Err(AnswerError::Malformed),
            };
        }
        if text.contains('=') {
            return self.read(text.trim_start_matches('?'));
        }
        let is_code = (20..=512).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'));
        if is_code {
            Ok(Secret::from(text))
        } else {
            Err(AnswerError::Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://deputy.example.org";

    fn expected(names_issuer: bool) -> Expected {
        Expected {
            state: Secret::from("st"),
            issuer: ISSUER.to_owned(),
            names_issuer,
        }
    }

    fn read(query: &str) -> Result<String, AnswerError> {
        expected(true).read(query).map(|code| code.expose().clone())
    }

    #[test]
    fn an_answer_is_of_this_login_and_of_this_server() {
        let iss = "https%3A%2F%2Fdeputy.example.org";
        assert_eq!(read(&format!("code=c&state=st&iss={iss}")).unwrap(), "c");
        for (query, error) in [
            (format!("code=c&iss={iss}"), AnswerError::State),
            (format!("code=c&state=&iss={iss}"), AnswerError::State),
            (format!("code=c&state=other&iss={iss}"), AnswerError::State),
            ("code=c&state=st".to_owned(), AnswerError::Issuer),
            (format!("code=c&state=st&iss={iss}%2F"), AnswerError::Issuer),
            (
                "code=c&state=st&iss=https://evil.example".to_owned(),
                AnswerError::Issuer,
            ),
            // an error of another server isn't shown
            (
                "error=oh&state=st&iss=https://evil.example".to_owned(),
                AnswerError::Issuer,
            ),
            (format!("state=st&iss={iss}"), AnswerError::Malformed),
            (format!("code=&state=st&iss={iss}"), AnswerError::Malformed),
            (
                format!("code=c&code=d&state=st&iss={iss}"),
                AnswerError::Malformed,
            ),
            (
                format!("code=c&state=st&state=st&iss={iss}"),
                AnswerError::Malformed,
            ),
        ] {
            assert_eq!(read(&query).unwrap_err(), error, "{query}");
        }
        let older = expected(false);
        assert!(
            older.read("code=c&state=st").is_ok(),
            "it did not say that it would"
        );
        assert!(older.read("code=c&state=st&iss=x").is_err());
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let iss = format!("state=st&iss={ISSUER}");
        let said = |query: &str| read(&format!("{query}&{iss}")).unwrap_err().to_string();
        assert!(said("error=access_denied").contains("consent was refused"));
        let words = said("error=invalid_scope&error_description=no+such%1B%5B2J+scope");
        assert!(
            words.contains("no such") && words.contains("invalid_scope"),
            "{words}"
        );
        assert!(!words.contains('\u{1b}'), "{words}");
        // both: it is a refusal
        assert!(said("error=access_denied&code=c").contains("refused"));
    }

    #[test]
    fn what_is_pasted_may_be_the_address_its_end_or_the_code() {
        let code = format!("dpt_ac_{}", "A".repeat(43));
        let end = format!("code={code}&state=st&iss={ISSUER}");
        let pasted = |text: &str| {
            expected(true)
                .read_pasted(text)
                .map(|code| code.expose().clone())
        };
        for text in [
            format!("http://localhost:8181/callback?{end}"),
            format!("  http://localhost:8181/callback?{end}\n"),
            format!("?{end}"),
            end.clone(),
            code.clone(),
        ] {
            assert_eq!(pasted(&text).unwrap(), code, "{text}");
        }
        for text in [
            "",
            "yes",
            "http://localhost:8181/callback",
            "https://x/?a=b",
            "two words of twenty letters",
        ] {
            assert!(pasted(text).is_err(), "{text}");
        }
        assert_eq!(
            pasted(&format!(
                "http://localhost:8181/callback?code={code}&state=x"
            ))
            .unwrap_err(),
            AnswerError::State
        );
    }
}
