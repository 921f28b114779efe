//! Jobs as YARN lists them.

use std::collections::BTreeMap;

use super::queue::{JobQueue, MasterState, NONE};
use super::table::{Container, Containers};
use crate::sim::cluster::Cluster;
use crate::sim::workload::{Application, Master};
use crate::units::{Percent, Resources};

/// Those of `jobs` that are not finished, in order of arrival.
pub(super) fn unfinished_applications(
    jobs: impl Iterator<Item = u32>,
    queue: &JobQueue,
    containers: &Containers,
    cluster: &Cluster,
) -> Vec<Application> {
    let held = held_by_job(containers);
    let mut applications = Vec::new();
    for job in jobs.filter(|job| queue.jobs[*job as usize].stages_left > 0) {
        let spec = &queue.work.jobs[job as usize];
        let submitter = &queue.work.submitters[spec.submitter as usize];
        let (running, allocated) = held.get(&job).copied().unwrap_or_default();
        let master = match queue.jobs[job as usize].master {
            MasterState::Absent => Master::None,
            MasterState::Inactive | MasterState::Waiting => Master::Waiting,
            MasterState::Starts(container) | MasterState::Runs(container) => {
                let node = containers.get(container).node;
                Master::On(cluster.nodes[node as usize].id.clone())
            }
        };
        applications.push(Application {
            number: job,
            name: spec.id.clone(),
            queue: submitter.queue.clone(),
            user: submitter.user.clone(),
            submitted_at: queue.work.at(queue.jobs[job as usize].ready_ms),
            master,
            containers: running,
            allocated,
            requests: queue.requests(job),
            progress: progress(job, queue),
        });
    }
    applications
}

/// The running containers of each job, including its master, and the resources that they hold.
pub(super) fn held_by_job(containers: &Containers) -> BTreeMap<u32, (u64, Resources)> {
    let mut held: BTreeMap<u32, (u64, Resources)> = BTreeMap::new();
    let is_container = |(_, container): &(u32, &Container)| container.executor == NONE;
    for (_, container) in containers.running().filter(is_container) {
        let (running, resources) = held.entry(container.job).or_default();
        *running += 1;
        *resources = resources.plus(container.each);
    }
    held
}

/// The share of a job's tasks that are done.
fn progress(job: u32, queue: &JobQueue) -> Percent {
    let spec = &queue.work.jobs[job as usize];
    let stages = spec.first_stage as usize..(spec.first_stage + spec.stages) as usize;
    let tasks: u64 = queue.work.stages[stages.clone()]
        .iter()
        .map(|stage| stage.tasks)
        .sum();
    let unfinished: u64 = queue.stages[stages]
        .iter()
        .map(|stage| stage.unfinished)
        .sum();
    Percent(100.0 * (tasks - unfinished) as f64 / tasks.max(1) as f64)
}
