use super::{OwnToolRow, OwnToolState};
use crate::from_ms;
use crate::own_server::OwnServerChange;
use crate::own_server::tests::add;
use crate::testing::{for_each_database, user};

fn tool(name: &str, position: i32) -> OwnToolRow {
    OwnToolRow {
        tool: name.to_owned(),
        alias: name.replace('.', "_"),
        position,
        state: OwnToolState::Accepted,
        accepted: Some(("{}".to_owned(), "digest".to_owned())),
        offered: None,
        policy: None,
    }
}

#[tokio::test]
async fn tools_are_replaced_as_a_whole_and_found_by_their_published_names() {
    for_each_database(|store| async move {
        let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
        let hers = add(&store, anna, "files").await;
        let his = add(&store, boris, "files").await;
        let many: Vec<_> = (0..250).map(|i| tool(&format!("t.{i}"), i)).collect();
        let tx = store.begin().await.unwrap();
        assert!(
            tx.user(anna)
                .own_tools_replace(hers.id, 1, many.clone(), from_ms(3))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(anna)
                .own_tools_replace(his.id, 1, many.clone(), from_ms(3))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(anna)
                .own_tools_replace(hers.id, 2, Vec::new(), from_ms(3))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        assert_eq!(store.user(anna).own_tools(hers.id).await.unwrap(), many);
        assert!(
            store
                .user(boris)
                .own_tools(hers.id)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            store
                .user(boris)
                .own_tools(his.id)
                .await
                .unwrap()
                .is_empty()
        );

        let (server, found) = store
            .user(anna)
            .own_tool("files", "t_7")
            .await
            .unwrap()
            .unwrap();
        assert_eq!((server.id, found.tool.as_str()), (hers.id, "t.7"));
        assert_eq!(server.tools_read_at, Some(from_ms(3)));
        assert!(
            store
                .user(boris)
                .own_tool("files", "t_7")
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            store
                .user(anna)
                .own_tool("files", "t.7")
                .await
                .unwrap()
                .is_none()
        );

        let mut changed = tool("t.1", 0);
        changed.state = OwnToolState::Changed;
        changed.offered = Some(("{}".to_owned(), "other".to_owned()));
        changed.policy = Some("deny".to_owned());
        let tx = store.begin().await.unwrap();
        tx.user(anna)
            .own_tools_replace(hers.id, 1, vec![changed.clone()], from_ms(4))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            store.user(anna).own_tools(hers.id).await.unwrap(),
            [changed]
        );
        let held = async |who| store.user(who).own_tools_held().await.unwrap();
        assert_eq!(
            held(anna).await.into_iter().collect::<Vec<_>>(),
            [(hers.id, 1)]
        );
        assert!(held(boris).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_switched_off_server_lists_nothing_and_a_deleted_one_leaves_nothing() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let (files, other) = (
            add(&store, anna, "files").await,
            add(&store, anna, "other").await,
        );
        let tx = store.begin().await.unwrap();
        for id in [files.id, other.id] {
            let scope = tx.user(anna);
            assert!(
                scope
                    .own_tools_replace(id, 1, vec![tool("a", 0)], from_ms(3))
                    .await
                    .unwrap()
            );
        }
        tx.commit().await.unwrap();
        let listed = async || {
            let rows = store.user(anna).own_tools_accepted().await.unwrap();
            rows.into_iter().map(|row| row.server).collect::<Vec<_>>()
        };
        assert_eq!(listed().await, [files.id, other.id]);
        let rows = store.user(anna).own_tools_accepted().await.unwrap();
        assert_eq!(
            (rows[0].tool.as_str(), rows[0].digest.as_str()),
            ("a", "digest")
        );
        let texts = async |who, rows: &[i64]| store.user(who).own_tool_texts(rows).await.unwrap();
        let both = [rows[0].row, rows[1].row];
        let text = ("digest".to_owned(), "{}".to_owned());
        assert_eq!(texts(anna, &both).await, [text.clone(), text]);
        assert!(texts(anna, &[]).await.is_empty());
        let boris = user(&store, "boris").await;
        assert!(texts(boris, &both).await.is_empty());
        assert!(store.user(anna).own_tools_held().await.unwrap().is_empty());
        let named = async |who, tool| {
            let found = store.user(who).own_tool_named(files.id, tool).await;
            found.unwrap().is_some()
        };
        assert!(named(anna, "a").await && !named(anna, "b").await && !named(boris, "a").await);
        let tx = store.begin().await.unwrap();
        let off = OwnServerChange {
            is_enabled: Some(false),
            ..OwnServerChange::default()
        };
        tx.user(anna)
            .own_server_change(files.id, off, from_ms(5))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(listed().await, [other.id]);
        let tx = store.begin().await.unwrap();
        tx.user(anna).own_server_delete(other.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(listed().await.is_empty());
        assert!(
            store
                .user(anna)
                .own_tools(other.id)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_word_about_a_tool_is_set_and_taken_back() {
    for_each_database(|store| async move {
        let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
        let id = add(&store, anna, "files").await.id;
        let tx = store.begin().await.unwrap();
        tx.user(anna)
            .own_tools_replace(id, 1, vec![tool("a", 0)], from_ms(3))
            .await
            .unwrap();
        assert!(
            tx.user(anna)
                .own_tool_policy(id, "a", Some("deny"))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(anna)
                .own_tool_policy(id, "b", Some("deny"))
                .await
                .unwrap()
        );
        assert!(!tx.user(boris).own_tool_policy(id, "a", None).await.unwrap());
        tx.commit().await.unwrap();
        let policy = async || {
            store.user(anna).own_tools(id).await.unwrap()[0]
                .policy
                .clone()
        };
        assert_eq!(policy().await.as_deref(), Some("deny"));
        let tx = store.begin().await.unwrap();
        assert!(tx.user(anna).own_tool_policy(id, "a", None).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(policy().await, None);
    })
    .await;
}
