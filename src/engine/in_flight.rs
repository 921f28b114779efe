//! In-flight resizes of one group: from the call to EMR until the resize completes, fails, or is
//! replaced by someone else.

mod accepted;
mod resize;
mod restore;
#[cfg(test)]
mod tests;
mod written;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::{Outcome, Rejection};
use crate::observation::{Direction, GroupState, GroupStatus};
use crate::policy::Guards;
use crate::units::{Instances, Timestamp};
pub use accepted::AcceptedResizes;
use resize::{Accepted, InFlight, Sent};
use written::Written;

/// How long calls wait after EMR rejected one; doubled after each further rejection in a row. One call
/// in 30 s is far below the lowest rate that EMR allows (0.5 calls per second).
const FIRST_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// Follows the resizes of one group, ours and those of others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct ResizeTracker {
    in_flight: InFlight,
    /// The last call without an answer whose size the group did not show. It may still arrive.
    lost: Option<Sent>,
    /// The size that was requested last, by anybody. A different one means that someone else
    /// resized the group.
    expected: Option<Instances>,
    accepted: AcceptedResizes,
    /// Resizes in a row that were accepted and never completed.
    failures: u32,
    quarantined_until: Option<Timestamp>,
    /// Calls in a row that EMR rejected.
    rejections: u32,
    rejected: Option<(Rejection, Timestamp)>,
    yielding_until: Option<Timestamp>,
    /// Since when EMR has run fewer instances than were requested, without a resize in flight.
    owed_since: Option<Timestamp>,
}

/// What EMR reported about the group, and how to read it.
#[derive(Clone, Copy, Debug)]
pub struct GroupReport<'a> {
    pub group: &'a GroupStatus,
    /// Not later than the tick.
    pub measured_at: Timestamp,
    /// This daemon is the leader. On a standby, somebody else's resize is the leader's.
    pub is_leader: bool,
    /// How long after a call EMR may still report the size from before it.
    pub max_lag: Duration,
}

/// A resize that is complete, for the cooldowns of the rules behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    pub rules: Vec<usize>,
    pub at: Timestamp,
}

impl ResizeTracker {
    /// Processes what EMR reports about the group. Returns the resize that this shows to be complete.
    pub fn observe(&mut self, report: GroupReport, guards: &Guards) -> Option<Completed> {
        let GroupReport {
            group,
            measured_at,
            is_leader,
            max_lag,
        } = report;
        if self
            .in_flight
            .last()
            .is_some_and(|sent| measured_at <= sent.at)
        {
            return None;
        }
        self.resolve_unanswered(group.requested, measured_at, max_lag);
        if let InFlight::Accepted(accepted) = &mut self.in_flight {
            let Sent { from, to, .. } = accepted.resize;
            accepted.is_visible |= group.requested == to;
            let was_called = |lost: &Sent| lost.to == group.requested;
            let is_older = group.requested == from || self.lost.as_ref().is_some_and(was_called);
            if is_older && accepted.may_lag(measured_at, max_lag) {
                return None;
            }
        }
        if let Some(expected) = self
            .expected
            .replace(group.requested)
            .filter(|expected| *expected != group.requested)
        {
            self.in_flight = InFlight::Idle;
            if is_leader {
                self.yielding_until = Some(measured_at + guards.yield_to_operator);
            } else {
                let by_leader = Sent {
                    at: measured_at,
                    from: expected,
                    to: group.requested,
                    rule: None,
                };
                self.accept(by_leader, None);
            }
        }
        let completed = self.finish(report, guards);
        self.watch_owed(report, guards);
        completed
    }

    /// Follows instances that EMR owes without a resize in flight: it replaces those that were lost.
    /// When that takes as long as a failed scale-out, it counts as one.
    fn watch_owed(&mut self, report: GroupReport, guards: &Guards) {
        let GroupReport {
            group, measured_at, ..
        } = report;
        let is_idle = self.in_flight == InFlight::Idle;
        if group.running >= group.requested || !is_idle {
            let was_owed = self.owed_since.take().is_some();
            if is_idle && was_owed {
                self.failures = 0;
            }
            return;
        }
        let since = *self.owed_since.get_or_insert(measured_at);
        let is_late = measured_at.since(since) > guards.provision_timeout;
        if !self.is_failed() && (is_late || group.state == GroupState::Suspended) {
            self.fail(measured_at, guards);
        }
    }

