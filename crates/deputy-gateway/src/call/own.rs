//! What is around every request to a person's own server, a call of a tool or a request that is passed on: its breaker,
//! its attempts, its credentials, what is counted and how the server is said to be.
//!
//! Nobody knows what such a server does with a call that it gets twice: a write that may have
//! reached it is never sent again, not within a call and not when a call is carried on after a
//! crash of ours. What only reads, by its own word, is repeated as the table of [`crate::retry`]
//! says.

mod tool;

use std::sync::atomic::Ordering;
use std::time::Duration;

use deputy_store::own_server::OwnServer;
use tokio::time::Instant;

use super::CallOptions;
use crate::error::CallError;
use crate::pool::{How, UpstreamError};
use crate::retry::{Failure, Next, Tried};
use crate::servers::{Refused, Renewals, Status, advised, explained};
use crate::{Gateway, breaker, meter};

/// The longest that anybody waits for a server that keeps failing to be started again; its page says when it is.
const REST: Duration = Duration::from_secs(10);

/// Something wanted of a person's own server.
pub(crate) trait Errand: Sync {
    /// What comes of it.
    type Answer: Send;

    /// Whose, and which.
    fn server(&self) -> &OwnServer;
    /// The method of MCP, for the counts.
    fn method(&self) -> &'static str;
    /// Whether it changes nothing, so that it is sent again though it may have arrived.
    fn only_reads(&self) -> bool;
    /// Whether who wants it speaks MCP, and hears the server's own errors as they are.
    fn verbatim(&self) -> bool;
    /// Tries once.
    fn attempt(
        &self,
        open: &crate::servers::Open,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self::Answer, Ended>> + Send;
    /// Whether the answer is good by the server's own word.
    fn is_good(&self, answer: &Self::Answer) -> bool;
    /// It is tried once more.
    fn repeated(&self) {}
}

/// How an attempt ended without an answer.
pub(crate) enum Ended {
    /// The server refused the token.
    Refused(Refused),
    /// The process ended before it got the request: another one may do it.
    Replaced,
    /// It failed.
    Failed(UpstreamError),
    /// The server answered by asking for more, which is this error here.
    Asks(CallError),
    /// It was not sent, and is not to be tried again.
    Unsent(CallError),
}

impl From<UpstreamError> for Ended {
    fn from(error: UpstreamError) -> Self {
        match Refused::from_error(error) {
            Ok(refused) => Self::Refused(refused),
            Err(error) => Self::Failed(error),
        }
    }
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        Self::Unsent(error)
    }
}

