use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::EntityTrait as _;

use super::ProjectRole::{Editor, Owner, Viewer};
use crate::testing::{for_each_database, user};
use crate::{Error, Store};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

async fn project(store: &Store, owner: UserId, key: &str) -> i64 {
    let tx = store.begin().await.unwrap();
    let made = tx
        .user(owner)
        .insert_project(
            key.to_owned(),
            format!("Project {key}"),
            String::new(),
            at(1),
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    made.id
}

#[tokio::test]
async fn a_project_is_its_members_and_nobody_elses() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let shop = project(&store, alice, "SHOP").await;
        assert!(store.user(bob).project(shop).await.unwrap().is_none());
        assert!(store.user(bob).projects(None, 9).await.unwrap().is_empty());
        assert!(
            store
                .user(bob)
                .projects_of_key("SHOP")
                .await
                .unwrap()
                .is_empty()
        );
        let tx = store.begin().await.unwrap();
        assert!(
            tx.user(bob)
                .project_to_change(shop)
                .await
                .unwrap()
                .is_none()
        );

        let scope = tx
            .user(alice)
            .project_to_change(shop)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(scope.membership.role, Owner);
        scope.put_member(bob, Viewer, at(2)).await.unwrap();
        scope.put_member(bob, Editor, at(9)).await.unwrap();
        let nobody = scope.put_member(UserId(999), Viewer, at(2)).await;
        assert!(matches!(nobody, Err(Error::Dangling(_))), "{nobody:?}");
        drop(tx);

        let tx = store.begin().await.unwrap();
        let scope = tx
            .user(alice)
            .project_to_change(shop)
            .await
            .unwrap()
            .unwrap();
        scope.put_member(bob, Viewer, at(2)).await.unwrap();
        scope.put_member(bob, Editor, at(9)).await.unwrap();
        tx.commit().await.unwrap();
        let scope = store.user(bob).project(shop).await.unwrap().unwrap();
        assert_eq!(scope.membership.role, Editor);
        let members = scope.members().await.unwrap();
        let seen: Vec<_> = members
            .iter()
            .map(|m| (m.username.as_str(), m.role, m.since))
            .collect();
        assert_eq!(seen, [("alice", Owner, at(1)), ("bob", Editor, at(2))]);

        let tx = store.begin().await.unwrap();
        let scope = tx
            .user(alice)
            .project_to_change(shop)
            .await
            .unwrap()
            .unwrap();
        assert!(scope.remove_member(bob).await.unwrap());
        assert!(!scope.remove_member(bob).await.unwrap());
        scope
            .set("Shop".into(), "Sells".into(), at(3))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(store.user(bob).project(shop).await.unwrap().is_none());
        let mine = store.user(alice).projects(None, 9).await.unwrap();
        assert_eq!(mine[0].project.description, "Sells");
        assert!(
            store
                .user(alice)
                .projects(Some(shop), 9)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.user(alice).count_projects().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_people_may_each_have_a_project_of_a_key() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let (hers, his) = (
            project(&store, alice, "WEB").await,
            project(&store, bob, "WEB").await,
        );
        let found = async |user| {
            let found = store.user(user).projects_of_key("WEB").await.unwrap();
            found.into_iter().map(|m| m.project.id).collect::<Vec<_>>()
        };
        assert_eq!(found(alice).await, [hers]);
        let tx = store.begin().await.unwrap();
        let scope = tx.user(bob).project_to_change(his).await.unwrap().unwrap();
        scope.put_member(alice, Viewer, at(2)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(found(alice).await, [hers, his]);
        assert_eq!(found(bob).await, [his]);
        assert!(
            store
                .user(bob)
                .projects_of_key("a\0")
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn what_others_have_stays_when_its_owner_goes() {
    for_each_database(|store| async move {
        let mut people = Vec::new();
        for name in ["alice", "bob", "carol", "dave"] {
            people.push(user(&store, name).await);
        }
        let [alice, bob, carol, dave] = people[..] else {
            unreachable!()
        };
        let alone = project(&store, alice, "ALONE").await;
        let shared = project(&store, alice, "SHARED").await;
        let both = project(&store, alice, "BOTH").await;
        let tx = store.begin().await.unwrap();
        let scope = tx
            .user(alice)
            .project_to_change(shared)
            .await
            .unwrap()
            .unwrap();
        for (who, role, since) in [(bob, Viewer, 2), (carol, Editor, 4), (dave, Editor, 3)] {
            scope.put_member(who, role, at(since)).await.unwrap();
        }
        let scope = tx
            .user(alice)
            .project_to_change(both)
            .await
            .unwrap()
            .unwrap();
        scope.put_member(bob, Owner, at(2)).await.unwrap();
        scope.put_member(carol, Editor, at(2)).await.unwrap();
        tx.commit().await.unwrap();

        let tx = store.begin().await.unwrap();
        assert!(tx.user(alice).delete_user().await.unwrap());
        tx.commit().await.unwrap();
        let roles = async |project, someone| {
            let scope = store.user(someone).project(project).await.unwrap().unwrap();
            let members = scope.members().await.unwrap();
            members
                .into_iter()
                .map(|m| (m.username, m.role))
                .collect::<Vec<_>>()
        };
        let expected = [("bob", Viewer), ("dave", Owner), ("carol", Editor)];
        assert_eq!(
            roles(shared, bob).await,
            expected.map(|(n, r)| (n.to_owned(), r))
        );
        let expected = [("bob", Owner), ("carol", Editor)];
        assert_eq!(
            roles(both, bob).await,
            expected.map(|(n, r)| (n.to_owned(), r))
        );
        let tx = store.begin().await.unwrap();
        assert_eq!(
            super::projects::Entity::find_by_id(alone)
                .one(tx.conn())
                .await
                .unwrap(),
            None
        );
    })
    .await;
}
