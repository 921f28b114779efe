//! What running applications say about their own work: what they need, hold and leave idle, and what
//! is left to do.

mod storage;
mod words;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::{Mebibytes, Percent, VirtualCores};
pub use storage::{Storage, StoringNode};

/// The work of the cluster's running applications.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Sums over the applications: what rules read.
    pub totals: WorkTotals,
    /// The largest running applications, the one with most memory first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<ApplicationWork>,
    /// Which nodes store data of these applications; `None` if they were not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
}

/// Sums over all running Spark and MapReduce applications. All but the last two are `None` while the
/// work of one of them is unknown, because it could be any amount. Applications of other kinds are not
/// counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkTotals {
    /// Seconds until the last application has done the work that is known, at the size that each has
    /// now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_s: Option<f64>,
    /// Tasks that have not completed, those that run included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_remaining: Option<u64>,
    /// Executors of Spark applications that their work could use, up to what each may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors_needed: Option<u64>,
    /// Executors that Spark applications have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors_held: Option<u64>,
    /// Those of them that run no task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors_idle: Option<u64>,
    /// The memory of the largest running application, as a share of what is allocated to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_app: Option<Percent>,
    /// Running Spark and MapReduce applications whose work is unknown.
    #[serde(default)]
    pub apps_unknown: u64,
}

/// A running application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationWork {
    /// YARN's id, such as `application_1795884238280_0002`.
    pub id: Arc<str>,
    /// The name that its user gave it, cut off.
    pub name: Arc<str>,
    /// The queue that it runs in.
    pub queue: Arc<str>,
    /// The framework.
    pub kind: ApplicationKind,
    /// Memory that YARN allocated to it.
    #[serde(rename = "memory_allocated_mib")]
    pub memory_allocated: Mebibytes,
    /// Cores that YARN allocated to it.
    pub vcores_allocated: VirtualCores,
    /// Containers that run, the application master's included.
    pub containers: u64,
    /// What is left to do, or why that is unknown.
    pub work: WorkOrReason,
}

/// The framework of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationKind {
    /// Apache Spark.
    Spark,
    /// Hadoop MapReduce.
    MapReduce,
    /// Another one, whose work is not read.
    Other,
}

/// What an application said, or why it said nothing that could be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkOrReason {
    /// What it said.
    Known(KnownWork),
    /// Why its work is unknown.
    Unknown(WorkUnknown),
}

/// What an application said of its work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownWork {
    /// Spark's executors; `None` for MapReduce, whose containers end with their task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors: Option<Executors>,
    /// The stages that run or wait, in their order. Those of MapReduce are its maps and its reduces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageWork>,
}

/// The executors of a Spark application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executors {
    /// Those that run.
    pub held: u32,
    /// Those that its tasks could use, whatever its limit is; `None` without dynamic allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u32>,
    /// The most that it may have: `spark.dynamicAllocation.maxExecutors`, or the fixed number. `None`
    /// for no limit, or if that was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// Tasks that one executor runs at the same time.
    pub slots: u32,
    /// The memory of one executor's container.
    #[serde(rename = "memory_mib")]
    pub memory: Mebibytes,
}

/// A stage that has not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageWork {
    /// Its number in its application: that of Spark; 0 for maps, 1 for reduces.
    #[serde(default)]
    pub id: u32,
    /// How often Spark has submitted it before, because shuffle output was gone.
    #[serde(default, skip_serializing_if = "is_first")]
    pub attempt: u32,
    /// Tasks that have completed.
    #[serde(default)]
    pub tasks_done: u32,
    /// Tasks that have not completed, those that run included.
    pub tasks_remaining: u32,
    /// Tasks that run.
    pub tasks_running: u32,
    /// The mean time of a task, in seconds: of those that completed, or, before the first has, the age
    /// of the oldest. `None` while none has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_s: Option<f64>,
    /// Whether it waits for another stage to complete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_blocked: bool,
}

/// Why the work of an application is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkUnknown {
    /// Work of this framework is not read.
    OtherFramework,
    /// More applications run than are asked, or the time or the amount of data of a tick was spent.
    NotAsked,
    /// Its address is not that of YARN's proxy.
    OtherAddress,
    /// It did not answer in time.
    TimedOut,
    /// It did not answer in time several times, and is asked again later.
    BackingOff,
    /// The service refused (401, 403).
    Refused,
    /// It has no address for this: it starts, ends, or its web interface is off.
    NoInterface,
    /// Its answer could not be read.
    Malformed,
}

impl WorkUnknown {
    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::OtherFramework => "work of this framework is not read",
            Self::NotAsked => "not asked: the limits of `work` in the settings were reached",
            Self::OtherAddress => "its address is not that of YARN's proxy; set `yarn.proxy`",
            Self::TimedOut => "no answer in time",
            Self::BackingOff => "no answer in time, again; asked within five minutes",
            Self::Refused => "access is refused; the daemon's user needs view access",
            Self::NoInterface => "no answer: it starts or ends, or its web interface is off",
            Self::Malformed => "its answer could not be read",
        }
    }
}

const fn is_first(attempt: &u32) -> bool {
    *attempt == 0
}

impl fmt::Display for ApplicationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Spark => "Spark",
            Self::MapReduce => "MapReduce",
            Self::Other => "other",
        })
    }
}

