//! `multipart/related` bodies (RFC 2387).
//!
//! Google's own Python client ends lines with a bare LF, others with CRLF: both are taken, even in
//! one body.

use bytes::Bytes;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// `Content-Type` as written; empty if there is none.
    pub(crate) content_type: String,
    /// The content, with its transfer encoding undone.
    pub(crate) data: Bytes,
}

/// The `boundary` of a content type.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1).map(str::trim);
    let found = parameters
        .filter_map(|one| one.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let value = found?.1.trim().trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

/// The parts of a body; `None` if it does not end with the closing boundary.
pub(crate) fn split(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    // Where the content of the part that is open starts.
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < body.len() {
        let end = body[at..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(body.len(), |offset| at + offset + 1);
        let line = body[at..end].trim_ascii_end();
        let delimiter = line
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary.as_bytes()));
        if let Some(rest) = delimiter.filter(|rest| rest.is_empty() || rest == b"--") {
            if let Some(start) = open {
                parts.push(part(body.slice(start..before_line_end(body, start, at))));
            }
            if !rest.is_empty() {
                return Some(parts);
            }
            open = Some(end);
        }
        at = end;
    }
    None
}

/// The line end before a boundary belongs to the boundary.
fn before_line_end(body: &[u8], start: usize, at: usize) -> usize {
    let content = &body[start..at];
    let content = content
        .strip_suffix(b"\n")
        .map_or(content, |rest| rest.strip_suffix(b"\r").unwrap_or(rest));
    start + content.len()
}

fn part(whole: Bytes) -> Part {
    let (mut content_type, mut encoding) = (String::new(), String::new());
    let mut at = 0;
    while at < whole.len() {
        let end = whole[at..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(whole.len(), |offset| at + offset + 1);
        let line = String::from_utf8_lossy(whole[at..end].trim_ascii_end()).into_owned();
        at = end;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.trim().to_ascii_lowercase().as_str() {
                "content-type" => value.trim().clone_into(&mut content_type),
                "content-transfer-encoding" => encoding = value.trim().to_ascii_lowercase(),
                _ => {}
            }
        }
    }
    let data = whole.slice(at..);
    let decoded = (encoding == "base64").then(|| decode(&data)).flatten();
    Part {
        content_type,
        data: decoded.unwrap_or(data),
    }
}

fn decode(data: &[u8]) -> Option<Bytes> {
    use base64::Engine as _;
    let text: Vec<u8> = data
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()
        .map(Bytes::from)
}

#[cfg(test)]
mod tests;