    /// Records that a scale-out failed: the next one waits.
    fn fail(&mut self, measured_at: Timestamp, guards: &Guards) {
        self.in_flight = InFlight::Idle;
        self.failures = self.failures.saturating_add(1);
        self.quarantined_until =
            Some(measured_at + doubled(guards.quarantine, self.failures, guards.quarantine_max));
    }

    /// Ends the resize in flight if the report shows that it is complete or has failed.
    fn finish(&mut self, report: GroupReport, guards: &Guards) -> Option<Completed> {
        let GroupReport {
            group,
            measured_at,
            max_lag,
            ..
        } = report;
        let sent = *self.in_flight.last()?;
        let age = measured_at.since(sent.at);
        // A fleet counts capacity units, which its instances rarely add up to exactly: it may keep
        // more than was requested.
        let is_settled = group.state == GroupState::Running;
        let is_complete = match sent.direction() {
            // Instances that drain after an earlier scale-in count as running until they are gone.
            Direction::Out => group.running >= sent.to,
            Direction::In => group.running <= sent.to || (is_settled && age > max_lag),
        };
        if is_complete {
            let replaced = std::mem::take(&mut self.in_flight).into_accepted();
            let mut rules = replaced
                .map(|resize| resize.replaced_rules)
                .unwrap_or_default();
            rules.extend(sent.rule);
            self.in_flight = InFlight::Idle;
            // To ask for less than what did not arrive is no success.
            if sent.direction() == Direction::Out {
                self.failures = 0;
            }
            return Some(Completed {
                rules,
                at: measured_at,
            });
        }
        if sent.direction() == Direction::Out
            && (age > guards.provision_timeout || group.state == GroupState::Suspended)
        {
            self.fail(measured_at, guards);
        }
        None
    }

    /// Decides what became of calls without an answer. One arrived if the group shows its size, at most as long
    /// after the call as EMR may lag; otherwise it counts as never made.
    fn resolve_unanswered(
        &mut self,
        requested: Instances,
        measured_at: Timestamp,
        max_lag: Duration,
    ) {
        self.lost
            .take_if(|lost| measured_at.since(lost.at) > max_lag);
        let is_new = self.expected != Some(requested);
        let arrived_late = self.lost.filter(|lost| lost.to == requested && is_new);
        match std::mem::take(&mut self.in_flight) {
            InFlight::Unanswered { call, replaces } if requested == call.to => {
                self.accept(call, replaces);
            }
            InFlight::Unanswered { call, replaces } => {
                self.in_flight = replaces.into();
                self.lost = Some(call);
                if let Some(late) = arrived_late {
                    self.accept_late(late);
                }
            }
            InFlight::Accepted(accepted) if accepted.may_lag(measured_at, max_lag) => {
                self.in_flight = InFlight::Accepted(accepted);
            }
            answered => {
                self.in_flight = answered;
                if let Some(late) = arrived_late {
                    self.lost = None;
                    self.accept_late(late);
                }
            }
        }
    }

    /// Records that EMR shows the size of a call without an answer after all.
    fn accept_late(&mut self, call: Sent) {
        let replaced = std::mem::take(&mut self.in_flight).into_accepted();
        self.accept(call, replaced);
    }

    /// Records a resize that is about to be sent. Until [`note`](Self::note) reports EMR's answer, it
    /// counts as sent and unanswered.
    pub fn send(&mut self, at: Timestamp, from: Instances, to: Instances, rule: Option<usize>) {
        self.in_flight = InFlight::Unanswered {
            call: Sent { at, from, to, rule },
            replaces: std::mem::take(&mut self.in_flight).into_accepted(),
        };
    }

    /// Removes the unanswered call, because it was never made.
    pub fn withdraw(&mut self) {
        self.in_flight = std::mem::take(&mut self.in_flight).into_accepted().into();
    }

    /// Records EMR's answer to the resize that was sent last. Does nothing when no call is unanswered.
    pub fn note(&mut self, outcome: Outcome) {
        if !matches!(self.in_flight, InFlight::Unanswered { .. }) {
            return;
        }
        match (outcome, std::mem::take(&mut self.in_flight)) {
            (Outcome::Accepted, InFlight::Unanswered { call, replaces }) => {
                self.accept(call, replaces);
            }
            (Outcome::Rejected(rejection), InFlight::Unanswered { call, replaces }) => {
                self.in_flight = replaces.into();
                self.rejections = self.rejections.saturating_add(1);
                self.rejected = Some((
                    rejection,
                    call.at + doubled(FIRST_RETRY, self.rejections, LONGEST_RETRY),
                ));
            }
            (Outcome::NotSent, unanswered) => self.in_flight = unanswered.into_accepted().into(),
            (_, in_flight) => self.in_flight = in_flight,
        }
    }

