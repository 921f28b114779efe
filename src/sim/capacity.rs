//! Arithmetic of memory and virtual cores together.

use crate::units::{Mebibytes, Resources, VirtualCores};

impl Resources {
    /// Both amounts are at least those of `other`.
    pub fn covers(self, other: Self) -> bool {
        self.memory >= other.memory && self.vcores >= other.vcores
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            memory: self.memory + other.memory,
            vcores: self.vcores + other.vcores,
        }
    }

    /// Stops at zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            memory: self.memory - other.memory,
            vcores: self.vcores - other.vcores,
        }
    }

    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self {
            memory: Mebibytes(self.memory.get().saturating_mul(count)),
            vcores: VirtualCores(self.vcores.get().saturating_mul(count)),
        }
    }
}
