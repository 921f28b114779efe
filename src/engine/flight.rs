//! Resizes on their way: from the call to its completion, its failure, or someone else's hand.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::{Outcome, Rejection};
use crate::observation::{Direction, GroupState, GroupStatus};
use crate::policy::{FlipBudget, Guards};
use crate::units::{Instances, Timestamp};

/// Wait after EMR refused a call; doubled after each further refusal in a row. One call in 30 s is
/// far below the lowest rate EMR allows (0.5/s).
const FIRST_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// What is known of the resizes of one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flight {
    sent: Option<Sent>,
    /// The accepted resize that `sent` replaces, should it be accepted; otherwise that one is still
    /// in flight.
    overtaken: Option<Sent>,
    /// Rules whose accepted resizes were replaced by `sent`: their cooldowns start when it
    /// completes.
    overtaken_rules: Vec<usize>,
    /// A call without an answer that the group did not show. It may still arrive.
    lost: Option<Sent>,
    /// The size that was asked for last, by whoever: any other size is news from an operator.
    expected: Option<Instances>,
    /// Accepted resizes, oldest first; the last one is always kept.
    moves: VecDeque<Move>,
    /// Resizes in a row that were accepted and never completed.
    failures: u32,
    quarantined_until: Option<Timestamp>,
    /// Calls in a row that were refused.
    refusals: u32,
    refused: Option<(Rejection, Timestamp)>,
    yielding_until: Option<Timestamp>,
}

/// A resize that was decided and is not known to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    at: Timestamp,
    from: Instances,
    to: Instances,
    rule: Option<usize>,
    outcome: Outcome,
    /// EMR has reported the new size as requested.
    seen: bool,
}

impl Sent {
    fn direction(&self) -> Direction {
        if self.to > self.from {
            Direction::Out
        } else {
            Direction::In
        }
    }
}

/// A resize that EMR accepted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    at: Timestamp,
    direction: Direction,
    instances: Instances,
}

/// What EMR said of the group, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    pub group: &'a GroupStatus,
    /// Not later than now.
    pub measured_at: Timestamp,
    /// We may act; otherwise someone else does.
    pub is_leader: bool,
    /// How long EMR may go on reporting what was before a call.
    pub patience: Duration,
}

/// A resize that is complete, for the cooldowns of the rules behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    pub rules: Vec<usize>,
    pub at: Timestamp,
}

impl Flight {
    /// Takes what EMR reports of the group.
    pub fn observe(&mut self, description: Description, guards: &Guards) -> Option<Completed> {
        let Description {
            group,
            measured_at,
            is_leader,
            patience,
        } = description;
        if self.sent.is_some_and(|sent| measured_at <= sent.at) {
            return None;
        }
        self.resolve_unanswered(group.requested, measured_at, patience);
        if let Some(sent) = &mut self.sent {
            sent.seen |= group.requested == sent.to;
            if !sent.seen && group.requested == sent.from && measured_at.since(sent.at) <= patience
            {
                return None;
            }
        }
        if let Some(expected) = self
            .expected
            .replace(group.requested)
            .filter(|expected| *expected != group.requested)
        {
            self.abandon();
            if is_leader {
                self.yielding_until = Some(measured_at + guards.yield_to_operator);
            } else {
                self.send(measured_at, expected, group.requested, None);
                self.note(Outcome::Accepted);
            }
        }
        self.conclude(description, guards)
    }

    /// Whether the resize on its way has come to its end.
    fn conclude(&mut self, description: Description, guards: &Guards) -> Option<Completed> {
        let Description {
            group,
            measured_at,
            patience,
            ..
        } = description;
        let sent = self.sent?;
        let age = measured_at.since(sent.at);
        // A fleet counts capacity units, which its instances rarely meet exactly: it may keep more
        // than it was asked for.
        let is_settled = group.state == GroupState::Running;
        let is_complete = match sent.direction() {
            Direction::Out => group.running >= sent.to && is_settled,
            Direction::In => group.running <= sent.to || (is_settled && age > patience),
        };
        if is_complete {
            let mut rules = std::mem::take(&mut self.overtaken_rules);
            rules.extend(sent.rule);
            self.abandon();
            self.failures = 0;
            return Some(Completed {
                rules,
                at: measured_at,
            });
        }
        if sent.direction() == Direction::Out
            && (age > guards.provision_timeout || group.state == GroupState::Suspended)
        {
            self.abandon();
            self.failures = self.failures.saturating_add(1);
            self.quarantined_until = Some(
                measured_at + doubled(guards.quarantine, self.failures, guards.quarantine_max),
            );
        }
        None
    }

