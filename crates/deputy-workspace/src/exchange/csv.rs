//! Requirements as a table (CSV, RFC 4180), for spreadsheets: a line for each requirement, its links
//! as the keys of the others. A table has no place for the project's own name and description.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and run it. So such a
//! cell is written with an apostrophe before it, which a spreadsheet takes for "this is text"; reading
//! takes it away again. See OWASP, "CSV Injection".

use std::collections::HashSet;

use csv::{QuoteStyle, ReaderBuilder, StringRecord, Terminator, WriterBuilder};

use super::checks::{Gathering, plain, shown, utf8};
use super::{Document, Item, LINKS, Read, ReadError};

/// The columns of a table of ours, in their order.
const COLUMNS: [&str; 7] = [
    "key",
    "title",
    "status",
    "body",
    "refines",
    "depends_on",
    "verifies",
];

/// What others call those columns, in small letters and without anything but letters; ours first.
const NAMES: [&[&str]; 7] = [
    &[
        "key",
        "id",
        "identifier",
        "uid",
        "reqid",
        "requirementid",
        "foreignid",
        "ключ",
    ],
    &[
        "title",
        "name",
        "summary",
        "headline",
        "название",
        "назва",
        "заголовок",
    ],
    &["status", "state", "статус", "состояние", "стан"],
    &[
        "body",
        "text",
        "description",
        "statement",
        "requirement",
        "текст",
        "описание",
        "опис",
    ],
    &["refines", "уточняет", "уточнює"],
    &["dependson", "зависитот", "залежитьвід"],
    &["verifies", "проверяет", "перевіряє"],
];

/// How many columns a table may have.
const MAX_COLUMNS: usize = 200;

/// Writes the requirements: UTF-8 with a byte order mark, by which spreadsheets know it; commas; every
/// cell in quotation marks; lines that end with CR LF.
pub fn write(document: &Document) -> String {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    let mut links: std::collections::HashMap<(&str, &str), Vec<&str>> =
        std::collections::HashMap::new();
    for link in &document.links {
        let ends = links.entry((&link.from, &link.kind)).or_default();
        ends.push(&link.to);
    }
    for item in &document.requirements {
        let [refines, depends_on, verifies] = LINKS.map(|kind| {
            let ends = links.get(&(item.key.as_str(), kind));
            ends.map(|ends| ends.join(" ")).unwrap_or_default()
        });
        rows.push([
            guarded(&item.key),
            guarded(&item.title),
            guarded(&item.status),
            guarded(&item.body),
            guarded(&refines),
            guarded(&depends_on),
            guarded(&verifies),
        ]);
    }
    for row in rows {
        writer
            .write_record(row)
            .expect("rows of one length, into memory");
    }
    let table = writer.into_inner().expect("into memory");
    let table = String::from_utf8(table).expect("made of text");
    format!("\u{feff}{table}")
}

/// Reads a table: columns in any order and by several names, separated by commas, semicolons or tabs.
///
/// A requirement without a key gets one, `new-1` and so on.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn read(file: &[u8]) -> Result<Read, ReadError> {
    let text = utf8(file)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(separator(text))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut gathering = Gathering::default();
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record)? {
        return Err(ReadError::NoTitleColumn {
            found: "none".to_owned(),
        });
    }
    let columns = columns(&record, &mut gathering)?;
    let width = record.len();
    let mut rows = Vec::new();
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record
            .iter()
            .skip(width)
            .any(|cell| !cell.trim().is_empty())
        {
            return Err(ReadError::malformed(
                format!("line {line}"),
                format!("{} cells, but there are {width} columns", record.len()),
            ));
        }
        if rows.len() == super::MAX_REQUIREMENTS {
            return Err(ReadError::TooMany {
                what: "requirements",
                limit: super::MAX_REQUIREMENTS,
            });
        }
        let row = columns.map(|column| {
            let cell = column.and_then(|column| record.get(column));
            unguarded(cell.unwrap_or_default()).to_owned()
        });
        rows.push((line, row));
    }
    gather(gathering, rows)
}

fn gather(mut gathering: Gathering, rows: Vec<(u64, [String; 7])>) -> Result<Read, ReadError> {
    let taken: HashSet<String> = rows
        .iter()
        .map(|(_, [key, ..])| key.trim().to_owned())
        .collect();
    let mut last = 0;
    for (line, [key, title, status, body, refines, depends_on, verifies]) in rows {
        let key = match key.trim() {
            "" => Gathering::new_key(&taken, &mut last),
            key => key.split_whitespace().collect::<Vec<_>>().join("_"),
        };
        if title.trim().is_empty() {
            return Err(ReadError::NoTitle {
                place: format!("line {line}"),
            });
        }
        for (kind, ends) in LINKS.into_iter().zip([refines, depends_on, verifies]) {
            let ends = ends.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
            for end in ends.filter(|end| !end.is_empty()) {
                gathering.link(&key, end, kind)?;
            }
        }
        gathering.item(Item {
            key,
            title,
            body,
            status,
        })?;
    }
    gathering.finish()
}

fn next(reader: &mut csv::Reader<&[u8]>, record: &mut StringRecord) -> Result<bool, ReadError> {
    reader.read_record(record).map_err(|error| {
        let line = error.position().map_or(0, csv::Position::line);
        ReadError::malformed(format!("line {line}"), error.to_string())
    })
}

/// Where each column of ours is.
fn columns(
    header: &StringRecord,
    gathering: &mut Gathering,
) -> Result<[Option<usize>; 7], ReadError> {
    if header.len() > MAX_COLUMNS {
        return Err(ReadError::TooMany {
            what: "columns",
            limit: MAX_COLUMNS,
        });
    }
    let found: Vec<String> = header.iter().map(|name| plain(unguarded(name))).collect();
    let columns = NAMES.map(|names| {
        names
            .iter()
            .find_map(|name| found.iter().position(|column| column == name))
    });
    if columns[1].is_none() {
        let names: Vec<String> = header
            .iter()
            .take(20)
            .map(|name| format!("“{}”", shown(name.trim())))
            .collect();
        return Err(ReadError::NoTitleColumn {
            found: names.join(", "),
        });
    }
    for (at, name) in header.iter().enumerate() {
        if !columns.contains(&Some(at)) && !name.trim().is_empty() {
            gathering.leave_out(format!("The column “{}”", shown(name.trim())));
        }
    }
    Ok(columns)
}

/// What separates cells: what of comma, semicolon and tab the first line has most of, outside
/// quotation marks.
fn separator(text: &str) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in text.trim_start_matches(['\r', '\n']).bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => {
                for (separator, count) in &mut counts {
                    *count += usize::from(byte == *separator);
                }
            }
        }
    }
    // The first of those that are there most often.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts
        .iter()
        .find(|(_, count)| *count == most)
        .map_or(b',', |(separator, _)| *separator)
}

/// Whether a spreadsheet might take a cell for a formula, once apostrophes before it are gone.
fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// A cell that no spreadsheet takes for a formula.
fn guarded(cell: &str) -> String {
    if is_formula(cell) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// The cell that was guarded.
fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => cell,
    }
}
