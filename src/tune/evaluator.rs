//! What candidates are tried on, and what of a run counts: cost and waiting, day by day, so that
//! days can be left out afterwards.

use std::ops::{AddAssign, Range};
use std::time::Duration;

use rayon::prelude::*;

use crate::evaluation::statistics::Summary;
use crate::evaluation::trials::started_within_limits;
use crate::policy::Policy;
use crate::pricing::{self, RateCurve};
use crate::sim::run::{Run, Wait};
use crate::sim::scenario::Scenario;
use crate::sim::trace_work::TraceWork;
use crate::sim::{Recording, SimError, check_signals, check_targets, simulate};

const DAY_S: f64 = 86_400.0;
/// The goal is kept when at most this share of the work waits longer.
const LATE_SHARE: f64 = 0.05;

/// Traces with their clusters, and how long work may wait.
pub struct Evaluator<'a> {
    lanes: Vec<Lane<'a>>,
    goal: Duration,
}

/// One trace with its cluster.
struct Lane<'a> {
    name: String,
    workload: &'a TraceWork,
    scenario: &'a Scenario,
    /// One for each group.
    rates: Vec<RateCurve>,
    days: usize,
}

/// What one policy did on all traces, with one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// In the order of the traces.
    pub traces: Vec<TraceFigures>,
}

/// What one policy did on one trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceFigures {
    /// The cost, in US dollars.
    pub cost_usd: f64,
    /// The p95 wait, in seconds.
    pub wait_p95_s: f64,
    /// Tasks that were left undone.
    pub unfinished: u64,
    /// Never empty.
    pub days: Vec<DayFigures>,
}

/// What one policy did on one day of one trace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DayFigures {
    /// Instances are paid by the day on which they are there.
    pub cost_usd: f64,
    /// The weight of the work that came on this day, and of the part that waited longer than the
    /// goal.
    pub work: f64,
    /// The weight of the work that waited longer than the goal.
    pub late: f64,
}

impl DayFigures {
    /// At least 95% of the work waited no longer than the goal.
    pub fn keeps_goal(&self) -> bool {
        self.late <= LATE_SHARE * self.work
    }

    /// What is left without another day.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self {
            cost_usd: self.cost_usd - other.cost_usd,
            work: self.work - other.work,
            late: self.late - other.late,
        }
    }

    /// The share of the work that waited longer than the goal.
    pub fn late_share(&self) -> f64 {
        if self.work > 0.0 {
            self.late / self.work
        } else {
            0.0
        }
    }
}

impl AddAssign for DayFigures {
    fn add_assign(&mut self, other: Self) {
        self.cost_usd += other.cost_usd;
        self.work += other.work;
        self.late += other.late;
    }
}

impl TraceFigures {
    /// The figures of a run, from the cost of each day and all waits.
    pub fn new(mut days: Vec<DayFigures>, waits: &[Wait], unfinished: u64, goal: Duration) -> Self {
        let (count, goal_s) = (days.len(), goal.as_secs_f64());
        for wait in waits {
            let day = &mut days[day_of(wait.since_s, count)];
            day.work += wait.weight;
            if wait.seconds > goal_s {
                day.late += wait.weight;
            }
        }
        Self {
            cost_usd: days.iter().map(|day| day.cost_usd).sum(),
            wait_p95_s: p95_s(waits),
            unfinished,
            days,
        }
    }

    /// All days together.
    pub fn total(&self) -> DayFigures {
        let mut total = DayFigures::default();
        self.days.iter().for_each(|day| total += *day);
        total
    }
}

impl Figures {
    /// The cost on all traces together, in US dollars.
    pub fn cost_usd(&self) -> f64 {
        self.traces.iter().map(|trace| trace.cost_usd).sum()
    }

    /// On the trace on which most waits longest: a goal is kept on each trace or not at all.
    pub fn wait_p95_s(&self) -> f64 {
        self.traces
            .iter()
            .map(|trace| trace.wait_p95_s)
            .fold(0.0, f64::max)
    }

    /// Tasks left undone, over all traces.
    pub fn unfinished(&self) -> u64 {
        self.traces.iter().map(|trace| trace.unfinished).sum()
    }
}

impl<'a> Evaluator<'a> {
    /// Takes traces with their clusters, under names that results call them by. `goal` is how long
    /// at least 95% of the work may wait at most.
    pub fn new(
        traces: impl IntoIterator<Item = (String, &'a TraceWork, &'a Scenario)>,
        goal: Duration,
    ) -> Self {
        let lane = |(name, workload, scenario): (String, &'a TraceWork, &'a Scenario)| Lane {
            name,
            workload,
            scenario,
            rates: scenario.rate_curves(),
            days: days_of(workload.span()),
        };
        Self {
            lanes: traces.into_iter().map(lane).collect(),
            goal,
        }
    }

