//! Memory in service and memory that waits.
//!
//! While a span passes, what is in service and what starts are taken together as one mass of one mean lifetime `T`; what departs takes
//! `T` of work per unit with it. Work is conserved by this account, whatever the span.

use std::collections::VecDeque;

use crate::sim::run::Wait;

/// Shares of a capacity, or of a second, that are taken for nothing.
const TINY: f64 = 1e-9;

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub capacity_mib: f64,
    pub mass_mib: f64,
    /// Mean lifetime of what is in service.
    pub lifetime_s: f64,
    /// Time since the start, weighted with the used share of the capacity.
    pub busy_s: f64,
    pub arrived_mib: f64,
    pub waits: Vec<Wait>,
    backlog: VecDeque<Waiting>,
    backlog_mib: f64,
    clock_s: f64,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            capacity_mib: 0.0,
            mass_mib: 0.0,
            lifetime_s: 1.0,
            busy_s: 0.0,
            arrived_mib: 0.0,
            waits: Vec::new(),
            backlog: VecDeque::new(),
            backlog_mib: 0.0,
            clock_s: 0.0,
        }
    }
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
    pub fn none() -> Self {
        Self { mib_per_s: 0.0, lifetime_s: 1.0, parcel: u32::MAX }
    }
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

impl Pool {
    pub fn backlog_mib(&self) -> f64 {
        self.backlog_mib
    }

    /// Lets time pass with constant capacity.
    pub fn flow(&mut self, span_s: f64, inflow: Inflow) {
        self.arrived_mib += inflow.mib_per_s * span_s;
        self.fill();
        let mut left_s = span_s;
        while left_s > TINY * span_s {
            let passed_s = if self.mass_mib > self.capacity_mib * (1.0 + TINY) {
                self.shrink(left_s, inflow)
            } else if self.backlog_mib <= 0.0 {
                self.flow_freely(left_s, inflow).unwrap_or_else(|| self.flow_full(left_s, inflow))
            } else {
                self.flow_full(left_s, inflow)
            };
            left_s -= passed_s;
        }
    }

    /// Adds memory that comes at once.
    pub fn add(&mut self, mass_mib: f64, lifetime_s: f64, parcel: u32) {
        self.arrived_mib += mass_mib;
        self.queue(mass_mib, self.clock_s, lifetime_s, Some(parcel));
        self.fill();
    }

    /// Killed work waits behind everything else; its waiting is no longer counted.
    pub fn requeue(&mut self, mass_mib: f64, lifetime_s: f64) {
        self.queue(mass_mib, self.clock_s, lifetime_s, None);
    }

    /// Memory already in service goes on here.
    pub fn put_back(&mut self, mass_mib: f64, lifetime_s: f64) {
        self.mix(mass_mib, lifetime_s);
    }

    /// Takes out a share of what is in service; yields it with its mean lifetime.
    pub fn split(&mut self, share: f64) -> (f64, f64) {
        let mass_mib = self.mass_mib * share;
        self.mass_mib -= mass_mib;
        (mass_mib, self.lifetime_s)
    }

    /// Starts at once what finds room.
    pub fn fill(&mut self) {
        while let Some(&head) = self.backlog.front()
            && self.mass_mib < self.capacity_mib
        {
            let mass_mib = head.left_mib.min(self.capacity_mib - self.mass_mib);
            self.mix(mass_mib, head.lifetime_s);
            self.start_head(mass_mib, self.clock_s);
        }
    }

