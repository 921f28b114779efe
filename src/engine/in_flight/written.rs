//! The form in which a journal holds the resizes of a group. It is older than [`ResizeTracker`] and
//! can say more than can be true, so that the keys are read and written here and nowhere else.

use serde::{Deserialize, Serialize};

use super::{Accepted, AcceptedResizes, InFlight, ResizeTracker, Sent};
use crate::decision::{Outcome, Rejection};
use crate::units::{Instances, Timestamp};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// The last resize that was sent, unanswered or accepted.
    sent: Option<WrittenResize>,
    /// The accepted resize that an unanswered `sent` replaces.
    overtaken: Option<WrittenResize>,
    /// Rules of accepted resizes that the last accepted one replaced.
    overtaken_rules: Vec<usize>,
    lost: Option<WrittenResize>,
    expected: Option<Instances>,
    moves: AcceptedResizes,
    failures: u32,
    quarantined_until: Option<Timestamp>,
    refusals: u32,
    refused: Option<(Rejection, Timestamp)>,
    yielding_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResize {
    at: Timestamp,
    from: Instances,
    to: Instances,
    rule: Option<usize>,
    outcome: Outcome,
    seen: bool,
}

impl WrittenResize {
    fn new(resize: Sent, outcome: Outcome, seen: bool) -> Self {
        let Sent { at, from, to, rule } = resize;
        Self {
            at,
            from,
            to,
            rule,
            outcome,
            seen,
        }
    }

    fn sent(self) -> Sent {
        let Self {
            at, from, to, rule, ..
        } = self;
        Sent { at, from, to, rule }
    }

    fn accepted(self, replaced_rules: Vec<usize>) -> Accepted {
        Accepted {
            resize: self.sent(),
            is_visible: self.seen,
            replaced_rules,
        }
    }
}

impl Accepted {
    fn written(&self) -> WrittenResize {
        WrittenResize::new(self.resize, Outcome::Accepted, self.is_visible)
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
            refusals: written.refusals,
            refused: written.refused,
            yielding_until: written.yielding_until,
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
            refusals: tracker.refusals,
            refused: tracker.refused,
            yielding_until: tracker.yielding_until,
        }
    }
}
