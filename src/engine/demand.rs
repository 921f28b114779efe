//! Computes how many units all targets of a `demand:` policy should have together.
//!
//! A unit is what the group counts: an instance, or a capacity unit of a fleet. Demand is what is
//! allocated plus the backlog, in units of the binding resource. Three parts make the desired size:
//!
//! - **Growth** ([`turnover`], [`provisioning`]): units for the part of the backlog that does not
//!   start soon enough as running containers finish.
//! - **Retention** ([`levels`], [`retention`]): level `i` is busy while at least `i` units are needed.
//!   An idle level is kept as long as the history of its idle gaps shows that keeping it costs less
//!   than launching a unit again.
//! - **Forecast** ([`daily`]): what was needed at this time on earlier days is launched before it is
//!   needed. A forecast never scales in.
//!
//! The performance index ([`preference`]) sets how much waiting is worth. Everything learned is part
//! of the engine's state.

mod daily;
mod levels;
mod preference;
mod provisioning;
mod retention;
pub mod shares;
mod turnover;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::target::Tick;
use crate::decision::{DemandReport, HoldReason, Resource};
use crate::observation::{GroupKind, GroupStatus, Role, YarnLoad};
use crate::policy::demand::{Demand, DemandUnits};
use crate::units::{Instances, Mebibytes, Timestamp};
use daily::Daily;
use levels::Levels;
use preference::Preference;
use provisioning::Provisioning;
use retention::Retention;
use shares::Member;
use turnover::Turnover;

/// A fraction of a unit that is ignored: YARN reports memory in whole mebibytes.
const NEGLIGIBLE: f64 = 1e-3;

/// What a `demand:` policy learns from one observation to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandState {
    unit: Option<UnitSize>,
    /// When YARN's load was last measured.
    measured_at: Option<Timestamp>,
    turnover: Turnover,
    provisioning: Provisioning,
    levels: Levels,
    retention: Retention,
    daily: Daily,
}

/// What one unit offers to containers: the mean over all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitSize {
    memory_mib: f64,
    /// `None` if cores are not counted.
    vcores: Option<f64>,
}

/// The units that all targets should have together.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Units of the targets, within the limits of the demand.
    pub desired: u32,
    /// The demand's limits, in units of the targets.
    pub limits: UnitLimits,
    pub report: DemandReport,
}

/// The limits of a demand, in units of its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitLimits {
    pub min: u32,
    pub max: u32,
    pub max_core: u32,
    pub max_on_demand: u32,
}

/// The load of one resource, in units.
#[derive(Clone, Copy, Debug)]
struct Load {
    resource: Resource,
    allocated: f64,
    pending: f64,
    /// The part of `pending` that starts within the patience, as containers finish.
    served: f64,
    /// How many containers run one after another in the same place within the patience; at least
    /// one.
    turns: f64,
}

impl Load {
    fn remaining(&self) -> f64 {
        (self.pending - self.served).max(0.0)
    }

    /// Units that serve what remains within the patience, once they are there.
    fn for_remaining(&self) -> f64 {
        self.remaining() / self.turns
    }

    /// Units for what is allocated and what remains.
    fn units(&self, preference: Preference, working: u32) -> u32 {
        let wanted = (self.allocated + self.for_remaining()) * preference.headroom;
        whole(wanted.min(f64::from(working.max(1)) * preference.growth))
    }
}

impl Plan {
    /// Returns the size of each target. The report says if they cannot take everything desired.
    pub fn shares(&mut self, members: &[Member]) -> Vec<u32> {
        let sizes = shares::shares(self.desired, &self.limits, members);
        let total = sizes.iter().copied().fold(0, u32::saturating_add);
        self.report.units_possible = (total < self.desired).then_some(total);
        sizes
    }
}

