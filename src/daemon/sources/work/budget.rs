//! The bytes that one reading may still receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shared by the requests of one reading.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Sets up to `most` bytes aside for an answer, and returns how many.
    pub fn take(&self, most: usize) -> usize {
        let taken = |left: usize| left.min(most);
        let update = |left| Some(left - taken(left));
        match self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update)
        {
            Ok(left) | Err(left) => taken(left),
        }
    }

    /// Gives back what an answer did not need.
    pub fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let budget = Budget::new(100);
        assert_eq!(budget.take(70), 70);
        assert_eq!(budget.take(70), 30);
        assert!(budget.is_spent());
        budget.give_back(20);
        assert_eq!(budget.take(70), 20);
    }
}
