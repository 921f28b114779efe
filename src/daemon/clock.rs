//! The only clock of the program. A rehearsal runs on a faster one.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place where clocks are read"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::units::Timestamp;

/// Shows the time and waits for a time.
#[derive(Clone, Debug)]
pub struct Clock(Time);

#[derive(Clone, Debug)]
enum Time {
    Real,
    Faster(Faster),
    Stepped(Stepped),
}

#[derive(Clone, Copy, Debug)]
struct Faster {
    /// The time that it showed when it was set.
    from: Timestamp,
    /// The real time when it was set.
    set_at: Timestamp,
    /// How many times faster than real time it runs; at least one.
    speed: u32,
}

/// Time that passes only when somebody waits for it: a wait moves it, and takes no real time. Its clocks can be
/// wrong, and be set.
#[derive(Clone, Debug)]
pub struct Stepped {
    /// The true time, in milliseconds since the epoch.
    now_ms: Arc<AtomicI64>,
    /// How far this clock is ahead of it, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
}

impl Stepped {
    /// Time that starts at `from`, and a clock that shows it.
    pub fn starting_at(from: Timestamp) -> Self {
        Self {
            now_ms: Arc::new(AtomicI64::new(from.as_millis())),
            ahead_ms: Arc::default(),
        }
    }

    /// A clock that shows this time, with its error.
    pub fn clock(&self) -> Clock {
        Clock(Time::Stepped(self.clone()))
    }

    /// A clock of the same time that is always right.
    pub fn true_clock(&self) -> Clock {
        Clock(Time::Stepped(Self {
            now_ms: Arc::clone(&self.now_ms),
            ahead_ms: Arc::default(),
        }))
    }

    /// Sets the clock forward, or back if `by_ms` is negative, by so many milliseconds.
    pub fn set_forward(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        let now_ms = self.now_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(now_ms.saturating_add(self.ahead_ms.load(Ordering::SeqCst)))
    }

    fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock {
    /// The real clock.
    pub fn real() -> Self {
        Self(Time::Real)
    }

    /// A clock that starts at the real time and runs `speed` times as fast.
    pub fn faster(speed: u32) -> Self {
        Self::starting_at(real_now(), speed)
    }

    /// A clock that starts at `from` and runs `speed` times as fast as real time.
    pub fn starting_at(from: Timestamp, speed: u32) -> Self {
        Self(Time::Faster(Faster {
            from,
            set_at: real_now(),
            speed: speed.max(1),
        }))
    }

    /// A clock that is ahead of real time and runs twice as fast.
    #[cfg(test)]
    pub(crate) fn ahead(by: Duration) -> Self {
        Self::starting_at(real_now() + by, 2)
    }

    /// The time on this clock.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Time::Real => real_now(),
            Time::Faster(clock) => clock.from + real_now().since(clock.set_at) * clock.speed,
            Time::Stepped(stepped) => stepped.now(),
        }
    }

    /// The real duration of a wait on this clock.
    pub fn real_time(&self, on_this_clock: Duration) -> Duration {
        match &self.0 {
            Time::Real => on_this_clock,
            Time::Faster(clock) => on_this_clock / clock.speed,
            Time::Stepped(_) => Duration::ZERO,
        }
    }

    /// Waits until this clock shows `at`; returns at once if that is past.
    pub async fn sleep_until(&self, at: Timestamp) {
        let wait = at.since(self.now());
        if let Time::Stepped(stepped) = &self.0 {
            stepped.pass(wait);
        }
        tokio::time::sleep(self.real_time(wait)).await;
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
