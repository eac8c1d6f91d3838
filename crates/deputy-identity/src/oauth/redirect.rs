//! Where people are sent back to: what a client may register, and what a request may name.
//!
//! A code goes to whoever has the redirect URI, so this is where logins are stolen. Two rules keep
//! it simple enough to be sure of:
//!
//! - **Registered spellings are plain.** A URI is taken only where a browser would read exactly what
//!   is written: no user information, no fragment, no dot segments, no control characters in any
//!   encoding, and for `http` and `https` only the form that a URL parser gives back unchanged
//!   (so no `127.1`, no `EXAMPLE.com`, no tabs, no backslashes). What two parsers could read
//!   differently is refused before anybody compares it.
//! - **Compared byte by byte** (RFC 9700 section 2.1). The one exception is the port of a loopback
//!   address (RFC 8252 section 7.3): a program on the person's machine takes the port it gets. Host
//!   spelling, path and query still have to be the same bytes. `localhost` counts as loopback
//!   although the RFC advises against it, because the clients there are register it.
//!
//! Registered may be `https` anywhere, `http` on this machine of the person's, and a program's own
//! scheme (`cursor://…`, `com.example.app:/…`), but none that a browser or a system gives a meaning
//! of its own.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Longest redirect URI, in bytes.
pub const MAX: usize = 2048;
/// Longest scheme of a program's own, in bytes: it is shown to the person.
const MAX_SCHEME: usize = 64;

/// Why a redirect URI may not be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// Nothing there, or over 2048 bytes.
    #[error("a redirect URI has 1 to {MAX} bytes")]
    Length,
    /// White space, a control character, something that is not ASCII or that no URI has (RFC 3986),
    /// as it is or percent-encoded.
    #[error(
        "a redirect URI consists of the characters of RFC 3986; write a host that is not ASCII as xn--…"
    )]
    Character,
    /// It has a fragment (RFC 6749 section 3.1.2).
    #[error("a redirect URI must not have a fragment")]
    Fragment,
    /// It carries a name or a password.
    #[error("a redirect URI must not carry a user name or a password")]
    Userinfo,
    /// Not an absolute URI, or a scheme in capitals.
    #[error(
        "a redirect URI is absolute, its scheme in small letters, such as https://example.org/callback"
    )]
    NotAbsolute,
    /// `http` to another machine.
    #[error("a redirect URI with http:// leads to localhost, 127.0.0.1 or [::1] only")]
    PlainHttp,
    /// A scheme that a browser or a system gives a meaning of its own.
    #[error("a redirect URI must not have the scheme '{0}'")]
    Scheme(String),
    /// `.` or `..` in the path, as they are or encoded.
    #[error("a redirect URI must not have '.' or '..' in its path")]
    DotSegment,
    /// A host with a dot at its end, or none, or the port 0.
    #[error(
        "a redirect URI needs a host, without a dot at its end, and a port other than 0 if it names one"
    )]
    Host,
    /// `http` or `https`, and spelled otherwise than a URL parser writes it.
    #[error("a redirect URI is written in its plain form: {0}")]
    NotPlain(String),
}

/// What stands behind a redirect URI, as a person has to judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A site: whoever runs that host gets the code.
    Site,
    /// A program on the machine of the person's browser; which one, nobody can know.
    Loopback,
    /// The program that has that scheme on the person's device; any may have taken it.
    App,
}

