//! What is learned of the tasks of applications from one reading of their work to the next.
//!
//! Applications say how many tasks of a stage are done and the mean of their times. The differences
//! between two readings give batches of completed tasks, and how many have started in between: from
//! these follow the times of single tasks, as logarithms, and the ages of those that run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::idle::IdleExecutors;
use crate::observation::work::{ApplicationWork, KnownWork, StageWork, Work};
use crate::units::Timestamp;

/// The weight of what is older by one stage or one application.
const DECAY: f64 = 0.98;
/// The shortest and the longest time of a task that are told apart, in seconds.
pub const SHORTEST_S: f64 = 0.2;
const LONGEST_S: f64 = 1e6;
/// How many starts at different times are remembered of a stage.
const STARTS: usize = 12;

/// What was learned of tasks. All logarithms are natural, of seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    measured_at: Option<Timestamp>,
    /// Applications that run.
    applications: BTreeMap<Arc<str>, Application>,
    /// How many applications have been seen.
    seen: u64,
    /// The variance of the logarithms of the times of tasks in a stage.
    task_variance: Decayed,
    /// The mean logarithms of stages.
    stages: Decayed,
    /// The squared differences of a stage's mean logarithm from that of its application.
    within_application: Decayed,
    /// The logarithms of the tasks of applications.
    tasks: Decayed,
}

/// A running application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    /// Its place in the order in which applications were first seen.
    order: u64,
    stages: BTreeMap<u32, Stage>,
    /// Tasks of all its stages so far.
    tasks: u64,
    /// The number of its completed stages, and the sum of their mean logarithms.
    completed: (f64, f64),
    #[serde(default)]
    idle: IdleExecutors,
}

/// A stage that is not complete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stage {
    done: u32,
    /// The times of the tasks that are done, together.
    total_s: f64,
    running: u32,
    /// Sums over the tasks that are done: of the logarithms, and of their squares. The tasks that
    /// completed between two readings count with their mean.
    log_sum: f64,
    log_squares: f64,
    batches: u32,
    /// When the tasks that run have started, the oldest first.
    started: VecDeque<(Timestamp, u32)>,
}

/// A mean that forgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decayed {
    weight: f64,
    sum: f64,
    squares: f64,
}

/// The tasks of a stage so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub done: f64,
    /// The mean logarithm of the times of those that are done; 0 if none is.
    pub log_mean: f64,
    /// The ages of those that run, in seconds, and how many are so old.
    pub ages_s: Vec<(f64, f64)>,
}

/// What is believed before anything is seen of a stage: the logarithm of the median time of a task, and
/// its standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    pub log_median: f64,
    pub deviation: f64,
}

impl Decayed {
    fn add(&mut self, value: f64) {
        self.weight = self.weight * DECAY + 1.0;
        self.sum = self.sum * DECAY + value;
        self.squares = self.squares * DECAY + value * value;
    }

    /// The mean, with `assumed` counted as often as `weight`.
    fn mean(&self, assumed: f64, weight: f64) -> f64 {
        (self.sum + weight * assumed) / (self.weight + weight)
    }
}

impl History {
    /// Learns from the work of all running applications.
    pub fn observe(&mut self, work: &Work, measured_at: Timestamp) {
        let before = self.measured_at.replace(measured_at);
        if before == Some(measured_at) {
            return;
        }
        let half_ms = before.map_or(0, |before| measured_at.since(before).as_millis() / 2);
        let half_ms = i64::try_from(half_ms).unwrap_or(0);
        let started_at = Timestamp::from_millis(measured_at.as_millis().saturating_sub(half_ms));
        let running: BTreeSet<&str> = work.applications.iter().map(|one| &*one.id).collect();
        let is_over = |id: &Arc<str>| !running.contains(&**id);
        let over: Vec<Arc<str>> = self
            .applications
            .keys()
            .filter(|id| is_over(id))
            .cloned()
            .collect();
        for id in over {
            if let Some(application) = self.applications.remove(&id) {
                self.learn_of_application(application);
            }
        }
        for application in &work.applications {
            if let Some(known) = application.known() {
                self.observe_application(application, known, (started_at, measured_at));
            }
        }
    }

