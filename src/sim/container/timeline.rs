//! A calendar queue of when containers end, because a simulation spends most of its time adding ends
//! and taking the next one.
//!
//! Ends are put into buckets of a few seconds, and only the current bucket is sorted (R. Brown,
//! "Calendar queues: a fast O(1) priority queue implementation for the simulation event set
//! problem", CACM 31(10), 1988). Ends beyond the last bucket are in a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A bucket is `2^12` ms long, and all of them together 35 minutes, so that a bucket holds few of
/// the containers of a cluster, most end within the buckets, and all buckets stay in the fastest
/// cache.
const BUCKET_BITS: u32 = 12;
const BUCKETS: usize = 1 << 9;
const WORD: usize = u64::BITS as usize;

/// The end of a task, or the start of an application master: the time, which is not negative, the
/// container and its generation. A single number, so that a comparison takes no branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Completion(u128);

impl Completion {
    /// A completion in a container of this index and generation.
    pub fn new(at_ms: i64, container: u32, generation: u32) -> Self {
        Self(
            u128::from(at_ms.unsigned_abs()) << 64
                | u128::from(container) << 32
                | u128::from(generation),
        )
    }

    /// When it is due.
    pub fn at_ms(self) -> i64 {
        (self.0 >> 64) as i64
    }

    /// The index of the container.
    pub fn container(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The generation of the container.
    pub fn generation(self) -> u32 {
        self.0 as u32
    }

    fn bucket(self) -> u64 {
        (self.0 >> (64 + BUCKET_BITS)) as u64
    }
}

/// Completions in order of time, container and generation.
#[derive(Debug)]
pub(super) struct Timeline {
    /// All completions up to the bucket `current`, latest first. Empty only if nothing is left.
    due: Vec<Completion>,
    current: u64,
    /// The buckets after `current`, each at its number modulo their count.
    buckets: Vec<Vec<Completion>>,
    /// A bit for each bucket that is not empty.
    occupied: [u64; BUCKETS / WORD],
    /// Completions beyond the last bucket.
    later: BinaryHeap<Reverse<Completion>>,
}

impl Timeline {
    /// A queue without completions.
    pub fn new() -> Self {
        Self {
            due: Vec::new(),
            current: 0,
            buckets: vec![Vec::new(); BUCKETS],
            occupied: [0; BUCKETS / WORD],
            later: BinaryHeap::new(),
        }
    }

    /// The next completion.
    pub fn peek(&self) -> Option<Completion> {
        self.due.last().copied()
    }

    /// Adds a completion.
    pub fn push(&mut self, completion: Completion) {
        if self.due.is_empty() {
            self.current = completion.bucket();
        }
        if completion.bucket() > self.current {
            self.put_off(completion);
        } else {
            let position = self.due.partition_point(|due| *due > completion);
            self.due.insert(position, completion);
        }
    }

    /// Removes the next completion.
    pub fn pop(&mut self) -> Option<Completion> {
        let first = self.due.pop();
        if self.due.is_empty() {
            self.next_bucket();
        }
        first
    }

    /// Adds a completion after the current bucket.
    #[inline]
    fn put_off(&mut self, completion: Completion) {
        let bucket = completion.bucket();
        if bucket - self.current < BUCKETS as u64 {
            let place = bucket as usize % BUCKETS;
            self.buckets[place].push(completion);
            self.occupied[place / WORD] |= 1 << (place % WORD);
        } else {
            self.later.push(Reverse(completion));
        }
    }

    /// Makes the next bucket that is not empty the current one.
    fn next_bucket(&mut self) {
        match (self.next_occupied(), self.later.peek()) {
            (Some(bucket), _) => {
                let place = bucket as usize % BUCKETS;
                self.occupied[place / WORD] &= !(1 << (place % WORD));
                std::mem::swap(&mut self.due, &mut self.buckets[place]);
                self.due.sort_unstable_by(|one, other| other.cmp(one));
                self.current = bucket;
            }
            (None, Some(Reverse(first))) => self.current = first.bucket(),
            (None, None) => return,
        }
        let mut due = Vec::new();
        while let Some(Reverse(next)) = self.later.peek().copied()
            && next.bucket().saturating_sub(self.current) < BUCKETS as u64
        {
            self.later.pop();
            if next.bucket() <= self.current {
                due.push(next);
            } else {
                self.put_off(next);
            }
        }
        // All at once: a hundred thousand of them can be due at the same time.
        self.due.splice(0..0, due.into_iter().rev());
    }

    /// The first bucket after the current one that is not empty.
    fn next_occupied(&self) -> Option<u64> {
        let first = (self.current + 1) as usize % BUCKETS;
        let (word, bit) = (first / WORD, first % WORD);
        let words = self.occupied.len();
        // The first word is searched twice: from the first bucket on, and last up to it.
        let place = (0..=words).find_map(|ahead| {
            let at = (word + ahead) % words;
            let mask = match ahead {
                0 => u64::MAX << bit,
                _ if ahead == words => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let found = self.occupied[at] & mask;
            (found != 0).then(|| at * WORD + found.trailing_zeros() as usize)
        })?;
        Some(self.current + 1 + ((place + BUCKETS - first) % BUCKETS) as u64)
    }
}

/// The earlier of two instants, of which there may be none.
pub(super) fn earliest(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Times after the last one that was taken: at once, soon, within all buckets, and beyond.
    fn delays_ms() -> impl Strategy<Value = i64> {
        prop_oneof![Just(0), 0..2_000_i64, 0..4_500_000_i64, 0..100_000_000_i64]
    }

    proptest! {
        #[test]
        fn it_gives_the_same_order_as_a_heap(steps in prop::collection::vec((delays_ms(), 0..4_u32, 0..3_usize), 1..400)) {
            let (mut timeline, mut heap) = (Timeline::new(), BinaryHeap::new());
            let mut now_ms = 0;
            for (generation, (delay_ms, container, pops)) in steps.into_iter().enumerate() {
                let completion = Completion::new(now_ms + delay_ms, container, generation as u32);
                timeline.push(completion);
                heap.push(Reverse(completion));
                for _ in 0..pops {
                    prop_assert_eq!(timeline.peek(), heap.peek().map(|Reverse(first)| *first));
                    let popped = timeline.pop();
                    prop_assert_eq!(popped, heap.pop().map(|Reverse(first)| first));
                    now_ms = popped.map_or(now_ms, Completion::at_ms);
                }
            }
            while let Some(Reverse(first)) = heap.pop() {
                prop_assert_eq!(timeline.pop(), Some(first));
            }
            prop_assert_eq!(timeline.peek(), None);
        }
    }
}
