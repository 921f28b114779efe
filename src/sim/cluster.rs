//! The simulated cluster: groups, and nodes from launch to termination.
//!
//! A resize is absolute, as EMR's is. Growing first takes back nodes that still leave, then
//! launches. Shrinking first cancels launches, then lets go of nodes in the order: not protected,
//! preferred, fewest containers, newest. A leaving node takes no new containers, counts as running
//! until it terminates, and is gone when it is empty or, at the decommission timeout, with what
//! still runs on it.
//!
//! A launch that fails is tried again at once; after [`ATTEMPTS`] failures in a row the group is
//! suspended, as EMR does it, until the next resize. A spot instance is replaced when it is gone;
//! the requested size stays.

mod node;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use statrs::distribution::{ContinuousCDF, Exp, LogNormal};

use super::luck::{Luck, Purpose};
use super::run::{InstanceLife, StepCurve};
use super::scenario::{GroupSpec, Scenario};
use crate::observation::{Direction, InstanceId, Market, Role};
use crate::units::{Instances, Resources, Timestamp};
pub(super) use node::{Group, Node, NodeState};

/// Launches that may fail in a row before a group is suspended.
pub const ATTEMPTS: u32 = 3;

pub(super) type NodeIndex = u32;

#[derive(Debug)]
pub(super) struct Cluster<'a> {
    pub scenario: &'a Scenario,
    pub groups: Vec<Group>,
    /// Every instance ever launched, in order of launch.
    pub nodes: Vec<Node>,
    /// Those that are not terminated, in order of launch.
    pub present: Vec<NodeIndex>,
    /// Nodes that take work, in order of joining.
    pub active: Vec<NodeIndex>,
    /// What the active nodes have.
    pub offered: Resources,
    /// What containers hold on active nodes.
    pub used: Resources,
    /// What containers hold on leaving nodes.
    pub used_leaving: Resources,
    /// Grows when a node joins or terminates.
    pub snapshot_version: u64,
    pub decommissioned: u32,
    pub lost: u32,
    /// What happened to nodes and the world of work has not yet been told.
    pub changes: Vec<Change>,
    pub supply: StepCurve<f64>,
    start: Timestamp,
    luck: Luck,
    events: BinaryHeap<Reverse<(i64, u32, Event)>>,
    events_pushed: u32,
}

/// Which nodes a shrinking group keeps, or lets go, if it can choose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes<'a> {
    pub protect: &'a [InstanceId],
    pub prefer: &'a [InstanceId],
}

/// What the world of work must know of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It takes work from now on, be it new or taken back.
    Joined(NodeIndex),
    /// It takes no more work.
    Leaving(NodeIndex),
    /// It is gone with what ran on it.
    Lost(NodeIndex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    ProvisioningEnds(NodeIndex),
    DrainTimeout { node: NodeIndex, drains: u32 },
    SpotNotice(NodeIndex),
    SpotEnd(NodeIndex),
}

impl<'a> Cluster<'a> {
    /// The cluster at its start, with every group at its `count`.
    pub fn new(scenario: &'a Scenario, seed: u64, start: Timestamp) -> Self {
        let mut cluster = Self {
            scenario,
            groups: vec![Group::default(); scenario.groups.len()],
            nodes: Vec::new(),
            present: Vec::new(),
            active: Vec::new(),
            offered: Resources::default(),
            used: Resources::default(),
            used_leaving: Resources::default(),
            snapshot_version: 0,
            decommissioned: 0,
            lost: 0,
            changes: Vec::new(),
            supply: StepCurve(vec![(start, 0.0)]),
            start,
            luck: Luck::new(seed),
            events: BinaryHeap::new(),
            events_pushed: 0,
        };
        for (index, group) in scenario.groups.iter().enumerate() {
            cluster.groups[index].requested = group.count.get();
            for _ in 0..group.count.get() {
                let node = cluster.add_node(index, 0);
                cluster.join(node, 0);
            }
        }
        cluster
    }

    #[inline]
    pub fn next_event_ms(&self) -> Option<i64> {
        self.events.peek().map(|Reverse((at_ms, ..))| *at_ms)
    }

