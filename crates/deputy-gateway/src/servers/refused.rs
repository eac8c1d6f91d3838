//! A remote server that refuses the token it was sent.

use deputy_store::own_server::OwnServer;

use super::{Open, Servers};
use crate::error::CallError;
use crate::pool::{How, HttpLaunch, UpstreamError};

/// A token that was refused.
pub(crate) struct Refused {
    /// What the server said with it (RFC 6750 section 3).
    challenge: Option<String>,
    /// The token is good, but more has to be allowed.
    wants_more: bool,
}

impl Refused {
    /// Takes a refusal out of an upstream's errors; the others are given back.
    pub(crate) fn from_error(error: UpstreamError) -> Result<Self, UpstreamError> {
        match error {
            UpstreamError::Unauthorized {
                challenge,
                insufficient_scope,
            } => Ok(Self {
                challenge,
                wants_more: insufficient_scope,
            }),
            error => Err(error),
        }
    }
}

/// What was done about refusals during one call.
#[derive(Default)]
pub(crate) struct Renewals {
    renewed: bool,
    noted: bool,
}

impl Renewals {
    /// Whether anything can be done about this one: a token is renewed once in a call, and what the server wants more
    /// is noted once, also after a renewal, for the next consent asks for it.
    pub(crate) fn allow(&mut self, refused: &Refused) -> bool {
        let done = if refused.wants_more {
            &mut self.noted
        } else {
            &mut self.renewed
        };
        !std::mem::replace(done, true)
    }
}

impl Servers {
    /// Gets another token for a server that refused the last.
    pub(crate) async fn renew(
        &self,
        row: &OwnServer,
        open: &mut Open,
        refused: Refused,
    ) -> Result<(), CallError> {
        let failed = open.bearer.as_ref().map_or(0, |token| token.generation);
        let How::Http(HttpLaunch { url, .. }) = &open.launch.how else {
            return Err(CallError::Internal);
        };
        let token = self
            .with()
            .remote
            .refused(row.user, row.id, url, failed, refused.challenge)
            .await
            .map_err(|error| self.of_remote(row, error))?;
        open.bearer = Some(token);
        Ok(())
    }
}
