use proptest::prelude::*;

use super::*;

fn body(newline: &str, media: &[u8]) -> Bytes {
    let mut out = Vec::new();
    out.extend_from_slice(format!("--b{newline}Content-Type: application/json{newline}{newline}{{\"name\":\"x\"}}{newline}--b{newline}MIME-Version: 1.0{newline}content-type: text/markdown; charset=UTF-8{newline}Content-Transfer-Encoding: binary{newline}{newline}").as_bytes());
    out.extend_from_slice(media);
    out.extend_from_slice(format!("{newline}--b--").as_bytes());
    out.into()
}

#[test]
fn takes_both_line_ends() {
    for newline in ["\n", "\r\n"] {
        let parts = split(&body(newline, b"# Hi\n\n-- b\n"), "b").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].content_type, "application/json");
        assert_eq!(parts[0].data, Bytes::from_static(b"{\"name\":\"x\"}"));
        assert_eq!(parts[1].content_type, "text/markdown; charset=UTF-8");
        assert_eq!(parts[1].data, Bytes::from_static(b"# Hi\n\n-- b\n"));
    }
}

#[test]
fn a_cut_body_is_refused() {
    assert_eq!(
        split(&Bytes::from_static(b"--b\n\n{}\n--b\n\nxx"), "b"),
        None
    );
}

#[test]
fn base64_is_undone() {
    let whole = Bytes::from_static(
        b"--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\naGVs\nbG8=\n--b--",
    );
    assert_eq!(
        split(&whole, "b").unwrap()[0].data,
        Bytes::from_static(b"hello")
    );
}

#[test]
fn reads_boundaries() {
    assert_eq!(
        boundary("multipart/related; boundary=\"a=b\"").as_deref(),
        Some("a=b")
    );
    assert_eq!(
        boundary("multipart/related; type=x; Boundary===5==").as_deref(),
        Some("==5==")
    );
    assert_eq!(boundary("multipart/related"), None);
}

proptest! {
    #[test]
    fn media_comes_out_as_it_went_in(media in proptest::collection::vec(any::<u8>(), 0..200), crlf: bool) {
        prop_assume!(!media.windows(3).any(|w| w == b"--b"));
        let parts = split(&body(if crlf { "\r\n" } else { "\n" }, &media), "b").unwrap();
        prop_assert_eq!(&parts[1].data[..], &media[..]);
    }
}