impl Gateway {
    /// Tries until there is an answer or it is time to give up. [`CallOptions::sent`] becomes true when an attempt
    /// failed that may have changed something.
    pub(crate) async fn at_own<E: Errand>(
        &self,
        errand: &E,
        options: &CallOptions,
    ) -> Result<E::Answer, CallError> {
        let (servers, server) = (&self.inner.servers, errand.server());
        let deadline = options
            .deadline
            .unwrap_or_else(|| Instant::now() + self.inner.config.call_deadline);
        let open = servers.open(server).await;
        let mut open = open.map_err(|error| self.without_consent(server, error))?;
        let mut pass = self
            .inner
            .breakers
            .admit(server.user, &open.key.server, &server.name)?;
        options.trial.set(pass.place());
        let mut tried = Tried::default();
        let mut renewals = Renewals::default();
        let mut replaced = 0;
        // What the server is to blame for, of the attempts so far.
        let mut blame = None;
        loop {
            let begun = Instant::now();
            let error = match errand.attempt(&open, deadline).await {
                Ok(answer) => {
                    self.count(errand, errand.is_good(&answer), begun);
                    pass.good();
                    servers.note_answer(server);
                    return Ok(answer);
                }
                Err(Ended::Asks(error)) => {
                    self.count(errand, true, begun);
                    pass.good();
                    servers.note_answer(server);
                    return Err(error);
                }
                Err(Ended::Unsent(error)) => return Err(error),
                Err(Ended::Replaced) if replaced < 2 => {
                    replaced += 1;
                    continue;
                }
                Err(Ended::Replaced) => UpstreamError::NotStarted {
                    reason: "it ended before it got the request".to_owned(),
                    stderr_tail: String::new(),
                },
                Err(Ended::Refused(refused)) => {
                    if !open.oauth || !renewals.allow(&refused) {
                        self.count(errand, false, begun);
                        return Err(self.refused_for_good(server, open.oauth));
                    }
                    let renewal = servers.renew(server, &mut open, refused).await;
                    renewal.map_err(|error| self.without_consent(server, error))?;
                    continue;
                }
                Err(Ended::Failed(error)) => {
                    let pool = &self.inner.parts.pool;
                    let barred = pool.barred(&open.key, open.launch.generation);
                    if error.is_unsent() && barred.is_some() {
                        // It is not what it was any more: that is no failure of the server's.
                        servers.still(server).await?;
                    }
                    error
                }
            };
            if meter::concerns(&error) {
                self.count(errand, false, begun);
            }
            pass.failed(&error);
            if breaker::hurts(&error) {
                blame = Some(explained(&error));
            }
            let sent = !error.is_unsent();
            if sent && !errand.only_reads() {
                options.sent.store(true, Ordering::Release);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let next = tried.next(
                &Failure::of_upstream(&error, matches!(open.launch.how, How::Http(_))),
                errand.only_reads() || !sent,
                left,
                &*self.inner.parts.rng,
            );
            let again = match next {
                Next::After(wait) if is_worth(wait, &error) => {
                    tracing::debug!(server = server.id, method = errand.method(), ?wait, %error, "trying again");
                    options.pause(wait).await?
                }
                _ => false,
            };
            if again {
                errand.repeated();
                continue;
            }
            match (&blame, &error) {
                (Some(blame), _) => servers.note_failure(server, Status::Error, blame),
                // An answer all the same.
                (None, UpstreamError::Rpc { .. }) => servers.note_answer(server),
                (None, _) => {}
            }
            return Err(self.of_own(errand, error));
        }
    }

    fn count<E: Errand>(&self, errand: &E, good: bool, begun: Instant) {
        let server = errand.server();
        self.inner.servers.note_used(server);
        meter::mcp_request(&meter::own(server), errand.method(), good, begun.elapsed());
    }

    /// Puts it down as the server's state that its person has to allow the access, if that is why.
    fn without_consent(&self, server: &OwnServer, error: CallError) -> CallError {
        let servers = &self.inner.servers;
        let page = servers.connect_url(&server.name);
        // Not where it is another account that is missing: that one has a page of its own.
        if matches!(&error, CallError::NotConnected { connect_url, .. } if *connect_url == page) {
            servers.note_failure(server, Status::NeedsConsent, &error.to_string());
        }
        error
    }

    /// The error of credentials that are refused, put down as the server's state.
    fn refused_for_good(&self, server: &OwnServer, oauth: bool) -> CallError {
        let servers = &self.inner.servers;
        let name = &server.name;
        if oauth {
            let connect_url = servers.connect_url(name);
            let error = CallError::NotConnected {
                service: name.clone(),
                message: format!(
                    "{name} refuses the access that was allowed; allow it again at {connect_url}"
                ),
                connect_url,
            };
            return self.without_consent(server, error);
        }
        let error = self.bad_credentials(server);
        servers.note_failure(server, Status::Error, &error.to_string());
        error
    }

    fn bad_credentials(&self, server: &OwnServer) -> CallError {
        let name = &server.name;
        CallError::Upstream(format!(
            "{name} refuses the credentials; look at its settings at {}",
            self.inner.servers.page(name)
        ))
    }

    /// The error that a failed errand becomes, with what the server printed: it is the owner who
    /// reads it.
    pub(crate) fn of_own<E: Errand>(&self, errand: &E, error: UpstreamError) -> CallError {
        let name = &errand.server().name;
        let text = explained(&error);
        match error {
            UpstreamError::NotStarted { .. }
            | UpstreamError::Protocol { .. }
            | UpstreamError::Forbidden
            | UpstreamError::Unavailable { sent: false, .. } => {
                CallError::Upstream(format!("{name}: {text}"))
            }
            UpstreamError::Died { .. } | UpstreamError::Unavailable { .. }
                if errand.only_reads() =>
            {
                CallError::Upstream(format!("{name}: {text}"))
            }
            error @ (UpstreamError::Died { .. } | UpstreamError::Unavailable { .. }) => {
                let advice = "; the call may have been done: look before you repeat it";
                CallError::Upstream(format!("{name}: {}", advised(&error, advice)))
            }
            UpstreamError::Rpc {
                code,
                message,
                data,
            } => {
                let (message, _) = crate::servers::definition::clean(&message, 1000);
                match code {
                    _ if errand.verbatim() => CallError::Refused {
                        code,
                        message,
                        data,
                    },
                    // JSON-RPC 2.0 section 5.1: what was asked for can't be right.
                    -32602 => CallError::Validation {
                        pointer: String::new(),
                        message: format!("{name} refuses the arguments: {message}"),
                    },
                    _ => CallError::Upstream(format!("{name}: {message} ({code})")),
                }
            }
            UpstreamError::Timeout { sent: true } if !errand.only_reads() => {
                CallError::Timeout(format!(
                    "{name} did not answer in time; it may have been done: look before you repeat it"
                ))
            }
            UpstreamError::Timeout { .. } => CallError::Timeout(format!(
                "{name} did not answer in time; nothing was changed"
            )),
            UpstreamError::Cancelled => CallError::Cancelled,
            UpstreamError::Busy { .. } => CallError::Unavailable {
                message: format!("too many servers are at work to call {name}; nothing was done"),
                retry_after: Duration::from_secs(5),
            },
            UpstreamError::BackingOff { retry_after, .. } => CallError::Unavailable {
                message: format!("{name} rests for a while: {text}; nothing was done"),
                retry_after,
            },
            UpstreamError::ShuttingDown => CallError::Unavailable {
                message: "Deputy is being stopped; nothing was done".to_owned(),
                retry_after: Duration::from_secs(5),
            },
            UpstreamError::TooLarge { .. } => CallError::Validation {
                pointer: String::new(),
                message: format!("{name}: {text}; nothing was done"),
            },
            UpstreamError::Unauthorized { .. } => self.bad_credentials(errand.server()),
            UpstreamError::RateLimited { retry_after } => CallError::RateLimited {
                message: format!("{name} takes no more requests for now"),
                retry_after: retry_after.unwrap_or(Duration::from_mins(1)),
            },
        }
    }
}

/// Whether anybody waits that long. What a server says of when to come back is waited for as long as the deadline
/// allows; a rest of ours after failures may be minutes.
fn is_worth(wait: Duration, error: &UpstreamError) -> bool {
    wait <= REST || !matches!(error, UpstreamError::BackingOff { .. })
}

#[cfg(test)]
mod tests;