impl DemandState {
    /// Takes an observation and computes the units that all targets should have together. `targets`
    /// are the groups that the policy resizes, as far as the cluster has them.
    ///
    /// # Errors
    /// The reason to hold when the demand is unknown.
    pub fn plan(
        &mut self,
        demand: &Demand,
        tick: &Tick,
        targets: &[&GroupStatus],
    ) -> Result<Plan, HoldReason> {
        let observation = tick.observation;
        let at = observation.at;
        let requested = targets
            .iter()
            .map(|group| group.requested)
            .sum::<Instances>()
            .get();
        let running = targets
            .iter()
            .map(|group| group.running.min(group.requested))
            .sum::<Instances>()
            .get();
        self.provisioning.observe(at, requested, running);
        let yarn = observation
            .yarn
            .as_ref()
            .ok_or_else(|| HoldReason::MissingSignal {
                signal: "yarn".into(),
            })?;
        if at.since(yarn.measured_at) > tick.max_age {
            return Err(HoldReason::StaleData {
                signal: "yarn".into(),
                measured_at: yarn.measured_at,
            });
        }
        let workers = || {
            observation
                .cluster
                .value
                .groups
                .iter()
                .filter(|group| group.role != Role::Primary)
        };
        let is_other = |group: &&GroupStatus| targets.iter().all(|target| target.id != group.id);
        let others = workers()
            .filter(is_other)
            .map(|group| group.running)
            .sum::<Instances>()
            .get();
        let counts_nodes = workers().all(|group| group.kind == GroupKind::Group);
        self.measure_unit(
            &yarn.value,
            workers()
                .map(|group| group.running)
                .sum::<Instances>()
                .get(),
            counts_nodes,
        );
        let unit = self.unit.ok_or_else(|| HoldReason::MissingSignal {
            signal: "yarn_nodes_active".into(),
        })?;
        let limits = UnitLimits::of(demand, unit).ok_or_else(|| HoldReason::MissingSignal {
            signal: "yarn_vcores_total".into(),
        })?;

        let preference = Preference::of(demand.performance_index, self.provisioning.delay());
        let have = others.saturating_add(requested);
        if self.measured_at.is_none() {
            self.levels.assume_needed(have);
        }
        if self.measured_at != Some(yarn.measured_at) {
            self.learn(
                &yarn.value,
                yarn.measured_at,
                tick.max_age,
                unit,
                preference,
                limits.max.saturating_add(others),
            );
        }
        let load = self.binding(&yarn.value, unit, preference.patience);
        let there = others.saturating_add(running);
        let kept = self.kept(at, have, there, preference.price);
        let forecast = self.daily.forecast(at, self.provisioning.delay());
        let grown = load.units(preference, there);
        let needed = grown.max(forecast.unwrap_or(0));
        let total = if needed > have {
            needed
        } else {
            kept.max(needed).min(have)
        };
        let desired = total.saturating_sub(others).clamp(limits.min, limits.max);
        let report = DemandReport {
            memory_pending_mib: yarn.value.memory_pending,
            units_allocated: load.allocated,
            units_pending: load.pending,
            units_served: load.served.min(load.pending),
            units_remaining: load.remaining(),
            units_for_remaining: load.for_remaining(),
            headroom: preference.headroom,
            units_needed: needed,
            units_kept: kept,
            units_forecast: forecast,
            units_others: others,
            units_desired: desired,
            units_possible: None,
            binding: load.resource,
            unit_vcores: unit.vcores,
            unit_memory_mib: Mebibytes(unit.memory_mib.round() as u64),
            patience_s: preference.patience.as_secs_f64(),
            provisioning_s: self.provisioning.delay().as_secs_f64(),
            container_lifetime_s: self
                .turnover
                .lifetime()
                .map(|lifetime| lifetime.as_secs_f64()),
            keep_idle_s: self
                .retention
                .keep_for(have, preference.price)
                .as_secs_f64(),
            days_known: self.daily.days(),
        };
        Ok(Plan {
            desired,
            limits,
            report,
        })
    }

    /// Adjusts to a clock that went back: what was learned stays, what was in progress is dropped.
    pub fn restart_clock(&mut self) {
        self.measured_at = None;
        self.levels.forget();
        self.turnover.forget();
        self.provisioning.forget();
    }

