use deputy_store::own_tool::{OwnToolRow, OwnToolState as State};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::{MAX_TOOLS, accept, compare};

fn read(tools: &[Box<RawValue>]) -> (Vec<(String, String, String)>, usize) {
    super::read(tools, false)
}

fn tool(name: &str, description: &str) -> Box<RawValue> {
    to_raw_value(&json!({
        "name": name,
        "description": description,
        "inputSchema": { "type": "object" },
    }))
    .unwrap()
}

fn states(rows: &[OwnToolRow]) -> Vec<(&str, State)> {
    rows.iter()
        .map(|row| (row.tool.as_str(), row.state))
        .collect()
}

#[test]
fn what_it_has_at_first_is_accepted_and_then_held_against() {
    let (tools, left) = read(&[tool("a", "1"), tool("b", "1"), tool("c", "1")]);
    assert_eq!(left, 0);
    let first = compare("s", &[], tools.clone(), true);
    assert!(first.differ);
    assert_eq!(
        states(&first.rows),
        [
            ("a", State::Accepted),
            ("b", State::Accepted),
            ("c", State::Accepted)
        ]
    );
    let again = compare("s", &first.rows, tools, false);
    assert!(!again.differ && again.quarantined.is_empty());

    // One stays, one changes, one goes, one comes.
    let (tools, _) = read(&[tool("a", "1"), tool("b", "2"), tool("d", "1")]);
    let later = compare("s", &first.rows, tools.clone(), false);
    assert!(later.differ);
    let quarantined: Vec<_> = later.quarantined.iter().map(|(tool, _)| tool).collect();
    assert_eq!(quarantined, ["b", "d"]);
    assert_eq!(
        states(&later.rows),
        [
            ("a", State::Accepted),
            ("b", State::Changed),
            ("d", State::New),
            ("c", State::Gone)
        ]
    );
    let same = compare("s", &later.rows, tools, false);
    assert!(!same.differ && same.quarantined.is_empty());

    // It goes back to what it was: nothing to agree to.
    let (tools, _) = read(&[tool("a", "1"), tool("b", "1"), tool("c", "1")]);
    let back = compare("s", &later.rows, tools, false);
    assert_eq!(states(&back.rows), states(&first.rows));
}

#[test]
fn agreeing_is_to_what_was_seen() {
    let first = compare("s", &[], read(&[tool("a", "1")]).0, true);
    let mut rows = compare(
        "s",
        &first.rows,
        read(&[tool("a", "2"), tool("n", "1")]).0,
        false,
    )
    .rows;
    let offer = |rows: &[OwnToolRow], i: usize| rows[i].offered.clone().unwrap().1;
    let (a, n) = (offer(&rows, 0), offer(&rows, 1));
    let stale = first.rows[0].accepted.clone().unwrap().1;
    let seen = |tool: &str, digest: &str| (tool.to_owned(), digest.to_owned());
    assert_eq!(
        accept(&mut rows, &[seen("a", &stale), seen("x", &a)]),
        ["a", "x"]
    );
    assert_eq!(rows[0].state, State::Changed);
    assert!(accept(&mut rows, &[seen("a", &a), seen("n", &n)]).is_empty());
    assert_eq!(
        states(&rows),
        [("a", State::Accepted), ("n", State::Accepted)]
    );
    assert_eq!(rows[0].offered, None);
    // Twice is as good as once.
    assert!(accept(&mut rows, &[seen("a", &a)]).is_empty());
}

#[test]
fn a_persons_word_stays_with_the_tool() {
    let mut rows = compare("s", &[], read(&[tool("a", "1")]).0, true).rows;
    rows[0].policy = Some("deny".to_owned());
    let changed = compare("s", &rows, read(&[tool("a", "2")]).0, false);
    assert_eq!(changed.rows[0].policy.as_deref(), Some("deny"));
    let gone = compare("s", &changed.rows, Vec::new(), false);
    assert_eq!(gone.rows[0].policy.as_deref(), Some("deny"));
}

#[test]
fn too_many_tools_are_cut() {
    let many: Vec<_> = (0..MAX_TOOLS + 7)
        .map(|i| tool(&format!("t{i}"), "x"))
        .collect();
    let (tools, left) = read(&many);
    assert_eq!((tools.len(), left), (MAX_TOOLS, 7));
    let (tools, left) = read(&[tool("a", "1"), tool("a", "2"), tool("", "1")]);
    assert_eq!((tools.len(), left), (1, 2));
    let long = "d".repeat(9000);
    let many: Vec<_> = (0..MAX_TOOLS)
        .map(|i| tool(&format!("t{i}"), &long))
        .collect();
    let (tools, left) = read(&many);
    assert!(tools.len() < MAX_TOOLS && left > 0, "{left}");
}