    /// Lets everything happen that is due.
    #[inline]
    pub fn advance(&mut self, now_ms: i64) {
        if self.next_event_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            self.happen(now_ms);
        }
    }

    fn happen(&mut self, now_ms: i64) {
        while let Some(Reverse((at_ms, _, event))) = self.events.peek().copied()
            && at_ms <= now_ms
        {
            self.events.pop();
            match event {
                Event::ProvisioningEnds(node) => self.provisioning_ends(node, now_ms),
                Event::DrainTimeout { node, drains } => {
                    let drained = &self.nodes[node as usize];
                    if drained.state == NodeState::Draining && drained.drains == drains {
                        self.kill(node, now_ms);
                    }
                }
                Event::SpotNotice(node) => self.spot_notice(node, now_ms),
                Event::SpotEnd(node) => {
                    if self.nodes[node as usize].is_leaving() {
                        self.kill(node, now_ms);
                    }
                }
            }
        }
    }

    /// What `ModifyInstanceGroups` does.
    pub fn resize(&mut self, group: usize, to: Instances, wishes: Wishes, now_ms: i64) {
        let to = to.get();
        let state = &mut self.groups[group];
        if to != state.requested {
            let direction = if to > state.requested {
                Direction::Out
            } else {
                Direction::In
            };
            state.resizes += 1;
            state.flips += u64::from(state.last.is_some_and(|last| last != direction));
            state.last = Some(direction);
        }
        state.requested = to;
        state.suspended = false;
        state.failures = 0;
        if state.staying() < to {
            self.take_back(group, now_ms);
            self.launch_missing(group, now_ms);
        } else {
            self.cancel_launches(group, now_ms);
            self.let_go(group, wishes, now_ms);
        }
    }

    pub fn place(&mut self, node: NodeIndex, container: Resources, is_master: bool, now_ms: i64) {
        let node = &mut self.nodes[node as usize];
        node.settle(now_ms);
        node.used = node.used.plus(container);
        node.containers += 1;
        node.application_masters += u32::from(is_master);
        self.used = self.used.plus(container);
    }

    /// A container has ended; a leaving node that is empty now terminates. Of a node that was lost
    /// at this very moment nothing is left to give back.
    pub fn release(
        &mut self,
        index: NodeIndex,
        container: Resources,
        is_master: bool,
        now_ms: i64,
    ) {
        let node = &mut self.nodes[index as usize];
        if node.state == NodeState::Terminated {
            return;
        }
        node.settle(now_ms);
        node.used = node.used.minus(container);
        node.containers -= 1;
        node.application_masters -= u32::from(is_master);
        if node.containers == 0 {
            node.idle_since_ms = now_ms;
        }
        if node.is_leaving() {
            self.used_leaving = self.used_leaving.minus(container);
            self.terminate_if_drained(index, now_ms);
        } else {
            self.used = self.used.minus(container);
        }
    }

    /// Ends a draining node on which nothing runs any more. A spot node under notice stays until
    /// EC2 takes it.
    pub fn terminate_if_drained(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &self.nodes[index as usize];
        if node.state == NodeState::Draining && node.containers == 0 {
            self.groups[node.group].draining -= 1;
            self.decommissioned += 1;
            self.terminate(index, now_ms);
        }
    }

    /// The lives of all instances, those that still run included.
    pub fn into_lives(mut self, end_ms: i64) -> (Vec<InstanceLife>, StepCurve<f64>) {
        let at = |ms: i64| Timestamp::from_millis(self.start.as_millis().saturating_add(ms));
        let life = |node: &mut Node| {
            node.settle(end_ms);
            InstanceLife {
                group: node.group,
                launched_at: at(node.launched_ms),
                terminated_at: node.terminated_ms.map(at),
                busy_s: node.busy_ms / 1e3,
            }
        };
        (self.nodes.iter_mut().map(life).collect(), self.supply)
    }

    /// An instant of the simulation.
    pub fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis().saturating_add(ms))
    }

    /// Nodes that take no more work and are not gone yet.
    pub fn leaving_workers(&self) -> u32 {
        let workers = self
            .groups
            .iter()
            .zip(&self.scenario.groups)
            .filter(|(_, spec)| spec.role != Role::Primary);
        workers
            .map(|(group, _)| group.draining + group.interrupted)
            .sum()
    }

    fn spec(&self, group: usize) -> &'a GroupSpec {
        &self.scenario.groups[group]
    }

    fn push_event(&mut self, at_ms: i64, event: Event) {
        self.events
            .push(Reverse((at_ms, self.events_pushed, event)));
        self.events_pushed += 1;
    }

    fn add_node(&mut self, group: usize, now_ms: i64) -> NodeIndex {
        let spec = self.spec(group);
        let state = &mut self.groups[group];
        let ordinal = state.launched;
        state.launched += 1;
        state.launching += 1;
        self.nodes.push(Node {
            id: InstanceId::new(format!("i-{}-{}", spec.name, ordinal + 1)),
            group,
            state: NodeState::Launching,
            capacity: spec.node,
            used: Resources::default(),
            containers: 0,
            application_masters: 0,
            idle_since_ms: now_ms,
            busy_ms: 0.0,
            share_of_mib: 1.0 / spec.node.memory.as_f64().max(1.0),
            share_of_vcore: 1.0 / spec.node.vcores.as_f64().max(1.0),
            ordinal,
            launched_ms: now_ms,
            terminated_ms: None,
            doomed: false,
            drains: 0,
            settled_ms: now_ms,
        });
        let index = (self.nodes.len() - 1) as NodeIndex;
        self.present.push(index);
        index
    }

    fn launch_missing(&mut self, group: usize, now_ms: i64) {
        while self.groups[group].staying() + self.groups[group].interrupted
            < self.groups[group].requested
        {
            let node = self.add_node(group, now_ms);
            let delay_ms = self.provisioning_ms(group, self.nodes[node as usize].ordinal);
            self.push_event(
                now_ms.saturating_add(delay_ms),
                Event::ProvisioningEnds(node),
            );
        }
    }

    fn provisioning_ms(&self, group: usize, ordinal: u64) -> i64 {
        /// The standard normal distribution's 95th percentile.
        const Z_95: f64 = 1.644_853_626_951_472_2;
        let (median_s, p95_s) = (
            self.scenario.provisioning.median.as_secs_f64(),
            self.scenario.provisioning.p95.as_secs_f64(),
        );
        let sigma = if median_s > 0.0 {
            (p95_s / median_s).ln() / Z_95
        } else {
            0.0
        };
        let seconds = match LogNormal::new(median_s.ln(), sigma) {
            Ok(distribution) if sigma > 0.0 => {
                distribution.inverse_cdf(self.luck.draw(Purpose::ProvisioningDelay, group, ordinal))
            }
            _ => median_s,
        };
        (seconds * 1e3).round() as i64
    }

    fn provisioning_ends(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &self.nodes[index as usize];
        if node.state != NodeState::Launching {
            return;
        }
        let group = node.group;
        let failure = self.scenario.provisioning.failure.get() / 100.0;
        if failure == 0.0
            || self
                .luck
                .draw(Purpose::ProvisioningFailure, group, node.ordinal)
                >= failure
        {
            self.groups[group].failures = 0;
            self.join(index, now_ms);
            return;
        }
        self.groups[group].launching -= 1;
        self.groups[group].failures += 1;
        self.terminate(index, now_ms);
        if self.groups[group].failures < ATTEMPTS {
            self.launch_missing(group, now_ms);
        } else {
            self.groups[group].suspended = true;
        }
    }

    fn join(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &mut self.nodes[index as usize];
        node.idle_since_ms = now_ms;
        let (group, ordinal) = (node.group, node.ordinal);
        self.groups[group].launching -= 1;
        self.snapshot_version += 1;
        self.activate(index, now_ms);
        let rate = self.scenario.spot.interruptions_per_hour;
        if let (Market::Spot, Ok(lifetime_h)) = (self.spec(group).market, Exp::new(rate)) {
            let life_h = lifetime_h.inverse_cdf(self.luck.draw(Purpose::SpotLife, group, ordinal));
            self.push_event(
                now_ms.saturating_add((life_h * 3.6e6) as i64),
                Event::SpotNotice(index),
            );
        }
    }

    /// From launching or draining to active.
    fn activate(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &mut self.nodes[index as usize];
        node.state = NodeState::Active;
        self.groups[node.group].active += 1;
        if self.scenario.groups[node.group].role == Role::Primary {
            return;
        }
        self.offered = self.offered.plus(node.capacity);
        self.used_leaving = self.used_leaving.minus(node.used);
        self.used = self.used.plus(node.used);
        self.active.push(index);
        self.changes.push(Change::Joined(index));
        self.note_supply(now_ms);
    }

    /// From active to draining or interrupted.
    fn deactivate(&mut self, index: NodeIndex, state: NodeState, now_ms: i64) {
        let node = &mut self.nodes[index as usize];
        node.state = state;
        self.groups[node.group].active -= 1;
        if self.scenario.groups[node.group].role == Role::Primary {
            return;
        }
        self.offered = self.offered.minus(node.capacity);
        self.used = self.used.minus(node.used);
        self.used_leaving = self.used_leaving.plus(node.used);
        self.active.retain(|active| *active != index);
        self.changes.push(Change::Leaving(index));
        self.note_supply(now_ms);
    }

    fn note_supply(&mut self, now_ms: i64) {
        self.supply.set(self.at(now_ms), self.active.len() as f64);
    }

    fn spot_notice(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &mut self.nodes[index as usize];
        if !node.is_there() {
            return;
        }
        node.doomed = true;
        if node.state == NodeState::Active {
            let group = node.group;
            self.groups[group].interrupted += 1;
            self.deactivate(index, NodeState::Interrupted, now_ms);
        }
        let notice_ms = self.scenario.spot.notice.as_millis() as i64;
        self.push_event(now_ms.saturating_add(notice_ms), Event::SpotEnd(index));
    }

    /// Ends a leaving node with what runs on it.
    fn kill(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &mut self.nodes[index as usize];
        node.settle(now_ms);
        self.used_leaving = self.used_leaving.minus(node.used);
        node.used = Resources::default();
        node.containers = 0;
        node.application_masters = 0;
        let (group, interrupted) = (node.group, node.state == NodeState::Interrupted);
        if interrupted {
            self.groups[group].interrupted -= 1;
            self.lost += 1;
        } else {
            self.groups[group].draining -= 1;
            self.decommissioned += 1;
        }
        self.terminate(index, now_ms);
        self.changes.push(Change::Lost(index));
        if interrupted && !self.groups[group].suspended {
            self.launch_missing(group, now_ms);
        }
    }

    fn terminate(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &mut self.nodes[index as usize];
        node.state = NodeState::Terminated;
        node.terminated_ms = Some(now_ms);
        self.present.retain(|present| *present != index);
        self.snapshot_version += 1;
    }

    /// Draining nodes stay after all, those with most to do first.
    fn take_back(&mut self, group: usize, now_ms: i64) {
        let mut leaving = self.indices(group, |node| {
            node.state == NodeState::Draining && !node.doomed
        });
        leaving.sort_by_key(|index| (Reverse(self.nodes[*index as usize].containers), *index));
        let missing = self.groups[group]
            .requested
            .saturating_sub(self.groups[group].staying() + self.groups[group].interrupted);
        for index in leaving.into_iter().take(missing as usize) {
            self.groups[group].draining -= 1;
            self.activate(index, now_ms);
        }
    }

    fn cancel_launches(&mut self, group: usize, now_ms: i64) {
        let excess = self.groups[group]
            .staying()
            .saturating_sub(self.groups[group].requested);
        let launching = self.indices(group, |node| node.state == NodeState::Launching);
        for index in launching.into_iter().rev().take(excess as usize) {
            self.groups[group].launching -= 1;
            self.terminate(index, now_ms);
        }
    }

    fn let_go(&mut self, group: usize, wishes: Wishes, now_ms: i64) {
        let mut excess = self.groups[group]
            .staying()
            .saturating_sub(self.groups[group].requested);
        if self.spec(group).role == Role::Core {
            excess = excess.min(
                self.core_nodes()
                    .saturating_sub(self.scenario.hdfs.core_nodes_needed()),
            );
        }
        if excess == 0 {
            return;
        }
        let [protect, prefer] =
            [wishes.protect, wishes.prefer].map(|ids| ids.iter().collect::<BTreeSet<_>>());
        let mut active = self.indices(group, |node| node.state == NodeState::Active);
        active.sort_by_cached_key(|index| {
            let node = &self.nodes[*index as usize];
            (
                protect.contains(&node.id),
                !prefer.contains(&node.id),
                node.containers,
                Reverse(*index),
            )
        });
        let timeout_ms = self.scenario.decommission_timeout.as_millis() as i64;
        for index in active.into_iter().take(excess as usize) {
            self.groups[group].draining += 1;
            self.deactivate(index, NodeState::Draining, now_ms);
            let node = &mut self.nodes[index as usize];
            node.drains += 1;
            let drains = node.drains;
            self.push_event(
                now_ms.saturating_add(timeout_ms),
                Event::DrainTimeout {
                    node: index,
                    drains,
                },
            );
        }
    }

    /// Core nodes that stay, in all groups: what holds the blocks.
    fn core_nodes(&self) -> u32 {
        let core = self
            .groups
            .iter()
            .zip(&self.scenario.groups)
            .filter(|(_, spec)| spec.role == Role::Core);
        core.map(|(group, _)| group.active).sum()
    }

    fn indices(&self, group: usize, wanted: impl Fn(&Node) -> bool) -> Vec<NodeIndex> {
        let is_wanted = |index: &NodeIndex| {
            let node = &self.nodes[*index as usize];
            node.group == group && wanted(node)
        };
        self.present.iter().copied().filter(is_wanted).collect()
    }
}
