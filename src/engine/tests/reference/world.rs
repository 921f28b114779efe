//! Generates what a cluster shows, and plays it against the engine and the reference.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use crate::observation::{Control, Market, MetricId, NodeHealth, YarnLoad};

/// What changes until the next observation, and what EMR answers to the resizes that follow from it.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    gap_s: i64,
    yarn: Source<(u64, u64)>,
    depth: Source<u32>,
    lag: Source<u32>,
    cluster_is_repeated: bool,
    nodes_are_listed: bool,
    waits: bool,
    groups: [GroupMoment; 2],
    control: Ruling,
}

/// What a source delivers.
#[derive(Clone, Debug)]
enum Source<T> {
    Missing,
    /// A new value, so many seconds old.
    New(T, i64),
    /// What it delivered before.
    Again,
}

/// What happens to one group.
#[derive(Clone, Debug)]
struct GroupMoment {
    /// Instances that arrive at most.
    arriving: u32,
    /// Instances that EMR loses.
    lost: u32,
    /// Someone else resizes the group.
    operator: Option<u32>,
    /// What is told to the engine about a resize that it decides.
    outcome: Option<Outcome>,
    /// Whether EMR does what an unknown call asks for.
    takes: bool,
    /// Observations until EMR shows the new size.
    shown_after: usize,
    /// EMR reports another state than the sizes say.
    odd_state: Option<GroupState>,
    by_amazon: bool,
    /// Nodes that run an application master.
    masters: u32,
}

/// Who may act.
#[derive(Clone, Debug)]
enum Ruling {
    Free,
    Standby,
    Paused(i64, Option<Direction>),
    Terminating,
}

pub(super) fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let gap_s = prop_oneof![
        12 => Just(30_i64), 2 => Just(60), 1 => Just(5), 1 => Just(15), 1 => Just(31), 1 => Just(90), 1 => Just(91), 1 => Just(120), 1 => Just(300), 1 => Just(600)
    ];
    let percent =
        prop_oneof![3 => Just(10_u64), 3 => Just(80), 1 => Just(50), 1 => Just(15), 1 => Just(75)];
    let pending = prop_oneof![3 => Just(0_u64), 2 => Just(9)];
    let metric = || prop_oneof![2 => Just(0_u32), 2 => Just(5), 2 => Just(200), 1 => Just(50), 1 => Just(30)];
    let control = prop_oneof![
        18 => Just(Ruling::Free),
        1 => Just(Ruling::Standby),
        1 => (-5_i64..60, proptest::option::of(prop_oneof![Just(Direction::Out), Just(Direction::In)]))
            .prop_map(|(s, direction)| Ruling::Paused(s, direction)),
        1 => Just(Ruling::Terminating),
    ];
    let moment = (
        gap_s,
        source(
            (percent, pending),
            prop_oneof![5 => Just(0_i64), 1 => 0_i64..40].boxed(),
            2,
        ),
        source(
            metric(),
            prop_oneof![Just(0_i64), Just(60), Just(75)].boxed(),
            6,
        ),
        source(
            metric(),
            prop_oneof![Just(0_i64), Just(120), Just(150)].boxed(),
            12,
        ),
        (
            proptest::bool::weighted(0.08),
            proptest::bool::weighted(0.9),
        ),
        proptest::bool::weighted(0.3),
        [group_moment(), group_moment()],
        control,
    );
    let moment = moment.prop_map(
        |(
            gap_s,
            yarn,
            depth,
            lag,
            (cluster_is_repeated, nodes_are_listed),
            waits,
            groups,
            control,
        )| Moment {
            gap_s,
            yarn,
            depth,
            lag,
            cluster_is_repeated,
            nodes_are_listed,
            waits,
            groups,
            control,
        },
    );
    proptest::collection::vec(moment, 1..=80)
}

/// A source that repeats itself `again` times as often as it fails.
fn source<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
    delay_s: BoxedStrategy<i64>,
    again: u32,
) -> impl Strategy<Value = Source<T>> {
    prop_oneof![
        15 => (value, delay_s).prop_map(|(value, delay)| Source::New(value, delay)),
        again => Just(Source::Again),
        2 => Just(Source::Missing),
    ]
}

