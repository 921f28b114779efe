//! Computes how many units all targets of a `demand:` policy should have together.
//!
//! A unit is what the group counts: an instance, or a capacity unit of a fleet. Where the instances of
//! groups are known to differ, it is the smallest of them, and a larger one offers several units
//! ([`super::node_size`]). Demand is what is allocated plus the backlog, in units of the binding
//! resource. Three parts make the desired size:
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

mod arrivals;
mod calls;
mod cluster;
mod counted;
mod daily;
mod idle_room;
mod known;
mod levels;
mod load;
pub mod member;
mod order;
mod parts;
mod pending_limits;
pub mod plan;
mod preference;
mod provisioning;
mod retention;
mod shares;
mod supply;
mod surplus;
mod turnover;
mod units;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::node_size::ResourceUnits;
use super::presence::patience;
use super::tick::Tick;
use crate::decision::{DemandReport, HoldReason};
use crate::observation::{GroupStatus, Sampled, YarnLoad};
use crate::policy::demand::Demand;
use crate::units::{Mebibytes, Timestamp};
use calls::Calls;
use cluster::{Cluster, Measure};
use counted::Counted;
use daily::Daily;
use known::{Fleet, KnownDemand, Situation};
use levels::Levels;
use load::Load;
use member::Member;
use parts::{Foreseen, Shape, Units};
use plan::Plan;
use preference::Preference;
use provisioning::Provisioning;
use retention::Retention;
use shares::Wanted;
use surplus::Surplus;
use turnover::Turnover;
use units::{DemandLimits, UnitSize, rounded_down, whole};

/// What a `demand:` policy learns from one observation to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandState {
    unit: Option<UnitSize>,
    /// Since when another size of a unit has been measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit_differs_since: Option<Timestamp>,
    /// When YARN's load was last measured.
    measured_at: Option<Timestamp>,
    turnover: Turnover,
    provisioning: Provisioning,
    levels: Levels,
    retention: Retention,
    daily: Daily,
    #[serde(default)]
    known: KnownDemand,
    #[serde(default)]
    surplus: Surplus,
    #[serde(default)]
    calls: Calls,
}

impl DemandState {
    /// Processes an observation and computes the units that all targets should have together. `targets`
    /// are the groups that the policy resizes, as far as the cluster has them, and `members` the same as
    /// parts of the cluster.
    ///
    /// # Errors
    /// The reason to hold when the demand is unknown.
    pub fn plan(
        &mut self,
        demand: &Demand,
        tick: &Tick,
        targets: &[&GroupStatus],
        members: &[Member],
    ) -> Result<Plan, HoldReason> {
        let at = tick.at();
        let cluster = Cluster::new(tick, demand, targets, members);
        let instances = &cluster.instances;
        self.provisioning
            .observe(at, instances.requested, instances.running);
        let yarn = recent_yarn(tick)?;
        let has_all_nodes = self.measure_unit(&cluster, &yarn.value);
        let unit = self
            .unit
            .or_else(|| cluster.expected_unit())
            .ok_or_else(|| HoldReason::missing("yarn_nodes_active"))?;
        let limits = DemandLimits::of(demand, unit, tick.sizes.differ())
            .ok_or_else(|| HoldReason::missing("yarn_vcores_total"))?;
        let preference = Preference::of(demand.performance_index, self.provisioning.delay());
        let reported = Sampled {
            value: yarn.value.without_uncounted_vcores(),
            measured_at: yarn.measured_at,
        };
        let largest = cluster.largest(&limits, unit);
        let counted = Counted::of(tick, &reported, instances, targets, largest);
        let yarn = &counted.yarn;
        let resource = cluster.binding_resource(&yarn.value, unit, preference);
        let measure = Measure {
            unit,
            resource,
            preference,
            limits,
            most: rounded_down(cluster.most_units(&limits, resource)) as u32,
        };
        if self.measured_at.is_none() {
            let have = cluster.supply(resource).have();
            self.levels.assume_needed(rounded_down(have) as u32);
        }
        // While YARN does not list nodes that run, its load is not that of the cluster.
        let is_complete = has_all_nodes && tick.unavailable.not_listed.is_none();
        if is_complete && self.measured_at != Some(yarn.measured_at) {
            self.learn(yarn, &cluster, measure);
        }
        let shape = Shape {
            waits_beside_room: counted.waits_beside_room,
            lacks_empty_node: counted.held_back.is_empty() && cluster.lacks_empty_node(),
            has_all_nodes,
        };
        let load = self.load(&yarn.value, measure, preference.patience);
        let foreseen = self.foresee(&cluster, measure, &load, &counted);
        let units = self.units(&cluster, measure, &load, shape, foreseen);
        let supply = cluster.supply(resource);
        let (needed, asked) = (f64::from(units.needed), f64::from(units.asked));
        let (fewest, most) = cluster.limits_in_units(measure, limits.min);
        Ok(Plan {
            wanted: Wanted {
                resource,
                units: units.desired,
                needed: supply.share_of_targets(asked).clamp(fewest, most),
                least: units.least,
                drops_unusable: supply.has_replaced_unusable(needed),
                first_market: demand.first_market,
            },
            limits,
            most,
            report: self.report(&cluster, measure, &load, &units, counted),
        })
    }

