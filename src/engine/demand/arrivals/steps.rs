//! Expects what EMR's steps need that wait, from what steps of their name needed before.
//!
//! EMR does not say which applications belong to a step. An application that starts while a step runs
//! belongs to it, and if several run, to the one for which something speaks ([`RunningSteps::owner`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::course::{Runs, STEP};
use super::habit::{Due, Units};
use super::names::{MEMORY, NAMES, Seen, without_numbers};
use super::profile::Profile;
use crate::decision::Precedent;
use crate::observation::steps::{Step, Steps};
use crate::units::Timestamp;

/// So many of the last runs of a name count.
const RUNS: usize = 7;
/// The fewest runs from which anything is expected.
const FEWEST: usize = 3;
/// What at least this share of the runs needed is expected.
const SHARE: f64 = 0.6;
/// A start is not known if its earliest and its latest time are further apart than twice this, or twice
/// the time until units would run if that is less: so long, room that is ready may be idle. What is later
/// than this counts as not coming.
const TOLERANCE: Duration = Duration::from_secs(600);

/// What is learned of steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepHabits {
    read_at: Option<Timestamp>,
    /// By name.
    habits: BTreeMap<String, StepHabit>,
    running: RunningSteps,
    /// Since when steps wait that nothing keeps from starting, by id.
    startable: BTreeMap<Arc<str>, Timestamp>,
    /// Steps that are listed and for which room was made ready, by id.
    expected: BTreeSet<Arc<str>>,
}

/// The present, and for how long a start may be uncertain, to either side.
#[derive(Clone, Copy)]
struct Now {
    at: Timestamp,
    tolerance: Duration,
}

/// The steps of a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepHabit {
    /// The last runs, the latest last.
    runs: VecDeque<StepRun>,
    /// What it got of each unit that it needed, the last time that no room was ready.
    got: Option<f64>,
}

/// A step that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepRun {
    ended_at: Timestamp,
    lasted: Duration,
    /// The units that its applications held or waited for.
    needed: Profile,
    /// The names of its applications.
    applications: BTreeSet<String>,
}

/// Steps that run, and which applications belong to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunningSteps {
    /// By id.
    steps: BTreeMap<Arc<str>, RunningStep>,
    /// The applications that run, by id, and the id of the step that each belongs to.
    owners: BTreeMap<Arc<str>, Option<Arc<str>>>,
}

/// A step that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunningStep {
    name: String,
    started_at: Timestamp,
    /// All that belongs to it was seen.
    is_whole: bool,
    is_prepared: bool,
    units: Units,
    needed: Profile,
    /// The most units that its applications held.
    got: f64,
    applications: BTreeSet<String>,
    /// Its applications say what is left to do.
    #[serde(default)]
    is_known: bool,
}

/// What a step of some name is expected to need, and how long it takes.
struct Usual {
    needed: Profile,
    got: f64,
    times: u32,
    runs: u32,
    lasts: Span,
    applications: BTreeSet<String>,
}

/// From the earliest to the latest time, or from the shortest to the longest.
#[derive(Clone, Copy)]
struct Span<T = Duration> {
    first: T,
    last: T,
}

/// A step that is expected to need units.
pub struct ExpectedStep {
    pub name: String,
    pub due: Due,
    pub runs: Option<Runs>,
    /// The names of its applications.
    pub applications: BTreeSet<String>,
}

impl StepHabits {
    /// Records the steps that wait and run, and the applications that run.
    pub fn observe(&mut self, steps: &Steps, seen: &[Seen], read_at: Timestamp) {
        let before = self.read_at.replace(read_at);
        let ended = self.running.update(steps, before.is_some(), &self.expected);
        for step in ended {
            self.record(step, read_at);
        }
        let learned: BTreeMap<Arc<str>, BTreeSet<String>> = (self.running.steps.iter())
            .map(|(id, step)| (id.clone(), self.applications_of(&step.name)))
            .collect();
        self.running
            .assign(seen, before.is_some().then_some(&learned));
        self.running.count(seen, read_at);
        let listed = steps.pending().map(|step| step.id.clone());
        let listed: BTreeSet<Arc<str>> = listed.collect();
        self.startable.retain(|id, _| listed.contains(id));
        self.forget_old(read_at);
    }

