//! Whose a host is, as far as its name says.
//!
//! A code that is got at one authorization server must not be sent to another one (RFC 9700, section 4.4, "Mix-Up
//! Attacks"): a server's metadata may name somebody else's page for the consent and its own address for the code.
//! Servers that say in each answer who they are (RFC 9207) are compared by that. Of one that does not say it, the page
//! has to be the issuer's own (of its origin), which then answers for the address, or of the same site as the address
//! itself, which then is the page's own. That two tenants of one domain are two parties, only the public suffix list
//! says; on a platform that is not in it, one tenant can still be taken for another. A redirect URI for each issuer, as the RFC has it, would not help: where clients register
//! themselves, whoever attacks has any client registered that they need.

use url::{Host, Url};

use super::discovery::AuthorizationServer;

impl AuthorizationServer {
    /// Whether a code goes to who gave it, so far as that is known before the consent.
    pub(super) fn keeps_its_codes(&self) -> bool {
        let page = &self.authorization_endpoint;
        self.authorization_response_iss_parameter_supported
            || is_same_site(page, &self.token_endpoint)
            || Url::parse(&self.issuer).is_ok_and(|issuer| issuer.origin() == page.origin())
    }
}

/// Whether both are of one party: of one host, or of one domain that somebody can register.
fn is_same_site(one: &Url, other: &Url) -> bool {
    if one.scheme() != other.scheme() {
        return false;
    }
    match (one.host(), other.host()) {
        (Some(Host::Domain(one)), Some(Host::Domain(other))) => {
            one == other
                || psl::domain_str(one).is_some_and(|it| psl::domain_str(other) == Some(it))
        }
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
