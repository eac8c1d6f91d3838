//! The one place that builds HTTP clients.
//!
//! Clients made here never take a proxy from the environment and never follow a redirect unasked.
//! There are two levels of trust: [`trusted`], for URLs that an administrator configured, and
//! [`guarded`](guarded::guarded), for URLs that came from a person, a server or a client.

use std::time::Duration;

mod address;
pub mod guarded;
mod tls;

pub use address::is_public;
pub use guarded::{
    Blocked, Fetched, GuardConfig, GuardError, GuardLimits, Guarded, GuardedRequest, PrivateHosts,
    guarded,
};

/// What a client may spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect. Default 5 s.
    pub connect: Duration,
    /// From sending to the last byte of the answer. Default 30 s.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
        }
    }
}

/// The name that requests carry in `User-Agent`. Google compresses answers only for agents whose
/// name contains `gzip` (Drive and Gmail API guides, "Performance").
pub const USER_AGENT: &str = concat!("deputy/", env!("CARGO_PKG_VERSION"), " (gzip)");

/// A pooled client for URLs that an administrator configured.
pub fn trusted(limits: Limits) -> Result<reqwest::Client, reqwest::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that builds clients"
    )]
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .pool_idle_timeout(Duration::from_secs(90))
        .gzip(true);
    match tls::own() {
        Some(tls) => builder.tls_backend_preconfigured(tls).build(),
        None => builder.build(),
    }
}

/// Whether `url` may be used without TLS: only towards this machine.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
