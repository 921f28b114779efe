//! The only clock of the program. A rehearsal runs on a faster one.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place where clocks are read"
)]

use std::time::{Duration, Instant};

use crate::units::Timestamp;

/// Shows the time and waits for a time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// `None` for real time.
    simulated: Option<Simulated>,
}

#[derive(Clone, Copy, Debug)]
struct Simulated {
    /// The time that it showed when it was set.
    from: Timestamp,
    /// The real time when it was set.
    set_at: Timestamp,
    /// How many times faster than real time it runs; at least one.
    speed: u32,
}

impl Clock {
    /// The real clock.
    pub fn real() -> Self {
        Self { simulated: None }
    }

    /// A clock that starts at the real time and runs `speed` times as fast.
    pub fn faster(speed: u32) -> Self {
        Self::starting_at(real_now(), speed)
    }

    /// A clock that starts at `from` and runs `speed` times as fast as real time.
    pub fn starting_at(from: Timestamp, speed: u32) -> Self {
        Self {
            simulated: Some(Simulated {
                from,
                set_at: real_now(),
                speed: speed.max(1),
            }),
        }
    }

    /// A clock that is ahead of real time and runs twice as fast.
    #[cfg(test)]
    pub(crate) fn ahead(by: Duration) -> Self {
        Self::starting_at(real_now() + by, 2)
    }

    /// The time on this clock.
    pub fn now(&self) -> Timestamp {
        let real = real_now();
        self.simulated.map_or(real, |clock| {
            clock.from + real.since(clock.set_at) * clock.speed
        })
    }

    /// The real duration of a wait on this clock.
    pub fn real_time(&self, on_this_clock: Duration) -> Duration {
        self.simulated
            .map_or(on_this_clock, |clock| on_this_clock / clock.speed)
    }

    /// Waits until this clock shows `at`; returns at once if that is past.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(self.real_time(at.since(self.now()))).await;
    }
}

/// Measures real durations.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The real time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

fn real_now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_begins_where_it_is_told_to_and_its_waits_are_short() {
        let from = Timestamp::from_millis(1_000);
        let clock = Clock::starting_at(from, 1_000_000);
        let watch = Stopwatch::start();
        while clock.now() < from + Duration::from_secs(3_600) {
            assert!(
                watch.elapsed() < Duration::from_secs(60),
                "an hour takes 3.6 ms"
            );
        }
        assert_eq!(
            clock.real_time(Duration::from_secs(1_000)),
            Duration::from_millis(1)
        );
        assert_eq!(
            Clock::real().real_time(Duration::from_secs(1)),
            Duration::from_secs(1)
        );
    }
}
