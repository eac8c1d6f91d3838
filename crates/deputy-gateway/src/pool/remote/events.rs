//! Server-sent events (WHATWG HTML, section 9.2) out of an answer that nobody vouches for.

use std::time::Duration;

use reqwest::Response;

/// The longest id of an event that is kept, in bytes.
const LONGEST_ID: usize = 1024;

/// What can be wrong with a stream.
#[derive(Debug)]
pub(in crate::pool) enum Broken {
    /// The connection broke.
    Connection,
    /// An event is over the limit.
    TooLong,
}

/// A stream of events.
pub(in crate::pool) struct Events {
    response: Response,
    buffer: Vec<u8>,
    /// How much of `buffer` is done with, and how far it was searched for a line's end.
    done: usize,
    searched: usize,
    data: String,
    has_data: bool,
    event: String,
    limit: usize,
    /// The id of the last event that had one.
    pub(in crate::pool) last_id: Option<String>,
    /// What the server wants to be waited before the stream is taken up again.
    pub(in crate::pool) retry: Option<Duration>,
}

/// One event.
pub(in crate::pool) struct Event {
    /// Its type; empty for none.
    pub(in crate::pool) name: String,
    /// Its data.
    pub(in crate::pool) data: String,
}

impl Events {
    /// Of `response`, where no event may be longer than `limit` bytes.
    pub(in crate::pool) fn new(response: Response, limit: usize) -> Self {
        Self {
            response,
            buffer: Vec::new(),
            done: 0,
            searched: 0,
            data: String::new(),
            has_data: false,
            event: String::new(),
            limit,
            last_id: None,
            retry: None,
        }
    }

    /// The next event; nothing at the end.
    pub(in crate::pool) async fn next(&mut self) -> Result<Option<Event>, Broken> {
        loop {
            while let Some(line) = self.line() {
                if line.is_empty() {
                    let event = Event {
                        name: std::mem::take(&mut self.event),
                        data: std::mem::take(&mut self.data),
                    };
                    if std::mem::take(&mut self.has_data) {
                        return Ok(Some(event));
                    }
                } else {
                    self.field(&line);
                }
            }
            if self.data.len() + self.buffer.len() - self.done > self.limit {
                return Err(Broken::TooLong);
            }
            self.buffer.drain(..self.done);
            self.searched -= self.done;
            self.done = 0;
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                // half an event is none
                Ok(None) => return Ok(None),
                Err(_) => return Err(Broken::Connection),
            }
        }
    }

    /// The next whole line, without its end.
    fn line(&mut self) -> Option<String> {
        let end = self.buffer[self.searched..]
            .iter()
            .position(|b| *b == b'\n');
        let Some(end) = end.map(|at| at + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = &self.buffer[self.done..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        let line = String::from_utf8_lossy(line).into_owned();
        self.done = end + 1;
        self.searched = self.done;
        Some(line)
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event),
            "id" if value.len() <= LONGEST_ID && !value.contains('\0') => {
                self.last_id = Some(value.to_owned()).filter(|id| !id.is_empty());
            }
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis),
            // a comment (nothing before the colon), or nothing known
            _ => {}
        }
    }
}
