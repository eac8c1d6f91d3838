use super::{ListProjects, NewProject, ProjectChange, Role};
use crate::Error;
use crate::testing::each;

#[tokio::test]
async fn a_project_is_its_members_and_strangers_are_told_that_there_is_none() {
    each(|place| async move {
        let (space, alice, eve) = (&place.workspace, &place.alice, &place.eve);
        place.project("SHOP", &["Cart"]).await;
        let id = space.project(alice.user, "shop").await.unwrap().project.id;
        for said in ["SHOP".to_owned(), id.to_string()] {
            let change = ProjectChange {
                name: Some("Mine".to_owned()),
                ..ProjectChange::default()
            };
            for refused in [
                space.project(eve.user, &said).await.err(),
                space.matrix(eve.user, &said).await.err(),
                space.update_project(eve, &said, change).await.err(),
                space.delete_project(eve, &said).await.err(),
                space
                    .share_project(eve, &said, "eve", Role::Owner)
                    .await
                    .err(),
                space.unshare_project(eve, &said, "alice").await.err(),
            ] {
                let error = refused.expect("refused");
                assert_eq!(error.to_string(), format!("you have no project '{said}'"));
            }
        }
        let none = space
            .projects(eve.user, &ListProjects::default())
            .await
            .unwrap();
        assert_eq!(none.projects, []);
        let detail = space.project(alice.user, "SHOP").await.unwrap();
        assert_eq!(detail.members.len(), 1);
        assert_eq!(detail.requirements["draft"], 1);
    })
    .await;
}

#[tokio::test]
async fn roles_say_what_a_member_may_do() {
    each(|place| async move {
        let (space, alice, bob) = (&place.workspace, &place.alice, &place.bob);
        place.project("SHOP", &[]).await;
        space
            .share_project(alice, "SHOP", " BOB ", Role::Viewer)
            .await
            .unwrap();
        let told = place.store.user(bob.user).notices().await.unwrap();
        assert_eq!(told[0].kind, super::NOTICE_SHARED);
        assert_eq!(told[0].parameters["by"], "alice");
        let change = || ProjectChange {
            description: Some("Theirs".to_owned()),
            ..ProjectChange::default()
        };
        let new = || crate::NewRequirement {
            project: "SHOP".to_owned(),
            title: "Cart".to_owned(),
            ..crate::NewRequirement::default()
        };
        let refused = space.create_requirement(bob, new()).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "you are a viewer of SHOP, and for this one has to be an editor"
        );
        space
            .share_project(alice, "SHOP", "bob", Role::Editor)
            .await
            .unwrap();
        space.create_requirement(bob, new()).await.unwrap();
        for refused in [
            space.update_project(bob, "SHOP", change()).await.err(),
            space.delete_project(bob, "SHOP").await.err(),
            space
                .share_project(bob, "SHOP", "eve", Role::Viewer)
                .await
                .err(),
            space.unshare_project(bob, "SHOP", "alice").await.err(),
        ] {
            assert!(matches!(refused, Some(Error::Forbidden(_))), "{refused:?}");
        }
        space
            .share_project(alice, "SHOP", "bob", Role::Owner)
            .await
            .unwrap();
        space.update_project(bob, "SHOP", change()).await.unwrap();
        space.unshare_project(bob, "SHOP", "alice").await.unwrap();
        assert!(space.project(alice.user, "SHOP").await.is_err());
        space.delete_project(bob, "SHOP").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_project_always_has_somebody_who_decides() {
    each(|place| async move {
        let (space, alice, bob) = (&place.workspace, &place.alice, &place.bob);
        place.project("SHOP", &[]).await;
        space
            .share_project(alice, "SHOP", "bob", Role::Editor)
            .await
            .unwrap();
        for refused in [
            space.unshare_project(alice, "SHOP", "alice").await.err(),
            space
                .share_project(alice, "SHOP", "alice", Role::Viewer)
                .await
                .err(),
        ] {
            assert!(matches!(refused, Some(Error::Conflict(_))), "{refused:?}");
        }
        // Everybody may leave.
        space.unshare_project(bob, "SHOP", "Bob").await.unwrap();
        assert_eq!(
            space
                .project(alice.user, "SHOP")
                .await
                .unwrap()
                .members
                .len(),
            1
        );
        let nobody = space
            .share_project(alice, "SHOP", "mallory", Role::Viewer)
            .await;
        assert!(matches!(nobody, Err(Error::NotFound(_))), "{nobody:?}");
        let nobody = space.unshare_project(alice, "SHOP", "eve").await;
        assert!(matches!(nobody, Err(Error::NotFound(_))), "{nobody:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_means_one_project_or_says_which_there_are() {
    each(|place| async move {
        let (space, alice, bob) = (&place.workspace, &place.alice, &place.bob);
        place.project("WEB", &["Hers"]).await;
        let new = || NewProject {
            key: "WEB".to_owned(),
            name: "Bob's web".to_owned(),
            description: None,
        };
        let again = space.create_project(alice, new()).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        let his = space.create_project(bob, new()).await.unwrap();
        space
            .share_project(bob, "WEB", "alice", Role::Viewer)
            .await
            .unwrap();
        let error = space
            .project(alice.user, "WEB")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("{} (Bob's web)", his.id)),
            "{error}"
        );
        let found = space
            .project(alice.user, &his.id.to_string())
            .await
            .unwrap();
        assert_eq!(found.project.role, Role::Viewer);
        for wrong in ["", "S", "shop", "1A", "SHOP-1", "ABCDEFGHIJK", "ШОП"] {
            let new = NewProject {
                key: wrong.to_owned(),
                ..new()
            };
            let done = space.create_project(alice, new).await;
            assert!(
                matches!(done, Err(Error::Invalid { .. })),
                "{wrong}: {done:?}"
            );
        }
    })
    .await;
}
