//! Sizes a cluster by what its applications say is left to do.
//!
//! What is known of the stages ([`history`]) gives a belief of how long their tasks take
//! ([`task_time`]). For a few values of it, the work is followed into the future at several sizes
//! ([`rollout`]), and the size is searched at which what is paid for and what the waiting is worth
//! cost least together ([`search`]). So nothing is launched for work that will be over before new units
//! run, and units are launched ahead of a stage that is known to follow.

mod backlog;
mod executor_size;
mod first_stages;
mod history;
mod idle;
mod rollout;
mod search;
mod task_time;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::arrivals::{Arrivals, Expected, Seen};
use super::load::Load;
use super::preference::Preference;
use super::units::{UnitSize, whole};
use crate::decision::{KnownWorkReport, Resource};
use crate::observation::YarnLoad;
use crate::observation::steps::Steps;
use crate::observation::work::{ApplicationWork, KnownWork, StageWork, Work};
use crate::units::{Mebibytes, Timestamp};
use backlog::Backlog;
use executor_size::vcores_of_executor;
use first_stages::first_stages;
use history::History;
pub use rollout::Fleet;
use rollout::{ApplicationLoad, StageLoad, Workload};
use task_time::TaskTime;

/// The values that are tried: so many standard deviations from the most likely time of tasks, the same
/// for all stages. Each is as likely as the others.
const DEVIATIONS: [f64; 3] = [-1.22, 0.0, 1.22];

/// What is learned of the work of applications.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownDemand {
    history: History,
    #[serde(default)]
    backlog: Backlog,
    #[serde(default)]
    arrivals: Arrivals,
}

/// A cluster whose applications say what is left.
pub struct Situation<'a> {
    pub at: Timestamp,
    /// When the work was read.
    pub read_at: Timestamp,
    pub work: &'a Work,
    /// EMR's steps, if they are known.
    pub steps: Option<&'a Steps>,
    pub yarn: &'a YarnLoad,
    pub load: &'a Load,
    pub unit: UnitSize,
    pub fleet: Fleet,
    /// Whether the backlog has not fallen for long.
    pub backlog_stands: bool,
    /// Whether each unit is a node, so that no container is spread over two.
    pub units_are_nodes: bool,
    /// What a second of waiting of a task is worth, in unit-seconds.
    pub waiting_price: f64,
}

/// The units that known work needs.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownSize {
    /// The best number of units, if it is more than there are.
    pub grows_to: Option<u32>,
    /// The share of the backlog that belongs to no application whose work is known.
    pub unknown_share: f64,
    pub report: KnownWorkReport,
}

/// An application whose work is known, in units.
struct Known<'a> {
    application: &'a ApplicationWork,
    work: &'a KnownWork,
    /// Units that one task occupies.
    task: f64,
    /// Units that one executor occupies, and how many executors it has.
    executor: f64,
    executors: f64,
    /// Executors that it has kept although they ran nothing.
    kept: f64,
    /// Units that all of it occupies, and what of them is for no executor.
    occupied: f64,
    fixed: f64,
    /// Units that it waits for.
    pending: f64,
    stages: Vec<KnownStage>,
}

/// A stage that is not complete, and what is believed of its tasks.
struct KnownStage {
    stage: StageWork,
    /// How many times as long as one of its tasks it takes: more than once if it stands for several
    /// stages that follow one another.
    turns: f64,
    time: TaskTime,
    /// The ages of tasks that run, in seconds, and how many are so old.
    ages_s: Vec<(f64, f64)>,
}

impl KnownSize {
    /// The units for the known work, and for the part of the backlog that is not known as for any
    /// other. `working` units run.
    pub fn units(&self, load: &Load, preference: Preference, working: f64) -> u32 {
        let unknown = self.unknown_share * load.for_remaining();
        let most = working.max(1.0) * preference.growth;
        let at_least = (load.allocated + unknown) * preference.capacity_factor;
        let at_least = whole(at_least.min(most));
        let without = f64::from(load.units(preference, working));
        let floor = if self.report.backlog_stands {
            without
        } else {
            preference.floor * without
        };
        let grown = self.grows_to.map_or(0, |units| {
            units.saturating_add(whole(unknown * preference.capacity_factor))
        });
        grown.max(at_least).max(whole(floor))
    }
}

