//! The demand of jobs when nothing ever waits.

use std::time::Duration;

use crate::sim::run::StepCurve;
use crate::trace::{Job, Resources};
use crate::units::{Mebibytes, Timestamp, VirtualCores};

/// What jobs would use, over time, with unlimited capacity: every stage starts the instant the stages before it have finished.
/// An application master starts with its job, lives to its end, and counts. `start` is what the submit times count from.
///
/// The curve starts with the first demand and ends at zero with the last.
pub fn no_wait_demand(start: Timestamp, jobs: &[Job]) -> StepCurve<Resources> {
    let mut changes: Vec<Change> = Vec::with_capacity(jobs.len().saturating_mul(2));
    let mut use_between = |from: Timestamp, to: Timestamp, each: Resources, count: u32| {
        if from < to && count > 0 {
            let memory = i128::from(each.memory.get()) * i128::from(count);
            let vcores = i128::from(each.vcores.get()) * i128::from(count);
            changes.push(Change { at: from, memory, vcores });
            changes.push(Change { at: to, memory: -memory, vcores: -vcores });
        }
    };
    for job in jobs {
        let submitted = start + job.submit;
        let ends = stage_ends(job);
        for stage in &job.stages {
            let ready = submitted + ready_after(&stage.after, &ends);
            for run in &stage.tasks {
                use_between(ready, ready + run.duration, stage.each(), run.count);
            }
        }
        if let Some(master) = job.application_master {
            use_between(submitted, submitted + latest(&ends), master, 1);
        }
    }
    summed(changes)
}

/// How long a job takes when nothing waits: its longest chain of stages.
pub fn unhindered(job: &Job) -> Duration {
    latest(&stage_ends(job))
}

/// How many nodes hold the demand if containers could be split: the scarcer resource, rounded up to whole nodes. A resource of which
/// the node offers nothing is not counted, as by YARN's `DefaultResourceCalculator`, which looks at memory only.
pub fn nodes_needed(demand: &StepCurve<Resources>, node: Resources) -> StepCurve<u32> {
    let whole = |amount: u64, offered: u64| if offered == 0 { 0 } else { amount.div_ceil(offered) };
    let mut curve: Vec<(Timestamp, u32)> = Vec::with_capacity(demand.0.len());
    for (at, needed) in &demand.0 {
        let nodes = whole(needed.memory.get(), node.memory.get()).max(whole(needed.vcores.get(), node.vcores.get()));
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        if curve.last().is_none_or(|(_, last)| *last != nodes) {
            curve.push((*at, nodes));
        }
    }
    StepCurve(curve)
}

/// When each stage finishes, counted from the job's start.
fn stage_ends(job: &Job) -> Vec<Duration> {
    let mut ends: Vec<Duration> = Vec::with_capacity(job.stages.len());
    for stage in &job.stages {
        let longest = stage.tasks.iter().filter(|run| run.count > 0).map(|run| run.duration).max().unwrap_or_default();
        ends.push(ready_after(&stage.after, &ends).saturating_add(longest));
    }
    ends
}

fn ready_after(before: &[u32], ends: &[Duration]) -> Duration {
    before.iter().filter_map(|&stage| ends.get(stage as usize)).max().copied().unwrap_or_default()
}

fn latest(ends: &[Duration]) -> Duration {
    ends.iter().max().copied().unwrap_or_default()
}

/// Wide enough that no sum of containers overflows.
struct Change {
    at: Timestamp,
    memory: i128,
    vcores: i128,
}