/// Schemes that mean something to browsers and systems: running what follows, reading files,
/// starting a program with arguments, writing a mail. A redirect to one would be an attack or would
/// lead nowhere.
const REFUSED: &[&str] = &[
    "about",
    "afp",
    "android-app",
    "app",
    "blob",
    "chrome",
    "cid",
    "data",
    "dav",
    "devtools",
    "dict",
    "dns",
    "edge",
    "facetime",
    "feed",
    "file",
    "filesystem",
    "fish",
    "ftp",
    "ftps",
    "geo",
    "git",
    "gopher",
    "hcp",
    "help",
    "imap",
    "intent",
    "irc",
    "ircs",
    "itms",
    "itms-apps",
    "itms-services",
    "jar",
    "javascript",
    "jnlp",
    "jnlps",
    "ldap",
    "ldaps",
    "livescript",
    "magnet",
    "mailto",
    "market",
    "mhtml",
    "mid",
    "mk",
    "mms",
    "mocha",
    "moz-extension",
    "news",
    "nfs",
    "nntp",
    "oob",
    "opaquelocktoken",
    "pop",
    "res",
    "resource",
    "rtsp",
    "safari-extension",
    "safari-web-extension",
    "search",
    "search-ms",
    "sftp",
    "shell",
    "sip",
    "sips",
    "sms",
    "smsto",
    "smb",
    "snews",
    "ssh",
    "tag",
    "tel",
    "telnet",
    "urn",
    "vbs",
    "vbscript",
    "view-source",
    "vnc",
    "wais",
    "webcal",
    "ws",
    "wss",
    "wyciwyg",
    "x-apple.systempreferences",
    "xmpp",
];

/// Families of such schemes.
const REFUSED_PREFIXES: &[&str] = &["chrome-", "ms-", "web+"];

/// Of those families, what is a program's own: where sign-in brokers of Windows come back to.
const OWN: &[&str] = &["ms-appx-web"];

/// Of those schemes, the ones that run what follows, read files, or lead a browser where no answer
/// belongs. No honest client lists one.
const HOSTILE: &[&str] = &[
    "about",
    "blob",
    "data",
    "file",
    "ftp",
    "javascript",
    "vbscript",
    "ws",
    "wss",
];

/// The scheme of `uri` as a browser reads it, in any case and with white space in it, where it is
/// one that no honest client lists.
pub(super) fn hostile_scheme(uri: &str) -> Option<&'static str> {
    let (scheme, _) = uri.split_once(':')?;
    let read: String = scheme
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .take(MAX_SCHEME)
        .collect();
    HOSTILE.iter().copied().find(|hostile| *hostile == read)
}

/// Whether `uri` may be registered as it is written.
pub fn check_registered(uri: &str) -> Result<(), RedirectError> {
    if uri.is_empty() || uri.len() > MAX {
        return Err(RedirectError::Length);
    }
    if uri.contains('#') {
        return Err(RedirectError::Fragment);
    }
    if !uri.bytes().all(is_uri_byte) || !is_well_encoded(uri) {
        return Err(RedirectError::Character);
    }
    let (scheme, rest) = scheme_of(uri).ok_or(RedirectError::NotAbsolute)?;
    let (authority, path) = split(rest).ok_or(RedirectError::NotAbsolute)?;
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(RedirectError::Userinfo);
    }
    if has_dot_segment(path) {
        return Err(RedirectError::DotSegment);
    }
    match scheme {
        "http" => {
            // Its port is not compared, and so need not be written in one way only.
            let (host, rest) = loopback_rest(uri).ok_or(RedirectError::PlainHttp)?;
            check_web(&format!("http://{host}{rest}"))
        }
        "https" => check_web(uri),
        _ if is_refused(scheme) => Err(RedirectError::Scheme(scheme.to_owned())),
        // A host or a port that is none: nobody could be sent there.
        _ => Url::parse(uri).map(|_| ()).map_err(|_| RedirectError::Host),
    }
}

/// Whether a request that names `asked` may be answered to a client that registered `registered`:
/// the same bytes, or both on the same loopback host by plain http, and only the ports differ.
pub fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    match (loopback_rest(registered), loopback_rest(asked)) {
        (Some(registered), Some(asked)) => registered == asked,
        _ => false,
    }
}

/// What of `uri` a person is shown: the host of a site (with its port where that is not the
/// scheme's own), or the scheme of a program. A host is in its ASCII form, so that letters that
/// look like others are seen for what they are.
pub fn host_shown(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else {
        return printable(uri);
    };
    let host = url.host_str().filter(|host| !host.is_empty());
    match (url.scheme(), host, url.port()) {
        ("http" | "https", Some(host), None) => host.to_owned(),
        ("http" | "https", Some(host), Some(port)) => format!("{host}:{port}"),
        (scheme, Some(host), _) => printable(&format!("{scheme}://{host}")),
        (scheme, None, _) => printable(&format!("{scheme}:")),
    }
}

