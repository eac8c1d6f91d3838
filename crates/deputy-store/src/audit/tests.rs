use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ConnectionTrait as _;

use super::{AuditFilter, AuditHead, AuditOutcome, AuditPlace, AuditRow};
use crate::testing::{for_each_database, user};
use crate::{Error, Store};

/// A record at second `seq`.
fn row(seq: i64, user: UserId, what: [&str; 4]) -> AuditRow {
    let [action, target, caller, outcome] = what.map(str::to_owned);
    AuditRow {
        seq,
        at: Timestamp::from_second(seq).unwrap(),
        user: Some(user),
        caller,
        action,
        target,
        call_id: None,
        outcome,
        detail: "{}".to_owned(),
        hash: vec![1],
    }
}

async fn fill(store: &Store) -> (UserId, UserId) {
    let (alice, bob) = (user(store, "alice").await, user(store, "bob").await);
    let rows = vec![
        row(
            1,
            alice,
            ["tool.call", "send_email", "token:1:Laptop", "started"],
        ),
        row(
            2,
            alice,
            ["tool.result", "send_email", "token:1:Laptop", "ok"],
        ),
        row(
            3,
            bob,
            ["tool.call", "files__read_file", "browser", "TIMEOUT"],
        ),
        row(4, alice, ["toolbox.open", "100%_sure", "browser", "ok"]),
        row(
            5,
            alice,
            ["approval.ask", "send_email", "browser", "pending"],
        ),
        row(
            6,
            alice,
            ["tool.call", "files__read_file", "browser", "FORBIDDEN"],
        ),
    ];
    let tx = store.begin().await.unwrap();
    let head = AuditHead {
        seq: 6,
        hash: vec![1],
        seal: vec![1],
    };
    tx.audit_append(rows, head, true).await.unwrap();
    tx.commit().await.unwrap();
    (alice, bob)
}

async fn seqs(store: &Store, filter: AuditFilter, place: AuditPlace, limit: u64) -> Vec<i64> {
    let rows = store.audit_page(&filter, place, limit).await.unwrap();
    rows.iter().map(|row| row.seq).collect()
}