fn summed(mut changes: Vec<Change>) -> StepCurve<Resources> {
    changes.sort_unstable_by_key(|change| change.at);
    let mut curve: Vec<(Timestamp, Resources)> = Vec::new();
    let (mut memory, mut vcores) = (0_i128, 0_i128);
    for together in changes.chunk_by(|a, b| a.at == b.at) {
        for change in together {
            memory += change.memory;
            vcores += change.vcores;
        }
        let clamp = |sum: i128| u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
        let used = Resources { memory: Mebibytes(clamp(memory)), vcores: VirtualCores(clamp(vcores)) };
        if curve.last().is_none_or(|(_, last)| *last != used) {
            curve.push((together[0].at, used));
        }
    }
    StepCurve(curve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Stage, TaskRun};

    fn seconds(s: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(s)
    }

    fn resources(memory_mib: u64, vcores: u64) -> Resources {
        Resources { memory: Mebibytes(memory_mib), vcores: VirtualCores(vcores) }
    }

    fn stage(after: &[u32], each: Resources, tasks: &[(u32, u64)]) -> Stage {
        let tasks = tasks.iter().map(|&(count, s)| TaskRun { count, duration: Duration::from_secs(s) }).collect();
        Stage { after: after.to_vec(), memory: each.memory, vcores: each.vcores, tasks }
    }

    fn job(submit_s: u64, application_master: Option<Resources>, stages: Vec<Stage>) -> Job {
        Job { id: "j".into(), name: None, submit: Duration::from_secs(submit_s), application_master, stages }
    }

    #[test]
    fn stages_start_when_those_before_them_have_finished() {
        let each = resources(10, 1);
        let chain = job(5, None, vec![stage(&[], each, &[(2, 10), (1, 20)]), stage(&[0], each, &[(4, 5)]), stage(&[], each, &[(1, 1)])]);
        assert_eq!(unhindered(&chain), Duration::from_secs(25));
        let expected = [(5, 4), (6, 3), (15, 1), (25, 4), (30, 0)].map(|(at, tasks)| (seconds(at), resources(10 * tasks, tasks)));
        assert_eq!(no_wait_demand(Timestamp::EPOCH, &[chain]), StepCurve(expected.to_vec()));
    }

    #[test]
    fn the_application_master_lives_as_long_as_its_job() {
        let with_master =
            job(0, Some(resources(7, 1)), vec![stage(&[], resources(10, 1), &[(1, 10)]), stage(&[0], resources(20, 1), &[(1, 10)])]);
        let expected = vec![(seconds(0), resources(17, 2)), (seconds(10), resources(27, 2)), (seconds(20), resources(0, 0))];
        assert_eq!(no_wait_demand(Timestamp::EPOCH, &[with_master]), StepCurve(expected));
    }

    #[test]
    fn jobs_that_follow_each_other_without_a_gap_are_one_step() {
        let one = |submit_s| job(submit_s, None, vec![stage(&[], resources(10, 1), &[(1, 10)])]);
        let expected = vec![(seconds(100), resources(10, 1)), (seconds(120), resources(0, 0))];
        assert_eq!(no_wait_demand(seconds(100), &[one(10), one(0)]), StepCurve(expected));
    }

    #[test]
    fn work_that_takes_no_time_or_has_no_tasks_demands_nothing() {
        let nothing = job(0, Some(resources(1, 1)), vec![stage(&[], resources(10, 1), &[(3, 0), (0, 50)])]);
        assert_eq!(unhindered(&nothing), Duration::ZERO);
        assert_eq!(no_wait_demand(Timestamp::EPOCH, &[nothing]), StepCurve(vec![]));
    }

    #[test]
    fn absurd_demand_saturates() {
        let absurd = job(0, None, vec![stage(&[7], resources(u64::MAX, u64::MAX), &[(u32::MAX, 10), (u32::MAX, 10)])]);
        let demand = no_wait_demand(Timestamp::EPOCH, &[absurd]);
        assert_eq!(demand.0, vec![(seconds(0), resources(u64::MAX, u64::MAX)), (seconds(10), resources(0, 0))]);
        assert_eq!(nodes_needed(&demand, resources(1, 1)).0[0].1, u32::MAX);
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
            assert_eq!(curve, StepCurve(vec![(seconds(0), nodes)]), "{demand:?} on {node:?}");
        }
    }
}