    /// Returns how many of `have` units are needed or worth keeping. Cancelling a unit that does not
    /// run yet loses only the part of its provisioning that has passed, so it is worth keeping for
    /// that part of the time.
    fn kept(&mut self, at: Timestamp, have: u32, there: u32, price: Duration) -> u32 {
        let (retention, passed) = (&mut self.retention, self.provisioning.passed(at));
        self.levels.kept(at, have, |levels, idle| {
            let (first, last) = levels.into_inner();
            let worth_having = retention.worth(first..=last.min(there), idle, price);
            let Some(next) = there.checked_add(1) else {
                return worth_having;
            };
            let idle =
                Duration::try_from_secs_f64(idle.as_secs_f64() / passed).unwrap_or(Duration::MAX);
            worth_having + retention.worth(first.max(next)..=last, idle, price)
        })
    }

    fn learn(
        &mut self,
        yarn: &YarnLoad,
        at: Timestamp,
        allowance: Duration,
        unit: UnitSize,
        preference: Preference,
        most: u32,
    ) {
        if self
            .measured_at
            .is_some_and(|last| at.since(last) > allowance || at < last)
        {
            self.levels.forget();
            self.turnover.forget();
        }
        self.measured_at = Some(at);
        self.turnover.observe(
            at,
            yarn.containers_allocated,
            yarn.containers_released_total,
        );
        let load = self.binding(yarn, unit, Duration::ZERO);
        let needed =
            whole((load.allocated + load.pending) * preference.headroom.max(1.0)).min(most);
        for gap in self.levels.observe(at, needed) {
            self.retention.learn(gap);
        }
        let load = self.binding(yarn, unit, preference.patience);
        self.daily
            .observe(at, load.units(preference, yarn.nodes.active).min(most));
    }

    /// Measures the mean size of a unit while no node is joining or leaving. `counts_nodes` says that
    /// a unit is a node.
    fn measure_unit(&mut self, yarn: &YarnLoad, running: u32, counts_nodes: bool) {
        let nodes = yarn.nodes;
        let is_settled = nodes.active > 0
            && nodes.decommissioning == 0
            && (nodes.active == running || !counts_nodes);
        if (is_settled || self.unit.is_none()) && running > 0 && yarn.memory_total.get() > 0 {
            let per_unit = |total: f64| total / f64::from(running);
            self.unit = Some(UnitSize {
                memory_mib: per_unit(yarn.memory_total.as_f64()),
                vcores: yarn
                    .vcores_total
                    .filter(|vcores| vcores.get() > 0)
                    .map(|vcores| per_unit(vcores.as_f64())),
            });
        }
    }

    /// The load of the binding resource: the one that needs most units.
    fn binding(&self, yarn: &YarnLoad, unit: UnitSize, patience: Duration) -> Load {
        let finished = self.turnover.times_finished_in(patience);
        let load = |resource, allocated: f64, pending: f64, size: f64| Load {
            resource,
            allocated: allocated / size,
            pending: pending / size,
            served: allocated / size * finished,
            turns: finished.max(1.0),
        };
        let memory = load(
            Resource::Memory,
            yarn.memory_allocated.as_f64(),
            yarn.memory_pending.as_f64(),
            unit.memory_mib,
        );
        let cores = (unit.vcores, yarn.vcores_allocated, yarn.vcores_pending);
        let (Some(size), Some(allocated), Some(pending)) = cores else {
            return memory;
        };
        let vcores = load(Resource::Vcores, allocated.as_f64(), pending.as_f64(), size);
        if vcores.allocated + vcores.pending > memory.allocated + memory.pending {
            vcores
        } else {
            memory
        }
    }
}

impl UnitLimits {
    /// Converts the limits to units; `None` if they count cores and the cores of a node are unknown.
    fn of(demand: &Demand, unit: UnitSize) -> Option<Self> {
        let size = match demand.units {
            DemandUnits::Instances | DemandUnits::FleetUnits => 1.0,
            DemandUnits::Vcpu => unit.vcores?,
        };
        let at_most = |counted: u32| (f64::from(counted) / size + NEGLIGIBLE) as u32;
        let max = at_most(demand.max);
        let min = whole(f64::from(demand.min) / size).min(max);
        Some(Self {
            min,
            max,
            max_core: at_most(demand.max_core),
            max_on_demand: at_most(demand.max_on_demand),
        })
    }
}

/// Rounds up to whole units.
fn whole(units: f64) -> u32 {
    (units - NEGLIGIBLE).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}