    /// The steps that run or will have started within `lead`, with what they need.
    pub fn expect(&mut self, steps: &Steps, at: Timestamp, lead: Duration) -> Vec<ExpectedStep> {
        let now = Now {
            at,
            tolerance: lead.min(TOLERANCE),
        };
        let mut expected = Vec::new();
        let mut slots: Vec<Option<Span<Timestamp>>> = Vec::new();
        let mut shown: BTreeMap<String, f64> = BTreeMap::new();
        for (step, _) in steps.running() {
            let running = self.running.steps.get(&step.id);
            let usual = running.and_then(|running| Some((running, self.usual(&running.name)?)));
            let ends = usual.as_ref();
            let ends = ends.and_then(|(running, usual)| running.ends(usual, now));
            slots.push(ends);
            if let Some((running, usual)) = usual {
                let factor = running.shown(&usual, at);
                let least = shown.entry(running.name.clone()).or_insert(1.0);
                *least = factor.min(*least);
                expected.extend(running.expected(usual, ends, factor, at));
            }
        }
        let free = (steps.concurrency as usize).saturating_sub(slots.len());
        let at_once = Span {
            first: at,
            last: at,
        };
        slots.extend(std::iter::repeat_n(
            Some(at_once),
            free.min(steps.steps.len()),
        ));
        for step in steps.pending() {
            let Some(slot) = next_slot(&mut slots) else {
                break;
            };
            let name = without_numbers(&step.name);
            let usual = self.usual(&name);
            let start = slot
                .take()
                .filter(|start| self.is_coming(step, *start, now));
            if let (Some(start), Some(usual)) = (start, usual) {
                *slot = start.and_then(usual.lasts, now.tolerance);
                if start.first <= at + lead {
                    self.expected.insert(step.id.clone());
                    // What the one of this name that runs does not need, the next does not, either.
                    let factor = shown.get(&name).copied().unwrap_or(1.0);
                    expected.push(usual.expected(&name, start.first, factor));
                }
            }
        }
        let listed: BTreeSet<&Arc<str>> = steps.steps.iter().map(|step| &step.id).collect();
        self.expected.retain(|id| listed.contains(id));
        expected
    }

    /// Adjusts to a gap in the observations: of what has run meanwhile, not all was seen.
    pub fn forget(&mut self) {
        let habits = std::mem::take(&mut self.habits);
        *self = Self {
            habits,
            ..Self::default()
        };
    }

    /// Whether a step that can start at that time is likely to: not if it could have for long.
    fn is_coming(&mut self, step: &Step, start: Span<Timestamp>, now: Now) -> bool {
        if start.last > now.at {
            self.startable.remove(&step.id);
            return true;
        }
        let since = *self.startable.entry(step.id.clone()).or_insert(now.at);
        now.at.since(since) <= now.tolerance
    }

    fn record(&mut self, step: RunningStep, ended_at: Timestamp) {
        if !step.is_whole {
            return;
        }
        let habit = self.habits.entry(step.name).or_default();
        if !step.is_prepared {
            let share = step.got / step.needed.most();
            habit.got = Some(share).filter(|share| share.is_finite()).or(habit.got);
        }
        habit.runs.push_back(StepRun {
            ended_at,
            lasted: ended_at.since(step.started_at),
            needed: step.needed,
            applications: step.applications,
        });
        if habit.runs.len() > RUNS {
            habit.runs.pop_front();
        }
    }

