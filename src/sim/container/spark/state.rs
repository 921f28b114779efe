//! The state of all Spark applications.

use std::collections::BTreeSet;

use super::driver::{Driver, StageProgress};
use super::pool::{Executor, Pool};
use crate::sim::job_work::JobWork;

/// All Spark applications of a workload.
#[derive(Debug)]
pub struct Spark {
    /// The drivers that run, by job.
    pub drivers: Vec<Option<Box<Driver>>>,
    /// The jobs whose drivers run.
    pub running: BTreeSet<u32>,
    /// By stage.
    pub progress: Vec<StageProgress>,
    /// By container; meaningful only for executors.
    pub executors: Vec<Executor>,
    pub alarms: BTreeSet<(i64, Alarm)>,
}

/// Something that a driver does later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// It submits a stage.
    Stage { job: u32, stage: u32 },
    /// It looks at its executors.
    Pool { job: u32, pool: usize },
    /// It ends.
    End { job: u32 },
}

impl Alarm {
    pub fn job(self) -> u32 {
        match self {
            Self::Stage { job, .. } | Self::Pool { job, .. } | Self::End { job } => job,
        }
    }
}

impl Spark {
    /// The state before the first job arrives; `None` if no job is a Spark application with executors.
    pub fn new(work: &JobWork) -> Option<Box<Self>> {
        let is_there = work.jobs.iter().any(|job| job.spark.is_some());
        is_there.then(|| {
            Box::new(Self {
                drivers: work.jobs.iter().map(|_| None).collect(),
                running: BTreeSet::new(),
                progress: vec![StageProgress::default(); work.stages.len()],
                executors: Vec::new(),
                alarms: BTreeSet::new(),
            })
        })
    }

    /// When a driver acts next.
    pub fn next_ms(&self) -> Option<i64> {
        self.alarms.first().map(|(at_ms, _)| *at_ms)
    }

    pub fn driver(&mut self, job: u32) -> Option<&mut Driver> {
        self.drivers.get_mut(job as usize)?.as_deref_mut()
    }

    pub fn pool(&mut self, job: u32, pool: usize) -> Option<&mut Pool> {
        self.driver(job)?.pools.get_mut(pool)
    }

    pub fn executor(&mut self, container: u32) -> &mut Executor {
        let row = container as usize;
        if row >= self.executors.len() {
            self.executors.resize(row + 1, Executor::default());
        }
        &mut self.executors[row]
    }

    /// Forgets a driver with all that it planned.
    pub fn remove_driver(&mut self, job: u32) -> Option<Box<Driver>> {
        self.running.remove(&job);
        self.alarms.retain(|(_, alarm)| alarm.job() != job);
        self.drivers.get_mut(job as usize)?.take()
    }
}
