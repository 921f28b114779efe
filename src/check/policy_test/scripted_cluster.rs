//! The cluster of a policy test: observations that read as the series say, and groups that follow
//! the resizes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::series::Sample;
use crate::decision::{Action, Decision};
use crate::observation::work::{Work, WorkTotals};
use crate::observation::{
    ClusterState, ClusterStatus, Control, GroupId, GroupState, GroupStatus, HdfsLoad, MetricId,
    NodesByState, Observation, Sampled, YarnLoad,
};
use crate::policy::signal::Signal;
use crate::units::{Instances, Mebibytes, Percent, Timestamp, VirtualCores};

/// Totals that a test does not give: large enough that shares come out to four decimals.
const DEFAULT_TOTAL: f64 = 1e6;
/// Shares are of whole mebibytes, so that they read back almost, but not quite.
const TOLERANCE: f64 = 1e-3;

/// What a series sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Signal(&'static str),
    Metric(MetricId),
    ClusterState,
}

/// The part of an observation that a signal comes from: its signals are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Yarn,
    Work,
    Hdfs,
    Emr,
}

impl Origin {
    pub fn of(signal: Signal) -> Self {
        match signal.name() {
            name if name.starts_with("yarn_") => Self::Yarn,
            name if name.starts_with("work_") => Self::Work,
            name if name.starts_with("hdfs_") => Self::Hdfs,
            _ => Self::Emr,
        }
    }
}

/// A cluster whose load is given and whose groups follow the decisions.
pub struct ScriptedCluster<'t> {
    provisioning: Duration,
    /// How many instances there are for each group, by tick; after that, as many as are requested.
    available: &'t [Vec<u32>],
    series: &'t BTreeMap<Subject, Vec<Sample>>,
    groups: Vec<GroupStatus>,
    /// When each group will have what was asked for.
    ready_at: Vec<Timestamp>,
    last: Option<Observation>,
}

impl<'t> ScriptedCluster<'t> {
    pub fn new(
        provisioning: Duration,
        available: &'t [Vec<u32>],
        series: &'t BTreeMap<Subject, Vec<Sample>>,
        groups: Vec<GroupStatus>,
    ) -> Self {
        let ready_at = vec![Timestamp::from_millis(i64::MIN); groups.len()];
        Self {
            provisioning,
            available,
            series,
            groups,
            ready_at,
            last: None,
        }
    }

    /// What is seen at a tick.
    ///
    /// # Errors
    /// Series that contradict each other, or say what cannot be measured.
    pub fn observe(&mut self, tick: usize, at: Timestamp) -> Result<Observation, String> {
        let groups = self.groups.iter_mut().zip(&self.ready_at);
        for ((group, ready_at), available) in groups.zip(self.available) {
            let most = available.get(tick).map_or(group.requested, |count| {
                Instances(*count).min(group.requested)
            });
            if at >= *ready_at {
                group.running = most;
            } else if group.requested >= group.running {
                group.running = group.running.min(most);
            }
            group.state = if group.running == group.requested {
                GroupState::Running
            } else {
                GroupState::Resizing
            };
        }
        let readings = Readings::at(self.series, tick);
        let yarn = readings.origin(Origin::Yarn)?;
        let work = readings.origin(Origin::Work)?;
        let hdfs = readings.origin(Origin::Hdfs)?;
        let last = self.last.as_ref();
        let observation = Observation {
            at,
            yarn: readings.sampled(
                yarn,
                at,
                || readings.yarn(self.running()),
                last.and_then(|last| last.yarn),
            ),
            hdfs: readings.sampled(
                hdfs,
                at,
                || readings.hdfs(),
                last.and_then(|last| last.hdfs),
            ),
            nodes: None,
            steps: None,
            pending_limits: None,
            work: readings.sampled(
                work,
                at,
                || readings.work(),
                last.and_then(|last| last.work.clone()),
            ),
            metrics: readings.metrics(at, last),
            cluster: Sampled {
                value: self.cluster(&readings, at),
                measured_at: at,
            },
            control: Control::default(),
        };
        self.check(&readings, &observation)?;
        self.last = Some(observation.clone());
        Ok(observation)
    }