#[tokio::test]
async fn filters_hold_back_what_does_not_fit() {
    for_each_database(|store| async move {
        let (alice, bob) = fill(&store).await;
        let all = AuditFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let cases = [
            (all(), vec![6, 5, 4, 3, 2, 1]),
            (
                AuditFilter {
                    user: Some(bob),
                    ..all()
                },
                vec![3],
            ),
            (
                AuditFilter {
                    from: at(2),
                    until: at(4),
                    ..all()
                },
                vec![3, 2],
            ),
            (
                AuditFilter {
                    action: text("tool"),
                    ..all()
                },
                vec![6, 3, 2, 1],
            ),
            (
                AuditFilter {
                    action: text("tool.call"),
                    ..all()
                },
                vec![6, 3, 1],
            ),
            (
                AuditFilter {
                    target: text("files__"),
                    ..all()
                },
                vec![6, 3],
            ),
            (
                AuditFilter {
                    target: text("%"),
                    ..all()
                },
                vec![4],
            ),
            (
                AuditFilter {
                    target: text("FILES_"),
                    user: Some(alice),
                    ..all()
                },
                vec![6],
            ),
            (
                AuditFilter {
                    caller: text("laptop"),
                    ..all()
                },
                vec![2, 1],
            ),
            (
                AuditFilter {
                    outcome: Some(AuditOutcome::Is("ok".into())),
                    ..all()
                },
                vec![4, 2],
            ),
            (
                AuditFilter {
                    outcome: Some(AuditOutcome::Failed),
                    ..all()
                },
                vec![6, 3],
            ),
        ];
        for (filter, expected) in cases {
            let name = format!("{filter:?}");
            assert_eq!(
                seqs(&store, filter, AuditPlace::Newest, 50).await,
                expected,
                "{name}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn pages_go_both_ways() {
    for_each_database(|store| async move {
        let (alice, _) = fill(&store).await;
        let mine = || AuditFilter {
            user: Some(alice),
            ..AuditFilter::default()
        };
        assert_eq!(seqs(&store, mine(), AuditPlace::Newest, 2).await, [6, 5]);
        assert_eq!(seqs(&store, mine(), AuditPlace::Before(5), 2).await, [4, 2]);
        assert_eq!(seqs(&store, mine(), AuditPlace::Before(2), 2).await, [1]);
        assert_eq!(seqs(&store, mine(), AuditPlace::After(1), 2).await, [4, 2]);
        assert_eq!(
            seqs(&store, mine(), AuditPlace::After(6), 2).await,
            Vec::<i64>::new()
        );
    })
    .await;
}

#[tokio::test]
async fn what_no_row_can_have_fits_nothing() {
    for_each_database(|store| async move {
        fill(&store).await;
        let nul = || Some("a\0b".to_owned());
        for filter in [
            AuditFilter {
                action: nul(),
                ..AuditFilter::default()
            },
            AuditFilter {
                target: nul(),
                ..AuditFilter::default()
            },
            AuditFilter {
                caller: nul(),
                ..AuditFilter::default()
            },
            AuditFilter {
                outcome: nul().map(AuditOutcome::Is),
                ..AuditFilter::default()
            },
        ] {
            assert!(
                seqs(&store, filter, AuditPlace::Newest, 10)
                    .await
                    .is_empty()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn places_are_seen_whatever_a_record_holds() {
    for_each_database(|store| async move {
        let last = async || {
            let tx = store.begin().await.unwrap();
            tx.audit_last_seq().await.unwrap()
        };
        assert_eq!(store.audit_first_seq().await.unwrap(), None);
        assert_eq!(store.audit_final_seq().await.unwrap(), None);
        assert_eq!(last().await, None);
        fill(&store).await;
        assert_eq!(store.audit_first_seq().await.unwrap(), Some(1));
        assert_eq!(store.audit_final_seq().await.unwrap(), Some(6));
        assert_eq!(last().await, Some(6));
        assert_eq!(store.audit_next_seq(0).await.unwrap(), Some(1));
        assert_eq!(store.audit_next_seq(3).await.unwrap(), Some(4));
        assert_eq!(store.audit_next_seq(6).await.unwrap(), None);
        assert_eq!(store.audit_duplicate_seq().await.unwrap(), None);
        assert_eq!(store.audit_after(4, 9).await.unwrap().len(), 2);
        assert_eq!(store.audit_stored_head().await.unwrap().unwrap().seq, 6);

        let conn = store.read();
        if store.engine() == crate::Engine::Postgres {
            let twice = "ALTER TABLE audit_log DROP CONSTRAINT audit_log_pkey; \
                         INSERT INTO audit_log SELECT * FROM audit_log WHERE id IN (2, 5)";
            conn.execute_unprepared(twice).await.unwrap();
            assert_eq!(store.audit_duplicate_seq().await.unwrap(), Some(2));
            return;
        }
        let unreadable =
            "UPDATE audit_log SET detail = x'ff' WHERE id = 5; UPDATE audit_head SET seq = 'x'";
        conn.execute_unprepared(unreadable).await.unwrap();
        let done = store.audit_after(4, 9).await;
        assert!(matches!(done, Err(Error::Inconsistent { .. })), "{done:?}");
        assert_eq!(store.audit_after(5, 9).await.unwrap().len(), 1);
        assert_eq!(store.audit_next_seq(4).await.unwrap(), Some(5));
        let done = store.audit_stored_head().await;
        assert!(matches!(done, Err(Error::Inconsistent { .. })), "{done:?}");
        // A table that is not there is another matter.
        conn.execute_unprepared("DROP TABLE audit_log")
            .await
            .unwrap();
        let done = store.audit_after(0, 9).await;
        assert!(matches!(done, Err(Error::Database(_))), "{done:?}");
    })
    .await;
}
