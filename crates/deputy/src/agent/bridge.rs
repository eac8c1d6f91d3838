//! `deputy bridge`: MCP over standard input and output for clients that know nothing else, forwarded to a server's
//! Streamable HTTP.
//!
//! A message passes as the bytes it is, in whatever version of the protocol the client speaks: nothing is read of it but
//! what HTTP wants beside the body (its method, what it is about, the protocol's version) and what belongs together. So
//! the bridge has no opinion on what a tool, a result or an extension may look like. What it adds is what stdio doesn't
//! have and HTTP does:
//!
//! * the older era's session ([`session`]): begun with `initialize`, begun anew when the server has forgotten it;
//! * the stream on which an older server speaks by itself, and taking up a stream that broke off ([`stream`]);
//! * the token, renewed when it is refused ([`link`]);
//! * cancellation: on stdio a message in both eras, over HTTP in the newer era the end of the request.
//!
//! A request that failed is answered with an error; the bridge itself goes on until its input ends. Standard output is
//! the protocol's alone.

mod failure;
mod link;
pub(super) mod message;
mod session;
pub(super) mod stdio;
pub(super) mod stream;

use std::sync::Arc;
use std::time::Duration;

use deputy_core::Lifecycle;
use url::Url;

use super::api::Identity;
use super::server::ServerUrl;
use link::Link;
use stdio::Line;

/// How long requests under way may take after the input has ended: a script may have asked and closed its end.
const LAST_ANSWERS: Duration = Duration::from_secs(30);
/// How long tasks may go on after that.
const LAST_STEPS: Duration = Duration::from_secs(1);
/// How long telling the server, and writing what is left, may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// Forwards until standard input ends, standard output is gone, or `stop`.
pub(crate) async fn run(
    server: ServerUrl,
    endpoint: Url,
    identity: Identity,
    lifecycle: Lifecycle,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut input = stdio::read()?;
    let (output, written) = stdio::write()?;
    let link = Arc::new(Link::new(server, endpoint, identity, output, &lifecycle)?);
    let mut stop = std::pin::pin!(stop);
    let in_order = loop {
        let line = tokio::select! {
            line = input.recv() => line,
            () = &mut stop => break false,
            () = written.closed() => break false,
        };
        match line {
            None => break true,
            Some(Line::TooLong) => link.refuse_line("the message is too long").await,
            Some(Line::Text(text)) => tokio::select! {
                () = link.take(text) => {}
                () = &mut stop => break false,
            },
        }
    };
    if in_order {
        tokio::select! {
            () = link.finish(LAST_ANSWERS) => {}
            () = &mut stop => {}
            () = written.closed() => {}
        }
    }
    lifecycle.soft().cancel();
    let _ = tokio::time::timeout(FAREWELL, link.end_session()).await;
    // What is still under way now has nobody to answer; a refresh may come to its end.
    lifecycle.stop(LAST_STEPS).await;
    drop(link);
    let _ = tokio::time::timeout(FAREWELL, written.done()).await;
    Ok(())
}

#[cfg(test)]
mod tests;
