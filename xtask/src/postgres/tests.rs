use std::net::{SocketAddr, TcpStream};

use super::*;

#[test]
fn finds_a_user_by_the_whole_name() {
    let users = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:9:9::/:/bin/sh\npostgres:x:104:110::/var/lib:/bin/sh\n";
    assert_eq!(ids(users, "postgres"), Some((104, 110)));
    assert_eq!(ids(users, "nobody"), None);
}

/// The server and its folder are gone when the value is.
#[test]
fn nothing_of_a_cluster_is_left_behind() {
    let Some(binaries) = binaries() else {
        assert!(!machine::is_ci(), "PostgreSQL is missing");
        eprintln!("left out: PostgreSQL is not installed");
        return;
    };
    let cluster = Cluster::start(&binaries).unwrap();
    let port: u16 = cluster
        .url()
        .rsplit_once(':')
        .unwrap()
        .1
        .split('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert!(TcpStream::connect(address).is_ok());
    let folders = || {
        let ours = format!("deputy-postgres-{}-", std::process::id());
        let all = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours))
            .count()
    };
    assert_eq!(folders(), 1);
    drop(cluster);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(folders(), 0);
}
