//! Observations that are made of bytes.

use arbitrary::Unstructured;
use headroom::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use headroom::observation::steps::{Step, Steps};
use headroom::observation::work::{
    ApplicationKind, ApplicationWork, Executors, KnownWork, StageWork, Storage, StoringNode, Work,
    WorkOrReason, WorkTotals, WorkUnknown,
};
use headroom::observation::{
    ClusterState, ClusterStatus, Control, Direction, GroupId, GroupKind, GroupState, GroupStatus,
    HdfsLoad, InstanceId, Market, MetricId, NodeHealth, NodeLoad, NodeSnapshot, NodesByState,
    Observation, Pause, Role, Sampled, YarnLoad,
};
use headroom::units::{Instances, Mebibytes, Percent, Resources, Timestamp, VirtualCores};

const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    7,
    20,
    100,
    1_024,
    8_192,
    65_536,
    1_000_000,
    u32::MAX as u64,
    1 << 40,
    1 << 53,
    i64::MAX as u64,
    u64::MAX,
];
const FLOATS: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    50.0,
    100.0,
    1e-300,
    1e18,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
/// How far the clock moves between two ticks, in milliseconds.
const STEPS_MS: [i64; 12] = [
    30_000,
    60_000,
    1,
    0,
    300_000,
    3_600_000,
    86_400_000,
    7 * 86_400_000,
    -1,
    -3_600_000,
    40_000_000_000_000,
    -40_000_000_000_000,
];
/// The last instant of the calendar, and the first.
const CALENDAR_MS: [i64; 2] = [253_402_207_200_999, -377_705_023_201_000];

/// Makes an observation of bytes. Where they end, everything is the first of its choices.
pub struct Choices<'a> {
    bytes: Unstructured<'a>,
    now: Timestamp,
}

impl<'a> Choices<'a> {
    /// Observations that begin at this time.
    pub fn new(bytes: &'a [u8], now: Timestamp) -> Self {
        Self {
            bytes: Unstructured::new(bytes),
            now,
        }
    }

