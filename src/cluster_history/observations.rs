//! Makes observations from means over periods: one at the end of each period, from that period only.

use std::time::Duration;

use super::history::History;
use crate::observation::{
    ClusterState, ClusterStatus, Control, GroupId, GroupKind, GroupState, GroupStatus, HdfsLoad,
    Market, NodesByState, Observation, Role, Sampled, YarnLoad,
};
use crate::units::{Instances, Mebibytes, Timestamp};

/// The metrics without which YARN's load is unknown.
const YARN: [&str; 7] = [
    "MemoryTotalMB",
    "MemoryAvailableMB",
    "MemoryAllocatedMB",
    "ContainerAllocated",
    "ContainerPending",
    "AppsRunning",
    "AppsPending",
];
/// The assumed size of a pending container in a history without running ones: YARN's default
/// minimum.
const SMALLEST_CONTAINER_MIB: f64 = 1_024.0;

/// One observation for each period with points.
pub fn observations(history: &History, period: Duration) -> Vec<Observation> {
    let usual_container_mib = usual_container_mib(history);
    let mut idle_since = None;
    let observe = |begin: Timestamp| {
        let moment = Moment {
            history,
            begin,
            end: begin + period,
        };
        idle_since = moment.idle_since(idle_since);
        Observation {
            at: moment.end,
            yarn: moment
                .yarn(usual_container_mib)
                .map(|value| moment.sampled(value)),
            hdfs: moment.hdfs().map(|value| moment.sampled(value)),
            nodes: None,
            pending_limits: None,
            work: None,
            steps: None,
            metrics: Default::default(),
            cluster: moment.sampled(moment.cluster(idle_since)),
            control: Control::default(),
        }
    };
    history.beginnings().into_iter().map(observe).collect()
}

/// YARN's metrics without any points.
pub fn missing(history: &History) -> Vec<&'static str> {
    let beginnings = history.beginnings();
    YARN.into_iter()
        .filter(|metric| {
            beginnings
                .iter()
                .all(|begin| history.at(metric, *begin).is_none())
        })
        .collect()
}

/// The mean memory of a running container over the whole history.
fn usual_container_mib(history: &History) -> f64 {
    let (mut memory_mib, mut containers) = (0.0, 0.0);
    for begin in history.beginnings() {
        if let (Some(allocated_mib), Some(count)) = (
            history.at("MemoryAllocatedMB", begin),
            history.at("ContainerAllocated", begin),
        ) {
            (memory_mib, containers) = (
                memory_mib + allocated_mib.max(0.0),
                containers + count.max(0.0),
            );
        }
    }
    if memory_mib > 0.0 && containers > 0.0 {
        memory_mib / containers
    } else {
        SMALLEST_CONTAINER_MIB
    }
}

/// The metrics of one period.
struct Moment<'a> {
    history: &'a History,
    begin: Timestamp,
    end: Timestamp,
}

