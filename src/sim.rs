//! The simulator: the same engine, a simulated cluster, a simulated clock.

mod capacity;
mod cluster;
mod event_loop;
mod fluid;
mod jobs;
pub mod load;
mod luck;
pub mod no_wait;
mod observe;
pub mod observed;
pub mod recorded;
pub mod run;
pub mod scenario;
pub mod stepped;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trace_work;
pub mod transient;
mod workload;

use crate::decision::{Action, Decision, Outcome};
use crate::engine::Engine;
use crate::observation::{GroupStatus, Observation};
use crate::policy::Policy;
use crate::policy::demand::DemandUnits;
use crate::units::Resources;
use event_loop::drive;
use fluid::FluidWorkload;
use jobs::ContainerWorkload;
use run::Run;
use scenario::{GroupSpec, Scenario};
use trace_work::TraceWork;

/// What a simulation writes down beside the facts that the scorecard needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// One point a poll.
    pub series: bool,
    /// What a daemon would have journaled.
    pub observations: bool,
}

/// Why a simulation cannot be.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SimError {
    #[error("there is no work in the trace; choose one with jobs, or with observations of load")]
    NoWork,
    #[error(
        "policy `{policy}`: no group of scenario `{scenario}` matches the target `{target}`; it has {groups}; name one of these (a policy of \
         Amazon's, with `headroom convert --group role=task`)"
    )]
    NoGroup {
        policy: String,
        scenario: String,
        target: String,
        groups: String,
    },
    #[error(
        "policy `{policy}`: the target `{target}` matches several groups of scenario `{scenario}`: {groups}; name one by `id` or `name`"
    )]
    SeveralGroups {
        policy: String,
        scenario: String,
        target: String,
        groups: String,
    },
    #[error(
        "policy `{policy}` counts {units}, and scenario `{scenario}` has nothing of that kind to scale; it has {groups}; \
         write `units: fleet-units` for fleets, `units: instances` or `units: vcpu` for instance groups"
    )]
    NothingToScale {
        policy: String,
        units: DemandUnits,
        scenario: String,
        groups: String,
    },
    #[error(
        "policy `{policy}`: the targets `{first}` and `{second}` both match the group `{group}`; give each group one target"
    )]
    SharedGroup {
        policy: String,
        first: String,
        second: String,
        group: String,
    },
    #[error(
        "policy `{policy}` reads the CloudWatch metric `{metric}`, which the simulated cluster does not have; use a built-in signal"
    )]
    NoMetric { policy: String, metric: String },
    #[error(
        "job {job}, {part}: a container of {} and {} fits no node of scenario `{scenario}`, of which the largest has {} and {}; \
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

/// Runs one policy on one workload and cluster. The same arguments always give the same run.
///
/// # Errors
/// Before anything is simulated: a policy that does not fit the scenario's groups, or work that
/// fits none of its nodes.
pub fn simulate(
    workload: &TraceWork,
    scenario: &Scenario,
    policy: &Policy,
    seed: u64,
    record: Recording,
) -> Result<Run, SimError> {
    check_targets(policy, scenario)?;
    check_work(workload, scenario)?;
    let mut engine = Engine::new(policy.clone()).without_reports();
    let decide = |observation: &Observation, decisions: &mut Vec<Decision>| {
        engine.step_into(observation, decisions);
        for decision in decisions.iter() {
            if let (Action::Resize(_), Some(group)) = (&decision.action, &decision.group) {
                engine.note(group, Outcome::Accepted);
            }
        }
        engine.next_wakeup().0
    };
    Ok(match workload {
        TraceWork::Jobs(load) => drive(
            ContainerWorkload::new(load, scenario),
            load.start,
            scenario,
            seed,
            record,
            decide,
        ),
        TraceWork::Observations(load) => drive(
            FluidWorkload::new(load, scenario),
            load.start,
            scenario,
            seed,
            record,
            decide,
        ),
    })
}

/// Each target means one group, and no two mean the same.
///
/// # Errors
/// A target without a group, with several, or with one that another target has; a metric that the
/// simulated cluster does not have.
pub fn check_targets(policy: &Policy, scenario: &Scenario) -> Result<(), SimError> {
    let name = || policy.name().to_owned();
    if let Some(metric) = policy.metrics().first() {
        return Err(SimError::NoMetric {
            policy: name(),
            metric: metric.id.to_string(),
        });
    }
    let groups: Vec<GroupStatus> = scenario.groups.iter().map(GroupSpec::status).collect();
    let listed = |groups: &[&GroupStatus]| {
        let names: Vec<String> = groups
            .iter()
            .map(|group| format!("`{}` ({}, {})", group.id, group.role, group.market))
            .collect();
        names.join(", ")
    };
    let mut taken: Vec<(&GroupStatus, String)> = Vec::new();
    for target in policy.targets() {
        let (scenario, selector) = (scenario.name.clone(), target.selector.to_string());
        let matching: Vec<&GroupStatus> = groups
            .iter()
            .filter(|group| target.selector.matches(group))
            .collect();
        if matching.is_empty() && target.may_be_absent {
            continue;
        }
        let [group] = matching[..] else {
            return Err(if matching.is_empty() {
                let all: Vec<&GroupStatus> = groups.iter().collect();
                SimError::NoGroup {
                    policy: name(),
                    scenario,
                    target: selector,
                    groups: listed(&all),
                }
            } else {
                SimError::SeveralGroups {
                    policy: name(),
                    scenario,
                    target: selector,
                    groups: listed(&matching),
                }
            });
        };
        if let Some((_, first)) = taken.iter().find(|(other, _)| other.id == group.id) {
            return Err(SimError::SharedGroup {
                policy: name(),
                first: first.clone(),
                second: selector,
                group: group.id.to_string(),
            });
        }
        taken.push((group, selector));
    }
    match policy.demand() {
        Some(demand) if taken.is_empty() => {
            let groups = listed(&groups.iter().collect::<Vec<_>>());
            Err(SimError::NothingToScale {
                policy: name(),
                units: demand.units,
                scenario: scenario.name.clone(),
                groups,
            })
        }
        _ => Ok(()),
    }
}

/// There is work, and each container fits some node.
fn check_work(workload: &TraceWork, scenario: &Scenario) -> Result<(), SimError> {
    match workload {
        TraceWork::Jobs(load) => {
            if load.jobs.is_empty() {
                return Err(SimError::NoWork);
            }
            let masters = load
                .jobs
                .iter()
                .enumerate()
                .filter_map(|(job, spec)| Some((job, None, spec.application_master?)));
            let stages = load
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
            let spec = &load.jobs[job];
            let part = stage.map_or("application master".into(), |stage| {
                format!("stage {}", stage - spec.first_stage as usize)
            });
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
        TraceWork::Observations(load) if load.parcels.is_empty() => Err(SimError::NoWork),
        TraceWork::Observations(_) => Ok(()),
    }
}