    /// A call without an answer arrived if the group says so; otherwise it is as if it had never
    /// been made, unless it arrives late.
    fn resolve_unanswered(
        &mut self,
        requested: Instances,
        measured_at: Timestamp,
        patience: Duration,
    ) {
        if let Some(sent) = self.sent.filter(|sent| sent.outcome == Outcome::Unknown) {
            if requested == sent.to {
                self.accept(sent);
            } else {
                self.sent = self.overtaken.take();
                self.lost = Some(sent);
            }
        } else if let Some(lost) = self.lost.take_if(|lost| lost.to == requested)
            && measured_at.since(lost.at) <= patience
        {
            self.overtaken = self.sent;
            self.accept(lost);
        }
    }

    /// Remembers a resize that is about to be sent. Until an outcome is noted, it counts as sent
    /// without an answer.
    pub fn send(&mut self, at: Timestamp, from: Instances, to: Instances, rule: Option<usize>) {
        self.overtaken = self.sent;
        self.lost = None;
        self.sent = Some(Sent {
            at,
            from,
            to,
            rule,
            outcome: Outcome::Unknown,
            seen: false,
        });
    }

    /// The resize that was remembered last was never sent.
    pub fn withdraw(&mut self) {
        self.sent = self.overtaken.take();
    }

    /// Takes the answer to the resize that was sent last; without effect when none is waiting for
    /// one.
    pub fn note(&mut self, outcome: Outcome) {
        let Some(sent) = self.sent.filter(|sent| sent.outcome == Outcome::Unknown) else {
            return;
        };
        match outcome {
            Outcome::Accepted => self.accept(sent),
            Outcome::Unknown => {}
            Outcome::NotSent => self.withdraw(),
            Outcome::Rejected(rejection) => {
                self.sent = self.overtaken.take();
                self.refusals = self.refusals.saturating_add(1);
                self.refused = Some((
                    rejection,
                    sent.at + doubled(FIRST_RETRY, self.refusals, LONGEST_RETRY),
                ));
            }
        }
    }

    fn accept(&mut self, sent: Sent) {
        self.overtaken_rules
            .extend(self.overtaken.take().and_then(|overtaken| overtaken.rule));
        let instances = if sent.direction() == Direction::Out {
            sent.to - sent.from
        } else {
            sent.from - sent.to
        };
        self.sent = Some(Sent {
            outcome: Outcome::Accepted,
            ..sent
        });
        self.expected = Some(sent.to);
        self.moves.push_back(Move {
            at: sent.at,
            direction: sent.direction(),
            instances,
        });
        self.refusals = 0;
        self.refused = None;
    }

    /// Nothing is in flight any more.
    fn abandon(&mut self) {
        (self.sent, self.overtaken, self.lost) = (None, None, None);
        self.overtaken_rules.clear();
    }

    /// Drops moves that no guard looks at any more. One that is older than all spans stays: it
    /// tells whether the next changed direction.
    pub fn prune(&mut self, at: Timestamp, longest: Duration) {
        while self
            .moves
            .get(1)
            .is_some_and(|second| at.since(second.at) > longest)
        {
            self.moves.pop_front();
        }
    }

    /// The clock went back to `at`: nothing may lie in the future, lest a wait never end.
    pub fn clamp(&mut self, at: Timestamp, guards: &Guards) {
        for sent in [&mut self.sent, &mut self.overtaken, &mut self.lost]
            .into_iter()
            .flatten()
        {
            sent.at = sent.at.min(at);
        }
        self.moves
            .iter_mut()
            .for_each(|earlier| earlier.at = earlier.at.min(at));
        for (until, longest) in [
            (&mut self.quarantined_until, guards.quarantine_max),
            (&mut self.yielding_until, guards.yield_to_operator),
        ] {
            *until = until.map(|until| until.min(at + longest));
        }
        self.refused = self
            .refused
            .map(|(rejection, until)| (rejection, until.min(at + LONGEST_RETRY)));
    }

