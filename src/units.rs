//! Newtypes that carry their unit, so that instances are never added to mebibytes. Arithmetic that
//! keeps the unit is all the logic they have.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant as milliseconds since the Unix epoch. Written as RFC 3339 in UTC.
///
/// It comes from data (an observation, a trace), never from a clock read inside the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z, from which milliseconds are counted.
    pub const EPOCH: Self = Self(0);

    /// Takes milliseconds since the Unix epoch; negative ones are before it.
    pub const fn from_millis(ms_since_epoch: i64) -> Self {
        Self(ms_since_epoch)
    }

    /// Milliseconds since the Unix epoch, negative before it.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Time between the two, whichever is earlier.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// Time elapsed since `earlier`, zero when `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Seconds elapsed since `earlier`, negative when `earlier` is in fact later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e3
    }

    /// The last multiple of `period`, counted from the epoch, that is not later than this instant. A
    /// period of zero counts as one millisecond.
    #[must_use]
    pub fn floor(self, period: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(self.0.rem_euclid(millis(period).max(1))),
        )
    }

    /// The instant as the time library sees it; clamped at the ends of its calendar (the years
    /// -9999 and 9999).
    pub fn to_jiff(self) -> jiff::Timestamp {
        let (low, high) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { low } else { high })
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(millis(later)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(millis(earlier)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(|instant| Self(instant.as_millisecond()))
    }
}

/// Defines a quantity that counts whole units.
macro_rules! whole {
    ($(#[$doc:meta])* $name:ident($inner:ty), $suffix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// None at all; also the default.
            pub const ZERO: Self = Self(0);

            /// The number without its unit.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The number without its unit, for ratios; rounded above 2^53.
            pub fn as_f64(self) -> f64 {
                self.0 as f64
            }

            /// The difference, or zero where `other` is larger; the same as `-`, in a `const`.
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl Sub for $name {
            type Output = Self;
            /// Stops at zero: a quantity is never negative.
            fn sub(self, other: Self) -> Self {
                self.saturating_sub(other)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Add::add)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $suffix), self.0)
            }
        }
    };
}

whole! {
    /// Instances of a group, or capacity units of one market of a fleet.
    Instances(u32), ""
}
whole! {
    /// Memory in MiB (YARN's "MB").
    Mebibytes(u64), " MiB"
}
whole! {
    /// YARN virtual cores.
    VirtualCores(u64), " vcores"
}

/// Defines a real quantity.
macro_rules! real {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The number without its unit.
            pub const fn get(self) -> f64 {
                self.0
            }
        }
    };
}

real! {
    /// A share in percent: 15 means 15%.
    Percent
}
real! {
    /// Money in US dollars.
    Usd
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} USD", self.0)
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self(0.0), Add::add)
    }
}

/// A duration as policies write it: `90s`, `5m`, `1h 30m`.
pub fn display_duration(duration: Duration) -> impl fmt::Display {
    struct Compact(Duration);
    impl fmt::Display for Compact {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (total_s, ms) = (self.0.as_secs(), self.0.subsec_millis());
            let parts = [
                (total_s / 86_400, "d"),
                (total_s / 3_600 % 24, "h"),
                (total_s / 60 % 60, "m"),
                (total_s % 60, "s"),
                (u64::from(ms), "ms"),
            ];
            let mut shown = parts.iter().filter(|(amount, _)| *amount > 0).peekable();
            if shown.peek().is_none() {
                return f.write_str("0s");
            }
            while let Some((amount, unit)) = shown.next() {
                write!(
                    f,
                    "{amount}{unit}{}",
                    if shown.peek().is_some() { " " } else { "" }
                )?;
            }
            Ok(())
        }
    }
    Compact(duration)
}

/// What one container takes, or what a node offers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Resources {
    /// Written as `memory_mib`.
    #[serde(rename = "memory_mib")]
    pub memory: Mebibytes,
    /// YARN's virtual cores, which need not be those of the machine.
    pub vcores: VirtualCores,
}

impl Resources {
    /// Whether both amounts are at least those of `other`.
    pub fn covers(self, other: Self) -> bool {
        self.memory >= other.memory && self.vcores >= other.vcores
    }

    /// The sum of both amounts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            memory: self.memory + other.memory,
            vcores: self.vcores + other.vcores,
        }
    }

    /// The difference of both amounts, at least zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            memory: self.memory - other.memory,
            vcores: self.vcores - other.vcores,
        }
    }

    /// Both amounts, `count` times; saturates.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self {
            memory: Mebibytes(self.memory.get().saturating_mul(count)),
            vcores: VirtualCores(self.vcores.get().saturating_mul(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_survives_being_written_and_read_to_the_millisecond() {
        let instant = Timestamp::from_millis(1_772_438_400_123);
        let text = serde_json::to_string(&instant).expect("serialises");
        assert_eq!(text, "\"2026-03-02T08:00:00.123Z\"");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&text).expect("parses"),
            instant
        );
    }

    #[test]
    fn time_since_a_later_instant_is_zero() {
        assert_eq!(
            Timestamp::from_millis(1).since(Timestamp::from_millis(2)),
            Duration::ZERO
        );
        assert_eq!(
            Timestamp::from_millis(i64::MIN).since(Timestamp::from_millis(i64::MAX)),
            Duration::ZERO
        );
    }

    #[test]
    fn an_instant_is_rounded_down_to_a_period_before_the_epoch_too() {
        for (at_ms, period_s, expected_ms) in [
            (61_000, 60, 60_000),
            (60_000, 60, 60_000),
            (-1, 60, -60_000),
            (7, 0, 7),
            (i64::MIN, 60, i64::MIN),
        ] {
            assert_eq!(
                Timestamp::from_millis(at_ms)
                    .floor(Duration::from_secs(period_s))
                    .as_millis(),
                expected_ms,
                "{at_ms} ms, {period_s} s"
            );
        }
    }

    #[test]
    fn durations_read_like_the_policy_that_set_them() {
        for (seconds, text) in [
            (0, "0s"),
            (90, "1m 30s"),
            (300, "5m"),
            (5_400, "1h 30m"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(
                display_duration(Duration::from_secs(seconds)).to_string(),
                text
            );
        }
    }
}
