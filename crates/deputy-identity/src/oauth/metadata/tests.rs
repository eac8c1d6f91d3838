use deputy_store::testing::for_each_database;

use super::super::tests::*;
use super::*;

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

#[tokio::test]
async fn clients_find_their_way_and_no_member_is_null() {
    for_each_database(|store| async move {
        let server = Desk::new(store).await.server;
        let document = server.metadata();
        assert_eq!(document["issuer"], URL);
        assert_eq!(document["token_endpoint"], format!("{URL}/oauth/token"));
        assert_eq!(
            document["code_challenge_methods_supported"],
            json!(["S256"])
        );
        // Both, or claude.ai registers instead of naming itself by its document.
        assert_eq!(
            document["token_endpoint_auth_methods_supported"],
            json!(["none"])
        );
        assert_eq!(
            document["authorization_response_iss_parameter_supported"],
            true
        );
        let scopes = document["scopes_supported"].as_array().unwrap();
        assert!(scopes.contains(&json!("offline_access")) && scopes.contains(&json!("tools:read")));
        // Gemini CLI asks for every scope that is listed.
        for never in ["admin", "approvals:decide"] {
            assert!(!scopes.contains(&json!(never)), "{never}");
        }
        assert!(!has_null(&document));
        assert_eq!(
            document
                .get("client_id_metadata_document_supported")
                .is_some(),
            server.documents_work(),
            "said only when it works"
        );
    })
    .await;
}

#[tokio::test]
async fn a_resource_says_who_issues_tokens_for_it() {
    for_each_database(|store| async move {
        let server = Desk::new(store).await.server;
        for (resource, url) in [
            (Resource::Mcp, MCP.to_owned()),
            (Resource::Api, API.to_owned()),
            (
                Resource::McpServer("notes".to_owned()),
                format!("{MCP}/notes"),
            ),
        ] {
            let document = server.resource_metadata(&resource);
            assert_eq!(document["resource"], url);
            assert_eq!(document["authorization_servers"], json!([server.issuer()]));
            assert_eq!(document["bearer_methods_supported"], json!(["header"]));
            let scopes = document["scopes_supported"].as_array().unwrap();
            for never in ["offline_access", "admin", "approvals:decide"] {
                assert!(!scopes.contains(&json!(never)), "{never}");
            }
            assert!(!has_null(&document));
        }
    })
    .await;
}
