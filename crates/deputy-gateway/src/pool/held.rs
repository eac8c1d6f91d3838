//! One running server, held on to over several requests: what was found out about it by the first
//! is still true of it at the second.

use std::sync::Arc;

use deputy_core::Secret;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Pool;
use super::child::Lease;
use super::exchange::{Asides, Bearer, Exchange, Params};
use super::launch::{Launch, PoolKey};
use super::result;
use super::upstream::{self, CallRequest, Request, ServerInfo, ToolResult, UpstreamError};

/// A running server that does not end for want of use while this is held.
pub struct Held {
    lease: Lease,
}

impl Pool {
    /// The server `key`, started by `launch` if it does not run. `bearer` is for a server in the
    /// network, as in a request.
    pub async fn hold(
        &self,
        key: &PoolKey,
        launch: &Launch,
        bearer: Option<&Secret<String>>,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<Held, UpstreamError> {
        let leasing = self.inner.lease(key, launch, bearer);
        tokio::select! {
            biased;
            lease = leasing => Ok(Held { lease: lease? }),
            () = cancel.cancelled() => Err(UpstreamError::Cancelled),
            () = tokio::time::sleep_until(deadline) => Err(UpstreamError::Timeout { sent: false }),
        }
    }
}

impl Held {
    /// The same, but not counted as a use of the server: it goes to sleep all the same.
    pub(crate) fn aside(self) -> Self {
        Self {
            lease: self.lease.aside(),
        }
    }

    /// Names this process (or session) among all that this program ever had.
    pub fn id(&self) -> u64 {
        self.lease.id
    }

    /// What it says about itself.
    pub fn info(&self) -> &Arc<ServerInfo> {
        &self.lease.info
    }

    /// Whether arguments go into headers, where its tools ask for that: in the network and in the
    /// newer era.
    pub(crate) fn mirrors(&self) -> bool {
        self.lease.is_remote() && self.lease.info.era == upstream::Era::Modern
    }

    /// An error about what it said, with every secret cut out.
    pub(crate) fn shown(&self, error: UpstreamError) -> UpstreamError {
        self.lease.ears().shown(error)
    }

    /// As [`Pool::call`], but to this very server. None: it ended before it got the call.
    pub async fn call(&self, request: CallRequest) -> Result<Option<ToolResult>, UpstreamError> {
        let params = match request.input {
            None => Params::Call {
                tool: request.tool,
                arguments: request.arguments,
                meta: request.meta,
            },
            Some(input) => Params::any(
                &upstream::with_input(&request.tool, &request.arguments, &input)?,
                request.meta,
            )?,
        };
        let asides = Asides {
            progress: request.progress,
            inbound: request.inbound,
            bearer: Bearer::Callers(request.bearer),
            headers: request.headers,
            late: request.late,
        };
        let exchange = Exchange::new("tools/call", params, asides);
        let answer = self
            .lease
            .exchange(&exchange, &request.cancel, request.deadline);
        match answer.await {
            Ok(result) => result::tool_result(result)
                .map(Some)
                .map_err(|error| self.shown(error)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    /// As [`Pool::request`], but to this very server. None: it ended before it got the request.
    pub async fn request(&self, request: Request) -> Result<Option<Box<RawValue>>, UpstreamError> {
        let params = Params::any(&request.params, request.meta)?;
        let asides = Asides {
            progress: request.progress,
            inbound: request.inbound,
            bearer: Bearer::Callers(request.bearer),
            headers: request.headers,
            late: request.late,
        };
        let exchange = Exchange::new(request.method, params, asides);
        let answer = self
            .lease
            .exchange(&exchange, &request.cancel, request.deadline);
        match answer.await {
            Ok(result) => Ok(Some(result)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }
}
