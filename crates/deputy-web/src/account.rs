//! The end of an account: by an administrator with a command, by the person on `/settings`.

use std::time::Duration;

use deputy_connections::remote::Remote;
use deputy_connections::{Connections, DisconnectError, Services};
use deputy_identity::{Identity, User, UserError};

/// What is left to do elsewhere when an account is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Whether Google was told, or there was nothing to tell.
    pub google_told: bool,
    /// How many of the sign-in services of the person's servers could not be told.
    pub untold: u64,
}

/// Who ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An administrator, who may end any.
    Administrator,
    /// The person themselves; not where no administrator would be left.
    Themselves,
}

/// Why an account was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// It is gone, the last administrator's, or the database failed.
    #[error(transparent)]
    User(#[from] UserError),
    /// What is connected at Google could not be read.
    #[error(transparent)]
    Google(#[from] DisconnectError),
}

/// Deletes a person once those who hold grants of theirs were told. `connections`: none where
/// Google is not configured.
pub async fn delete(
    identity: &Identity,
    connections: Option<&Connections>,
    remote: &Remote,
    user: &User,
    by: By,
) -> Result<Deleted, DeleteError> {
    if by == By::Themselves && identity.is_last_admin(user).await? {
        return Err(UserError::LastAdmin.into());
    }
    let google_told = match connections {
        None => false,
        Some(connections) => match connections.disconnect(user.id, Services::ALL).await {
            Ok(done) => done.revoked,
            Err(DisconnectError::NotFound) => true,
            Err(error) => return Err(error.into()),
        },
    };
    let untold = match remote.forget_all(user.id).await {
        Ok(()) => untold(remote, user).await,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the sign-in services of somebody's servers could not be told that they go"
            );
            0
        }
    };
    match by {
        By::Administrator => identity.delete_user(user.id).await?,
        By::Themselves => identity.delete_own(user.id).await?,
    }
    Ok(Deleted {
        google_told,
        untold,
    })
}

/// How long sign-in services of the person's servers may take to be told, in steps of [`STEP`]: what
/// they are told with goes with the person.
const STEPS: usize = 20;
const STEP: Duration = Duration::from_millis(150);

/// How many are left to be told when the others were.
async fn untold(remote: &Remote, user: &User) -> u64 {
    let mut left = 0;
    for _ in 0..STEPS {
        left = remote.untold(user.id).await.unwrap_or_default();
        if left == 0 {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    left
}