impl Work {
    /// The work of these applications, which are all that run. At most `listed` of them are kept.
    pub fn of(mut applications: Vec<ApplicationWork>, listed: usize) -> Self {
        applications.sort_by(|one, other| {
            let memory = other.memory_allocated.cmp(&one.memory_allocated);
            memory.then_with(|| one.id.cmp(&other.id))
        });
        let totals = WorkTotals::of(&applications);
        applications.truncate(listed);
        Self {
            totals,
            applications,
            storage: None,
        }
    }
}

impl WorkTotals {
    fn of(applications: &[ApplicationWork]) -> Self {
        let counted = || {
            let kinds = applications.iter();
            kinds.filter(|application| application.kind != ApplicationKind::Other)
        };
        let works = || counted().map(ApplicationWork::known);
        let executors = |count: fn(&KnownWork, &Executors) -> u32| {
            works().try_fold(0_u64, |sum, work| {
                let work = work?;
                let executors = work.executors.as_ref();
                Some(sum + executors.map_or(0, |executors| u64::from(count(work, executors))))
            })
        };
        let memory = |application: &ApplicationWork| application.memory_allocated.get();
        let allocated = applications.iter().map(memory).fold(0, u64::saturating_add);
        let largest = applications.iter().map(memory).max().unwrap_or(0);
        Self {
            drain_s: works().try_fold(0.0, |most: f64, work| Some(most.max(work?.drain_s()?))),
            tasks_remaining: works().try_fold(0, |sum: u64, work| {
                Some(sum.saturating_add(work?.tasks_remaining()))
            }),
            executors_needed: executors(KnownWork::executors_needed),
            executors_held: executors(|_, executors| executors.held),
            executors_idle: executors(KnownWork::executors_idle),
            largest_app: (allocated > 0)
                .then(|| Percent(100.0 * largest as f64 / allocated as f64)),
            apps_unknown: works().filter(Option::is_none).count() as u64,
        }
    }
}

impl ApplicationWork {
    /// What the application said, if it did.
    pub fn known(&self) -> Option<&KnownWork> {
        match &self.work {
            WorkOrReason::Known(work) => Some(work),
            WorkOrReason::Unknown(_) => None,
        }
    }
}

impl KnownWork {
    /// Tasks that have not completed.
    pub fn tasks_remaining(&self) -> u64 {
        let tasks = self.stages.iter();
        tasks.map(|stage| u64::from(stage.tasks_remaining)).sum()
    }

    /// Executors that its work could use, within its limit. Without dynamic allocation, those that the
    /// tasks of its running stages would fill.
    pub fn executors_needed(&self, executors: &Executors) -> u32 {
        let running = self.stages.iter().filter(|stage| !stage.is_blocked);
        let tasks: u64 = running.map(|stage| u64::from(stage.tasks_remaining)).sum();
        let for_tasks = tasks.div_ceil(u64::from(executors.slots.max(1)));
        let needed = executors
            .needed
            .unwrap_or(u32::try_from(for_tasks).unwrap_or(u32::MAX));
        needed.min(executors.most.unwrap_or(u32::MAX))
    }

    /// Executors that run no task, if its tasks are packed on as few as possible.
    pub fn executors_idle(&self, executors: &Executors) -> u32 {
        let tasks: u64 = self
            .stages
            .iter()
            .map(|stage| u64::from(stage.tasks_running))
            .sum();
        let busy = tasks.div_ceil(u64::from(executors.slots.max(1)));
        executors
            .held
            .saturating_sub(u32::try_from(busy).unwrap_or(u32::MAX))
    }

    /// Seconds until the known work is done at the present size; `None` if no task shows how long one
    /// takes.
    ///
    /// The stages that run share the tasks that run at the same time, those that wait follow one after
    /// the other, and no stage is faster than one of its tasks. Tasks of a stage that has not started
    /// are taken to be as long as the longest of the others.
    pub fn drain_s(&self) -> Option<f64> {
        if self.tasks_remaining() == 0 {
            return Some(0.0);
        }
        let known = self.stages.iter().filter_map(|stage| stage.task_s);
        let longest_s = known.reduce(f64::max)?;
        let slots = f64::from(self.slots());
        let (mut shared_s, mut running_s, mut blocked_s) = (0.0, 0.0_f64, 0.0);
        for stage in self.stages.iter().filter(|stage| stage.tasks_remaining > 0) {
            let task_s = stage.task_s.unwrap_or(longest_s);
            let spread_s = f64::from(stage.tasks_remaining) * task_s / slots;
            if stage.is_blocked {
                blocked_s += spread_s.max(task_s);
            } else {
                shared_s += spread_s;
                // Of the tasks that run, some time has passed already.
                if stage.tasks_remaining > stage.tasks_running {
                    running_s = running_s.max(task_s);
                }
            }
        }
        Some(f64::max(shared_s, running_s) + blocked_s)
    }

    /// Tasks that run at the same time at the present size; at least one.
    fn slots(&self) -> u32 {
        let running = self.stages.iter().map(|stage| stage.tasks_running);
        let slots = match self.executors {
            Some(executors) => executors.held.saturating_mul(executors.slots),
            None => running.fold(0, u32::saturating_add),
        };
        slots.max(1)
    }
}

#[cfg(test)]
mod tests;
