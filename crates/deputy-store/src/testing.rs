//! Temporary databases for tests, of both engines.
//!
//! PostgreSQL takes part when `DEPUTY_TEST_POSTGRES` holds the URL of a server on which databases
//! may be created; with `CI=true` its absence fails the test.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, Database};
use tokio::sync::OnceCell;

use crate::{Config, Store};

/// A migrated database that goes away with this value (a PostgreSQL one with its server).
pub struct TestStore {
    /// The database.
    pub store: Store,
    /// Its URL.
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

/// A fresh SQLite database: a copy of one that was migrated for all tests of the process.
pub async fn sqlite() -> TestStore {
    static MIGRATED: OnceCell<Vec<u8>> = OnceCell::const_new();
    let migrated = MIGRATED.get_or_init(|| async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("deputy.db");
        let url = format!("sqlite://{}", file.display());
        migrate(&Config::new(&url)).await;
        std::fs::read(&file).expect("the migrated database")
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("deputy.db");
    std::fs::write(&file, migrated.await).expect("a copy");
    let url = format!("sqlite://{}", file.display());
    let store = Store::connect(&Config::new(&url))
        .await
        .expect("SQLite opens");
    TestStore {
        store,
        url,
        _folder: Some(folder),
    }
}

async fn migrate(config: &Config) {
    let store = Store::connect(config).await.expect("the database opens");
    store.migrate().await.expect("migrations apply");
    store.close().await.expect("close");
}

/// A fresh PostgreSQL database, if a server was named: a copy of one that was migrated for all tests
/// of the process.
pub async fn postgres() -> Option<TestStore> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    #[expect(
        clippy::disallowed_methods,
        reason = "test settings come from the environment"
    )]
    let (server, ci) = (
        std::env::var("DEPUTY_TEST_POSTGRES").ok(),
        std::env::var("CI").is_ok_and(|v| v == "true"),
    );
    let Some(server) = server else {
        assert!(!ci, "DEPUTY_TEST_POSTGRES is not set");
        eprintln!("left out: PostgreSQL (DEPUTY_TEST_POSTGRES is not set)");
        return None;
    };
    let (base, _) = server.rsplit_once('/').expect("the URL names a database");
    let template = TEMPLATE.get_or_init(|| async {
        let name = format!("deputy_{}_template", std::process::id());
        create(&server, &name, "template0").await;
        migrate(&Config::new(format!("{base}/{name}"))).await;
        name
    });
    let number = COUNTER.fetch_add(1, Ordering::SeqCst);
    let name = format!("deputy_{}_{number}", std::process::id());
    create(&server, &name, template.await).await;
    let url = format!("{base}/{name}");
    let mut config = Config::new(&url);
    config.max_connections = 5;
    let store = Store::connect(&config).await.expect("PostgreSQL opens");
    Some(TestStore {
        store,
        url,
        _folder: None,
    })
}

async fn create(server: &str, name: &str, template: &str) {
    let admin = Database::connect(server)
        .await
        .expect("the PostgreSQL server answers");
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name} TEMPLATE {template}"),
    ] {
        admin
            .execute_unprepared(&statement)
            .await
            .expect("a fresh database");
    }
    admin.close().await.expect("close");
}

/// Runs one statement on the database at `url`, as an administrator of it would.
pub async fn execute(url: &str, statement: &str) {
    let db = Database::connect(url).await.expect("the database answers");
    db.execute_unprepared(statement)
        .await
        .expect("the statement runs");
    db.close().await.expect("close");
}

/// Runs `test` on a fresh database of each engine.
pub async fn for_each_database<F, Fut>(test: F)
where
    F: Fn(Store) -> Fut,
    Fut: Future<Output = ()>,
{
    let sqlite = sqlite().await;
    test(sqlite.store.clone()).await;
    if let Some(postgres) = postgres().await {
        test(postgres.store.clone()).await;
    }
}

/// A person to own rows, who can't sign in.
pub async fn user(store: &Store, username: &str) -> deputy_core::UserId {
    use sea_orm::{ActiveModelTrait as _, ActiveValue::Set};
    let tx = store.begin().await.expect("a transaction");
    let row = crate::entity::users::ActiveModel {
        username: Set(username.to_owned()),
        username_key: Set(username.to_lowercase()),
        name: Set(username.to_owned()),
        password_hash: Set("!".to_owned()),
        role: Set("user".to_owned()),
        language: Set("en".to_owned()),
        time_zone: Set("UTC".to_owned()),
        is_active: Set(true),
        created_at: Set(0),
        updated_at: Set(0),
        ..Default::default()
    };
    let row = row.insert(tx.conn()).await.expect("a user");
    tx.commit().await.expect("commit");
    deputy_core::UserId(row.id)
}

/// How many grants of this person have not ended, those among them that nobody redeemed yet; the
/// pages show only what was redeemed.
pub async fn count_oauth_grants(store: &Store, user: deputy_core::UserId) -> u64 {
    use crate::entity::oauth_grants::{Column, Entity};
    use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
    Entity::find()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::EndedAt.is_null())
        .count(store.read())
        .await
        .expect("grants are counted")
}
