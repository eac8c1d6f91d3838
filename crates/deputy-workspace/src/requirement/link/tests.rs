use super::{LinkKind, Pair};
use crate::testing::{Place, each};
use crate::{Error, Key};

fn pair(from: &str, kind: LinkKind, to: &str) -> Pair {
    Pair {
        from: from.to_owned(),
        to: to.to_owned(),
        kind,
        project: None,
    }
}

async fn link(place: &Place, from: &str, kind: LinkKind, to: &str) -> Result<(), Error> {
    let done = place
        .workspace
        .link_requirements(&place.alice, &pair(from, kind, to), true)
        .await;
    done.map(|_| ())
}

#[tokio::test]
async fn links_show_at_both_ends_and_in_the_matrix() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        place
            .project("SHOP", &["Cart", "Basket", "Pay", "Test of pay"])
            .await;
        link(&place, "SHOP-2", LinkKind::Refines, "SHOP-1")
            .await
            .unwrap();
        link(&place, "SHOP-3", LinkKind::DependsOn, "SHOP-1")
            .await
            .unwrap();
        link(&place, "SHOP-4", LinkKind::Verifies, "SHOP-3")
            .await
            .unwrap();
        // Once more is no error, and no second link.
        link(&place, "SHOP-4", LinkKind::Verifies, "SHOP-3")
            .await
            .unwrap();
        let detail = space
            .requirement(alice.user, &Key::new("SHOP-1"))
            .await
            .unwrap();
        let seen: Vec<_> = detail
            .links
            .iter()
            .map(|l| {
                (
                    l.from.as_str(),
                    l.kind,
                    l.to.as_str(),
                    l.title.as_deref().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("SHOP-2", LinkKind::Refines, "SHOP-1", "Basket"),
                ("SHOP-3", LinkKind::DependsOn, "SHOP-1", "Pay"),
            ]
        );
        let matrix = space.matrix(alice.user, "SHOP").await.unwrap();
        let [cart, basket, pay, test] = &matrix.rows[..] else {
            panic!("{matrix:?}");
        };
        assert_eq!(
            (cart.refined_by.as_slice(), cart.needed_by.as_slice()),
            (&["SHOP-2".to_owned()][..], &["SHOP-3".to_owned()][..])
        );
        assert_eq!(basket.refines, ["SHOP-1"]);
        assert_eq!(
            (pay.depends_on[0].as_str(), pay.verified_by[0].as_str()),
            ("SHOP-1", "SHOP-4")
        );
        assert_eq!(test.kinds_to("SHOP-3"), [LinkKind::Verifies]);
        assert_eq!(test.verifies.len(), 1);

        // What is deleted shows no links, and has them again when it is back.
        space
            .set_requirement_deleted(alice, &Key::new("SHOP-2"), 1, true, None)
            .await
            .unwrap();
        let links = async || {
            space
                .requirement(alice.user, &Key::new("SHOP-1"))
                .await
                .unwrap()
                .links
                .len()
        };
        assert_eq!(links().await, 1);
        space
            .set_requirement_deleted(alice, &Key::new("SHOP-2"), 2, false, None)
            .await
            .unwrap();
        assert_eq!(links().await, 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_leads_back_to_where_it_came_from() {
    each(|place| async move {
        place.project("SHOP", &["A", "B", "C"]).await;
        link(&place, "SHOP-1", LinkKind::DependsOn, "SHOP-2")
            .await
            .unwrap();
        link(&place, "SHOP-2", LinkKind::DependsOn, "SHOP-3")
            .await
            .unwrap();
        let error = link(&place, "SHOP-3", LinkKind::DependsOn, "SHOP-1")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "that would go round in a circle (depends_on): SHOP-3 → SHOP-1 → SHOP-2 → SHOP-3"
        );
        // Of another kind it says something else.
        link(&place, "SHOP-3", LinkKind::Refines, "SHOP-1")
            .await
            .unwrap();
        let own = link(&place, "SHOP-1", LinkKind::Verifies, "SHOP-1")
            .await
            .unwrap_err();
        assert_eq!(own.to_string(), "SHOP-1 can't be linked to itself");
    })
    .await;
}

#[tokio::test]
async fn links_stay_within_a_project_and_go_with_a_record() {
    each(|place| async move {
        let (space, alice, eve) = (&place.workspace, &place.alice, &place.eve);
        place.project("SHOP", &["A", "B"]).await;
        place.project("WEB", &["C"]).await;
        let across = link(&place, "SHOP-1", LinkKind::Refines, "WEB-1").await;
        assert!(matches!(across, Err(Error::NotFound(_))), "{across:?}");
        link(&place, "SHOP-1", LinkKind::Refines, "SHOP-2")
            .await
            .unwrap();
        let there = pair("SHOP-1", LinkKind::Refines, "SHOP-2");
        for link in [true, false] {
            let stranger = space.link_requirements(eve, &there, link).await;
            assert!(matches!(stranger, Err(Error::NotFound(_))), "{stranger:?}");
        }
        space.link_requirements(alice, &there, false).await.unwrap();
        space.link_requirements(alice, &there, false).await.unwrap();
        let history = space
            .history(alice.user, &Key::new("SHOP-2"), None, None)
            .await
            .unwrap();
        let seen: Vec<_> = history
            .links
            .iter()
            .map(|l| {
                (
                    l.what.as_str(),
                    l.from.as_str(),
                    l.to.as_str(),
                    l.by.as_str(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("unlinked", "SHOP-1", "SHOP-2", "alice"),
                ("linked", "SHOP-1", "SHOP-2", "alice")
            ]
        );
        let records = place.on_record();
        let ended = records
            .iter()
            .filter(|r| r.ends_with("SHOP-1 unlinked"))
            .count();
        assert_eq!(ended, 1, "{records:?}");
        space
            .set_requirement_deleted(alice, &Key::new("SHOP-2"), 1, true, None)
            .await
            .unwrap();
        let gone = link(&place, "SHOP-1", LinkKind::Refines, "SHOP-2").await;
        assert!(matches!(gone, Err(Error::Conflict(_))), "{gone:?}");
    })
    .await;
}
