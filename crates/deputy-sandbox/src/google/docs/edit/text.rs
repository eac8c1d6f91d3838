//! Edits of text and its styles.

use std::sync::Arc;

use super::super::model::{Body, NEWLINE, PAGE_BREAK, Paragraph, RULE, TABLE, TABLE_END, Unit};
use super::super::style::{Masked, NamedStyleType, TextStyle};
use super::Reason;

const OUTSIDE: &str = "The insertion index must be inside the bounds of an existing paragraph. You can still create \
                       new paragraphs by inserting newlines.";

/// Checks that text may be inserted before the unit at `at`.
pub(super) fn check_insertion(body: &Body, at: usize) -> Result<(), Reason> {
    let Some(unit) = body.units.get(at) else {
        return Err(format!(
            "Index {at} must be less than the end index of the referenced segment, {}.",
            body.len()
        ));
    };
    if unit.is_structure() {
        return Err(OUTSIDE.to_owned());
    }
    if is_low_surrogate(unit.code) {
        return Err("The insertion index cannot be within a grapheme cluster.".to_owned());
    }
    Ok(())
}

fn is_low_surrogate(code: u16) -> bool {
    (0xdc00..0xe000).contains(&code)
}

/// What the API keeps of a text: no control characters (U+0000–U+0008, U+000C–U+001F) and nothing of
/// the private use area; a carriage return is one of the former.
pub(crate) fn clean(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|&c| !matches!(c, '\0'..='\u{8}' | '\u{c}'..='\u{1f}' | '\u{e000}'..='\u{f8ff}'))
}

pub(super) fn insert(body: &mut Body, at: usize, text: &str) -> Result<(), Reason> {
    check_insertion(body, at)?;
    let style = style_at(body, at);
    insert_styled(body, at, text, &style);
    Ok(())
}

fn insert_styled(body: &mut Body, at: usize, text: &str, style: &Arc<TextStyle>) {
    let newline = body.paragraph_newline(at);
    let paragraph = body.units[newline].paragraph.clone().unwrap_or_default();
    let codes: Vec<u16> = clean(text).collect::<String>().encode_utf16().collect();
    let mut units = Vec::with_capacity(codes.len());
    for code in codes {
        if code == NEWLINE {
            let paragraph = twin(body, &paragraph);
            units.push(Unit::end(paragraph, style.clone()));
        } else {
            units.push(Unit {
                code,
                style: style.clone(),
                paragraph: None,
            });
        }
    }
    body.units.splice(at..at, units);
}

/// The same paragraph once more; a heading's id stays with the one that had it.
fn twin(body: &mut Body, paragraph: &Arc<Paragraph>) -> Arc<Paragraph> {
    if paragraph.style.heading_id.is_none() {
        return paragraph.clone();
    }
    let mut copy = Paragraph::clone(paragraph);
    copy.style.heading_id = Some(body.fresh_id("h."));
    Arc::new(copy)
}

/// The style that text inserted at `at` takes: that of the text before it in its paragraph, else of
/// what follows. A link doesn't grow at its end.
fn style_at(body: &Body, at: usize) -> Arc<TextStyle> {
    let next = &body.units[at].style;
    let before = at
        .checked_sub(1)
        .map(|i| &body.units[i])
        .filter(|unit| !unit.is_structure() && unit.code != NEWLINE);
    let Some(before) = before else {
        return next.clone();
    };
    if before.style.link.is_some() && before.style.link != next.link {
        return Arc::new(TextStyle {
            link: None,
            underline: None,
            foreground_color: None,
            ..(*before.style).clone()
        });
    }
    before.style.clone()
}

pub(super) fn delete(body: &mut Body, start: usize, end: usize) -> Result<(), Reason> {
    check_deletion(body, start, end)?;
    let first = body.paragraph_start(start);
    let merges = body.units[start..end]
        .iter()
        .any(|unit| unit.code == NEWLINE);
    // Two halves become one paragraph: it stays what the first one was, unless nothing of that is left.
    if merges && first < start {
        let kept = body.units[body.paragraph_newline(start)].paragraph.clone();
        let survivor = body.paragraph_newline(end);
        body.units[survivor].paragraph = kept;
    }
    body.units.drain(start..end);
    Ok(())
}

