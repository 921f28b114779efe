//! Steps that wait behind others.

use super::*;
use crate::engine::demand::arrivals::{Arrivals, Expected};
use crate::engine::demand::preference::Preference;
use crate::policy::demand::PerformanceIndex;

/// How long a unit takes until it runs: up to eight readings ahead.
const DELAY: Duration = Duration::from_secs(450);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_772_409_600_000 + minute * 60_000)
}

/// A step that was added at a minute, and runs from its turn on.
#[derive(Clone, Copy)]
struct Added {
    name: &'static str,
    at: i64,
    minutes: i64,
    /// What its application needs, from the second minute on.
    units: f64,
}

const fn added(name: &'static str, at: i64, minutes: i64, units: f64) -> Added {
    Added {
        name,
        at,
        minutes,
        units,
    }
}

/// A cluster that runs steps in turn, read each minute.
struct Cluster {
    concurrency: u32,
    steps: Vec<Added>,
    started: BTreeMap<usize, i64>,
    arrivals: Arrivals,
    /// Whether EMR's steps can be read.
    can_be_read: bool,
    /// What an application gets of what it needs.
    got: f64,
    /// Whether applications are named like their step.
    names_tell: bool,
}

impl Cluster {
    fn new(concurrency: u32, steps: Vec<Added>) -> Self {
        Self {
            concurrency,
            steps,
            started: BTreeMap::new(),
            arrivals: Arrivals::default(),
            can_be_read: true,
            got: 1.0,
            names_tell: true,
        }
    }

    /// What is expected at a reading.
    fn read(&mut self, minute: i64) -> Expected {
        let is_over = |started: &BTreeMap<usize, i64>, index: usize, step: &Added| match started
            .get(&index)
        {
            Some(start) => minute >= start + step.minutes,
            None => false,
        };
        for (index, step) in self.steps.iter().enumerate() {
            let runs = |(other, _): &(usize, &Added)| {
                self.started.contains_key(other)
                    && !is_over(&self.started, *other, &self.steps[*other])
            };
            let running = self.steps.iter().enumerate().filter(runs).count();
            if step.at <= minute && running < self.concurrency as usize {
                self.started.entry(index).or_insert(minute);
            }
        }
        let listed = self
            .steps
            .iter()
            .enumerate()
            .filter(|(index, step)| step.at <= minute && !is_over(&self.started, *index, step));
        let listed: Vec<(usize, &Added)> = listed.collect();
        let steps = Steps {
            concurrency: self.concurrency,
            steps: (listed.iter())
                .map(|(index, step)| Step {
                    id: format!("s-{index}").into(),
                    name: step.name.into(),
                    started_at: self.started.get(index).map(|start| at(*start)),
                })
                .collect(),
        };
        let applications: Vec<(Arc<str>, &Added)> = listed
            .iter()
            .filter(|(index, _)| self.started.get(index).is_some_and(|start| *start < minute))
            .map(|(index, step)| (format!("application_1_{index}").into(), *step))
            .collect();
        let seen: Vec<Seen> = applications
            .iter()
            .map(|(id, step)| Seen {
                id,
                name: if self.names_tell { step.name } else { "job" },
                held: step.units * self.got,
                needed: step.units,
                is_known: true,
            })
            .collect();
        let allocated = seen.iter().map(|one| one.held).sum();
        let known = self.can_be_read.then_some(&steps);
        let index = PerformanceIndex::new(61).expect("a valid index");
        let preference = Preference {
            capacity_factor: 1.0,
            ..Preference::of(index, DELAY)
        };
        self.arrivals.observe(&seen, known, at(minute));
        (self.arrivals).expect(known, at(minute), DELAY, preference, allocated)
    }

    /// What is expected at a reading after all before it.
    fn read_until(&mut self, minute: i64) -> Expected {
        (0..minute).for_each(|minute| drop(self.read(minute)));
        self.read(minute)
    }
}

/// Three rounds of a short step and a wide one behind it, one each hour, and a fourth.
fn rounds() -> Vec<Added> {
    (0..4).flat_map(round).collect()
}

