//! Work as a fluid, because observations show memory and not containers.
//!
//! Memory arrives evenly over the interval between two observations. Memory that starts at one
//! instant ends one lifetime later. Arriving memory starts at once if there is room; the rest waits
//! in a FIFO queue, from which starts replace departures. Work (memory times time) is conserved.
//! The lifetime is constant within a parcel, because the tasks of a stage are alike, and other work
//! waits for them to end together, wave after wave.
//!
//! All active nodes carry the same share of everything. A leaving node keeps its share until it
//! ends. With `n` containers on it, it is empty when `n/(n+1)` of its share has ended, which is
//! when the last of `n` containers is expected to end; the rest of the share, less than one
//! container, then continues on other nodes, so that no work is lost. Work that is killed with its
//! node starts again from the beginning.

mod pool;
mod service;

use std::time::Duration;

use super::cluster::{Change, Cluster, NodeIndex, NodeState};
use super::observed_work::{ObservedWork, Parcel};
use super::run::Run;
use super::scenario::Scenario;
use super::workload::{Application, Load, Master, QueueUsage, Workload};
use crate::observation::pending_limit::PendingLimit;
use crate::observation::steps::Steps;
use crate::observation::work::Work;
use crate::units::{Mebibytes, Percent, Resources, VirtualCores};
use pool::{Inflow, LEAST_LIFETIME_S, Pool};
use service::Segment;

/// Less memory than this is a rounding error.
const LEAST_WORK_MIB: f64 = 1e-3;

/// The work of a recording, served as a fluid.
#[derive(Debug)]
pub(super) struct FluidWorkload<'a> {
    work: &'a ObservedWork,
    now_ms: i64,
    /// The index of the parcel that arrives now, or next.
    next: usize,
    pool: Pool,
    /// The mean over all memory that runs or waits.
    vcores_per_mib: f64,
    /// The number of active nodes of each group.
    active: Vec<u32>,
    /// The interval at which a node takes a container; any number at once if it is zero.
    heartbeat_s: f64,
    leaving: Vec<LeavingNode>,
    /// The pool's `busy_s` at the time when each node joined.
    joined_busy_s: Vec<f64>,
    rerun_mib: f64,
    lost_mib_s: f64,
}

/// A node that finishes its share of the work.
#[derive(Clone, Debug)]
struct LeavingNode {
    index: NodeIndex,
    capacity_mib: f64,
    share: Vec<Segment>,
    since_s: f64,
    empty_at_ms: i64,
}