impl KnownDemand {
    /// Learns from what applications say.
    pub fn observe(&mut self, work: &Work, measured_at: Timestamp) {
        self.history.observe(work, measured_at);
    }

    /// Adjusts to a gap in the observations.
    pub fn forget(&mut self) {
        self.history.forget();
        self.backlog.forget();
        self.arrivals.forget();
    }

    /// Records the backlog of all work in units. Returns whether it has not fallen for two `delay`s.
    pub fn backlog_stands(&mut self, at: Timestamp, units: f64, delay: Duration) -> bool {
        self.backlog.stands(at, units, delay.saturating_mul(2))
    }

    /// Learns which applications have started. Returns those that are expected before units would run
    /// that are requested now, or at the next reading.
    pub fn expect(&mut self, now: &Situation, poll: Duration, preference: Preference) -> Expected {
        let applications = now.work.applications.iter();
        let seen: Vec<Seen> = applications
            .map(|application| Seen {
                id: &application.id,
                name: &application.name,
                held: now.units(application, application.memory_allocated),
                needed: now.need(application),
                is_known: application.known().is_some(),
            })
            .collect();
        let delay = Duration::from_secs_f64(now.fleet.delay_s);
        self.arrivals.observe(&seen, now.steps, now.read_at);
        self.arrivals.expect(
            now.steps,
            now.at,
            delay + poll,
            preference,
            now.load.allocated,
        )
    }

    /// Returns the best size; `None` if the work of no application is known.
    pub fn size(&self, now: &Situation) -> Option<KnownSize> {
        let applications = now.work.applications.iter();
        let known = applications.filter_map(|application| {
            let work = application.known()?;
            let stages = self.stages(&application.id, work, now.at);
            let kept = self
                .history
                .idle_executors_kept(&application.id, now.at)
                .into();
            Some(now.known(application, work, kept, stages))
        });
        let mut known: Vec<Known> = known.collect();
        if known.is_empty() {
            return None;
        }
        known.sort_by_key(|one| self.history.order_of(&one.application.id));
        let pending: f64 = known.iter().map(|one| one.pending).sum();
        // Masters that wait stand for the work behind them, as far as that is known.
        let masters = if self.tasks_behind_masters(now) > 0.0 {
            now.yarn.apps_pending as f64 * mean(known.iter().map(|one| one.fixed))
        } else {
            0.0
        };
        let unknown = (now.load.pending - pending - masters).max(0.0);
        let scenarios = DEVIATIONS.map(|deviations| self.workload(now, &known, deviations));
        let best = search::best(&scenarios, &now.fleet, now.waiting_price);
        let likely = &scenarios[DEVIATIONS.len() / 2];
        let longest = &scenarios[DEVIATIONS.len() - 1];
        let done_s = |units: f64| likely.with(units, &now.fleet).done_s;
        let totals = &now.work.totals;
        let committed = now.fleet.committed();
        // Of a part of an instance that is committed, no whole one is made.
        let units = if f64::from(best.units) > committed.ceil() {
            f64::from(best.units)
        } else {
            f64::from(best.units).min(committed.floor())
        };
        Some(KnownSize {
            grows_to: (units > now.fleet.there).then_some(units as u32),
            unknown_share: if now.load.pending > 0.0 {
                unknown / now.load.pending
            } else {
                0.0
            },
            report: KnownWorkReport {
                applications: known.len() as u32,
                applications_unknown: totals.apps_unknown,
                executors_needed: totals.executors_needed,
                executors_held: totals.executors_held,
                executors_idle: totals.executors_idle,
                task_s_remaining: likely.task_s(),
                units_committed: whole(committed),
                done_s: done_s(committed),
                done_late_s: longest.with(committed, &now.fleet).done_s,
                units_usable: best.usable,
                done_with_usable_s: done_s(f64::from(best.usable).max(committed)),
                units_best: best.units,
                units_max: whole(now.fleet.max),
                backlog_stands: now.backlog_stands,
            },
        })
    }