fn round(hour: i64) -> [Added; 2] {
    [
        added("clean", 60 * hour + 10, 20, 2.0),
        added("load 2026", 60 * hour + 10, 15, 9.0),
    ]
}

fn units_at(cluster: &mut Cluster, minute: i64) -> u32 {
    cluster.read_until(minute).units
}

#[test]
fn room_is_ready_when_the_step_that_runs_is_about_to_end_and_not_before() {
    // The step that runs ends at minute 210.
    assert_eq!(units_at(&mut Cluster::new(1, rounds()), 201), 0);
    // What the running step holds is free by then.
    let expected = Cluster::new(1, rounds()).read_until(204);
    assert_eq!(expected.units, 9);
    let step = &expected.starts[0];
    assert_eq!((step.name.as_str(), step.at), ("load #", at(210)));
    let precedent = (step.times, step.periods, step.precedent);
    assert_eq!(precedent, (3, 3, Precedent::Runs));
    assert_eq!(step.units, 9.0);
}

#[test]
fn a_step_that_needs_no_more_than_what_becomes_free_needs_nothing() {
    let mut steps = rounds();
    steps.iter_mut().for_each(|step| step.units = 9.0);
    assert_eq!(units_at(&mut Cluster::new(1, steps), 204), 0);
}

#[test]
fn a_step_that_has_run_less_than_three_times_is_not_expected() {
    let steps = rounds().split_off(2);
    assert_eq!(units_at(&mut Cluster::new(1, steps), 204), 0);
}

#[test]
fn what_most_runs_did_not_need_is_not_expected() {
    let mut steps = rounds();
    (steps[1].units, steps[3].units) = (1.0, 1.0);
    assert_eq!(units_at(&mut Cluster::new(1, steps), 204), 0);
}

#[test]
fn what_the_latest_run_did_not_need_is_not_expected() {
    let mut steps = rounds();
    steps[5].units = 1.0;
    assert_eq!(units_at(&mut Cluster::new(1, steps), 204), 0);
}

#[test]
fn what_the_step_that_runs_does_not_need_the_next_of_its_name_is_not_expected_to_need() {
    let name = "Spark application";
    let wide = |hour: i64| added(name, 60 * hour, 20, 9.0);
    let mut steps: Vec<Added> = (1..4).map(wide).collect();
    steps.extend([added(name, 240, 20, 1.0), added(name, 240, 20, 1.0)]);
    // In the first five minutes it has not shown what it needs.
    assert_eq!(units_at(&mut Cluster::new(1, steps.clone()), 244), 9);
    for minute in 246..260 {
        let units = units_at(&mut Cluster::new(1, steps.clone()), minute);
        assert_eq!(units, 0, "at {minute}");
    }
}

#[test]
fn behind_a_step_that_is_not_known_nothing_is_expected() {
    let mut steps = rounds();
    steps[6].name = "by hand";
    for minute in 190..210 {
        assert_eq!(units_at(&mut Cluster::new(1, steps.clone()), minute), 0);
    }
}

#[test]
fn behind_a_step_whose_time_differs_much_nothing_is_expected() {
    let mut steps = rounds();
    (steps[0].minutes, steps[2].minutes, steps[4].minutes) = (1, 20, 35);
    for minute in 190..210 {
        let expected = Cluster::new(1, steps.clone()).read_until(minute);
        assert!(!expected.starts.iter().any(|step| step.name == "load #"));
    }
}

#[test]
fn a_step_that_runs_longer_than_ever_is_waited_for_one_provisioning_time() {
    let mut steps = rounds();
    steps[6].minutes = 100;
    assert_eq!(units_at(&mut Cluster::new(1, steps.clone()), 217), 9);
    assert_eq!(units_at(&mut Cluster::new(1, steps), 218), 0);
}

#[test]
fn a_step_that_could_start_and_does_not_is_waited_for_one_provisioning_time() {
    let mut cluster = Cluster::new(1, rounds());
    cluster.read_until(185);
    // EMR holds it back, whatever the reason.
    cluster.concurrency = 0;
    let pending = Steps {
        concurrency: 1,
        steps: vec![Step {
            id: "s-9".into(),
            name: "load 2027".into(),
            started_at: None,
        }],
    };
    let mut expected = |minute| {
        let steps = &mut cluster.arrivals.steps;
        steps.observe(&pending, &[], at(minute));
        steps.expect(&pending, at(minute), DELAY).len()
    };
    assert_eq!((expected(200), expected(207), expected(208)), (1, 1, 0));
}

