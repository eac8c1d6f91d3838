//! Where the server listens, and what it is called from outside.

use std::net::{IpAddr, SocketAddr};

use deputy_core::http::PrivateHosts;
use ipnet::IpNet;
use url::Url;

use super::{SettingError, Values, wrong};

pub(super) fn listen(values: &Values) -> Result<SocketAddr, SettingError> {
    values.parse(
        "DEPUTY_LISTEN",
        "an address and a port such as 127.0.0.1:8484",
        ([127, 0, 0, 1], 8484).into(),
    )
}

/// The address that people and programs know; by default the one that is listened on.
pub(super) fn public_url(values: &Values, listen: SocketAddr) -> Result<Url, SettingError> {
    match values.url("DEPUTY_PUBLIC_URL")? {
        Some(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            Err(wrong(
                "DEPUTY_PUBLIC_URL must be an origin such as https://deputy.example.org, without a path",
            ))
        }
        Some(url) => Ok(url),
        None => Url::parse(&format!("http://{listen}"))
            .map_err(|e| wrong(format!("DEPUTY_LISTEN: {e}"))),
    }
}

/// Hosts of the inner network that people's servers may be at.
pub(super) fn private_hosts(values: &Values) -> Result<PrivateHosts, SettingError> {
    values.parse(
        "DEPUTY_PRIVATE_HOSTS",
        "hosts with their ports such as localhost:9000,10.0.0.7:8443",
        PrivateHosts::default(),
    )
}

/// Where a document about this installation as a client is, if not here.
pub(super) fn client_metadata_url(values: &Values) -> Result<Option<Url>, SettingError> {
    let url = values.url("DEPUTY_CLIENT_METADATA_URL")?;
    if let Some(url) = &url
        && (url.scheme() != "https"
            || url.path() == "/"
            || url.query().is_some()
            || url.fragment().is_some())
    {
        return Err(wrong(
            "DEPUTY_CLIENT_METADATA_URL must begin with https:// and have a path, such as https://example.org/deputy.json",
        ));
    }
    Ok(url)
}

/// Addresses and networks, comma separated.
pub(super) fn trusted_proxies(values: &Values) -> Result<Vec<IpNet>, SettingError> {
    let text = values.text("DEPUTY_TRUSTED_PROXIES").unwrap_or_default();
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            let single = item.parse::<IpAddr>().map(IpNet::from);
            single.or_else(|_| item.parse::<IpNet>()).map_err(|_| {
                wrong(format!(
                    "DEPUTY_TRUSTED_PROXIES must be addresses or networks such as 10.0.0.2 or \
                     10.0.0.0/8, not '{item}'"
                ))
            })
        })
        .collect()
}
