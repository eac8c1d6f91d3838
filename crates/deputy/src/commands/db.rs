//! `deputy db …`

use std::process::ExitCode;

use crate::cli::{DatabaseArgs, DbAction};
use crate::commands::say;
use crate::compose::Offline;

/// Runs it.
pub(crate) async fn run(action: DbAction, database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let offline = Offline::open_unmigrated(database).await?;
    match action {
        DbAction::Migrate => {
            offline.store.migrate().await?;
            eprintln!("the schema is up to date");
        }
        DbAction::Rollback { steps } => {
            offline.store.rollback(steps).await?;
            eprintln!("took back {steps}");
        }
        DbAction::Status => {
            for migration in offline.store.migration_status().await? {
                say(&format!(
                    "{}\t{}",
                    if migration.applied {
                        "applied"
                    } else {
                        "missing"
                    },
                    migration.name
                ));
            }
        }
    }
    offline.close().await?;
    Ok(ExitCode::SUCCESS)
}
