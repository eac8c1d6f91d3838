use super::*;
use crate::Store;
use crate::testing::{for_each_database, user};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn row(user: UserId, server: &str, seconds: i64, success: bool) -> UsageRow {
    UsageRow {
        user,
        server: server.to_owned(),
        query: "a_tool".to_owned(),
        response_time_ms: 10,
        success,
        error: (!success).then(|| "TIMEOUT".to_owned()),
        cost: 0.5,
        session: (seconds >= 100).then(|| "s1".to_owned()),
        at: at(seconds),
    }
}

async fn append(store: &Store, rows: Vec<UsageRow>) {
    let tx = store.begin().await.unwrap();
    tx.usage_append(rows).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn calls_are_summed_by_span_and_server_for_their_person_only() {
    for_each_database(|store| async move {
        let (anna, bert) = (user(&store, "anna").await, user(&store, "bert").await);
        append(
            &store,
            vec![
                row(anna, "gmail", -1, true),
                row(anna, "gmail", 0, true),
                row(anna, "gmail", 99, false),
                row(anna, "drive", 99, true),
                row(anna, "gmail", 100, true),
                row(anna, "gmail", 199, false),
                row(anna, "gmail", 200, true),
                row(bert, "gmail", 50, true),
                row(bert, "gmail", 150, true),
            ],
        )
        .await;
        let spans = [(0, 100), (100, 200)].map(|(from, until)| Span {
            from: at(from),
            until: at(until),
        });
        let sum = |span, server: &str, calls, successful| UsageSum {
            span,
            server: server.to_owned(),
            calls,
            successful,
            response_time_ms: 10 * calls,
            cost: 0.5 * f64::from(u32::try_from(calls).unwrap()),
        };
        assert_eq!(
            store.user(anna).usage_sums(&spans).await.unwrap(),
            [
                sum(0, "drive", 1, 1),
                sum(0, "gmail", 2, 1),
                sum(1, "gmail", 2, 1)
            ]
        );
        assert_eq!(store.user(anna).usage_sums(&[]).await.unwrap(), []);
        let many = vec![spans[0]; 366];
        assert_eq!(
            store.user(bert).usage_sums(&many).await.unwrap().len(),
            366,
            "a year of days fits a statement"
        );
        let asked = async |user, since| {
            let scope = store.user(user);
            let sum = scope.usage_of_sessions("gmail", at(since)).await.unwrap();
            (sum.calls, sum.successful)
        };
        assert_eq!(
            asked(anna, 0).await,
            (3, 2),
            "only what was asked in a session"
        );
        assert_eq!(asked(anna, 200).await, (1, 1));
        assert_eq!(asked(bert, 0).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn old_rows_go_in_batches_the_oldest_first() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        append(
            &store,
            (0..7).map(|n| row(anna, "gmail", n, true)).collect(),
        )
        .await;
        let all = [Span {
            from: at(0),
            until: at(100),
        }];
        let left = async || {
            let sums = store.user(anna).usage_sums(&all).await.unwrap();
            sums.first().map_or(0, |sum| sum.calls)
        };
        for (deleted, remaining) in [(3, 4), (2, 2), (0, 2)] {
            let tx = store.begin().await.unwrap();
            assert_eq!(tx.usage_delete_before(at(5), 3).await.unwrap(), deleted);
            tx.commit().await.unwrap();
            assert_eq!(left().await, remaining);
        }
    })
    .await;
}

#[tokio::test]
async fn rows_of_people_who_are_gone_are_left_out() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        append(
            &store,
            vec![
                row(UserId(999), "gmail", 1, true),
                row(anna, "gmail", 1, true),
            ],
        )
        .await;
        let all = [Span {
            from: at(0),
            until: at(100),
        }];
        assert_eq!(store.user(anna).usage_sums(&all).await.unwrap().len(), 1);
        assert_eq!(store.user(UserId(999)).usage_sums(&all).await.unwrap(), []);
    })
    .await;
}