fn check_deletion(body: &Body, start: usize, end: usize) -> Result<(), Reason> {
    const TABLE_EDGE: &str = "The range must not include only a part of a table, a row or a cell.";
    if start == 0 {
        return Err(
            "The range cannot include the section break at the start of the body.".to_owned(),
        );
    }
    if end == body.len() {
        return Err(
            "The range cannot include the newline character at the end of the segment.".to_owned(),
        );
    }
    if is_low_surrogate(body.units[start].code) || is_low_surrogate(body.units[end].code) {
        return Err("The range cannot partially overlap a grapheme cluster.".to_owned());
    }
    let mut depth = 0_i32;
    for unit in &body.units[start..end] {
        match unit.code {
            TABLE => depth += 1,
            TABLE_END => depth -= 1,
            _ if unit.is_structure() && depth == 0 => return Err(TABLE_EDGE.to_owned()),
            _ => {}
        }
        if depth < 0 {
            return Err(TABLE_EDGE.to_owned());
        }
    }
    if depth != 0 {
        return Err(TABLE_EDGE.to_owned());
    }
    // What stays must still end in a newline before a table, a cell's end or a table's end.
    let after = &body.units[end];
    if after.is_structure() && body.units[start - 1].code != NEWLINE {
        let reason = if after.code == TABLE {
            "The range cannot include the newline character before a table."
        } else {
            "The range cannot include the newline character at the end of the segment."
        };
        return Err(reason.to_owned());
    }
    Ok(())
}

pub(super) fn insert_page_break(body: &mut Body, at: usize) -> Result<(), Reason> {
    check_insertion(body, at)?;
    if in_table(body, at) {
        return Err("Page breaks cannot be inserted inside a table.".to_owned());
    }
    let style = style_at(body, at);
    insert_styled(body, at, "\n", &style);
    body.units.insert(
        at,
        Unit {
            code: PAGE_BREAK,
            style,
            paragraph: None,
        },
    );
    Ok(())
}

pub(super) fn in_table(body: &Body, at: usize) -> bool {
    let opened = body.units[..at]
        .iter()
        .filter(|unit| unit.code == TABLE)
        .count();
    let closed = body.units[..at]
        .iter()
        .filter(|unit| unit.code == TABLE_END)
        .count();
    opened > closed
}

pub(super) fn restyle(
    body: &mut Body,
    start: usize,
    end: usize,
    change: &Masked,
) -> Result<(), Reason> {
    let mut last: Option<(Arc<TextStyle>, Arc<TextStyle>)> = None;
    for unit in &mut body.units[start..end] {
        if unit.is_structure() {
            continue;
        }
        let new = match &last {
            Some((old, new)) if Arc::ptr_eq(old, &unit.style) => new.clone(),
            _ => {
                let new = Arc::new(
                    change
                        .apply(&*unit.style)
                        .map_err(|error| error.to_string())?,
                );
                last = Some((unit.style.clone(), new.clone()));
                new
            }
        };
        unit.style = new;
    }
    Ok(())
}

pub(super) fn restyle_paragraphs(
    body: &mut Body,
    start: usize,
    end: usize,
    change: &Masked,
) -> Result<(), Reason> {
    for at in body.newlines_of(start, end) {
        let mut paragraph = body.units[at]
            .paragraph
            .as_deref()
            .cloned()
            .unwrap_or_default();
        let heading_id = paragraph.style.heading_id.take();
        paragraph.style = change
            .apply(&paragraph.style)
            .map_err(|error| error.to_string())?;
        // Titles, subtitles and headings can be linked to; plain text can't.
        paragraph.style.heading_id = match paragraph.style.named() {
            NamedStyleType::NormalText => None,
            _ => heading_id.or_else(|| Some(body.fresh_id("h."))),
        };
        body.units[at].paragraph = Some(Arc::new(paragraph));
    }
    Ok(())
}

/// Replaces every occurrence inside a paragraph and gives how many there were. The new text takes
/// the style of the first character that it replaces.
pub(super) fn replace_all(body: &mut Body, find: &str, match_case: bool, with: &str) -> usize {
    let found = occurrences(body, find, match_case);
    for &(start, end) in found.iter().rev() {
        let style = body.units[start].style.clone();
        body.units.drain(start..end);
        insert_styled(body, start, with, &style);
    }
    found.len()
}

fn occurrences(body: &Body, find: &str, match_case: bool) -> Vec<(usize, usize)> {
    let fold = |c: char| -> String {
        if match_case {
            c.to_string()
        } else {
            c.to_lowercase().collect()
        }
    };
    let needle: Vec<String> = find.chars().map(fold).collect();
    let mut out = Vec::new();
    let mut at = 1;
    while at < body.len() {
        let stops =
            |unit: &Unit| unit.is_structure() || matches!(unit.code, NEWLINE | PAGE_BREAK | RULE);
        let end = body.units[at..]
            .iter()
            .position(stops)
            .map_or(body.len(), |offset| at + offset);
        let text = body.text(at, end);
        let folded: Vec<(String, usize)> = text.chars().map(|c| (fold(c), c.len_utf16())).collect();
        let mut position = at;
        let mut i = 0;
        while i < folded.len() {
            let hit = folded[i..].len() >= needle.len()
                && folded[i..]
                    .iter()
                    .zip(&needle)
                    .all(|((have, _), want)| have == want);
            let step = if hit { needle.len() } else { 1 };
            let width: usize = folded[i..i + step].iter().map(|(_, width)| width).sum();
            if hit {
                out.push((position, position + width));
            }
            position += width;
            i += step;
        }
        at = end + 1;
    }
    out
}