#[test]
fn steps_that_run_at_the_same_time_are_expected_together() {
    let mut steps = rounds();
    steps.push(added("load 2026", 190, 15, 9.0));
    // Each has run alone before, so that it is known what belongs to it.
    let mut cluster = Cluster::new(1, steps);
    cluster.read_until(189);
    cluster.concurrency = 3;
    assert_eq!(cluster.read(190).units, 20);
}

#[test]
fn a_running_step_is_expected_to_need_what_it_needed_before_until_it_shows_less() {
    let mut steps = rounds();
    steps[7].units = 3.0;
    let mut cluster = Cluster::new(1, steps);
    assert_eq!(cluster.read_until(211).units, 9);
    (212..216).for_each(|minute| drop(cluster.read(minute)));
    assert_eq!(cluster.read(216).units, 0);
}

#[test]
fn what_a_running_step_needs_later_is_known_even_if_its_end_is_not() {
    let mut steps = rounds();
    (steps[0].minutes, steps[2].minutes, steps[4].minutes) = (1, 20, 35);
    steps[6].at = 200;
    steps[7].at = 230;
    assert_eq!(units_at(&mut Cluster::new(1, steps), 200), 2);
}

#[test]
fn no_more_is_made_ready_than_a_step_gets_anyway() {
    let mut cluster = Cluster::new(1, rounds());
    cluster.got = 1.0 / 3.0;
    assert_eq!(units_at(&mut cluster, 204), 3);
    // Nor after many runs for which room was ready.
    let mut cluster = Cluster::new(1, (0..40).flat_map(round).collect());
    cluster.got = 1.0 / 3.0;
    assert_eq!(units_at(&mut cluster, 24 + 60 * 30), 3);
}

#[test]
fn what_belongs_to_steps_that_ran_together_is_not_learned_unless_something_tells_them_apart() {
    let round = |hour: i64| {
        [
            added("one", 60 * hour + 10, 20, 2.0),
            added("other", 60 * hour + 10, 20, 9.0),
        ]
    };
    let steps: Vec<Added> = (0..4).flat_map(round).collect();
    for (names_tell, units) in [(true, 11), (false, 0)] {
        let mut cluster = Cluster::new(2, steps.clone());
        cluster.names_tell = names_tell;
        assert_eq!(cluster.read_until(190).units, units);
    }
}

#[test]
fn while_steps_cannot_be_read_nothing_is_expected_and_runs_that_were_not_seen_whole_do_not_count() {
    let mut cluster = Cluster::new(1, rounds());
    cluster.read_until(140);
    cluster.can_be_read = false;
    (141..150).for_each(|minute| assert_eq!(cluster.read(minute).units, 0));
    cluster.can_be_read = true;
    (150..204).for_each(|minute| drop(cluster.read(minute)));
    // Two whole runs are not enough.
    assert_eq!(cluster.read(204).units, 0);
}

#[test]
fn an_application_of_a_step_is_not_expected_by_the_time_as_well() {
    // The same each day, so that the time of the day says it, too.
    let steps = (0..4).map(|day| added("nightly", 1_440 * day + 60, 30, 7.0));
    let mut cluster = Cluster::new(1, steps.collect());
    let expected = cluster.read_until(3 * 1_440 + 60);
    assert_eq!(expected.units, 7);
    assert_eq!(expected.starts.len(), 1);
    assert_eq!(expected.starts[0].precedent, Precedent::Runs);
}

#[test]
fn names_that_have_not_come_for_long_are_forgotten() {
    let mut cluster = Cluster::new(1, rounds());
    cluster.read_until(250);
    assert_eq!(cluster.arrivals.steps.habits.len(), 2);
    cluster.read(250 + 36 * 1_440);
    assert!(cluster.arrivals.steps.habits.is_empty());
}
