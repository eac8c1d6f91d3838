use deputy_core::UserId;
use jiff::Timestamp;

use super::{By, Change, LinkEnds, NewComment, NewLink, RequirementFilter, RequirementText};
use crate::Store;
use crate::testing::{for_each_database, user};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn text(title: &str, status: &str) -> RequirementText {
    RequirementText {
        title: title.to_owned(),
        body: format!("The body of {title}."),
        status: status.to_owned(),
        search: title.to_lowercase(),
    }
}

fn by(user: UserId) -> By {
    By {
        user: Some(user),
        name: "alice".to_owned(),
        caller: "client:1:Claude".to_owned(),
    }
}

fn change(user: UserId, what: &'static str, second: i64) -> Change {
    Change {
        what,
        reason: format!("because {what}"),
        by: by(user),
        at: at(second),
    }
}

async fn project(store: &Store, owner: UserId, titles: &[&str]) -> i64 {
    let tx = store.begin().await.unwrap();
    let scope = tx.user(owner);
    let made = scope
        .insert_project("SHOP".into(), "Shop".into(), String::new(), at(1))
        .await
        .unwrap();
    let scope = scope.project_to_change(made.id).await.unwrap().unwrap();
    for title in titles {
        let added = scope.insert_requirement(text(title, "draft"), change(owner, "created", 2));
        added.await.unwrap();
    }
    tx.commit().await.unwrap();
    made.id
}

