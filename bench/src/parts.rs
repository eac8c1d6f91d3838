//! Where the time of a call goes: each part of its way through the product on its own, one after the
//! other, in this process. The parts of a read add up to what the gateway does beside HTTP and the
//! protocol.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use deputy_core::{CallId, Lifecycle, Secret, SystemClock};
use deputy_gateway::audit::{Audit, Entry};
use deputy_gateway::pool::{self, CallRequest, How, Launch, Owner, Pool, PoolKey, ProcessLaunch};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use crate::people::Rooms;

/// One part.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) what: &'static str,
    /// The median, in µs.
    pub(crate) p50_us: f64,
}

/// How often each part is done.
const TIMES: usize = 1000;

/// Measures all parts on an installation with one person.
pub(crate) async fn measure(
    rooms: &Rooms,
    token: &str,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Vec<Part>> {
    let user = rooms.identity.authenticate_token(token).await?.user_id;
    let key: Secret<Vec<u8>> = rooms.vault.installation_key("audit-hmac").await?;
    let audit = Audit::start(
        rooms.store.clone(),
        &key,
        Arc::clone(&rooms.clock),
        lifecycle,
    );
    let entry = || Entry {
        user: Some(user),
        caller: "token 1".to_owned(),
        action: "tool.call",
        target: "echo".to_owned(),
        call_id: Some(CallId::new(&*rooms.clock, &*rooms.rng).to_string()),
        outcome: "ok".to_owned(),
        detail: json!({ "arguments_sha256": "0".repeat(64), "server": "calendar", "duration_ms": 1 }),
    };
    let pool = Pool::new(
        pool::Config::default(),
        lifecycle.clone(),
        Arc::new(SystemClock),
    );
    let key = PoolKey {
        owner: Owner::Shared,
        server: "echo".to_owned(),
    };
    let launch = Launch {
        how: How::Process(ProcessLaunch {
            program: std::env::current_exe().context("finding this program's own file")?,
            args: vec!["echo".to_owned()],
            env: Vec::new(),
            working_dir: None,
            confinement: None,
            prepare: None,
        }),
        generation: 0,
    };
    let call = async || {
        let request = CallRequest {
            tool: "echo".to_owned(),
            arguments: RawValue::from_string("{\"text\":\"0123456789abcdef\"}".to_owned())?,
            input: None,
            meta: Map::new(),
            progress: None,
            bearer: None,
            headers: Vec::new(),
            inbound: None,
            cancel: CancellationToken::new(),
            late: CancellationToken::new(),
            deadline: tokio::time::Instant::now() + Duration::from_secs(10),
        };
        pool.call(&key, &launch, request).await?;
        anyhow::Ok(())
    };
    call().await?;
    let mut parts = Vec::new();
    parts.push(
        part("who calls (one query)", async || {
            Ok(rooms.identity.authenticate_token(token).await?)
        })
        .await?,
    );
    parts.push(
        part("what is connected (one query)", async || {
            Ok(rooms.connections.connection(user).await?)
        })
        .await?,
    );
    parts.push(
        part("access token (one query, opened)", async || {
            Ok(rooms.connections.access_token(user).await?)
        })
        .await?,
    );
    parts.push(part("the pool and an idle server", call).await?);
    let noted = part("record of a read, handed over", async || {
        audit.note(entry(), None).await;
        Ok(())
    });
    parts.push(noted.await?);
    audit.flush().await;
    parts.push(
        part("record of a write, on the disk", async || {
            Ok(audit.record(entry()).await?)
        })
        .await?,
    );
    pool.shutdown().await;
    audit.close().await;
    Ok(parts)
}

async fn part<T>(
    what: &'static str,
    mut once: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Part> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let before = Instant::now();
        once().await.context(what)?;
        times.push(before.elapsed());
    }
    times.sort_unstable();
    Ok(Part {
        what,
        p50_us: times.get(TIMES / 2).map_or(0.0, |t| t.as_secs_f64() * 1e6),
    })
}
