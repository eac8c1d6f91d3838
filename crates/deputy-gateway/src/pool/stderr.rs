//! The last that a server printed: often the only hint at what is wrong with it. Bounded, because some
//! servers print without end. Here is known, too, what of it and of the server's other words nobody is shown.

use std::collections::VecDeque;

use deputy_core::Secret;
use parking_lot::Mutex;

use super::masks::Masks;

/// How much of it an error carries, in bytes.
const TAIL_BYTES: usize = 2048;
/// How many secrets that came later are kept from being shown.
const LATER: usize = 8;

/// A ring of the last bytes.
pub(super) struct StderrRing {
    bytes: Mutex<VecDeque<u8>>,
    capacity: usize,
    secrets: Masks,
    /// Those that came later, the newest last.
    later: Mutex<VecDeque<Masks>>,
}

impl StderrRing {
    /// A ring of `capacity` bytes that shows none of `secrets`.
    pub(super) fn new(capacity: usize, secrets: &[Secret<String>]) -> Self {
        Self {
            bytes: Mutex::new(VecDeque::new()),
            capacity,
            secrets: Masks::of(secrets),
            later: Mutex::default(),
        }
    }

    /// Shows this one neither, from now on; the last of those that came this way.
    pub(super) fn hide(&self, secret: &Secret<String>) {
        let mut later = self.later.lock();
        if later.iter().any(|known| known.is_of(secret)) {
            return;
        }
        later.push_back(Masks::of(std::slice::from_ref(secret)));
        if later.len() > LATER {
            later.pop_front();
        }
    }

    /// Cuts every secret out of `text`.
    pub(super) fn cut(&self, text: &mut String) {
        self.secrets.cut(text);
        for masks in self.later.lock().iter() {
            masks.cut(text);
        }
    }

    /// Takes `chunk` in, forgetting the oldest.
    pub(super) fn push(&self, chunk: &[u8]) {
        let chunk = &chunk[chunk.len().saturating_sub(self.capacity)..];
        let mut bytes = self.bytes.lock();
        let excess = (bytes.len() + chunk.len()).saturating_sub(self.capacity);
        bytes.drain(..excess);
        bytes.extend(chunk);
    }

    /// The last whole lines, without control characters, with every secret cut out.
    pub(super) fn tail(&self) -> String {
        let all: Vec<u8> = self.bytes.lock().iter().copied().collect();
        let mut text = String::from_utf8_lossy(&all).into_owned();
        // before shortening, so that no part of a secret is left at the edge
        self.cut(&mut text);
        let mut from = text.len().saturating_sub(TAIL_BYTES);
        if from > 0 {
            while !text.is_char_boundary(from) {
                from += 1;
            }
            from = text[from..]
                .find('\n')
                .map_or(from, |newline| from + newline + 1);
        } else if all.len() == self.capacity {
            from = text.find('\n').map_or(0, |newline| newline + 1);
        }
        text[from..]
            .trim()
            .chars()
            .filter(|c| *c == '\n' || !c.is_control())
            .collect()
    }
}

#[cfg(test)]
mod tests;
