//! Jobs as YARN lists them.

use std::collections::BTreeMap;

use super::queue::MasterState;
use super::{Cluster, ContainerWorkload};
use crate::sim::stepped::{Application, Master};
use crate::units::{Percent, Resources};

impl ContainerWorkload<'_> {
    /// Jobs that have arrived and are not finished, in order of arrival.
    pub(super) fn unfinished_applications(&self, cluster: &Cluster) -> Vec<Application> {
        let held = self.held_by_job();
        let unfinished = (self.oldest as u32..self.arrived as u32)
            .filter(|job| self.jobs[*job as usize].stages_left > 0);
        let application = |job: u32| {
            let spec = &self.load.jobs[job as usize];
            let (containers, allocated) = held.get(&job).copied().unwrap_or_default();
            Application {
                number: job,
                name: spec.id.clone(),
                submitted_at: self.at(spec.submit_ms),
                master: match self.jobs[job as usize].master {
                    MasterState::Absent => Master::None,
                    MasterState::Inactive | MasterState::Waiting => Master::Waiting,
                    MasterState::Starts(container) | MasterState::Runs(container) => {
                        let node = self.containers[container as usize].node;
                        Master::On(cluster.nodes[node as usize].id.clone())
                    }
                },
                containers,
                allocated,
                progress: self.progress(job),
            }
        };
        unfinished.map(application).collect()
    }

    /// Running containers of each job, its master included, and what they hold.
    fn held_by_job(&self) -> BTreeMap<u32, (u64, Resources)> {
        let mut held: BTreeMap<u32, (u64, Resources)> = BTreeMap::new();
        for container in self.containers.iter().filter(|container| container.runs) {
            let (containers, resources) = held.entry(container.job).or_default();
            *containers += 1;
            *resources = resources.plus(container.each);
        }
        held
    }

    /// The share of a job's tasks that is done.
    fn progress(&self, job: u32) -> Percent {
        let spec = &self.load.jobs[job as usize];
        let stages = spec.first_stage as usize..(spec.first_stage + spec.stages) as usize;
        let tasks: u64 = self.load.stages[stages.clone()]
            .iter()
            .map(|stage| stage.tasks)
            .sum();
        let unfinished: u64 = self.stages[stages]
            .iter()
            .map(|stage| stage.unfinished)
            .sum();
        Percent(100.0 * (tasks - unfinished) as f64 / tasks.max(1) as f64)
    }
}
