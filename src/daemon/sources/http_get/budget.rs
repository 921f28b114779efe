//! The bytes that several answers may have together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shared by the requests of one reading. They spend it as their answers arrive, so that none waits for
/// what another one might still receive.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.left() == 0
    }

    /// The bytes that are left.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Spends so many bytes, and returns whether there were as many. If not, nothing is left.
    #[must_use]
    pub fn spend(&self, bytes: usize) -> bool {
        let spent = |left: usize| Some(left.saturating_sub(bytes));
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent)
            .is_ok_and(|left| left >= bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_spent_than_there_is() {
        let budget = Budget::new(100);
        assert!(budget.spend(70));
        assert!(budget.clone().spend(30));
        assert!(budget.is_spent());
        assert!(!budget.spend(1));
        let budget = Budget::new(100);
        assert!(!budget.spend(101));
        assert!(budget.is_spent());
    }
}