/// Whether `uri` leads to the machine on which the person's browser runs.
pub fn is_loopback(uri: &str) -> bool {
    target(uri) == Target::Loopback
}

/// What stands behind `uri`.
pub fn target(uri: &str) -> Target {
    match Url::parse(uri) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Target::App,
        Ok(url) if deputy_core::http::is_loopback(&url) || is_unspecified(&url) => Target::Loopback,
        _ => Target::Site,
    }
}

/// `0.0.0.0` and `[::]`, which systems connect to themselves.
fn is_unspecified(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip == Ipv4Addr::UNSPECIFIED,
        Some(Host::Ipv6(ip)) => {
            ip == Ipv6Addr::UNSPECIFIED
                || ip
                    .to_ipv4_mapped()
                    .is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
        }
        _ => false,
    }
}

/// Host spelling, and path with query, of an `http` URI on a loopback address; `None` for every
/// other URI. Reads bytes and no more: what is left is compared byte by byte.
fn loopback_rest(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]", "localhost"]
        .into_iter()
        .find(|host| rest.starts_with(host))?;
    let rest = &rest[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = rest.split_at(digits);
            let is_port = !port.starts_with('0') && port.parse::<u16>().is_ok();
            is_port.then_some(rest)?
        }
        None => rest,
    };
    let is_end = rest.is_empty() || rest.starts_with(['/', '?']);
    is_end.then_some((host, rest))
}

/// What `http` and `https` need beyond the rest: a host, and no spelling but the plain one.
fn check_web(uri: &str) -> Result<(), RedirectError> {
    let url = Url::parse(uri).map_err(|_| RedirectError::Host)?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || host.ends_with('.') || url.port() == Some(0) {
        return Err(RedirectError::Host);
    }
    let plain = url.as_str();
    // A parser writes the slash of an empty path; a client may leave it out.
    let is_plain = plain == uri
        || (url.path() == "/"
            && url.query().is_none()
            && plain.strip_suffix('/').is_some_and(|plain| plain == uri));
    if is_plain {
        Ok(())
    } else {
        Err(RedirectError::NotPlain(printable(plain)))
    }
}

fn is_refused(scheme: &str) -> bool {
    // One letter is a drive of Windows.
    scheme.len() < 2
        || scheme.len() > MAX_SCHEME
        || REFUSED.contains(&scheme)
        || (REFUSED_PREFIXES
            .iter()
            .any(|prefix| scheme.starts_with(prefix))
            && !OWN.contains(&scheme))
}

/// The scheme, in small letters as RFC 3986 section 3.1 wants them, and what follows its colon.
fn scheme_of(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let mut bytes = scheme.bytes();
    let is_scheme = bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
        });
    is_scheme.then_some((scheme, rest))
}

/// What follows `scheme:`, as authority (if there is one) and path without the query. `None` where
/// it is neither `//…` nor `/…`.
fn split(rest: &str) -> Option<(Option<&str>, &str)> {
    let rest = rest.split('?').next().unwrap_or_default();
    if let Some(rest) = rest.strip_prefix("//") {
        let end = rest.find('/').unwrap_or(rest.len());
        return Some((Some(&rest[..end]), &rest[end..]));
    }
    rest.starts_with('/').then_some((None, rest))
}

fn has_dot_segment(path: &str) -> bool {
    // An encoded slash ends a segment for some.
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    path.replace("%2f", "/")
        .replace("%5c", "/")
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}

/// The characters of RFC 3986 section 2, but `#`.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

/// Whether each `%` has two hex digits after it that encode no control character.
fn is_well_encoded(uri: &str) -> bool {
    uri.split('%').skip(1).all(|after| {
        after
            .get(..2)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .is_some_and(|byte| !byte.is_ascii_control())
    })
}

/// At most 256 characters that can be shown.
fn printable(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_graphic)
        .take(256)
        .collect()
}

#[cfg(test)]
mod tests;