    /// How long at least 95% of the work may wait at most.
    pub fn goal(&self) -> Duration {
        self.goal
    }

    /// The names of the traces.
    pub fn traces(&self) -> impl Iterator<Item = &str> {
        self.lanes.iter().map(|lane| lane.name.as_str())
    }

    /// How many days each trace has.
    pub fn days_of_traces(&self) -> impl Iterator<Item = usize> {
        self.lanes.iter().map(|lane| lane.days)
    }

    /// How long work came, over all traces, in days.
    pub fn span_days(&self) -> f64 {
        self.lanes
            .iter()
            .map(|lane| lane.workload.span().as_secs_f64() / DAY_S)
            .sum()
    }

    /// # Errors
    /// When a policy does not fit one of the clusters.
    pub fn check(&self, policy: &Policy) -> Result<(), SimError> {
        self.lanes.iter().try_for_each(|lane| {
            check_targets(policy, lane.scenario)?;
            check_signals(policy, lane.workload.says_what_is_left())
        })
    }

    /// Tries a policy on every trace.
    ///
    /// # Errors
    /// When it does not fit one of the clusters, or work fits none of its nodes.
    pub fn run(&self, policy: &Policy, seed: u64) -> Result<Figures, SimError> {
        let trial = |lane: &Lane<'_>| {
            let run = simulate(
                lane.workload,
                &started_within_limits(lane.scenario, policy),
                policy,
                seed,
                Recording::default(),
            )?;
            Ok(lane.figures(&run, self.goal))
        };
        Ok(Figures {
            traces: self
                .lanes
                .iter()
                .map(trial)
                .collect::<Result<_, SimError>>()?,
        })
    }

    /// Tries a policy with the seeds that follow `seed` by `offsets`, on all cores. `advance` is
    /// called after each.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_with_seeds(
        &self,
        policy: &Policy,
        seed: u64,
        offsets: Range<u64>,
        advance: &(impl Fn() + Sync),
    ) -> Result<Vec<Figures>, SimError> {
        let run = |offset: u64| {
            let figures = self.run(policy, seed.wrapping_add(offset));
            advance();
            figures
        };
        offsets.into_par_iter().map(run).collect()
    }
}

/// The figures of several seeds as one.
pub fn summary(figures: &[Figures], figure: fn(&Figures) -> f64) -> Summary {
    let values: Vec<f64> = figures.iter().map(figure).collect();
    Summary::of(&values)
}

impl Lane<'_> {
    fn figures(&self, run: &Run, goal: Duration) -> TraceFigures {
        let mut days = vec![DayFigures::default(); self.days];
        for life in &run.instances {
            let end = life.terminated_at.unwrap_or(run.end);
            let usd = pricing::cost(&self.rates[life.group], life.launched_at, end)
                .total()
                .get();
            let from_s = life.launched_at.seconds_since(run.start).max(0.0);
            share_out(
                &mut days,
                usd,
                from_s,
                end.seconds_since(run.start).max(from_s),
            );
        }
        let unfinished = run.tasks_total.saturating_sub(run.tasks_finished);
        TraceFigures::new(days, &run.waits, unfinished, goal)
    }
}

/// As the scorecard's, without sorting: a search looks at nothing else of the waits.
pub fn p95_s(waits: &[Wait]) -> f64 {
    let weight = |waits: &[(f64, f64)]| waits.iter().map(|(_, weight)| weight).sum::<f64>();
    let total: f64 = waits.iter().map(|wait| wait.weight).sum();
    // Most work does not wait at all under most policies: only the rest is searched.
    let mut waited: Vec<(f64, f64)> = waits
        .iter()
        .filter(|wait| wait.seconds > 0.0)
        .map(|wait| (wait.seconds, wait.weight))
        .collect();
    let mut among = waited.as_mut_slice();
    // Counted from the longer end, so that what did not wait does not count.
    let mut above = total * 5.0 / 100.0;
    if weight(among) <= above {
        return 0.0;
    }
    while among.len() > 1 {
        let middle = among.len() / 2;
        among.select_nth_unstable_by(middle, |(one, _), (other, _)| one.total_cmp(other));
        let (shorter, longer) = among.split_at_mut(middle);
        let longest = weight(longer);
        (above, among) = if longest > above {
            (above, longer)
        } else {
            (above - longest, shorter)
        };
    }
    among.first().map_or(0.0, |(seconds, _)| *seconds)
}

/// Days of 24 hours from the start; a rest of less than half a day belongs to the day before it.
pub fn days_of(span: Duration) -> usize {
    (span.as_secs_f64() / DAY_S).round().max(1.0) as usize
}

