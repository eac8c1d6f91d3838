//! One API request on its way to a handler, and what a handler answers.

use std::collections::BTreeSet;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value};
use url::Url;

use super::failure::Failure;
use super::methods::{Kind, Method, Parameter, Place};
use super::world::Tx;

/// Answers one method. It runs inside one transaction: what it wrote is forgotten if it fails.
pub(crate) type Handler = fn(&mut Call<'_, '_>) -> Result<Answer, Failure>;

/// A request that passed authentication, scopes, quota and parameter checks.
pub(crate) struct Call<'c, 'w> {
    /// The world.
    pub(crate) tx: &'c mut Tx<'w>,
    pub(crate) method: &'static Method,
    /// The e-mail address that the access token stands for.
    pub(crate) account: String,
    /// What the access token may do.
    pub(crate) scopes: &'c BTreeSet<String>,
    /// Parameters of path and query.
    pub(crate) params: Params,
    pub(crate) headers: &'c HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it came by the upload path: then `body` is the media (`uploadType=media`), a
    /// `multipart/related` of metadata and media, or the start of a resumable session.
    pub(crate) upload: bool,
    /// Where this emulator is, for links.
    pub(crate) base: &'c Url,
}

impl Call<'_, '_> {
    /// The body as a JSON object; an empty body is an empty object.
    pub(crate) fn json(&self) -> Result<Map<String, Value>, Failure> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "parseError",
                "Parse Error",
            )),
        }
    }

    /// A header as text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// 412 if the request has an `If-Match` that doesn't name `etag`.
    pub(crate) fn if_match(&self, etag: &str) -> Result<(), Failure> {
        match self.header(header::IF_MATCH) {
            Some(wanted) if !names(wanted, etag) => Err(Failure::precondition()),
            _ => Ok(()),
        }
    }

    /// `answer` with its etag as a header, or 304 if the request's `If-None-Match` names it.
    pub(crate) fn unless_known(&self, etag: &str, answer: Value) -> Answer {
        if self
            .header(header::IF_NONE_MATCH)
            .is_some_and(|known| names(known, etag))
        {
            return Answer::empty(StatusCode::NOT_MODIFIED).with_header(header::ETAG, etag);
        }
        Answer::json(answer).with_header(header::ETAG, etag)
    }
}

fn names(header: &str, etag: &str) -> bool {
    header.trim() == "*"
        || header.split(',').any(|one| {
            one.trim().trim_start_matches("W/").trim_matches('"') == etag.trim_matches('"')
        })
}

/// Parameters of a request: those of the path, then those of the query, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl Params {
    /// The last value given for `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// A path parameter, which is always there; empty if the method has none of this name.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v.as_str())
    }

    /// Every value given for `name`.
    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// A boolean; false if it wasn't given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|v| v.eq_ignore_ascii_case("true") || v == "1")
    }

    /// A number, if it was given.
    pub(crate) fn number<N: FromStr>(&self, name: &str) -> Option<N> {
        self.get(name)?.parse().ok()
    }

    /// An RFC 3339 instant, if it was given; 400 if it is none or lacks an offset.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        self.get(name)
            .map(|v| {
                v.parse().map_err(|_| {
                    Failure::new(StatusCode::BAD_REQUEST, "badRequest", "Bad Request")
                        .at_parameter(name)
                })
            })
            .transpose()
    }

    /// A page size: the given one cut to `most`, or `default`.
    pub(crate) fn page_size(&self, name: &str, default: usize, most: usize) -> usize {
        self.number(name).unwrap_or(default).clamp(1, most)
    }

    /// What Google's front end refuses: a missing required parameter, a number that is none or out
    /// of bounds, a value that isn't among those listed.
    pub(crate) fn check(&self, method: &Method) -> Result<(), Failure> {
        for (name, parameter) in &method.parameters {
            let mut given = self.all(name).peekable();
            if given.peek().is_none() && parameter.required && parameter.default.is_none() {
                return Err(
                    Failure::required(format!("Required parameter: {name}")).at_parameter(name)
                );
            }
            for value in given {
                check(name, parameter, value)?;
            }
        }
        Ok(())
    }
}

fn check(name: &str, parameter: &Parameter, value: &str) -> Result<(), Failure> {
    let bad = |message: String| {
        Err(Failure::new(StatusCode::BAD_REQUEST, "invalidParameter", message).at_parameter(name))
    };
    let bound = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<i128>().ok());
    match parameter.kind {
        Kind::Integer => {
            let (least, most) = (bound(&parameter.minimum), bound(&parameter.maximum));
            match value.parse::<i128>() {
                Ok(n)
                    if least.is_some_and(|least| n < least)
                        || most.is_some_and(|most| n > most) =>
                {
                    bad(format!(
                        "Invalid value '{value}'. Values must be within the range: [{}, {}]",
                        least.unwrap_or(i32::MIN.into()),
                        most.unwrap_or(i32::MAX.into())
                    ))
                }
                Ok(_) => Ok(()),
                Err(_) => bad(format!("Invalid integer value: '{value}'.")),
            }
        }
        Kind::Boolean
            if !["true", "false", "1", "0"].contains(&value.to_ascii_lowercase().as_str()) =>
        {
            bad(format!("Invalid boolean value: '{value}'."))
        }
        Kind::String if parameter.place == Place::Query => {
            if !parameter.choices.is_empty() && !parameter.choices.iter().any(|c| c == value) {
                return bad(format!(
                    "Invalid string value: '{value}'. Allowed values: [{}]",
                    parameter.choices.join(", ")
                ));
            }
            match parameter.format.as_deref() {
                Some("int64" | "uint64") if value.parse::<i128>().is_err() => {
                    bad(format!("Invalid value: '{value}'."))
                }
                _ => Ok(()),
            }
        }
        Kind::Boolean | Kind::String | Kind::Number => Ok(()),
    }
}

/// What a handler answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) content: Content,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Content {
    /// JSON, to which `fields` and `prettyPrint` apply.
    Json(Value),
    /// Content as it is, with its media type.
    Media(String, Bytes),
    /// Nothing.
    Empty,
}

impl Answer {
    /// 200 with JSON.
    pub(crate) fn json(value: Value) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content: Content::Json(value),
        }
    }

    /// 200 with content.
    pub(crate) fn media(mime_type: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content: Content::Media(mime_type.into(), data.into()),
        }
    }

    /// No body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Empty,
        }
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// Adds a header; one that can't be written is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}
