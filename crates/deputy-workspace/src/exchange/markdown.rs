//! A project as one Markdown file, for people to read and edit:
//!
//! ```markdown
//! # Shop (SHOP)
//!
//! What it is about.
//!
//! ## SHOP-1 People pay by card
//!
//! - Status: approved
//! - Refines: SHOP-2, SHOP-3
//!
//! The text.
//! ```
//!
//! What a text is in the file is its own Markdown as it is, so a text can hold what looks like the
//! file's own parts. Where a requirement begins is not guessed from lines but asked of the CommonMark
//! parser: at a heading of the second level that is in nothing else, so one in a code block or in a
//! quotation begins none. A text's own headings of that level get a backslash (`\## So`), which reading
//! takes away. A text that would not end where it ends (a code block left open, HTML) is written as
//! a quotation, and the list before it says so (`- Text: quoted`).

use std::fmt::Write as _;

use std::collections::{HashMap, HashSet};

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};

use super::checks::{Gathering, shown, text as text_of, trimmed};
use super::{Document, Item, LINKS, MAX_BODY, Read, ReadError};

/// What the list after a heading calls the links, in the order of [`LINKS`].
const LINK_NAMES: [&str; 3] = ["Refines", "Depends on", "Verifies"];

/// What says that the text is in a quotation.
const QUOTED: &str = "- Text: quoted";

/// How much of a file is parsed at once, in bytes: more than any requirement has, its text quoted line by line.
const PIECE: usize = 4 * MAX_BODY;

/// Writes a project.
pub fn write(document: &Document) -> String {
    let mut out = format!("# {} ({})\n", document.name, document.key);
    if !document.description.is_empty() {
        let before = "# N (N)\n\n";
        let must_quote = heading_list(&document.description).is_some();
        match contained(before, &document.description).filter(|_| !must_quote) {
            Some(description) => {
                let _ = write!(out, "\n{description}\n");
            }
            None => {
                let _ = write!(out, "\n{QUOTED}\n\n{}\n", quoted(&document.description));
            }
        }
    }
    let mut links: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
    for link in &document.links {
        let ends = links.entry((&link.from, &link.kind)).or_default();
        ends.push(&link.to);
    }
    for item in &document.requirements {
        let mut section = format!("## {}\n\n", heading(&item.key, &item.title));
        section.push_str(format!("- Status: {}", item.status).trim_end());
        section.push('\n');
        for (kind, name) in LINKS.into_iter().zip(LINK_NAMES) {
            if let Some(ends) = links.get(&(item.key.as_str(), kind)) {
                let _ = writeln!(section, "- {name}: {}", ends.join(", "));
            }
        }
        if !item.body.is_empty() {
            match contained(&format!("{section}\n"), &item.body) {
                Some(body) => {
                    let _ = write!(section, "\n{body}\n");
                }
                None => {
                    let _ = write!(section, "{QUOTED}\n\n{}\n", quoted(&item.body));
                }
            }
        }
        out.push('\n');
        out.push_str(&section);
    }
    out
}

/// Reads a project.
///
/// A heading of the second level that does not begin with a key, like `SHOP-1` or `[any key]`, begins
/// a requirement without one, which gets one: `new-1` and so on.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(file: &[u8]) -> Result<Read, ReadError> {
    let text = text_of(file)?;
    let lines: Vec<&str> = text.split('\n').collect();
    let marks = all_headings(&lines)?;
    let sections: Vec<usize> = marks
        .iter()
        .filter(|(level, _)| *level == 2)
        .map(|(_, line)| *line)
        .collect();
    let first = sections.first().copied().unwrap_or(lines.len());
    let title = marks
        .iter()
        .find(|(level, line)| *level == 1 && *line < first)
        .map(|(_, line)| *line);
    if title.is_none() && sections.is_empty() {
        return Err(ReadError::malformed(
            "line 1",
            "there is neither a title (# Name) nor a requirement (## KEY-1 Title)",
        ));
    }
    let mut gathering = Gathering::default();
    read_project(&lines, title, first, &mut gathering)?;
    let mut found = Vec::new();
    for (nth, line) in sections.iter().enumerate() {
        let end = sections.get(nth + 1).copied().unwrap_or(lines.len());
        let (key, title) = split_heading(heading_text(lines[*line]));
        if title.is_empty() {
            return Err(ReadError::NoTitle {
                place: format!("line {}", line + 1),
            });
        }
        found.push((key, title, &lines[line + 1..end]));
    }
    let taken: HashSet<String> = found.iter().map(|(key, _, _)| (*key).to_owned()).collect();
    let mut last = 0;
    for (key, title, lines) in found {
        let key = match key {
            "" => Gathering::new_key(&taken, &mut last),
            key => key.split_whitespace().collect::<Vec<_>>().join("_"),
        };
        read_section(key, title, lines, &mut gathering)?;
    }
    gathering.finish()
}

