//! What somebody does who can write the database but has no key. Each case is done to a whole chain
//! of five records, by statements of the engine, and undone.

use deputy_store::Engine;
use deputy_store::testing::TestStore;

use super::*;

/// Five records, of which the third has a call, and copies of both tables.
async fn chain(database: &TestStore) {
    let lifecycle = Lifecycle::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let audit = Audit::start(database.store.clone(), &key(), clock, &lifecycle);
    for (n, target) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let written = Entry {
            call_id: (n == 2).then(|| "0190".to_owned()),
            user: (n != 3).then_some(UserId(1)),
            ..entry(target)
        };
        audit.record(written).await.unwrap();
        if n == 2 {
            let keep = "CREATE TABLE early_head AS SELECT * FROM audit_head";
            execute(&database.url, keep).await;
        }
    }
    audit.close().await;
    execute(
        &database.url,
        "CREATE TABLE kept_log AS SELECT * FROM audit_log; CREATE TABLE kept_head AS SELECT * FROM audit_head",
    )
    .await;
}

async fn restore(database: &TestStore) {
    execute(
        &database.url,
        "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM kept_log; \
         DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head",
    )
    .await;
}

async fn databases() -> Vec<TestStore> {
    let all: Vec<TestStore> = [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
        .collect();
    for database in &all {
        chain(database).await;
    }
    all
}

/// Does each of `cases` and looks at which record is named.
async fn all_named(database: &TestStore, cases: &[(&str, i64)]) {
    for (statements, seq) in cases {
        execute(&database.url, statements).await;
        assert_eq!(broken(&database.store).await, *seq, "{statements}");
        restore(database).await;
        assert_eq!(
            verify(&database.store, &key()).await.unwrap(),
            Verdict::Whole { records: 5 },
            "undone: {statements}"
        );
    }
}

#[tokio::test]
async fn every_change_of_every_column_is_found_and_named() {
    for database in databases().await {
        for seq in [1, 3, 4, 5] {
            for change in [
                "created_at = created_at + 1",
                "created_at = 9223372036854775807",
                "created_at = -9223372036854775807",
                "user_id = 2",
                "user_id = 0",
                "user_id = CASE WHEN user_id IS NULL THEN 1 END",
                "caller = 'browser'",
                "caller = ''",
                "caller = caller || ' '",
                "action = 'tool.result'",
                "target = 'x'",
                // The parts are told apart, not only their sum.
                "caller = caller || action, action = ''",
                "target = target || outcome, outcome = ''",
                "call_id = 'z'",
                "call_id = ''",
                "call_id = CASE WHEN call_id IS NULL THEN '0190' END",
                "outcome = 'denied'",
                "detail = '{}'",
                "detail = '{\"n\": 1}'",
                "hash = (SELECT hash FROM kept_log WHERE id = 2)",
            ] {
                let statement = format!("UPDATE audit_log SET {change} WHERE id = {seq}");
                execute(&database.url, &statement).await;
                assert_eq!(broken(&database.store).await, seq, "{statement}");
                restore(&database).await;
            }
        }
        all_named(&database, &[]).await;
    }
}

#[tokio::test]
async fn removals_gaps_and_another_order_are_found_and_named() {
    for database in databases().await {
        all_named(
            &database,
            &[
                ("DELETE FROM audit_log WHERE id = 1", 1),
                ("DELETE FROM audit_log WHERE id = 3", 3),
                ("DELETE FROM audit_log WHERE id = 5", 5),
                ("DELETE FROM audit_log WHERE id < 4", 1),
                ("DELETE FROM audit_log WHERE id > 2", 3),
                ("DELETE FROM audit_log", 1),
                // The gap is closed.
                ("DELETE FROM audit_log WHERE id = 1; UPDATE audit_log SET id = id - 10; UPDATE audit_log SET id = id + 9", 1),
                ("DELETE FROM audit_log WHERE id = 3; UPDATE audit_log SET id = 3 WHERE id = 4; UPDATE audit_log SET id = 4 WHERE id = 5", 3),
                // A gap is made.
                ("UPDATE audit_log SET id = 6 WHERE id = 5", 5),
                ("UPDATE audit_log SET id = 0 WHERE id = 1", 0),
                ("UPDATE audit_log SET id = -3 WHERE id = 3", -3),
                // Two change places, as rows and by what is in them.
                ("UPDATE audit_log SET id = 100 WHERE id = 2; UPDATE audit_log SET id = 2 WHERE id = 3; UPDATE audit_log SET id = 3 WHERE id = 100", 2),
                ("UPDATE audit_log SET id = 100 WHERE id = 1; UPDATE audit_log SET id = 1 WHERE id = 5; UPDATE audit_log SET id = 5 WHERE id = 100", 1),
                ("UPDATE audit_log SET target = CASE id WHEN 4 THEN 'e' ELSE 'd' END WHERE id IN (4, 5)", 4),
                ("UPDATE audit_log SET target = (SELECT target FROM kept_log k WHERE k.id = 7 - audit_log.id), \
                  hash = (SELECT hash FROM kept_log k WHERE k.id = 7 - audit_log.id) WHERE id IN (3, 4)", 3),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn records_that_somebody_added_are_found_and_named() {
    let add = |id: i64, hash: &str| {
        format!(
            "INSERT INTO audit_log SELECT {id}, created_at, user_id, caller, action, target, call_id, outcome, detail, {hash} \
             FROM kept_log WHERE id = 5"
        )
    };
    let genuine = "hash";
    for database in databases().await {
        let made_up = match database.store.engine() {
            Engine::Sqlite => "zeroblob(32)",
            Engine::Postgres => "decode(repeat('00', 32), 'hex')",
        };
        for hash in [genuine, made_up] {
            for id in [-1, 0, 6, i64::MIN] {
                all_named(&database, &[(&add(id, hash), id)]).await;
            }
            // Further on there is a gap before it.
            for id in [7, i64::MAX] {
                all_named(&database, &[(&add(id, hash), 6)]).await;
            }
            // With the end moved behind it.
            let moved = format!(
                "{}; UPDATE audit_head SET seq = 6, hash = (SELECT hash FROM audit_log WHERE id = 6)",
                add(6, hash)
            );
            all_named(&database, &[(&moved, 6)]).await;
            // In the middle, what came after pushed on.
            let pushed = format!(
                "UPDATE audit_log SET id = id + 10 WHERE id > 2; UPDATE audit_log SET id = id - 9 WHERE id > 2; {}",
                add(3, hash)
            );
            all_named(&database, &[(&pushed, 3)]).await;
        }
        if database.store.engine() == Engine::Postgres {
            let twice = format!(
                "ALTER TABLE audit_log DROP CONSTRAINT audit_log_pkey; {}",
                add(2, genuine)
            );
            all_named(&database, &[(&twice, 2)]).await;
        }
    }
}

#[tokio::test]
async fn a_changed_end_is_found() {
    for database in databases().await {
        let zeros = match database.store.engine() {
            Engine::Sqlite => "zeroblob(32)",
            Engine::Postgres => "decode(repeat('00', 32), 'hex')",
        };
        all_named(
            &database,
            &[
                ("DELETE FROM audit_head", 5),
                ("UPDATE audit_head SET seq = 4", 4),
                ("UPDATE audit_head SET seq = 6", 6),
                ("UPDATE audit_head SET seq = 0", 0),
                (&format!("UPDATE audit_head SET hash = {zeros}"), 5),
                (&format!("UPDATE audit_head SET seal = {zeros}"), 5),
                ("UPDATE audit_head SET id = 2", 5),
                ("DELETE FROM audit_log WHERE id = 5; DELETE FROM audit_head", 4),
                // Cut off, with the end after the fourth as somebody without the key makes it.
                ("DELETE FROM audit_log WHERE id = 5; UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit_log WHERE id = 4)", 4),
                // An end that was genuine once, and records behind it.
                ("DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM early_head", 4),
            ],
        )
        .await;
    }
}

/// SQLite takes any value in any column; a row that can't be read is a row that was changed.
#[tokio::test]
async fn what_can_not_be_read_is_named() {
    let database = sqlite().await;
    chain(&database).await;
    let cases = [
        ("UPDATE audit_log SET detail = x'ff' WHERE id = 3", 3),
        (
            "UPDATE audit_log SET caller = CAST(x'ff' AS TEXT) WHERE id = 1",
            1,
        ),
        ("UPDATE audit_log SET created_at = 'now' WHERE id = 5", 5),
        ("UPDATE audit_log SET created_at = 1e30 WHERE id = 2", 2),
        ("UPDATE audit_log SET user_id = 'x' WHERE id = 4", 4),
        ("UPDATE audit_log SET hash = 'x' WHERE id = 4", 4),
        ("UPDATE audit_log SET hash = 7 WHERE id = 4", 4),
        (
            "UPDATE audit_log SET target = x'00' WHERE id = 4; DELETE FROM audit_log WHERE id = 3",
            3,
        ),
        ("UPDATE audit_head SET seq = 'x'", 5),
        ("UPDATE audit_head SET hash = 'x'", 5),
    ];
    all_named(&database, &cases).await;
}

/// Starts a writer on what there is, has it write one record, and ends it.
async fn write_one(store: &Store) -> Result<(), AuditError> {
    let lifecycle = Lifecycle::new();
    let audit = Audit::start(store.clone(), &key(), Arc::new(SystemClock), &lifecycle);
    let written = audit.record(entry("later")).await;
    audit.close().await;
    written
}

#[tokio::test]
async fn what_is_written_after_a_change_of_the_end_does_not_cover_it_up() {
    let cases = [
        (
            "DELETE FROM audit_log WHERE id = 5; UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit_log WHERE id = 4)",
            5,
        ),
        (
            "DELETE FROM audit_log WHERE id > 1; UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit_log WHERE id = 1)",
            2,
        ),
        ("DELETE FROM audit_log WHERE id = 5", 5),
        ("DELETE FROM audit_head", 6),
        ("UPDATE audit_head SET seq = 9", 6),
        ("UPDATE audit_head SET seq = 0", 6),
        (
            "DELETE FROM audit_log WHERE id = 5; DELETE FROM audit_head",
            5,
        ),
        (
            "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM early_head",
            6,
        ),
        (
            "INSERT INTO audit_log SELECT 6, created_at, user_id, caller, action, target, call_id, outcome, detail, hash \
          FROM kept_log WHERE id = 5",
            6,
        ),
        ("UPDATE audit_log SET target = 'x' WHERE id = 5", 5),
    ];
    for database in databases().await {
        for (statements, seq) in cases {
            execute(&database.url, statements).await;
            for _ in 0..2 {
                write_one(&database.store).await.unwrap();
                assert_eq!(broken(&database.store).await, seq, "{statements}");
            }
            restore(&database).await;
        }
        // Behind the last place there is none: no record, so no act.
        let last = "INSERT INTO audit_log SELECT 9223372036854775807, created_at, user_id, caller, action, target, call_id, \
                    outcome, detail, hash FROM kept_log WHERE id = 5";
        execute(&database.url, last).await;
        assert_eq!(write_one(&database.store).await, Err(AuditError));
        restore(&database).await;
        write_one(&database.store).await.unwrap();
        assert_eq!(
            verify(&database.store, &key()).await.unwrap(),
            Verdict::Whole { records: 6 }
        );
    }
}

#[tokio::test]
async fn a_chain_that_is_put_back_under_a_running_writer_shows_it() {
    for database in databases().await {
        for (statements, seq) in [
            // All of it, as it once was, with an end that was genuine.
            (
                "DELETE FROM audit_log WHERE id > 3; DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM early_head",
                4,
            ),
            ("DELETE FROM audit_log; DELETE FROM audit_head", 1),
        ] {
            restore(&database).await;
            let lifecycle = Lifecycle::new();
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let audit = Audit::start(database.store.clone(), &key(), clock, &lifecycle);
            audit.record(entry("f")).await.unwrap();
            execute(&database.url, statements).await;
            audit.record(entry("g")).await.unwrap();
            assert_eq!(broken(&database.store).await, seq, "{statements}");
            audit.close().await;
        }
    }
}

/// What no chain can say of itself: without a writer that remembers, only an export kept elsewhere
/// tells.
#[tokio::test]
async fn a_chain_that_is_put_back_while_nobody_runs_is_a_whole_one() {
    for database in databases().await {
        for (statements, records) in [
            (
                "DELETE FROM audit_log WHERE id > 3; DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM early_head",
                3,
            ),
            ("DELETE FROM audit_log; DELETE FROM audit_head", 0),
        ] {
            execute(&database.url, statements).await;
            assert_eq!(
                verify(&database.store, &key()).await.unwrap(),
                Verdict::Whole { records }
            );
        }
    }
}

#[tokio::test]
async fn another_key_fits_no_record() {
    for database in databases().await {
        let other = Secret::new(vec![8; 32]);
        let verdict = verify(&database.store, &other).await.unwrap();
        assert!(
            matches!(verdict, Verdict::Broken { seq: 1, .. }),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_chain_that_grows_meanwhile_is_whole() {
    for database in [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
    {
        let lifecycle = Lifecycle::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let audit = Audit::start(database.store.clone(), &key(), clock, &lifecycle);
        let writing = lifecycle.spawn(async move {
            for n in 0..150 {
                audit.record(entry(&n.to_string())).await.unwrap();
            }
        });
        let mut looks = 0;
        while !writing.is_finished() {
            let verdict = verify(&database.store, &key()).await.unwrap();
            assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
            looks += 1;
        }
        writing.await.unwrap().unwrap();
        assert!(looks > 1, "it was looked at while it grew");
    }
}