    /// Explains the units in numbers.
    fn report(
        &self,
        cluster: &Cluster,
        measure: Measure,
        load: &Load,
        units: &Units,
        counted: Counted,
    ) -> DemandReport {
        let Measure {
            unit, preference, ..
        } = measure;
        let supply = cluster.supply(measure.resource);
        let within_limits = Measure {
            resource: cluster.binding_resource(&counted.within_limits, unit, preference),
            ..measure
        };
        let pending_within_limits = self
            .load(&counted.within_limits, within_limits, Duration::ZERO)
            .pending;
        let not_replaced = supply.not_replaced();
        DemandReport {
            memory_pending_mib: counted.memory_reported,
            units_allocated: load.allocated,
            units_pending: load.pending,
            held_back: counted.held_back,
            units_held_back: pending_within_limits - load.pending,
            units_served: load.served.min(load.pending),
            units_remaining: load.remaining(),
            units_for_remaining: load.for_remaining(),
            capacity_factor: preference.if_known(units.known.is_some()).capacity_factor,
            units_needed: units.needed,
            units_put_off: units.needed - units.asked,
            needs_empty_node: units.one_more,
            units_kept: rounded_down(units.kept) as u32,
            units_surplus: whole(units.surplus),
            units_forecast: units.forecast,
            expected: units.expected.starts.clone(),
            units_others: rounded_down(supply.others) as u32,
            units_unusable: whole(supply.unusable - not_replaced),
            units_lacking: whole(supply.lacking),
            units_not_replaced: whole(not_replaced),
            units_asked_back: 0,
            units_desired: whole(units.desired),
            units_possible: None,
            binding: load.resource,
            offers: cluster.offers(measure.resource),
            unit_vcores: unit.vcores,
            unit_memory_mib: Mebibytes(unit.memory_mib.round() as u64),
            patience_s: preference.patience.as_secs_f64(),
            provisioning_s: self.provisioning.delay().as_secs_f64(),
            container_lifetime_s: self.turnover.lifetime().map(|time| time.as_secs_f64()),
            keep_idle_s: units.keep_idle.as_secs_f64(),
            days_known: self.daily.days(),
            known: units.known.as_ref().map(|known| known.report.clone()),
        }
    }

