//! EMR as it describes a cluster: its state, its groups or fleets, its instances and steps.

mod api;
mod budget;
pub(crate) mod describe;
mod hosts;
mod operation;
pub mod start;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_emr::types::{StepState, StepSummary};

use crate::daemon::clock::Clock;
use crate::daemon::settings::AwsSettings;
use crate::daemon::sources::source::{Call, News, SourceError, Trouble};
use crate::observation::{
    ClusterState, ClusterStatus, GroupId, GroupStatus, InstanceId, Market, Role, Sampled,
};
use crate::policy::Policy;
use crate::policy::signal::{Signal, SignalSource};
use crate::units::{Timestamp, display_duration};
use api::{Api, malformed};
use describe::Collection;
pub(crate) use describe::{fleet_of, market_of_fleet};
use hosts::Hosts;
pub use operation::Operation;

/// Amazon's managed scaling is switched on or off by people, so that it need not be asked for at
/// each tick.
const MANAGED_SCALING_EVERY: Duration = Duration::from_secs(300);
/// What was last known of it is good for this long while it cannot be asked for.
const MANAGED_SCALING_KNOWN_FOR: Duration = Duration::from_secs(1_800);

/// Reads one cluster. There is no way to change anything through it.
#[derive(Debug)]
pub struct Emr {
    api: Api,
    /// For everything that one reading asks for.
    patience: Duration,
    reads_steps: bool,
    checks_managed_scaling: bool,
    waiting_since: Option<Timestamp>,
    steps: Option<Sampled<Steps>>,
    steps_trouble: Trouble,
    managed_scaling: Option<Sampled<bool>>,
    hosts: Hosts,
    hosts_trouble: Trouble,
}

/// What one reading brought.
#[derive(Clone, Debug)]
pub struct EmrReading {
    /// A failure leaves out the cluster; the daemon then shows the engine the last status with its
    /// old `measured_at`.
    ///
    /// A status is as old as its oldest part. Steps are zero when no policy reads them.
    pub status: Result<Sampled<ClusterStatus>, SourceError>,
    /// Calls that were made, and calls that were left out to stay within the budget (these took no
    /// time).
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

#[derive(Clone, Copy, Debug)]
struct Steps {
    pending: u32,
    running: u32,
}

/// Whether one of the policies reads EMR's steps, which cost a call at each tick.
pub fn reads_steps<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> bool {
    let is_of_steps = |source: &SignalSource| {
        matches!(
            source,
            SignalSource::BuiltIn(Signal::EmrStepsPending | Signal::EmrStepsRunning)
        )
    };
    policies
        .into_iter()
        .flat_map(Policy::targets)
        .any(|target| target.signals.iter().any(is_of_steps))
}

impl Emr {
    /// Reads the cluster with this id. `config` says where EMR is and with which credentials.
    pub fn new(
        config: &SdkConfig,
        cluster_id: &str,
        settings: &AwsSettings,
        reads_steps: bool,
    ) -> Self {
        Self {
            api: Api::new(config, cluster_id, settings),
            patience: settings.timeout * 2,
            reads_steps,
            checks_managed_scaling: settings.check_managed_scaling,
            waiting_since: None,
            steps: None,
            steps_trouble: Trouble::default(),
            managed_scaling: None,
            hosts: Hosts::default(),
            hosts_trouble: Trouble::default(),
        }
    }

    /// Describes the cluster. Instances are listed again when a group has changed, when YARN had a
    /// host that is not among them, and every ten minutes. Takes at most four times as long as one
    /// call may.
    pub async fn read(&mut self, clock: &Clock) -> EmrReading {
        let patience = self.patience;
        let status = tokio::time::timeout(patience, self.status(clock)).await;
        let status = status.unwrap_or_else(|_| {
            Err(SourceError::TimedOut {
                what: "EMR".to_owned(),
                after: patience,
            })
        });
        if let Ok(status) = &status {
            let listed =
                tokio::time::timeout(patience, self.list_hosts(clock, &status.value.groups)).await;
            let listed = listed.unwrap_or_else(|_| {
                Err(SourceError::TimedOut {
                    what: "ListInstances".to_owned(),
                    after: patience,
                })
            });
            match self.hosts_trouble.news(clock.now(), listed.as_ref().err()) {
                Some(News::Fails(error)) => {
                    tracing::warn!(%error, "instances are not listed again; nodes that have just joined are not known yet");
                }
                Some(News::Recovered { after }) => tracing::info!(
                    "instances are listed again, after {}",
                    display_duration(after)
                ),
                None => {}
            }
        }
        EmrReading {
            status,
            calls: self.api.take_calls(),
        }
    }

    /// Instances by private DNS name, by its first label, and by private IP address, as far as they
    /// were listed last.
    pub fn hosts(&self) -> &BTreeMap<String, Host> {
        self.hosts.known()
    }

    /// YARN has a host that is not among [`Self::hosts`]: they are listed again, soon but not at
    /// each tick.
    pub fn note_unknown_host(&mut self) {
        self.hosts.note_unknown();
    }

    /// Something runs on YARN. To EMR a cluster waits as soon as no step runs, whatever else does;
    /// from now on it has not been idle.
    pub fn note_work(&mut self) {
        self.waiting_since = None;
    }

