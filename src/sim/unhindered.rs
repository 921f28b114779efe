//! Spark applications alone on a cluster that never makes them wait. How long they take, and what they
//! hold, follows from how their drivers request executors; no formula gives it.

use super::container::{ContainerWorkload, Held};
use super::event_loop::Simulation;
use super::job_work::JobWork;
use super::scenario::Scenario;
use crate::units::{Instances, Mebibytes, Resources, VirtualCores};

/// More than all containers of a workload hold together.
const UNLIMITED: Resources = Resources {
    memory: Mebibytes(1 << 60),
    vcores: VirtualCores(1 << 60),
};

/// Sets how long the Spark applications take if they never wait. The other jobs know it already.
pub fn measure(work: &mut JobWork) {
    let unlimited = unlimited();
    for job in 0..work.job_count() {
        if work.jobs[job].spark.is_some() {
            let held = containers_alone(work, job, &unlimited);
            let end_ms = held.iter().map(|held| held.until_ms).max();
            work.jobs[job].unhindered_ms = end_ms.unwrap_or(0);
        }
    }
}

/// A cluster on which no application ever waits.
pub fn unlimited() -> Scenario {
    let mut scenario = Scenario::default();
    scenario.groups.truncate(1);
    scenario.groups[0].count = Instances(1);
    scenario.groups[0].node = UNLIMITED;
    scenario
}

/// The containers of an application on an [`unlimited`] cluster, in milliseconds since its submission.
pub fn containers_alone(work: &JobWork, job: usize, unlimited: &Scenario) -> Vec<Held> {
    let alone = work.job_alone(job);
    let mut workload = ContainerWorkload::new(&alone, unlimited);
    workload.record_held();
    let mut simulation = Simulation::new(Box::new(workload), alone.start, unlimited, 0);
    while simulation.advance_to(i64::MAX) {}
    simulation.workload.take_held()
}
