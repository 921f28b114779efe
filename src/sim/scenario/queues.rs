//! The queues of the capacity scheduler, and what they and their users may have.

use std::sync::Arc;

use crate::units::Percent;

/// A leaf queue of YARN's capacity scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpec {
    /// The name under which jobs are submitted.
    pub name: Arc<str>,
    /// The share of the cluster's memory that is its own (`capacity`); above zero.
    pub capacity: Percent,
    /// The most memory that its containers may have, as a share of the cluster (`maximum-capacity`);
    /// at least `capacity`.
    pub maximum: Percent,
    /// How many times the queue's capacity one user may have (`user-limit-factor`); above zero.
    pub user_limit_factor: f64,
}

impl QueueSpec {
    /// Whether jobs that name `queue` are submitted to it. YARN accepts the name alone and the whole path.
    pub fn has(&self, queue: &str) -> bool {
        *self.name == *queue || queue.rsplit('.').next() == Some(&self.name)
    }

    /// The most memory that one user may have, as a share of the cluster.
    pub fn user_limit(&self) -> Percent {
        Percent(self.user_limit_factor * self.capacity.get())
    }
}