    /// No backlog, and room for all that arrives: `None` when there is none from the first moment on. Ends early when the capacity is reached.
    ///
    /// With `T` the mean lifetime, `dS/dt = a - S/T` has the solution `S(t) = aT + (S - aT) exp(-t/T)`.
    fn flow_freely(&mut self, left_s: f64, inflow: Inflow) -> Option<f64> {
        let (capacity, rate) = (self.capacity_mib, inflow.mib_per_s);
        let mass_after = |span_s: f64| {
            let lifetime_s = self.mixed_lifetime_s(rate * span_s, inflow.lifetime_s);
            let target = rate * lifetime_s;
            target + (self.mass_mib - target) * (-span_s / lifetime_s).exp()
        };
        let (mut span_s, mut after) = (left_s, mass_after(left_s));
        if after > capacity {
            if self.mass_mib >= capacity * (1.0 - TINY) {
                return None;
            }
            // The capacity is reached on the way; the mean lifetime until then depends on when, hence the second round.
            let least_s = (capacity - self.mass_mib) / rate;
            for _ in 0..2 {
                let lifetime_s = self.mixed_lifetime_s(rate * span_s, inflow.lifetime_s);
                let target = rate * lifetime_s;
                if target > capacity {
                    span_s = (lifetime_s * ((target - self.mass_mib) / (target - capacity)).ln()).clamp(least_s, left_s);
                }
            }
            after = capacity;
        }
        self.lifetime_s = self.mixed_lifetime_s(rate * span_s, inflow.lifetime_s);
        let departed = self.mass_mib + rate * span_s - after;
        self.pass(span_s, departed * self.lifetime_s);
        self.mass_mib = if after < TINY { 0.0 } else { after };
        self.note_wait(0.0, rate * span_s);
        Some(span_s)
    }

    /// Everything is taken: starts replace departures, first come, first served. Ends early when the head of the queue has started.
    fn flow_full(&mut self, left_s: f64, inflow: Inflow) -> f64 {
        let head = self.backlog.front().copied();
        let grows = |waiting: &Waiting| inflow.mib_per_s > 0.0 && waiting.parcel == Some(inflow.parcel);
        let (span_s, mass_mib, lifetime_s) = match head {
            Some(head) if !grows(&head) => {
                let mass_mib = self.starts_within(left_s, head.lifetime_s).min(head.left_mib);
                let span_s = if mass_mib < head.left_mib { left_s } else { self.time_to_start(mass_mib, head.lifetime_s).min(left_s) };
                (span_s, mass_mib, head.lifetime_s)
            }
            _ => {
                let waiting = head.map_or(0.0, |head| head.left_mib);
                let (span_s, mass_mib) = self.race(left_s, waiting, inflow);
                (span_s, mass_mib, inflow.lifetime_s)
            }
        };
        self.queue_inflow(span_s, inflow);
        self.mass_mib = self.capacity_mib;
        self.lifetime_s = self.mixed_lifetime_s(mass_mib, lifetime_s);
        let middle_s = self.clock_s + span_s / 2.0;
        if mass_mib > 0.0 {
            self.start_head(mass_mib, middle_s);
        }
        self.pass(span_s, mass_mib * self.lifetime_s);
        span_s
    }

    /// More is in service than there is room for: it ends, and nothing starts, until the capacity is reached.
    fn shrink(&mut self, left_s: f64, inflow: Inflow) -> f64 {
        let reached_s = if self.capacity_mib > 0.0 { self.lifetime_s * (self.mass_mib / self.capacity_mib).ln() } else { f64::INFINITY };
        let span_s = reached_s.min(left_s).max(TINY * left_s);
        let after = if reached_s <= left_s { self.capacity_mib } else { self.mass_mib * (-span_s / self.lifetime_s).exp() };
        self.queue_inflow(span_s, inflow);
        self.pass(span_s, (self.mass_mib - after) * self.lifetime_s);
        self.mass_mib = if after < TINY { 0.0 } else { after };
        span_s
    }

    /// How much of one lifetime can start within a time at full capacity `C`: with the mean lifetime `(C T + x t)/(C + x)` of what is in service and
    /// what starts, `x` starts take `x (C T + x t)/(C (C + x))`.
    fn starts_within(&self, span_s: f64, lifetime_s: f64) -> f64 {
        let capacity = self.capacity_mib;
        if capacity <= 0.0 {
            return 0.0;
        }
        // In units of the capacity: t x^2 + (T - h) x - h = 0.
        let half = (span_s - self.lifetime_s) / 2.0;
        let root = (half * half + lifetime_s * span_s).sqrt();
        // The form without cancellation.
        let share = if half >= 0.0 { (half + root) / lifetime_s } else { span_s / (root - half) };
        capacity * share
    }

