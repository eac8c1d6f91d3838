//! What a server says when it refuses a request: `WWW-Authenticate` (RFC 9110, section 11.6.1; RFC
//! 6750, section 3; RFC 9728, section 5.1).
//!
//! Read by the grammar: a parameter's name inside of another's quoted text is text.

/// Longer headers are not read.
const MAX_LEN: usize = 8 * 1024;

/// The challenge of the scheme `Bearer`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `resource_metadata`: where the server's metadata is; may be relative.
    pub(super) resource_metadata: Option<String>,
    /// `scope`: what the request needs.
    pub(super) scopes: Vec<String>,
    /// `error`, e.g. `insufficient_scope`.
    pub(super) error: Option<String>,
}

impl Challenge {
    /// The first `Bearer` challenge that names the metadata; without such the first of all; `None`
    /// where there is none. Several headers are read as one, with commas between them.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let mut first = None;
        for challenge in challenges(header) {
            if challenge.resource_metadata.is_some() {
                return Some(challenge);
            }
            first = first.or(Some(challenge));
        }
        first
    }

    /// Whether the token is good and only lacks scopes.
    pub(super) fn is_insufficient_scope(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

/// All `Bearer` challenges. What does not fit the grammar ends the list.
fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    if header.len() > MAX_LEN {
        return found;
    }
    let mut reader = Reader(header);
    let mut bearer = false;
    loop {
        reader.skip(|c| c == ' ' || c == '\t' || c == ',');
        let Some(name) = reader.token() else {
            return found;
        };
        if let Some(value) = reader.value() {
            if let (true, Some(challenge)) = (bearer, found.last_mut()) {
                challenge.set(name, value);
            }
            continue;
        }
        bearer = name.eq_ignore_ascii_case("bearer");
        if bearer {
            found.push(Challenge::default());
        }
        reader.skip_token68();
    }
}

impl Challenge {
    fn set(&mut self, name: &str, value: String) {
        let target = match name.to_ascii_lowercase().as_str() {
            "resource_metadata" => &mut self.resource_metadata,
            "error" => &mut self.error,
            "scope" => {
                if self.scopes.is_empty() {
                    self.scopes = scopes(&value);
                }
                return;
            }
            _ => return,
        };
        target.get_or_insert(value);
    }
}

/// A list of scopes (RFC 6749, section 3.3); what can't be one is left out.
pub(super) fn scopes(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| is_scope(scope)) {
        if found.len() < super::MAX_SCOPES && !found.iter().any(|s| s == scope) {
            found.push(scope.to_owned());
        }
    }
    found
}

/// Whether this is one scope (RFC 6749, section 3.3), of at most 200 characters.
pub(super) fn is_scope(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(skipped);
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    /// A token (RFC 9110, section 5.6.2).
    fn token(&mut self) -> Option<&'a str> {
        let len = self.0.bytes().take_while(|b| is_tchar(*b)).count();
        (len > 0).then(|| self.take(len))
    }

    /// `= value`, where that follows.
    fn value(&mut self) -> Option<String> {
        let mut ahead = Reader(self.0);
        ahead.skip(|c| c == ' ' || c == '\t');
        ahead.0 = ahead.0.strip_prefix('=')?;
        ahead.skip(|c| c == ' ' || c == '\t');
        let value = if ahead.0.starts_with('"') {
            ahead.quoted()?
        } else {
            ahead.token()?.to_owned()
        };
        self.0 = ahead.0;
        Some(value)
    }

    /// A quoted string (RFC 9110, section 5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.take(at + 1);
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }

    /// The single value that a scheme may have instead of parameters.
    fn skip_token68(&mut self) {
        let mut ahead = Reader(self.0);
        ahead.skip(|c| c == ' ');
        let len = ahead
            .0
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(b))
            .count();
        let padding = ahead.0[len..].bytes().take_while(|b| *b == b'=').count();
        ahead.take(len + padding);
        ahead.skip(|c| c == ' ' || c == '\t');
        if len > 0 && (ahead.0.is_empty() || ahead.0.starts_with(',')) {
            self.0 = ahead.0;
        }
    }
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
