//! A map that holds so many values, of so many bytes, and no more: the oldest leaves first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of bounded size.
pub(super) struct Bounded<K, V> {
    most: usize,
    most_bytes: usize,
    bytes: usize,
    values: HashMap<K, (V, usize)>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Bounded<K, V> {
    /// Of at most `most` values, which have at most `most_bytes` together.
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            bytes: 0,
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.values.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value of so many bytes. One that is too large for all of it is not kept.
    pub(super) fn put(&mut self, key: K, value: V, bytes: usize) {
        self.bytes += bytes;
        match self.values.insert(key.clone(), (value, bytes)) {
            None => self.order.push_back(key),
            Some((_, before)) => self.bytes -= before,
        }
        while self.values.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some((_, gone)) = self.values.remove(&oldest) {
                self.bytes -= gone;
            }
        }
    }

    pub(super) fn forget(&mut self, goes: impl Fn(&K) -> bool) {
        let mut gone = 0;
        self.values.retain(|key, (_, bytes)| {
            let goes = goes(key);
            gone += if goes { *bytes } else { 0 };
            !goes
        });
        self.bytes -= gone;
        self.order.retain(|key| !goes(key));
    }
}

#[cfg(test)]
mod tests;
