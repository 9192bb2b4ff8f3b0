//! A memory that forgets.

use std::collections::{HashMap, VecDeque};

/// A map of hashes of which the oldest leaves when a new one finds no room. Empty, it takes
/// no memory.
#[derive(Debug)]
pub(super) struct Memory<V> {
    capacity: usize,
    entries: HashMap<u64, V>,
    /// The keys of `entries`, oldest first.
    order: VecDeque<u64>,
}

impl<V> Memory<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        self.entries.get(&key)
    }

    pub(super) fn insert(&mut self, key: u64, value: V) {
        if self.entries.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.order.len());
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut memory = Memory::new(2);
        memory.insert(1, 'a');
        memory.insert(2, 'b');
        memory.insert(1, 'c');
        assert_eq!(memory.get(1), Some(&'c'));
        memory.insert(3, 'd');
        assert_eq!(memory.get(1), None);
        assert_eq!((memory.get(2), memory.get(3)), (Some(&'b'), Some(&'d')));
        assert_eq!(memory.len(), 2);
    }
}
