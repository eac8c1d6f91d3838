//! What statistics add up to.

use deputy_core::{Clock as _, SystemClock};
use deputy_store::usage::UsageRow;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::support::both;

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_added_up() {
    both(async |world| {
        let (anna, boris) = (world.person("anna").await, world.person("boris").await);
        let zone = TimeZone::get("Pacific/Auckland").unwrap();
        let nothing = world.gateway.usage(anna.user_id, 7, &zone).await.unwrap();
        assert_eq!(nothing, deputy_gateway::usage::Usage::default());

        let today = SystemClock.now();
        let row = |who: &deputy_core::Principal, server: &str, time, good, at| UsageRow {
            user: who.user_id,
            server: server.to_owned(),
            query: "a_tool".to_owned(),
            response_time_ms: time,
            success: good,
            error: (!good).then(|| "TIMEOUT".to_owned()),
            cost: 0.25,
            session: None,
            at,
        };
        let midnight = |days_ago: i32| {
            let day = today.to_zoned(zone.clone()).date() - days_ago.days();
            day.to_zoned(zone.clone()).unwrap().timestamp()
        };
        let before = SignedDuration::from_millis(1);
        let tx = world.store.begin().await.unwrap();
        tx.usage_append(vec![
            row(&anna, "gmail", 100, true, today),
            row(&anna, "gmail", 300, false, midnight(0)),
            row(&anna, "drive", 50, true, midnight(6)),
            // Not of the last seven days.
            row(&anna, "drive", 5000, false, midnight(6) - before),
            row(&boris, "drive", 7000, false, today),
        ])
        .await
        .unwrap();
        tx.commit().await.unwrap();

        let usage = world.gateway.usage(anna.user_id, 7, &zone).await.unwrap();
        assert_eq!((usage.total_queries, usage.successful_queries), (3, 2));
        assert!((usage.success_rate - 200.0 / 3.0).abs() < 1e-9, "{usage:?}");
        assert!((usage.avg_response_time - 150.0).abs() < 1e-9, "{usage:?}");
        assert!((usage.total_cost - 0.75).abs() < 1e-9, "{usage:?}");
        assert_eq!(usage.most_used_server.as_deref(), Some("gmail"));
        let tally = |queries, successful| deputy_gateway::usage::Tally {
            queries,
            successful,
            cost: 0.25 * f64::from(u32::try_from(queries).unwrap()),
        };
        assert_eq!(
            usage.by_server,
            [
                ("drive".to_owned(), tally(1, 1)),
                ("gmail".to_owned(), tally(2, 1))
            ]
            .into()
        );
        let date = |at: Timestamp| at.to_zoned(zone.clone()).date().to_string();
        assert_eq!(
            usage.by_day,
            [(date(midnight(6)), tally(1, 1)), (date(today), tally(2, 1))].into()
        );
    })
    .await;
}