fn read_project(
    lines: &[&str],
    title: Option<usize>,
    first: usize,
    gathering: &mut Gathering,
) -> Result<(), ReadError> {
    let before = title.unwrap_or(first);
    if lines[..before].iter().any(|line| !line.trim().is_empty()) {
        let whose = if title.is_some() {
            "title"
        } else {
            "first requirement"
        };
        gathering.leave_out(format!("The text before the {whose}"));
    }
    let Some(title) = title else {
        return Ok(());
    };
    let heading = heading_text(lines[title]);
    let (name, key) = match heading.strip_suffix(')').and_then(|h| h.rsplit_once('(')) {
        Some((name, key)) if !key.contains(char::is_whitespace) => (name.trim(), key),
        _ => (heading, ""),
    };
    let about = lines[title + 1..first].join("\n");
    let about = trimmed(&about);
    let description = match heading_list(about) {
        Some(rest) => unquoted(rest).ok_or_else(|| {
            ReadError::malformed("the project", "its text is not quoted to its end")
        })?,
        None => unescaped(about),
    };
    gathering.project(key, name, &description);
    Ok(())
}

/// What comes after the list that says of a description that it is quoted.
fn heading_list(description: &str) -> Option<&str> {
    let rest = description.strip_prefix(QUOTED)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('\n')
    }
}

fn read_section(
    key: String,
    title: String,
    lines: &[&str],
    gathering: &mut Gathering,
) -> Result<(), ReadError> {
    let mut rest = lines;
    while let [line, after @ ..] = rest
        && line.trim().is_empty()
    {
        rest = after;
    }
    let mut status = "";
    let mut is_quoted = false;
    let mut begun = false;
    while let [line, after @ ..] = rest {
        let Some((name, value)) = list_item(line) else {
            break;
        };
        let link = LINK_NAMES
            .iter()
            .position(|link| link.eq_ignore_ascii_case(name));
        if let Some(kind) = link {
            let ends = value.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
            for end in ends.filter(|end| !end.is_empty()) {
                gathering.link(&key, end, LINKS[kind])?;
            }
        } else if name.eq_ignore_ascii_case("status") {
            status = value;
        } else if name.eq_ignore_ascii_case("text") && value == "quoted" {
            is_quoted = true;
        } else if begun {
            gathering.leave_out(format!(
                "{}: the line “{}”",
                shown(&key),
                shown(line.trim())
            ));
        } else {
            break;
        }
        begun = true;
        rest = after;
    }
    let body = rest.join("\n");
    let body = trimmed(&body);
    let body = if is_quoted {
        unquoted(body)
            .ok_or_else(|| ReadError::malformed(shown(&key), "its text is not quoted to its end"))?
    } else {
        unescaped(body)
    };
    gathering.item(Item {
        key,
        title,
        body,
        status: status.to_owned(),
    })
}

/// A line `- Name: value`.
fn list_item(line: &str) -> Option<(&str, &str)> {
    let item = line.strip_prefix(['-', '*', '+'])?.strip_prefix(' ')?;
    let (name, value) = item.split_once(':')?;
    Some((name.trim(), value.trim()))
}

/// The [`headings`] of a file, which is parsed piece by piece: a parsed file takes a hundred times its
/// length. Where a heading is in nothing else, what comes after it does not depend on what came before.
fn all_headings(lines: &[&str]) -> Result<Vec<(u8, usize)>, ReadError> {
    let mut found: Vec<(u8, usize)> = Vec::new();
    let mut from = 0;
    loop {
        let mut piece = String::new();
        let mut end = from;
        let mut length = 0;
        while end < lines.len() && length < PIECE {
            // Links may be many, and are no text; what they are does not matter here.
            if end - from < 20 && is_own_list(lines[end]) {
                piece.push_str("- x");
            } else {
                piece.push_str(lines[end]);
                length += lines[end].len() + 1;
            }
            piece.push('\n');
            end += 1;
        }
        let is_first = found.is_empty();
        let marks = headings(&piece).into_iter();
        found.extend(
            marks
                .filter(|(_, line)| is_first || *line > 0)
                .map(|(level, line)| (level, from + line)),
        );
        let sections = found.iter().filter(|(level, _)| *level == 2);
        if sections.count() > super::MAX_REQUIREMENTS {
            return Err(ReadError::TooMany {
                what: "requirements",
                limit: super::MAX_REQUIREMENTS,
            });
        }
        if end == lines.len() {
            return Ok(found);
        }
        match found.last() {
            Some((_, last)) if *last > from => from = *last,
            _ => {
                return Err(ReadError::PartTooLong {
                    whose: format!("line {}", from + 1),
                    part: "text",
                    limit: "64 KiB",
                });
            }
        }
    }
}

/// Whether a line is one of the list after a heading, as we write it.
fn is_own_list(line: &str) -> bool {
    let name = line
        .strip_prefix("- ")
        .and_then(|item| item.split_once(':'));
    name.is_some_and(|(name, _)| name == "Status" || LINK_NAMES.contains(&name))
}

