//! What clients trust.
//!
//! A person's server in the network has a client of its own, so there may be a thousand. Left to itself each reads and
//! parses all certificates of the system, which takes milliseconds of a worker's time and memory for each. Here they are
//! read once, with the first client, and shared; a change of them is noticed by the next start of the program.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls_platform_verifier::BuilderVerifierExt;

static SHARED: OnceLock<Option<ClientConfig>> = OnceLock::new();

/// The configuration of one client. What it remembers of sessions is its own. None where the system's trust could not
/// be read: reqwest then tries it again and says why.
pub(super) fn own() -> Option<ClientConfig> {
    let shared = SHARED.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .ok()?
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Some(config)
    });
    let mut config = shared.clone()?;
    config.resumption = Resumption::default();
    Some(config)
}
