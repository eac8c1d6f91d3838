use serde_json::json;

use super::Tools;
use crate::testing::{calling, each};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a line for each tool")]
async fn every_tool_has_a_schema_that_its_answer_fits() {
    each(|place| async move {
        let tools = Tools::new(place.workspace.clone());
        let mut left: Vec<&str> = tools.specs().iter().map(|spec| spec.name).collect();
        let calls = [
            (
                "create_note",
                json!({ "content": "Milk", "category": "personal" }),
            ),
            ("list_notes", json!({ "completed": false })),
            ("get_note", json!({ "note_id": 1 })),
            ("complete_note", json!({ "note_id": 1 })),
            ("update_note", json!({ "note_id": 1, "content": "Bread" })),
            ("delete_note", json!({ "note_id": 1 })),
            (
                "create_task",
                json!({ "title": "Call", "due_date": "2026-12-01", "priority": "high" }),
            ),
            ("list_tasks", json!({ "open": true })),
            ("get_task", json!({ "task_id": 1 })),
            (
                "update_task_status",
                json!({ "task_id": 1, "status": "done" }),
            ),
            ("update_task", json!({ "task_id": 1, "title": "Write" })),
            ("delete_task", json!({ "task_id": 1 })),
            ("create_project", json!({ "key": "SHOP", "name": "Shop" })),
            ("list_projects", json!({})),
            ("get_project", json!({ "project": "SHOP" })),
            (
                "update_project",
                json!({ "project": "SHOP", "name": "The shop" }),
            ),
            (
                "share_project",
                json!({ "project": "SHOP", "username": "bob", "role": "viewer" }),
            ),
            (
                "unshare_project",
                json!({ "project": "SHOP", "username": "bob" }),
            ),
            (
                "create_requirement",
                json!({ "project": "SHOP", "title": "Cart" }),
            ),
            (
                "create_requirement",
                json!({ "project": "SHOP", "title": "Pay", "status": "proposed" }),
            ),
            ("list_requirements", json!({ "query": "cart" })),
            (
                "update_requirement",
                json!({ "key": "SHOP-1", "version": 1, "body": "Text", "reason": "new" }),
            ),
            (
                "link_requirements",
                json!({ "from": "SHOP-2", "to": "SHOP-1", "kind": "depends_on" }),
            ),
            ("get_requirement", json!({ "key": "SHOP-1" })),
            ("get_requirement_matrix", json!({ "project": "SHOP" })),
            (
                "unlink_requirements",
                json!({ "from": "SHOP-2", "to": "SHOP-1", "kind": "depends_on" }),
            ),
            (
                "comment_on_requirement",
                json!({ "key": "SHOP-1", "body": "Why?" }),
            ),
            ("list_requirement_comments", json!({ "key": "SHOP-1" })),
            (
                "delete_requirement_comment",
                json!({ "key": "SHOP-1", "comment_id": 1 }),
            ),
            (
                "delete_requirement",
                json!({ "key": "SHOP-1", "version": 2 }),
            ),
            (
                "restore_requirement",
                json!({ "key": "SHOP-1", "version": 3 }),
            ),
            ("get_requirement_history", json!({ "key": "SHOP-1" })),
            ("delete_project", json!({ "project": "SHOP" })),
        ];
        for (name, arguments) in calls {
            let spec = tools
                .specs()
                .iter()
                .find(|spec| spec.name == name)
                .expect(name);
            let fits = |schema, value| {
                jsonschema::validate(schema, value).map_err(|e| format!("{name}: {e}"))
            };
            fits(&spec.input_schema, &arguments).unwrap();
            let answer = tools
                .call(calling(&place.alice), name, arguments.clone())
                .await
                .unwrap();
            assert!(!answer.is_error, "{name}: {}", answer.text);
            fits(&spec.output_schema, &answer.structured).unwrap();
            left.retain(|left| *left != name);
        }
        assert_eq!(left, Vec::<&str>::new(), "without a call here");
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_says_why_and_what_stands_now() {
    each(|place| async move {
        let tools = Tools::new(place.workspace.clone());
        place.project("SHOP", &["Cart"]).await;
        let call = async |name: &str, arguments| {
            tools
                .call(calling(&place.alice), name, arguments)
                .await
                .unwrap()
        };
        let late = call(
            "update_requirement",
            json!({ "key": "SHOP-1", "version": 7, "title": "x" }),
        )
        .await;
        assert!(late.is_error);
        let error = &late.structured["error"];
        assert_eq!(error["code"], "VERSION_CONFLICT");
        assert_eq!(error["current"]["version"], 1);
        assert_eq!(error["message"], late.text);
        let none = call("get_note", json!({ "note_id": 7 })).await;
        assert_eq!(none.structured["error"]["code"], "NOT_FOUND");
        let wrong = call("create_task", json!({ "title": "x", "due_date": "soon" })).await;
        assert_eq!(wrong.structured["error"]["pointer"], "/due_date");
        assert!(
            tools
                .call(calling(&place.alice), "rm", json!({}))
                .await
                .is_err()
        );
    })
    .await;
}
