//! The queues of the capacity scheduler, and what they and their users may have.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;

use super::Scheduler;
use super::parse::refuse;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::yaml::At;
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

/// A queue as the file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQueue {
    name: String,
    capacity_percent: f64,
    #[serde(default = "whole_cluster")]
    maximum_capacity_percent: f64,
    #[serde(default = "once")]
    user_limit_factor: f64,
}

/// YARN's default.
const fn whole_cluster() -> f64 {
    100.0
}

/// YARN's default.
const fn once() -> f64 {
    1.0
}

/// Checks the queues as YARN would.
pub(super) fn check_queues(
    raw: At<Vec<At<RawQueue>>>,
    scheduler: Scheduler,
) -> Result<Vec<QueueSpec>, Diagnostic> {
    if scheduler != Scheduler::Capacity {
        let problem =
            "they are queues of the capacity scheduler; set `scheduler: capacity`, or remove them";
        return refuse(&raw.span, "queues", problem);
    }
    let mut queues: Vec<QueueSpec> = Vec::with_capacity(raw.value.len());
    for At { value, span } in raw.value {
        let queue = value.check(&span)?;
        if queues.iter().any(|other| other.name == queue.name) {
            let problem = format_args!("there is another queue `{}`; name it once", queue.name);
            return refuse(&span, "name", problem);
        }
        queues.push(queue);
    }
    let capacities = queues.iter().map(|queue| queue.capacity.get());
    let total = capacities.fold(0.0, std::ops::Add::add);
    if (total - 100.0).abs() > 0.01 {
        let problem = format_args!(
            "the capacities add up to {total}%; YARN needs exactly 100%, so correct one or add a queue"
        );
        return refuse(&raw.span, "queues", problem);
    }
    Ok(queues)
}

impl RawQueue {
    fn check(self, place: &Range<usize>) -> Result<QueueSpec, Diagnostic> {
        if self.name.is_empty() {
            return refuse(place, "name", "it is empty; set the name of the leaf queue");
        }
        let (capacity, maximum) = (self.capacity_percent, self.maximum_capacity_percent);
        if !(capacity > 0.0 && capacity <= 100.0) {
            let problem = format_args!("{capacity} is no share; set it above 0 and at most 100");
            return refuse(place, "capacity_percent", problem);
        }
        if !(maximum >= capacity && maximum <= 100.0) {
            let problem = format_args!(
                "{maximum} is not between the queue's capacity of {capacity} and 100; correct one of them"
            );
            return refuse(place, "maximum_capacity_percent", problem);
        }
        let factor = self.user_limit_factor;
        if !(factor > 0.0 && factor <= 1e6) {
            let problem = format_args!("{factor} is no factor; set it above 0, such as 1");
            return refuse(place, "user_limit_factor", problem);
        }
        Ok(QueueSpec {
            name: self.name.into(),
            capacity: Percent(capacity),
            maximum: Percent(maximum),
            user_limit_factor: factor,
        })
    }
}
