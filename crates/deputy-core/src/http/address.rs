//! Which addresses are of the public internet.
//!
//! Written as what is *not* public, after IANA's special-purpose registries (RFC 6890 and its
//! updates). For IPv6 the other way round: only 2000::/3 is in use, so what lies outside is refused
//! without a list that could be short of something. The standard library's `is_global` is not
//! stable yet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is of the public internet. An IPv4 address that hides in an IPv6 one (mapped,
/// or NAT64's well-known prefix) counts as itself; the old tunnels (6to4, Teredo) are refused
/// whatever they hold.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)      // this network, private, loopback, multicast and reserved
            | (100, 64..=127, _)         // shared by a provider's customers
            | (169, 254, _)              // link-local, the clouds' metadata
            | (172, 16..=31, _)          // private
            | (192, 0, 0 | 2)            // protocol assignments, documentation
            | (192, 88, 99)              // 6to4 relays
            | (192, 168, _)              // private
            | (198, 18 | 19, _)          // measurements
            | (198, 51, 100)             // documentation
            | (203, 0, 113) // documentation
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        let inner = u32::from(high) << 16 | u32::from(low);
        return is_public_v4(Ipv4Addr::from_bits(inner));
    }
    let [first, second, ..] = address.segments();
    match (first, second) {
        // 2001::/23: Teredo and other protocol assignments; 2001:db8::/32 and 3fff::/20:
        // documentation; 2002::/16: 6to4.
        (0x2001, 0x0000..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0x0000..=0x0fff) => false,
        (first, _) => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
