//! Reads a cluster's state, groups or fleets, instances and steps from EMR.

mod api;
mod budget;
pub(crate) mod describe;
mod hosts;
mod operation;
pub(crate) mod start;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;

use crate::daemon::clock::Clock;
use crate::daemon::settings::AwsSettings;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::failure_log::{FailureEvent, FailureLog};
use crate::observation::steps::Steps;
use crate::observation::{ClusterState, ClusterStatus, GroupStatus, InstanceId, Role, Sampled};
use crate::pricing::PriceTable;
use crate::units::{Timestamp, display_duration};
use api::{Api, malformed};
use describe::Collection;
pub use describe::Host;
pub(crate) use describe::{fleet_of, market_of_fleet};
use hosts::Hosts;
pub use operation::Operation;
pub use steps::StepsRead;
use steps::StepsReader;

/// How often managed scaling is read. People turn it on and off, so that need not be at each tick.
const MANAGED_SCALING_EVERY: Duration = Duration::from_secs(300);
/// How long the last answer is used while managed scaling cannot be read.
const MANAGED_SCALING_KNOWN_FOR: Duration = Duration::from_secs(1_800);
/// How many steps an observation lists; EMR lets 256 wait or run.
const STEPS: usize = 50;

/// Reads one cluster. It cannot change anything.
#[derive(Debug)]
pub struct Emr {
    api: Api,
    /// What YARN offers on each instance type.
    types: PriceTable,
    /// The time limit for the status, and for the list of instances.
    patience: Duration,
    steps_read: StepsRead,
    checks_managed_scaling: bool,
    waiting_since: Option<Timestamp>,
    steps: StepsReader,
    /// How many steps the cluster runs at the same time, as of the last description.
    step_concurrency: u32,
    managed_scaling: Option<Sampled<bool>>,
    hosts: Hosts,
    hosts_failures: FailureLog,
}

/// The result of one reading.
#[derive(Clone, Debug)]
pub struct EmrReading {
    /// The cluster, with the time of its oldest part. Steps are zero if no rule reads them. After
    /// an error, the daemon gives the engine the last status with its old `measured_at`.
    pub status: Result<Sampled<ClusterStatus>, SourceError>,
    /// The steps that wait or run, with the time of their last reading; `None` if they are not read.
    pub steps: Option<Sampled<Steps>>,
    /// The calls that were made, and those that were skipped to stay within the budget.
    pub calls: Vec<Call>,
}

impl Emr {
    /// Reads the cluster with this id, with the endpoint and the credentials of `config`.
    pub fn new(
        config: &SdkConfig,
        cluster_id: &str,
        settings: &AwsSettings,
        steps_read: StepsRead,
    ) -> Self {
        Self {
            api: Api::new(config, cluster_id, settings),
            types: PriceTable::shipped(),
            patience: settings.timeout * 2,
            steps_read,
            checks_managed_scaling: settings.check_managed_scaling,
            waiting_since: None,
            steps: StepsReader::default(),
            step_concurrency: 1,
            managed_scaling: None,
            hosts: Hosts::default(),
            hosts_failures: FailureLog::default(),
        }
    }

    /// Knows these instance types instead of the shipped ones.
    #[must_use]
    pub fn with_types(self, types: PriceTable) -> Self {
        Self { types, ..self }
    }

    /// Describes the cluster. Lists the instances again when the size of a group has changed, when
    /// YARN reports an unknown host, and every ten minutes. Takes at most six times `aws.timeout`.
    pub async fn read(&mut self, clock: &Clock) -> EmrReading {
        let patience = self.patience;
        let status = tokio::time::timeout(patience, self.status(clock)).await;
        let status = status.unwrap_or_else(|_| {
            Err(SourceError::TimedOut {
                what: "EMR".to_owned(),
                after: patience,
            })
        });
        let (status, mut steps) = status.map_or_else(
            |error| (Err(error), None),
            |(status, steps)| (Ok(status), steps),
        );
        if status.is_ok() && self.steps_read == StepsRead::IfPossible {
            let read = (self.steps).read(&mut self.api, clock, self.step_concurrency, patience);
            steps = read.await.ok();
        }
        if let Ok(status) = &status {
            let listed =
                tokio::time::timeout(patience, self.list_hosts(clock, &status.value.groups)).await;
            let listed = listed.unwrap_or_else(|_| {
                Err(SourceError::TimedOut {
                    what: "ListInstances".to_owned(),
                    after: patience,
                })
            });
            match self.hosts_failures.note(clock.now(), listed.as_ref().err()) {
                Some(FailureEvent::Failing(error)) => {
                    tracing::warn!(%error, "instances cannot be listed; nodes that have just joined are unknown");
                }
                Some(FailureEvent::Recovered { after }) => tracing::info!(
                    "instances can be listed again, after {}",
                    display_duration(after)
                ),
                None => {}
            }
        }
        if let Some(steps) = &mut steps {
            steps.value.steps.truncate(STEPS);
        }
        EmrReading {
            status,
            steps,
            calls: self.api.take_calls(),
        }
    }

