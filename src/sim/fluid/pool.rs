//! Memory in service and memory that waits. All rates are constant between two events, so that each
//! span has a closed form: amounts of memory are linear, and waiting times are areas.

use std::collections::VecDeque;

use super::service::{Segment, Service};
use crate::sim::run::Wait;

/// A smaller share of a capacity or an amount of memory is a rounding error.
const TINY: f64 = 1e-9;

/// A shorter time is a rounding error.
const TINY_S: f64 = 1e-6;

/// The least lifetime of a container, which is about what YARN takes to start and end it. It limits
/// the number of spans between two polls.
pub(super) const LEAST_LIFETIME_S: f64 = 1.0;

/// The memory that runs on active nodes, and the queue.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub capacity_mib: f64,
    /// The memory that can start in a second; infinite for no limit.
    pub most_starts_mib_s: f64,
    pub service: Service,
    /// Seconds since the start, each weighted with the used share of the capacity.
    pub busy_s: f64,
    pub arrived_mib: f64,
    pub waits: Vec<Wait>,
    pub clock_s: f64,
    backlog: VecDeque<Waiting>,
    backlog_mib: f64,
    /// Memory that has started since the last flow began and is not a segment of `service` yet.
    starting: Option<Starting>,
}

/// Memory that arrives at a constant rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inflow {
    pub mib_per_s: f64,
    pub lifetime_s: f64,
    /// Distinguishes the parcel from others.
    pub parcel: u32,
}

impl Inflow {
    pub const NONE: Self = Self {
        mib_per_s: 0.0,
        lifetime_s: LEAST_LIFETIME_S,
        parcel: u32::MAX,
    };
}

/// A parcel, or the later part of a parcel, that did not find room.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// `None` for killed work, whose wait was counted before.
    parcel: Option<u32>,
    lifetime_s: f64,
    mass_mib: f64,
    left_mib: f64,
    /// Memory times its time of arrival, and times its time of start.
    arrivals: f64,
    starts: f64,
}

/// Memory of one parcel that has started, at once or little by little.
#[derive(Clone, Copy, Debug)]
struct Starting {
    lifetime_s: f64,
    from_s: f64,
    until_s: f64,
    mass_mib: f64,
    /// Memory times its time of start.
    moment: f64,
}

/// The rates until the next event.
#[derive(Clone, Copy, Debug)]
struct Span {
    until_s: f64,
    /// Memory that starts, in mebibytes per second, and its lifetime.
    starts: f64,
    lifetime_s: f64,
    /// Whether the inflow is added to the queue.
    queues: bool,
}

impl Pool {
    /// An empty pool without capacity.
    pub fn new() -> Self {
        Self {
            capacity_mib: 0.0,
            most_starts_mib_s: f64::INFINITY,
            service: Service::default(),
            busy_s: 0.0,
            arrived_mib: 0.0,
            waits: Vec::new(),
            clock_s: 0.0,
            backlog: VecDeque::new(),
            backlog_mib: 0.0,
            starting: None,
        }
    }

    /// The memory that waits.
    pub fn backlog_mib(&self) -> f64 {
        self.backlog_mib
    }

    /// Advances by a span of constant capacity and inflow.
    pub fn flow(&mut self, span_s: f64, inflow: Inflow) {
        self.arrived_mib += inflow.mib_per_s * span_s;
        let end_s = self.clock_s + span_s;
        self.settle();
        while self.clock_s < end_s {
            self.pass(self.span(end_s, inflow), inflow);
            self.settle();
        }
        self.flush();
    }

    /// Adds memory that arrives at once.
    pub fn add(&mut self, mass_mib: f64, lifetime_s: f64, parcel: u32) {
        self.arrived_mib += mass_mib;
        self.queue(mass_mib, self.clock_s, lifetime_s, Some(parcel));
        self.settle();
    }

    /// Adds killed work to the end of the queue; its wait is not counted again.
    pub fn requeue(&mut self, mass_mib: f64, lifetime_s: f64) {
        self.queue(mass_mib, self.clock_s, lifetime_s, None);
    }

