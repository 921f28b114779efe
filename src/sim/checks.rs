//! Checks before a simulation: the policy fits the scenario's groups, and the work fits its nodes.

use super::job_work::{JobWork, NONE};
use super::scenario::{GroupSpec, Scenario};
use super::trace_work::TraceWork;
use crate::observation::GroupStatus;
use crate::policy::demand::DemandUnits;
use crate::policy::signal::Signal;
use crate::policy::{GroupMatch, Policy, Target};
use crate::units::{Mebibytes, Resources};

/// Why a simulation cannot start.
#[derive(Debug, PartialEq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum SimError {
    /// The trace has no jobs, or its observations show no load.
    #[error("the trace has no work; use a trace with jobs, or a recording of a cluster under load")]
    NoWork,
    /// A target of the policy matches no group.
    #[error(
        "policy `{policy}`: no group of scenario `{scenario}` matches the target `{target}`; select one of its groups: {groups} \
         (to convert a policy for one, run `headroom convert` with a `--group` such as `role=task`)"
    )]
    NoGroup {
        policy: String,
        scenario: String,
        target: String,
        groups: String,
    },
    /// A target of the policy matches more than one group.
    #[error(
        "policy `{policy}`: the target `{target}` matches several groups of scenario `{scenario}`: {groups}; select one by `id` or `name`"
    )]
    SeveralGroups {
        policy: String,
        scenario: String,
        target: String,
        groups: String,
    },
    /// A `demand:` policy without `targets` matches more than one group of a role and market.
    #[error(
        "policy `{policy}`: `demand` has no `targets` and scales at most one group of each role and market, but scenario \
         `{scenario}` has several of `{target}`: {groups}; list the groups to scale under `targets`, each by `id` or `name`"
    )]
    TargetsMissing {
        policy: String,
        scenario: String,
        target: String,
        groups: String,
    },
    /// A `demand:` policy counts units that no group has.
    #[error(
        "policy `{policy}` counts {units}, but scenario `{scenario}` has no group to scale in these units; it has {groups}; \
         set `units: fleet-units` for fleets, `units: instances` or `units: vcpu` for instance groups"
    )]
    NothingToScale {
        policy: String,
        units: DemandUnits,
        scenario: String,
        groups: String,
    },
    /// Two targets of the policy match the same group.
    #[error(
        "policy `{policy}`: the targets `{first}` and `{second}` both match the group `{group}`; give each group one target"
    )]
    SharedGroup {
        policy: String,
        first: String,
        second: String,
        group: String,
    },
    /// The policy needs a metric that is not simulated.
    #[error(
        "policy `{policy}` reads the CloudWatch metric `{metric}`, which is not simulated; use a built-in signal, or try the policy \
         with a policy test (see `headroom check --help`) and a dry run (`headroom run --dry-run`)"
    )]
    NoMetric { policy: String, metric: String },
    /// The policy reads what applications say, and those of the trace say nothing.
    #[error(
        "policy `{policy}` reads `{signal}`, which only Spark applications with executors and MapReduce jobs tell: this trace has \
         none; use a trace of `headroom import spark` or `jhist`, or try the policy with a policy test (see `headroom check --help`) and a dry run (`headroom run --dry-run`)"
    )]
    NoWorkSignal { policy: String, signal: String },
    /// The scenario has queues, and the trace no jobs that could be in them.
    #[error(
        "scenario `{scenario}` has `queues`, which limit jobs, and this trace records the load of a cluster instead; remove `queues`, \
         or use a trace with jobs"
    )]
    QueuesWithoutJobs { scenario: String },
    /// A job is submitted to a queue that the scenario does not have.
    #[error(
        "job {job} is submitted to the queue `{queue}`, which scenario `{scenario}` does not have; it has {queues}; add the queue to \
         `queues`, or remove `queues` for a cluster without limits"
    )]
    NoQueue {
        job: String,
        queue: String,
        scenario: String,
        queues: String,
    },
    /// A container is larger than what its queue may have on the largest cluster.
    #[error(
        "job {job}: its application master and largest container, {size} together, never fit in the queue `{queue}`, which may have \
         {most} on the largest cluster of scenario `{scenario}`; raise `maximum_capacity_percent` or the limits of a group"
    )]
    TooLargeForQueue {
        job: String,
        size: Mebibytes,
        queue: String,
        most: Mebibytes,
        scenario: String,
    },
    /// A container is larger than every node.
    #[error(
        "job {job}, {part}: a container of {} and {} fits no node of scenario `{scenario}`, whose largest node has {} and {}; \
         give the scenario a larger instance type",
        size.memory, size.vcores, largest.memory, largest.vcores
    )]
    TooLarge {
        job: String,
        part: String,
        size: Resources,
        scenario: String,
        largest: Resources,
    },
}

