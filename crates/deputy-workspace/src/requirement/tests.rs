use super::{Key, ListRequirements, NewRequirement, RequirementChange, Status};
use crate::project::Role;
use crate::testing::{Place, calling, each};
use crate::{Error, MAX_BODY};

fn change(version: i64) -> RequirementChange {
    RequirementChange {
        version,
        ..RequirementChange::default()
    }
}

async fn keys(place: &Place, which: ListRequirements) -> Vec<String> {
    let user = place.alice.user;
    let found = place.workspace.requirements(user, &which).await.unwrap();
    found.requirements.into_iter().map(|r| r.key).collect()
}

#[tokio::test]
async fn of_two_at_once_the_later_is_told_and_nothing_is_lost() {
    each(|place| async move {
        let (space, alice, bob) = (&place.workspace, &place.alice, &place.bob);
        place.project("SHOP", &["Cart"]).await;
        space
            .share_project(alice, "SHOP", "bob", Role::Editor)
            .await
            .unwrap();
        let key = Key::new("SHOP-1");
        let hers = RequirementChange {
            body: Some("Alice's text".to_owned()),
            ..change(1)
        };
        let his = RequirementChange {
            body: Some("Bob's text".to_owned()),
            ..change(1)
        };
        let (first, second) = tokio::join!(
            space.update_requirement(alice, &key, hers.clone()),
            space.update_requirement(bob, &key, his.clone())
        );
        let (won, lost, again) = match (first, second) {
            (Ok(won), Err(lost)) => (won, lost, (bob, his)),
            (Err(lost), Ok(won)) => (won, lost, (alice, hers)),
            both => panic!("{both:?}"),
        };
        let Error::VersionConflict { expected, current } = lost else {
            panic!("{lost}");
        };
        assert_eq!((expected, &*current), (1, &won));
        let (who, said) = again;
        let merged = RequirementChange {
            version: current.version,
            body: Some(format!("{}\n\n{}", current.body, said.body.unwrap())),
            reason: Some("both".to_owned()),
            ..RequirementChange::default()
        };
        let merged = space.update_requirement(who, &key, merged).await.unwrap();
        assert_eq!(merged.version, 3);
        let history = space.history(alice.user, &key, None, None).await.unwrap();
        let seen: Vec<_> = history
            .versions
            .iter()
            .map(|v| {
                (
                    v.version,
                    v.what.as_str(),
                    v.changed.join(","),
                    v.body.contains("text"),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (3, "edited", "body".to_owned(), true),
                (2, "edited", "body".to_owned(), true),
                (1, "created", String::new(), true),
            ]
        );
        assert_eq!(history.versions[0].reason, "both");
        // The person, and through what.
        assert_eq!(history.versions[2].by, "alice");
        assert_eq!(history.versions[2].through, "client:1:alice's agent");
    })
    .await;
}

#[tokio::test]
async fn a_viewer_reads_and_a_stranger_finds_nothing() {
    each(|place| async move {
        let (space, alice, bob, eve) = (&place.workspace, &place.alice, &place.bob, &place.eve);
        place.project("SHOP", &["Cart"]).await;
        space
            .share_project(alice, "SHOP", "bob", Role::Viewer)
            .await
            .unwrap();
        let key = Key::new("shop-1");
        assert_eq!(
            space
                .requirement(bob.user, &key)
                .await
                .unwrap()
                .requirement
                .title,
            "Cart"
        );
        space.history(bob.user, &key, None, None).await.unwrap();
        space.comments(bob.user, &key, None, None).await.unwrap();
        let new = || NewRequirement {
            project: "SHOP".to_owned(),
            title: "Theirs".to_owned(),
            ..NewRequirement::default()
        };
        let edit = || RequirementChange {
            title: Some("Theirs".to_owned()),
            ..change(1)
        };
        for (who, code) in [(bob, "FORBIDDEN"), (eve, "NOT_FOUND")] {
            for refused in [
                space.create_requirement(who, new()).await.err(),
                space.update_requirement(who, &key, edit()).await.err(),
                space
                    .set_requirement_deleted(who, &key, 1, true, None)
                    .await
                    .err(),
                space.add_comment(who, &key, "Hi").await.err(),
                space.delete_comment(who, &key, 1).await.err(),
            ] {
                assert_eq!(refused.expect("refused").code(), Some(code));
            }
        }
        let unseen = "there is no requirement 'shop-1' that you can see";
        for refused in [
            space.requirement(eve.user, &key).await.err(),
            space.history(eve.user, &key, None, None).await.err(),
            space.version(eve.user, &key, 1).await.err(),
            space.comments(eve.user, &key, None, None).await.err(),
            space.update_requirement(eve, &key, edit()).await.err(),
        ] {
            assert_eq!(refused.expect("refused").to_string(), unseen);
        }
        let theirs = space
            .requirements(eve.user, &ListRequirements::default())
            .await
            .unwrap();
        assert_eq!(theirs.requirements, []);
        // A number is a project's, whoever it belongs to.
        let id = space.project(alice.user, "SHOP").await.unwrap().project.id;
        let by_number = Key {
            key: "SHOP-1".to_owned(),
            project: Some(id.to_string()),
        };
        space.requirement(alice.user, &by_number).await.unwrap();
        assert!(space.requirement(eve.user, &by_number).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_is_back_when_it_is_restored() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        place.project("SHOP", &["Cart", "Pay"]).await;
        let key = Key::new("SHOP-1");
        let early = space
            .set_requirement_deleted(alice, &key, 2, true, None)
            .await;
        assert!(
            matches!(early, Err(Error::VersionConflict { .. })),
            "{early:?}"
        );
        let gone = space
            .set_requirement_deleted(alice, &key, 1, true, Some("not needed"))
            .await;
        assert!(gone.unwrap().deleted);
        assert_eq!(keys(&place, ListRequirements::default()).await, ["SHOP-2"]);
        let deleted = ListRequirements {
            deleted: Some(true),
            ..ListRequirements::default()
        };
        assert_eq!(keys(&place, deleted).await, ["SHOP-1"]);
        let edit = RequirementChange {
            title: Some("Basket".to_owned()),
            ..change(2)
        };
        let edited = space.update_requirement(alice, &key, edit).await;
        assert!(matches!(edited, Err(Error::Conflict(_))), "{edited:?}");
        let back = space
            .set_requirement_deleted(alice, &key, 2, false, None)
            .await
            .unwrap();
        assert_eq!(
            (back.version, back.deleted, back.title.as_str()),
            (3, false, "Cart")
        );
        let whats = space
            .history(alice.user, &key, None, None)
            .await
            .unwrap()
            .versions;
        let whats: Vec<_> = whats.iter().map(|v| v.what.as_str()).collect();
        assert_eq!(whats, ["restored", "deleted", "created"]);
        assert!(
            place
                .on_record()
                .contains(&"requirement.change SHOP-1 restored".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_makes_no_version_and_wrong_ones_change_nothing() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        place.project("SHOP", &["Cart"]).await;
        let key = Key::new("SHOP-1");
        let same = RequirementChange {
            title: Some(" Cart ".to_owned()),
            status: Some(Status::Draft),
            ..change(1)
        };
        assert_eq!(
            space
                .update_requirement(alice, &key, same)
                .await
                .unwrap()
                .version,
            1
        );
        for wrong in [
            change(1),
            RequirementChange {
                title: Some(" ".to_owned()),
                ..change(1)
            },
            RequirementChange {
                body: Some("x".repeat(MAX_BODY + 1)),
                ..change(1)
            },
            RequirementChange {
                body: Some("\0".to_owned()),
                ..change(1)
            },
            RequirementChange {
                status: Some(Status::Draft),
                reason: Some("r".repeat(1001)),
                ..change(1)
            },
        ] {
            let done = space.update_requirement(alice, &key, wrong).await;
            assert!(matches!(done, Err(Error::Invalid { .. })), "{done:?}");
        }
        for wrong in [
            "SHOP", "SHOP-", "SHOP-x", "SHOP-9", "SHOPS-1", "-1", "", "SHOP--1",
        ] {
            let done = space.requirement(alice.user, &Key::new(wrong)).await;
            assert!(matches!(done, Err(Error::NotFound(_))), "{wrong}: {done:?}");
        }
        assert_eq!(
            space
                .history(alice.user, &key, None, None)
                .await
                .unwrap()
                .versions
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn the_same_call_makes_one_requirement() {
    each(|place| async move {
        place.project("SHOP", &[]).await;
        let call = calling(&place.alice);
        let new = || NewRequirement {
            project: "SHOP".to_owned(),
            title: "Cart".to_owned(),
            ..NewRequirement::default()
        };
        let first = place
            .workspace
            .create_requirement(&call, new())
            .await
            .unwrap();
        let again = place
            .workspace
            .create_requirement(&call, new())
            .await
            .unwrap();
        assert_eq!(first, again);
        assert_eq!(keys(&place, ListRequirements::default()).await, ["SHOP-1"]);
    })
    .await;
}

#[tokio::test]
async fn listings_go_over_all_projects_page_by_page() {
    each(|place| async move {
        place.project("SHOP", &["Cart", "Pay"]).await;
        place.project("WEB", &["Pay page", "Login", "Logout"]).await;
        for size in 1..=6 {
            let (mut found, mut token) = (Vec::new(), None);
            loop {
                let which = ListRequirements {
                    max_results: Some(size),
                    page_token: token,
                    ..ListRequirements::default()
                };
                let page = place
                    .workspace
                    .requirements(place.alice.user, &which)
                    .await
                    .unwrap();
                found.extend(page.requirements.into_iter().map(|r| r.key));
                token = page.next_page_token;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(
                found,
                ["SHOP-1", "SHOP-2", "WEB-1", "WEB-2", "WEB-3"],
                "pages of {size}"
            );
        }
        let pay = ListRequirements {
            query: Some("PAY".to_owned()),
            ..ListRequirements::default()
        };
        assert_eq!(keys(&place, pay).await, ["SHOP-2", "WEB-1"]);
        let web = ListRequirements {
            project: Some("WEB".to_owned()),
            status: Some(Status::Draft),
            query: Some("log".to_owned()),
            ..ListRequirements::default()
        };
        assert_eq!(keys(&place, web).await, ["WEB-2", "WEB-3"]);
    })
    .await;
}

#[tokio::test]
async fn comments_are_their_authors_and_owners_keep_order() {
    each(|place| async move {
        let (space, alice, bob) = (&place.workspace, &place.alice, &place.bob);
        place.project("SHOP", &["Cart"]).await;
        space
            .share_project(alice, "SHOP", "bob", Role::Editor)
            .await
            .unwrap();
        let key = Key::new("SHOP-1");
        let hers = space.add_comment(alice, &key, "Why?").await.unwrap();
        let his = space.add_comment(bob, &key, "Because.").await.unwrap();
        let seen = space.comments(bob.user, &key, Some(1), None).await.unwrap();
        assert_eq!(
            (seen.comments[0].by.as_str(), seen.comments[0].yours),
            ("alice", false)
        );
        let token = seen.next_page_token.as_deref();
        let rest = space.comments(bob.user, &key, None, token).await.unwrap();
        assert_eq!(
            rest.comments,
            [crate::Comment {
                yours: true,
                ..his.clone()
            }]
        );
        let refused = space.delete_comment(bob, &key, hers.id).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        space.delete_comment(alice, &key, his.id).await.unwrap();
        assert_eq!(space.requirement(bob.user, &key).await.unwrap().comments, 1);
        assert!(space.add_comment(bob, &key, " ").await.is_err());
    })
    .await;
}