    /// The tasks that applications have which wait for their master, as many as others had.
    fn tasks_behind_masters(&self, now: &Situation) -> f64 {
        self.history.tasks_of_an_application() * now.yarn.apps_pending as f64
    }

    /// The work as it is if tasks take so many standard deviations longer than is most likely.
    fn workload(&self, now: &Situation, known: &[Known], deviations: f64) -> Workload {
        let spread = self.history.spread();
        let occupied: f64 = known.iter().map(|one| one.occupied).sum();
        let mut work = Workload {
            stages: Vec::new(),
            applications: Vec::new(),
            occupied: (now.load.allocated - occupied).max(0.0),
            spread,
        };
        for (place, one) in known.iter().enumerate() {
            work.applications.push(one.load());
            work.stages.extend(one.stages.iter().map(|stage| StageLoad {
                application: place,
                unit: one.task,
                ..stage.load(deviations)
            }));
        }
        let hidden = self.tasks_behind_masters(now);
        if hidden > 0.0 {
            work.stages.push(StageLoad {
                application: known.len(),
                unit: mean(known.iter().map(|one| one.task)),
                waiting: hidden,
                task_s: TaskTime::before(self.history.any_stage(), spread).mean_s(deviations),
                ..StageLoad::default()
            });
            work.applications.push(ApplicationLoad {
                most: f64::MAX,
                fixed: 0.0,
                held: 0.0,
                executor: 0.0,
                kept: 0.0,
            });
        }
        work
    }

    /// What is believed of the stages of an application that are not complete.
    fn stages(&self, id: &str, work: &KnownWork, at: Timestamp) -> Vec<KnownStage> {
        let spread = self.history.spread();
        let believed = |(stage, turns): (StageWork, f64)| {
            let prior = self.history.prior(id, stage.id);
            let progress = self.history.progress(id, stage.id, at);
            KnownStage {
                stage,
                turns,
                time: match &progress {
                    Some(progress) => TaskTime::of(progress, prior, spread),
                    None => TaskTime::before(prior, spread),
                },
                ages_s: progress.map_or_else(Vec::new, |progress| progress.ages_s),
            }
        };
        first_stages(work).into_iter().map(believed).collect()
    }
}