    /// Starts the resizes that were decided; every one is accepted.
    pub fn apply(&mut self, decisions: &[Decision], at: Timestamp) -> Vec<GroupId> {
        let mut accepted = Vec::new();
        for decision in decisions {
            let (Action::Resize(resize), Some(id)) = (&decision.action, &decision.group) else {
                continue;
            };
            let Some(position) = self.groups.iter().position(|group| group.id == *id) else {
                continue;
            };
            self.groups[position].requested = resize.to;
            self.groups[position].state = GroupState::Resizing;
            self.ready_at[position] = at + self.provisioning;
            accepted.push(id.clone());
        }
        accepted
    }

    /// How many core and task instances run.
    fn running(&self) -> u32 {
        let groups = self.groups.iter();
        groups.map(|group| group.running).sum::<Instances>().get()
    }

    fn cluster(&self, readings: &Readings<'_>, at: Timestamp) -> ClusterStatus {
        let count = |signal: Signal| readings.value(signal).unwrap_or(0.0) as u32;
        let idle_s = readings
            .value(Signal::EmrIdleSeconds)
            .filter(|seconds| *seconds > 0.0);
        ClusterStatus {
            state: readings.state().unwrap_or(ClusterState::Running),
            groups: self.groups.clone(),
            steps_pending: count(Signal::EmrStepsPending),
            steps_running: count(Signal::EmrStepsRunning),
            idle_since: idle_s.map(|seconds| at - Duration::from_millis((seconds * 1e3) as u64)),
        }
    }

    /// Every given value must be what the observation reads: what is derived cannot be set against
    /// what it is derived from.
    fn check(&self, readings: &Readings<'_>, observation: &Observation) -> Result<(), String> {
        let Some(group) = self.groups.first() else {
            return Ok(());
        };
        for signal in Signal::ALL {
            let Some(given) = readings.value(*signal) else {
                continue;
            };
            let read = signal.read(observation, group).map(|sample| sample.value);
            if !read.is_some_and(|read| (read - given).abs() <= TOLERANCE * given.abs().max(1.0)) {
                let read = read.map_or("nothing".to_owned(), |read| format!("{read}"));
                let name = signal.name();
                return Err(format!(
                    "`{name}` cannot be {given} here: with the other series, or in whole units, it is {read}"
                ));
            }
        }
        Ok(())
    }
}

/// The samples of one tick.
struct Readings<'t>(BTreeMap<&'t Subject, Sample>);

impl<'t> Readings<'t> {
    /// A series that has ended is missing.
    fn at(series: &'t BTreeMap<Subject, Vec<Sample>>, tick: usize) -> Self {
        Self(
            series
                .iter()
                .map(|(subject, samples)| {
                    (
                        subject,
                        samples.get(tick).copied().unwrap_or(Sample::Missing),
                    )
                })
                .collect(),
        )
    }

    fn value(&self, signal: Signal) -> Option<f64> {
        match self.0.get(&Subject::Signal(signal.name())) {
            Some(Sample::Value(value)) => Some(*value),
            _ => None,
        }
    }

    fn state(&self) -> Option<ClusterState> {
        match self.0.get(&Subject::ClusterState) {
            Some(Sample::State(state)) => Some(*state),
            _ => None,
        }
    }

    /// Whether a source answered; its signals come in one answer, so they are there together, stale
    /// together, or missing together.
    fn origin(&self, origin: Origin) -> Result<Sample, String> {
        let members = self.0.iter().filter_map(|(subject, sample)| match subject {
            Subject::Signal(name) if Signal::from_name(name).map(Origin::of) == Some(origin) => {
                Some((*name, *sample))
            }
            _ => None,
        });
        let mut first: Option<(&str, Sample)> = None;
        for (name, sample) in members {
            match first {
                None => first = Some((name, sample)),
                Some((_, known))
                    if std::mem::discriminant(&known) == std::mem::discriminant(&sample) => {}
                Some((other, _)) => {
                    return Err(format!(
                        "`{other}` and `{name}` come from the same answer, so both must be present, stale or missing"
                    ));
                }
            }
        }
        Ok(first.map_or(Sample::Missing, |(_, sample)| sample))
    }