    /// The rules that it names, by their position.
    pub fn rules(&self) -> impl Iterator<Item = usize> + '_ {
        let of_resizes = [self.sent, self.overtaken, self.lost]
            .into_iter()
            .flatten()
            .filter_map(|sent| sent.rule);
        of_resizes.chain(self.overtaken_rules.iter().copied())
    }

    /// The same resizes under other rules: `position` says where a rule now stands, if it is still
    /// there.
    #[must_use]
    pub fn with_rules(mut self, position: impl Fn(usize) -> Option<usize>) -> Self {
        for sent in [&mut self.sent, &mut self.overtaken, &mut self.lost]
            .into_iter()
            .flatten()
        {
            sent.rule = sent.rule.and_then(&position);
        }
        self.overtaken_rules = self
            .overtaken_rules
            .into_iter()
            .filter_map(position)
            .collect();
        self
    }

    /// Where a resize in flight leads, and which way.
    pub fn in_flight(&self) -> Option<(Instances, Direction)> {
        self.sent.map(|sent| (sent.to, sent.direction()))
    }

    /// A resize was sent that EMR has not shown yet: the size that it reports is not the one to
    /// start from.
    pub fn is_unconfirmed(&self) -> bool {
        self.sent.is_some_and(|sent| !sent.seen)
    }

    pub fn quarantined_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.quarantined_until.filter(|until| at < *until)
    }

    pub fn yielding_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.yielding_until.filter(|until| at < *until)
    }

    pub fn refused_until(&self, at: Timestamp) -> Option<(Rejection, Timestamp)> {
        self.refused.filter(|(_, until)| at < *until)
    }

    /// When a move in this direction may follow the last one in the other, if that lies ahead.
    pub fn reversal_until(
        &self,
        at: Timestamp,
        direction: Direction,
        guard: Duration,
    ) -> Option<Timestamp> {
        let last = self
            .moves
            .back()
            .filter(|last| last.direction != direction)?;
        Some(last.at + guard).filter(|until| at < *until)
    }

    /// Instances moved in this direction during the last `per`.
    pub fn moved(&self, at: Timestamp, direction: Direction, per: Duration) -> Instances {
        self.moves
            .iter()
            .filter(|earlier| earlier.direction == direction && at.since(earlier.at) < per)
            .map(|earlier| earlier.instances)
            .sum()
    }

    /// When the flip budget allows another change to this direction, if that lies ahead.
    pub fn flips_spent_until(
        &self,
        at: Timestamp,
        direction: Direction,
        budget: FlipBudget,
    ) -> Option<Timestamp> {
        self.moves
            .back()
            .filter(|last| last.direction != direction)?;
        let changes = || {
            self.moves
                .iter()
                .zip(self.moves.iter().skip(1))
                .filter(|(before, after)| before.direction != after.direction)
        };
        let recent = || {
            changes()
                .map(|(_, after)| after.at)
                .filter(|changed| at.since(*changed) < budget.per)
        };
        let surplus = recent().count().checked_sub(budget.max as usize)?;
        recent().nth(surplus).map(|changed| changed + budget.per)
    }
}