#[tokio::test]
async fn every_version_stays_with_who_made_it_and_an_old_one_changes_nothing() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let id = project(&store, alice, &["Cart", "Pay"]).await;
        let tx = store.begin().await.unwrap();
        let scope = tx.user(alice).project_to_change(id).await.unwrap().unwrap();
        let first = scope.requirement(1).await.unwrap().unwrap();
        assert_eq!(
            (first.number, first.version, first.status.as_str()),
            (1, 1, "draft")
        );
        let edited = scope
            .set_requirement(
                &first,
                text("Basket", "approved"),
                false,
                change(alice, "edited", 5),
            )
            .await
            .unwrap()
            .unwrap();
        assert_eq!((edited.version, edited.updated_at), (2, at(5)));
        let late = scope
            .set_requirement(
                &first,
                text("Trolley", "draft"),
                false,
                change(alice, "edited", 6),
            )
            .await
            .unwrap();
        assert_eq!(late, None);
        let gone = scope
            .set_requirement(
                &edited,
                text("Basket", "approved"),
                true,
                change(alice, "deleted", 7),
            )
            .await
            .unwrap()
            .unwrap();
        assert_eq!(gone.deleted_at, Some(at(7)));
        tx.commit().await.unwrap();

        let scope = store.user(alice).project(id).await.unwrap().unwrap();
        assert_eq!(scope.requirement(1).await.unwrap(), Some(gone.clone()));
        let versions = scope.versions(&gone, None, 9).await.unwrap();
        let seen: Vec<_> = versions
            .iter()
            .map(|v| {
                (
                    v.version,
                    v.what.as_str(),
                    v.title.as_str(),
                    v.by.clone(),
                    v.at,
                )
            })
            .collect();
        let me = || by(alice);
        assert_eq!(
            seen,
            [
                (3, "deleted", "Basket", me(), at(7)),
                (2, "edited", "Basket", me(), at(5)),
                (1, "created", "Cart", me(), at(2)),
            ]
        );
        assert_eq!(scope.versions(&gone, Some(2), 9).await.unwrap().len(), 1);
        let second = scope.version(&gone, 2).await.unwrap().unwrap();
        assert_eq!(second.reason, "because edited");

        let found = async |filter: RequirementFilter| {
            let found = scope.requirements(&filter, 9).await.unwrap();
            found.into_iter().map(|r| r.number).collect::<Vec<_>>()
        };
        assert_eq!(found(RequirementFilter::default()).await, [2]);
        let deleted = RequirementFilter {
            deleted: true,
            ..RequirementFilter::default()
        };
        assert_eq!(found(deleted).await, [1]);
        let pay = RequirementFilter {
            words: vec!["pa".to_owned()],
            statuses: vec!["draft".to_owned()],
            after: Some(1),
            ..RequirementFilter::default()
        };
        assert_eq!(found(pay).await, [2]);
        assert_eq!(
            scope.count_by_status().await.unwrap(),
            [("draft".to_owned(), 1)]
        );
        assert_eq!(scope.count_requirements().await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn links_are_made_once_and_stay_when_they_are_taken_away() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let id = project(&store, alice, &["Cart", "Pay", "Ship"]).await;
        let tx = store.begin().await.unwrap();
        let scope = tx.user(alice).project_to_change(id).await.unwrap().unwrap();
        let (one, two) = (
            scope.requirement(1).await.unwrap().unwrap(),
            scope.requirement(2).await.unwrap().unwrap(),
        );
        let ends = LinkEnds {
            from: &two,
            to: &one,
        };
        let new = || NewLink {
            ends,
            kind: "refines".to_owned(),
            by: by(alice),
            at: at(3),
        };
        assert!(scope.insert_link(new()).await.unwrap());
        assert!(!scope.insert_link(new()).await.unwrap());
        let links = scope.links(9).await.unwrap();
        assert_eq!(
            (links[0].from, links[0].to, links[0].kind.as_str()),
            (2, 1, "refines")
        );
        assert_eq!(scope.links_of(&one, false, 9).await.unwrap(), links);
        assert_eq!(scope.count_links().await.unwrap(), 1);
        assert!(
            !scope
                .end_link(ends, "verifies", by(alice), at(4))
                .await
                .unwrap()
        );
        assert!(
            scope
                .end_link(ends, "refines", by(alice), at(4))
                .await
                .unwrap()
        );
        assert!(
            !scope
                .end_link(ends, "refines", by(alice), at(5))
                .await
                .unwrap()
        );
        assert_eq!(scope.links(9).await.unwrap(), []);
        assert_eq!(scope.links_of(&two, false, 9).await.unwrap(), []);
        let ended = scope.links_of(&two, true, 9).await.unwrap();
        let mark = (at(4), "alice".to_owned(), "client:1:Claude".to_owned());
        assert_eq!(ended[0].ended, Some(mark));
        // The same once more is another link.
        assert!(scope.insert_link(new()).await.unwrap());
        assert_eq!(scope.links_of(&two, true, 9).await.unwrap().len(), 2);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn comments_come_in_order_and_go_by_their_authors_hand() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let id = project(&store, alice, &["Cart"]).await;
        let tx = store.begin().await.unwrap();
        let scope = tx.user(alice).project_to_change(id).await.unwrap().unwrap();
        let cart = scope.requirement(1).await.unwrap().unwrap();
        let mut ids = Vec::new();
        for (who, body) in [(alice, "Why?"), (bob, "Because.")] {
            let new = NewComment {
                body: body.to_owned(),
                by: by(who),
                at: at(4),
            };
            ids.push(scope.insert_comment(&cart, new).await.unwrap().id);
        }
        let all = scope.comments(&cart, None, 9).await.unwrap();
        assert_eq!(all.iter().map(|c| c.id).collect::<Vec<_>>(), ids);
        assert_eq!(
            scope.comments(&cart, Some(ids[0]), 9).await.unwrap().len(),
            1
        );
        assert!(
            !scope
                .delete_comment(&cart, ids[1], Some(alice))
                .await
                .unwrap()
        );
        assert!(
            scope
                .delete_comment(&cart, ids[1], Some(bob))
                .await
                .unwrap()
        );
        assert!(scope.delete_comment(&cart, ids[0], None).await.unwrap());
        assert_eq!(scope.count_comments(&cart).await.unwrap(), 0);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn numbers_are_given_once_however_many_ask() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let id = project(&store, alice, &[]).await;
        let add = async |title: String| {
            let tx = store.begin().await.unwrap();
            let scope = tx.user(alice).project_to_change(id).await.unwrap().unwrap();
            let added =
                scope.insert_requirement(text(&title, "draft"), change(alice, "created", 2));
            let number = added.await.unwrap().number;
            tx.commit().await.unwrap();
            number
        };
        let many = (0..12).map(|place| add(format!("Requirement {place}")));
        let mut numbers = futures_util::future::join_all(many).await;
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn who_changed_something_is_named_when_they_are_gone() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let id = project(&store, alice, &["Cart"]).await;
        let tx = store.begin().await.unwrap();
        let scope = tx.user(alice).project_to_change(id).await.unwrap().unwrap();
        scope
            .put_member(bob, crate::project::ProjectRole::Owner, at(2))
            .await
            .unwrap();
        assert!(tx.user(alice).delete_user().await.unwrap());
        tx.commit().await.unwrap();
        let scope = store.user(bob).project(id).await.unwrap().unwrap();
        let cart = scope.requirement(1).await.unwrap().unwrap();
        let versions = scope.versions(&cart, None, 9).await.unwrap();
        assert_eq!(versions[0].by.user, None);
        assert_eq!(versions[0].by.name, "alice");
    })
    .await;
}