/// Checks that each target of a policy matches one group of the scenario, and no two the same.
///
/// # Errors
/// A target that matches no group, several groups, or the group of another target; a metric that is
/// not simulated.
pub fn check_targets(policy: &Policy, scenario: &Scenario) -> Result<(), SimError> {
    let name = || policy.name().to_owned();
    if let Some(metric) = policy.metrics().first() {
        return Err(SimError::NoMetric {
            policy: name(),
            metric: metric.id.to_string(),
        });
    }
    let groups: Vec<GroupStatus> = scenario.groups.iter().map(GroupSpec::status).collect();
    let found: Vec<GroupMatch<'_>> = policy.match_groups(&groups).collect();
    for (target, found) in policy.targets().iter().zip(&found) {
        check_match(policy, scenario, target, found, &groups)?;
    }
    match policy.demand() {
        Some(demand) if found.iter().all(|found| found.group().is_none()) => {
            Err(SimError::NothingToScale {
                policy: name(),
                units: demand.units,
                scenario: scenario.name.clone(),
                groups: listed(&groups),
            })
        }
        _ => Ok(()),
    }
}

/// Checks that a policy reads nothing that the applications of its work do not say, where `says_work`
/// tells whether they do.
///
/// # Errors
/// The signal that would never have a value.
pub fn check_signals(policy: &Policy, says_work: bool) -> Result<(), SimError> {
    let mut sources = policy.targets().iter().flat_map(|target| &target.signals);
    let of_work = sources.find(|source| source.signal().is_some_and(Signal::needs_work));
    match of_work.filter(|_| !says_work) {
        Some(source) => Err(SimError::NoWorkSignal {
            policy: policy.name().to_owned(),
            signal: source.name().to_owned(),
        }),
        None => Ok(()),
    }
}

fn check_match(
    policy: &Policy,
    scenario: &Scenario,
    spec: &Target,
    found: &GroupMatch<'_>,
    groups: &[GroupStatus],
) -> Result<(), SimError> {
    let (name, target) = (policy.name().to_owned(), spec.selector.to_string());
    match found {
        GroupMatch::One(_) | GroupMatch::NoneAndOptional => Ok(()),
        GroupMatch::NoneButRequired => Err(SimError::NoGroup {
            policy: name,
            scenario: scenario.name.clone(),
            target,
            groups: listed(groups),
        }),
        GroupMatch::Several(matching) if spec.may_be_absent => Err(SimError::TargetsMissing {
            policy: name,
            scenario: scenario.name.clone(),
            target,
            groups: listed(matching.iter().copied()),
        }),
        GroupMatch::Several(matching) => Err(SimError::SeveralGroups {
            policy: name,
            scenario: scenario.name.clone(),
            target,
            groups: listed(matching.iter().copied()),
        }),
        GroupMatch::Taken { group, by } => Err(SimError::SharedGroup {
            policy: name,
            first: policy.targets()[*by].selector.to_string(),
            second: target,
            group: group.id.to_string(),
        }),
    }
}

