//! Work as a fluid: what observations know of it.
//!
//! Memory in service leaves at the rate `mass / lifetime`, as containers with exponential lifetimes do on average. What arrives while there
//! is room starts at once; the rest waits in one FIFO queue, from which starts replace departures. Work (memory times time) is conserved
//! exactly. Work that is killed with its node starts again with its mean lifetime ahead of it.
//!
//! All active nodes carry the same share. A leaving node keeps its own, which goes on ending at the same rate. With `n` containers on it and
//! mean lifetime `T`, it is empty after `T n/(n+1)`: the expected longest of `n` remainders that lie evenly between nothing and `T`. Should
//! the fluid still have a rest on it then, the rest goes back to the other nodes, so that nothing is lost.

mod pool;

use std::time::Duration;

use super::cluster::{Change, Cluster, NodeIndex, NodeState};
use super::observe::Load;
use super::observed::{ObservedLoad, Parcel};
use super::run::{Run, StepCurve};
use super::scenario::Scenario;
use super::world::World;
use crate::trace::Resources;
use crate::units::{Mebibytes, Timestamp, VirtualCores};
use pool::{Inflow, Pool};

#[derive(Debug)]
pub(super) struct FluidWorld<'a> {
    load: &'a ObservedLoad,
    now_ms: i64,
    /// The parcel that arrives now, or next.
    next: usize,
    pool: Pool,
    /// Of the parcel that arrived last.
    vcores_per_mib: f64,
    /// Active nodes of each group.
    active: Vec<u32>,
    leaving: Vec<LeavingNode>,
    /// For each node the pool's `busy_s` when it joined.
    joined_busy_s: Vec<f64>,
    backlog: StepCurve<Resources>,
    rerun_mib: f64,
    lost_mib_s: f64,
}

/// A node that finishes its share of the work.
#[derive(Clone, Copy, Debug)]
struct LeavingNode {
    index: NodeIndex,
    capacity_mib: f64,
    /// At `since_ms`.
    mass_mib: f64,
    lifetime_s: f64,
    since_ms: i64,
    empty_at_ms: i64,
}

impl LeavingNode {
    fn mass_at(&self, now_ms: i64) -> f64 {
        self.mass_mib * (-((now_ms - self.since_ms) as f64 / 1e3) / self.lifetime_s).exp()
    }
}

