//! `deputy key …`

use std::process::ExitCode;

use deputy_core::SystemRng;
use deputy_vault::Rotation;
use serde_json::json;

use crate::cli::{DatabaseArgs, KeyAction};
use crate::commands::record::Act;
use crate::commands::say;
use crate::compose::Offline;

/// Runs it.
pub(crate) async fn run(action: KeyAction, database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    match action {
        KeyAction::Generate => {
            say(deputy_vault::generate_key(&SystemRng).expose());
            eprintln!(
                "Put it into a file that only Deputy can read (chmod 600) and name the file in TOKEN_ENCRYPTION_KEY_FILE.\n\
                 Keep a copy elsewhere: without it everything that Deputy keeps sealed is lost."
            );
            Ok(ExitCode::SUCCESS)
        }
        KeyAction::Rotate => rotate(database).await,
    }
}

async fn rotate(database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let offline = Offline::open(database).await?;
    let vault = offline.vault()?;
    let ended = |done: &Rotation, act| {
        vec![Act {
            detail: json!({ "rewrapped": done.rewrapped, "left": done.left }),
            ..act
        }]
    };
    let act = Act::new("key.rotate", "root key");
    let done = offline.on_record_with(act, vault.rotate(), ended).await?;
    eprintln!("put {} data keys under the present key", done.rewrapped);
    for root in &done.unknown {
        eprintln!("some are under the key {root}, which is not among TOKEN_ENCRYPTION_KEYS_OLD");
    }
    let code = if done.left == 0 {
        eprintln!("nothing is left under a former key: TOKEN_ENCRYPTION_KEYS_OLD can be emptied");
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "{} are left under former keys: keep those until a later run says 0",
            done.left
        );
        ExitCode::FAILURE
    };
    offline.close().await?;
    Ok(code)
}