impl Situation<'_> {
    fn known<'a>(
        &self,
        application: &'a ApplicationWork,
        work: &'a KnownWork,
        kept: f64,
        stages: Vec<KnownStage>,
    ) -> Known<'a> {
        let occupied = self.units(application, application.memory_allocated);
        let unblocked = || work.stages.iter().filter(|stage| !stage.is_blocked);
        let tasks =
            |of: fn(&StageWork) -> u32| unblocked().map(|stage| f64::from(of(stage))).sum::<f64>();
        let (remaining, running) = (
            tasks(|stage| stage.tasks_remaining),
            tasks(|stage| stage.tasks_running),
        );
        let Some(executors) = &work.executors else {
            // Each task is a container. Before the first runs, it is like those that are pending.
            let containers = application.containers.max(1) as f64;
            let pending = self.load.pending / (self.yarn.containers_pending.max(1)) as f64;
            let task = match application.containers {
                0 | 1 if pending > 0.0 => pending,
                _ => occupied / containers,
            };
            let task = self.packed(task.max(self.smallest()));
            return Known {
                application,
                work,
                task,
                executor: task,
                executors: containers - 1.0,
                kept,
                occupied,
                fixed: occupied / containers,
                pending: (remaining - running).max(0.0) * task,
                stages,
            };
        };
        let own = self.executor(application, executors.memory);
        // Executors that have a container and have not registered yet do so within seconds.
        let with_container = application.containers.saturating_sub(1) as f64;
        let held = f64::from(executors.held).max(with_container);
        let slots = f64::from(executors.slots.max(1));
        let executor = self.packed(own.max(self.smallest()));
        // More than the tasks that are listed could use is not known to be needed.
        let needed = f64::from(work.executors_needed(executors)).min((remaining / slots).ceil());
        // What executors leave of their nodes is room for what is none, such as the application master.
        let beside = needed.max(held) * (executor - own).max(0.0);
        Known {
            application,
            work,
            task: executor / slots,
            executor,
            executors: held,
            kept,
            occupied,
            fixed: (occupied - held * own - beside).max(0.0),
            // YARN may report a container that has been granted as pending for a moment.
            pending: (needed - f64::from(executors.held)).max(0.0) * executor,
            stages,
        }
    }

    /// Units that an application holds, and those that it waits for, as far as that is known. Before its
    /// first executor runs, their share of virtual cores is not known.
    fn need(&self, application: &ApplicationWork) -> f64 {
        match application.known() {
            Some(work) if application.containers > 1 => {
                let known = self.known(application, work, 0.0, Vec::new());
                known.occupied + known.pending
            }
            _ => self.units(application, application.memory_allocated),
        }
    }

    /// An executor in units.
    fn executor(&self, application: &ApplicationWork, memory: Mebibytes) -> f64 {
        match (
            self.load.resource,
            self.unit.vcores,
            vcores_of_executor(application),
        ) {
            (Resource::Vcores, Some(size), Some(vcores)) => vcores / size,
            _ => self.units(application, memory),
        }
    }

    /// What containers of this size occupy of a node: as many fit as fit whole.
    fn packed(&self, units: f64) -> f64 {
        if !self.units_are_nodes {
            units
        } else if units >= 1.0 {
            units.ceil()
        } else {
            (1.0 / units + 1e-6).floor().recip()
        }
    }

    /// An amount of an application's memory in units of the binding resource. Virtual cores are taken
    /// in the proportion in which the application holds them.
    fn units(&self, application: &ApplicationWork, memory: Mebibytes) -> f64 {
        let of_memory = memory.as_f64() / self.unit.memory_mib;
        match (self.load.resource, self.unit.vcores) {
            (Resource::Vcores, Some(size)) if application.memory_allocated.get() > 0 => {
                let vcores = application.vcores_allocated.as_f64();
                memory.as_f64() / application.memory_allocated.as_f64() * vcores / size
            }
            _ => of_memory,
        }
    }

    /// What no task is smaller than, in units: YARN's smallest container is rarely less.
    fn smallest(&self) -> f64 {
        256.0 / self.unit.memory_mib
    }
}

impl KnownStage {
    /// The stage if its tasks take so many standard deviations longer than is most likely.
    fn load(&self, deviations: f64) -> StageLoad {
        let remaining = f64::from(self.stage.tasks_remaining);
        let mut running = f64::from(self.stage.tasks_running).min(remaining);
        let waiting = remaining - running;
        // Reduces that wait for maps begin their own time with the last of these.
        let parked = if self.stage.is_blocked { running } else { 0.0 };
        running -= parked;
        let mut ends = Vec::with_capacity(self.ages_s.len() + 1);
        for (age_s, count) in &self.ages_s {
            let count = count.min(running);
            if count > 0.0 {
                ends.push((self.time.left_s(*age_s, deviations), count));
                running -= count;
            }
        }
        if running > 0.0 {
            ends.push((self.time.left_s(0.0, deviations), running));
        }
        StageLoad {
            waiting,
            ends,
            parked,
            task_s: self.turns * self.time.mean_s(deviations),
            is_blocked: self.stage.is_blocked,
            ..StageLoad::default()
        }
    }
}

impl Known<'_> {
    fn load(&self) -> ApplicationLoad {
        let executors = self.work.executors.as_ref();
        let most = executors.and_then(|executors| executors.most);
        let is_fixed = executors.is_some_and(|executors| executors.needed.is_none());
        ApplicationLoad {
            most: most.map_or(f64::MAX, |most| f64::from(most) * self.executor),
            fixed: self.fixed,
            held: self.executors * self.executor,
            executor: self.executor,
            kept: if is_fixed {
                f64::MAX
            } else {
                self.kept * self.executor
            },
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests;