    /// Ends the memory that is due, and starts waiting memory that has room unless starts take time.
    pub fn settle(&mut self) {
        if self
            .starting
            .is_some_and(|starting| starting.from_s + starting.lifetime_s <= self.clock_s)
        {
            self.flush();
        }
        self.service.settle(self.clock_s);
        if self.starting.is_none() && self.service.is_empty() {
            // Corrects rounding: nothing runs if nothing is left to end.
            self.service.mass_mib = 0.0;
        }
        while self.most_starts_mib_s.is_infinite()
            && let Some(&head) = self.backlog.front()
            && self.service.mass_mib < self.capacity_mib * (1.0 - TINY)
        {
            let mass_mib = head.left_mib.min(self.capacity_mib - self.service.mass_mib);
            self.start_head(mass_mib, self.clock_s);
            self.start(mass_mib, head.lifetime_s, self.clock_s, self.clock_s);
            self.service.mass_mib += mass_mib;
        }
    }

    /// The rates until the next event, and when that is.
    fn span(&self, end_s: f64, inflow: Inflow) -> Span {
        let (capacity, mass, departing) = (
            self.capacity_mib,
            self.service.mass_mib,
            self.service.departing,
        );
        let head = self.backlog.front();
        let is_full = mass >= capacity * (1.0 - TINY);
        // Without room, starts replace departures.
        let rate = if is_full {
            departing.min(self.most_starts_mib_s)
        } else {
            self.most_starts_mib_s
        };
        let full_s = |starts: f64| {
            if !is_full && starts > departing {
                (capacity - mass) / (starts - departing)
            } else {
                f64::INFINITY
            }
        };
        let (event_s, starts, lifetime_s, queues) = match head {
            // More memory runs than there is capacity: nothing starts until it fits.
            _ if mass > capacity * (1.0 + TINY) => {
                ((mass - capacity) / departing, 0.0, inflow.lifetime_s, true)
            }
            // All arriving memory has room, until the capacity is reached.
            None if inflow.mib_per_s <= rate => (
                full_s(inflow.mib_per_s),
                inflow.mib_per_s,
                inflow.lifetime_s,
                false,
            ),
            // Memory from the head of the queue starts.
            Some(head) if head.parcel != Some(inflow.parcel) => (
                (head.left_mib / rate).min(full_s(rate)),
                rate,
                head.lifetime_s,
                true,
            ),
            // The queue holds only memory of the parcel that arrives.
            _ => {
                let loss = rate - inflow.mib_per_s;
                let empty_s = if loss > 0.0 {
                    head.map_or(0.0, |head| head.left_mib) / loss
                } else {
                    f64::INFINITY
                };
                (empty_s.min(full_s(rate)), rate, inflow.lifetime_s, true)
            }
        };
        let change_s = self.next_change_s(starts, lifetime_s, end_s);
        Span {
            until_s: change_s.min(self.clock_s + event_s.max(TINY_S)),
            starts,
            lifetime_s,
            queues,
        }
    }

    /// When the rates of the service change next, at the latest at `end_s`.
    fn next_change_s(&self, starts: f64, lifetime_s: f64, end_s: f64) -> f64 {
        // Memory that starts must be a segment of `service` before its first part ends.
        let first_end_s = self.starting.map_or(f64::INFINITY, |starting| {
            starting.from_s + starting.lifetime_s
        });
        let next_end_s = if starts > 0.0 {
            self.clock_s + lifetime_s
        } else {
            f64::INFINITY
        };
        self.service
            .next_change_s()
            .min(first_end_s)
            .min(next_end_s)
            .min(end_s)
    }

    fn pass(
        &mut self,
        Span {
            until_s,
            starts,
            lifetime_s,
            queues,
        }: Span,
        inflow: Inflow,
    ) {
        let span_s = until_s - self.clock_s;
        let middle_s = (self.clock_s + until_s) / 2.0;
        let before = self.service.mass_mib;
        let came = inflow.mib_per_s * span_s;
        let mut started = starts * span_s;
        if queues {
            self.queue(came, middle_s, inflow.lifetime_s, Some(inflow.parcel));
            started = self
                .backlog
                .front()
                .map_or(0.0, |head| head.left_mib.min(started));
            self.start_head(started, middle_s);
        } else {
            self.note_wait(0.0, came, self.clock_s);
        }
        self.start(started, lifetime_s, self.clock_s, until_s);
        self.service.mass_mib = (before + started - self.service.departing * span_s).max(0.0);
        self.clock_s = until_s;
        if self.capacity_mib > 0.0 {
            let share = (before + self.service.mass_mib) / 2.0 / self.capacity_mib;
            self.busy_s += share.min(1.0) * span_s;
        }
    }

