//! The demand of a workload if nothing ever waits.

use crate::sim::job_work::JobWork;
use crate::sim::observed_work::ObservedWork;
use crate::sim::run::StepCurve;
use crate::sim::trace_work::TraceWork;
use crate::sim::unhindered::{containers_alone, unlimited};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

/// The resources that a workload would use over time, with unlimited capacity.
///
/// A stage of a job starts the instant the stages before it have finished, and a step of EMR when the
/// step before it has. A job's application master
/// starts with the job, ends with it, and counts. A Spark application with executors uses what they
/// hold, with a task or without, and a MapReduce job what its reduces hold while they wait for maps. A
/// parcel of observed memory is used for the mean lifetime of its containers.
///
/// The curve starts with the first demand and ends at zero.
pub fn no_wait_demand(workload: &TraceWork) -> StepCurve<Resources> {
    match workload {
        TraceWork::Jobs(load) => demand_of_jobs(load, Held::ByContainers),
        TraceWork::Observations(load) => demand_of_observations(load),
    }
}

/// The same, but of an executor only the slots in which tasks run, and of a reduce only its own time: the least that any size of the
/// cluster can do the work with.
pub fn least_demand(workload: &TraceWork) -> StepCurve<Resources> {
    match workload {
        TraceWork::Jobs(load) => demand_of_jobs(load, Held::ByTasks),
        TraceWork::Observations(load) => demand_of_observations(load),
    }
}

/// What counts of a job whose containers do not only run tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    ByContainers,
    ByTasks,
}

fn demand_of_jobs(work: &JobWork, counted: Held) -> StepCurve<Resources> {
    let mut changes = Changes::from(work.start, work.jobs.len());
    let mut ready_ms = vec![0_i64; work.stages.len()];
    let unlimited = unlimited();
    for ((index, job), start_ms) in work.jobs.iter().enumerate().zip(starts_ms(work)) {
        let is_simulated = job.spark.is_some() || job.map_reduce.is_some();
        if counted == Held::ByContainers && is_simulated {
            for held in containers_alone(work, index, &unlimited) {
                let at = |ms: i64| start_ms.saturating_add(ms);
                changes.add(at(held.from_ms), at(held.until_ms), 1, held.each);
            }
            continue;
        }
        let stages = job.first_stage as usize..(job.first_stage + job.stages) as usize;
        ready_ms[stages.clone()].fill(start_ms);
        for index in stages {
            let stage = &work.stages[index];
            let mut end_ms = ready_ms[index];
            for run in work.runs_of(index) {
                let until_ms = ready_ms[index].saturating_add(run.duration_ms);
                changes.add(ready_ms[index], until_ms, run.count, stage.each);
                end_ms = end_ms.max(until_ms);
            }
            for dependent in work.dependents_of(stage) {
                let ready = &mut ready_ms[*dependent as usize];
                *ready = end_ms.max(*ready);
            }
        }
        if let Some(master) = job.application_master {
            changes.add(
                start_ms,
                start_ms.saturating_add(job.unhindered_ms),
                1,
                master,
            );
        }
    }
    changes.summed()
}

/// When jobs start if nothing waits but steps for their turn, since the start, in order of submission.
fn starts_ms(work: &JobWork) -> impl Iterator<Item = i64> {
    work.jobs.iter().scan(0, |steps_end_ms, job| {
        if !job.is_step {
            return Some(job.submit_ms);
        }
        let start_ms = job.submit_ms.max(*steps_end_ms);
        *steps_end_ms = start_ms.saturating_add(job.unhindered_ms);
        Some(start_ms)
    })
}

/// A parcel that arrives over a longer time than its containers live has a constant demand while it
/// arrives; any other has its full demand from the middle of its arrival on, for one lifetime. Either
/// way the memory-time is that of the parcel.
fn demand_of_observations(work: &ObservedWork) -> StepCurve<Resources> {
    let mut changes = Changes::from(work.start, work.parcels.len());
    for parcel in &work.parcels {
        let (lifetime_ms, span_ms) = (
            f64::from(parcel.lifetime_s) * 1e3,
            f64::from(parcel.span_ms),
        );
        let level_mib =
            parcel.memory_mib * (lifetime_ms / span_ms.max(lifetime_ms).max(1.0)).min(1.0);
        let from_ms = if lifetime_ms < span_ms {
            parcel.from_ms
        } else {
            parcel.from_ms + i64::from(parcel.span_ms / 2)
        };
        let until_ms = from_ms + lifetime_ms.max(span_ms).round() as i64;
        let vcores = level_mib * f64::from(parcel.vcores_per_mib);
        let each = Resources {
            memory: Mebibytes(level_mib.round() as u64),
            vcores: VirtualCores(vcores.round() as u64),
        };
        changes.add(from_ms, until_ms, 1, each);
    }
    changes.summed()
}

