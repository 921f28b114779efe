//! When a MapReduce job asks for its reduces.

use serde::{Deserialize, Serialize};

/// A MapReduce job: its first stage are the maps; the second, which waits for the first, are the
/// reduces. There is no second in a job of maps alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapReduce {
    /// The share of the maps that complete before containers for reduces are requested, between 0 and
    /// 1: `mapreduce.job.reduce.slowstart.completedmaps`. A reduce that starts before the last map is
    /// done holds its container until then, and for its own time from then on.
    pub slowstart: f64,
}
