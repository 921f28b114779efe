//! Memory in service, by when it will end.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Memory that ends evenly between two instants, or at once if they are equal. Times are seconds
/// since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Segment {
    pub from_s: f64,
    pub until_s: f64,
    pub mass_mib: f64,
    /// How long before its end it started.
    pub lifetime_s: f64,
}

impl Segment {
    /// The part that has not ended at an instant.
    pub fn rest(&self, now_s: f64) -> Option<Self> {
        if now_s >= self.until_s {
            return None;
        }
        if now_s <= self.from_s {
            return Some(*self);
        }
        Some(Self {
            from_s: now_s,
            mass_mib: self.rate() * (self.until_s - now_s),
            ..*self
        })
    }

    /// The memory-time after an instant at which none of it has ended.
    pub fn work_after(&self, now_s: f64) -> f64 {
        self.mass_mib * (self.middle_s() - now_s)
    }

    /// The memory-time before an instant at which none of it has ended.
    pub fn work_before(&self, now_s: f64) -> f64 {
        self.mass_mib * (now_s - (self.middle_s() - self.lifetime_s))
    }

    fn middle_s(&self) -> f64 {
        (self.from_s + self.until_s) / 2.0
    }

    fn rate(&self) -> f64 {
        self.mass_mib / (self.until_s - self.from_s)
    }
}

/// Segments by the instant from which they end.
impl Ord for Segment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.from_s
            .total_cmp(&other.from_s)
            .then(self.until_s.total_cmp(&other.until_s))
            .then(self.mass_mib.total_cmp(&other.mass_mib))
    }
}

impl PartialOrd for Segment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Segment {}

/// The memory that runs on the active nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    pub mass_mib: f64,
    /// The rate at which memory ends now, in mebibytes per second.
    pub departing: f64,
    upcoming: BinaryHeap<Reverse<Segment>>,
    /// Segments that end now.
    ending: Vec<Segment>,
}

impl Service {
    /// Adds memory that `mass_mib` counts already.
    pub fn push(&mut self, segment: Segment) {
        self.upcoming.push(Reverse(segment));
    }

    /// Adds memory that runs already.
    pub fn take_in(&mut self, segments: Vec<Segment>) {
        self.mass_mib += segments.iter().map(|segment| segment.mass_mib).sum::<f64>();
        self.upcoming.extend(segments.into_iter().map(Reverse));
    }

    /// Processes the segments that begin to end, or have ended. Call it no later than
    /// [`next_change_s`](Self::next_change_s).
    pub fn settle(&mut self, now_s: f64) {
        let mut has_changed = false;
        while let Some(Reverse(segment)) = self.upcoming.peek().copied()
            && segment.from_s <= now_s
        {
            self.upcoming.pop();
            if segment.until_s > segment.from_s {
                self.ending.push(segment);
                has_changed = true;
            } else {
                self.mass_mib -= segment.mass_mib;
            }
        }
        if self.ending.iter().any(|segment| segment.until_s <= now_s) {
            self.ending.retain(|segment| segment.until_s > now_s);
            has_changed = true;
        }
        if has_changed {
            // Not `sum`, which is -0.0 for no segments and would divide to -infinity.
            self.departing = self
                .ending
                .iter()
                .map(Segment::rate)
                .fold(0.0, std::ops::Add::add);
        }
        self.mass_mib = self.mass_mib.max(0.0);
    }

    /// Whether nothing is left to end.
    pub fn is_empty(&self) -> bool {
        self.ending.is_empty() && self.upcoming.is_empty()
    }

    /// When the rate changes next; infinite if nothing runs.
    pub fn next_change_s(&self) -> f64 {
        let begins = self
            .upcoming
            .peek()
            .map_or(f64::INFINITY, |Reverse(segment)| segment.from_s);
        self.ending
            .iter()
            .map(|segment| segment.until_s)
            .fold(begins, f64::min)
    }

    /// When the last of the memory that runs now ends.
    pub fn last_end_s(&self) -> Option<f64> {
        let ends = self
            .upcoming
            .iter()
            .map(|Reverse(segment)| segment.until_s)
            .chain(self.ending.iter().map(|segment| segment.until_s));
        ends.max_by(f64::total_cmp)
    }

    /// Removes the same share of all memory and returns it.
    pub fn split(&mut self, share: f64, now_s: f64) -> Vec<Segment> {
        let upcoming = std::mem::take(&mut self.upcoming)
            .into_vec()
            .into_iter()
            .map(|Reverse(segment)| segment);
        let running: Vec<Segment> = upcoming
            .chain(
                self.ending
                    .drain(..)
                    .filter_map(|segment| segment.rest(now_s)),
            )
            .collect();
        let part = |share: f64| {
            move |segment: &Segment| Segment {
                mass_mib: segment.mass_mib * share,
                ..*segment
            }
        };
        let taken: Vec<Segment> = running
            .iter()
            .map(part(share))
            .filter(|segment| segment.mass_mib > 0.0)
            .collect();
        self.upcoming = running
            .iter()
            .map(part(1.0 - share))
            .filter(|segment| segment.mass_mib > 0.0)
            .map(Reverse)
            .collect();
        self.mass_mib *= 1.0 - share;
        self.departing = 0.0;
        self.settle(now_s);
        taken
    }

    /// The memory-time that is still to be served.
    #[cfg(test)]
    pub fn work(&self, now_s: f64) -> f64 {
        let upcoming = self.upcoming.iter().map(|Reverse(segment)| *segment);
        upcoming
            .chain(self.ending.iter().filter_map(|segment| segment.rest(now_s)))
            .map(|segment| segment.work_after(now_s))
            .sum()
    }
}