impl World for FluidWorld<'_> {
    fn next_event_ms(&self) -> Option<i64> {
        let end = (self.now_ms < self.load.end_ms).then_some(self.load.end_ms);
        let emptied = self.leaving.iter().map(|node| node.empty_at_ms).filter(|at_ms| *at_ms > self.now_ms);
        emptied.chain(end).min()
    }

    fn advance(&mut self, now_ms: i64, cluster: &mut Cluster) {
        while let Some(parcel) = self.load.parcels.get(self.next).copied()
            && parcel.from_ms < now_ms.max(1)
        {
            self.flow_to(parcel.from_ms.max(self.now_ms), None);
            self.set_ratio(f64::from(parcel.vcores_per_mib), cluster);
            if parcel.span_ms == 0 {
                self.pool.add(parcel.memory_mib, f64::from(parcel.lifetime_s), self.next as u32);
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
    }

    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster) {
        match change {
            Change::Joined(node) => self.join(node, now_ms, cluster),
            Change::Leaving(node) => self.leave(node, now_ms, cluster),
            Change::Lost(node) => {
                if let Some((residue, lifetime_s)) = self.take_leaving(node, now_ms, cluster) {
                    self.rerun_mib += residue;
                    self.lost_mib_s += residue * lifetime_s;
                    self.pool.requeue(residue, lifetime_s);
                }
            }
        }
    }

    fn settle(&mut self, now_ms: i64, _cluster: &mut Cluster) {
        self.pool.fill();
        let at = Timestamp::from_millis(self.load.start.as_millis().saturating_add(now_ms));
        self.backlog.set(at, self.resources(self.pool.backlog_mib()));
    }

    fn is_finished(&self) -> bool {
        self.now_ms >= self.load.end_ms && self.next >= self.load.parcels.len() && self.is_idle()
    }

    fn is_idle(&self) -> bool {
        let leaving: f64 = self.leaving.iter().map(|node| node.mass_at(self.now_ms)).sum();
        self.pool.mass_mib + self.pool.backlog_mib() + leaving < 0.5 * self.load.container_mib
    }

    fn load(&self, _cluster: &Cluster) -> Load {
        let leaving: f64 = self.leaving.iter().map(|node| node.mass_at(self.now_ms)).sum();
        let containers = |mebibytes: f64| (mebibytes / self.load.container_mib).round() as u64;
        let allocated = self.pool.mass_mib + leaving;
        let is_idle = self.is_idle();
        Load {
            allocated: self.resources(allocated),
            leaving: self.resources(leaving),
            pending: self.resources(self.pool.backlog_mib()),
            containers_allocated: containers(allocated),
            containers_pending: containers(self.pool.backlog_mib()),
            containers_released: containers((self.pool.arrived_mib + self.rerun_mib - allocated - self.pool.backlog_mib()).max(0.0)),
            apps_running: u64::from(!is_idle),
            apps_pending: 0,
            knows_nodes: false,
        }
    }

    fn finish(mut self, now_ms: i64, cluster: &mut Cluster, run: &mut Run) {
        for index in cluster.active.clone() {
            cluster.nodes[index as usize].busy_s += self.pool.busy_s - self.joined_busy_s[index as usize];
        }
        for node in std::mem::take(&mut self.leaving) {
            cluster.nodes[node.index as usize].busy_s += node.busy_until(now_ms);
        }
        let containers = |mebibytes: f64| (mebibytes / self.load.container_mib).round() as u64;
        let total: f64 = self.load.parcels.iter().map(|parcel| parcel.memory_mib).sum();
        let unfinished = if self.is_finished() { 0.0 } else { self.pool.mass_mib + self.pool.backlog_mib() };
        run.tasks_total = containers(total);
        run.tasks_finished = containers(self.pool.arrived_mib - unfinished);
        run.tasks_rerun = containers(self.rerun_mib);
        run.lost_work = Duration::try_from_secs_f64(self.lost_mib_s / self.load.container_mib).unwrap_or_default();
        run.waits = self.pool.waits;
        run.backlog = self.backlog;
    }
}

impl<'a> FluidWorld<'a> {
    pub fn new(load: &'a ObservedLoad, scenario: &Scenario) -> Self {
        Self {
            load,
            now_ms: 0,
            next: 0,
            pool: Pool::default(),
            vcores_per_mib: load.parcels.first().map_or(0.0, |parcel| f64::from(parcel.vcores_per_mib)),
            active: vec![0; scenario.groups.len()],
            leaving: Vec::new(),
            joined_busy_s: Vec::new(),
            backlog: StepCurve::default(),
            rerun_mib: 0.0,
            lost_mib_s: 0.0,
        }
    }

    /// Lets time pass in which one parcel, or nothing, arrives.
    fn flow_to(&mut self, to_ms: i64, parcel: Option<Parcel>) {
        if to_ms <= self.now_ms {
            return;
        }
        let inflow = parcel.map_or(Inflow::none(), |parcel| Inflow {
            mib_per_s: parcel.memory_mib / (f64::from(parcel.span_ms) / 1e3),
            lifetime_s: f64::from(parcel.lifetime_s),
            parcel: self.next as u32,
        });
        self.pool.flow((to_ms - self.now_ms) as f64 / 1e3, inflow);
        self.now_ms = to_ms;
    }

