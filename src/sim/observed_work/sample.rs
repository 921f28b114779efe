//! A sample of YARN's metrics.

use crate::units::Timestamp;

/// The parts of an observation from which work is reconstructed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub at: Timestamp,
    pub allocated_mib: f64,
    pub pending_mib: f64,
    /// `None` if the observation does not count virtual cores.
    pub vcores_per_mib: Option<f32>,
    pub containers: u32,
    pub containers_pending: u32,
    pub released_total: Option<u64>,
}

/// Milliseconds from one sample to a later one.
pub(super) fn step_ms(earlier: &Sample, later: &Sample) -> i64 {
    later.at.as_millis().saturating_sub(earlier.at.as_millis())
}
