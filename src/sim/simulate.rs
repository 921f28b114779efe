//! One policy on one workload and one cluster.

use super::checks::{SimError, check_signals, check_targets, check_work};
use super::container::ContainerWorkload;
use super::event_loop::{Next, drive};
use super::fluid::FluidWorkload;
use super::run::{Recording, Run};
use super::scenario::Scenario;
use super::trace_work::TraceWork;
use crate::decision::{Action, Decision, Outcome};
use crate::engine::Engine;
use crate::observation::Observation;
use crate::policy::Policy;

/// Runs one policy on one workload and cluster. The same arguments always give the same run.
///
/// # Errors
/// Before anything is simulated: a policy that does not fit the scenario's groups, or work that
/// fits none of its nodes.
pub fn simulate(
    work: &TraceWork,
    scenario: &Scenario,
    policy: &Policy,
    seed: u64,
    record: Recording,
) -> Result<Run, SimError> {
    check_targets(policy, scenario)?;
    check_signals(policy, work.says_what_is_left())?;
    check_work(work, scenario)?;
    let mut engine = Engine::new(policy.clone()).without_reports();
    let decide = |observation: &Observation, decisions: &mut Vec<Decision>| {
        engine.step_into(observation, decisions);
        for decision in decisions.iter() {
            if let (Action::Resize(_), Some(group)) = (&decision.action, &decision.group) {
                engine.note(group, Outcome::Accepted);
            }
        }
        Next {
            at: engine.next_wakeup().0,
            asks_for_output: engine.asks_for_output(),
        }
    };
    let start = work.start();
    Ok(match work {
        TraceWork::Jobs(work) => {
            let workload = ContainerWorkload::new(work, scenario);
            drive(workload, start, scenario, seed, record, decide)
        }
        TraceWork::Observations(work) => {
            let workload = FluidWorkload::new(work, scenario);
            drive(workload, start, scenario, seed, record, decide)
        }
    })
}