    /// What is usual of steps with this name; `None` before enough of them have run.
    fn usual(&self, name: &str) -> Option<Usual> {
        let habit = self.habits.get(name)?;
        let runs = Some(&habit.runs).filter(|runs| runs.len() >= FEWEST)?;
        let profiles: Vec<&Profile> = runs.iter().map(|run| &run.needed).collect();
        let needed = Profile::reached_by(&profiles, SHARE);
        let most = needed.most();
        // A name may stand for different work by now.
        let latest = runs.back().map_or(0.0, |run| run.needed.most() / most);
        let needed = needed.times(latest);
        let times = profiles.iter().filter(|run| run.most() >= most).count();
        let mut lasted: Vec<Duration> = runs.iter().map(|run| run.lasted).collect();
        lasted.sort_unstable();
        Some(Usual {
            needed,
            got: habit.got.unwrap_or(1.0),
            times: times as u32,
            runs: runs.len() as u32,
            lasts: Span {
                first: lasted[(lasted.len() - 1) / 4],
                last: lasted[lasted.len() * 3 / 4],
            },
            applications: self.applications_of(name),
        })
    }

    /// The names of applications that most runs of the step had.
    fn applications_of(&self, name: &str) -> BTreeSet<String> {
        let habit = self.habits.get(name).into_iter();
        let runs = habit.flat_map(|habit| &habit.runs);
        let mut times: BTreeMap<&String, usize> = BTreeMap::new();
        let of_runs = runs.clone().flat_map(|run| &run.applications);
        of_runs.for_each(|name| *times.entry(name).or_default() += 1);
        let fewest = SHARE * runs.count() as f64;
        let usual = times
            .into_iter()
            .filter(|(_, times)| *times as f64 >= fewest);
        usual.map(|(name, _)| name.clone()).collect()
    }

    fn forget_old(&mut self, at: Timestamp) {
        let latest = |habit: &StepHabit| habit.runs.back().map(|run| run.ended_at);
        let is_recent = |ended_at: Timestamp| at.since(ended_at) <= MEMORY;
        self.habits
            .retain(|_, habit| latest(habit).is_some_and(is_recent));
        while self.habits.len() > NAMES {
            let oldest = self.habits.iter().min_by_key(|(_, habit)| latest(habit));
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.habits.remove(&name);
        }
    }
}

impl RunningSteps {
    /// Takes over the steps that run now, and returns those that have ended. Of one that is there at the
    /// first reading it is not known what belongs to it.
    fn update(
        &mut self,
        steps: &Steps,
        has_read_before: bool,
        expected: &BTreeSet<Arc<str>>,
    ) -> Vec<RunningStep> {
        let mut ended = std::mem::take(&mut self.steps);
        for (step, started_at) in steps.running() {
            let running = ended.remove(&step.id).unwrap_or_else(|| RunningStep {
                name: without_numbers(&step.name),
                started_at,
                is_whole: has_read_before,
                is_prepared: expected.contains(&step.id),
                units: Units::default(),
                needed: Profile::default(),
                got: 0.0,
                applications: BTreeSet::new(),
                is_known: true,
            });
            self.steps.insert(step.id.clone(), running);
        }
        ended.into_values().collect()
    }

    /// Finds the step of each application that has started; `learned` are the names of the applications
    /// of each step that runs, and `None` at the first reading, when nothing has been seen to start.
    fn assign(&mut self, seen: &[Seen], learned: Option<&BTreeMap<Arc<str>, BTreeSet<String>>>) {
        let mut before = std::mem::take(&mut self.owners);
        for one in seen {
            let owner = match (before.remove(one.id), learned) {
                (Some(owner), _) => owner,
                (None, None) => None,
                (None, Some(learned)) => self.owner(&without_numbers(one.name), learned),
            };
            self.owners.insert(one.id.clone(), owner);
        }
    }

    /// The step that a new application belongs to: the only one that runs, the only one of its name, the
    /// only one whose applications had this name before, or the only one that has none yet. If none of
    /// these says which, what belongs to the steps is not known.
    fn owner(
        &mut self,
        name: &str,
        learned: &BTreeMap<Arc<str>, BTreeSet<String>>,
    ) -> Option<Arc<str>> {
        let only = |is: &dyn Fn(&Arc<str>, &RunningStep) -> bool| {
            let mut ids = self.steps.iter().filter(|(id, step)| is(id, step));
            let (id, _) = ids.next().filter(|_| ids.next().is_none())?;
            Some(id.clone())
        };
        let owner = only(&|_, _| true)
            .or_else(|| only(&|_, step| step.name == name))
            .or_else(|| only(&|id, _| learned.get(id).is_some_and(|names| names.contains(name))))
            .or_else(|| only(&|_, step| step.applications.is_empty()));
        match owner.as_ref().and_then(|id| self.steps.get_mut(id)) {
            Some(step) => {
                step.applications.insert(name.to_owned());
            }
            None => self
                .steps
                .values_mut()
                .for_each(|step| step.is_whole = false),
        }
        owner
    }