/// `first * 2^(times - 1)`, at most `longest`.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first
        .saturating_mul(
            1_u32
                .checked_shl(times.saturating_sub(1))
                .unwrap_or(u32::MAX),
        )
        .min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{GroupId, GroupKind, Market, Role};

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * s)
    }

    fn group(requested: u32, running: u32) -> GroupStatus {
        GroupStatus {
            id: GroupId::new("ig-1"),
            name: None,
            role: Role::Task,
            kind: GroupKind::Group,
            market: Market::OnDemand,
            state: if requested == running {
                GroupState::Running
            } else {
                GroupState::Resizing
            },
            requested: Instances(requested),
            running: Instances(running),
            scaled_by_amazon: false,
        }
    }

    impl Flight {
        fn see(
            &mut self,
            group: &GroupStatus,
            at: Timestamp,
            guards: &Guards,
        ) -> Option<Completed> {
            self.observe(
                Description {
                    group,
                    measured_at: at,
                    is_leader: true,
                    patience: Duration::from_secs(90),
                },
                guards,
            )
        }
    }

    /// A flight in which a grow from 4 to 9 by rule 0 was sent at 10 s and answered so.
    fn grown(outcome: Outcome) -> Flight {
        let mut flight = Flight::default();
        flight.see(&group(4, 4), second(0), &Guards::default());
        flight.send(second(10), Instances(4), Instances(9), Some(0));
        flight.note(outcome);
        flight
    }

    #[test]
    fn a_resize_completes_when_the_instances_run_and_not_when_they_are_requested() {
        let mut flight = grown(Outcome::Accepted);
        assert_eq!(
            flight.see(&group(9, 4), second(30), &Guards::default()),
            None
        );
        assert_eq!(flight.in_flight(), Some((Instances(9), Direction::Out)));
        assert_eq!(
            flight.see(&group(9, 9), second(400), &Guards::default()),
            Some(Completed {
                rules: vec![0],
                at: second(400)
            })
        );
        assert_eq!(flight.in_flight(), None);
    }

    #[test]
    fn a_call_without_an_answer_is_in_flight_until_the_group_tells() {
        let mut arrived = grown(Outcome::Unknown);
        assert!(arrived.in_flight().is_some());
        arrived.see(&group(9, 4), second(30), &Guards::default());
        assert_eq!(arrived.in_flight(), Some((Instances(9), Direction::Out)));
        assert_eq!(
            arrived.moved(second(30), Direction::Out, Duration::from_secs(3_600)),
            Instances(5)
        );

        let mut lost = grown(Outcome::Unknown);
        lost.see(&group(4, 4), second(30), &Guards::default());
        assert_eq!(lost.in_flight(), None);
        assert_eq!(
            lost.moved(second(30), Direction::Out, Duration::from_secs(3_600)),
            Instances(0)
        );
        assert_eq!(
            lost.yielding_until(second(30)),
            None,
            "nobody else has moved it"
        );
    }

    #[test]
    fn a_description_from_before_the_call_says_nothing_about_it() {
        let mut flight = grown(Outcome::Unknown);
        flight.see(&group(4, 4), second(10), &Guards::default());
        assert!(flight.in_flight().is_some());
    }

    #[test]
    fn a_resize_that_never_completes_is_a_failure_with_a_doubling_quarantine() {
        let guards = Guards {
            provision_timeout: Duration::from_secs(600),
            quarantine: Duration::from_secs(300),
            ..Guards::default()
        };
        let mut flight = grown(Outcome::Accepted);
        flight.see(&group(9, 6), second(610), &guards);
        assert!(
            flight.quarantined_until(second(610)).is_none(),
            "exactly the timeout is in time"
        );
        flight.see(&group(9, 6), second(611), &guards);
        assert_eq!(flight.quarantined_until(second(611)), Some(second(911)));
        flight.send(second(920), Instances(9), Instances(10), Some(0));
        flight.note(Outcome::Accepted);
        let suspended = GroupStatus {
            state: GroupState::Suspended,
            ..group(10, 6)
        };
        flight.see(&suspended, second(950), &guards);
        assert_eq!(flight.quarantined_until(second(950)), Some(second(1_550)));
    }

    #[test]
    fn a_size_that_nobody_here_asked_for_is_an_operators() {
        let mut flight = grown(Outcome::Accepted);
        flight.see(&group(9, 9), second(40), &Guards::default());
        flight.see(&group(12, 9), second(70), &Guards::default());
        assert_eq!(flight.yielding_until(second(70)), Some(second(70 + 900)));
        flight.see(&group(12, 12), second(1_000), &Guards::default());
        assert_eq!(flight.yielding_until(second(1_000)), None);
    }

    #[test]
    fn an_old_size_shortly_after_an_accepted_call_is_a_late_report_and_later_an_operators() {
        let mut flight = grown(Outcome::Accepted);
        flight.see(&group(4, 4), second(100), &Guards::default());
        assert_eq!(flight.yielding_until(second(100)), None);
        flight.see(&group(4, 4), second(101), &Guards::default());
        assert!(flight.yielding_until(second(101)).is_some());
    }

    #[test]
    fn refused_calls_wait_twice_as_long_each_time() {
        let mut flight = Flight::default();
        for (at_s, until_s) in [(0, 30), (30, 90), (90, 210)] {
            flight.send(second(at_s), Instances(4), Instances(9), None);
            flight.note(Outcome::Rejected(Rejection::Throttled));
            assert_eq!(
                flight.refused_until(second(at_s)),
                Some((Rejection::Throttled, second(until_s)))
            );
        }
    }

    #[test]
    fn a_flip_budget_is_spent_until_its_oldest_change_of_direction_is_forgotten() {
        let mut flight = Flight::default();
        for (at_s, from, to) in [(0, 4, 9), (100, 9, 6), (200, 6, 8)] {
            flight.send(second(at_s), Instances(from), Instances(to), None);
            flight.note(Outcome::Accepted);
        }
        let budget = |max| FlipBudget {
            max,
            per: Duration::from_secs(3_600),
        };
        assert_eq!(
            flight.flips_spent_until(second(300), Direction::In, budget(2)),
            Some(second(3_700))
        );
        assert_eq!(
            flight.flips_spent_until(second(300), Direction::In, budget(3)),
            None
        );
        assert_eq!(
            flight.flips_spent_until(second(300), Direction::Out, budget(2)),
            None,
            "no change of direction"
        );
        assert_eq!(
            flight.flips_spent_until(second(3_700), Direction::In, budget(2)),
            None
        );
    }
}
