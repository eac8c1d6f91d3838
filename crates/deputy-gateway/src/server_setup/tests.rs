use std::path::PathBuf;

use deputy_core::{SystemClock, SystemRng};
use deputy_store::testing::{for_each_database, user};
use deputy_templates::{Commands, FolderProblem, PlainHttp};
use parking_lot::Mutex;
use serde_json::json;

use super::*;

struct HandClock(Mutex<Timestamp>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// Setups as a process that was just started has them.
fn started(store: &Store, clock: Arc<dyn Clock>) -> Setups {
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let key = deputy_vault::Config {
        current: Secret::new([7; 32]),
        old: Vec::new(),
    };
    Setups::new(Parts {
        store: store.clone(),
        vault: Vault::new(store.clone(), &key, Arc::clone(&clock), Arc::clone(&rng)),
        clock,
        rng,
        templates: Arc::new(Registry::builtin()),
        rules: Arc::new(|_| Rules {
            folders: Arc::new(|path: &str| {
                if path.starts_with("/files") {
                    Ok(PathBuf::from(path))
                } else {
                    Err(FolderProblem::Outside(vec![PathBuf::from("/files")]))
                }
            }),
            commands: Commands::from_setting("npx"),
            plain_http: PlainHttp::Never,
            data: None,
        }),
    })
}

fn key_of(view: &SetupView) -> Option<&str> {
    view.question.as_ref().map(|question| question.key.as_str())
}

const EN: Language = Language::En;

#[tokio::test]
async fn a_setup_survives_a_restart_and_its_secret_is_sealed_and_never_shown() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let token = format!("ghp_{}", "s3cr3t".repeat(6));
        let clock = || Arc::new(SystemClock);
        let view = started(&store, clock())
            .begin(alice, "github", EN)
            .await
            .unwrap();
        let id = view.id;
        assert_eq!(key_of(&view), Some("server_name"));
        let view = started(&store, clock())
            .answer(alice, id, &json!("work"), EN)
            .await
            .unwrap();
        assert_eq!(key_of(&view), Some("github_token"));
        assert!(view.question.unwrap().secret);
        let view = started(&store, clock())
            .answer(alice, id, &json!(token), EN)
            .await
            .unwrap();
        assert_eq!(
            view.summary,
            Some(SummaryView {
                server_name: "work".to_owned(),
                answers: vec![AnswerView {
                    title: "GitHub token".to_owned(),
                    value: None
                }]
            })
        );
        let row = store
            .user(alice)
            .server_setup(id, SystemClock.now())
            .await
            .unwrap()
            .unwrap();
        assert!(!String::from_utf8_lossy(&row.state).contains("s3cr3t"));

        let setups = started(&store, clock());
        let finished = setups.finished(alice, id).await.unwrap();
        assert_eq!(
            (finished.name.as_str(), finished.server_type.as_str()),
            ("work", "github")
        );
        assert_eq!(finished.config, json!({"github_token": token}));
        setups.cancel(alice, id).await.unwrap();
        assert_eq!(setups.get(alice, id, EN).await, Err(SetupError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_answer_names_the_field_and_changes_nothing() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let setups = started(&store, Arc::new(SystemClock));
        let id = setups.begin(alice, "filesystem", EN).await.unwrap().id;
        for (name, problem) in [
            (json!("gmail"), Problem::ServerNameReserved),
            (json!("Work Files"), Problem::ServerName),
            (json!(null), Problem::Missing),
        ] {
            let Err(SetupError::Answer(fault)) = setups.answer(alice, id, &name, EN).await else {
                panic!("{name} is taken for a name");
            };
            assert_eq!(
                (fault.field.as_str(), &fault.problem),
                ("/server_name", &problem)
            );
        }
        let before = setups.answer(alice, id, &json!("files"), EN).await.unwrap();
        let Err(SetupError::Answer(fault)) = setups.answer(alice, id, &json!("/etc"), EN).await
        else {
            panic!("a folder outside is accepted");
        };
        assert_eq!(fault.field, "/allowed_path");
        assert!(
            fault.message(EN).contains("/files"),
            "{}",
            fault.message(EN)
        );
        assert_eq!(setups.get(alice, id, EN).await.unwrap(), before);
        assert_eq!(
            setups.finished(alice, id).await.err(),
            Some(SetupError::Unfinished)
        );

        let back = setups.back(alice, id, Language::Uk).await.unwrap();
        let question = back.question.unwrap();
        assert_eq!(
            (question.key.as_str(), question.answered),
            ("server_name", Some(json!("files")))
        );
        assert_eq!(question.title, "Ім'я");
    })
    .await;
}

#[tokio::test]
async fn a_stranger_finds_nothing_and_a_day_later_nobody_does() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let clock = Arc::new(HandClock(Mutex::new(
            Timestamp::from_second(1_000_000).unwrap(),
        )));
        let setups = started(&store, Arc::clone(&clock) as Arc<dyn Clock>);
        let id = setups.begin(alice, "filesystem", EN).await.unwrap().id;
        assert_eq!(setups.get(bob, id, EN).await, Err(SetupError::NotFound));
        assert_eq!(
            setups.answer(bob, id, &json!("x"), EN).await,
            Err(SetupError::NotFound)
        );
        assert_eq!(setups.cancel(bob, id).await, Err(SetupError::NotFound));
        assert!(setups.get(alice, id, EN).await.is_ok());
        *clock.0.lock() += LIFETIME;
        assert_eq!(setups.get(alice, id, EN).await, Err(SetupError::NotFound));
        assert_eq!(
            setups.begin(alice, "filesistem", EN).await,
            Err(SetupError::UnknownType {
                near: Some("filesystem".to_owned())
            })
        );
    })
    .await;
}
