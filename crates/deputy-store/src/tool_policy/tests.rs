use deputy_core::UserId;

use super::ToolPolicyRow;
use crate::from_ms;
use crate::testing::{for_each_database, user};

#[tokio::test]
async fn an_administrators_rule_replaces_the_one_before() {
    for_each_database(|store| async move {
        let rule = |policy: &str| ToolPolicyRow {
            server: "github".to_owned(),
            tool: "*".to_owned(),
            policy: policy.to_owned(),
            updated_by: UserId(1),
            updated_at: from_ms(8),
        };
        let tx = store.begin().await.unwrap();
        tx.tool_policy_set(rule("ask")).await.unwrap();
        tx.tool_policy_set(rule("deny")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.tool_policies(10).await.unwrap(), [rule("deny")]);
        let tx = store.begin().await.unwrap();
        assert!(tx.tool_policy_remove("github", "*").await.unwrap());
        assert!(!tx.tool_policy_remove("github", "*").await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.tool_policies(10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_persons_rule_is_theirs_and_goes_with_them() {
    for_each_database(|store| async move {
        let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
        let tx = store.begin().await.unwrap();
        tx.user(anna)
            .tool_policy_set("send_email", Some("ask"), from_ms(1))
            .await
            .unwrap();
        tx.user(anna)
            .tool_policy_set("send_email", Some("deny"), from_ms(2))
            .await
            .unwrap();
        tx.user(anna)
            .tool_policy_set("list_files", Some("ask"), from_ms(2))
            .await
            .unwrap();
        tx.user(anna)
            .tool_policy_set("list_files", None, from_ms(3))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let hers = [("send_email".to_owned(), "deny".to_owned())];
        assert_eq!(store.user(anna).tool_policies().await.unwrap(), hers);
        assert!(store.user(boris).tool_policies().await.unwrap().is_empty());
        let tx = store.begin().await.unwrap();
        tx.user(anna).delete_user().await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.user(anna).tool_policies().await.unwrap().is_empty());
    })
    .await;
}