/// What comes after the last day belongs to it.
pub fn day_of(since_start_s: f64, days: usize) -> usize {
    ((since_start_s / DAY_S) as usize).min(days - 1)
}

/// Adds a cost to the days in proportion to the time that falls on each.
pub fn share_out(days: &mut [DayFigures], usd: f64, from_s: f64, to_s: f64) {
    let (first, last) = (day_of(from_s, days.len()), day_of(to_s, days.len()));
    if first == last || to_s <= from_s {
        days[first].cost_usd += usd;
        return;
    }
    for (day, figures) in days.iter_mut().enumerate().take(last + 1).skip(first) {
        let starts_s = from_s.max(day as f64 * DAY_S);
        let ends_s = if day == last {
            to_s
        } else {
            (day + 1) as f64 * DAY_S
        };
        figures.cost_usd += usd * (ends_s - starts_s) / (to_s - from_s);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::scorecard::WaitProfile;
    use crate::evaluation::trials::Testbed;
    use crate::policy::baselines;
    use crate::sim::job_work::JobWork;
    use crate::trace::{Job, Stage, TaskRun};
    use crate::units::{Mebibytes, Timestamp, VirtualCores};

    /// A job of 40 tasks of ten minutes, once a day.
    fn days(count: u64) -> TraceWork {
        let job = |day: u64| Job {
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            id: day.to_string().into(),
            name: None,
            submit: Duration::from_secs(day * 86_400 + 3_600),
            application_master: None,
            stages: vec![Stage {
                after: vec![],
                memory: Mebibytes(3_072),
                vcores: VirtualCores(1),
                tasks: vec![TaskRun {
                    count: 40,
                    duration: Duration::from_secs(600),
                }],
                spark: None,
            }],
            spark: None,
        };
        TraceWork::Jobs(
            JobWork::from_jobs(Timestamp::EPOCH, &(0..count).map(job).collect::<Vec<_>>())
                .expect("valid"),
        )
    }

    #[test]
    fn days_add_up_to_what_the_scorecard_says() {
        let workload = days(4);
        let scenario = Scenario {
            slo_wait: Some(Duration::from_secs(60)),
            ..Scenario::default()
        };
        let testbed = Testbed::new("t".into(), &workload, &scenario).expect("something to scale");
        let limits = scenario.groups[1].limits.expect("scaled");
        for baseline in baselines::BASELINES {
            let policy = baseline.policy(limits);
            let evaluator = Evaluator::new(
                [("t".to_owned(), &workload, &scenario)],
                Duration::from_secs(60),
            );
            let figures = evaluator.run(&policy, 1).expect("simulates");
            let trials = testbed
                .compare(
                    &[testbed.baseline(baseline)],
                    1..2,
                    Recording::default(),
                    || (),
                )
                .expect("simulates");
            let (card, trace) = (&trials[0].card, &figures.traces[0]);
            assert!(
                (trace.cost_usd - card.cost_usd).abs() < 1e-9 * card.cost_usd,
                "{}: {figures:?}, {card:?}",
                baseline.name
            );
            assert_eq!(trace.wait_p95_s, card.wait_p95_s, "{}", baseline.name);
            assert_eq!(
                (trace.days.len(), trace.total().work),
                (3, 160.0),
                "the last day has one hour: it belongs to the third"
            );
            assert!(
                (100.0 * trace.total().late_share() - card.slo_miss_percent.expect("a goal")).abs()
                    < 1e-9
            );
            assert_eq!(
                trace.days.iter().map(|day| day.work).collect::<Vec<_>>(),
                [40.0, 40.0, 80.0]
            );
        }
    }

    proptest! {
        #[test]
        fn the_p95_is_that_of_the_scorecard(waits in prop::collection::vec((0..40_u32, 1..4_u32), 1..120)) {
            let wait = |(seconds, weight): (u32, u32)| Wait { seconds: f64::from(seconds / 2), weight: f64::from(weight), since_s: 0.0 };
            let waits: Vec<Wait> = waits.into_iter().map(wait).collect();
            prop_assert_eq!(p95_s(&waits), WaitProfile::of(&waits, None).p95_s);
        }
    }

    #[test]
    fn a_cost_is_shared_out_by_time() {
        let mut days = vec![DayFigures::default(); 3];
        share_out(&mut days, 6.0, 43_200.0, 3.5 * 86_400.0);
        assert_eq!(
            days.iter().map(|day| day.cost_usd).collect::<Vec<_>>(),
            [1.0, 2.0, 3.0]
        );
        share_out(&mut days, 1.0, 86_400.0, 86_400.0);
        assert_eq!(days[1].cost_usd, 3.0);
    }
}