impl Moment<'_> {
    fn yarn(&self, usual_container_mib: f64) -> Option<YarnLoad> {
        let [
            total,
            available,
            allocated,
            running,
            waiting,
            apps_running,
            apps_pending,
        ] = YARN.map(|metric| self.mean(metric));
        let (allocated_mib, running, waiting) = (allocated?, running?, waiting?);
        // CloudWatch counts pending containers, not their memory. They are assumed to be as large
        // as running ones.
        let container_mib = if running > 0.0 && allocated_mib > 0.0 {
            allocated_mib / running
        } else {
            usual_container_mib
        };
        Some(YarnLoad {
            memory_total: mebibytes(total?),
            memory_available: mebibytes(available?),
            memory_allocated: mebibytes(allocated_mib),
            memory_reserved: mebibytes(self.mean("MemoryReservedMB").unwrap_or(0.0)),
            memory_pending: mebibytes(waiting * container_mib),
            containers_allocated: whole(running),
            containers_pending: whole(waiting),
            containers_reserved: self.count("ContainerReserved").unwrap_or(0),
            apps_running: whole(apps_running?),
            apps_pending: whole(apps_pending?),
            nodes: NodesByState {
                active: self.nodes("MRActiveNodes").unwrap_or(0),
                decommissioning: 0,
                decommissioned: self.nodes("MRDecommissionedNodes").unwrap_or(0),
                lost: self.nodes("MRLostNodes").unwrap_or(0),
                unhealthy: self.nodes("MRUnhealthyNodes").unwrap_or(0),
            },
            ..YarnLoad::default()
        })
    }

    /// HDFS's load. The capacity is the free amount divided by the free share; unknown if the file
    /// system is full.
    fn hdfs(&self) -> Option<HdfsLoad> {
        let used_share = self.mean("HDFSUtilization")? / 100.0;
        let remaining_mib = self.mean("CapacityRemainingGB")? * 1_024.0;
        let capacity_mib = (used_share < 1.0).then(|| remaining_mib / (1.0 - used_share))?;
        Some(HdfsLoad {
            capacity_total: mebibytes(capacity_mib),
            capacity_used: mebibytes(capacity_mib * used_share),
            blocks_under_replicated: self.count("UnderReplicatedBlocks")?,
            blocks_missing: self.count("MissingBlocks").unwrap_or(0),
        })
    }

    fn cluster(&self, idle_since: Option<Timestamp>) -> ClusterStatus {
        let groups = [
            (Role::Primary, "MultiMasterInstanceGroup"),
            (Role::Core, "Core"),
            (Role::Task, "Task"),
        ];
        ClusterStatus {
            state: if idle_since.is_some() {
                ClusterState::Waiting
            } else {
                ClusterState::Running
            },
            groups: groups
                .into_iter()
                .filter_map(|(role, prefix)| self.group(role, prefix))
                .collect(),
            steps_pending: 0,
            steps_running: 0,
            idle_since,
        }
    }

    /// All groups of one role together, in instances or in units of a fleet. CloudWatch reports
    /// neither ids nor markets.
    fn group(&self, role: Role, prefix: &str) -> Option<GroupStatus> {
        let of = |what: &str| self.nodes(&format!("{prefix}{what}"));
        let (kind, running, requested) = match of("NodesRunning") {
            Some(running) => (
                GroupKind::Group,
                running,
                of("NodesRequested").or_else(|| Some(running.saturating_add(of("NodesPending")?))),
            ),
            None => (GroupKind::Fleet, of("UnitsRunning")?, of("UnitsRequested")),
        };
        let requested = requested.unwrap_or(running);
        Some(GroupStatus {
            id: GroupId::new(role.as_str()),
            name: None,
            role,
            kind,
            market: Market::OnDemand,
            state: if requested == running {
                GroupState::Running
            } else {
                GroupState::Resizing
            },
            requested: Instances(requested),
            running: Instances(running),
            scaled_by_amazon: false,
            state_reason: None,
            node: None,
        })
    }

    /// A period is idle if the cluster was idle throughout.
    fn idle_since(&self, before: Option<Timestamp>) -> Option<Timestamp> {
        let is_idle = self.mean("IsIdle").is_some_and(|share| share >= 1.0);
        is_idle.then(|| before.unwrap_or(self.begin))
    }

    fn mean(&self, metric: &str) -> Option<f64> {
        self.history
            .at(metric, self.begin)
            .map(|value| value.max(0.0))
    }

    fn count(&self, metric: &str) -> Option<u64> {
        self.mean(metric).map(whole)
    }

    fn nodes(&self, metric: &str) -> Option<u32> {
        self.count(metric)
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn sampled<T>(&self, value: T) -> Sampled<T> {
        Sampled {
            value,
            measured_at: self.end,
        }
    }
}

fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn mebibytes(value: f64) -> Mebibytes {
    Mebibytes(whole(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_history::Part;

    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    /// Metrics with their values at 0 s, 300 s, 600 s ...; NaN where there is no point.
    fn observed(metrics: &[(&str, &[f64])]) -> Vec<Observation> {
        let points = |values: &[f64]| {
            let grid = (0..).step_by(300).zip(values.iter().copied());
            grid.filter(|(_, value)| !value.is_nan()).collect()
        };
        let part: Part = metrics
            .iter()
            .map(|(metric, values)| ((*metric).to_owned(), points(values)))
            .collect();
        observations(&History::of(&[part]), FIVE_MINUTES)
    }

    const NONE: f64 = f64::NAN;
    const LOAD: [(&str, &[f64]); 7] = [
        ("MemoryTotalMB", &[24_576.0, 24_576.0]),
        ("MemoryAvailableMB", &[16_384.0, 24_576.0]),
        ("MemoryAllocatedMB", &[8_192.0, 0.0]),
        ("ContainerAllocated", &[4.0, 0.0]),
        ("ContainerPending", &[3.0, 2.0]),
        ("AppsRunning", &[1.0, 1.0]),
        ("AppsPending", &[0.0, 1.0]),
    ];

    #[test]
    fn a_period_is_observed_at_its_end() {
        let seen = observed(&LOAD);
        let ends: Vec<i64> = seen
            .iter()
            .map(|observation| observation.at.as_millis() / 1_000)
            .collect();
        assert_eq!(ends, [300, 600]);
        assert_eq!(seen[0].yarn.map(|yarn| yarn.measured_at), Some(seen[0].at));
    }

    #[test]
    fn waiting_containers_are_taken_to_be_as_large_as_those_that_run() {
        fn pending(metrics: &[(&str, &[f64])]) -> Vec<Option<u64>> {
            observed(metrics)
                .iter()
                .map(|observation| Some(observation.yarn?.value.memory_pending.get()))
                .collect()
        }
        assert_eq!(
            pending(&LOAD),
            [Some(3 * 2_048), Some(2 * 2_048)],
            "then, or else all along"
        );
        let mut never_any = LOAD;
        (never_any[2].1, never_any[3].1) = (&[0.0, 0.0], &[0.0, 0.0]);
        assert_eq!(pending(&never_any), [Some(3 * 1_024), Some(2 * 1_024)]);
    }

    #[test]
    fn what_cloudwatch_does_not_know_is_absent() {
        let yarn = observed(&LOAD)[0].yarn.expect("a load").value;
        assert_eq!(
            (
                yarn.vcores_total,
                yarn.vcores_pending,
                yarn.containers_released_total
            ),
            (None, None, None)
        );
        assert_eq!(
            (observed(&LOAD)[0].hdfs, observed(&LOAD)[0].nodes.clone()),
            (None, None)
        );
    }

    #[test]
    fn a_missing_point_leaves_a_gap_in_its_part_only() {
        for missing in 0..LOAD.len() {
            let mut metrics = LOAD;
            metrics[missing].1 = &[NONE, 1.0];
            let seen = observed(&metrics);
            assert_eq!(
                seen.iter()
                    .map(|seen| seen.yarn.is_some())
                    .collect::<Vec<_>>(),
                [false, true],
                "{}",
                metrics[missing].0
            );
        }
        assert_eq!(
            observed(&[("IsIdle", &[0.0, NONE, 0.0])]).len(),
            2,
            "nothing is known of the second period"
        );
    }

    #[test]
    fn storage_is_told_by_what_remains_and_the_share_in_use() {
        let hdfs = |used_percent: f64| {
            let seen = observed(&[
                ("HDFSUtilization", &[used_percent]),
                ("CapacityRemainingGB", &[75.0]),
                ("UnderReplicatedBlocks", &[4.0]),
            ]);
            seen[0].hdfs.map(|hdfs| {
                (
                    hdfs.value.capacity_total.get(),
                    hdfs.value.capacity_used.get(),
                    hdfs.value.blocks_under_replicated,
                )
            })
        };
        assert_eq!(hdfs(25.0), Some((100 * 1_024, 25 * 1_024, 4)));
        assert_eq!(hdfs(100.0), None);
    }

    /// Role, requested and running of the groups of the first observation.
    fn groups(metrics: &[(&str, &[f64])]) -> Vec<(Role, GroupKind, u32, u32)> {
        let groups = observed(metrics)[0].cluster.value.groups.clone();
        groups
            .into_iter()
            .map(|group| {
                (
                    group.role,
                    group.kind,
                    group.requested.get(),
                    group.running.get(),
                )
            })
            .collect()
    }

    #[test]
    fn groups_are_counted_by_whatever_metrics_there_are() {
        use GroupKind::{Fleet, Group};
        assert_eq!(
            groups(&[("CoreNodesRunning", &[2.0]), ("CoreNodesPending", &[1.0])]),
            [(Role::Core, Group, 3, 2)]
        );
        assert_eq!(
            groups(&[("TaskNodesRunning", &[5.0]), ("TaskNodesRequested", &[4.0])]),
            [(Role::Task, Group, 4, 5)]
        );
        assert_eq!(
            groups(&[
                ("TaskUnitsRunning", &[16.0]),
                ("TaskUnitsRequested", &[32.0])
            ]),
            [(Role::Task, Fleet, 32, 16)]
        );
        assert_eq!(
            groups(&[("TaskNodesRunning", &[5.0])]),
            [(Role::Task, Group, 5, 5)]
        );
        assert_eq!(
            groups(&[("TaskNodesRequested", &[5.0])]),
            [],
            "what runs is not known"
        );
    }

    #[test]
    fn idleness_begins_with_the_first_period_that_was_idle_throughout() {
        let seen = observed(&[("IsIdle", &[0.0, 0.4, 1.0, 1.0, 0.0])]);
        let since: Vec<Option<i64>> = seen
            .iter()
            .map(|seen| {
                seen.cluster
                    .value
                    .idle_since
                    .map(|since| since.as_millis() / 1_000)
            })
            .collect();
        assert_eq!(since, [None, None, Some(600), Some(600), None]);
    }
}
