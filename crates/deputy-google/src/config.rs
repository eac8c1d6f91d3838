//! What a server is told when it starts. Nothing here is read from the environment: that is the
//! binary's part.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Clock, Rng, Secret, SystemClock, SystemRng};
use url::Url;

/// Settings of a server.
#[derive(Clone)]
pub struct Config {
    /// Where Google's APIs are.
    pub endpoints: Endpoints,
    /// Whose access token requests carry. [`crate::http_service`] takes them from `Authorization`
    /// whatever this says.
    pub credentials: Credentials,
    /// What a request to Google may spend.
    pub limits: Limits,
    /// Host names under which [`crate::http_service`] may be addressed, besides loopback ones;
    /// `name` or `name:port`.
    pub hosts: Vec<String>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for the ids of calls that come without one.
    pub rng: Arc<dyn Rng>,
}

impl Config {
    /// Google itself, default limits, the machine's clock and generator.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            endpoints: Endpoints::google(),
            credentials,
            limits: Limits::default(),
            hosts: Vec::new(),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }
    }
}

/// Where access tokens come from.
#[derive(Clone)]
pub enum Credentials {
    /// One person's token for every request.
    Fixed(Secret<String>),
    /// Each request brings its own in `_meta` (`deputy.dev/credential`). Only over a pipe that
    /// nobody but the gateway can write to.
    PerRequest,
}

/// Roots of Google's APIs, without a slash at the end.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `https://www.googleapis.com/calendar/v3`
    pub calendar: Url,
    /// `https://gmail.googleapis.com/gmail/v1`
    pub gmail: Url,
    /// `https://gmail.googleapis.com/upload/gmail/v1`, for messages with large attachments
    pub gmail_upload: Url,
    /// `https://www.googleapis.com/drive/v3`
    pub drive: Url,
    /// `https://www.googleapis.com/upload/drive/v3`
    pub upload: Url,
    /// `https://docs.googleapis.com/v1`
    pub docs: Url,
}

impl Endpoints {
    /// Google's own, as in the discovery documents.
    pub fn google() -> Self {
        #[expect(clippy::expect_used, reason = "literals")]
        let url = |text: &str| Url::parse(text).expect("a literal URL");
        Self {
            calendar: url("https://www.googleapis.com/calendar/v3"),
            gmail: url("https://gmail.googleapis.com/gmail/v1"),
            gmail_upload: url("https://gmail.googleapis.com/upload/gmail/v1"),
            drive: url("https://www.googleapis.com/drive/v3"),
            upload: url("https://www.googleapis.com/upload/drive/v3"),
            docs: url("https://docs.googleapis.com/v1"),
        }
    }

    /// All of them under one root (`ROOT/calendar/v3`, `ROOT/gmail/v1`, …): the sandbox, or any
    /// other implementation of the same APIs. `root` must be `http` or `https`.
    pub fn under(root: &Url) -> Self {
        let under = |path: &str| {
            let mut url = root.clone();
            let path = format!("{}/{path}", root.path().trim_end_matches('/'));
            url.set_path(&path);
            url.set_query(None);
            url.set_fragment(None);
            url
        };
        Self {
            calendar: under("calendar/v3"),
            gmail: under("gmail/v1"),
            gmail_upload: under("upload/gmail/v1"),
            drive: under("drive/v3"),
            upload: under("upload/drive/v3"),
            docs: under("v1"),
        }
    }
}

/// What a request to Google may spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect. Default 5 s.
    pub connect: Duration,
    /// From sending to the last byte of the answer. Default 30 s.
    pub request: Duration,
    /// Google's lists may lag behind what was just written: pauses before each further look for the
    /// effect of a write whose answer was lost. Default 0.3 s and 1.2 s.
    pub lag: [Duration; 2],
    /// The longest answer that is read, in bytes after decompression. Default 32 MiB.
    pub answer_bytes: usize,
    /// The longest request that a server reads, in bytes. Default 36 MiB: Gmail
    /// takes messages of 25 MB, which base64 makes a third longer.
    pub request_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            lag: [Duration::from_millis(300), Duration::from_millis(1200)],
            answer_bytes: 32 << 20,
            request_bytes: 36 << 20,
        }
    }
}
