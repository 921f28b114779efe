//! The sizes that a target may have.

use crate::units::Instances;

/// Smallest and largest size in instances, or in capacity units of a fleet; `min <= max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    min: Instances,
    max: Instances,
}

impl Limits {
    /// `None` when `min` is above `max`.
    pub fn new(min: Instances, max: Instances) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// Exactly one size.
    pub fn exactly(size: Instances) -> Self {
        Self {
            min: size,
            max: size,
        }
    }

    /// Any size up to `max`.
    pub fn up_to(max: Instances) -> Self {
        Self {
            min: Instances::ZERO,
            max,
        }
    }

    /// The smallest size.
    pub fn min(self) -> Instances {
        self.min
    }

    /// The largest size.
    pub fn max(self) -> Instances {
        self.max
    }
}
