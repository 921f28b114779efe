//! The simulated cluster: groups, and nodes from launch to termination.
//!
//! A resize is absolute, as EMR's is. A scale-out first recommissions nodes that drain, then
//! launches. A scale-in first cancels launches, then drains nodes in the order: not protected,
//! preferred, fewest containers, newest. A draining node takes no new containers, counts as running
//! until it terminates, and terminates when it is empty or, with the containers that still run, at
//! the decommission timeout.
//!
//! A launch that fails is tried again at once; after [`ATTEMPTS`] failures in a row the group is
//! suspended, as in EMR, until the next resize. A spot instance that was interrupted is replaced;
//! the requested size stays.

mod chance;
mod events;
mod node;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::run::{InstanceLife, StepCurve};
use super::scenario::{GroupSpec, Scenario};
use crate::observation::{InstanceId, Role};
use crate::units::{Instances, Resources, Timestamp};
use chance::Chance;
use events::{Event, EventQueue};
pub(super) use node::{Group, Node, NodeIndex, NodeState};

/// Launches that may fail in a row before a group is suspended.
const ATTEMPTS: u32 = 3;

/// The groups and nodes of a scenario, at one instant.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    pub scenario: &'a Scenario,
    pub groups: Vec<Group>,
    /// Every instance ever launched, in order of launch.
    pub nodes: Vec<Node>,
    /// Nodes that are not terminated, in order of launch.
    pub present: Vec<NodeIndex>,
    /// Nodes that take work, in order of joining.
    pub active: Vec<NodeIndex>,
    /// The capacity of the active nodes.
    pub offered: Resources,
    /// Held by containers on active nodes.
    pub used: Resources,
    /// Held by containers on leaving nodes.
    pub used_leaving: Resources,
    /// Grows when a node joins or terminates.
    pub node_list_version: u64,
    /// Nodes that terminated after they drained.
    pub decommissioned: u32,
    /// Spot nodes that were interrupted.
    pub lost: u32,
    /// Changes to nodes that the workload has not handled yet.
    pub changes: Vec<Change>,
    /// The number of active nodes over time.
    supply: StepCurve<f64>,
    start: Timestamp,
    chance: Chance<'a>,
    events: EventQueue,
}

/// The instances that a scale-in keeps, and those that it terminates first, as far as it can choose.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScaleInOrder<'a> {
    pub protect: &'a [InstanceId],
    pub prefer: &'a [InstanceId],
}

