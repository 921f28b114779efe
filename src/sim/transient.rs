//! A transient cluster for each job: launched when the job is submitted, as large as the job can
//! use, and terminated with it.
//!
//! No policy decides here. It is the common alternative to scaling, and comparisons include it.

use super::checks::SimError;
use super::job_work::JobWork;
use super::no_wait_demand::{no_wait_demand, nodes_needed};
use super::run::{InstanceLife, Recording, Run, StepCurve, Wait};
use super::scenario::{GroupSpec, Scenario};
use super::simulate::simulate;
use super::trace_work::TraceWork;
use crate::observation::{GroupId, Role};
use crate::policy::baselines;
use crate::policy::{Limits, Selector};
use crate::units::{Instances, Resources, Timestamp};

/// The name of this alternative in results.
pub const NAME: &str = "transient-per-job";

/// Runs each job alone on a cluster of one primary node and as many nodes of the group `scaled` as
/// its peak needs, at most `max`.
///
/// # Errors
/// When a container fits none of these nodes.
pub fn transient_per_job(
    work: &JobWork,
    scenario: &Scenario,
    scaled: usize,
    max: Instances,
    seed: u64,
) -> Result<Run, SimError> {
    let mut whole = Run {
        start: work.start,
        end: work.start,
        ..Run::default()
    };
    let mut supply_changes = Vec::new();
    for job in 0..work.job_count() {
        let alone = TraceWork::Jobs(work.job_alone(job));
        let peak = nodes_needed(&no_wait_demand(&alone), scenario.groups[scaled].node)
            .0
            .iter()
            .map(|(_, nodes)| *nodes)
            .max();
        let size = Instances(peak.unwrap_or(1).clamp(1, max.get().max(1)));
        let cluster = transient_cluster(scenario, scaled, Limits::exactly(size));
        let group = Selector::Id(cluster.groups[1].id.clone());
        let policy =
            baselines::FIXED_MAX.policy_for(Limits::exactly(size), &group, cluster.groups[1].kind);
        let job_seed = seed
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(job as u64);
        let run = simulate(&alone, &cluster, &policy, job_seed, Recording::default())?;
        add(&mut whole, run, scaled, &mut supply_changes);
    }
    whole.supply_nodes = StepCurve(
        summed(work.start, supply_changes)
            .into_iter()
            .map(|(at, nodes)| (at, nodes as f64))
            .collect(),
    );
    Ok(whole)
}

/// A primary node, which is paid for and takes no containers, and a group that starts empty.
fn transient_cluster(scenario: &Scenario, scaled: usize, limits: Limits) -> Scenario {
    let nodes = GroupSpec {
        role: Role::Core,
        count: Instances::ZERO,
        limits: Some(limits),
        ..scenario.groups[scaled].clone()
    };
    let primary = GroupSpec {
        id: GroupId::new("ig-primary"),
        name: "primary".into(),
        role: Role::Primary,
        count: Instances(1),
        limits: None,
        node: Resources::default(),
        shortages: Vec::new(),
        ..nodes.clone()
    };
    Scenario {
        groups: vec![primary, nodes],
        ..scenario.clone()
    }
}

/// Adds the run of a job to the whole; its instances count for the group `scaled`.
fn add(whole: &mut Run, run: Run, scaled: usize, supply_changes: &mut Vec<(Timestamp, i64)>) {
    let end = run.end;
    whole.end = whole.end.max(end);
    whole.is_cut_off |= run.is_cut_off;
    let offset_s = run.start.seconds_since(whole.start);
    whole.waits.extend(run.waits.into_iter().map(|wait| Wait {
        since_s: wait.since_s + offset_s,
        ..wait
    }));
    whole.jobs.extend(run.jobs);
    let ended = |life: InstanceLife| InstanceLife {
        group: scaled,
        terminated_at: Some(life.terminated_at.unwrap_or(end)),
        ..life
    };
    whole.instances.extend(run.instances.into_iter().map(ended));
    whole.tasks_total += run.tasks_total;
    whole.tasks_finished += run.tasks_finished;
    whole.tasks_rerun += run.tasks_rerun;
    whole.lost_work += run.lost_work;
    whole.backlog_mib_h += run.backlog_mib_h;
    supply_changes.extend(changes(run.supply_nodes, end));
}

/// The change at each step of a curve, and the change to zero at its end.
fn changes(curve: StepCurve<f64>, end: Timestamp) -> impl Iterator<Item = (Timestamp, i64)> {
    let mut before = 0;
    let steps = curve.0.into_iter().chain([(end, 0.0)]);
    steps
        .map(|(at, value)| (at, value as i64))
        .map(move |(at, now)| (at, now - std::mem::replace(&mut before, now)))
}

fn summed(start: Timestamp, mut changes: Vec<(Timestamp, i64)>) -> Vec<(Timestamp, i64)> {
    changes.sort_by_key(|(at, _)| *at);
    let mut curve = StepCurve(vec![(start, 0)]);
    let mut sum = 0;
    for (at, change) in changes {
        sum += change;
        curve.set(at, sum);
    }
    curve.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trace::{Job, Stage, TaskRun};
    use crate::units::{Mebibytes, VirtualCores};

    /// Four tasks of 60 s fill one m5.xlarge, which takes six minutes to provision.
    #[test]
    fn each_job_waits_for_its_own_nodes_and_pays_for_them_and_a_primary_node() {
        let job = |submit_s: u64, count| Job {
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            id: submit_s.to_string().into(),
            name: None,
            submit: Duration::from_secs(submit_s),
            application_master: None,
            stages: vec![Stage {
                after: vec![],
                memory: Mebibytes(3_072),
                vcores: VirtualCores(1),
                tasks: vec![TaskRun {
                    count,
                    duration: Duration::from_secs(60),
                }],
                spark: None,
            }],
            spark: None,
        };
        let load =
            JobWork::from_jobs(Timestamp::EPOCH, &[job(0, 4), job(100, 8)]).expect("valid jobs");
        let run =
            transient_per_job(&load, &Scenario::default(), 1, Instances(20), 1).expect("fits");
        let waited: f64 = run.waits.iter().map(|wait| wait.weight).sum();
        assert_eq!(
            (run.tasks_total, run.tasks_finished, waited),
            (12, 12, 12.0)
        );
        assert!(run.waits.iter().all(|wait| wait.seconds == 360.0));
        let lived_s: Vec<f64> = run
            .instances
            .iter()
            .map(|life| {
                life.terminated_at
                    .map_or(f64::NAN, |end| end.seconds_since(life.launched_at))
            })
            .collect();
        assert_eq!(
            lived_s, [420.0; 5],
            "two primary nodes, one node and two nodes"
        );
        let at = |s| Timestamp::EPOCH + Duration::from_secs(s);
        assert_eq!(
            run.supply_nodes.0,
            [
                (at(0), 0.0),
                (at(360), 1.0),
                (at(420), 0.0),
                (at(460), 2.0),
                (at(520), 0.0)
            ]
        );
        assert_eq!(run.end, at(520));
    }
}
