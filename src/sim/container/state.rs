//! The state of a workload of containers, and its smallest changes.

use std::collections::{BTreeMap, VecDeque};

use super::queue::{JobQueue, NONE};
use super::room::Room;
use super::spark::state::Spark;
use super::steps::StepQueue;
use super::table::{Container, Containers};
use super::timeline::{Completion, Timeline, earliest};
use crate::sim::cluster::Cluster;
use crate::sim::job_work::JobWork;
use crate::sim::run::{JobLife, Wait};
use crate::sim::scenario::Scenario;
use crate::units::Resources;

/// The jobs of a trace, served container by container.
#[derive(Debug)]
pub(in crate::sim) struct ContainerWorkload<'a> {
    pub(super) work: &'a JobWork,
    /// See [`YarnDelays`](super::scenario::YarnDelays).
    pub(super) application_start_ms: i64,
    pub(super) container_overhead_ms: i64,
    pub(super) queue: JobQueue<'a>,
    /// The number of jobs that have arrived.
    pub(super) arrived: usize,
    pub(super) next_arrival_ms: Option<i64>,
    pub(super) finished: usize,
    /// The first job that is not finished.
    pub(super) oldest: usize,
    /// Jobs that YARN has got and that are not finished.
    pub(super) running_jobs: u64,
    pub(super) steps: StepQueue,
    /// Jobs whose master may not start yet, by submission.
    pub(super) inactive: VecDeque<u32>,
    /// Taken by the masters that may run.
    pub(super) masters: Resources,
    pub(super) containers: Containers,
    pub(super) containers_allocated: u64,
    pub(super) containers_released: u64,
    pub(super) completions: Timeline,
    pub(super) room: Room,
    /// The reduces that have started while maps are left, by job: their containers, with the generation
    /// of each.
    pub(super) started_reduces: BTreeMap<u32, Vec<(u32, u32)>>,
    /// `None` if no job is a Spark application with executors.
    pub(super) spark: Option<Box<Spark>>,
    /// When the tasks that started last became ready, how long they waited, and when they started.
    pub(super) last_started: Option<(i64, i64, i64)>,
    /// The containers that ended, if they are recorded.
    pub(super) held: Option<Vec<Held>>,
    pub(super) facts: Facts,
}

/// What a container held, and when, in milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Held {
    pub from_ms: i64,
    pub until_ms: i64,
    pub each: Resources,
}

/// What a simulation adds to its [`Run`].
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) waits: Vec<Wait>,
    pub(super) lives: Vec<JobLife>,
    pub(super) tasks_finished: u64,
    pub(super) tasks_rerun: u64,
    pub(super) lost_ms: u64,
}

impl<'a> ContainerWorkload<'a> {
    /// The jobs of `work` before the first of them arrives.
    pub(in crate::sim) fn new(work: &'a JobWork, scenario: &'a Scenario) -> Self {
        let application_start_ms = scenario.yarn.application_start.as_millis() as i64;
        Self {
            work,
            application_start_ms,
            container_overhead_ms: scenario.yarn.container_overhead.as_millis() as i64,
            queue: JobQueue::new(work, scenario),
            arrived: 0,
            next_arrival_ms: work.jobs.first().map(|job| job.submit_ms),
            finished: 0,
            oldest: 0,
            running_jobs: 0,
            steps: StepQueue::default(),
            inactive: VecDeque::new(),
            masters: Resources::default(),
            containers: Containers::default(),
            containers_allocated: 0,
            containers_released: 0,
            completions: Timeline::new(),
            room: Room::new(scenario.yarn.heartbeat),
            started_reduces: BTreeMap::new(),
            spark: Spark::new(work),
            last_started: None,
            held: None,
            facts: Facts {
                waits: Vec::with_capacity(work.tasks.min(1 << 20) as usize),
                ..Facts::default()
            },
        }
    }

    /// Records what containers held from now on.
    pub(in crate::sim) fn record_held(&mut self) {
        self.held = Some(Vec::new());
    }

    /// The recorded containers, which have ended.
    pub(in crate::sim) fn take_held(&mut self) -> Vec<Held> {
        self.held.take().unwrap_or_default()
    }

    /// When the next arrival, completion or heartbeat is due.
    pub(in crate::sim) fn next_event_ms(&self) -> Option<i64> {
        let completion = self.completions.peek().map(Completion::at_ms);
        let of_containers = earliest(
            earliest(self.next_arrival_ms, completion),
            self.room.next_heartbeat_ms(),
        );
        match &self.spark {
            Some(spark) => earliest(of_containers, spark.next_ms()),
            None => of_containers,
        }
    }

    /// Adds a container whose task is done, or whose process has started, at `at_ms`.
    pub(super) fn add_completing(&mut self, container: Container, at_ms: i64) -> u32 {
        let (index, generation) = self.containers.add(container);
        self.complete_at(index, generation, at_ms);
        index
    }

    /// Ends the task of a container, or lets its process be up, at `at_ms`.
    pub(super) fn complete_at(&mut self, index: u32, generation: u32, at_ms: i64) {
        self.completions
            .push(Completion::new(at_ms, index, generation));
    }

    /// Notes how long a task waited. Tasks that became ready together and start together are merged
    /// into a single wait.
    pub(in crate::sim) fn note_wait(&mut self, ready_ms: i64, wait_ms: i64, now_ms: i64) {
        let waits = &mut self.facts.waits;
        let started = Some((ready_ms, wait_ms, now_ms));
        match waits.last_mut() {
            Some(last) if self.last_started == started => last.weight += 1.0,
            _ => waits.push(Wait {
                seconds: wait_ms as f64 / 1e3,
                weight: 1.0,
                since_s: ready_ms as f64 / 1e3,
            }),
        }
        self.last_started = started;
    }

    /// Ends a container and releases its resources on the node.
    pub(in crate::sim) fn release(&mut self, index: u32, now_ms: i64, cluster: &mut Cluster) {
        let Container {
            node, stage, each, ..
        } = *self.containers.get(index);
        self.remove(index, now_ms);
        cluster.release(node, each, stage == NONE, now_ms);
        self.room.add(node);
    }

    /// Removes a container from the table and from its job.
    pub(in crate::sim) fn remove(&mut self, index: u32, now_ms: i64) {
        let container = self.containers.remove(index);
        let (job, each) = (container.job, container.each);
        if let Some(held) = &mut self.held {
            held.push(Held {
                from_ms: container.started_ms,
                until_ms: now_ms,
                each: container.each,
            });
        }
        self.containers_allocated -= 1;
        self.containers_released += 1;
        self.queue.container_ended(job, each);
    }
}
