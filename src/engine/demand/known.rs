//! Sizes a cluster by what its applications say is left to do.
//!
//! What is known of the stages ([`history`]) gives a belief of how long their tasks take
//! ([`task_time`]). For a few values of it, the work is followed into the future at several sizes
//! ([`rollout`]), and the size is searched at which what is paid for and what the waiting is worth
//! cost least together ([`search`]). So nothing is launched for work that will be over before new units
//! run, and units are launched ahead of a stage that is known to follow.

mod history;
mod rollout;
mod search;
mod task_time;

use serde::{Deserialize, Serialize};

use super::load::Load;
use super::preference::Preference;
use super::units::{UnitSize, whole};
use crate::decision::{KnownWorkReport, Resource};
use crate::observation::YarnLoad;
use crate::observation::work::{ApplicationWork, KnownWork, StageWork, Work, WorkOrReason};
use crate::units::{Mebibytes, Timestamp};
use history::History;
pub use rollout::Fleet;
use rollout::{ApplicationLoad, StageLoad, Workload};
use task_time::TaskTime;

/// The values that are tried: so many standard deviations from the most likely time of tasks, the same
/// for all stages. Each is as likely as the others.
const DEVIATIONS: [f64; 3] = [-1.22, 0.0, 1.22];
/// Of each application, so many stages that run and as many that wait for others are followed.
const STAGES: usize = 6;

/// What is learned of the work of applications.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownDemand {
    history: History,
}

/// A cluster whose applications say what is left.
pub struct Situation<'a> {
    pub at: Timestamp,
    pub work: &'a Work,
    pub yarn: &'a YarnLoad,
    pub load: &'a Load,
    pub unit: UnitSize,
    pub fleet: Fleet,
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
    /// Units that all of it occupies, and what of them is for no task.
    occupied: f64,
    fixed: f64,
    /// Units that it waits for.
    pending: f64,
    stages: Vec<KnownStage<'a>>,
}

/// A stage that is not complete, and what is believed of its tasks.
struct KnownStage<'a> {
    stage: &'a StageWork,
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
        let floor = preference.floor * f64::from(load.units(preference, working));
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
    }

    /// Returns the best size; `None` if the work of no application is known.
    pub fn size(&self, now: &Situation) -> Option<KnownSize> {
        let mut known: Vec<Known> = now.applications().collect();
        if known.is_empty() {
            return None;
        }
        known.sort_by_key(|one| self.history.order_of(&one.application.id));
        for one in &mut known {
            one.stages = self.stages(&one.application.id, one.work, now.at);
        }
        let pending: f64 = known.iter().map(|one| one.pending).sum();
        let masters = now.yarn.apps_pending as f64 * mean(known.iter().map(|one| one.fixed));
        let unknown = (now.load.pending - pending - masters).max(0.0);
        let scenarios = DEVIATIONS.map(|deviations| self.workload(now, &known, deviations));
        let best = search::best(&scenarios, &now.fleet, now.waiting_price);
        let likely = &scenarios[DEVIATIONS.len() / 2];
        let done_s = |units: f64| likely.with(units, &now.fleet).done_s;
        let totals = &now.work.totals;
        let known_now = now.fleet.committed();
        Some(KnownSize {
            grows_to: (f64::from(best.units) > now.fleet.there).then_some(best.units),
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
                units_committed: whole(known_now),
                done_s: done_s(known_now),
                units_usable: best.usable,
                done_with_usable_s: done_s(f64::from(best.usable).max(known_now)),
                units_best: best.units,
            },
        })
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
            let loads = one.stages.iter().map(|stage| StageLoad {
                application: place,
                unit: one.task,
                ..stage.load(deviations)
            });
            work.stages.extend(first_stages(loads));
        }
        let hidden = self.history.tasks_of_an_application() * now.yarn.apps_pending as f64;
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
            });
        }
        work
    }

    /// What is believed of the stages of an application that are not complete.
    fn stages<'a>(&self, id: &str, work: &'a KnownWork, at: Timestamp) -> Vec<KnownStage<'a>> {
        let left = work.stages.iter().filter(|stage| stage.tasks_remaining > 0);
        let spread = self.history.spread();
        left.map(|stage| {
            let prior = self.history.prior(id, stage.id);
            match self.history.progress(id, stage.id, at) {
                Some(progress) => KnownStage {
                    stage,
                    time: TaskTime::of(&progress, prior, spread),
                    ages_s: progress.ages_s,
                },
                None => KnownStage {
                    stage,
                    time: TaskTime::before(prior, spread),
                    ages_s: Vec::new(),
                },
            }
        })
        .collect()
    }
}

