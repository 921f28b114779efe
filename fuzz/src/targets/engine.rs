//! The engine, on observations that no cluster should have and that may arrive nevertheless: numbers
//! that are huge or not finite, ids that are repeated or unknown, a clock that jumps.

use headroom::decision::{Action, Decision, Outcome, Rejection};
use headroom::engine::{Engine, EngineState};
use headroom::observation::{MetricId, Observation};
use headroom::policy::Policy;
use headroom::policy::parse::parse;

use super::choices::Choices;
use super::policies::MORNING;

/// The policies of the repository: the first byte of an input chooses one.
const POLICIES: &[&str] = &[
    include_str!("../../../policies/follow-demand.yaml"),
    include_str!("../../../policies/known-work.yaml"),
    include_str!("../../../policies/console-default.yaml"),
    include_str!("../../../policies/dataproc.yaml"),
    include_str!("../../../policies/hpa.yaml"),
    include_str!("../../../policies/set-point.yaml"),
    include_str!("../../../policies/trino.yaml"),
    include_str!("../../../tests/cases/demand-fleet.yaml"),
    include_str!("../../../tests/cases/demand.yaml"),
    include_str!("../../../tests/cases/node-sizes.yaml"),
    include_str!("../../../tests/cases/nodes.yaml"),
    include_str!("../../../tests/cases/rules.yaml"),
    include_str!("../../../tests/cases/schedule.yaml"),
    include_str!("../../../tests/cases/track.yaml"),
];

/// The most ticks of an input.
const TICKS_MAX: usize = 60;

/// Observations for one of the policies of the repository.
pub fn engine(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let text = POLICIES[*first as usize % POLICIES.len()];
    observe(
        parse(text, "policy.yaml").expect("a policy of the repository"),
        rest,
    );
}

/// Lets a policy decide about the observations that the bytes choose; without bytes, about some fixed ones.
pub fn observe(policy: Policy, data: &[u8]) {
    if data.is_empty() {
        for seed in [1, 77] {
            observe(policy.clone(), &fixed(seed));
        }
        return;
    }
    let metrics: Vec<MetricId> = policy
        .metrics()
        .iter()
        .map(|metric| metric.id.clone())
        .collect();
    let mut engine = Engine::new(policy);
    let mut choices = Choices::new(data, MORNING);
    for tick in 0..TICKS_MAX {
        if choices.is_empty() {
            break;
        }
        let observation = choices.observation(&metrics);
        if tick % 8 == 5 {
            restart(&mut engine, &observation);
        }
        let decisions = engine.step(&observation);
        engine.next_wakeup();
        engine.asks_for_output();
        for decision in decisions {
            take_in(&mut engine, &decision, &mut choices);
        }
    }
}

/// Shows a decision, and answers it as EMR might.
fn take_in(engine: &mut Engine, decision: &Decision, choices: &mut Choices<'_>) {
    decision.to_string();
    let (Action::Resize(_), Some(group)) = (&decision.action, &decision.group) else {
        return;
    };
    let outcome = choices.one(&[
        Outcome::Accepted,
        Outcome::Unknown,
        Outcome::NotSent,
        Outcome::Rejected(Rejection::Throttled),
    ]);
    engine.note(group, outcome);
    if choices.is_rare() {
        engine.apply_recorded(decision);
    }
}

/// An engine that is restored from what was written down decides like the one that wrote it. What is not
/// finite cannot be written down, and an observation must not have it.
fn restart(engine: &mut Engine, observation: &Observation) {
    let state = engine.state();
    let Ok(text) = serde_json::to_string(&state) else {
        return;
    };
    let Ok(read) = serde_json::from_str::<EngineState>(&text) else {
        return;
    };
    if read != state || serde_json::to_string(&read).ok().as_ref() != Some(&text) {
        return;
    }
    let restored = Engine::restore(engine.policy().clone(), read);
    let mut restored = restored.expect("the state of this policy");
    let (before, after) = (engine.clone().step(observation), restored.step(observation));
    // Debug, because a NaN does not equal itself.
    assert_eq!(
        format!("{before:?}"),
        format!("{after:?}"),
        "after a restart"
    );
}

/// Bytes without a pattern.
fn fixed(seed: u32) -> Vec<u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let states = std::iter::successors(Some(seed), next);
    states
        .take(3_000)
        .map(|state| (state >> 24) as u8)
        .collect()
}
