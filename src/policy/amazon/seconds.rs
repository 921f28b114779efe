//! Times as policies write them.

use std::fmt;

/// A time as policies write it, in one unit: `300` as `5m`, `90` as `90s`.
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s > 0 && s.is_multiple_of(3_600) => write!(f, "{}h", s / 3_600),
            s if s > 0 && s.is_multiple_of(60) => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}