impl Workload for FluidWorkload<'_> {
    fn advance(&mut self, until_ms: i64, cluster: &mut Cluster) -> i64 {
        let now_ms = self
            .next_event_ms()
            .map_or(until_ms, |at_ms| at_ms.min(until_ms));
        while let Some(parcel) = self.work.parcels.get(self.next).copied()
            && parcel.from_ms < now_ms.max(1)
        {
            self.flow_to(parcel.from_ms.max(self.now_ms), None);
            self.mix_in(&parcel, now_ms, cluster);
            if parcel.span_ms == 0 {
                self.pool
                    .add(parcel.memory_mib, lifetime_s(&parcel), self.next as u32);
            } else {
                self.flow_to(parcel.until_ms().min(now_ms), Some(parcel));
            }
            if parcel.until_ms() > now_ms {
                break;
            }
            self.next += 1;
        }
        self.flow_to(now_ms, None);
        self.end_drains(now_ms, cluster);
        now_ms
    }

    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster) {
        match change {
            Change::Joined(node) => self.join(node, cluster),
            Change::Leaving(node) => self.leave(node, now_ms, cluster),
            Change::Drained(_) => {}
            Change::Lost(node) => {
                for segment in self.take_leaving(node, cluster) {
                    self.rerun_mib += segment.mass_mib;
                    self.lost_mib_s += segment.work_before(self.pool.clock_s);
                    self.pool.requeue(segment.mass_mib, segment.lifetime_s);
                }
            }
        }
    }

    fn settle(&mut self, _now_ms: i64, _cluster: &mut Cluster) {
        self.pool.settle();
    }

    fn backlog(&self) -> Mebibytes {
        self.resources(self.pool.backlog_mib()).memory
    }

    fn is_finished(&self) -> bool {
        self.now_ms >= self.work.end_ms && self.next >= self.work.parcels.len() && self.is_idle()
    }

    fn is_idle(&self) -> bool {
        self.in_service_mib() + self.pool.backlog_mib() < LEAST_WORK_MIB
    }

    fn load(&self, _cluster: &Cluster) -> Load {
        let leaving = self.leaving_mib();
        let containers = |mebibytes: f64| (mebibytes / self.work.container_mib).round() as u64;
        let allocated = self.pool.service.mass_mib + leaving;
        let is_idle = self.is_idle();
        Load {
            allocated: self.resources(allocated),
            leaving: self.resources(leaving),
            pending: self.resources(self.pool.backlog_mib()),
            containers_allocated: containers(allocated),
            containers_pending: containers(self.pool.backlog_mib()),
            containers_released: containers(
                (self.pool.arrived_mib + self.rerun_mib - allocated - self.pool.backlog_mib())
                    .max(0.0),
            ),
            apps_running: u64::from(!is_idle),
            apps_pending: 0,
            oldest_app_started_at: None,
            knows_nodes: false,
        }
    }

    /// An active node has its share of the memory that runs, and a leaving node the rest of its own.
    fn on_node(&self, node: NodeIndex, cluster: &Cluster) -> (u64, Resources) {
        let memory_mib = match self.leaving.iter().find(|leaving| leaving.index == node) {
            Some(leaving) => leaving
                .rest(self.pool.clock_s)
                .map(|segment| segment.mass_mib)
                .sum(),
            None if cluster.nodes[node as usize].state == NodeState::Active
                && self.pool.capacity_mib > 0.0 =>
            {
                self.pool.service.mass_mib * self.memory_of(cluster.nodes[node as usize].capacity)
                    / self.pool.capacity_mib
            }
            None => 0.0,
        };
        (
            (memory_mib / self.work.container_mib).round() as u64,
            self.resources(memory_mib),
        )
    }

    fn submitted(&self) -> u64 {
        u64::from(self.next > 0 || !self.is_idle())
    }

    /// A recording does not name applications, so that all of its work is a single one.
    fn applications(&self, cluster: &Cluster) -> Vec<Application> {
        let load = self.load(cluster);
        let whole = Application {
            number: 0,
            name: "recorded work".into(),
            queue: "default".into(),
            user: None,
            submitted_at: self.work.start,
            master: Master::None,
            containers: load.containers_allocated,
            allocated: load.allocated,
            requests: Vec::new(),
            progress: Percent(100.0 * self.next as f64 / self.work.parcels.len().max(1) as f64),
        };
        if self.is_idle() {
            Vec::new()
        } else {
            vec![whole]
        }
    }

    fn known_work(&self, _: i64, _: bool, _: &Cluster) -> Option<Work> {
        None
    }

    fn steps(&self) -> Option<Steps> {
        None
    }

    fn queues(&self) -> Vec<QueueUsage> {
        Vec::new()
    }

    fn pending_limits(&self) -> Option<Vec<PendingLimit>> {
        None
    }

    fn finish(&mut self, cluster: &mut Cluster, run: &mut Run) {
        for index in cluster.active.clone() {
            cluster.nodes[index as usize].busy_ms +=
                1e3 * (self.pool.busy_s - self.joined_busy_s[index as usize]);
        }
        for node in std::mem::take(&mut self.leaving) {
            cluster.nodes[node.index as usize].busy_ms += 1e3 * node.busy_until(self.pool.clock_s);
        }
        let containers = |mebibytes: f64| (mebibytes / self.work.container_mib).round() as u64;
        let total: f64 = self
            .work
            .parcels
            .iter()
            .map(|parcel| parcel.memory_mib)
            .sum();
        let unfinished = self.in_service_mib() + self.pool.backlog_mib();
        run.tasks_total = containers(total);
        run.tasks_finished = containers(self.pool.arrived_mib - unfinished);
        run.tasks_rerun = containers(self.rerun_mib);
        run.lost_work = Duration::try_from_secs_f64(self.lost_mib_s / self.work.container_mib)
            .unwrap_or_default();
        run.waits = std::mem::take(&mut self.pool.waits);
    }
}

