//! Checks the queues of a scenario file.

use std::ops::Range;

use super::Scheduler;
use super::queues::QueueSpec;
use super::raw::RawQueue;
use super::refuse::refuse;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::yaml::At;
use crate::units::Percent;

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
    if (total - 100.0).abs() > 0.05 {
        let problem = format_args!(
            "the capacities add up to {total}%; YARN needs 100%, so correct one or add a queue"
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
