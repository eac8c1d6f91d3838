//! What fuzzing tries of files: whatever is read keeps what [`Read`] promises, and what is written of
//! it is read as the same.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    Document, Format, LINKS, MAX_BODY, MAX_KEY, MAX_LINKS, MAX_REQUIREMENTS, MAX_TITLE, Read, read,
    write,
};

/// Bytes as a file of a format.
fn any(format: Format, data: &[u8]) {
    let found = match read(format, data) {
        Ok(found) => found,
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.len() < 4_000, "{said}");
            return;
        }
    };
    promised(&found);
    again(format, &found.document);
}

/// What every format promises of what it read.
fn promised(found: &Read) {
    let document = &found.document;
    assert!(found.left_out.len() <= 101);
    assert!(document.requirements.len() <= MAX_REQUIREMENTS);
    assert!(document.links.len() <= MAX_LINKS);
    assert!(document.name.chars().count() <= MAX_TITLE);
    let mut keys = HashSet::new();
    for item in &document.requirements {
        assert!(!item.key.is_empty() && !item.key.contains(char::is_whitespace));
        assert!(keys.insert(&item.key), "{} twice", item.key);
        assert!(item.key.chars().count() <= MAX_KEY);
        assert!(!item.title.is_empty() && item.title.chars().count() <= MAX_TITLE);
        assert!(!item.title.contains(char::is_control));
        assert!(item.body.len() <= MAX_BODY);
        let is_wrong = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!item.body.contains(is_wrong) && !item.status.contains(char::is_control));
    }
    let mut links = HashSet::new();
    for link in &document.links {
        assert!(keys.contains(&link.from) && keys.contains(&link.to));
        assert!(LINKS.contains(&link.kind.as_str()));
        assert!(
            links.insert((&link.from, &link.to, &link.kind)),
            "a link twice"
        );
    }
}

/// What is written is read as the same, and nothing of it is left out.
pub(super) fn again(format: Format, document: &Document) {
    let file = write(format, document, Timestamp::UNIX_EPOCH);
    let found = read(format, &file).unwrap_or_else(|error| {
        panic!("{error}\n{}", String::from_utf8_lossy(&file));
    });
    let mut expected = document.clone();
    if format == Format::Csv {
        expected.key.clear();
        expected.name.clear();
        expected.description.clear();
    }
    assert_eq!(
        found.document,
        expected,
        "{}",
        String::from_utf8_lossy(&file)
    );
    assert!(found.left_out.is_empty(), "{:?}", found.left_out);
}

pub(crate) fn markdown(data: &[u8]) {
    any(Format::Markdown, data);
}

pub(crate) fn csv(data: &[u8]) {
    any(Format::Csv, data);
}

pub(crate) fn reqif(data: &[u8]) {
    any(Format::ReqIf, data);
}

/// Bytes as the texts of a project, which every format has to bring back.
pub(crate) fn texts(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let table = text.replace('"', "\"\"").replace('\0', "");
    let mut parts = table.splitn(3, '\u{1}');
    let mut part = || parts.next().unwrap_or_default();
    let file = format!(
        "key,title,body\r\n\"{}\",\"x{}\",\"{}\"\r\n",
        "A-1",
        part(),
        part()
    );
    let Ok(found) = read(Format::Csv, file.as_bytes()) else {
        return;
    };
    let mut document = found.document;
    "A".clone_into(&mut document.key);
    document.description = document
        .requirements
        .first()
        .map(|item| item.body.clone())
        .unwrap_or_default();
    for format in Format::ALL {
        again(format, &document);
    }
}
