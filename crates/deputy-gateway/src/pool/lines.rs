//! Lines out of a byte stream that nobody vouches for: of bounded length, whatever comes.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// How much is kept of both ends of a line that is too long.
const EDGE: usize = 128;

/// A line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It was longer than the limit.
    TooLong {
        /// How it began.
        head: &'a [u8],
        /// How it ended.
        tail: &'a [u8],
    },
}

/// A reader of lines.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    tail: Vec<u8>,
    limit: usize,
    too_long: bool,
    done: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads lines of up to `limit` bytes.
    pub(super) fn new(reader: R, limit: usize) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, reader);
        Self {
            reader,
            line: Vec::new(),
            tail: Vec::new(),
            limit,
            too_long: false,
            done: false,
        }
    }

    /// The next line; nothing at the end of the stream or when it fails. A last line without a line break
    /// is half a message and not given out. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Line<'_>> {
        if self.done {
            self.done = false;
            self.too_long = false;
            self.line.clear();
            self.tail.clear();
            // one huge answer should not be paid for until the process ends
            self.line.shrink_to(1024 * 1024);
        }
        loop {
            let chunk = self.reader.fill_buf().await.ok()?;
            if chunk.is_empty() {
                return None;
            }
            let newline = chunk.iter().position(|b| *b == b'\n');
            let part = &chunk[..newline.unwrap_or(chunk.len())];
            if !self.too_long && self.line.len() + part.len() > self.limit {
                self.too_long = true;
                let start = self.line.len().saturating_sub(EDGE);
                self.tail.extend_from_slice(&self.line[start..]);
                self.line.truncate(EDGE);
                if self.line.len() < EDGE {
                    let missing = EDGE - self.line.len();
                    self.line
                        .extend_from_slice(&part[..missing.min(part.len())]);
                }
            }
            if self.too_long {
                self.tail
                    .extend_from_slice(&part[part.len().saturating_sub(EDGE)..]);
                let excess = self.tail.len().saturating_sub(EDGE);
                self.tail.drain(..excess);
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if newline.is_some() {
                self.done = true;
                break;
            }
        }
        Some(if self.too_long {
            Line::TooLong {
                head: &self.line,
                tail: &self.tail,
            }
        } else {
            Line::Whole(&self.line)
        })
    }
}

#[cfg(test)]
mod tests;