impl<'a> FluidWorkload<'a> {
    /// The work before the first of it arrives.
    pub fn new(work: &'a ObservedWork, scenario: &Scenario) -> Self {
        Self {
            work,
            now_ms: 0,
            next: 0,
            pool: Pool::new(),
            vcores_per_mib: work
                .parcels
                .first()
                .map_or(0.0, |parcel| f64::from(parcel.vcores_per_mib)),
            active: vec![0; scenario.groups.len()],
            heartbeat_s: scenario.yarn.heartbeat.as_secs_f64(),
            leaving: Vec::new(),
            joined_busy_s: Vec::new(),
            rerun_mib: 0.0,
            lost_mib_s: 0.0,
        }
    }

    /// When the next change is due, or `None` if only the cluster can change anything.
    fn next_event_ms(&self) -> Option<i64> {
        let end = if self.now_ms < self.work.end_ms {
            Some(self.work.end_ms)
        } else {
            self.pool
                .service
                .last_end_s()
                .map(|end_s| (end_s * 1e3).ceil() as i64)
        };
        let emptied = self.leaving.iter().map(|node| node.empty_at_ms);
        emptied
            .chain(end)
            .filter(|at_ms| *at_ms > self.now_ms)
            .min()
    }

    /// Advances to an instant, while at most one parcel arrives.
    fn flow_to(&mut self, to_ms: i64, parcel: Option<Parcel>) {
        if to_ms <= self.now_ms {
            return;
        }
        let inflow = parcel.map_or(Inflow::NONE, |parcel| Inflow {
            mib_per_s: parcel.memory_mib / (f64::from(parcel.span_ms) / 1e3),
            lifetime_s: lifetime_s(&parcel),
            parcel: self.next as u32,
        });
        self.pool.flow((to_ms - self.now_ms) as f64 / 1e3, inflow);
        self.now_ms = to_ms;
    }

    fn join(&mut self, index: NodeIndex, cluster: &mut Cluster) {
        self.active[cluster.nodes[index as usize].group] += 1;
        self.set_capacity(cluster);
        // A node that no longer drains adds its share again.
        let share = self.take_leaving(index, cluster);
        self.pool.service.take_in(share);
        let nodes = cluster.nodes.len().max(self.joined_busy_s.len());
        self.joined_busy_s.resize(nodes, 0.0);
        self.joined_busy_s[index as usize] = self.pool.busy_s;
    }

    fn leave(&mut self, index: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let node = &mut cluster.nodes[index as usize];
        let capacity_mib = self.memory_of(node.capacity);
        let share = if self.pool.capacity_mib > 0.0 {
            (capacity_mib / self.pool.capacity_mib).min(1.0)
        } else {
            1.0
        };
        let share = self.pool.service.split(share, self.pool.clock_s);
        node.busy_ms += 1e3 * (self.pool.busy_s - self.joined_busy_s[index as usize]);
        self.active[node.group] -= 1;
        let empty_at_ms = (empty_at_s(&share, self.work.container_mib).max(self.pool.clock_s) * 1e3)
            .ceil() as i64;
        self.leaving.push(LeavingNode {
            index,
            capacity_mib,
            share,
            since_s: self.pool.clock_s,
            empty_at_ms,
        });
        self.set_capacity(cluster);
        self.end_drains(now_ms, cluster);
    }

    /// Terminates the draining nodes that are empty by now. Spot nodes after their notice stay until
    /// EC2 interrupts them.
    fn end_drains(&mut self, now_ms: i64, cluster: &mut Cluster) {
        let is_drained = |node: &LeavingNode| {
            node.empty_at_ms <= now_ms
                && cluster.nodes[node.index as usize].state == NodeState::Draining
        };
        let drained: Vec<NodeIndex> = self
            .leaving
            .iter()
            .filter(|node| is_drained(node))
            .map(|node| node.index)
            .collect();
        for index in drained {
            let rest = self.take_leaving(index, cluster);
            self.pool.service.take_in(rest);
            cluster.terminate_if_drained(index, now_ms);
        }
    }

    /// Removes a node from the leaving ones and returns the memory that is left on it; empty if the
    /// node does not leave.
    fn take_leaving(&mut self, index: NodeIndex, cluster: &mut Cluster) -> Vec<Segment> {
        let Some(position) = self.leaving.iter().position(|node| node.index == index) else {
            return Vec::new();
        };
        let node = self.leaving.remove(position);
        cluster.nodes[index as usize].busy_ms += 1e3 * node.busy_until(self.pool.clock_s);
        node.rest(self.pool.clock_s).collect()
    }

