//! Connection strings of PostgreSQL.

use deputy_core::Secret;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::faults::Problem;

/// `postgresql://[user[:password]@]host[:port]/database[?option=value…]`, the URI form of libpq
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>), with one host. Options that
/// make the client read files or open a socket in the file system are refused.
pub(crate) fn check_postgres(text: &str) -> Result<(), Problem> {
    const FILES: [&str; 8] = [
        "host",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "passfile",
        "service",
        "servicefile",
    ];
    let url = Url::parse(text).map_err(|_| Problem::NotPostgres)?;
    let host = url.host_str().unwrap_or_default();
    let right = matches!(url.scheme(), "postgres" | "postgresql")
        && !host.is_empty()
        && !host.contains(['%', ',', '/'])
        && url.path().len() > 1
        && !url.path()[1..].contains('/')
        && url.fragment().is_none()
        && url
            .query_pairs()
            .all(|(name, _)| !FILES.contains(&name.to_ascii_lowercase().as_str()));
    if right {
        Ok(())
    } else {
        Err(Problem::NotPostgres)
    }
}

/// The variable from which clients of PostgreSQL take the password that a connection string doesn't have
/// (<https://www.postgresql.org/docs/current/libpq-envars.html>); Node's client does as libpq.
pub(crate) const PASSWORD: &str = "PGPASSWORD";

/// A connection string without its password, and the password: what may be an argument, and what may not. None for one
/// that can't be divided.
pub(crate) fn divided(text: &str) -> Option<(String, Option<Secret<String>>)> {
    let mut url = Url::parse(text).ok()?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(Into::into);
    let mut password: Option<String> = match url.password() {
        Some(password) => Some(decoded(password).ok()?),
        None => None,
    };
    url.set_password(None).ok()?;
    if let Some(query) = url.query() {
        let mut kept = Vec::new();
        for option in query.split('&') {
            match option.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("password") => {
                    password = Some(decoded(value).ok()?);
                }
                _ => kept.push(option),
            }
        }
        let kept = kept.join("&");
        url.set_query(Some(kept.as_str()).filter(|kept| !kept.is_empty()));
    }
    Some((url.into(), password.map(Secret::new)))
}

#[cfg(test)]
mod tests;
