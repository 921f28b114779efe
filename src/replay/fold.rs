//! Restores an engine by feeding it the records of a journal.

use crate::decision::Decision;
use crate::engine::{Engine, StateMismatch};
use crate::policy::diagnostic::PolicyErrors;
use crate::trace::{Record, SavedState, Start};

/// Why the engine of a start record cannot be restored.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum StartError {
    #[error("headroom {headroom} recorded a policy that this version does not accept")]
    Policy {
        headroom: String,
        source: PolicyErrors,
    },
    #[error("headroom {headroom} recorded a state that this version cannot restore")]
    Foreign { headroom: String },
    #[error("the recorded state does not fit the recorded policy")]
    State(#[from] StateMismatch),
}

/// The engine that a start record begins with: restored from its state, else `before`, else a new
/// engine.
///
/// # Errors
/// When the start was recorded by a version of Headroom that is too different, or was edited.
pub fn begin(before: Option<Engine>, start: &Start) -> Result<Engine, StartError> {
    let policy = || {
        start.policy.parse().map_err(|source| StartError::Policy {
            headroom: start.headroom.clone(),
            source,
        })
    };
    match (&start.state, before) {
        (Some(SavedState::Known(state)), _) => Ok(Engine::restore(policy()?, (**state).clone())?),
        (Some(SavedState::Foreign(_)), _) => Err(StartError::Foreign {
            headroom: start.headroom.clone(),
        }),
        (None, Some(before)) => Ok(before),
        (None, None) => Ok(Engine::new(policy()?)),
    }
}

/// Feeds one record of a journal to the engine.
///
/// An observation returns the engine's decisions, which equal the recorded ones if the policy is the
/// one that was in force. A recorded decision replaces the engine's own, because it is what
/// happened. An outcome is noted; a resize without one counts as sent and unanswered. A start
/// changes nothing.
pub fn fold(engine: &mut Engine, record: &Record) -> Vec<Decision> {
    match record {
        Record::Observation(observation) => engine.step(observation),
        Record::Outcome(answer) => {
            engine.note(&answer.group, answer.outcome);
            Vec::new()
        }
        Record::Decision(decision) => {
            engine.apply_recorded(decision);
            Vec::new()
        }
        Record::Start(_) | Record::Job(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Action, HoldReason, Outcome, Rejection};
    use crate::engine::testing::{Scene, available_memory, core_group, policy, rule, task_group};
    use crate::policy::operator::Comparison;
    use crate::policy::{Amount, Change, Policy};
    use crate::trace::OutcomeRecord;
    use crate::units::{Instances, Timestamp};

    /// A policy that grows by `instances` as soon as memory is short.
    fn immediate(instances: u32) -> Policy {
        let grow = Change::Grow(Amount::Instances(Instances(instances)));
        policy(vec![rule("short", Comparison::Less, 15.0, 0, grow, 0)])
    }

    /// A day's journal in small: short memory, idle memory, silence, and every kind of answer, as
    /// lines of JSON.
    fn journal() -> Vec<String> {
        let mut engine = Engine::new(available_memory());
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let answers = [
            Some(Outcome::Accepted),
            Some(Outcome::Unknown),
            Some(Outcome::Rejected(Rejection::Throttled)),
            None,
        ];
        let mut records = Vec::new();
        let mut calls = 0;
        for poll in 0..240_i64 {
            scene.at = Timestamp::from_millis(poll * 30_000);
            scene.available_percent =
                [Some(10.0), Some(80.0), Some(50.0), Some(80.0), None][(poll as usize / 16) % 5];
            let group = &mut scene.groups[1];
            if poll % 9 == 0 {
                (group.running, group.state) =
                    (group.requested, crate::observation::GroupState::Running);
            }
            let observation = scene.observation();
            let decision = engine.step(&observation).remove(0);
            records.extend([
                Record::Observation(Box::new(observation)),
                Record::Decision(Box::new(decision.clone())),
            ]);
            let Action::Resize(resize) = decision.action else {
                continue;
            };
            let answer = answers[calls % answers.len()];
            calls += 1;
            if let Some(outcome) = answer {
                engine.note(&scene.groups[1].id.clone(), outcome);
                records.push(Record::Outcome(OutcomeRecord {
                    at: scene.at,
                    group: scene.groups[1].id.clone(),
                    outcome,
                }));
            }
            if answer != Some(Outcome::Rejected(Rejection::Throttled)) {
                scene.groups[1].requested = resize.to;
                scene.groups[1].state = crate::observation::GroupState::Resizing;
            }
        }
        assert!(calls >= 4, "every kind of answer occurs");
        records
            .iter()
            .map(|record| serde_json::to_string(record).expect("serialises"))
            .collect()
    }

    #[test]
    fn an_engine_folded_from_any_prefix_decides_the_rest_as_it_was_decided() {
        let records: Vec<Record> = journal()
            .iter()
            .map(|line| serde_json::from_str(line).expect("reads back"))
            .collect();
        let mut restored = Engine::new(available_memory());
        for cut in 0..records.len() {
            let mut continued = restored.clone();
            let mut decided = Vec::new();
            for record in &records[cut..] {
                decided.extend(fold(&mut continued, record));
                if let Record::Decision(recorded) = record
                    && let Some(made) = decided.pop()
                {
                    assert_eq!(made, **recorded, "continued from record {cut}");
                }
            }
            fold(&mut restored, &records[cut]);
        }
    }

    #[test]
    fn what_was_done_under_an_earlier_policy_is_ours_and_what_this_one_would_have_done_is_not() {
        let scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut scene = Scene {
            available_percent: Some(10.0),
            ..scene
        };
        let mut before = Engine::new(immediate(5));
        let observed = scene.observation();
        let decided = before.step(&observed).remove(0);
        let group = scene.groups[1].id.clone();
        let outcome = OutcomeRecord {
            at: scene.at,
            group,
            outcome: Outcome::Accepted,
        };

        let mut after = Engine::new(immediate(3));
        for record in [
            Record::Observation(Box::new(observed)),
            Record::Decision(Box::new(decided)),
            Record::Outcome(outcome),
        ] {
            fold(&mut after, &record);
        }
        scene.at = Timestamp::from_millis(30_000);
        scene.groups[1].requested = Instances(11);
        scene.groups[1].state = crate::observation::GroupState::Resizing;
        assert_eq!(
            after.step(&scene.observation())[0].action,
            Action::Hold(HoldReason::ResizeInFlight { to: Instances(11) })
        );
    }
}