    /// Adds up the units of the applications of each step.
    fn count(&mut self, seen: &[Seen], read_at: Timestamp) {
        for step in self.steps.values_mut() {
            step.units = Units::default();
            step.is_known = true;
        }
        for one in seen {
            let owner = self.owners.get(one.id).and_then(Option::as_ref);
            if let Some(step) = owner.and_then(|id| self.steps.get_mut(id)) {
                step.units.held += one.held;
                step.units.needed += one.needed;
                step.is_known &= one.is_known;
            }
        }
        for step in self.steps.values_mut() {
            let age = read_at.since(step.started_at);
            step.needed.record(age, step.units.needed);
            step.got = step.got.max(step.units.held);
        }
    }
}

impl RunningStep {
    /// When it ends, one step of time ahead at the earliest; `None` if it takes longer than is usual, or if
    /// that differs too much.
    fn ends(&self, usual: &Usual, now: Now) -> Option<Span<Timestamp>> {
        let started = Span {
            first: self.started_at,
            last: self.started_at,
        };
        let Span { first, last } = started.and_then(usual.lasts, now.tolerance)?;
        (now.at <= last + now.tolerance).then(|| Span {
            first: first.max(now.at + STEP),
            last: last.max(now.at + STEP),
        })
    }

    /// What it has shown to need of what is usual so far.
    fn shown(&self, usual: &Usual, at: Timestamp) -> f64 {
        self.needed
            .share_of(&usual.needed, at.since(self.started_at))
    }

    /// What it still needs, until the step behind it could start; `None` if it takes longer than is usual.
    fn expected(
        &self,
        usual: Usual,
        ends: Option<Span<Timestamp>>,
        factor: f64,
        at: Timestamp,
    ) -> Option<ExpectedStep> {
        if at.since(self.started_at) > usual.lasts.last && ends.is_none() {
            return None;
        }
        let runs = Some(Runs {
            since: self.started_at,
            factor,
            held: self.units.held,
            is_known: self.is_known,
        });
        let mut expected = usual.expected(&self.name, self.started_at, 1.0);
        if let Some(ends) = ends {
            let lasts = ends.first.since(self.started_at).saturating_sub(STEP);
            expected.due.needed = expected.due.needed.until(lasts);
        }
        Some(ExpectedStep { runs, ..expected })
    }
}

impl Usual {
    /// The step at this time, if it needs this part of what is usual.
    fn expected(self, name: &str, at: Timestamp, factor: f64) -> ExpectedStep {
        ExpectedStep {
            name: name.to_owned(),
            due: Due {
                at,
                needed: self.needed.times(factor),
                got: self.got,
                times: self.times,
                periods: self.runs,
                precedent: Precedent::Runs,
            },
            runs: None,
            applications: self.applications,
        }
    }
}

impl Span<Timestamp> {
    /// The end of what takes so long from here; `None` if that differs too much.
    fn and_then(self, lasts: Span, tolerance: Duration) -> Option<Self> {
        let (first, last) = (self.first + lasts.first, self.last + lasts.last);
        (last.since(first) <= tolerance * 2).then_some(Self { first, last })
    }
}

/// The slot in which a step can start soonest; `None` if that is not known of any.
fn next_slot(slots: &mut [Option<Span<Timestamp>>]) -> Option<&mut Option<Span<Timestamp>>> {
    let known = slots.iter_mut().filter(|slot| slot.is_some());
    known.min_by_key(|slot| slot.as_ref().map(|slot| slot.last))
}

#[cfg(test)]
mod tests;