/// The number of nodes that the demand needs over time, if containers could be split: the scarcer
/// resource, rounded up to whole nodes. A resource that the node does not have is not counted, as in
/// YARN's `DefaultResourceCalculator`, which counts memory only.
pub fn nodes_needed(demand: &StepCurve<Resources>, node: Resources) -> StepCurve<u32> {
    let whole = |amount: u64, offered: u64| {
        if offered == 0 {
            0
        } else {
            amount.div_ceil(offered)
        }
    };
    let mut curve: Vec<(Timestamp, u32)> = Vec::with_capacity(demand.0.len());
    for (at, needed) in &demand.0 {
        let nodes = whole(needed.memory.get(), node.memory.get())
            .max(whole(needed.vcores.get(), node.vcores.get()));
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        if curve.last().is_none_or(|(_, last)| *last != nodes) {
            curve.push((*at, nodes));
        }
    }
    StepCurve(curve)
}

/// The changes of the demand, from which its curve is summed.
struct Changes {
    start: Timestamp,
    changes: Vec<Change>,
}

/// A change at an instant since the start, in integers wide enough for any sum of containers.
struct Change {
    at_ms: i64,
    memory: i128,
    vcores: i128,
}

impl Changes {
    fn from(start: Timestamp, expected: usize) -> Self {
        Self {
            start,
            changes: Vec::with_capacity(expected.saturating_mul(2)),
        }
    }

    fn add(&mut self, from_ms: i64, until_ms: i64, count: u32, each: Resources) {
        if from_ms < until_ms && count > 0 {
            let memory = i128::from(each.memory.get()) * i128::from(count);
            let vcores = i128::from(each.vcores.get()) * i128::from(count);
            self.changes.push(Change {
                at_ms: from_ms,
                memory,
                vcores,
            });
            self.changes.push(Change {
                at_ms: until_ms,
                memory: -memory,
                vcores: -vcores,
            });
        }
    }

