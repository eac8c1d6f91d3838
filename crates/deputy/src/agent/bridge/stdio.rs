//! Standard input and output, a message a line. On threads of their own: a read that never returns must not keep the
//! program from ending.

use std::io::{self, BufRead as _, Read as _, Write as _};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The longest message, in bytes: what the server takes.
pub(super) const LONGEST: usize = 40 * 1024 * 1024;

/// How many messages may wait in either direction.
const WAITING: usize = 64;

/// What came in.
pub(super) enum Line {
    Text(Bytes),
    /// Over [`LONGEST`]; it was skipped.
    TooLong,
}

/// Begins to read standard input. Ends when it ends.
pub(super) fn read() -> io::Result<mpsc::Receiver<Line>> {
    let (sender, lines) = mpsc::channel(WAITING);
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read_from(io::stdin().lock(), &sender))?;
    Ok(lines)
}

fn read_from(mut input: impl io::BufRead, sender: &mpsc::Sender<Line>) {
    loop {
        let mut text = Vec::new();
        let most = LONGEST as u64 + 1;
        match input.by_ref().take(most).read_until(b'\n', &mut text) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = if text.len() > LONGEST {
            if text.last() != Some(&b'\n') && input.skip_until(b'\n').is_err() {
                return;
            }
            Line::TooLong
        } else {
            if text.trim_ascii().is_empty() {
                continue;
            }
            Line::Text(Bytes::from(text))
        };
        if sender.blocking_send(line).is_err() {
            return;
        }
    }
}

/// How the writer is.
pub(super) struct Written {
    closed: CancellationToken,
    done: oneshot::Receiver<()>,
}

impl Written {
    /// Waits until nobody reads what is written.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Waits until all is written, after the last sender is gone.
    pub(super) async fn done(self) {
        let _ = self.done.await;
    }
}

/// Begins to write what is sent, a line each.
pub(super) fn write() -> io::Result<(mpsc::Sender<Bytes>, Written)> {
    let (sender, mut lines) = mpsc::channel::<Bytes>(WAITING);
    let closed = CancellationToken::new();
    let (tell, done) = oneshot::channel();
    let gone = closed.clone();
    std::thread::Builder::new()
        .name("stdout".to_owned())
        .spawn(move || {
            let mut output = io::stdout().lock();
            while let Some(message) = lines.blocking_recv() {
                let line = one_line(&message);
                let written = output
                    .write_all(&line)
                    .and_then(|()| output.write_all(b"\n"))
                    .and_then(|()| output.flush());
                if written.is_err() {
                    gone.cancel();
                    return;
                }
            }
            let _ = tell.send(());
        })?;
    Ok((sender, Written { closed, done }))
}

/// A message as one line. A line's end inside of JSON is white space: in texts it is escaped.
pub(in crate::agent) fn one_line(message: &Bytes) -> Bytes {
    let message = message.slice_ref(message.trim_ascii());
    if !message.iter().any(|b| matches!(b, b'\n' | b'\r')) {
        return message;
    }
    let line = message.iter().map(|b| match b {
        b'\n' | b'\r' => b' ',
        other => *other,
    });
    line.collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Option<Bytes>> {
        let (sender, mut lines) = mpsc::channel(16);
        read_from(input, &sender);
        drop(sender);
        let mut all = Vec::new();
        while let Ok(line) = lines.try_recv() {
            all.push(match line {
                Line::Text(text) => Some(text),
                Line::TooLong => None,
            });
        }
        all
    }

    #[test]
    fn a_message_is_a_line() {
        let all = lines(b"{\"a\":1}\n\n \r\n{\"b\":2}\r\nlast");
        let texts: Vec<&[u8]> = all.iter().map(|l| l.as_deref().unwrap()).collect();
        assert_eq!(texts, [&b"{\"a\":1}\n"[..], b"{\"b\":2}\r\n", b"last"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_whole() {
        let mut input = vec![b'x'; LONGEST + 5];
        input.extend_from_slice(b"\n{}\n");
        let all = lines(&input);
        assert_eq!(all.len(), 2);
        assert!(all[0].is_none());
        assert_eq!(all[1].as_deref(), Some(&b"{}\n"[..]));
    }

    #[test]
    fn what_is_written_is_one_line() {
        let line = |text: &'static str| one_line(&Bytes::from_static(text.as_bytes()));
        assert_eq!(line("{}\n"), "{}");
        assert_eq!(line("{\n  \"a\": \"b\\n\"\r\n}"), "{   \"a\": \"b\\n\"  }");
    }
}
