//! The ResourceManager's REST API: who is active, how loaded the cluster is, what runs on which node.

use reqwest::Url;

use crate::daemon::clock::Clock;
use crate::daemon::source::{Call, SourceError};
use crate::observation::{Sampled, YarnLoad};

/// All ResourceManagers of one cluster. Follows the active one.
#[derive(Debug)]
pub struct Yarn {}

/// What one reading brought. Parts fail one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct YarnReading {
    /// The address of the active ResourceManager.
    pub active: Option<Url>,
    pub load: Result<Sampled<YarnLoad>, SourceError>,
    pub nodes: Result<Sampled<Vec<YarnNode>>, SourceError>,
    pub calls: Vec<Call>,
}

/// One NodeManager that is there: running, decommissioning or unhealthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YarnNode {
    /// As YARN calls it: the instance's private DNS name, as a rule.
    pub host: String,
    pub containers: u32,
    pub has_application_master: bool,
    /// Decommissioning.
    pub draining: bool,
}

impl Yarn {
    /// Reads everything, one request after the other where one depends on the other, else concurrently. Never fails as a whole, never waits
    /// longer than the timeout it was made with.
    pub async fn read(&mut self, _clock: &Clock) -> YarnReading {
        unimplemented!("being built")
    }
}