    fn in_service_mib(&self) -> f64 {
        self.pool.service.mass_mib + self.leaving_mib()
    }

    fn leaving_mib(&self) -> f64 {
        self.leaving
            .iter()
            .flat_map(|node| node.rest(self.pool.clock_s))
            .map(|segment| segment.mass_mib)
            .sum()
    }

    /// Updates the mean cores per mebibyte with the part of a parcel that arrives until `now_ms`.
    fn mix_in(&mut self, parcel: &Parcel, now_ms: i64, cluster: &Cluster) {
        let arriving_ms = parcel.until_ms().min(now_ms) - parcel.from_ms.max(self.now_ms);
        let part = if parcel.span_ms == 0 {
            1.0
        } else {
            arriving_ms.max(0) as f64 / f64::from(parcel.span_ms)
        };
        let (there_mib, new_mib) = (
            self.in_service_mib() + self.pool.backlog_mib(),
            parcel.memory_mib * part,
        );
        let vcores = there_mib * self.vcores_per_mib + new_mib * f64::from(parcel.vcores_per_mib);
        let mixed = if there_mib + new_mib > 0.0 {
            vcores / (there_mib + new_mib)
        } else {
            self.vcores_per_mib
        };
        if mixed != self.vcores_per_mib {
            self.vcores_per_mib = mixed;
            self.set_capacity(cluster);
        }
    }

    fn set_capacity(&mut self, cluster: &Cluster) {
        let groups = self.active.iter().zip(&cluster.scenario.groups);
        self.pool.capacity_mib = groups
            .map(|(active, spec)| f64::from(*active) * self.memory_of(spec.node))
            .sum();
        if self.heartbeat_s > 0.0 {
            let nodes: f64 = self.active.iter().copied().map(f64::from).sum();
            self.pool.most_starts_mib_s = nodes * self.work.container_mib / self.heartbeat_s;
        }
    }

    /// The memory of a node that can be used; less than it has if its cores run out first.
    fn memory_of(&self, node: Resources) -> f64 {
        let by_vcores = if self.vcores_per_mib > 0.0 {
            node.vcores.as_f64() / self.vcores_per_mib
        } else {
            f64::INFINITY
        };
        node.memory.as_f64().min(by_vcores)
    }

    fn resources(&self, memory_mib: f64) -> Resources {
        Resources {
            memory: Mebibytes(memory_mib.round() as u64),
            vcores: VirtualCores((memory_mib * self.vcores_per_mib).round() as u64),
        }
    }
}

impl LeavingNode {
    fn rest(&self, now_s: f64) -> impl Iterator<Item = Segment> {
        self.share
            .iter()
            .filter_map(move |segment| segment.rest(now_s))
    }

    /// Seconds of use since the node began to leave.
    fn busy_until(&self, now_s: f64) -> f64 {
        let began: f64 = self
            .share
            .iter()
            .map(|segment| segment.work_after(self.since_s))
            .sum();
        let served = began
            - self
                .rest(now_s)
                .map(|segment| segment.work_after(now_s))
                .sum::<f64>();
        if self.capacity_mib > 0.0 {
            served / self.capacity_mib
        } else {
            0.0
        }
    }
}

/// The instant at which `n/(n+1)` of a share of `n` containers has ended.
fn empty_at_s(share: &[Segment], container_mib: f64) -> f64 {
    let mass_mib: f64 = share.iter().map(|segment| segment.mass_mib).sum();
    let containers = mass_mib / container_mib;
    let mut left_mib = mass_mib * containers / (containers + 1.0);
    let mut ends: Vec<(f64, f64)> = share
        .iter()
        .map(|segment| ((segment.from_s + segment.until_s) / 2.0, segment.mass_mib))
        .collect();
    ends.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let last = ends.into_iter().find(|(_, mass_mib)| {
        left_mib -= mass_mib;
        left_mib <= 0.0
    });
    last.map_or(0.0, |(end_s, _)| end_s)
}

fn lifetime_s(parcel: &Parcel) -> f64 {
    f64::from(parcel.lifetime_s).max(LEAST_LIFETIME_S)
}

#[cfg(test)]
mod tests;
