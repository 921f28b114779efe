//! How the resizes of a group are restored from a journal, and how they pass to an edited policy.

use super::ResizeTracker;
use super::resize::{Accepted, InFlight};
use super::written::{Written, WrittenResize};
use crate::decision::Outcome;

impl ResizeTracker {
    /// The rules behind these resizes, by their position.
    pub fn rules(&self) -> impl Iterator<Item = usize> + '_ {
        let accepted = self.in_flight.accepted();
        let sent = [
            self.in_flight.last(),
            accepted.map(|accepted| &accepted.resize),
            self.lost.as_ref(),
        ];
        let replaced = accepted
            .into_iter()
            .flat_map(|resize| &resize.replaced_rules);
        sent.into_iter()
            .flatten()
            .filter_map(|sent| sent.rule)
            .chain(replaced.copied())
    }

    /// Maps the rules behind these resizes to an edited policy: `position` returns where a rule is
    /// now, if it still exists.
    #[must_use]
    pub fn with_rules(mut self, position: impl Fn(usize) -> Option<usize>) -> Self {
        for sent in self.sent_mut() {
            sent.rule = sent.rule.and_then(&position);
        }
        if let Some(accepted) = self.in_flight.accepted_mut() {
            let rules = std::mem::take(&mut accepted.replaced_rules);
            accepted.replaced_rules = rules.into_iter().filter_map(position).collect();
        }
        self
    }
}

impl From<Written> for ResizeTracker {
    fn from(written: Written) -> Self {
        let rules = written.overtaken_rules;
        let in_flight = match written.sent {
            None => InFlight::Idle,
            Some(sent) if sent.outcome == Outcome::Accepted => {
                InFlight::Accepted(sent.accepted(rules))
            }
            Some(sent) => InFlight::Unanswered {
                call: sent.sent(),
                replaces: written.overtaken.map(|before| before.accepted(rules)),
            },
        };
        Self {
            in_flight,
            lost: written.lost.map(WrittenResize::sent),
            expected: written.expected,
            accepted: written.moves,
            failures: written.failures,
            quarantined_until: written.quarantined_until,
            rejections: written.rejections,
            rejected: written.rejected,
            yielding_until: written.yielding_until,
            owed_since: written.owed_since,
        }
    }
}

impl From<ResizeTracker> for Written {
    fn from(tracker: ResizeTracker) -> Self {
        let (sent, overtaken, overtaken_rules) = match tracker.in_flight {
            InFlight::Idle => (None, None, Vec::new()),
            InFlight::Accepted(accepted) => {
                (Some(accepted.written()), None, accepted.replaced_rules)
            }
            InFlight::Unanswered { call, replaces } => (
                Some(WrittenResize::new(call, Outcome::Unknown, false)),
                replaces.as_ref().map(Accepted::written),
                replaces
                    .map(|before| before.replaced_rules)
                    .unwrap_or_default(),
            ),
        };
        let lost = |resize| WrittenResize::new(resize, Outcome::Unknown, false);
        Self {
            sent,
            overtaken,
            overtaken_rules,
            lost: tracker.lost.map(lost),
            expected: tracker.expected,
            moves: tracker.accepted,
            failures: tracker.failures,
            quarantined_until: tracker.quarantined_until,
            rejections: tracker.rejections,
            rejected: tracker.rejected,
            yielding_until: tracker.yielding_until,
            owed_since: tracker.owed_since,
        }
    }
}
