//! HTTP/1.1 for emulators. A request's handler holds its connection, so that it can break it: that
//! is what a framework's server wouldn't let a fault do.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use deputy_core::Lifecycle;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The largest request body: Gmail takes up to 150 MiB.
const BODY_LIMIT: usize = 160 * 1024 * 1024;

/// A request with its whole body.
pub(crate) type Request = http::Request<Bytes>;
/// An answer with its whole body.
pub(crate) type Reply = http::Response<Bytes>;

/// The connection a request came over.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    broken: CancellationToken,
}

impl Connection {
    /// Closes it without another byte. Never returns: the task that asks for it ends here.
    pub(crate) async fn break_off(&self) -> Reply {
        self.broken.cancel();
        std::future::pending().await
    }
}

/// Answers requests until the soft stop; those under way then may finish until the hard stop.
pub(crate) fn serve<H, F>(listener: TcpListener, lifecycle: &Lifecycle, handle: H)
where
    H: Fn(Request, Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let handle = Arc::new(handle);
    let life = lifecycle.clone();
    lifecycle.spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = life.soft().cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    life.spawn(connection(
                        stream,
                        peer,
                        life.soft().clone(),
                        handle.clone(),
                    ));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: those in use must be given back first.
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
    });
}

async fn connection<H, F>(
    stream: TcpStream,
    peer: SocketAddr,
    soft: CancellationToken,
    handle: Arc<H>,
) where
    H: Fn(Request, Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let broken = CancellationToken::new();
    let this = Connection {
        broken: broken.clone(),
    };
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (handle, this) = (handle.clone(), this.clone());
        async move {
            let (parts, body) = request.into_parts();
            let reply = match Limited::new(body, BODY_LIMIT).collect().await {
                Ok(body) => handle(http::Request::from_parts(parts, body.to_bytes()), this).await,
                Err(error) => {
                    tracing::debug!(%error, "request body");
                    let mut reply = Reply::default();
                    *reply.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
                    reply
                }
            };
            Ok::<_, std::convert::Infallible>(reply.map(Full::new))
        }
    });
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = broken.cancelled() => return,
        () = soft.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                result = served.as_mut() => result,
                () = broken.cancelled() => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "connection");
    }
}