    /// Forgets the readings before a gap: what started within it is unknown.
    pub fn forget(&mut self) {
        self.measured_at = None;
        self.applications.clear();
    }

    /// The place of an application in the order in which they were first seen.
    pub fn order_of(&self, id: &str) -> u64 {
        self.applications.get(id).map_or(u64::MAX, |one| one.order)
    }

    /// The tasks of a stage so far. `None` if it was not read.
    pub fn progress(&self, id: &str, stage: u32, at: Timestamp) -> Option<Progress> {
        let stage = self.applications.get(id)?.stages.get(&stage)?;
        Some(Progress {
            done: f64::from(stage.done),
            log_mean: stage.log_mean().unwrap_or(0.0),
            ages_s: stage.ages_s(at),
        })
    }

    /// The standard deviation of the logarithms of the times of tasks in a stage.
    pub fn spread(&self) -> f64 {
        self.task_variance.mean(0.1, 2.0).sqrt().max(0.08)
    }

    /// What is believed of a stage of which nothing is known: it is like other stages of its
    /// application, or, if these differ more than stages of different applications do, like those.
    pub fn prior(&self, id: &str, stage: u32) -> Prior {
        let application = self.applications.get(id);
        let (count, sum) = application.map_or((0.0, 0.0), |one| one.others(stage));
        let all = self.any_stage();
        let deviation = self.within_application.mean(0.5, 2.0).sqrt().max(0.05);
        if count > 0.0 && deviation < all.deviation {
            return Prior {
                log_median: sum / count,
                deviation,
            };
        }
        all
    }

    /// What is believed of a stage of an application that is not known yet.
    pub fn any_stage(&self) -> Prior {
        let assumed = 60_f64.ln();
        let mean = self.stages.mean(assumed, 2.0);
        let squares =
            (self.stages.squares + 2.0 * (assumed * assumed + 1.2)) / (self.stages.weight + 2.0);
        let spread = self.spread();
        Prior {
            log_median: mean - 0.5 * spread * spread,
            deviation: (squares - mean * mean).max(0.01).sqrt(),
        }
    }

    /// Executors of an application that it keeps although they run nothing.
    pub fn idle_executors_kept(&self, id: &str, at: Timestamp) -> u32 {
        let application = self.applications.get(id);
        application.map_or(0, |application| application.idle.kept(at))
    }

    /// The number of tasks of a usual application: the geometric mean, as a few have very many; 0 before
    /// one is complete.
    pub fn tasks_of_an_application(&self) -> f64 {
        match self.tasks.weight > 0.0 {
            true => (self.tasks.sum / self.tasks.weight).exp(),
            false => 0.0,
        }
    }

    fn observe_application(
        &mut self,
        application: &ApplicationWork,
        known: &KnownWork,
        (started_at, measured_at): (Timestamp, Timestamp),
    ) {
        let mut own = self
            .applications
            .remove(&application.id)
            .unwrap_or_else(|| {
                self.seen += 1;
                Application {
                    order: self.seen,
                    ..Application::default()
                }
            });
        if let Some(executors) = &known.executors {
            own.idle
                .observe(known.executors_idle(executors), measured_at);
        }
        let mut before = std::mem::take(&mut own.stages);
        for stage in &known.stages {
            let mut progress = before.remove(&stage.id).unwrap_or_else(|| {
                own.tasks += u64::from(stage.tasks_done) + u64::from(stage.tasks_remaining);
                Stage::default()
            });
            // MapReduce says no times of tasks: those that it gives are estimated.
            progress.observe(stage, known.executors.is_some(), started_at);
            own.stages.insert(stage.id, progress);
        }
        for completed in before.into_values() {
            self.learn_of_stage(&mut own, &completed);
        }
        self.applications.insert(application.id.clone(), own);
    }

