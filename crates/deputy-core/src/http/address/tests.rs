use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::is_public;

/// What is not public, as networks: a second way of saying it, from IANA's registries.
const PRIVATE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/16",
    "64:ff9b:1::/48",
    "100::/8",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
];

fn is_public_by_networks(address: IpAddr) -> bool {
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    let inner = match address {
        IpAddr::V6(v6)
            if net("::ffff:0:0/96").contains(&address)
                || net("64:ff9b::/96").contains(&address) =>
        {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    };
    if let IpAddr::V6(_) = inner
        && !net("2000::/3").contains(&inner)
    {
        return false;
    }
    !PRIVATE.iter().any(|network| net(network).contains(&inner))
}

/// The first and last address of each network, and their neighbours.
fn edges() -> Vec<IpAddr> {
    let mut found = Vec::new();
    for network in PRIVATE {
        let network: IpNet = network.parse().unwrap();
        for edge in [network.network(), network.broadcast()] {
            for step in [-1i8, 0, 1] {
                found.push(match edge {
                    IpAddr::V4(v4) => {
                        Ipv4Addr::from_bits(v4.to_bits().wrapping_add_signed(step.into())).into()
                    }
                    IpAddr::V6(v6) => {
                        Ipv6Addr::from_bits(v6.to_bits().wrapping_add_signed(step.into())).into()
                    }
                });
            }
        }
    }
    let hidden: Vec<IpAddr> = found
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        })
        .flat_map(|v4| {
            let low = u128::from(v4.to_bits());
            [0xffff_0000_0000_u128, 0x64_ff9b_u128 << 96]
                .map(|high| Ipv6Addr::from_bits(high | low).into())
        })
        .collect();
    found.extend(hidden);
    found
}

#[test]
fn the_edges_of_every_network_are_as_the_list_says() {
    for address in edges() {
        assert_eq!(
            is_public(address),
            is_public_by_networks(address),
            "{address}"
        );
    }
}

#[test]
fn what_everybody_tries_is_not_public() {
    for text in [
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.0.1",
        "100.100.100.200",
        "255.255.255.255",
        "224.0.0.251",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:1:2:3:4:5:6",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "100::1",
    ] {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "100.63.255.255",
        "2606:4700:4700::1111",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
}

proptest! {
    #[test]
    fn any_v4_is_as_the_list_says(bits: u32) {
        let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
        prop_assert_eq!(is_public(address), is_public_by_networks(address));
    }

    #[test]
    fn any_v6_is_as_the_list_says(high in prop_oneof![any::<u16>(), 0x1f00u16..0x4100, Just(0x2001), Just(0x64)], second in prop_oneof![any::<u16>(), 0u16..0x1100, Just(0xff9b)], rest: [u16; 6]) {
        let [a, b, c, d, e, f] = rest;
        let address = IpAddr::V6(Ipv6Addr::new(high, second, a, b, c, d, e, f));
        prop_assert_eq!(is_public(address), is_public_by_networks(address));
    }
}

/// Python's `ipaddress` keeps IANA's registries by itself. What it calls global and we don't is a
/// matter of taste (relays, tunnels); what we call public it must call global.
#[test]
fn what_is_public_here_is_global_to_python() {
    use std::io::Write as _;

    #[expect(clippy::disallowed_methods, reason = "where the tests' tools are")]
    let Ok(python) = std::env::var("DEPUTY_TEST_PYTHON") else {
        eprintln!("DEPUTY_TEST_PYTHON is not set: not compared with Python");
        return;
    };
    let mut addresses = edges();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..5_000 {
        let v4 = any::<u32>().new_tree(&mut runner).unwrap().current();
        let v6 = any::<u128>().new_tree(&mut runner).unwrap().current();
        addresses.push(Ipv4Addr::from_bits(v4).into());
        addresses.push(Ipv6Addr::from_bits(v6 >> 3 | 1 << 125).into());
    }
    let public: Vec<IpAddr> = addresses.into_iter().filter(|a| is_public(*a)).collect();
    #[expect(clippy::disallowed_methods, reason = "a test's own tool")]
    let mut child = std::process::Command::new(python)
        .args(["-c", ORACLE])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let text = public
        .iter()
        .fold(String::new(), |text, a| format!("{text}{a}\n"));
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answer, format!("{} looked at\n", public.len()));
}

const ORACLE: &str = "
import ipaddress, sys
n = 0
for line in sys.stdin:
    a = ipaddress.ip_address(line.strip())
    n += 1
    if a.version == 6 and a.ipv4_mapped:
        a = a.ipv4_mapped
    if not a.is_global or a.is_multicast:
        print(a)
print(n, 'looked at')
";