    fn time_to_start(&self, mass_mib: f64, lifetime_s: f64) -> f64 {
        mass_mib * self.mixed_lifetime_s_at(self.capacity_mib, mass_mib, lifetime_s) / self.capacity_mib
    }

    /// The queue holds only the parcel that arrives now, `waiting` of it so far. Yields until when it lasts, at most `left_s`, and how much starts.
    fn race(&self, left_s: f64, waiting: f64, inflow: Inflow) -> (f64, f64) {
        let (capacity, rate) = (self.capacity_mib, inflow.mib_per_s);
        let startable = self.starts_within(left_s, inflow.lifetime_s);
        let there = waiting + rate * left_s;
        if startable <= there {
            return (left_s, startable);
        }
        // The queue is empty when all that waited and has come meanwhile has started; in units of the capacity, with r = rate:
        // (1 - r t) x^2 + (1 - q - r T) x - q = 0.
        let (share, rate) = (waiting / capacity, rate / capacity);
        let (square, linear) = (1.0 - rate * inflow.lifetime_s, 1.0 - share - rate * self.lifetime_s);
        let root = (linear * linear + 4.0 * square * share).max(0.0).sqrt();
        let starts = capacity * if linear >= 0.0 { 2.0 * share / (linear + root) } else { (root - linear) / (2.0 * square) };
        let span_s = self.time_to_start(starts, inflow.lifetime_s);
        // Where the queue would end at once, or never, it is let run through the whole time.
        if span_s > TINY * left_s && span_s <= left_s { (span_s, starts) } else { (left_s, there) }
    }

    fn queue_inflow(&mut self, span_s: f64, inflow: Inflow) {
        self.queue(inflow.mib_per_s * span_s, self.clock_s + span_s / 2.0, inflow.lifetime_s, Some(inflow.parcel));
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
                self.backlog.push_back(Waiting { parcel, lifetime_s, mass_mib, left_mib: mass_mib, arrivals: mass_mib * at_s, starts: 0.0 })
            }
        }
    }

    /// So much of the head of the queue starts around an instant.
    fn start_head(&mut self, mass_mib: f64, at_s: f64) {
        let Some(head) = self.backlog.front_mut() else { return };
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
                self.note_wait(((head.starts - head.arrivals) / head.mass_mib).max(0.0), head.mass_mib);
            }
        }
    }

    /// Neighbours that waited equally long are one.
    fn note_wait(&mut self, seconds: f64, weight: f64) {
        match self.waits.last_mut() {
            _ if weight <= 0.0 => {}
            Some(last) if last.seconds == seconds => last.weight += weight,
            _ => self.waits.push(Wait { seconds, weight }),
        }
    }

    fn pass(&mut self, span_s: f64, served_mib_s: f64) {
        self.clock_s += span_s;
        if self.capacity_mib > 0.0 {
            self.busy_s += (served_mib_s / self.capacity_mib).min(span_s);
        }
    }

    fn mix(&mut self, mass_mib: f64, lifetime_s: f64) {
        self.lifetime_s = self.mixed_lifetime_s(mass_mib, lifetime_s);
        self.mass_mib += mass_mib;
    }

    /// Of what is in service together with more.
    fn mixed_lifetime_s(&self, mass_mib: f64, lifetime_s: f64) -> f64 {
        self.mixed_lifetime_s_at(self.mass_mib, mass_mib, lifetime_s)
    }

    fn mixed_lifetime_s_at(&self, in_service_mib: f64, mass_mib: f64, lifetime_s: f64) -> f64 {
        let together = in_service_mib + mass_mib;
        if together > 0.0 { (in_service_mib * self.lifetime_s + mass_mib * lifetime_s) / together } else { self.lifetime_s }
    }
}