    fn learn_of_application(&mut self, mut application: Application) {
        for stage in std::mem::take(&mut application.stages).into_values() {
            self.learn_of_stage(&mut application, &stage);
        }
        if application.tasks > 0 {
            self.tasks.add((application.tasks as f64).ln());
        }
    }

    fn learn_of_stage(&mut self, application: &mut Application, stage: &Stage) {
        let Some(log_mean) = stage.log_mean() else {
            return;
        };
        if stage.batches > 1 {
            let done = f64::from(stage.done);
            let squares = (stage.log_squares - done * log_mean * log_mean).max(0.0);
            self.task_variance
                .add(squares / f64::from(stage.batches - 1));
        }
        self.stages.add(log_mean);
        let (count, sum) = &mut application.completed;
        if *count > 0.0 {
            self.within_application
                .add((log_mean - *sum / *count).powi(2));
        }
        *count += 1.0;
        *sum += log_mean;
    }
}

/// The logarithm of the time of a task, whatever was said.
fn log_of(task_s: f64) -> f64 {
    // What is no number becomes the shortest time.
    let at_least = task_s.max(SHORTEST_S);
    at_least.min(LONGEST_S).ln()
}

impl Application {
    /// The number of its stages but this one of which tasks are done, and the sum of their mean
    /// logarithms.
    fn others(&self, but: u32) -> (f64, f64) {
        let running = self.stages.iter().filter(|(id, _)| **id != but);
        let logs = running.filter_map(|(_, stage)| stage.log_mean());
        logs.fold(self.completed, |(count, sum), log| (count + 1.0, sum + log))
    }
}

impl Stage {
    fn log_mean(&self) -> Option<f64> {
        (self.done > 0).then(|| self.log_sum / f64::from(self.done))
    }

    fn observe(&mut self, now: &StageWork, has_times: bool, started_at: Timestamp) {
        if now.tasks_done < self.done {
            // The stage runs again.
            *self = Self::default();
        }
        let completed = now.tasks_done - self.done;
        if let Some(task_s) = now.task_s.filter(|_| now.tasks_done > 0) {
            self.learn_times(task_s, now.tasks_done, completed, has_times);
        }
        let started = i64::from(completed) + i64::from(now.tasks_running) - i64::from(self.running);
        let lost = u32::try_from(-started).unwrap_or(0);
        let started = u32::try_from(started).unwrap_or(0);
        if started > 0 {
            self.started.push_back((started_at, started));
        }
        // The oldest are taken to complete first.
        let mut gone = completed.saturating_add(lost);
        while gone > 0
            && let Some((_, count)) = self.started.front_mut()
        {
            let taken = gone.min(*count);
            *count -= taken;
            gone -= taken;
            self.started.pop_front_if(|(_, count)| *count == 0);
        }
        while self.started.len() > STARTS
            && let Some((_, count)) = self.started.pop_front()
            && let Some((_, next)) = self.started.front_mut()
        {
            *next = next.saturating_add(count);
        }
        (self.done, self.running) = (now.tasks_done, now.tasks_running);
    }

    fn learn_times(&mut self, task_s: f64, done: u32, completed: u32, has_times: bool) {
        if !has_times {
            self.log_sum = f64::from(done) * log_of(task_s);
        } else if completed > 0 {
            let total_s = task_s * f64::from(done);
            let completed = f64::from(completed);
            let log = log_of((total_s - self.total_s) / completed);
            self.log_sum += completed * log;
            self.log_squares += completed * log * log;
            self.batches += 1;
            self.total_s = total_s;
        }
    }

