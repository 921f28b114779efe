//! The reference beside the decisions of a journal.

use std::fmt::Write;

use super::decide::Verdict;
use super::{Reference, difference, line};
use crate::decision::{Action, Decision};
use crate::observation::{GroupId, Observation};
use crate::policy::Policy;
use crate::trace::Record;

/// The first decision of a journal that differs from what the reference says, with all that was recorded before.
/// `is_known` says whether the reference covers what an observation shows; where it does not, nothing is compared, and what was decided counts.
pub(crate) fn first_difference(
    policy: Policy,
    records: impl Iterator<Item = Record>,
    is_known: impl Fn(&Observation) -> bool,
) -> Option<String> {
    let mut reference = Reference::new(policy);
    let mut groups: Vec<Option<GroupId>> = Vec::new();
    let mut story = String::new();
    for record in records {
        match record {
            Record::Start(start) => _ = writeln!(story, "{} starts", start.at),
            Record::Observation(observation) => {
                let _ = writeln!(story, "{}", line(&observation));
                reference.step(&observation);
            }
            Record::Decision(decision) => {
                let tick = reference.last();
                let is_known = is_known(&tick.observation);
                let judged = &mut tick.judged[decision.target];
                let different = difference(judged, &decision);
                if let Some(difference) = different.filter(|_| is_known) {
                    return Some(format!("{story}\n{difference}"));
                }
                if !is_known {
                    judged.verdict = verdict_of(&decision);
                }
                if matches!(decision.action, Action::Resize(_)) {
                    let _ = writeln!(story, "    {decision}");
                }
                groups.resize(groups.len().max(decision.target + 1), None);
                groups[decision.target] = decision.group.clone();
            }
            Record::Outcome(record) => {
                let _ = writeln!(story, "    answer {:?}", record.outcome);
                let of_group = |group: &Option<GroupId>| group.as_ref() == Some(&record.group);
                if let Some(index) = groups.iter().position(of_group) {
                    reference.note(index, Some(record.outcome));
                }
            }
            Record::Job(_) => {}
        }
    }
    None
}

fn verdict_of(decision: &Decision) -> Verdict {
    match &decision.action {
        Action::Resize(resize) => Verdict::Resize {
            from: resize.from.get(),
            to: resize.to.get(),
            because: resize.because.clone(),
        },
        Action::Hold(reason) => Verdict::Hold([reason.label()].into()),
    }
}
