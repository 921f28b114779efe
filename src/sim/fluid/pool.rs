//! Memory in service and memory that waits. All rates are constant between two events, so that each
//! span has a closed form: masses are linear, waiting times are areas.

use std::collections::VecDeque;

use super::service::{Segment, Service};
use crate::sim::run::Wait;

/// Shares of a mass or a capacity that are rounding errors.
const TINY: f64 = 1e-9;

/// Seconds that are rounding errors.
const TINY_S: f64 = 1e-6;

/// No container lives shorter: YARN takes as long to start and end one. It bounds the steps that a
/// poll is cut into.
pub(super) const LEAST_LIFETIME_S: f64 = 1.0;

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub capacity_mib: f64,
    /// What can start in a second; without bound where it is infinite.
    pub most_starts_mib_s: f64,
    pub service: Service,
    /// Time since the start, weighted with the used share of the capacity.
    pub busy_s: f64,
    pub arrived_mib: f64,
    pub waits: Vec<Wait>,
    pub clock_s: f64,
    backlog: VecDeque<Waiting>,
    backlog_mib: f64,
    /// What has started since the last flow began and is not yet in `service` as a segment.
    starting: Option<Starting>,
}

/// Memory that arrives at a constant rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inflow {
    pub mib_per_s: f64,
    pub lifetime_s: f64,
    /// Tells one parcel from the next.
    pub parcel: u32,
}

impl Inflow {
    pub const NONE: Self = Self {
        mib_per_s: 0.0,
        lifetime_s: LEAST_LIFETIME_S,
        parcel: u32::MAX,
    };
}

/// A parcel, or the later part of one, that did not find room.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// `None` for killed work, whose waiting has been counted.
    parcel: Option<u32>,
    lifetime_s: f64,
    mass_mib: f64,
    left_mib: f64,
    /// Mass times its time of arrival, and of start.
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
    /// Mass times its time of start.
    moment: f64,
}

/// What happens until an instant.
#[derive(Clone, Copy, Debug)]
struct Span {
    until_s: f64,
    /// Starts, in mebibytes per second, and the lifetime of what starts.
    starts: f64,
    lifetime_s: f64,
    /// The inflow goes into the queue.
    queues: bool,
}

impl Pool {
    /// Empty, without room.
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

    pub fn backlog_mib(&self) -> f64 {
        self.backlog_mib
    }

    /// Lets time pass with constant capacity.
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

    /// Adds memory that comes at once.
    pub fn add(&mut self, mass_mib: f64, lifetime_s: f64, parcel: u32) {
        self.arrived_mib += mass_mib;
        self.queue(mass_mib, self.clock_s, lifetime_s, Some(parcel));
        self.settle();
    }

    /// Killed work waits behind everything else; its waiting is no longer counted.
    pub fn requeue(&mut self, mass_mib: f64, lifetime_s: f64) {
        self.queue(mass_mib, self.clock_s, lifetime_s, None);
    }

    /// Lets end what is due, and starts at once what finds room, unless starting takes time.
    pub fn settle(&mut self) {
        if self
            .starting
            .is_some_and(|starting| starting.from_s + starting.lifetime_s <= self.clock_s)
        {
            self.flush();
        }
        self.service.settle(self.clock_s);
        if self.starting.is_none() && self.service.is_empty() {
            // Nothing runs when nothing is left to end, whatever rounding says.
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

    /// What happens until the next event, and when that is.
    fn span(&self, end_s: f64, inflow: Inflow) -> Span {
        let (capacity, mass, departing) = (
            self.capacity_mib,
            self.service.mass_mib,
            self.service.departing,
        );
        let head = self.backlog.front();
        let is_full = mass >= capacity * (1.0 - TINY);
        // Where there is no more room, starts replace departures.
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
            // More runs than there is room for: nothing starts until it fits.
            _ if mass > capacity * (1.0 + TINY) => {
                ((mass - capacity) / departing, 0.0, inflow.lifetime_s, true)
            }
            // Room for all that arrives, until the capacity is reached.
            None if inflow.mib_per_s <= rate => (
                full_s(inflow.mib_per_s),
                inflow.mib_per_s,
                inflow.lifetime_s,
                false,
            ),
            // From the head of the queue.
            Some(head) if head.parcel != Some(inflow.parcel) => (
                (head.left_mib / rate).min(full_s(rate)),
                rate,
                head.lifetime_s,
                true,
            ),
            // The queue holds only what arrives now.
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
        // What starts must be in service as a segment before its first part ends.
        let first_end_s = self.starting.map_or(f64::INFINITY, |starting| {
            starting.from_s + starting.lifetime_s
        });
        let next_end_s = if starts > 0.0 {
            self.clock_s + lifetime_s
        } else {
            f64::INFINITY
        };
        let change_s = self
            .service
            .next_change_s()
            .min(first_end_s)
            .min(next_end_s)
            .min(end_s);
        Span {
            until_s: change_s.min(self.clock_s + event_s.max(TINY_S)),
            starts,
            lifetime_s,
            queues,
        }
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

    /// Notes what starts evenly between two instants.
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

    /// Puts what has started into service: it ends around one lifetime after the middle of its
    /// start, no more spread than it started.
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

    /// Adds to the end of the queue memory that arrived around an instant.
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

    /// So much of the head of the queue starts around an instant.
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

    /// Neighbours that waited equally long are one, unless they came in different hours.
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

    /// The work that waits, in mebibyte-seconds.
    #[cfg(test)]
    pub fn backlog_work(&self) -> f64 {
        self.backlog
            .iter()
            .map(|waiting| waiting.left_mib * waiting.lifetime_s)
            .sum()
    }
}
