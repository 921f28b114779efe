//! What the files contain.

use crate::import::gather::Tally;
use crate::trace::Job;

/// The jobs of both formats, before their times are made relative to the first.
#[derive(Default)]
pub(super) struct Collected {
    /// Jobs with the instant of submission in milliseconds since the epoch; `submit` is not set yet.
    pub rumen: Vec<(i64, Job)>,
    pub sls: Vec<Job>,
    pub left_out: Tally,
    /// Whether jobs were drawn from distributions.
    pub is_synthetic: bool,
}