    /// How long calls have to wait because AWS throttled the last ones; zero if none has to.
    pub fn longest_wait(&self, now: Timestamp) -> Duration {
        self.api.longest_wait(now)
    }

    /// The listed instances by private DNS name, by its first label, and by private IP address.
    pub fn hosts(&self) -> &BTreeMap<String, Host> {
        self.hosts.known()
    }

    /// The instances that run in these groups, without the primary ones; `None` while the list of
    /// instances is older than the sizes of the groups.
    pub fn running_workers(&self, groups: &[GroupStatus]) -> Option<Vec<&Host>> {
        let known = self.hosts.known_for(&hosts::shape(groups))?;
        let is_worker = |host: &Host| {
            groups
                .iter()
                .any(|group| group.id == host.group && group.role != Role::Primary)
        };
        let workers = known
            .values()
            .filter(|host| host.is_running && is_worker(host));
        // An instance is known by several names.
        let workers: BTreeMap<&InstanceId, &Host> =
            workers.map(|host| (&host.instance, host)).collect();
        Some(workers.into_values().collect())
    }

    /// Notes that YARN reports a host that is not in [`Self::hosts`], so that the instances are
    /// listed again soon.
    pub fn note_unknown_host(&mut self) {
        self.hosts.note_unknown();
    }

    /// Notes that applications run or wait on YARN, so that the cluster does not count as idle. EMR
    /// reports WAITING as soon as no step runs, whatever runs on YARN.
    pub fn note_work(&mut self) {
        self.waiting_since = None;
    }

    /// The cluster, and the steps if a rule reads them.
    async fn status(
        &mut self,
        clock: &Clock,
    ) -> Result<(Sampled<ClusterStatus>, Option<Sampled<Steps>>), SourceError> {
        let measured_at = clock.now();
        let cluster = self.api.describe_cluster(clock).await?;
        let (state, collection) = describe::cluster(&cluster)
            .map_err(|problem| malformed(Operation::DescribeCluster, &problem))?;
        self.step_concurrency = steps::concurrency(&cluster);
        let mut groups = self.groups(clock, collection).await?;
        if self.has_managed_scaling(clock).await? {
            groups
                .iter_mut()
                .for_each(|group| group.scaled_by_amazon |= group.role != Role::Primary);
        }
        let steps = if self.steps_read == StepsRead::Always {
            let read =
                (self.steps).read(&mut self.api, clock, self.step_concurrency, self.patience);
            Some(read.await?)
        } else {
            None
        };
        let counted = |count: fn(&Steps) -> usize| {
            let counted = steps.as_ref().map_or(0, |steps| count(&steps.value));
            u32::try_from(counted).unwrap_or(u32::MAX)
        };
        let status = ClusterStatus {
            state,
            groups,
            steps_pending: counted(|steps| steps.pending().count()),
            steps_running: counted(|steps| steps.running().count()),
            idle_since: self.idle_since(state, measured_at),
        };
        let steps_at = steps.as_ref().map(|steps| steps.measured_at);
        let status = Sampled {
            value: status,
            measured_at: steps_at.map_or(measured_at, |at| at.min(measured_at)),
        };
        Ok((status, steps))
    }

    async fn groups(
        &mut self,
        clock: &Clock,
        collection: Collection,
    ) -> Result<Vec<GroupStatus>, SourceError> {
        match collection {
            Collection::Groups => {
                let groups = self.api.instance_groups(clock).await?;
                let described: Result<Vec<_>, String> = groups
                    .iter()
                    .map(|group| describe::group(group, &self.types))
                    .collect();
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

    /// Whether managed scaling is on, as of the last answer within the last half hour. Without one,
    /// the whole reading fails: waiting is better than working against EMR's own scaling.
    async fn has_managed_scaling(&mut self, clock: &Clock) -> Result<bool, SourceError> {
        if !self.checks_managed_scaling {
            return Ok(false);
        }
        let now = clock.now();
        // An answer from before the clock was set back is not known to be recent.
        let known_for = |span: Duration| {
            self.managed_scaling
                .filter(|known| now.distance(known.measured_at) < span)
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

    /// Since when the cluster has been WAITING, which EMR does not report: since the first reading
    /// that showed it. After a restart of the daemon the time is shorter than in truth, never
    /// longer.
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