impl Situation<'_> {
    /// The applications whose work is known.
    fn applications(&self) -> impl Iterator<Item = Known<'_>> {
        let applications = self.work.applications.iter();
        applications.filter_map(|application| match &application.work {
            WorkOrReason::Known(work) => Some(self.known(application, work)),
            WorkOrReason::Unknown(_) => None,
        })
    }

    fn known<'a>(&self, application: &'a ApplicationWork, work: &'a KnownWork) -> Known<'a> {
        let occupied = self.units(application, application.memory_allocated);
        let waiting: f64 = work
            .stages
            .iter()
            .filter(|stage| !stage.is_blocked)
            .map(|stage| f64::from(stage.tasks_remaining.saturating_sub(stage.tasks_running)))
            .sum();
        let of_a_container = occupied / (application.containers.max(1)) as f64;
        let Some(executors) = &work.executors else {
            return Known {
                application,
                work,
                task: of_a_container.max(self.smallest()),
                occupied,
                fixed: of_a_container,
                pending: waiting * of_a_container,
                stages: Vec::new(),
            };
        };
        let executor = self
            .units(application, executors.memory)
            .max(self.smallest());
        let needed = work.executors_needed(executors);
        Known {
            application,
            work,
            task: executor / f64::from(executors.slots.max(1)),
            occupied,
            fixed: (occupied - f64::from(executors.held) * executor).max(0.0),
            pending: f64::from(needed.saturating_sub(executors.held)) * executor,
            stages: Vec::new(),
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

impl KnownStage<'_> {
    /// The stage if its tasks take so many standard deviations longer than is most likely.
    fn load(&self, deviations: f64) -> StageLoad {
        // Reduces that wait for maps begin their own time with the last of these.
        let mut running = match self.stage.is_blocked {
            true => 0.0,
            false => f64::from(self.stage.tasks_running),
        };
        let waiting = (f64::from(self.stage.tasks_remaining) - running).max(0.0);
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
            task_s: self.time.mean_s(deviations),
            is_blocked: self.stage.is_blocked,
            ..StageLoad::default()
        }
    }
}

impl Known<'_> {
    fn load(&self) -> ApplicationLoad {
        let executors = self.work.executors.as_ref();
        let slots = executors.map_or(1, |executors| executors.slots.max(1));
        let most = executors.and_then(|executors| executors.most);
        ApplicationLoad {
            most: most.map_or(f64::MAX, |most| {
                f64::from(most) * f64::from(slots) * self.task
            }),
            fixed: self.fixed,
        }
    }
}

/// The first stages that run, and the first that wait for others. The last of each stands for the
/// rest.
fn first_stages(loads: impl Iterator<Item = StageLoad>) -> impl Iterator<Item = StageLoad> {
    let (mut running, mut blocked) = (Vec::new(), Vec::new());
    for load in loads {
        let of_kind: &mut Vec<StageLoad> = if load.is_blocked {
            &mut blocked
        } else {
            &mut running
        };
        let is_full = of_kind.len() == STAGES;
        match of_kind.last_mut().filter(|_| is_full) {
            Some(last) => last.add(load),
            None => of_kind.push(load),
        }
    }
    running.into_iter().chain(blocked)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests;