    fn join(&mut self, index: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        self.active[cluster.nodes[index as usize].group] += 1;
        self.set_capacity(cluster);
        // A node that is taken back brings its share along.
        if let Some((residue, lifetime_s)) = self.take_leaving(index, now_ms, cluster) {
            self.pool.put_back(residue, lifetime_s);
        }
        let nodes = cluster.nodes.len().max(self.joined_busy_s.len());
        self.joined_busy_s.resize(nodes, 0.0);
        self.joined_busy_s[index as usize] = self.pool.busy_s;
    }

    fn leave(&mut self, index: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let node = &mut cluster.nodes[index as usize];
        let capacity_mib = self.memory_of(node.capacity);
        let share = if self.pool.capacity_mib > 0.0 { (capacity_mib / self.pool.capacity_mib).min(1.0) } else { 1.0 };
        let (mass_mib, lifetime_s) = self.pool.split(share);
        node.busy_s += self.pool.busy_s - self.joined_busy_s[index as usize];
        self.active[node.group] -= 1;
        let containers = mass_mib / self.load.container_mib;
        let empty_s = lifetime_s * containers / (containers + 1.0);
        let empty_at_ms = now_ms.saturating_add((empty_s * 1e3).round() as i64);
        let leaving = LeavingNode { index, capacity_mib, mass_mib, lifetime_s, since_ms: now_ms, empty_at_ms };
        self.leaving.push(leaving);
        self.set_capacity(cluster);
        self.end_drains(now_ms, cluster);
    }

    /// Draining nodes that are empty by now terminate. Spot nodes under notice stay until EC2 takes them.
    fn end_drains(&mut self, now_ms: i64, cluster: &mut Cluster) {
        let is_drained = |node: &LeavingNode| node.empty_at_ms <= now_ms && cluster.nodes[node.index as usize].state == NodeState::Draining;
        let drained: Vec<NodeIndex> = self.leaving.iter().filter(|node| is_drained(node)).map(|node| node.index).collect();
        for index in drained {
            if let Some((residue, lifetime_s)) = self.take_leaving(index, now_ms, cluster) {
                self.pool.put_back(residue, lifetime_s);
            }
            cluster.terminate_if_drained(index, now_ms);
        }
    }

    /// What is left on a leaving node, which is then no longer ours, and its mean lifetime.
    fn take_leaving(&mut self, index: NodeIndex, now_ms: i64, cluster: &mut Cluster) -> Option<(f64, f64)> {
        let position = self.leaving.iter().position(|node| node.index == index)?;
        let node = self.leaving.remove(position);
        cluster.nodes[index as usize].busy_s += node.busy_until(now_ms);
        Some((node.mass_at(now_ms), node.lifetime_s))
    }

    fn set_ratio(&mut self, vcores_per_mib: f64, cluster: &Cluster) {
        if vcores_per_mib != self.vcores_per_mib {
            self.vcores_per_mib = vcores_per_mib;
            self.set_capacity(cluster);
        }
    }

    fn set_capacity(&mut self, cluster: &Cluster) {
        let groups = self.active.iter().zip(&cluster.scenario.groups);
        self.pool.capacity_mib = groups.map(|(active, spec)| f64::from(*active) * self.memory_of(spec.node)).sum();
    }

    /// The memory that can be used of a node: less than it has where cores run out first.
    fn memory_of(&self, node: Resources) -> f64 {
        let by_vcores = if self.vcores_per_mib > 0.0 { node.vcores.as_f64() / self.vcores_per_mib } else { f64::INFINITY };
        node.memory.as_f64().min(by_vcores)
    }

    fn resources(&self, memory_mib: f64) -> Resources {
        Resources { memory: Mebibytes(memory_mib.round() as u64), vcores: VirtualCores((memory_mib * self.vcores_per_mib).round() as u64) }
    }
}

impl LeavingNode {
    /// Seconds of use since it began to leave.
    fn busy_until(&self, now_ms: i64) -> f64 {
        let served_mib_s = (self.mass_mib - self.mass_at(now_ms)) * self.lifetime_s;
        if self.capacity_mib > 0.0 { served_mib_s / self.capacity_mib } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
