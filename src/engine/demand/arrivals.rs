//! Expects applications that come back: those of a name that have started at this time on earlier days,
//! or on this day of earlier weeks ([`habit`]), and those of EMR's steps that wait ([`steps`]).
//!
//! Of each name it is remembered when applications started, what they needed from then on, and how much of
//! that they got while no room was ready for them. So what is made ready is what the same application
//! would get anyway, only earlier.

mod course;
mod habit;
mod names;
mod profile;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::preference::Preference;
use crate::observation::steps::Steps;
use crate::units::Timestamp;
pub use course::Expected;
use course::{Course, Runs};
use habit::{Due, Habit, Units};
pub use names::Seen;
use names::{MEMORY, NAMES, without_numbers};
use steps::StepHabits;

/// What is learned of applications that come back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    read_at: Option<Timestamp>,
    habits: BTreeMap<String, Habit>,
    /// Applications that run, by id.
    running: BTreeMap<Arc<str>, Running>,
    /// Names that were expected at the last reading: room was made ready for them.
    expected: BTreeSet<String>,
    #[serde(default)]
    steps: StepHabits,
}

/// An application that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Running {
    name: String,
    /// When it started; `None` if it ran before anything was read.
    since: Option<Timestamp>,
    units: Units,
    /// It says what is left to do.
    #[serde(default)]
    is_known: bool,
}

/// Applications that have started together.
#[derive(Default)]
struct Together {
    units: Units,
    /// One of them does not say what is left to do.
    is_unknown: bool,
}

impl Arrivals {
    /// Records the applications that run, and EMR's steps if they are known. Those that were not there at
    /// the reading before have started.
    pub fn observe(&mut self, seen: &[Seen], steps: Option<&Steps>, read_at: Timestamp) {
        let before = self.read_at.replace(read_at);
        if before == Some(read_at) {
            return;
        }
        match steps {
            Some(steps) => self.steps.observe(steps, seen, read_at),
            None => self.steps.forget(),
        }
        let mut ended = std::mem::take(&mut self.running);
        for one in seen {
            let mut running = ended.remove(one.id).unwrap_or_else(|| Running {
                name: without_numbers(one.name),
                since: before.map(|_| read_at),
                units: Units::default(),
                is_known: one.is_known,
            });
            running.is_known = one.is_known;
            running.units = Units {
                held: one.held,
                needed: one.needed,
            };
            self.running.insert(one.id.clone(), running);
        }
        for ((name, since), started) in self.started() {
            let is_prepared = self.expected.contains(&name);
            let habit = self.habits.entry(name).or_default();
            habit.record(since, read_at.since(since), started.units, is_prepared);
        }
        self.forget_old(read_at);
    }

    /// What is needed at most until units would run that are requested now, by what is allocated and by
    /// applications and steps that start until then, or have started as expected. What belongs to a step
    /// is expected with it, and not by the time.
    pub fn expect(
        &mut self,
        steps: Option<&Steps>,
        now: Timestamp,
        lead: Duration,
        preference: Preference,
        allocated: f64,
    ) -> Expected {
        let steps = steps.map(|steps| self.steps.expect(steps, now, lead));
        let steps = steps.unwrap_or_default();
        let of_steps: BTreeSet<&String> =
            steps.iter().flat_map(|step| &step.applications).collect();
        let mut courses = Vec::new();
        for (name, habit) in &self.habits {
            if let Some(due) = habit.due(now, lead).filter(|_| !of_steps.contains(name)) {
                courses.push(Course::new(name, due, None, preference));
            }
        }
        self.expected = courses.iter().map(|course| course.name.clone()).collect();
        for ((name, since), started) in self.started() {
            let habit = self.habits.get(&name).filter(|_| !of_steps.contains(&name));
            if let Some((due, factor)) = habit.and_then(|habit| so_far(habit, since, now)) {
                let runs = Runs {
                    since,
                    factor,
                    held: started.units.held,
                    is_known: !started.is_unknown,
                };
                courses.push(Course::new(&name, due, Some(runs), preference));
            }
        }
        courses.extend(
            steps
                .into_iter()
                .map(|step| Course::new(&step.name, step.due, step.runs, preference)),
        );
        Expected::of(&courses, now, lead, allocated)
    }

    /// By name and time: the applications that have started together.
    fn started(&self) -> BTreeMap<(String, Timestamp), Together> {
        let mut started: BTreeMap<(String, Timestamp), Together> = BTreeMap::new();
        for running in self.running.values() {
            if let Some(since) = running.since {
                let together = started.entry((running.name.clone(), since)).or_default();
                together.units.held += running.units.held;
                together.units.needed += running.units.needed;
                together.is_unknown |= !running.is_known;
            }
        }
        started
    }

    /// Adjusts to a gap in the observations: what runs afterwards may have started at any time.
    pub fn forget(&mut self) {
        self.read_at = None;
        self.running.clear();
        self.expected.clear();
        self.steps.forget();
    }

    fn forget_old(&mut self, at: Timestamp) {
        self.habits
            .retain(|_, habit| at.since(habit.latest()) <= MEMORY);
        while self.habits.len() > NAMES {
            let oldest = self.habits.iter().min_by_key(|(_, habit)| habit.latest());
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.habits.remove(&name);
        }
    }
}

/// What is expected of applications that started at this time, and how much they have needed so far of
/// what is usual, at most all of it.
fn so_far(habit: &Habit, since: Timestamp, now: Timestamp) -> Option<(Due, f64)> {
    let due = habit.since(since)?;
    let factor = habit
        .needed_since(since)?
        .share_of(&due.needed, now.since(since));
    Some((due, factor))
}

#[cfg(test)]
mod tests;