    async fn status(&mut self, clock: &Clock) -> Result<Sampled<ClusterStatus>, SourceError> {
        let measured_at = clock.now();
        let cluster = self.api.describe_cluster(clock).await?;
        let (state, collection) = describe::cluster(&cluster)
            .map_err(|problem| malformed(Operation::DescribeCluster, &problem))?;
        let mut groups = self.groups(clock, collection).await?;
        if self.has_managed_scaling(clock).await? {
            groups
                .iter_mut()
                .for_each(|group| group.scaled_by_amazon |= group.role != Role::Primary);
        }
        let steps = if self.reads_steps {
            Some(self.steps(clock).await?)
        } else {
            None
        };
        let idle_since = self.idle_since(state, measured_at);
        let Steps { pending, running } = steps.map_or(
            Steps {
                pending: 0,
                running: 0,
            },
            |steps| steps.value,
        );
        Ok(Sampled {
            value: ClusterStatus {
                state,
                groups,
                steps_pending: pending,
                steps_running: running,
                idle_since,
            },
            measured_at: steps.map_or(measured_at, |steps| steps.measured_at.min(measured_at)),
        })
    }

    async fn groups(
        &mut self,
        clock: &Clock,
        collection: Collection,
    ) -> Result<Vec<GroupStatus>, SourceError> {
        match collection {
            Collection::Groups => {
                let groups = self.api.instance_groups(clock).await?;
                let described: Result<Vec<_>, String> =
                    groups.iter().map(describe::group).collect();
                described.map_err(|problem| malformed(Operation::ListInstanceGroups, &problem))
            }
            Collection::Fleets => {
                let fleets = self.api.instance_fleets(clock).await?;
                let described: Result<Vec<_>, String> =
                    fleets.iter().map(describe::fleet).collect();
                let markets = described
                    .map_err(|problem| malformed(Operation::ListInstanceFleets, &problem))?;
                Ok(markets.into_iter().flatten().collect())
            }
        }
    }

    /// The steps; when they cannot be had, the last ones that were, with their age.
    async fn steps(&mut self, clock: &Clock) -> Result<Sampled<Steps>, SourceError> {
        let measured_at = clock.now();
        let answer = self.api.steps(clock).await;
        match (
            self.steps_trouble.news(measured_at, answer.as_ref().err()),
            self.steps,
        ) {
            (Some(News::Fails(error)), Some(last)) => {
                tracing::warn!(%error, measured_at = %last.measured_at, "the steps are those of an earlier reading");
            }
            (Some(News::Recovered { after }), _) => tracing::info!(
                "the steps can be read again, after {}",
                display_duration(after)
            ),
            _ => {}
        }
        match (answer, self.steps) {
            (Ok(steps), _) => {
                let count = |state: &StepState| {
                    let of_state = |step: &&StepSummary| {
                        step.status().and_then(|status| status.state()) == Some(state)
                    };
                    u32::try_from(steps.iter().filter(of_state).count()).unwrap_or(u32::MAX)
                };
                let value = Steps {
                    pending: count(&StepState::Pending),
                    running: count(&StepState::Running),
                };
                Ok(*self.steps.insert(Sampled { value, measured_at }))
            }
            (Err(error), last) => last.ok_or(error),
        }
    }

    /// Whether managed scaling is on, as far as that was asked for lately. While it was never
    /// known, nothing else of the cluster is, either: to act beside another master is worse than to
    /// wait.
    async fn has_managed_scaling(&mut self, clock: &Clock) -> Result<bool, SourceError> {
        if !self.checks_managed_scaling {
            return Ok(false);
        }
        let now = clock.now();
        let known_for = |span: Duration| {
            self.managed_scaling
                .filter(|known| now.since(known.measured_at) < span)
                .map(|known| known.value)
        };
        if let Some(known) = known_for(MANAGED_SCALING_EVERY) {
            return Ok(known);
        }
        let last = known_for(MANAGED_SCALING_KNOWN_FOR);
        match self.api.has_managed_scaling(clock).await {
            Ok(value) => {
                self.managed_scaling = Some(Sampled {
                    value,
                    measured_at: now,
                });
                Ok(value)
            }
            Err(error) => last.ok_or(error),
        }
    }

    /// EMR does not tell since when a cluster waits. It is the first reading at which it did, so
    /// that a restart of the daemon shortens the time: a cluster is never taken to be idle for
    /// longer than it is.
    fn idle_since(&mut self, state: ClusterState, now: Timestamp) -> Option<Timestamp> {
        self.waiting_since = (state == ClusterState::Waiting)
            .then(|| self.waiting_since.map_or(now, |since| since.min(now)));
        self.waiting_since
    }

    async fn list_hosts(
        &mut self,
        clock: &Clock,
        groups: &[GroupStatus],
    ) -> Result<(), SourceError> {
        let shape = hosts::shape(groups);
        while self.hosts.is_due(clock.now(), &shape) {
            match self.api.instances(clock, self.hosts.marker()).await {
                Ok((page, next)) => self.hosts.add(clock.now(), &shape, &page, next),
                Err(error) => {
                    if !matches!(error, SourceError::OverBudget { .. }) {
                        self.hosts.start_over();
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
