use deputy_core::{Clock as _, SystemClock};
use sea_orm::{ConnectionTrait as _, EntityTrait as _};

use super::ServerTemplateRow;
use crate::entity::mcp_server_templates::Entity;
use crate::from_ms;
use crate::testing::for_each_database;

/// The statement that the documentation shows.
fn documented() -> &'static str {
    let page = include_str!("../../../../docs/servers.md");
    let (_, rest) = page.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[tokio::test]
async fn an_administrator_adds_one_by_plain_sql() {
    for_each_database(|store| async move {
        let tx = store.begin().await.unwrap();
        tx.conn().execute_unprepared(documented()).await.unwrap();
        tx.commit().await.unwrap();
        let rows = store.server_templates().await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].server_type.as_str(), rows[0].is_active),
            ("wiki", true)
        );
        let row = Entity::find().one(store.read()).await.unwrap().unwrap();
        let now = SystemClock.now().as_millisecond();
        for at in [row.created_at, row.updated_at] {
            assert!((now - 60_000..=now + 60_000).contains(&at), "{at}, {now}");
        }
    })
    .await;
}

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
