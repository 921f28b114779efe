//! What has happened to a target, as its whole history shows.

use super::super::*;
use super::Tick;
use crate::observation::RuleName;
use crate::policy::Target;

/// A target with everything that was observed and decided, up to the present observation.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) policy: &'a Policy,
    pub(super) target: &'a Target,
    /// Position of the target in the policy.
    pub(super) index: usize,
    pub(super) ticks: &'a [Tick],
}

/// A resize that was sent to EMR: by Headroom, or by another instance while that leads.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) from: u32,
    pub(super) to: u32,
    rule: Option<RuleName>,
    /// EMR has shown the new size.
    is_shown: bool,
}

impl Sent {
    pub(super) fn direction(&self) -> Direction {
        if self.to < self.from {
            Direction::In
        } else {
            Direction::Out
        }
    }
}

/// What the history of a target comes to.
#[derive(Default)]
pub(super) struct Happened {
    /// The resizes that EMR accepted, and those without an answer that it showed later.
    pub(super) accepted: Vec<Sent>,
    /// The last accepted one is in flight.
    is_in_flight: bool,
    /// Rules whose resizes the one in flight has overtaken, and its own.
    rules_in_flight: Vec<RuleName>,
    /// A call without an answer.
    unanswered: Option<Sent>,
    /// Calls without an answer whose size EMR did not show.
    lost: Option<Sent>,
    /// The size that was requested last, by anybody.
    expected: Option<u32>,
    /// When a resize of a rule was last complete.
    completed: Vec<(RuleName, Timestamp)>,
    rejections: u32,
    rejected_until: Option<Timestamp>,
    yields_until: Option<Timestamp>,
}

impl Happened {
    /// The resize whose end is not known yet.
    pub(super) fn in_flight(&self) -> Option<&Sent> {
        self.unanswered
            .as_ref()
            .or_else(|| self.accepted.last().filter(|_| self.is_in_flight))
    }

    /// Whether EMR does not show the last resize yet: nothing else is sent (ADR 7).
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.in_flight().is_some_and(|sent| !sent.is_shown)
    }

    /// Until when a rule waits after its resizes (policy-language.md, `cooldown`): counted from the
    /// description of the cluster that shows the last one complete.
    pub(super) fn cools_until(
        &self,
        rule: &crate::policy::Rule,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (_, completed_at) = self
            .completed
            .iter()
            .rev()
            .find(|(name, _)| *name == rule.name)?;
        Some(*completed_at + rule.cooldown).filter(|until| now < *until)
    }

    pub(super) fn rejected_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.rejected_until.filter(|until| now < *until)
    }

    pub(super) fn yields_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.yields_until.filter(|until| now < *until)
    }

    /// A resize counts as EMR's from now on. When it overtakes another, the cooldowns of both start when it is
    /// complete (ADR 7).
    fn accept(&mut self, sent: Sent) {
        if !self.is_in_flight {
            self.rules_in_flight.clear();
        }
        self.rules_in_flight.extend(sent.rule.clone());
        self.expected = Some(sent.to);
        self.accepted.push(sent);
        self.is_in_flight = true;
        (self.rejections, self.rejected_until) = (0, None);
    }

    /// Records what was decided, and EMR's answer: a rejected call and one that was not sent leave the resize
    /// before it in flight (ADR 7 and 15). After a rejection nothing is sent for 30 s, twice as long after each
    /// further one, at most ten minutes (operations.md, "Resizes").
    fn send(&mut self, sent: Sent, outcome: Option<Outcome>) {
        match outcome {
            Some(Outcome::Accepted) => self.accept(sent),
            Some(Outcome::Rejected(_)) => {
                self.rejections += 1;
                let wait_s = (30_u64 << (self.rejections - 1).min(5)).min(600);
                self.rejected_until = Some(sent.at + Duration::from_secs(wait_s));
            }
            Some(Outcome::NotSent) => {}
            Some(Outcome::Unknown) | None => self.unanswered = Some(sent),
        }
    }

    /// A call without an answer counts as sent until EMR describes the group again (operations.md, "Missing
    /// data"). If EMR shows its size within three polls of the call, the resize is Headroom's, but not while EMR
    /// may show a size that is older than a later call (ADR 7).
    fn resolve_unanswered(
        &mut self,
        requested: u32,
        described_at: Timestamp,
        three_polls: Duration,
    ) {
        let is_recent = |call: &Sent| described_at.since(call.at) <= three_polls;
        let is_expected = self.expected == Some(requested);
        let earlier = (self.lost.clone())
            .filter(|lost| is_recent(lost) && lost.to == requested && !is_expected);
        if let Some(call) = self.unanswered.take() {
            if call.to == requested {
                self.accept(call);
            } else {
                self.lost = Some(call);
                if let Some(earlier) = earlier {
                    self.accept(earlier);
                }
            }
        } else if let Some(earlier) = earlier {
            let later = self.accepted.last().filter(|_| self.is_in_flight);
            if !later.is_some_and(|later| !later.is_shown && is_recent(later)) {
                self.lost = None;
                self.accept(earlier);
            }
        }
    }
}