    fn summed(mut self) -> StepCurve<Resources> {
        self.changes.sort_unstable_by_key(|change| change.at_ms);
        let mut curve = StepCurve(Vec::with_capacity(self.changes.len()));
        let (mut memory, mut vcores) = (0_i128, 0_i128);
        for together in self.changes.chunk_by(|a, b| a.at_ms == b.at_ms) {
            for change in together {
                memory += change.memory;
                vcores += change.vcores;
            }
            let clamp = |sum: i128| u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
            let used = Resources {
                memory: Mebibytes(clamp(memory)),
                vcores: VirtualCores(clamp(vcores)),
            };
            curve.set(
                Timestamp::from_millis(self.start.as_millis().saturating_add(together[0].at_ms)),
                used,
            );
        }
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::sim::observed_work::Parcel;
    use crate::trace::{Job, Stage, TaskRun};

    fn seconds(s: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(s)
    }

    fn resources(memory_mib: u64, vcores: u64) -> Resources {
        Resources {
            memory: Mebibytes(memory_mib),
            vcores: VirtualCores(vcores),
        }
    }

    fn stage(after: &[u32], each: Resources, tasks: &[(u32, u64)]) -> Stage {
        let tasks = tasks
            .iter()
            .map(|&(count, s)| TaskRun {
                count,
                duration: Duration::from_secs(s),
            })
            .collect();
        Stage {
            after: after.to_vec(),
            memory: each.memory,
            vcores: each.vcores,
            tasks,
            spark: None,
        }
    }

    fn load(jobs: &[Job]) -> JobWork {
        JobWork::from_jobs(Timestamp::EPOCH, jobs).expect("valid jobs")
    }

    fn job(submit_s: u64, application_master: Option<Resources>, stages: Vec<Stage>) -> Job {
        Job {
            id: "j".into(),
            name: None,
            submit: Duration::from_secs(submit_s),
            application_master,
            stages,
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            spark: None,
        }
    }

    #[test]
    fn stages_start_when_those_before_them_have_finished() {
        let each = resources(10, 1);
        let chain = job(
            5,
            None,
            vec![
                stage(&[], each, &[(2, 10), (1, 20)]),
                stage(&[0], each, &[(4, 5)]),
                stage(&[], each, &[(1, 1)]),
            ],
        );
        let expected = [(5, 4), (6, 3), (15, 1), (25, 4), (30, 0)]
            .map(|(at, tasks)| (seconds(at), resources(10 * tasks, tasks)));
        assert_eq!(
            demand_of_jobs(&load(&[chain]), Held::ByContainers),
            StepCurve(expected.to_vec())
        );
    }

    #[test]
    fn the_application_master_lives_as_long_as_its_job() {
        let with_master = job(
            0,
            Some(resources(7, 1)),
            vec![
                stage(&[], resources(10, 1), &[(1, 10)]),
                stage(&[0], resources(20, 1), &[(1, 10)]),
            ],
        );
        let expected = vec![
            (seconds(0), resources(17, 2)),
            (seconds(10), resources(27, 2)),
            (seconds(20), resources(0, 0)),
        ];
        assert_eq!(
            demand_of_jobs(&load(&[with_master]), Held::ByContainers),
            StepCurve(expected)
        );
    }

    #[test]
    fn jobs_that_follow_each_other_without_a_gap_are_one_step() {
        let one = |submit_s| {
            job(
                submit_s,
                None,
                vec![stage(&[], resources(10, 1), &[(1, 10)])],
            )
        };
        let expected = vec![
            (seconds(100), resources(10, 1)),
            (seconds(120), resources(0, 0)),
        ];
        let load = JobWork::from_jobs(seconds(100), &[one(0), one(10)]).expect("valid jobs");
        assert_eq!(
            demand_of_jobs(&load, Held::ByContainers),
            StepCurve(expected)
        );
    }

    #[test]
    fn work_that_takes_no_time_demands_nothing() {
        let nothing = job(
            0,
            Some(resources(1, 1)),
            vec![stage(&[], resources(10, 1), &[(3, 0)])],
        );
        assert_eq!(
            demand_of_jobs(&load(&[nothing]), Held::ByContainers),
            StepCurve(vec![])
        );
    }

    #[test]
    fn absurd_demand_saturates() {
        let absurd = job(
            0,
            None,
            vec![stage(
                &[],
                resources(u64::MAX, u64::MAX),
                &[(u32::MAX, 10), (u32::MAX, 10)],
            )],
        );
        let demand = demand_of_jobs(&load(&[absurd]), Held::ByContainers);
        assert_eq!(
            demand.0,
            vec![
                (seconds(0), resources(u64::MAX, u64::MAX)),
                (seconds(10), resources(0, 0))
            ]
        );
        assert_eq!(nodes_needed(&demand, resources(1, 1)).0[0].1, u32::MAX);
    }

    #[test]
    fn observed_parcels_keep_their_memory_time_whatever_their_lifetime() {
        for (span_ms, lifetime_s, expected) in [
            (30_000, 10.0, (0, 30_000, 100)),
            (30_000, 60.0, (15_000, 75_000, 300)),
            (0, 5.0, (0, 5_000, 300)),
        ] {
            let parcel = Parcel {
                from_ms: 0,
                span_ms,
                lifetime_s,
                vcores_per_mib: 0.01,
                memory_mib: 300.0,
            };
            let load = ObservedWork::from_parcels(Timestamp::EPOCH, vec![parcel]);
            let (from_ms, until_ms, level_mib) = expected;
            let at = Timestamp::from_millis;
            assert_eq!(
                demand_of_observations(&load).0,
                vec![
                    (at(from_ms), resources(level_mib, level_mib / 100)),
                    (at(until_ms), resources(0, 0))
                ]
            );
        }
    }

    #[test]
    fn nodes_are_whole_and_the_scarcer_resource_decides() {
        for (demand, node, nodes) in [
            (resources(0, 0), resources(100, 4), 0),
            (resources(1, 0), resources(100, 4), 1),
            (resources(100, 4), resources(100, 4), 1),
            (resources(101, 1), resources(100, 4), 2),
            (resources(10, 9), resources(100, 4), 3),
            (resources(250, 99), resources(100, 0), 3),
        ] {
            let curve = nodes_needed(&StepCurve(vec![(seconds(0), demand)]), node);
            assert_eq!(
                curve,
                StepCurve(vec![(seconds(0), nodes)]),
                "{demand:?} on {node:?}"
            );
        }
    }
}
