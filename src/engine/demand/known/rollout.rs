//! Follows the known work of a cluster into the future, if it has so many units.
//!
//! Tasks are a fluid: so many of a stage start as fit, first come, first served, and they end in four
//! parts, as the times of tasks differ. A stage that waits for others starts when the application has
//! nothing else left. Units on their way arrive at their learned time. Units that nothing needs any more
//! are released after some time.

/// The steps of a rollout: 15 s for a quarter of an hour, and longer by and by, for half a day in all.
const STEPS: usize = 160;
const STEP_S: f64 = 15.0;
const EVEN_STEPS: usize = 60;
const LONGER: f64 = 1.04;
/// How long units stay that nothing needs.
const RELEASE_S: f64 = 300.0;
/// Work that has not started at the end of a rollout waits for so much longer.
const BEYOND_S: f64 = 600.0;
/// What is no amount of tasks or units.
const NOTHING: f64 = 1e-6;
/// Tasks end in these shares, at so many standard deviations from the median.
const COHORTS: [(f64, f64); 4] = [(0.3, -1.0), (0.35, 0.0), (0.3, 1.0), (0.05, 2.0)];
/// When units that are requested now arrive, they must find work for this time.
const WORK_AT_ARRIVAL_S: f64 = 60.0;

/// A stage that is not complete. Its tasks take the same time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageLoad {
    /// The place of its application.
    pub application: usize,
    /// Units that one task occupies.
    pub unit: f64,
    /// Tasks that have not started.
    pub waiting: f64,
    /// When the tasks that run end: the seconds until then, and how many end.
    pub ends: Vec<(f64, f64)>,
    /// Tasks that hold a container, and begin their time when the stage may start.
    pub parked: f64,
    /// The mean time of a task in seconds.
    pub task_s: f64,
    /// It waits for the stages before it of its application.
    pub is_blocked: bool,
}

/// A running application, or one that waits for its application master.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApplicationLoad {
    /// The most units that its tasks may occupy.
    pub most: f64,
    /// Units that it occupies beside its executors until its last stage is complete.
    pub fixed: f64,
    /// Units of the executors that it holds, whether they run tasks or not.
    pub held: f64,
    /// Units of one executor. One that runs a task stays.
    pub executor: f64,
    /// Units of executors that stay until the application ends, whether they run tasks or not.
    pub kept: f64,
}

/// The work of a cluster, as it may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// In the order in which they are served: by applications.
    pub stages: Vec<StageLoad>,
    pub applications: Vec<ApplicationLoad>,
    /// Units that are occupied by what is not known, all the time.
    pub occupied: f64,
    /// The standard deviation of the logarithms of the times of tasks in a stage.
    pub spread: f64,
}

/// The units of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    pub there: f64,
    /// Units on their way: seconds until they arrive, and how many; in this order.
    pub coming: Vec<(f64, f64)>,
    /// Seconds from the request of a unit until it runs.
    pub delay_s: f64,
    pub min: f64,
    pub max: f64,
}

/// What follows from a size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Unit-seconds that are paid for.
    pub paid: f64,
    /// The time that tasks wait, together, in seconds.
    pub waiting_s: f64,
    /// The most units that are used when units arrive that are requested now.
    pub used_at_arrival: f64,
    /// The most units that are used at a time.
    pub most_used: f64,
    /// Seconds until the known work is done; `None` if it takes longer than is looked ahead.
    pub done_s: Option<f64>,
}

/// The state of a rollout.
struct Run<'a> {
    work: &'a Workload,
    /// Tasks of each stage that have not started, that run, and since when they wait.
    waiting: Vec<f64>,
    running: Vec<f64>,
    ready_s: Vec<f64>,
    is_blocked: Vec<bool>,
    /// What each application occupies: units of its tasks, of its executors, and beside them; and its
    /// tasks that run or could.
    occupied: Vec<f64>,
    held: Vec<f64>,
    fixed: Vec<f64>,
    active: Vec<f64>,
    /// Tasks of each application that run or hold a container, and those that could start.
    holding: Vec<f64>,
    startable: Vec<f64>,
    /// For each step and stage: tasks that end, and the units that they free.
    ends: Vec<(f64, f64)>,
    used: f64,
    /// Units that waiting tasks would use.
    wanted: f64,
    /// Tasks that wait or run, of all stages.
    left: f64,
    waited_s: f64,
}