    /// Records a resize that EMR accepted, in place of the one that it replaces.
    fn accept(&mut self, resize: Sent, replaces: Option<Accepted>) {
        let mut replaced_rules = Vec::new();
        if let Some(before) = replaces {
            replaced_rules = before.replaced_rules;
            replaced_rules.extend(before.resize.rule);
        }
        self.expected = Some(resize.to);
        self.accepted.push(resize.at, resize.from, resize.to);
        self.in_flight = InFlight::Accepted(Accepted {
            resize,
            is_visible: false,
            replaced_rules,
        });
        self.rejections = 0;
        self.rejected = None;
    }

    /// When the last scale-in was sent, if that is not long ago.
    pub fn last_scale_in_at(&self) -> Option<Timestamp> {
        self.accepted.last_scale_in_at()
    }

    /// Drops accepted resizes that no guard counts any more.
    pub fn prune(&mut self, at: Timestamp, longest: Duration) {
        self.accepted.prune(at, longest);
    }

    /// Moves every time that would lie in the future to `at`, because the clock went back to it:
    /// otherwise a wait might never end.
    pub fn clamp(&mut self, at: Timestamp, guards: &Guards) {
        for sent in self.sent_mut() {
            sent.at = sent.at.min(at);
        }
        self.accepted.clamp(at);
        for (until, longest) in [
            (&mut self.quarantined_until, guards.quarantine_max),
            (&mut self.yielding_until, guards.yield_to_operator),
        ] {
            *until = until.map(|until| until.min(at + longest));
        }
        self.owed_since = self.owed_since.map(|since| since.min(at));
        self.rejected = self
            .rejected
            .map(|(rejection, until)| (rejection, until.min(at + LONGEST_RETRY)));
    }

    /// Every resize whose end is not known.
    fn sent_mut(&mut self) -> impl Iterator<Item = &mut Sent> {
        let (call, accepted) = match &mut self.in_flight {
            InFlight::Idle => (None, None),
            InFlight::Unanswered { call, replaces } => (Some(call), replaces.as_mut()),
            InFlight::Accepted(accepted) => (None, Some(accepted)),
        };
        let accepted = accepted.map(|accepted| &mut accepted.resize);
        call.into_iter().chain(accepted).chain(&mut self.lost)
    }

    /// The size and the direction of the resize in flight.
    pub fn in_flight(&self) -> Option<(Instances, Direction)> {
        self.in_flight
            .last()
            .map(|sent| (sent.to, sent.direction()))
    }

    /// Whether EMR has not yet shown the resize that was sent last. The size that it reports is then
    /// not the one to start from.
    pub fn is_unconfirmed(&self) -> bool {
        match &self.in_flight {
            InFlight::Idle => false,
            InFlight::Unanswered { .. } => true,
            InFlight::Accepted(accepted) => !accepted.is_visible,
        }
    }

    /// The resizes that EMR accepted, for the guards that count them.
    pub fn accepted(&self) -> &AcceptedResizes {
        &self.accepted
    }

    /// Whether the last scale-out failed, and its instances do not run yet. Instances that were lost
    /// after its quarantine are another matter.
    pub fn is_failed(&self) -> bool {
        let was_owed_before = self.owed_since.zip(self.quarantined_until);
        self.failures > 0
            && self.in_flight == InFlight::Idle
            && was_owed_before.is_some_and(|(since, until)| since <= until)
    }

    /// When scale-out may be tried again after a failure, if that is later than `at`.
    pub fn quarantined_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.quarantined_until.filter(|until| at < *until)
    }

    /// Until when the group is left to the operator who resized it, if that is later than `at`.
    pub fn yielding_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.yielding_until.filter(|until| at < *until)
    }

    /// Why EMR rejected the last call, and when the next one may follow, if that is later than `at`.
    pub fn rejected_until(&self, at: Timestamp) -> Option<(Rejection, Timestamp)> {
        self.rejected.filter(|(_, until)| at < *until)
    }
}

/// Returns `first * 2^(times - 1)`, at most `longest`.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first
        .saturating_mul(
            1_u32
                .checked_shl(times.saturating_sub(1))
                .unwrap_or(u32::MAX),
        )
        .min(longest)
}