fn group_moment() -> impl Strategy<Value = GroupMoment> {
    let outcome = prop_oneof![
        12 => Just(Some(Outcome::Accepted)),
        1 => Just(Some(Outcome::Unknown)),
        1 => Just(Some(Outcome::Rejected(Rejection::Throttled))),
        1 => Just(Some(Outcome::NotSent)),
        1 => Just(None),
    ];
    let odd_state = prop_oneof![
        Just(GroupState::Provisioning),
        Just(GroupState::Reconfiguring),
        Just(GroupState::Running)
    ];
    let moment = (
        prop_oneof![1 => Just(100_u32), 1 => 0_u32..4],
        prop_oneof![10 => Just(0_u32), 1 => 1_u32..3],
        proptest::option::weighted(0.02, 0_u32..24),
        outcome,
        any::<bool>(),
        prop_oneof![8 => Just(1_usize), 1 => Just(2), 1 => 3_usize..6],
        proptest::option::weighted(0.03, odd_state),
        proptest::bool::weighted(0.01),
        prop_oneof![3 => Just(0_u32), 1 => 1_u32..6],
    );
    moment.prop_map(
        |(arriving, lost, operator, outcome, takes, shown_after, odd_state, by_amazon, masters)| {
            GroupMoment {
                arriving,
                lost,
                operator,
                outcome,
                takes,
                shown_after,
                odd_state,
                by_amazon,
                masters,
            }
        },
    )
}

/// Every node that EMR runs, with the application masters.
fn list(observation: &Observation, moment: &Moment) -> Option<Sampled<NodeSnapshot>> {
    let mut nodes = Vec::new();
    for group in &observation.cluster.value.groups {
        let index = IDS.iter().position(|id| *id == group.id.as_str());
        let masters = index.map_or(0, |index| moment.groups[index].masters);
        nodes.extend((0..group.running.get()).map(|number| NodeLoad {
            instance: InstanceId::new(format!("i-{}-{number}", group.id)),
            group: group.id.clone(),
            containers: u32::from(number < masters),
            has_application_master: number < masters,
            draining: false,
            idle_since: None,
            health: NodeHealth::Usable,
        }));
    }
    Some(Sampled {
        value: NodeSnapshot(nodes),
        measured_at: observation.at,
    })
}

/// A cluster that follows the moments and the resizes.
pub(super) struct World {
    /// Nodes are observed, as a daemon does. Some recordings have none.
    lists_nodes: bool,
    at: Timestamp,
    groups: [Group; 2],
    released: u64,
    last: Option<Observation>,
    yarn: Option<Sampled<YarnLoad>>,
    metrics: BTreeMap<MetricId, Sampled<f64>>,
}

/// One group, with the sizes that EMR shows after so many more observations.
struct Group {
    requested: u32,
    running: u32,
    coming: Vec<(usize, u32)>,
}

pub(super) const IDS: [&str; 2] = ["ig-first", "ig-second"];

impl World {
    pub(super) fn new(sizes: [u32; 2], lists_nodes: bool) -> Self {
        Self {
            lists_nodes,
            at: second(0),
            groups: sizes.map(|size| Group {
                requested: size,
                running: size,
                coming: Vec::new(),
            }),
            released: 100,
            last: None,
            yarn: None,
            metrics: BTreeMap::new(),
        }
    }

