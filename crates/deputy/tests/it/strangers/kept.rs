//! What people keep in Deputy: notes, tasks, projects of one key with requirements of the same keys.

use serde_json::{Value, json};

use super::{Belongings, TITLE, with};
use crate::support::Person;

/// Arguments by which somebody else would try to reach what the owner keeps: by its number, or where a project is
/// named by its key, by that; then it is one's own that is meant.
pub(super) fn attempts(tool: &str, owner: &Person, theirs: &Belongings) -> Vec<Value> {
    let note = json!({ "note_id": theirs.note });
    let task = json!({ "task_id": theirs.task });
    let project = json!({ "project": theirs.project });
    let requirement = json!({ "key": "PLAN-1", "project": theirs.project });
    let search = json!({ "query": format!("only-{}", owner.name) });
    let more = |one: &Value, more: Value| vec![with(one.clone(), &more)];
    match tool {
        "create_note" => vec![json!({ "content": "x", "category": TITLE })],
        "list_notes" => vec![json!({}), search, json!({ "category": TITLE })],
        "get_note" | "complete_note" | "delete_note" => vec![note],
        "update_note" => more(&note, json!({ "content": "Stolen" })),
        "create_task" => vec![json!({ "title": TITLE })],
        "list_tasks" => vec![json!({}), search],
        "get_task" | "delete_task" => vec![task],
        "update_task_status" => more(&task, json!({ "status": "done" })),
        "update_task" => more(&task, json!({ "title": "Stolen" })),
        "create_project" => vec![json!({ "key": "PLAN", "name": TITLE })],
        "list_projects" => vec![json!({})],
        "get_project" | "delete_project" | "get_requirement_matrix" => vec![project],
        "update_project" => more(&project, json!({ "name": "Stolen" })),
        "share_project" => more(&project, json!({ "username": "bob", "role": "owner" })),
        "unshare_project" => more(&project, json!({ "username": owner.name })),
        "create_requirement" => more(&project, json!({ "title": TITLE })),
        "list_requirements" => vec![json!({}), search, project],
        "get_requirement" | "get_requirement_history" | "list_requirement_comments" => {
            vec![requirement, json!({ "key": "PLAN-1" })]
        }
        "update_requirement" => {
            let change = json!({ "version": 1, "title": "Stolen" });
            more(&requirement, change)
        }
        "delete_requirement" | "restore_requirement" => more(&requirement, json!({ "version": 1 })),
        "link_requirements" | "unlink_requirements" => {
            let pair = json!({ "from": "PLAN-1", "to": "PLAN-2", "kind": "refines" });
            more(&project, pair)
        }
        "comment_on_requirement" => more(&requirement, json!({ "body": "x" })),
        "delete_requirement_comment" => {
            let own = json!({ "key": "PLAN-1", "comment_id": theirs.comment });
            vec![own.clone(), with(own, &project)]
        }
        other => panic!("the tool {other} has no case"),
    }
}

/// Whether something of the owner's is named by its number, so that nothing may come of it.
pub(super) fn names(arguments: &Value, theirs: &Belongings) -> bool {
    arguments["note_id"] == theirs.note
        || arguments["task_id"] == theirs.task
        || arguments["project"] == theirs.project
        || arguments["comment_id"] == theirs.comment
}

/// All that a person keeps, as they see it.
pub(super) async fn inventory(person: &Person) -> Vec<Value> {
    let one = json!({ "key": "PLAN-1" });
    let mut all = Vec::new();
    for (tool, arguments) in [
        ("list_notes", json!({})),
        ("list_tasks", json!({})),
        ("list_projects", json!({})),
        ("get_project", json!({ "project": "PLAN" })),
        ("list_requirements", json!({})),
        ("get_requirement", one.clone()),
        ("get_requirement_history", one.clone()),
        ("list_requirement_comments", one),
        ("get_requirement_matrix", json!({ "project": "PLAN" })),
    ] {
        all.push(person.call(tool, &arguments).await);
    }
    all
}
