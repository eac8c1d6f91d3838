use super::*;

async fn all(input: &[u8], limit: usize) -> Vec<String> {
    let mut lines = Lines::new(input, limit);
    let mut out = Vec::new();
    while let Some(line) = lines.next().await {
        out.push(match line {
            Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
            Line::TooLong { head, tail } => {
                assert!(head.len() <= EDGE && tail.len() <= EDGE);
                format!(
                    "{}…{}",
                    String::from_utf8_lossy(&head[..2]),
                    String::from_utf8_lossy(&tail[tail.len() - 2..])
                )
            }
        });
    }
    out
}

#[tokio::test]
async fn gives_out_whole_lines_only() {
    assert_eq!(all(b"a\n\nbc\nhalf", 10).await, ["a", "", "bc"]);
}

#[tokio::test]
async fn a_line_over_the_limit_keeps_its_edges_and_harms_no_other() {
    let mut input = b"first\nAB".to_vec();
    input.extend(vec![b'x'; 300_000]);
    input.extend_from_slice(b"YZ\nlast\n");
    assert_eq!(all(&input, 100_000).await, ["first", "AB…YZ", "last"]);
}

#[tokio::test]
async fn an_endless_line_takes_no_memory() {
    let endless = tokio::io::AsyncReadExt::take(tokio::io::repeat(b'x'), 50_000_000);
    let mut lines = Lines::new(endless, 1_000_000);
    assert_eq!(lines.next().await, None);
    assert!(lines.line.capacity() <= 2_200_000 && lines.tail.capacity() < 1_000);
}