impl Fleet {
    /// Units that are there or on their way.
    pub fn committed(&self) -> f64 {
        self.there + self.coming.iter().map(|(_, units)| units).sum::<f64>()
    }

    /// What is there and on its way if so many units are requested. Of too many, the youngest launches
    /// are cancelled first.
    fn with_requested(&self, units: f64) -> (f64, Vec<(f64, f64)>) {
        let mut coming = self.coming.clone();
        let more = units - self.committed();
        if more > 0.0 {
            coming.push((self.delay_s, more));
            coming.sort_by(|one, other| one.0.total_cmp(&other.0));
            return (self.there, coming);
        }
        let mut surplus = -more;
        while surplus > 0.0
            && let Some((_, last)) = coming.last_mut()
        {
            let dropped = surplus.min(*last);
            *last -= dropped;
            surplus -= dropped;
            coming.pop_if(|(_, units)| *units <= 0.0);
        }
        (self.there - surplus, coming)
    }
}

impl Workload {
    /// The time that all tasks still take, together, in seconds.
    pub fn task_s(&self) -> f64 {
        let of_stage = |stage: &StageLoad| {
            let running: f64 = stage
                .ends
                .iter()
                .map(|(left_s, count)| left_s * count)
                .sum();
            running + stage.waiting * stage.task_s
        };
        self.stages.iter().map(of_stage).sum()
    }

    /// Follows the work if `units` are requested now.
    pub fn with(&self, units: f64, fleet: &Fleet) -> Outlook {
        let (mut there, coming) = fleet.with_requested(units);
        let mut on_their_way: f64 = coming.iter().map(|(_, units)| units).sum();
        let mut next = 0;
        let mut run = Run::new(self);
        let mut outlook = Outlook::default();
        let (mut at_s, mut step_s, mut idle_s) = (0.0, STEP_S, 0.0);
        for step in 0..STEPS {
            run.end_tasks(step, at_s);
            while let Some((_, units)) = coming.get(next).filter(|one| one.0 <= at_s) {
                there += units;
                on_their_way -= units;
                next += 1;
            }
            run.start_tasks(step, at_s, step_s, there);
            run.give_back();
            // The first step after their arrival counts, however long steps are by then.
            let has_arrived = at_s >= fleet.delay_s;
            if has_arrived && at_s < fleet.delay_s + WORK_AT_ARRIVAL_S.max(step_s) {
                outlook.used_at_arrival = outlook.used_at_arrival.max(run.used);
            }
            outlook.most_used = outlook.most_used.max(run.used);
            outlook.paid += (there.max(0.0) + on_their_way) * step_s;
            let needed = run.used + run.wanted;
            if needed < there - 1.0 && !run.may_grow() {
                idle_s += step_s;
                if idle_s > RELEASE_S {
                    there = there.min(needed.ceil().max(fleet.min));
                }
            } else {
                idle_s = 0.0;
            }
            if run.left < NOTHING {
                outlook.done_s.get_or_insert(at_s);
                if on_their_way < NOTHING {
                    break;
                }
            }
            at_s += step_s;
            if step >= EVEN_STEPS {
                step_s *= LONGER;
            }
        }
        outlook.waiting_s = run.waited_s + run.waits_beyond(at_s);
        outlook
    }
}