    /// Computes the units of the whole cluster from growth, retention and forecast. Work that waits
    /// beside room that could hold it makes nothing grow, and nothing scales in while nodes are missing.
    fn units(
        &mut self,
        cluster: &Cluster,
        measure: Measure,
        load: &Load,
        shape: Shape,
        foreseen: Foreseen,
    ) -> Units {
        let Foreseen {
            size: known,
            expected,
            backlog_stands,
        } = foreseen;
        let (at, preference) = (
            cluster.tick.at(),
            measure.preference.if_known(known.is_some()),
        );
        let supply = cluster.supply(measure.resource);
        let (have, there) = (supply.have(), supply.usable());
        let levels = |units: f64| rounded_down(units) as u32;
        let price = preference.price;
        let kept = self.kept(at, levels(have), levels(there), price);
        // All levels are kept: so is the part of a unit above them.
        let keeps_all = kept == levels(have) || !shape.has_all_nodes;
        let kept = if keeps_all { have } else { f64::from(kept) };
        let (worth, delay, poll) = (kept, self.provisioning.delay(), cluster.tick.poll);
        let requested = cluster.instances.requested;
        (self.calls).observe(requested, &mut self.surplus);
        let worth_a_call = Calls::worth_of_scale_in(delay);
        let kept = (self.surplus).settle(at, (have, worth), poll, worth_a_call);
        let forecast = self.daily.forecast(at, delay);
        let grown = match &known {
            Some(known) => known.units(load, preference, there),
            None => load.units(preference, there),
        };
        // What has waited for long beside idle room may need a whole node.
        let one_more = shape.lacks_empty_node && backlog_stands && have <= there;
        let grown = match (shape.waits_beside_room, one_more) {
            (false, _) => grown,
            (true, false) => grown.min(levels(have)),
            (true, true) => levels(have).saturating_add(1),
        };
        let foreseen = forecast.unwrap_or(0).max(expected.units);
        let needed = grown.max(foreseen);
        let patience = 1.0 - preference.floor;
        let asked = (self.calls).put_off_scale_out(at, (have, needed), poll, delay, patience);
        let least = if supply.has_replaced_unusable(f64::from(needed)) {
            measure.limits.min
        } else {
            cluster.least_beside_unusable(&measure.limits)
        };
        let (fewest, most) = cluster.limits_in_units(measure, least);
        Units {
            needed,
            one_more: one_more && shape.waits_beside_room,
            asked,
            kept,
            forecast,
            expected,
            desired: supply
                .share_of_targets(supply.total(f64::from(asked), kept))
                .clamp(fewest, most),
            least,
            surplus: kept - worth,
            keep_idle: self.retention.keep_for(levels(have), price),
            known,
        }
    }