fn listed<'g>(groups: impl IntoIterator<Item = &'g GroupStatus>) -> String {
    let names: Vec<String> = groups
        .into_iter()
        .map(|group| format!("`{}` ({}, {})", group.id, group.role, group.market))
        .collect();
    names.join(", ")
}

/// Checks that there is work, and that each container fits some node.
pub(super) fn check_work(work: &TraceWork, scenario: &Scenario) -> Result<(), SimError> {
    match work {
        _ if work.is_empty() => Err(SimError::NoWork),
        TraceWork::Jobs(work) => {
            check_sizes(work, scenario)?;
            check_queues(work, scenario)
        }
        TraceWork::Observations(_) if !scenario.queues.is_empty() => {
            Err(SimError::QueuesWithoutJobs {
                scenario: scenario.name.clone(),
            })
        }
        TraceWork::Observations(_) => Ok(()),
    }
}

fn check_sizes(work: &JobWork, scenario: &Scenario) -> Result<(), SimError> {
    let masters = work
        .jobs
        .iter()
        .enumerate()
        .filter_map(|(job, spec)| Some((job, None, spec.application_master?)));
    let stages = work
        .stages
        .iter()
        .enumerate()
        .map(|(stage, spec)| (spec.job as usize, Some(stage), spec.each));
    let too_large = masters
        .chain(stages)
        .find(|(_, _, size)| !scenario.offers(*size));
    let Some((job, stage, size)) = too_large else {
        return Ok(());
    };
    let spec = &work.jobs[job];
    let part = match stage {
        None => "application master".into(),
        Some(stage) if stage >= spec.stage_rows().end as usize => "executor".into(),
        Some(stage) => format!("stage {}", stage - spec.first_stage as usize),
    };
    let largest = scenario
        .worker_groups()
        .map(|group| group.node)
        .max()
        .unwrap_or_default();
    Err(SimError::TooLarge {
        job: spec.id.to_string(),
        part,
        size,
        scenario: scenario.name.clone(),
        largest,
    })
}

/// Checks that each job has a queue, and that each container can have the memory that it asks for
/// there.
fn check_queues(work: &JobWork, scenario: &Scenario) -> Result<(), SimError> {
    if scenario.queues.is_empty() {
        return Ok(());
    }
    let most_nodes = |group: &GroupSpec| group.limits.map_or(group.count, |limits| limits.max());
    let largest: f64 = scenario
        .worker_groups()
        .map(|group| f64::from(most_nodes(group).get()) * group.node.memory.as_f64())
        .sum();
    for spec in &work.jobs {
        let name = &work.submitters[spec.submitter as usize].queue;
        let Some(queue) = scenario.queues.iter().find(|queue| queue.has(name)) else {
            return Err(SimError::NoQueue {
                job: spec.id.to_string(),
                queue: name.to_string(),
                scenario: scenario.name.clone(),
                queues: queue_names(scenario),
            });
        };
        let most = Mebibytes((queue.maximum.get() / 100.0 * largest) as u64);
        let rows = spec.first_stage as usize..spec.stage_rows().end as usize + spec.pools();
        let containers = work.stages[rows]
            .iter()
            .filter(|row| row.spark.pool == NONE);
        let largest = containers.map(|row| row.each.memory).max();
        // A master holds its container while the others run.
        let master = spec.application_master.unwrap_or_default().memory;
        let size = master + largest.unwrap_or_default();
        if size > most {
            return Err(SimError::TooLargeForQueue {
                job: spec.id.to_string(),
                size,
                queue: queue.name.to_string(),
                most,
                scenario: scenario.name.clone(),
            });
        }
    }
    Ok(())
}

fn queue_names(scenario: &Scenario) -> String {
    let names: Vec<String> = scenario
        .queues
        .iter()
        .map(|queue| format!("`{}`", queue.name))
        .collect();
    names.join(", ")
}