    /// Notes memory that starts evenly between two instants.
    fn start(&mut self, mass_mib: f64, lifetime_s: f64, from_s: f64, until_s: f64) {
        if mass_mib <= 0.0 {
            return;
        }
        let moment = mass_mib * (from_s + until_s) / 2.0;
        match &mut self.starting {
            Some(starting) if starting.lifetime_s == lifetime_s => {
                starting.until_s = until_s;
                starting.mass_mib += mass_mib;
                starting.moment += moment;
            }
            _ => {
                self.flush();
                self.starting = Some(Starting {
                    lifetime_s,
                    from_s,
                    until_s,
                    mass_mib,
                    moment,
                });
            }
        }
    }

    /// Adds memory that has started to `service`. It ends around one lifetime after the middle of its
    /// start, spread over no longer than it started.
    fn flush(&mut self) {
        let Some(Starting {
            lifetime_s,
            from_s,
            until_s,
            mass_mib,
            moment,
        }) = self.starting.take()
        else {
            return;
        };
        let middle_s = moment / mass_mib;
        let widest_s = (middle_s - from_s).min(until_s - middle_s);
        let half_s = if widest_s > TINY_S { widest_s } else { 0.0 };
        let ends_s = middle_s + lifetime_s;
        self.service.push(Segment {
            from_s: ends_s - half_s,
            until_s: ends_s + half_s,
            mass_mib,
            lifetime_s,
        });
    }

    /// Adds memory that arrived around an instant to the end of the queue.
    fn queue(&mut self, mass_mib: f64, at_s: f64, lifetime_s: f64, parcel: Option<u32>) {
        if mass_mib <= 0.0 {
            return;
        }
        self.backlog_mib += mass_mib;
        match self.backlog.back_mut() {
            Some(last) if parcel.is_some() && last.parcel == parcel => {
                last.mass_mib += mass_mib;
                last.left_mib += mass_mib;
                last.arrivals += mass_mib * at_s;
            }
            _ => {
                self.backlog.push_back(Waiting {
                    parcel,
                    lifetime_s,
                    mass_mib,
                    left_mib: mass_mib,
                    arrivals: mass_mib * at_s,
                    starts: 0.0,
                });
            }
        }
    }

    /// Starts memory from the head of the queue around an instant.
    fn start_head(&mut self, mass_mib: f64, at_s: f64) {
        let Some(head) = self.backlog.front_mut().filter(|_| mass_mib > 0.0) else {
            return;
        };
        head.starts += mass_mib * at_s;
        head.left_mib -= mass_mib;
        self.backlog_mib -= mass_mib;
        if head.left_mib <= TINY * head.mass_mib {
            let head = *head;
            self.backlog_mib -= head.left_mib;
            self.backlog.pop_front();
            if self.backlog.is_empty() {
                self.backlog_mib = 0.0;
            }
            if head.parcel.is_some() {
                let arrived_s = head.arrivals / head.mass_mib;
                self.note_wait(
                    ((head.starts - head.arrivals) / head.mass_mib).max(0.0),
                    head.mass_mib,
                    arrived_s,
                );
            }
        }
    }

    /// Notes a wait. Consecutive waits of equal length are merged if they began in the same hour.
    fn note_wait(&mut self, seconds: f64, weight: f64, since_s: f64) {
        let hour = |since_s: f64| (since_s / 3_600.0) as u64;
        match self.waits.last_mut() {
            _ if weight <= 0.0 => {}
            Some(last) if last.seconds == seconds && hour(last.since_s) == hour(since_s) => {
                last.weight += weight
            }
            _ => self.waits.push(Wait {
                seconds,
                weight,
                since_s,
            }),
        }
    }

    /// The memory-time of the work that waits, in mebibyte-seconds.
    #[cfg(test)]
    pub fn backlog_work(&self) -> f64 {
        self.backlog
            .iter()
            .map(|waiting| waiting.left_mib * waiting.lifetime_s)
            .sum()
    }
}