impl<'a> Run<'a> {
    fn new(work: &'a Workload) -> Self {
        let stages = work.stages.len();
        let applications = work.applications.len();
        let mut run = Self {
            work,
            waiting: work.stages.iter().map(|stage| stage.waiting).collect(),
            running: vec![0.0; stages],
            ready_s: vec![0.0; stages],
            is_blocked: work.stages.iter().map(|stage| stage.is_blocked).collect(),
            occupied: vec![0.0; applications],
            held: work.applications.iter().map(|one| one.held).collect(),
            fixed: work.applications.iter().map(|one| one.fixed).collect(),
            active: vec![0.0; applications],
            holding: vec![0.0; applications],
            startable: vec![0.0; applications],
            ends: vec![(0.0, 0.0); stages * (STEPS + 1)],
            used: work.occupied,
            wanted: 0.0,
            left: 0.0,
            waited_s: 0.0,
        };
        for one in &work.applications {
            run.used += one.fixed + one.held;
        }
        for (number, stage) in work.stages.iter().enumerate() {
            for (after_s, count) in &stage.ends {
                run.end_at(step_at(*after_s).max(1), number, *count, count * stage.unit);
                run.running[number] += count;
                run.occupied[stage.application] += count * stage.unit;
            }
            run.occupied[stage.application] += stage.parked * stage.unit;
            run.holding[stage.application] += stage.parked + run.running[number];
            let tasks = stage.waiting + stage.parked + run.running[number];
            run.left += tasks;
            if !stage.is_blocked {
                run.active[stage.application] += tasks;
                run.startable[stage.application] += stage.waiting;
                run.wanted += stage.waiting * stage.unit;
            }
        }
        for application in 0..applications {
            // More tasks may run than the executors that were said to be held.
            run.hold(application, run.occupied[application]);
            if run.active[application] < NOTHING && run.has_blocked(application) {
                run.continue_with_next(application, 0.0);
            }
        }
        run
    }

    fn end_at(&mut self, step: usize, stage: usize, tasks: f64, units: f64) {
        let (ended, freed) = &mut self.ends[step.min(STEPS) * self.work.stages.len() + stage];
        *ended += tasks;
        *freed += units;
    }

    /// Ends the tasks of a step, and lets stages start that waited for them.
    fn end_tasks(&mut self, step: usize, at_s: f64) {
        let stages = self.work.stages.len();
        for stage in 0..stages {
            let (ended, freed) = std::mem::take(&mut self.ends[step * stages + stage]);
            if ended <= 0.0 {
                continue;
            }
            let application = self.work.stages[stage].application;
            self.running[stage] -= ended;
            self.holding[application] -= ended;
            self.left -= ended;
            self.occupied[application] -= freed;
            if !self.is_blocked[stage] {
                self.active[application] -= ended;
            }
            if self.active[application] < NOTHING {
                self.continue_with_next(application, at_s);
            }
        }
    }

    fn has_blocked(&self, application: usize) -> bool {
        let mut stages = self.work.stages.iter().zip(&self.is_blocked);
        stages.any(|(stage, is_blocked)| *is_blocked && stage.application == application)
    }

    /// Lets the next stage of an application start; without one, the application ends.
    fn continue_with_next(&mut self, application: usize, at_s: f64) {
        let stages = self.work.stages.iter().enumerate();
        let mut own = stages.filter(|(_, stage)| stage.application == application);
        match own.find(|(number, _)| self.is_blocked[*number]) {
            Some((number, stage)) => {
                self.is_blocked[number] = false;
                self.ready_s[number] = at_s;
                let parked = stage.parked;
                self.running[number] += parked;
                let end = step_at(at_s + stage.task_s).max(step_at(at_s) + 1);
                self.end_at(end, number, parked, parked * stage.unit);
                self.active[application] = self.waiting[number] + self.running[number];
                self.startable[application] = self.waiting[number];
                self.wanted += self.waiting[number] * stage.unit;
            }
            None => {
                self.used -= std::mem::take(&mut self.fixed[application]);
                self.used -= std::mem::take(&mut self.held[application]);
            }
        }
    }

    /// Gives an application so many units of executors, if it has fewer.
    fn hold(&mut self, application: usize, units: f64) {
        let more = (units - self.held[application]).max(0.0);
        self.held[application] += more;
        self.used += more;
    }

