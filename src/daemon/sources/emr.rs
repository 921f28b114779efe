//! Reads a cluster's state, groups or fleets, instances and steps from EMR.

mod api;
mod budget;
pub(crate) mod describe;
mod hosts;
mod operation;
pub(crate) mod start;
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
use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::failure_log::{FailureEvent, FailureLog};
use crate::observation::{ClusterState, ClusterStatus, GroupStatus, InstanceId, Role, Sampled};
use crate::policy::Policy;
use crate::policy::signal::{Signal, SignalSource};
use crate::pricing::PriceTable;
use crate::units::{Timestamp, display_duration};
use api::{Api, malformed};
use describe::Collection;
pub use describe::Host;
pub(crate) use describe::{fleet_of, market_of_fleet};
use hosts::Hosts;
pub use operation::Operation;

/// How often managed scaling is read. People turn it on and off, so that need not be at each tick.
const MANAGED_SCALING_EVERY: Duration = Duration::from_secs(300);
/// How long the last answer is used while managed scaling cannot be read.
const MANAGED_SCALING_KNOWN_FOR: Duration = Duration::from_secs(1_800);

/// Reads one cluster. It cannot change anything.
#[derive(Debug)]
pub struct Emr {
    api: Api,
    /// What YARN offers on each instance type.
    types: PriceTable,
    /// The time limit for the status, and for the list of instances.
    patience: Duration,
    reads_steps: bool,
    checks_managed_scaling: bool,
    waiting_since: Option<Timestamp>,
    steps: Option<Sampled<Steps>>,
    steps_failures: FailureLog,
    managed_scaling: Option<Sampled<bool>>,
    hosts: Hosts,
    hosts_failures: FailureLog,
}

/// The result of one reading.
#[derive(Clone, Debug)]
pub struct EmrReading {
    /// The cluster, with the time of its oldest part. Steps are zero if no policy reads them. After
    /// an error, the daemon gives the engine the last status with its old `measured_at`.
    pub status: Result<Sampled<ClusterStatus>, SourceError>,
    /// The calls that were made, and those that were skipped to stay within the budget.
    pub calls: Vec<Call>,
}

#[derive(Clone, Copy, Debug)]
struct Steps {
    pending: u32,
    running: u32,
}

/// Whether a policy reads EMR's steps, which takes a call at each tick.
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
    /// Reads the cluster with this id, with the endpoint and the credentials of `config`.
    pub fn new(
        config: &SdkConfig,
        cluster_id: &str,
        settings: &AwsSettings,
        reads_steps: bool,
    ) -> Self {
        Self {
            api: Api::new(config, cluster_id, settings),
            types: PriceTable::shipped(),
            patience: settings.timeout * 2,
            reads_steps,
            checks_managed_scaling: settings.check_managed_scaling,
            waiting_since: None,
            steps: None,
            steps_failures: FailureLog::default(),
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
    /// YARN reports an unknown host, and every ten minutes. Takes at most four times
    /// `aws.timeout`.
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
        EmrReading {
            status,
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

    /// The steps, or the last known ones with their old `measured_at` if they cannot be read.
    async fn steps(&mut self, clock: &Clock) -> Result<Sampled<Steps>, SourceError> {
        let measured_at = clock.now();
        let answer = self.api.steps(clock).await;
        match (
            self.steps_failures.note(measured_at, answer.as_ref().err()),
            self.steps,
        ) {
            (Some(FailureEvent::Failing(error)), Some(last)) => {
                tracing::warn!(%error, measured_at = %last.measured_at, "steps cannot be read; using those of an earlier reading");
            }
            (Some(FailureEvent::Recovered { after }), _) => {
                tracing::info!("steps can be read again, after {}", display_duration(after))
            }
            _ => {}
        }
        match (answer, self.steps) {
            (Ok(steps), _) => {
                let value = Steps {
                    pending: count(&steps, &StepState::Pending),
                    running: count(&steps, &StepState::Running),
                };
                Ok(*self.steps.insert(Sampled { value, measured_at }))
            }
            (Err(error), last) => last.ok_or(error),
        }
    }

    /// Whether managed scaling is on, as of the last answer within the last half hour. Without one,
    /// the whole reading fails: waiting is better than working against EMR's own scaling.
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

fn count(steps: &[StepSummary], state: &StepState) -> u32 {
    let states = steps
        .iter()
        .filter_map(|step| step.status().and_then(|status| status.state()));
    u32::try_from(states.filter(|other| *other == state).count()).unwrap_or(u32::MAX)
}
