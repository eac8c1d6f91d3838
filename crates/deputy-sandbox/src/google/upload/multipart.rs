//! `multipart/related` bodies (RFC 2387).
//!
//! Google's own Python client ends lines with a bare LF, others with CRLF: both are taken. The line end before a
//! boundary belongs to the boundary.

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
    // As the first boundary ends, so do the others: with a bare LF a CR before it is content.
    let mut newline: &[u8] = b"\n";
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
                let content = &body[start..at];
                let length = content.strip_suffix(newline).unwrap_or(content).len();
                parts.push(part(&body.slice(start..start + length)));
            } else if body[at..end].ends_with(b"\r\n") {
                newline = b"\r\n";
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

fn part(whole: &Bytes) -> Part {
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