    /// Starts the tasks for which there is room: in the executors that their application has, and in
    /// what is free.
    fn start_tasks(&mut self, step: usize, at_s: f64, step_s: f64, there: f64) {
        for (number, stage) in self.work.stages.iter().enumerate() {
            if self.is_blocked[number] || self.waiting[number] <= NOTHING {
                continue;
            }
            let application = stage.application;
            let (held, occupied) = (self.held[application], self.occupied[application]);
            let allowed = (self.work.applications[application].most - held).max(0.0);
            let more = (there - self.used).max(0.0).min(allowed);
            // Short tasks run several in turn within a step.
            let turns = (step_s / stage.task_s).max(1.0);
            let room = ((held - occupied).max(0.0) + more) / stage.unit * turns;
            let starts = room.min(self.waiting[number]);
            if starts <= NOTHING {
                continue;
            }
            let units = starts / turns * stage.unit;
            self.occupied[application] += units;
            self.hold(application, self.occupied[application]);
            self.wanted -= starts * stage.unit;
            self.waiting[number] -= starts;
            self.running[number] += starts;
            self.holding[application] += starts;
            self.startable[application] -= starts;
            let in_turn_s = if turns > 1.0 { 0.5 * step_s } else { 0.0 };
            self.waited_s += starts * (at_s + in_turn_s - self.ready_s[number]);
            for (share, factor) in self.cohorts(turns) {
                let end = step_at(at_s + stage.task_s * factor).max(step + 1);
                self.end_at(end, number, starts * share, units * share);
            }
        }
    }

    /// Gives back the executors that run no task, of applications that have nothing to start in them.
    /// Tasks are spread: one that is left keeps its executor.
    fn give_back(&mut self) {
        for (place, one) in self.work.applications.iter().enumerate() {
            if self.startable[place] > NOTHING {
                continue;
            }
            let busy = (self.holding[place] * one.executor).max(self.occupied[place]);
            let stays = busy.max(one.kept);
            let given_back = (self.held[place] - stays).max(0.0);
            self.held[place] -= given_back;
            self.used -= given_back;
        }
    }

    /// Whether stages follow that may use more than is used now.
    fn may_grow(&self) -> bool {
        let mut stages = self.is_blocked.iter().zip(&self.waiting);
        stages.any(|(is_blocked, waiting)| *is_blocked && *waiting > NOTHING)
    }

    /// The parts in which tasks end, and their times relative to the mean.
    fn cohorts(&self, turns: f64) -> impl Iterator<Item = (f64, f64)> + use<> {
        let spread = self.work.spread;
        let parts = if turns > 1.0 { 0 } else { COHORTS.len() };
        let cohorts = COHORTS[..parts].iter().map(move |(share, deviations)| {
            (*share, (spread * deviations - 0.5 * spread * spread).exp())
        });
        cohorts.chain((turns > 1.0).then_some((1.0, 1.0)))
    }

    /// What the tasks wait, together, that have not started at the end.
    fn waits_beyond(&self, end_s: f64) -> f64 {
        let tasks = self.waiting.iter().enumerate();
        let waits = tasks.map(|(number, waiting)| {
            let since_s = if self.is_blocked[number] {
                end_s
            } else {
                self.ready_s[number]
            };
            waiting * (end_s - since_s + BEYOND_S)
        });
        waits.sum()
    }
}

/// The first step that begins at this time or later.
fn step_at(after_s: f64) -> usize {
    let even_s = STEP_S * EVEN_STEPS as f64;
    if after_s <= even_s {
        return (after_s / STEP_S - 1e-9).ceil().max(0.0) as usize;
    }
    // Step `EVEN_STEPS` is the last of even length; from then on the lengths are a geometric series.
    let beyond = (after_s - even_s) / STEP_S * (LONGER - 1.0) + 1.0;
    (EVEN_STEPS + (beyond.ln() / LONGER.ln() - 1e-9).ceil() as usize).min(STEPS)
}
