//! Durations as seconds, to the millisecond; negative and absurdly long ones are rejected.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// A hundred years: longer than any recording, and sums of such durations do not overflow.
const LONGEST_S: f64 = 3.2e9;

/// The same bound as a duration, for times that are computed instead of read.
pub const LONGEST: Duration = Duration::from_secs(LONGEST_S as u64);

/// Whole seconds, the common case, are written without a fraction.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    match duration.subsec_millis() {
        0 => serializer.serialize_u64(duration.as_secs()),
        _ => serializer.serialize_f64(duration.as_millis() as f64 / 1e3),
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    from_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

pub fn from_f64(seconds: f64) -> Result<Duration, String> {
    if seconds < 0.0 {
        return Err(format!("{seconds} s is a negative time"));
    }
    if seconds.is_nan() || seconds > LONGEST_S {
        return Err(format!("{seconds} s is longer than a hundred years"));
    }
    Ok(Duration::from_millis((seconds * 1e3).round() as u64))
}
