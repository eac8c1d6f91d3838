//! `documents.batchUpdate`: the edits, with Google's index rules and error texts.
//!
//! A batch is applied to a copy of the body, so that a refused request leaves nothing behind.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::model::{Body, BulletPreset};
use super::style::{Masked, PARAGRAPH_FIELDS, ParagraphStyle, TEXT_FIELDS, TextStyle};

mod bullets;
mod table;
mod text;

pub(crate) use bullets::indents;
pub(crate) use text::clean;

/// Why a batch was refused; the message is the API's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// Why one edit can't be made; the batch adds which one it was.
type Reason = String;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Location {
    index: i64,
    segment_id: Option<String>,
    tab_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EndOfSegment {
    segment_id: Option<String>,
    tab_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Range {
    start_index: i64,
    end_index: i64,
    segment_id: Option<String>,
    tab_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InsertText {
    #[serde(default)]
    text: String,
    location: Option<Location>,
    end_of_segment_location: Option<EndOfSegment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Insert {
    location: Option<Location>,
    end_of_segment_location: Option<EndOfSegment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InsertTable {
    #[serde(default)]
    rows: i64,
    #[serde(default)]
    columns: i64,
    location: Option<Location>,
    end_of_segment_location: Option<EndOfSegment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ranged {
    range: Option<Range>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBullets {
    range: Option<Range>,
    bullet_preset: Option<BulletPreset>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplaceAll {
    #[serde(default)]
    replace_text: String,
    contains_text: Option<Criteria>,
    tabs_criteria: Option<TabsCriteria>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Criteria {
    text: String,
    match_case: bool,
    search_by_regex: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TabsCriteria {
    #[serde(default)]
    tab_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateText {
    range: Option<Range>,
    #[serde(default)]
    text_style: Value,
    #[serde(default)]
    fields: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateParagraph {
    range: Option<Range>,
    #[serde(default)]
    paragraph_style: Value,
    #[serde(default)]
    fields: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CellLocation {
    table_start_location: Option<Location>,
    #[serde(default)]
    row_index: i64,
    #[serde(default)]
    column_index: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AtCell {
    table_cell_location: Option<CellLocation>,
    #[serde(default)]
    insert_below: bool,
    #[serde(default)]
    insert_right: bool,
}

/// The edits that there are.
const EDITS: &[&str] = &[
    "insertText",
    "deleteContentRange",
    "replaceAllText",
    "updateTextStyle",
    "updateParagraphStyle",
    "createParagraphBullets",
    "deleteParagraphBullets",
    "insertTable",
    "insertTableRow",
    "deleteTableRow",
    "insertTableColumn",
    "deleteTableColumn",
    "insertPageBreak",
];

/// Applies the requests in order and gives the replies, one each. All or nothing: after a refusal
/// the body is as it was.
pub(crate) fn apply(body: &mut Body, requests: &[Value]) -> Result<Vec<Value>, Refused> {
    let mut draft = body.clone();
    let mut replies = Vec::with_capacity(requests.len());
    for (number, request) in requests.iter().enumerate() {
        let (name, arguments) = named(number, request)?;
        let reply = apply_one(&mut draft, name, arguments)
            .map_err(|reason| Refused(format!("Invalid requests[{number}].{name}: {reason}")))?;
        if draft.len() > super::model::MAX_UNITS {
            return Err(Refused(format!(
                "Invalid requests[{number}].{name}: The document would be longer than {} characters.",
                super::model::MAX_UNITS
            )));
        }
        replies.push(reply);
    }
    *body = draft;
    Ok(replies)
}

/// None of the requests names a position, so that they mean the same in any later revision.
pub(crate) fn is_position_free(requests: &[Value]) -> bool {
    requests.iter().all(|request| {
        request.get("replaceAllText").is_some()
            || request
                .get("insertText")
                .is_some_and(|insert| insert.get("endOfSegmentLocation").is_some())
    })
}

fn named(number: usize, request: &Value) -> Result<(&str, &Value), Refused> {
    let members: Vec<(&String, &Value)> = request
        .as_object()
        .into_iter()
        .flat_map(Map::iter)
        .collect();
    match members.as_slice() {
        [] => Err(Refused(format!(
            "Invalid requests[{number}]: Must specify at least one request."
        ))),
        [(name, arguments)] => Ok((name.as_str(), arguments)),
        _ => Err(Refused(format!(
            "Invalid requests[{number}]: Only one type of request may be set."
        ))),
    }
}

fn arguments<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, Reason> {
    T::deserialize(value).map_err(|error| error.to_string())
}

fn apply_one(body: &mut Body, name: &str, value: &Value) -> Result<Value, Reason> {
    match name {
        "insertText" => {
            let InsertText {
                text,
                location,
                end_of_segment_location,
            } = arguments(value)?;
            if text.is_empty() {
                return Err("Insert text requests must specify text to insert.".to_owned());
            }
            let at = place(body, location, end_of_segment_location)?;
            text::insert(body, at, &text)?;
        }
        "deleteContentRange" => {
            let (start, end) = range(body, arguments::<Ranged>(value)?.range)?;
            text::delete(body, start, end)?;
        }
        "replaceAllText" => return replace_all(body, arguments(value)?),
        "updateTextStyle" => {
            let UpdateText {
                range: given,
                text_style,
                fields,
            } = arguments(value)?;
            let change = Masked::new::<TextStyle>(text_style, &fields, TEXT_FIELDS)?;
            let (start, end) = range(body, given)?;
            text::restyle(body, start, end, &change)?;
        }
        "updateParagraphStyle" => {
            let UpdateParagraph {
                range: given,
                paragraph_style,
                fields,
            } = arguments(value)?;
            let change = Masked::new::<ParagraphStyle>(paragraph_style, &fields, PARAGRAPH_FIELDS)?;
            let (start, end) = range(body, given)?;
            text::restyle_paragraphs(body, start, end, &change)?;
        }
        "createParagraphBullets" => {
            let CreateBullets {
                range: given,
                bullet_preset,
            } = arguments(value)?;
            let preset = bullet_preset.ok_or("The bullet preset must be specified.")?;
            let (start, end) = range(body, given)?;
            bullets::create(body, start, end, preset);
        }
        "deleteParagraphBullets" => {
            let (start, end) = range(body, arguments::<Ranged>(value)?.range)?;
            bullets::delete(body, start, end);
        }
        "insertPageBreak" => {
            let Insert {
                location,
                end_of_segment_location,
            } = arguments(value)?;
            let at = place(body, location, end_of_segment_location)?;
            text::insert_page_break(body, at)?;
        }
        "insertTable" => {
            let InsertTable {
                rows,
                columns,
                location,
                end_of_segment_location,
            } = arguments(value)?;
            let at = place(body, location, end_of_segment_location)?;
            table::insert(body, at, rows, columns)?;
        }
        "insertTableRow" | "deleteTableRow" | "insertTableColumn" | "deleteTableColumn" => {
            at_cell(body, name, arguments(value)?)?;
        }
        _ => {
            return Err(format!(
                "This emulator does not have this request; it has {}.",
                EDITS.join(", ")
            ));
        }
    }
    Ok(json!({}))
}

fn at_cell(body: &mut Body, name: &str, given: AtCell) -> Result<(), Reason> {
    let CellLocation {
        table_start_location,
        row_index,
        column_index,
    } = given
        .table_cell_location
        .ok_or("The table cell location must be specified.")?;
    let start = table_start_location.ok_or("The table start location must be specified.")?;
    let cell = table::CellAddress {
        table: location(&start)?,
        row: row_index,
        column: column_index,
    };
    match name {
        "insertTableRow" => table::insert_row(body, &cell, given.insert_below),
        "deleteTableRow" => table::delete_row(body, &cell),
        "insertTableColumn" => table::insert_column(body, &cell, given.insert_right),
        _ => table::delete_column(body, &cell),
    }
}

fn replace_all(body: &mut Body, given: ReplaceAll) -> Result<Value, Reason> {
    let ReplaceAll {
        replace_text,
        contains_text,
        tabs_criteria,
    } = given;
    let criteria = contains_text.unwrap_or_default();
    for tab in tabs_criteria
        .into_iter()
        .flat_map(|criteria| criteria.tab_ids)
    {
        check_tab(Some(&tab))?;
    }
    if criteria.search_by_regex {
        return Err("This emulator does not search by regular expression.".to_owned());
    }
    if criteria.text.is_empty() {
        return Err("The text to replace must not be empty.".to_owned());
    }
    let changed = text::replace_all(body, &criteria.text, criteria.match_case, &replace_text);
    // A reply leaves out a zero, as protocol buffers do.
    Ok(if changed == 0 {
        json!({"replaceAllText": {}})
    } else {
        json!({"replaceAllText": {"occurrencesChanged": changed}})
    })
}

/// The only tab that a document here has.
pub(crate) const TAB_ID: &str = "t.0";

fn check_tab(id: Option<&str>) -> Result<(), Reason> {
    match id {
        None | Some("" | TAB_ID) => Ok(()),
        Some(other) => Err(format!("Tab with ID {other} was not found.")),
    }
}

fn check_segment(id: Option<&str>) -> Result<(), Reason> {
    match id {
        None | Some("") => Ok(()),
        Some(other) => Err(format!("Segment with ID {other} was not found.")),
    }
}

fn location(given: &Location) -> Result<usize, Reason> {
    check_segment(given.segment_id.as_deref())?;
    check_tab(given.tab_id.as_deref())?;
    usize::try_from(given.index).map_err(|_| {
        format!(
            "Index {} must be greater than or equal to zero.",
            given.index
        )
    })
}

/// A position for an insertion; the end of the segment is before its last newline.
fn place(body: &Body, given: Option<Location>, end: Option<EndOfSegment>) -> Result<usize, Reason> {
    match (given, end) {
        (Some(given), None) => location(&given),
        (None, Some(end)) => {
            check_segment(end.segment_id.as_deref())?;
            check_tab(end.tab_id.as_deref())?;
            Ok(body.len() - 1)
        }
        _ => Err("The insertion location must be specified.".to_owned()),
    }
}

fn range(body: &Body, given: Option<Range>) -> Result<(usize, usize), Reason> {
    let given = given.ok_or("The range must be specified.")?;
    check_segment(given.segment_id.as_deref())?;
    check_tab(given.tab_id.as_deref())?;
    let start = usize::try_from(given.start_index).map_err(|_| {
        format!(
            "Index {} must be greater than or equal to zero.",
            given.start_index
        )
    })?;
    let end = usize::try_from(given.end_index).map_err(|_| {
        format!(
            "Index {} must be greater than or equal to zero.",
            given.end_index
        )
    })?;
    if end <= start {
        return Err("The range should not be empty.".to_owned());
    }
    if end > body.len() {
        return Err(format!(
            "Index {} must be less than the end index of the referenced segment, {}.",
            end - 1,
            body.len()
        ));
    }
    Ok((start, end))
}

#[cfg(test)]
mod tests;
