//! The form in which a journal holds the resizes of a group. It is older than
//! [`ResizeTracker`](super::ResizeTracker) and can say more than can be true, so that
//! [`restore`](super::restore) converts it.

use serde::{Deserialize, Serialize};

use super::accepted::AcceptedResizes;
use super::resize::{Accepted, Sent};
use crate::decision::{Outcome, Rejection};
use crate::units::{Instances, Timestamp};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The last resize that was sent, unanswered or accepted.
    pub sent: Option<WrittenResize>,
    /// The accepted resize that an unanswered `sent` replaces.
    pub overtaken: Option<WrittenResize>,
    /// Rules of accepted resizes that the last accepted one replaced.
    pub overtaken_rules: Vec<usize>,
    pub lost: Option<WrittenResize>,
    pub expected: Option<Instances>,
    pub moves: AcceptedResizes,
    pub failures: u32,
    pub quarantined_until: Option<Timestamp>,
    #[serde(alias = "refusals")]
    pub rejections: u32,
    #[serde(alias = "refused")]
    pub rejected: Option<(Rejection, Timestamp)>,
    pub yielding_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenResize {
    at: Timestamp,
    from: Instances,
    to: Instances,
    rule: Option<usize>,
    pub outcome: Outcome,
    seen: bool,
}

impl WrittenResize {
    pub fn new(resize: Sent, outcome: Outcome, seen: bool) -> Self {
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

    pub fn sent(self) -> Sent {
        let Self {
            at, from, to, rule, ..
        } = self;
        Sent { at, from, to, rule }
    }

    pub fn accepted(self, replaced_rules: Vec<usize>) -> Accepted {
        Accepted {
            resize: self.sent(),
            is_visible: self.seen,
            replaced_rules,
        }
    }
}

impl Accepted {
    pub fn written(&self) -> WrittenResize {
        WrittenResize::new(self.resize, Outcome::Accepted, self.is_visible)
    }
}