/// A change to a node that the workload must handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The node takes work from now on: it is new, or no longer drains.
    Joined(NodeIndex),
    /// The node takes no more work.
    Leaving(NodeIndex),
    /// The node terminated with the containers that ran on it.
    Lost(NodeIndex),
    /// The node terminated after its containers had ended.
    Drained(NodeIndex),
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
            node_list_version: 0,
            decommissioned: 0,
            lost: 0,
            changes: Vec::new(),
            supply: StepCurve(vec![(start, 0.0)]),
            start,
            chance: Chance::new(scenario, seed),
            events: EventQueue::default(),
        };
        for (index, group) in scenario.groups.iter().enumerate() {
            for shortage in &group.shortages {
                let end_ms = i64::try_from(shortage.to.as_millis()).unwrap_or(i64::MAX);
                cluster
                    .events
                    .push(0, end_ms, Event::ShortageEnds { group: index });
            }
            cluster.groups[index].requested = group.count.get();
            for _ in 0..group.count.get() {
                let node = cluster.add_node(index, 0);
                cluster.join(node, 0);
            }
        }
        cluster
    }

    /// When the next launch, timeout or interruption is due.
    #[inline]
    pub fn next_event_ms(&self) -> Option<i64> {
        self.events.next_ms()
    }

    /// Processes all events that are due.
    #[inline]
    pub fn advance(&mut self, now_ms: i64) {
        if self.next_event_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            self.process_due(now_ms);
        }
    }

    fn process_due(&mut self, now_ms: i64) {
        while let Some(event) = self.events.pop_due(now_ms) {
            match event {
                Event::ProvisioningEnds(node) => self.provisioning_ends(node, now_ms),
                Event::DrainTimeout { node, drains } => {
                    let drained = &self.nodes[node as usize];
                    if drained.state == NodeState::Draining && drained.drains == drains {
                        self.kill(node, now_ms);
                    }
                }
                Event::SpotNotice(node) => self.spot_notice(node, now_ms),
                Event::ShortageEnds { group } => self.launch_missing(group, now_ms),
                Event::SpotEnd(node) => {
                    if self.nodes[node as usize].is_leaving() {
                        self.kill(node, now_ms);
                    }
                }
            }
        }
    }

    /// Resizes a group as `ModifyInstanceGroups` does.
    pub fn resize(&mut self, group: usize, to: Instances, order: ScaleInOrder, now_ms: i64) {
        let state = &mut self.groups[group];
        state.request(to.get());
        if state.staying() < state.requested {
            self.recommission(group, now_ms);
            self.launch_missing(group, now_ms);
        } else {
            self.cancel_launches(group, now_ms);
            self.drain_excess(group, order, now_ms);
        }
    }

    /// Starts a container on a node.
    pub fn place(&mut self, node: NodeIndex, container: Resources, is_master: bool, now_ms: i64) {
        let node = &mut self.nodes[node as usize];
        node.settle(now_ms);
        node.used = node.used.plus(container);
        node.containers += 1;
        node.application_masters += u32::from(is_master);
        self.used = self.used.plus(container);
    }

    /// Ends a container; a draining node that is empty now terminates. Does nothing if the node was
    /// lost at this very instant.
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

    /// Terminates a draining node on which no container runs. A spot node after its notice stays
    /// until EC2 interrupts it.
    pub fn terminate_if_drained(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &self.nodes[index as usize];
        if node.state == NodeState::Draining && node.containers == 0 {
            self.groups[node.group].draining -= 1;
            self.decommissioned += 1;
            self.terminate(index, now_ms);
            self.changes.push(Change::Drained(index));
        }
    }

    /// The lives of all instances, including those that still run, and the active nodes over time.
    pub fn into_lives(mut self, end_ms: i64) -> (Vec<InstanceLife>, StepCurve<f64>) {
        for node in &mut self.nodes {
            node.settle(end_ms);
        }
        let lives = self.nodes.iter().map(|node| InstanceLife {
            group: node.group,
            launched_at: self.at(node.launched_ms),
            terminated_at: node.terminated_ms.map(|ms| self.at(ms)),
            busy_s: node.busy_ms / 1e3,
        });
        (lives.collect(), self.supply)
    }

    /// The instant so many milliseconds after the start.
    pub fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis().saturating_add(ms))
    }

    /// The number of core and task nodes that run and take no more work.
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

    fn add_node(&mut self, group: usize, now_ms: i64) -> NodeIndex {
        let spec = self.spec(group);
        let state = &mut self.groups[group];
        let ordinal = state.launched;
        state.launched += 1;
        state.launching += 1;
        let id = InstanceId::new(format!("i-{}-{}", spec.name, ordinal + 1));
        self.nodes
            .push(Node::new(id, group, spec.node, ordinal, now_ms));
        let index = (self.nodes.len() - 1) as NodeIndex;
        self.present.push(index);
        index
    }

    /// Launches what is requested, as far as EC2 has instances.
    fn launch_missing(&mut self, group: usize, now_ms: i64) {
        let available = self.spec(group).available(now_ms);
        while self.groups[group].staying() + self.groups[group].interrupted
            < self.groups[group].requested
            && self.groups[group].staying() < available
        {
            let node = self.add_node(group, now_ms);
            let ordinal = self.nodes[node as usize].ordinal;
            let delay_ms = self.chance.provisioning_ms(group, ordinal);
            self.events
                .push(now_ms, delay_ms, Event::ProvisioningEnds(node));
        }
    }

    fn provisioning_ends(&mut self, index: NodeIndex, now_ms: i64) {
        let node = &self.nodes[index as usize];
        if node.state != NodeState::Launching {
            return;
        }
        let group = node.group;
        if !self.chance.launch_fails(group, node.ordinal) {
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
        self.node_list_version += 1;
        self.activate(index, now_ms);
        if let Some(life_ms) = self.chance.spot_life_ms(group, ordinal) {
            self.events.push(now_ms, life_ms, Event::SpotNotice(index));
        }
    }

    /// Makes a launching or draining node active.
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

    /// Makes an active node draining or interrupted.
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
        self.events.push(now_ms, notice_ms, Event::SpotEnd(index));
    }

    /// Terminates a leaving node with the containers that run on it.
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
        self.node_list_version += 1;
    }

    /// Makes draining nodes active again, those with most containers first.
    fn recommission(&mut self, group: usize, now_ms: i64) {
        let mut leaving = self.select(group, |node| {
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
        let launching = self.select(group, |node| node.state == NodeState::Launching);
        for index in launching.into_iter().rev().take(excess as usize) {
            self.groups[group].launching -= 1;
            self.terminate(index, now_ms);
        }
    }

    /// Drains the nodes that are more than requested, as far as HDFS can spare them.
    fn drain_excess(&mut self, group: usize, order: ScaleInOrder, now_ms: i64) {
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
            [order.protect, order.prefer].map(|ids| ids.iter().collect::<BTreeSet<_>>());
        let mut active = self.select(group, |node| node.state == NodeState::Active);
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
            let timeout = Event::DrainTimeout {
                node: index,
                drains,
            };
            self.events.push(now_ms, timeout_ms, timeout);
        }
    }

    /// The number of active core nodes in all groups, which hold the blocks of HDFS.
    fn core_nodes(&self) -> u32 {
        let core = self
            .groups
            .iter()
            .zip(&self.scenario.groups)
            .filter(|(_, spec)| spec.role == Role::Core);
        core.map(|(group, _)| group.active).sum()
    }

    /// The nodes of a group that `is_selected` accepts, in order of launch.
    fn select(&self, group: usize, is_selected: impl Fn(&Node) -> bool) -> Vec<NodeIndex> {
        let selected = |index: &NodeIndex| {
            let node = &self.nodes[*index as usize];
            node.group == group && is_selected(node)
        };
        self.present.iter().copied().filter(selected).collect()
    }
}
