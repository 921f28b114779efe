//! EMR as it describes a cluster: its state, its groups or fleets, its instances and steps.

use std::collections::BTreeMap;

use crate::daemon::clock::Clock;
use crate::daemon::source::{Call, SourceError};
use crate::observation::{ClusterStatus, GroupId, InstanceId, Market, Sampled};

/// Reads one cluster. There is no way to change anything through it.
#[derive(Debug)]
pub struct Emr {}

/// What one reading brought.
#[derive(Clone, Debug)]
pub struct EmrReading {
    /// A failure leaves out the cluster; the daemon then shows the engine the last status with its old `measured_at`.
    pub status: Result<Sampled<ClusterStatus>, SourceError>,
    pub calls: Vec<Call>,
}

/// An instance behind a YARN node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub instance: InstanceId,
    pub group: GroupId,
    pub instance_type: String,
    pub market: Market,
}

impl Emr {
    /// Describes the cluster. Instances are listed again when a group has changed or `hosts` did not know a node.
    pub async fn read(&mut self, _clock: &Clock) -> EmrReading {
        unimplemented!("being built")
    }

    /// Instances by private DNS name and by private IP address, as far as they were listed last.
    pub fn hosts(&self) -> &BTreeMap<String, Host> {
        unimplemented!("being built")
    }
}
