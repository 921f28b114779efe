//! Small clusters and workloads for tests.

use std::time::Duration;

use super::container::ContainerWorkload;
use super::event_loop::{Next, drive};
use super::fluid::FluidWorkload;
use super::job_work::JobWork;
use super::observed_work::ObservedWork;
use super::run::{Recording, Run};
use super::scenario::{Scenario, Scheduler};
use crate::decision::{Action, Cause, Decision, Resize};
use crate::observation::{GroupId, Market, NodeLoad, Observation};
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Instances, Mebibytes, Percent, Resources, Timestamp, VirtualCores};

pub const POLL_S: u64 = 30;

/// The size of a task in these tests: one slot.
pub const SLOT: Resources = Resources {
    memory: Mebibytes(1_000),
    vcores: VirtualCores(1),
};

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Task nodes only: `count` at the start, `slots` each, ready at once, core empty.
pub fn scenario(count: u32, slots: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.groups.remove(0);
    scenario.groups[0].count = Instances(count);
    scenario.groups[0].node = SLOT.times(slots);
    provision(&mut scenario, 0);
    scenario
}

pub fn provision(scenario: &mut Scenario, delay_s: u64) {
    let delay = Duration::from_secs(delay_s);
    (scenario.provisioning.median, scenario.provisioning.p95) = (delay, delay);
}

pub fn fail_launches(scenario: &mut Scenario, percent: f64) {
    scenario.provisioning.failure = Percent(percent);
}

pub fn on_spot(scenario: &mut Scenario, interruptions_per_hour: f64) {
    scenario.groups[0].market = Market::Spot;
    scenario.spot.interruptions_per_hour = interruptions_per_hour;
}

/// A job of one stage with one task of each duration.
pub fn job(id: &str, submit_s: f64, tasks_s: &[f64]) -> Job {
    staged(id, submit_s, &[(&[], tasks_s)])
}

/// A job of stages: what each waits for, and its tasks.
pub fn staged(id: &str, submit_s: f64, stages: &[(&[u32], &[f64])]) -> Job {
    let stage = |(after, tasks_s): &(&[u32], &[f64])| Stage {
        after: after.to_vec(),
        memory: SLOT.memory,
        vcores: SLOT.vcores,
        tasks: tasks_s
            .iter()
            .map(|task_s| TaskRun {
                count: 1,
                duration: seconds(*task_s),
            })
            .collect(),
        spark: None,
    };
    Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: id.into(),
        name: None,
        submit: seconds(submit_s),
        application_master: None,
        stages: stages.iter().map(stage).collect(),
        spark: None,
    }
}

pub fn load(jobs: &[Job]) -> JobWork {
    JobWork::from_jobs(Timestamp::EPOCH, jobs).expect("jobs that can be simulated")
}

/// Resizes of the first group: seconds after the start, and the size.
pub type Script<'a> = &'a [(f64, u32)];

/// Decides what a script says, at the first poll at or after its time.
fn scripted<'a>(
    script: Script<'a>,
    poll_s: u64,
    mut look: impl FnMut(&Observation) + 'a,
) -> impl FnMut(&Observation, &mut Vec<Decision>) -> Next + 'a {
    let mut next = 0;
    move |observation, decisions| {
        look(observation);
        decisions.clear();
        while let Some((_, to)) = script
            .get(next)
            .filter(|(at_s, _)| observation.at.as_millis() as f64 / 1e3 >= *at_s)
        {
            next += 1;
            decisions.push(resize(observation, *to));
        }
        Next {
            at: observation.at + Duration::from_secs(poll_s),
            asks_for_output: true,
        }
    }
}

/// Resizes the first group as the engine does: empty nodes leave first, nodes with application
/// masters stay.
fn resize(observation: &Observation, to: u32) -> Decision {
    let group = &observation.cluster.value.groups[0];
    let snapshot: &[NodeLoad] = observation
        .nodes
        .as_ref()
        .map_or(&[], |nodes| &nodes.value.0);
    let ids = |wanted: fn(&NodeLoad) -> bool| {
        snapshot
            .iter()
            .filter(|node| wanted(node))
            .map(|node| node.instance.clone())
            .collect()
    };
    Decision {
        at: observation.at,
        target: 0,
        group: Some(GroupId::new(group.id.as_str())),
        requested: group.requested,
        running: group.running,
        action: Action::Resize(Resize {
            from: group.requested,
            to: Instances(to),
            because: Cause::BelowMinimum,
            desired: Instances(to),
            limited_by: None,
            percent_cap: None,
            protect: ids(|node| node.has_application_master),
            prefer: ids(|node| node.containers == 0),
            application_masters_at_risk: 0,
            nodes_unknown: false,
        }),
        rules: Vec::new(),
        readings: Vec::new(),
        demand: None,
        output_wait: None,
        runs_again: None,
    }
}

pub fn run_jobs(jobs: &[Job], scenario: &Scenario, script: Script, seed: u64) -> Run {
    watch_jobs(jobs, scenario, script, seed, |_| {})
}

pub fn watch_jobs(
    jobs: &[Job],
    scenario: &Scenario,
    script: Script,
    seed: u64,
    look: impl FnMut(&Observation),
) -> Run {
    let load = load(jobs);
    drive(
        ContainerWorkload::new(&load, scenario),
        load.start,
        scenario,
        seed,
        everything(),
        scripted(script, POLL_S, look),
    )
}

pub fn run_fluid(load: &ObservedWork, scenario: &Scenario, script: Script, seed: u64) -> Run {
    drive(
        FluidWorkload::new(load, scenario),
        load.start,
        scenario,
        seed,
        everything(),
        scripted(script, POLL_S, |_| {}),
    )
}

fn everything() -> Recording {
    Recording {
        series: true,
        observations: true,
    }
}

pub fn fair(mut scenario: Scenario) -> Scenario {
    scenario.scheduler = Scheduler::Fair;
    scenario
}

/// Waits in seconds, in order of start.
pub fn waits(run: &Run) -> Vec<f64> {
    run.waits
        .iter()
        .flat_map(|wait| std::iter::repeat_n(wait.seconds, wait.weight as usize))
        .collect()
}

/// When each job finished, in order of finish, in seconds.
pub fn finishes(run: &Run) -> Vec<f64> {
    run.jobs
        .iter()
        .map(|job| job.finished_at.as_millis() as f64 / 1e3)
        .collect()
}

/// Seconds that each instance was paid for.
pub fn paid(run: &Run) -> Vec<f64> {
    run.instances
        .iter()
        .map(|life| {
            life.terminated_at
                .unwrap_or(run.end)
                .seconds_since(life.launched_at)
        })
        .collect()
}

/// Weighted mean of the waits.
pub fn mean_wait_s(run: &Run) -> f64 {
    let weight: f64 = run.waits.iter().map(|wait| wait.weight).sum();
    run.waits
        .iter()
        .map(|wait| wait.seconds * wait.weight)
        .sum::<f64>()
        / weight
}

pub fn node_hours(run: &Run) -> f64 {
    paid(run).iter().sum::<f64>() / 3_600.0
}
