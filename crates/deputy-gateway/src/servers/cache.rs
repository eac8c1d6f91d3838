//! A map that holds so many and no more: the oldest leaves first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of bounded size.
pub(super) struct Bounded<K, V> {
    most: usize,
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Bounded<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.values.get(key).cloned()
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.values.len() > self.most {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.values.remove(&oldest);
        }
    }

    pub(super) fn forget(&mut self, goes: impl Fn(&K) -> bool) {
        self.values.retain(|key, _| !goes(key));
        self.order.retain(|key| !goes(key));
    }
}
