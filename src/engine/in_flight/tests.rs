//! Resizes from the call to their end.

use super::*;
use crate::observation::{GroupId, GroupKind, Market, Role};
use crate::policy::FlipBudget;

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
        state_reason: None,
        node: None,
    }
}

impl ResizeTracker {
    fn see(&mut self, group: &GroupStatus, at: Timestamp, guards: &Guards) -> Option<Completed> {
        self.observe(
            GroupReport {
                group,
                measured_at: at,
                is_leader: true,
                max_lag: Duration::from_secs(90),
            },
            guards,
        )
    }
}

/// A tracker of a scale-out from 4 to 9 by rule 0, sent at 10 s and answered with `outcome`.
fn grown(outcome: Outcome) -> ResizeTracker {
    let mut tracker = ResizeTracker::default();
    tracker.see(&group(4, 4), second(0), &Guards::default());
    tracker.send(second(10), Instances(4), Instances(9), Some(0));
    tracker.note(outcome);
    tracker
}

#[test]
fn a_resize_completes_when_the_instances_run_and_not_when_they_are_requested() {
    let mut tracker = grown(Outcome::Accepted);
    assert_eq!(
        tracker.see(&group(9, 4), second(30), &Guards::default()),
        None
    );
    assert_eq!(tracker.in_flight(), Some((Instances(9), Direction::Out)));
    assert_eq!(
        tracker.see(&group(9, 9), second(400), &Guards::default()),
        Some(Completed {
            rules: vec![0],
            at: second(400)
        })
    );
    assert_eq!(tracker.in_flight(), None);
}

#[test]
fn a_call_without_an_answer_is_in_flight_until_the_group_tells() {
    let mut arrived = grown(Outcome::Unknown);
    assert!(arrived.in_flight().is_some());
    arrived.see(&group(9, 4), second(30), &Guards::default());
    assert_eq!(arrived.in_flight(), Some((Instances(9), Direction::Out)));
    assert_eq!(
        arrived
            .accepted()
            .moved(second(30), Direction::Out, Duration::from_secs(3_600)),
        Instances(5)
    );

    let mut lost = grown(Outcome::Unknown);
    lost.see(&group(4, 4), second(30), &Guards::default());
    assert_eq!(lost.in_flight(), None);
    assert_eq!(
        lost.accepted()
            .moved(second(30), Direction::Out, Duration::from_secs(3_600)),
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
    let mut tracker = grown(Outcome::Unknown);
    tracker.see(&group(4, 4), second(10), &Guards::default());
    assert!(tracker.in_flight().is_some());
}

#[test]
fn a_resize_that_never_completes_is_a_failure_with_a_doubling_quarantine() {
    let guards = Guards {
        provision_timeout: Duration::from_secs(600),
        quarantine: Duration::from_secs(300),
        ..Guards::default()
    };
    let mut tracker = grown(Outcome::Accepted);
    tracker.see(&group(9, 6), second(610), &guards);
    assert!(
        tracker.quarantined_until(second(610)).is_none(),
        "exactly the timeout is in time"
    );
    tracker.see(&group(9, 6), second(611), &guards);
    assert_eq!(tracker.quarantined_until(second(611)), Some(second(911)));
    tracker.send(second(920), Instances(9), Instances(10), Some(0));
    tracker.note(Outcome::Accepted);
    let suspended = GroupStatus {
        state: GroupState::Suspended,
        ..group(10, 6)
    };
    tracker.see(&suspended, second(950), &guards);
    assert_eq!(tracker.quarantined_until(second(950)), Some(second(1_550)));
}

#[test]
fn a_size_that_nobody_here_asked_for_is_an_operators() {
    let mut tracker = grown(Outcome::Accepted);
    tracker.see(&group(9, 9), second(40), &Guards::default());
    tracker.see(&group(12, 9), second(70), &Guards::default());
    assert_eq!(tracker.yielding_until(second(70)), Some(second(70 + 900)));
    tracker.see(&group(12, 12), second(1_000), &Guards::default());
    assert_eq!(tracker.yielding_until(second(1_000)), None);
}

#[test]
fn an_old_size_shortly_after_an_accepted_call_is_a_late_report_and_later_an_operators() {
    let mut tracker = grown(Outcome::Accepted);
    tracker.see(&group(4, 4), second(100), &Guards::default());
    assert_eq!(tracker.yielding_until(second(100)), None);
    tracker.see(&group(4, 4), second(101), &Guards::default());
    assert!(tracker.yielding_until(second(101)).is_some());
}

#[test]
fn refused_calls_wait_twice_as_long_each_time() {
    let mut tracker = ResizeTracker::default();
    for (at_s, until_s) in [(0, 30), (30, 90), (90, 210)] {
        tracker.send(second(at_s), Instances(4), Instances(9), None);
        tracker.note(Outcome::Rejected(Rejection::Throttled));
        assert_eq!(
            tracker.rejected_until(second(at_s)),
            Some((Rejection::Throttled, second(until_s)))
        );
    }
}

#[test]
fn a_flip_budget_is_spent_until_its_oldest_change_of_direction_is_forgotten() {
    let mut tracker = ResizeTracker::default();
    for (at_s, from, to) in [(0, 4, 9), (100, 9, 6), (200, 6, 8)] {
        tracker.send(second(at_s), Instances(from), Instances(to), None);
        tracker.note(Outcome::Accepted);
    }
    let budget = |max| FlipBudget {
        max,
        per: Duration::from_secs(3_600),
    };
    assert_eq!(
        tracker
            .accepted()
            .flips_spent_until(second(300), Direction::In, budget(2)),
        Some(second(3_700))
    );
    assert_eq!(
        tracker
            .accepted()
            .flips_spent_until(second(300), Direction::In, budget(3)),
        None
    );
    assert_eq!(
        tracker
            .accepted()
            .flips_spent_until(second(300), Direction::Out, budget(2)),
        None,
        "no change of direction"
    );
    assert_eq!(
        tracker
            .accepted()
            .flips_spent_until(second(3_700), Direction::In, budget(2)),
        None
    );
}
