//! What applications will need, as time passes, and the most of it together.

use std::time::Duration;

use super::habit::Due;
use crate::decision::ExpectedStart;
use crate::engine::demand::preference::Preference;
use crate::engine::demand::units::{NEGLIGIBLE, whole};
use crate::units::Timestamp;

/// The steps in which the time ahead is looked at.
pub const STEP: Duration = Duration::from_secs(60);

/// An application or a step that is expected, or that runs as expected.
pub struct Course {
    pub name: String,
    due: Due,
    runs: Option<Runs>,
    /// The share of what it needs that is made ready.
    share: f64,
}

/// That it runs.
pub struct Runs {
    pub since: Timestamp,
    /// What it has needed so far of what is usual.
    pub factor: f64,
    /// Units that it holds.
    pub held: f64,
    /// It says what is left to do.
    pub is_known: bool,
}

/// What is expected, for how many units altogether.
#[derive(Default)]
pub struct Expected {
    pub starts: Vec<ExpectedStart>,
    /// Units for these and for all else that is allocated; 0 if nothing is expected.
    pub units: u32,
}

impl Course {
    pub fn new(name: &str, due: Due, runs: Option<Runs>, preference: Preference) -> Self {
        Self {
            name: name.to_owned(),
            share: due.share(preference.capacity_factor),
            due,
            runs,
        }
    }

    fn held(&self) -> f64 {
        self.runs.as_ref().map_or(0.0, |runs| runs.held)
    }

    /// The units that are needed `ahead` of now. One that is late is taken to start now.
    fn units(&self, now: Timestamp, ahead: Duration) -> f64 {
        let at = now + ahead;
        let needed = &self.due.needed;
        let Some(runs) = &self.runs else {
            let start = self.due.at.max(now);
            let starts = start.since(at) < STEP;
            return if starts {
                needed.at(at.since(start)) * self.share
            } else {
                0.0
            };
        };
        let usual = needed.at(at.since(runs.since));
        // What it needs now, it may say itself. Then only what it will need beyond that is known from before.
        let so_far = needed.most_before(now.since(runs.since));
        let rises = !runs.is_known || so_far.is_none_or(|so_far| usual > so_far);
        let usual = usual * runs.factor * self.share;
        match (ahead.is_zero(), rises) {
            (true, true) => usual.max(runs.held),
            (true, false) => runs.held,
            (false, true) => usual,
            (false, false) => usual.min(runs.held),
        }
    }

    fn report(&self, units: f64) -> Option<ExpectedStart> {
        let more = units - self.held();
        (more > NEGLIGIBLE).then(|| ExpectedStart {
            name: self.name.clone(),
            at: self.runs.as_ref().map_or(self.due.at, |runs| runs.since),
            has_started: self.runs.is_some(),
            units: more,
            times: self.due.times,
            periods: self.due.periods,
            precedent: self.due.precedent,
        })
    }
}

impl Expected {
    /// The time within `lead` at which most is needed, if that is more than is allocated now. What is
    /// allocated to others is taken to stay.
    pub fn of(courses: &[Course], now: Timestamp, lead: Duration, allocated: f64) -> Self {
        let held: f64 = courses.iter().map(Course::held).sum();
        let others = (allocated - held).max(0.0);
        let steps = (lead.as_secs() / STEP.as_secs()) as u32;
        let times = (0..=steps).map(|step| STEP * step).chain([lead]);
        let totals = times.map(|ahead| {
            let units = courses.iter().map(|course| course.units(now, ahead));
            (ahead, others + units.sum::<f64>())
        });
        let most = totals.max_by(|one, other| one.1.total_cmp(&other.1));
        let Some((ahead, units)) = most.filter(|(_, units)| *units > allocated + NEGLIGIBLE) else {
            return Self::default();
        };
        let reports = courses
            .iter()
            .filter_map(|course| course.report(course.units(now, ahead)));
        Self {
            starts: reports.collect(),
            units: whole(units),
        }
    }
}
