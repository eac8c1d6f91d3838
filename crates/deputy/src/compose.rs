//! Puts the crates together. Read [`Server::build`] from top to bottom to see what the program is
//! made of; each part's making is in `ground.rs`, its settings in `config.rs`, and what commands
//! have instead of a server in `offline.rs`.

pub(crate) mod config;
mod database;
mod ground;
mod offline;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use deputy_connections::{ConnectionEventKind, Connections};
use deputy_core::{Lifecycle, Secret};
use deputy_gateway::{Gateway, mcp};
use deputy_identity::Identity;
use deputy_store::Store;
use deputy_vault::Vault;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::broadcast::error::RecvError;

pub(crate) use self::database::private_folder;
use self::ground::Ground;
pub(crate) use self::offline::Offline;
use crate::settings::Settings;

/// How long requests under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(20);

/// The key of the audit chain.
pub(crate) async fn audit_key(store: &Store, vault: &Vault) -> anyhow::Result<Secret<Vec<u8>>> {
    store.ping().await?;
    Ok(vault.installation_key("audit-hmac").await?)
}

/// A server that is ready to take requests.
pub(crate) struct Server {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) identity: Identity,
    pub(crate) connections: Connections,
    pub(crate) router: Router,
    gateway: Gateway,
    store: Store,
}

/// What differs between `serve` and `sandbox`.
pub(crate) struct Options {
    /// The root key's text.
    pub(crate) key: Option<Secret<String>>,
    /// What the pages say about the sandbox.
    pub(crate) sandbox: Option<deputy_web::Sandbox>,
    /// What `/metrics` shows.
    pub(crate) metrics: PrometheusHandle,
}

impl Server {
    /// Builds everything from the settings, and migrates the database.
    pub(crate) async fn build(settings: &Settings, options: Options) -> anyhow::Result<Self> {
        let ground = Ground::lay(settings, options.key.as_ref()).await?;
        let lifecycle = ground.lifecycle.clone();
        let store = ground.store.clone();
        let clock = Arc::clone(&ground.clock);

        let identity = ground.identity(settings);
        let connections = ground.connections(settings)?;
        let remote = ground.remote(settings)?;
        let authorization = ground.authorization(settings, &identity, options.sandbox.is_some())?;

        let (gateway, workspace) = ground.gateway(settings, &connections, &remote).await?;
        gateway.run();
        follow_connections(&lifecycle, &connections, &gateway);

        let web = deputy_web::router(deputy_web::Deps {
            config: config::web(settings, options.sandbox),
            store: store.clone(),
            identity: identity.clone(),
            authorization,
            connections: connections.clone(),
            remote,
            gateway: gateway.clone(),
            workspace,
            clock,
            lifecycle: lifecycle.clone(),
            metrics: Some(options.metrics),
        });
        let mcp = mcp::router(gateway.clone(), config::endpoint(settings)).layer(
            axum::middleware::from_fn_with_state(
                deputy_web::Doorway::new(identity.clone(), &settings.public_url),
                deputy_web::bearer,
            ),
        );
        Ok(Self {
            router: web.merge(mcp),
            lifecycle,
            identity,
            connections,
            gateway,
            store,
        })
    }

    /// Takes requests until `stop`, then ends in order: no new request, those under way finish, the
    /// servers behind the tools end, the last records are written.
    pub(crate) async fn run(
        self,
        listener: tokio::net::TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let soft = self.lifecycle.soft().clone();
        let lifecycle = self.lifecycle.clone();
        let app = self
            .router
            .into_make_service_with_connect_info::<std::net::SocketAddr>();
        let stopping = async move {
            stop.await;
            // Streams end by themselves on this.
            soft.cancel();
        };
        let listener = listener.tap_io(|stream| {
            // Small answers must not wait for Nagle's algorithm.
            let _ = stream.set_nodelay(true);
        });
        let serve = axum::serve(listener, app).with_graceful_shutdown(stopping);
        let mut serving =
            tokio_util::task::AbortOnDropHandle::new(lifecycle.spawn(async move { serve.await }));
        let told = self.lifecycle.soft().clone();
        tokio::select! {
            ended = &mut serving => {
                ended?.unwrap_or(Ok(()))?;
            }
            () = async { told.cancelled().await; tokio::time::sleep(GRACE).await; } => {
                tracing::warn!("requests under way were cut off");
            }
        }
        drop(serving);
        self.gateway.drain(GRACE).await;
        self.gateway.pool().shutdown().await;
        self.gateway.audit().close().await;
        self.lifecycle.stop(Duration::from_secs(5)).await;
        self.store.close().await?;
        Ok(())
    }
}

/// What a change of a connection means for the tools: servers that run with the old credentials
/// stop at once, and clients are told that the list is another.
fn follow_connections(lifecycle: &Lifecycle, connections: &Connections, gateway: &Gateway) {
    let mut events = connections.subscribe();
    let gateway = gateway.clone();
    lifecycle.spawn(
        lifecycle
            .soft()
            .clone()
            .run_until_cancelled_owned(async move {
                loop {
                    match events.recv().await {
                        Ok(event) => match event.kind {
                            ConnectionEventKind::TokenRefreshed => {}
                            // What is left keeps running: the front that dropped a service has
                            // stopped that one.
                            ConnectionEventKind::Connected
                            | ConnectionEventKind::ServicesChanged => {
                                gateway.tools_changed(event.user_id);
                            }
                            ConnectionEventKind::Disconnected => {
                                gateway.stop_google(event.user_id).await;
                                gateway.tools_changed(event.user_id);
                            }
                        },
                        Err(RecvError::Lagged(missed)) => {
                            tracing::warn!(missed, "changes of connections were missed");
                        }
                        Err(RecvError::Closed) => return,
                    }
                }
            }),
    );
}