    fn sampled<T>(
        &self,
        sample: Sample,
        at: Timestamp,
        fresh: impl FnOnce() -> T,
        last: Option<Sampled<T>>,
    ) -> Option<Sampled<T>> {
        match sample {
            Sample::Missing => None,
            Sample::Stale => last,
            Sample::Value(_) | Sample::State(_) => Some(Sampled {
                value: fresh(),
                measured_at: at,
            }),
        }
    }

    fn metrics(
        &self,
        at: Timestamp,
        last: Option<&Observation>,
    ) -> BTreeMap<MetricId, Sampled<f64>> {
        let given = self
            .0
            .iter()
            .filter_map(|(subject, sample)| match (subject, sample) {
                (Subject::Metric(id), Sample::Value(value)) => Some((
                    id.clone(),
                    Sampled {
                        value: *value,
                        measured_at: at,
                    },
                )),
                (Subject::Metric(id), Sample::Stale) => Some((id.clone(), *last?.metrics.get(id)?)),
                _ => None,
            });
        given.collect()
    }

    fn yarn(&self, running: u32) -> YarnLoad {
        let memory = Pool {
            total: self.value(Signal::YarnMemoryTotalMib),
            available: self.value(Signal::YarnMemoryAvailableMib),
            available_percent: self.value(Signal::YarnMemoryAvailablePercent),
            allocated: self.value(Signal::YarnMemoryAllocatedMib),
            allocated_percent: self.value(Signal::YarnMemoryAllocatedPercent),
        };
        let vcores = Pool {
            total: self.value(Signal::YarnVcoresTotal),
            available: self.value(Signal::YarnVcoresAvailable),
            available_percent: self.value(Signal::YarnVcoresAvailablePercent),
            allocated: self.value(Signal::YarnVcoresAllocated),
            allocated_percent: self.value(Signal::YarnVcoresAllocatedPercent),
        };
        let whole = |signal: Signal| self.value(signal).unwrap_or(0.0).round() as u64;
        let [memory_total, memory_available, memory_allocated] = memory.fill().map(Mebibytes);
        let [vcores_total, vcores_available, vcores_allocated] = vcores.fill().map(VirtualCores);
        let (containers_allocated, containers_pending) = self.containers();
        YarnLoad {
            memory_total,
            memory_available,
            memory_allocated,
            memory_reserved: Mebibytes(whole(Signal::YarnMemoryReservedMib)),
            memory_pending: Mebibytes(whole(Signal::YarnMemoryPendingMib)),
            vcores_total: Some(vcores_total),
            vcores_available: Some(vcores_available),
            vcores_allocated: Some(vcores_allocated),
            vcores_reserved: Some(VirtualCores(whole(Signal::YarnVcoresReserved))),
            vcores_pending: Some(VirtualCores(whole(Signal::YarnVcoresPending))),
            containers_allocated,
            containers_pending,
            containers_reserved: whole(Signal::YarnContainersReserved),
            containers_released_total: self
                .value(Signal::YarnContainersReleasedTotal)
                .map(|count| count.round() as u64),
            apps_running: whole(Signal::YarnAppsRunning),
            apps_pending: whole(Signal::YarnAppsPending),
            oldest_app_started_at: None,
            nodes: self.nodes(running),
        }
    }

    /// Without a series of nodes, they are not known. With one, the active nodes are all that run and
    /// are in no other state, unless the test gives their number.
    fn nodes(&self, running: u32) -> NodesByState {
        let given = |signal: Signal| self.value(signal).map(|count| count.round() as u32);
        let not_listed = given(Signal::YarnNodesNotListed);
        let others = [
            Signal::YarnNodesDecommissioning,
            Signal::YarnNodesDecommissioned,
            Signal::YarnNodesLost,
            Signal::YarnNodesUnhealthy,
        ]
        .map(given);
        let is_known = not_listed.is_some() || others.iter().any(Option::is_some);
        let [decommissioning, decommissioned, lost, unhealthy] =
            others.map(Option::unwrap_or_default);
        // The numbers of lost and of decommissioned nodes include those of instances that are gone.
        let elsewhere = [decommissioning, unhealthy, not_listed.unwrap_or(0)];
        let active = elsewhere.into_iter().fold(running, u32::saturating_sub);
        NodesByState {
            active: given(Signal::YarnNodesActive).unwrap_or(if is_known { active } else { 0 }),
            decommissioning,
            decommissioned,
            lost,
            unhealthy,
        }
    }

