use super::ServerTemplateRow;
use crate::from_ms;
use crate::testing::for_each_database;

#[tokio::test]
async fn a_template_replaces_the_one_of_its_type() {
    for_each_database(|store| async move {
        let row = |command: &str| ServerTemplateRow {
            server_type: "notes".to_owned(),
            display_name: "Notes".to_owned(),
            command_template: command.to_owned(),
            config_schema: Some("{}".to_owned()),
            is_active: true,
            ..ServerTemplateRow::default()
        };
        let tx = store.begin().await.unwrap();
        tx.server_template_set(row("npx"), from_ms(1))
            .await
            .unwrap();
        tx.server_template_set(row("uvx"), from_ms(2))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.server_templates().await.unwrap(), [row("uvx")]);
        let tx = store.begin().await.unwrap();
        assert!(tx.server_template_remove("notes").await.unwrap());
        assert!(!tx.server_template_remove("notes").await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.server_templates().await.unwrap().is_empty());
    })
    .await;
}
