//! What both kinds of work have in common for the event loop.

use super::cluster::{Change, Cluster, NodeIndex};
use super::observe::Load;
use super::run::Run;
use super::stepped::Application;
use crate::units::{Mebibytes, Resources};

/// Work on a simulated cluster: container by container, or as a fluid. Times are milliseconds since
/// the start.
pub(super) trait Workload {
    /// Lets time pass: work arrives and ends, until something may wait for room, and no longer than
    /// until `until_ms`. Yields when that is. Never called with an earlier time than before.
    fn advance(&mut self, until_ms: i64, cluster: &mut Cluster) -> i64;

    /// A node came or went.
    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster);

    /// Starts what finds room, after everything else at this instant.
    fn settle(&mut self, now_ms: i64, cluster: &mut Cluster);

    /// Memory that is asked for and not yet served.
    fn backlog(&self) -> Mebibytes;

    /// Nothing is left to arrive, to wait or to run.
    fn is_finished(&self) -> bool;

    /// Nothing runs and nothing waits at this moment.
    fn is_idle(&self) -> bool;

    /// What YARN would say now.
    fn load(&self, cluster: &Cluster) -> Load;

    /// What runs on a node: containers, and what they hold.
    fn on_node(&self, node: NodeIndex, cluster: &Cluster) -> (u64, Resources);

    /// Applications that have come so far, finished or not.
    fn submitted(&self) -> u64;

    /// What has come and is not finished, in order of arrival.
    fn applications(&self, cluster: &Cluster) -> Vec<Application>;

    /// Leaves the facts of the simulation, which has ended.
    fn finish(&mut self, cluster: &mut Cluster, run: &mut Run);
}