    fn ages_s(&self, at: Timestamp) -> Vec<(f64, f64)> {
        let started = self.started.iter();
        started
            .map(|(since, count)| (at.seconds_since(*since).max(SHORTEST_S), f64::from(*count)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::work::{ApplicationKind, Executors, WorkOrReason};
    use crate::units::{Mebibytes, VirtualCores};

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * s)
    }

    fn work(stages: &[StageWork]) -> Work {
        let known = KnownWork {
            executors: Some(Executors::default()),
            stages: stages.to_vec(),
        };
        let application = ApplicationWork {
            id: "a".into(),
            name: "etl".into(),
            queue: "default".into(),
            kind: ApplicationKind::Spark,
            memory_allocated: Mebibytes(4_096),
            vcores_allocated: VirtualCores(4),
            containers: 3,
            work: WorkOrReason::Known(known),
        };
        Work::of(vec![application], 9)
    }

    fn stage(id: u32, done: u32, running: u32, task_s: Option<f64>) -> StageWork {
        StageWork {
            id,
            attempt: 0,
            tasks_done: done,
            tasks_remaining: 40 - done,
            tasks_running: running,
            task_s,
            is_blocked: false,
        }
    }

    #[test]
    fn tasks_are_as_old_as_the_time_since_more_of_them_ran() {
        let mut history = History::default();
        history.observe(&work(&[stage(1, 0, 4, None)]), second(0));
        history.observe(&work(&[stage(1, 3, 6, Some(20.0))]), second(30));
        let progress = history.progress("a", 1, second(30)).expect("it was read");
        // Three of the first four are done; five started half-way between the readings.
        assert_eq!(progress.ages_s, [(30.0, 1.0), (15.0, 5.0)]);
        assert!((progress.log_mean - 20_f64.ln()).abs() < 1e-9);
        history.observe(&work(&[stage(1, 3, 0, Some(20.0))]), second(60));
        let lost = history.progress("a", 1, second(60)).expect("it was read");
        assert_eq!(lost.ages_s, []);
    }

    #[test]
    fn batches_of_completed_tasks_count_with_their_own_mean() {
        let mut history = History::default();
        history.observe(&work(&[stage(1, 10, 4, Some(10.0))]), second(0));
        // 10 more that took 40 s each: 25 s on average.
        history.observe(&work(&[stage(1, 20, 4, Some(25.0))]), second(30));
        let progress = history.progress("a", 1, second(30)).expect("it was read");
        let expected = 0.5 * (10_f64.ln() + 40_f64.ln());
        assert!((progress.log_mean - expected).abs() < 1e-9);
        assert!(progress.log_mean < 25_f64.ln());
    }

    #[test]
    fn a_stage_is_believed_to_be_like_the_others_of_its_application() {
        let mut history = History::default();
        for number in 0..12 {
            let at = i64::from(number) * 30;
            history.observe(&work(&[stage(number, 20, 4, Some(300.0))]), second(at));
        }
        let own = history.prior("a", 99);
        assert!((own.log_median - 300_f64.ln()).abs() < 1e-6, "{own:?}");
        let other = history.prior("b", 1);
        assert!(other.deviation > own.deviation && other.log_median > 60_f64.ln());
    }

    #[test]
    fn a_stage_that_runs_again_starts_anew() {
        let mut history = History::default();
        history.observe(&work(&[stage(1, 20, 4, Some(10.0))]), second(0));
        history.observe(&work(&[stage(1, 2, 4, Some(100.0))]), second(30));
        let progress = history.progress("a", 1, second(30)).expect("it was read");
        assert_eq!(progress.done, 2.0);
        assert!((progress.log_mean - 100_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn what_ended_applications_had_is_expected_of_those_that_wait() {
        let mut history = History::default();
        assert_eq!(history.tasks_of_an_application(), 0.0);
        history.observe(
            &work(&[stage(1, 0, 4, None), stage(2, 0, 0, None)]),
            second(0),
        );
        history.observe(&Work::default(), second(30));
        assert!((history.tasks_of_an_application() - 80.0).abs() < 1e-9);
        history.forget();
        assert_eq!(history.order_of("a"), u64::MAX);
    }
}