impl View<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.ticks[self.ticks.len() - 1].observation.at
    }

    /// Three polls: how old what was polled may be (operations.md, "Missing data"), and how long EMR may go on
    /// showing the size from before a resize (ADR 7).
    pub(super) fn three_polls(&self) -> Duration {
        self.policy.poll() * 3
    }

    /// The group of the target, if there is exactly one (policy-language.md, "Group").
    pub(super) fn group(&self, tick: usize) -> Option<&GroupStatus> {
        let groups = &self.ticks[tick].observation.cluster.value.groups;
        self.target.selector.select_only(groups)
    }

    /// Follows the group through the whole history.
    pub(super) fn happened(&self) -> Happened {
        let mut happened = Happened::default();
        for number in 0..self.ticks.len() {
            if let Some(group) = self.group(number) {
                self.describe(&mut happened, number, group);
            }
            let tick = &self.ticks[number];
            if let Some((from, to, because)) = tick.resize_of(self.index) {
                let rule = match because {
                    Cause::Rule(name) => Some(name),
                    _ => None,
                };
                let sent = Sent {
                    at: tick.observation.at,
                    from,
                    to,
                    rule,
                    is_shown: false,
                };
                happened.send(sent, tick.outcomes[self.index]);
            }
        }
        happened
    }

    /// Follows one description of the cluster. It counts only if it was made after the last call, and EMR may
    /// go on showing the size from before it for three polls (ADR 7).
    fn describe(&self, happened: &mut Happened, number: usize, group: &GroupStatus) {
        let observation = &self.ticks[number].observation;
        let described_at = observation.cluster.measured_at;
        let requested = group.requested.get();
        if happened
            .in_flight()
            .is_some_and(|sent| described_at <= sent.at)
        {
            return;
        }
        happened.resolve_unanswered(requested, described_at, self.three_polls());
        let is_in_flight = happened.is_in_flight;
        if let Some(sent) = happened.accepted.last_mut().filter(|_| is_in_flight) {
            sent.is_shown |= requested == sent.to;
            let was_called = (happened.lost.as_ref()).is_some_and(|lost| {
                lost.to == requested && described_at.since(lost.at) <= self.three_polls()
            });
            if !sent.is_shown
                && (requested == sent.from || was_called)
                && described_at.since(sent.at) <= self.three_polls()
            {
                return;
            }
        }
        let expected = happened.expected.replace(requested);
        if let Some(from) = expected.filter(|expected| *expected != requested) {
            happened.is_in_flight = false;
            if observation.control.leader {
                // policy-language.md, `yield_to_operator`: any other change of size is someone else's.
                happened.yields_until = Some(described_at + self.target.guards.yield_to_operator);
            } else {
                // ADR 11: while another instance leads, it is the leader's, and followed as one in flight. As for
                // any other, a later description confirms it.
                happened.accept(Sent {
                    at: described_at,
                    from,
                    to: requested,
                    rule: None,
                    is_shown: false,
                });
            }
        }
        self.complete(happened, group, described_at);
    }

    /// ADR 8: a scale-out is complete when as many instances run, a scale-in when no more run than requested
    /// or when EMR reports that the group has settled; not while EMR may still show the group from before it.
    fn complete(&self, happened: &mut Happened, group: &GroupStatus, described_at: Timestamp) {
        let is_in_flight = happened.is_in_flight;
        let Some(sent) = happened.accepted.last().filter(|_| is_in_flight) else {
            return;
        };
        let running = group.running.get();
        let may_lag = described_at.since(sent.at) <= self.three_polls();
        let is_complete = match sent.direction() {
            Direction::Out => running >= sent.to,
            Direction::In => running <= sent.to || (group.state == GroupState::Running && !may_lag),
        };
        if is_complete {
            happened.is_in_flight = false;
            let rules = std::mem::take(&mut happened.rules_in_flight);
            happened
                .completed
                .extend(rules.into_iter().map(|rule| (rule, described_at)));
        }
    }
}