/// The headings with `#` that are in nothing else, of the first and second level: level, and line from 0.
fn headings(text: &str) -> Vec<(u8, usize)> {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &Options::default());
    root.children()
        .filter_map(|node| {
            let node = node.data();
            match &node.value {
                NodeValue::Heading(heading) if !heading.setext && heading.level <= 2 => {
                    Some((heading.level, node.sourcepos.start.line - 1))
                }
                _ => None,
            }
        })
        .collect()
}

/// A text as it stands in the file after `before`, ended by whatever heading comes next; `None` where
/// no backslash makes it so.
fn contained(before: &str, text: &str) -> Option<String> {
    let shift = before.matches('\n').count();
    let whole = |text: &str| format!("{before}{text}\n\n## End\n");
    let marks: HashSet<usize> = headings(&whole(text))
        .into_iter()
        .filter(|(level, line)| *level == 2 && *line >= shift)
        .map(|(_, line)| line - shift)
        .collect();
    let lines: Vec<String> = text
        .split('\n')
        .enumerate()
        .map(|(at, line)| {
            if marks.contains(&at) || is_escaped(line) {
                let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
                format!("{}\\{}", &line[..indent], &line[indent..])
            } else {
                line.to_owned()
            }
        })
        .collect();
    let contained = lines.join("\n");
    let end = shift + lines.len() + 1;
    let is_whole = headings(&whole(&contained))
        .into_iter()
        .filter(|(level, line)| *level == 2 && *line >= shift)
        .eq([(2, end)]);
    is_whole.then_some(contained)
}

/// Whether reading takes a backslash away from the line.
fn is_escaped(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t']);
    let rest = line.trim_start_matches('\\');
    rest.len() < line.len()
        && rest
            .strip_prefix("##")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn unescaped(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            if is_escaped(line) {
                line.replacen('\\', "", 1)
            } else {
                line.to_owned()
            }
        })
        .collect();
    lines.join("\n")
}

fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            if line.is_empty() {
                ">".to_owned()
            } else {
                format!("> {line}")
            }
        })
        .collect();
    lines.join("\n")
}

/// What was quoted; `None` where a line is not.
fn unquoted(text: &str) -> Option<String> {
    let lines: Option<Vec<&str>> = trimmed(text)
        .split('\n')
        .map(|line| {
            let line = line.strip_prefix('>')?;
            Some(line.strip_prefix(' ').unwrap_or(line))
        })
        .collect();
    Some(lines?.join("\n"))
}

/// What a requirement's heading says.
fn heading(key: &str, title: &str) -> String {
    let key = if is_key(key) {
        key.to_owned()
    } else {
        format!("[{key}]")
    };
    let before = title.trim_end_matches('#');
    let slashes = before.len() - before.trim_end_matches('\\').len();
    let before_slashes = &before[..before.len() - slashes];
    let is_closing = before.len() < title.len()
        && (before_slashes.is_empty() || before_slashes.ends_with([' ', '\t']));
    if is_closing {
        format!("{key} {before_slashes}\\{}", &title[before_slashes.len()..])
    } else {
        format!("{key} {title}")
    }
}

/// What a line with a heading says, without the `#` before and after it.
fn heading_text(line: &str) -> &str {
    line.trim_matches([' ', '\t'])
        .trim_start_matches('#')
        .trim_matches([' ', '\t'])
}

/// A requirement's key, empty where the heading has none, and its title.
fn split_heading(heading: &str) -> (&str, String) {
    let bracketed = heading
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
        .filter(|(key, _)| !key.trim().is_empty());
    let (key, title) = match bracketed {
        Some(both) => both,
        None => match heading.split_once([' ', '\t']) {
            Some((key, title)) if is_key(key) => (key, title),
            _ if is_key(heading) => (heading, ""),
            _ => ("", heading),
        },
    };
    let title = title.trim();
    let before = title.trim_end_matches('#');
    if before.len() == title.len() {
        return (key, title.to_owned());
    }
    let before_slashes = before.trim_end_matches('\\');
    let slashes = before.len() - before_slashes.len();
    let stands_alone = before_slashes.is_empty() || before_slashes.ends_with([' ', '\t']);
    let title = match slashes {
        _ if !stands_alone => title.to_owned(),
        0 => before.trim_end().to_owned(),
        _ => format!("{before_slashes}{}", &title[before_slashes.len() + 1..]),
    };
    (key, title)
}

/// Whether a word is a key for sure, like `SHOP-1`, `REQ_001` or `4.2-a`: a letter, a digit and something between.
fn is_key(word: &str) -> bool {
    let is_between = |c: char| matches!(c, '-' | '_' | '.' | ':' | '/');
    word.starts_with(char::is_alphanumeric)
        && word.ends_with(char::is_alphanumeric)
        && word.chars().all(|c| c.is_alphanumeric() || is_between(c))
        && word.contains(char::is_alphabetic)
        && word.contains(|c: char| c.is_ascii_digit())
        && word.contains(is_between)
}
