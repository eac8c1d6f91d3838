use super::base32hex;

#[test]
fn base32hex_is_that_of_rfc_4648() {
    // Section 10, without padding and in lower case.
    for (plain, coded) in [
        ("", ""),
        ("f", "co"),
        ("fo", "cpng"),
        ("foo", "cpnmu"),
        ("foob", "cpnmuog"),
        ("fooba", "cpnmuoj1"),
        ("foobar", "cpnmuoj1e8"),
    ] {
        assert_eq!(base32hex(plain.as_bytes()), coded);
    }
    assert_eq!(base32hex(&[0xff; 32]).len(), 52);
}
