//! A program with a pool, for tests that kill it: `pool-host SERVER ARGS...` starts the server, prints
//! `ready`, and waits to be killed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Lifecycle, SystemClock};
use deputy_gateway::pool::{Config, Launch, Owner, Pool, PoolKey};
use tokio::time::Instant;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let program = PathBuf::from(args.next().expect("the server's program"));
    let launch = Launch { program, args: args.collect(), env: vec![], working_dir: None, generation: 1 };
    let pool = Pool::new(Config::default(), Lifecycle::new(), Arc::new(SystemClock));
    let key = PoolKey { owner: Owner::Shared, server: "fixture".to_owned() };
    pool.list_tools(&key, &launch, Instant::now() + Duration::from_secs(20)).await.expect("the server's tools");
    #[expect(clippy::print_stdout, reason = "what the test waits for")]
    {
        println!("ready");
    }
    std::future::pending::<()>().await;
}
