use super::*;
use crate::testing::{for_each_database, user};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
}

/// One of `bytes` that is asked at a minute and can be decided for an hour.
fn row(user: UserId, minute: u32, bytes: usize) -> ApprovalRow {
    ApprovalRow {
        id: Uuid::from_u128(u128::from(minute) << 64 | u128::from(user.0.unsigned_abs())),
        user,
        server: "gmail".to_owned(),
        tool: "send_email".to_owned(),
        request: vec![1; bytes],
        arguments_digest: "a".to_owned(),
        definition_digest: "d".to_owned(),
        call_id: CallId(Uuid::from_u128(1)),
        caller: "browser".to_owned(),
        status: ApprovalStatus::Pending,
        requested_at: at(minute.into()),
        expires_at: at(i64::from(minute) + 60),
        decided_at: None,
        attempts: 0,
        result: None,
        collected_at: None,
    }
}

#[tokio::test]
async fn what_waits_and_what_has_ended_is_counted_in_bytes() {
    for_each_database(|store| async move {
        let (anna, bert) = (user(&store, "anna").await, user(&store, "bert").await);
        let waits = async |now| store.user(anna).pending_approvals_bytes(now).await.unwrap();
        assert_eq!(waits(at(0)).await, 0);
        let rows: Vec<_> = (0..6).map(|n| row(anna, n, 100_000)).collect();
        let tx = store.begin().await.unwrap();
        for row in &rows {
            tx.user(anna).approval_add(row.clone()).await.unwrap();
        }
        let others = row(bert, 0, 100_000);
        tx.user(bert).approval_add(others.clone()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(waits(at(5)).await, 600_000);
        assert_eq!(waits(at(61)).await, 400_000, "two have lapsed");

        // 2 is rejected, 3 is done with a result of 50,000, 4 is being carried out, 5 waits.
        let tx = store.begin().await.unwrap();
        let scope = tx.user(anna);
        let lease = at(70);
        for (n, to) in [
            (2, ApprovalStatus::Rejected),
            (3, ApprovalStatus::Approved),
            (4, ApprovalStatus::Approved),
        ] {
            let decided = scope.approval_decide(rows[n].id, to, "browser", at(61), lease);
            assert!(decided.await.unwrap());
        }
        let result = vec![2; 50_000];
        assert!(
            scope
                .approval_finish(rows[3].id, result, at(61))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        assert_eq!(waits(at(61)).await, 100_000);

        let left = async |keep: u64| {
            let tx = store.begin().await.unwrap();
            tx.user(anna).approvals_trim(at(61), keep).await.unwrap();
            tx.commit().await.unwrap();
            let mut left = Vec::new();
            for (n, row) in rows.iter().enumerate() {
                if store.user(anna).approval(row.id).await.unwrap().is_some() {
                    left.push(n);
                }
            }
            left
        };
        assert_eq!(left(1_000_000).await, [0, 1, 2, 3, 4, 5]);
        // 3 and 2 have room, with what their rows count for.
        assert_eq!(left(260_000).await, [2, 3, 4, 5]);
        assert_eq!(left(150_000).await, [4, 5]);
        let of_bert = store.user(bert).approval(others.id).await.unwrap();
        assert!(of_bert.is_some());
    })
    .await;
}