    /// Adjusts to a clock that went back: what was learned stays, what was in progress is dropped.
    pub fn handle_clock_rollback(&mut self) {
        self.measured_at = None;
        self.unit_differs_since = None;
        self.levels.forget();
        self.turnover.forget();
        self.provisioning.forget();
        self.known.forget();
        self.surplus.forget();
        self.calls.forget();
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

    /// Learns from what applications say, and returns what follows from it.
    fn foresee(
        &mut self,
        cluster: &Cluster,
        measure: Measure,
        load: &Load,
        counted: &Counted,
    ) -> Foreseen {
        let (tick, delay) = (cluster.tick, self.provisioning.delay());
        let all = self.load(&counted.within_limits, measure, Duration::ZERO);
        let backlog_stands = self.known.backlog_stands(tick.at(), all.pending, delay);
        let Some(work) = recent(&tick.observation.work, tick) else {
            return Foreseen {
                backlog_stands,
                ..Foreseen::default()
            };
        };
        self.known.observe(&work.value, work.measured_at);
        let supply = cluster.supply(measure.resource);
        let (fewest, _) = cluster.limits_in_units(measure, measure.limits.min);
        let there = supply.usable();
        let on_their_way = (supply.have() - there).max(0.0);
        let coming = self.provisioning.coming(tick.at(), on_their_way);
        let situation = Situation {
            at: tick.at(),
            read_at: work.measured_at,
            work: &work.value,
            steps: recent(&tick.observation.steps, tick).map(|steps| &steps.value),
            yarn: &counted.yarn.value,
            load,
            unit: measure.unit,
            fleet: Fleet {
                there,
                coming,
                delay_s: delay.as_secs_f64(),
                min: fewest + supply.others,
                max: f64::from(measure.most),
            },
            backlog_stands,
            units_are_nodes: cluster.instances.are_nodes && !tick.sizes.differ(),
            waiting_price: measure.preference.waiting_price,
        };
        let expected = (self.known).expect(&situation, tick.poll, measure.preference);
        let is_limited = counted.is_limited();
        let size = (!is_limited).then(|| self.known.size(&situation)).flatten();
        Foreseen {
            size,
            expected,
            backlog_stands,
        }
    }

    /// Learns from a measurement of YARN. Measurements that lie further apart than a recent value may be
    /// old do not belong together.
    fn learn(&mut self, yarn: &Sampled<YarnLoad>, cluster: &Cluster, measure: Measure) {
        let (at, yarn) = (yarn.measured_at, &yarn.value);
        let allowance = cluster.tick.max_age;
        if self
            .measured_at
            .is_some_and(|last| at.since(last) > allowance || at < last)
        {
            self.levels.forget();
            self.turnover.forget();
            self.known.forget();
            self.surplus.forget();
            self.calls.forget();
        }
        self.measured_at = Some(at);
        self.turnover.observe(
            at,
            yarn.containers_allocated,
            yarn.containers_released_total,
        );
        let Measure {
            preference, most, ..
        } = measure;
        let load = self.load(yarn, measure, Duration::ZERO);
        let needed =
            whole((load.allocated + load.pending) * preference.capacity_factor.max(1.0)).min(most);
        for gap in self.levels.observe(at, needed) {
            self.retention.learn(gap);
        }
        let load = self.load(yarn, measure, preference.patience);
        let active = cluster.units_of_nodes(yarn.nodes.active, measure.resource);
        self.daily
            .observe(at, load.units(preference, active).min(most));
    }

    /// Measures the size of a unit while no node is joining or leaving. Where units are not nodes, as in
    /// fleets, it is not known whether all nodes are there: another size counts once it has
    /// lasted. Returns whether the nodes offer as much as the running units should.
    fn measure_unit(&mut self, cluster: &Cluster, yarn: &YarnLoad) -> bool {
        let (nodes, tick) = (yarn.nodes, cluster.tick);
        let is_settled = nodes.active > 0 && nodes.decommissioning == 0;
        let in_totals = cluster.instances.nodes(yarn);
        let offered = ResourceUnits::by(|resource| cluster.units_of_nodes(in_totals, resource));
        let measured = UnitSize::measured(yarn, offered);
        let (Some(measured), Some(unit)) = (measured, self.unit) else {
            self.unit = measured.or(self.unit);
            return true;
        };
        if cluster.instances.are_nodes {
            if is_settled && nodes.active == cluster.instances.workers {
                self.unit = Some(measured);
            }
            return true;
        }
        if measured.is_about(unit) {
            self.unit_differs_since = None;
            return true;
        }
        let since = *self.unit_differs_since.get_or_insert(tick.at());
        if is_settled && tick.at().since(since) >= patience(tick.poll) {
            (self.unit, self.unit_differs_since) = (Some(measured), None);
            return true;
        }
        measured.memory_mib >= unit.memory_mib
    }

    /// The load of the binding resource, with what is served within `patience`.
    fn load(&self, yarn: &YarnLoad, measure: Measure, patience: Duration) -> Load {
        let finished = self.turnover.times_finished_in(patience);
        Load::of(measure.resource, yarn, measure.unit, finished)
    }
}

/// A part of the observation, if it is recent.
fn recent<'a, T>(part: &'a Option<Sampled<T>>, tick: &Tick) -> Option<&'a Sampled<T>> {
    let part = part.as_ref();
    part.filter(|part| tick.at().distance(part.measured_at) <= tick.max_age)
}

/// YARN's load, or why the demand is unknown.
fn recent_yarn<'a>(tick: &Tick<'a>) -> Result<&'a Sampled<YarnLoad>, HoldReason> {
    let yarn = tick.observation.yarn.as_ref();
    let yarn = yarn.ok_or_else(|| HoldReason::missing("yarn"))?;
    if tick.at().distance(yarn.measured_at) > tick.max_age {
        return Err(HoldReason::StaleData {
            signal: "yarn".into(),
            measured_at: yarn.measured_at,
        });
    }
    Ok(yarn)
}