    /// Whether no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn byte(&mut self) -> u8 {
        self.bytes.arbitrary().unwrap_or_default()
    }

    pub fn one<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.byte() as usize % choices.len();
        choices[index].clone()
    }

    pub fn is_rare(&mut self) -> bool {
        self.byte() > 0xD0
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() < 0xD0).then(|| make(self))
    }

    /// Up to this many, and rarely many.
    fn several<T>(&mut self, most: u8, mut make: impl FnMut(&mut Self, usize) -> T) -> Vec<T> {
        let many = self.byte() == 0xFF;
        let count = if many {
            300
        } else {
            usize::from(self.byte() % (most + 1))
        };
        (0..count).map(|index| make(self, index)).collect()
    }

    fn number(&mut self) -> u64 {
        match self.byte() {
            byte @ 0..0x60 => u64::from(byte) * u64::from(byte),
            byte => NUMBERS[byte as usize % NUMBERS.len()],
        }
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(u32::MAX)
    }

    fn float(&mut self) -> f64 {
        match self.byte() {
            byte @ 0..0xC0 => f64::from(byte) / 2.0,
            byte => FLOATS[byte as usize % FLOATS.len()],
        }
    }

    fn past(&mut self) -> Timestamp {
        let ages = [
            0,
            10_000,
            30_000,
            90_000,
            600_000,
            86_400_000,
            -60_000,
            1 << 50,
        ];
        let age = self.one(&ages);
        Timestamp::from_millis(self.now.as_millis().saturating_sub(age).max(CALENDAR_MS[1]))
    }

    fn sampled<T>(&mut self, value: T) -> Sampled<T> {
        let measured_at = if self.is_rare() {
            self.past()
        } else {
            self.now
        };
        Sampled { value, measured_at }
    }

    pub fn observation(&mut self, metrics: &[MetricId]) -> Observation {
        let step = if self.is_rare() {
            self.one(&STEPS_MS)
        } else {
            30_000
        };
        let now = self.now.as_millis().saturating_add(step);
        self.now = Timestamp::from_millis(now.clamp(CALENDAR_MS[1], CALENDAR_MS[0]));
        let (yarn, hdfs) = (self.maybe(Self::yarn), self.maybe(Self::hdfs));
        let nodes = self.maybe(|all| NodeSnapshot(all.several(6, Self::node)));
        let limits = self.maybe(|all| all.several(3, |all, _| all.pending_limit()));
        let (work, steps) = (self.maybe(Self::work), self.maybe(Self::steps));
        let cluster = self.cluster();
        Observation {
            at: self.now,
            yarn: yarn.map(|yarn| self.sampled(yarn)),
            hdfs: hdfs.map(|hdfs| self.sampled(hdfs)),
            nodes: nodes.map(|nodes| self.sampled(nodes)),
            pending_limits: limits.map(|limits| self.sampled(limits)),
            work: work.map(|work| self.sampled(work)),
            steps: steps.map(|steps| self.sampled(steps)),
            metrics: metrics
                .iter()
                .map(|metric| {
                    (
                        metric.clone(),
                        Sampled {
                            value: self.float(),
                            measured_at: self.past(),
                        },
                    )
                })
                .collect(),
            cluster: self.sampled(cluster),
            control: self.control(),
        }
    }

    fn control(&mut self) -> Control {
        let pause = self.is_rare().then(|| Pause {
            until: self.past(),
            direction: self.one(&[None, Some(Direction::In), Some(Direction::Out)]),
        });
        Control {
            pause,
            leader: !self.is_rare(),
            looks_at_nodes: self.is_rare(),
            is_first: self.is_rare(),
        }
    }

    fn yarn(&mut self) -> YarnLoad {
        let vcores = self.byte() < 0xC0;
        let cores = |all: &mut Self| vcores.then(|| VirtualCores(all.number()));
        YarnLoad {
            vcores_total: cores(self),
            vcores_available: cores(self),
            vcores_allocated: cores(self),
            vcores_reserved: cores(self),
            vcores_pending: cores(self),
            memory_total: Mebibytes(self.number()),
            memory_available: Mebibytes(self.number()),
            memory_allocated: Mebibytes(self.number()),
            memory_reserved: Mebibytes(self.number()),
            memory_pending: Mebibytes(self.number()),
            containers_allocated: self.number(),
            containers_pending: self.number(),
            containers_reserved: self.number(),
            containers_released_total: self.maybe(Self::number),
            apps_running: self.number(),
            apps_pending: self.number(),
            oldest_app_started_at: self.maybe(Self::past),
            nodes: NodesByState {
                active: self.small(),
                decommissioning: self.small(),
                decommissioned: self.small(),
                lost: self.small(),
                unhealthy: self.small(),
            },
        }
    }

    fn hdfs(&mut self) -> HdfsLoad {
        HdfsLoad {
            capacity_total: Mebibytes(self.number()),
            capacity_used: Mebibytes(self.number()),
            blocks_under_replicated: self.number(),
            blocks_missing: self.number(),
        }
    }

    fn group_id(&mut self) -> GroupId {
        GroupId::new(self.one(&[
            "ig-task",
            "ig-core",
            "if-1/spot",
            "if-1/on-demand",
            "ig-other",
            "",
        ]))
    }

    fn instance_id(&mut self, index: usize) -> InstanceId {
        let index = if self.is_rare() { 0 } else { index };
        InstanceId::new(format!("i-{index}"))
    }

    fn node(&mut self, index: usize) -> NodeLoad {
        NodeLoad {
            instance: self.instance_id(index),
            group: self.group_id(),
            containers: self.small(),
            has_application_master: self.is_rare(),
            draining: self.is_rare(),
            idle_since: self.maybe(Self::past),
            health: self.one(&[
                NodeHealth::Usable,
                NodeHealth::Unhealthy,
                NodeHealth::NotListed,
            ]),
        }
    }

    fn pending_limit(&mut self) -> PendingLimit {
        let queue = || "default".into();
        PendingLimit {
            by: match self.byte() % 5 {
                0 => LimitedBy::QueueMaximum { queue: queue() },
                1 => LimitedBy::UserLimit { queue: queue() },
                2 => LimitedBy::ApplicationMasterShare { queue: queue() },
                3 => LimitedBy::LargerThanNodes {
                    container: Mebibytes(self.number()),
                },
                _ => LimitedBy::LabelWithoutNodes { label: queue() },
            },
            memory_pending: Mebibytes(self.number()),
            vcores_pending: VirtualCores(self.number()),
            containers_pending: self.number(),
            memory_used: Mebibytes(self.number()),
            vcores_used: VirtualCores(self.number()),
            most: match self.byte() % 3 {
                0 => None,
                1 => Some(MostAllowed::Share(self.percent())),
                _ => Some(MostAllowed::Amount(Mebibytes(self.number()))),
            },
        }
    }

    fn percent(&mut self) -> Percent {
        Percent(self.float())
    }

    fn work(&mut self) -> Work {
        Work {
            totals: WorkTotals {
                drain_s: self.maybe(Self::float),
                tasks_remaining: self.maybe(Self::number),
                executors_needed: self.maybe(Self::number),
                executors_held: self.maybe(Self::number),
                executors_idle: self.maybe(Self::number),
                largest_app: self.maybe(Self::percent),
                apps_unknown: self.number(),
            },
            applications: self.several(4, |all, _| all.application()),
            storage: self.maybe(|all| Storage {
                nodes: all.several(4, |all, index| StoringNode {
                    instance: all.instance_id(index),
                    shuffle: all.is_rare(),
                    cached: all.is_rare(),
                }),
                apps_unknown: all.number(),
            }),
        }
    }

    fn application(&mut self) -> ApplicationWork {
        let kinds = [
            ApplicationKind::Spark,
            ApplicationKind::MapReduce,
            ApplicationKind::Other,
        ];
        ApplicationWork {
            id: self
                .one(&["application_1_0001", "application_1_0002", ""])
                .into(),
            name: self.one(&["etl", "etl 2026-03-02", "", "ad hoc"]).into(),
            queue: "default".into(),
            kind: self.one(&kinds),
            memory_allocated: Mebibytes(self.number()),
            vcores_allocated: VirtualCores(self.number()),
            containers: self.number(),
            work: if self.is_rare() {
                WorkOrReason::Unknown(WorkUnknown::TimedOut)
            } else {
                WorkOrReason::Known(self.known_work())
            },
        }
    }

    fn known_work(&mut self) -> KnownWork {
        KnownWork {
            executors: self.maybe(|all| Executors {
                held: all.small(),
                needed: all.maybe(Self::small),
                most: all.maybe(Self::small),
                slots: all.small(),
                memory: Mebibytes(all.number()),
            }),
            stages: self.several(4, |all, index| StageWork {
                id: if all.is_rare() {
                    all.small()
                } else {
                    index as u32
                },
                attempt: if all.is_rare() { all.small() } else { 0 },
                tasks_done: all.small(),
                tasks_remaining: all.small(),
                tasks_running: all.small(),
                task_s: all.maybe(Self::float),
                is_blocked: all.is_rare(),
            }),
        }
    }

    fn steps(&mut self) -> Steps {
        Steps {
            concurrency: self.small(),
            steps: self.several(4, |all, index| Step {
                id: format!("s-{index}").into(),
                name: all.one(&["etl", "nightly", ""]).into(),
                started_at: all.maybe(Self::past),
            }),
        }
    }

    fn cluster(&mut self) -> ClusterStatus {
        let state = if self.is_rare() {
            self.one(ClusterState::ALL)
        } else {
            ClusterState::Running
        };
        let (group, fleet) = (GroupKind::Group, GroupKind::Fleet);
        let all = [
            ("ig-primary", Role::Primary, Market::OnDemand, group),
            ("ig-core", Role::Core, Market::OnDemand, group),
            ("ig-task", Role::Task, Market::Spot, group),
            ("ig-other", Role::Task, Market::OnDemand, group),
            ("if-1/on-demand", Role::Task, Market::OnDemand, fleet),
            ("if-1/spot", Role::Task, Market::Spot, fleet),
        ];
        let count = if self.is_rare() {
            self.byte() as usize % 7
        } else {
            3
        };
        let groups = all[..count]
            .iter()
            .map(|(id, role, market, kind)| self.group(id, *role, *market, *kind));
        ClusterStatus {
            state,
            groups: groups.collect(),
            steps_pending: self.small(),
            steps_running: self.small(),
            idle_since: self.maybe(Self::past),
        }
    }

    fn group(&mut self, id: &str, role: Role, market: Market, kind: GroupKind) -> GroupStatus {
        let state = if self.is_rare() {
            self.one(GroupState::ALL)
        } else {
            GroupState::Running
        };
        GroupStatus {
            id: GroupId::new(id),
            name: self.maybe(|all| all.one(&["workers", ""]).into()),
            role,
            kind,
            market,
            state,
            state_reason: self.is_rare().then(|| "no capacity".into()),
            requested: Instances(self.small()),
            running: Instances(self.small()),
            scaled_by_amazon: self.is_rare(),
            node: self.maybe(|all| Resources {
                memory: Mebibytes(all.number()),
                vcores: VirtualCores(all.number()),
            }),
        }
    }
}