    /// The next observation.
    pub(super) fn observe(&mut self, moment: &Moment) -> Observation {
        self.at = self.at + Duration::from_secs(moment.gap_s.unsigned_abs());
        let statuses: Vec<GroupStatus> = (0..2)
            .map(|index| {
                self.groups[index]
                    .pass(&moment.groups[index])
                    .status(index, &moment.groups[index])
            })
            .collect();
        let mut scene = Scene::new(vec![core_group(2)]);
        scene.at = self.at;
        scene.groups.extend(statuses);
        let mut observation = scene.observation();
        observation.cluster.value.state = match (&moment.control, moment.waits) {
            (Ruling::Terminating, _) => ClusterState::Terminating,
            (_, true) => ClusterState::Waiting,
            (_, false) => ClusterState::Running,
        };
        observation.control = match moment.control {
            Ruling::Standby => Control {
                leader: false,
                ..Control::default()
            },
            Ruling::Paused(s, direction) => {
                let until = Timestamp::from_millis(self.at.as_millis() + 1_000 * s);
                Control {
                    pause: Some(Pause { until, direction }),
                    ..Control::default()
                }
            }
            Ruling::Free | Ruling::Terminating => Control::default(),
        };
        let yarn = self.yarn(&moment.yarn);
        self.yarn = yarn.or(self.yarn);
        observation.yarn = yarn;
        for (name, source) in [("depth", &moment.depth), ("lag", &moment.lag)] {
            let id = MetricId::new(name);
            if let Some(sample) = self.sampled(source, self.metrics.get(&id).copied(), |value| {
                f64::from(*value)
            }) {
                self.metrics.insert(id.clone(), sample);
                observation.metrics.insert(id, sample);
            }
        }
        if let (true, Some(last)) = (moment.cluster_is_repeated, &self.last) {
            observation.cluster = last.cluster.clone();
        }
        observation.control.looks_at_nodes = self.lists_nodes;
        let nodes = list(&observation, moment);
        observation.nodes = nodes.filter(|_| self.lists_nodes && moment.nodes_are_listed);
        self.last = Some(observation.clone());
        observation
    }

    fn yarn(&mut self, source: &Source<(u64, u64)>) -> Option<Sampled<YarnLoad>> {
        self.released = if self.released > 700 {
            3
        } else {
            self.released + 17
        };
        let released = self.released;
        self.sampled(source, self.yarn, |(percent, pending)| YarnLoad {
            memory_total: Mebibytes(100_000),
            memory_available: Mebibytes(1_000 * percent),
            memory_allocated: Mebibytes(100_000 - 1_000 * percent),
            containers_pending: *pending,
            containers_released_total: Some(released),
            ..YarnLoad::default()
        })
    }

    /// What a source delivers. A value is never older than the one before it.
    fn sampled<T, V>(
        &self,
        source: &Source<T>,
        before: Option<Sampled<V>>,
        value: impl Fn(&T) -> V,
    ) -> Option<Sampled<V>> {
        match source {
            Source::Missing => None,
            Source::Again => before,
            Source::New(new, delay_s) => {
                let measured_at = self.at - Duration::from_secs(delay_s.unsigned_abs());
                match before {
                    Some(before) if before.measured_at >= measured_at => Some(before),
                    _ => Some(Sampled {
                        value: value(new),
                        measured_at,
                    }),
                }
            }
        }
    }

    /// Lets EMR answer a resize, and returns what is told about it.
    pub(super) fn answer(
        &mut self,
        index: usize,
        to: Instances,
        moment: &Moment,
    ) -> Option<Outcome> {
        let group = &moment.groups[index];
        let is_taken = match group.outcome {
            Some(Outcome::Accepted) => true,
            Some(Outcome::Rejected(_) | Outcome::NotSent) => false,
            Some(Outcome::Unknown) | None => group.takes,
        };
        if is_taken {
            self.groups[index]
                .coming
                .push((group.shown_after, to.get()));
        }
        group.outcome
    }
}

impl Group {
    fn pass(&mut self, moment: &GroupMoment) -> &Self {
        for (left, size) in &mut self.coming {
            *left -= 1;
            if *left == 0 {
                self.requested = *size;
            }
        }
        self.coming.retain(|(left, _)| *left > 0);
        if let Some(size) = moment.operator {
            self.requested = size;
        }
        self.running = self.running.saturating_sub(moment.lost);
        if self.running < self.requested {
            self.running += moment.arriving.min(self.requested - self.running);
        } else {
            self.running -= moment.arriving.min(self.running - self.requested);
        }
        self
    }

    fn status(&self, index: usize, moment: &GroupMoment) -> GroupStatus {
        let mut status = task_group(self.requested);
        status.id = GroupId::new(IDS[index]);
        status.market = [Market::OnDemand, Market::Spot][index];
        status.running = Instances(self.running);
        if self.running != self.requested {
            status.state = GroupState::Resizing;
        }
        status.state = moment.odd_state.unwrap_or(status.state);
        status.scaled_by_amazon = moment.by_amazon;
        status
    }
}
