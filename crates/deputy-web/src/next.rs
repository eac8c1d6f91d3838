//! Where to go after sign-in. The address comes from whoever made the link, so only a path of this
//! site is followed.

use url::Url;

/// Longest path that is kept, in bytes: with what a program's request for access may be
/// ([`crate::oauth::authorize::LONGEST`]).
const LONGEST: usize = crate::oauth::authorize::LONGEST + 64;

/// `next` where it is a path of this site, else `/`.
pub(crate) fn safe(next: &str) -> &str {
    if is_safe(next) { next } else { "/" }
}

fn is_safe(next: &str) -> bool {
    // Browsers drop tabs and line breaks from an address and read a backslash as a slash.
    if next.len() > LONGEST
        || !next.starts_with('/')
        || next.chars().any(|c| c.is_control() || c == '\\')
    {
        return false;
    }
    // Whatever is left is read the way a browser reads it: it must stay where it started.
    let Ok(base) = Url::parse("http://self.invalid/") else {
        return false;
    };
    base.join(next)
        .is_ok_and(|url| url.origin() == base.origin() && url.username().is_empty())
}

/// The sign-in page that leads back to `path`, also for who is signed in: to be somebody else, or to
/// prove it anew.
pub(crate) fn login_again(path: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("again", "1")
        .append_pair("next", path)
        .finish();
    format!("/login?{query}")
}

/// `to` with `next`, unless that is the start page.
fn with_next(to: &str, next: &str) -> String {
    if next == "/" {
        return to.to_owned();
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("{to}?{query}")
}

/// The second step of a sign-in that leads to `path`.
pub(crate) fn second_step(path: &str) -> String {
    with_next("/login/second", path)
}

/// Where somebody sets a second factor up before they go on to `path`.
pub(crate) fn enrolment(path: &str) -> String {
    with_next("/settings/second-factor", path)
}

/// The page on which somebody proves that it is they, and that leads to `path`.
pub(crate) fn confirm(path: &str) -> String {
    with_next("/confirm", path)
}

/// The sign-in page that leads back to `path`.
pub(crate) fn login(path: &str) -> String {
    // From there it goes to another site, and browsers follow no form's redirect that far.
    let path = if path.starts_with("/connect/") {
        "/connect"
    } else {
        path
    };
    with_next("/login", path)
}

#[cfg(test)]
mod tests;
