//! Rules that take instances which have just started for ones that never join.

use std::time::Duration;

use crate::policy::Rule;
use crate::policy::signal::{Signal, SignalSource};

/// EMR runs an instance some minutes before its NodeManager registers.
const USUAL_START: Duration = Duration::from_secs(5 * 60);

/// Whether the rule, which reads these signals, counts the instances that are not listed at one moment
/// only.
pub fn counts_starting_instances(rule: &Rule, reads: &[&SignalSource]) -> bool {
    let signal = SignalSource::BuiltIn(Signal::YarnNodesNotListed);
    reads.contains(&&signal) && rule.for_duration < USUAL_START
}