    /// Allocated and pending containers; a given ratio is one of ten thousand where the test gives
    /// no number of its own.
    fn containers(&self) -> (u64, u64) {
        let ratio = self.value(Signal::YarnContainerPendingRatio);
        let given = self.value(Signal::YarnContainersAllocated);
        let allocated = given
            .unwrap_or(if ratio.is_some() { 10_000.0 } else { 0.0 })
            .round();
        let pending = self
            .value(Signal::YarnContainersPending)
            .or(ratio.map(|ratio| ratio * allocated.max(1.0)));
        (allocated as u64, pending.unwrap_or(0.0).round() as u64)
    }

    /// Sums without the applications behind them.
    fn work(&self) -> Work {
        let whole = |signal: Signal| self.value(signal).map(|count| count.round() as u64);
        let totals = WorkTotals {
            drain_s: self.value(Signal::WorkDrainSeconds),
            tasks_remaining: whole(Signal::WorkTasksRemaining),
            executors_needed: whole(Signal::WorkExecutorsNeeded),
            executors_held: whole(Signal::WorkExecutorsHeld),
            executors_idle: whole(Signal::WorkExecutorsIdle),
            largest_app: self.value(Signal::WorkLargestAppPercent).map(Percent),
            apps_unknown: whole(Signal::WorkAppsUnknown).unwrap_or(0),
        };
        Work {
            totals,
            applications: Vec::new(),
            storage: None,
        }
    }

    fn hdfs(&self) -> HdfsLoad {
        let used_share = self
            .value(Signal::HdfsUsedPercent)
            .map(|percent| percent / 100.0);
        let (total, used) = match (used_share, self.value(Signal::HdfsCapacityRemainingMib)) {
            (Some(share), Some(remaining)) if share < 1.0 => (
                remaining / (1.0 - share),
                remaining / (1.0 - share) - remaining,
            ),
            (Some(share), _) => (DEFAULT_TOTAL, DEFAULT_TOTAL * share),
            (None, Some(remaining)) => (remaining * 2.0, remaining),
            (None, None) => (DEFAULT_TOTAL, 0.0),
        };
        let whole = |signal: Signal| self.value(signal).unwrap_or(0.0).round() as u64;
        HdfsLoad {
            capacity_total: Mebibytes(total.round() as u64),
            capacity_used: Mebibytes(used.round() as u64),
            blocks_under_replicated: whole(Signal::HdfsBlocksUnderReplicated),
            blocks_missing: whole(Signal::HdfsBlocksMissing),
        }
    }
}

/// One resource as far as a test gives it.
struct Pool {
    total: Option<f64>,
    available: Option<f64>,
    available_percent: Option<f64>,
    allocated: Option<f64>,
    allocated_percent: Option<f64>,
}

impl Pool {
    /// Total, available, allocated: what is not given follows from what is.
    fn fill(&self) -> [u64; 3] {
        let total = self.total.or(self
            .available
            .zip(self.allocated)
            .map(|(available, allocated)| available + allocated));
        let total = total.unwrap_or_else(|| {
            DEFAULT_TOTAL
                .max(self.available.unwrap_or(0.0))
                .max(self.allocated.unwrap_or(0.0))
        });
        let available = self.available.or(self
            .available_percent
            .map(|percent| total * percent / 100.0));
        let allocated = self.allocated.or(self
            .allocated_percent
            .map(|percent| total * percent / 100.0));
        let (available, allocated) = match (available, allocated) {
            (Some(available), Some(allocated)) => (available, allocated),
            (Some(available), None) => (available, total - available),
            (None, Some(allocated)) => (total - allocated, allocated),
            (None, None) => (total, 0.0),
        };
        [total, available, allocated].map(|amount| amount.round() as u64)
    }
}

/// A group that is not resized at the moment.
pub fn settled(group: GroupStatus, size: Instances) -> GroupStatus {
    GroupStatus {
        requested: size,
        running: size,
        ..group
    }
}
