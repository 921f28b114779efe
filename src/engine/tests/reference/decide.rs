//! What the documentation says that is to be done at the present observation.

use std::collections::BTreeSet;

use super::super::*;
use super::conditions::Truth;
use super::history::{Happened, Sent, View};
use crate::policy::Rule;

/// What is to be done. Where several reasons to hold apply and the documentation does not say which comes
/// first, any of them is right.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Resize { from: u32, to: u32, because: Cause },
    Hold(BTreeSet<&'static str>),
}

/// The verdict about a target, and what it follows from.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// The state of each rule, unless the target has no group.
    pub(super) rules: Vec<RuleState>,
    /// The desired size that stabilization remembers.
    pub(super) desired: Option<u32>,
}

/// A size that a rule or a limit asks for.
struct Asked {
    to: u32,
    because: Cause,
}

fn hold(reasons: &[&'static str]) -> Verdict {
    Verdict::Hold(reasons.iter().copied().collect())
}

impl View<'_> {
    pub(super) fn judge(&self) -> Judged {
        let tick = self.ticks.len() - 1;
        let happened = self.happened();
        let Some(group) = self.group(tick) else {
            return Judged {
                verdict: hold(&["target_not_found"]),
                rules: Vec::new(),
                desired: None,
            };
        };
        let requested = group.requested.get();
        let rules: Vec<RuleState> = self
            .target
            .rules
            .iter()
            .map(|rule| self.rule_state(&happened, rule, requested))
            .collect();
        let (mut verdict, asked) = self.unblocked(&happened, group, &rules);
        let blocked = self.blocked(&happened, group);
        // What was desired while nothing may be resized is not remembered, but for pauses and calls.
        let is_remembered = ["paused", "call_rejected", "resize_in_flight"];
        let desired = blocked
            .iter()
            .all(|reason| is_remembered.contains(reason))
            .then(|| self.remembered_size(requested, asked, &rules));
        if !blocked.is_empty() {
            // The documentation does not say which reason is shown, also while there is nothing to do.
            verdict = match verdict {
                Verdict::Hold(reasons) => Verdict::Hold(&reasons | &blocked),
                Verdict::Resize { .. } => Verdict::Hold(blocked),
            };
        }
        Judged {
            verdict,
            rules,
            desired,
        }
    }

    fn unblocked(
        &self,
        happened: &Happened,
        group: &GroupStatus,
        rules: &[RuleState],
    ) -> (Verdict, Option<u32>) {
        let requested = group.requested.get();
        let (min, max) = (
            self.target.limits.min().get(),
            self.target.limits.max().get(),
        );
        // policy-language.md, `limits`: a group outside its limits is resized to the limit at once; and further
        // if a rule asks for more than the minimum and need not wait (ADR 9).
        let (to, because) = if requested < min {
            match self.scale_out(happened, group, rules) {
                Some(asked) if asked.to > min => {
                    return self.carried_out(happened, requested, asked, false, rules);
                }
                _ => (min, Cause::BelowMinimum),
            }
        } else if requested > max {
            (max, Cause::AboveMaximum)
        } else {
            return self.by_rules(happened, group, rules);
        };
        let mut waits = self.waits_for_direction(happened, requested, to);
        let asked = to;
        let to = if to < requested {
            to.max(self.masters()).min(requested)
        } else {
            to
        };
        if to == requested {
            waits.insert("at_limit");
        }
        if waits.is_empty() {
            (
                Verdict::Resize {
                    from: requested,
                    to,
                    because,
                },
                Some(asked),
            )
        } else {
            (Verdict::Hold(waits), Some(asked))
        }
    }

    /// What stops every resize of the target (operations.md, "Missing data", "Only one writer", "Pause" and
    /// "Resizes"; ADR 7 and 11).
    fn blocked(&self, happened: &Happened, group: &GroupStatus) -> BTreeSet<&'static str> {
        let observation = &self.ticks[self.ticks.len() - 1].observation;
        let cluster = &observation.cluster;
        let is_paused = observation
            .control
            .pause
            .is_some_and(|pause| pause.direction.is_none() && self.now() < pause.until);
        let is_up = matches!(
            cluster.value.state,
            ClusterState::Running | ClusterState::Waiting
        );
        let is_ready = matches!(
            group.state,
            GroupState::Running | GroupState::Resizing | GroupState::Suspended
        );
        let reasons = [
            (
                "stale_data",
                self.now().since(cluster.measured_at) > self.three_polls(),
            ),
            ("not_leader", !observation.control.leader),
            ("cluster_not_ready", !is_up),
            ("group_not_ready", !is_ready),
            ("scaled_by_amazon", group.scaled_by_amazon),
            ("paused", is_paused),
            (
                "yielding_to_operator",
                happened.yields_until(self.now()).is_some(),
            ),
            (
                "call_rejected",
                happened.rejected_until(self.now()).is_some(),
            ),
            ("resize_in_flight", happened.is_unconfirmed()),
        ];
        reasons
            .into_iter()
            .filter(|(_, applies)| *applies)
            .map(|(reason, _)| reason)
            .collect()
    }

    fn rule_state(&self, happened: &Happened, rule: &Rule, requested: u32) -> RuleState {
        let timer = self.timer(rule);
        match (timer.truth, timer.since) {
            (Truth::Unknown, _) => RuleState::Unknown,
            (Truth::Known { is_true: true, .. }, Some(since)) => {
                if !timer.has_lasted(rule.for_duration) {
                    return RuleState::Pending {
                        since,
                        until: since + rule.for_duration,
                    };
                }
                match happened.cools_until(rule, self.now()) {
                    Some(until) => RuleState::CoolingDown { until },
                    None => RuleState::Firing {
                        to: Instances(self.size_of(&rule.then, requested)),
                    },
                }
            }
            _ => RuleState::Inactive,
        }
    }

    /// policy-language.md, `then`: a share is of the requested size and rounded up; at least one instance.
    pub(super) fn size_of(&self, change: &Change, requested: u32) -> u32 {
        let instances = |amount: &Amount| match amount {
            Amount::Instances(instances) => instances.get(),
            Amount::Percent(percent) => (requested * percent.get() as u32).div_ceil(100).max(1),
        };
        match change {
            Change::Grow(amount) => requested + instances(amount),
            Change::Shrink(amount) => requested.saturating_sub(instances(amount)),
            Change::Set(Size::Exactly(size)) => size.get(),
            Change::Set(Size::Minimum) => self.target.limits.min().get(),
            Change::Set(Size::Maximum) => self.target.limits.max().get(),
            Change::Track { .. } => unreachable!("it is not generated"),
        }
    }

    /// The firing rules, with their sizes.
    fn firing<'s>(&'s self, states: &'s [RuleState]) -> impl Iterator<Item = (&'s Rule, u32)> {
        self.target
            .rules
            .iter()
            .zip(states)
            .filter_map(|(rule, state)| match state {
                RuleState::Firing { to } => Some((rule, to.get())),
                _ => None,
            })
    }

    /// The scale-out that a rule asks for and that need not wait. `None` if there is none.
    ///
    /// A second relative scale-out waits for the one in flight (ADR 19), and for instances that EMR owes
    /// (policy-language.md, "Fewer instances than requested"). It blocks neither the minimum nor another rule
    /// (ADR 9). The larger size comes first, then the order in the file.
    fn scale_out(
        &self,
        happened: &Happened,
        group: &GroupStatus,
        states: &[RuleState],
    ) -> Option<Asked> {
        let is_owed = happened.in_flight().is_none() && group.running < group.requested;
        let is_in_flight = happened
            .in_flight()
            .is_some_and(|sent| sent.direction() == Direction::Out);
        let mut best: Option<Asked> = None;
        for (rule, to) in self
            .firing(states)
            .filter(|(_, to)| *to > group.requested.get())
        {
            let is_relative = matches!(rule.then, Change::Grow(_));
            if is_relative && (is_in_flight || is_owed) {
                continue;
            }
            if best.as_ref().is_none_or(|best| to > best.to) {
                best = Some(Asked {
                    to,
                    because: Cause::Rule(rule.name.clone()),
                });
            }
        }
        best
    }

    /// The scale-in that a rule asks for, and whether it waits for a resize in flight: for any scale-out, and a
    /// second relative one for a scale-in (ADR 19). The larger size comes first, also if it has to wait (ADR 9).
    fn scale_in(
        &self,
        happened: &Happened,
        group: &GroupStatus,
        states: &[RuleState],
    ) -> Option<(Asked, bool)> {
        let direction = happened.in_flight().map(Sent::direction);
        let mut best: Option<(Asked, bool)> = None;
        for (rule, to) in self
            .firing(states)
            .filter(|(_, to)| *to < group.requested.get())
        {
            let is_relative = matches!(rule.then, Change::Shrink(_));
            let waits = direction == Some(Direction::Out)
                || (is_relative && direction == Some(Direction::In));
            let is_better = best.as_ref().is_none_or(|(best, _)| to > best.to);
            if is_better {
                best = Some((
                    Asked {
                        to,
                        because: Cause::Rule(rule.name.clone()),
                    },
                    waits,
                ));
            }
        }
        best
    }

    fn by_rules(
        &self,
        happened: &Happened,
        group: &GroupStatus,
        states: &[RuleState],
    ) -> (Verdict, Option<u32>) {
        let requested = group.requested.get();
        // policy-language.md, `rules`: scale-out comes before scale-in, also if it has to wait.
        let largest_out = self
            .firing(states)
            .filter(|(_, to)| *to > requested)
            .map(|(_, to)| to)
            .max();
        if let Some(asked) = self.scale_out(happened, group, states) {
            return self.carried_out(happened, requested, asked, false, states);
        }
        if largest_out.is_some() {
            return (
                hold(&["resize_in_flight", "paused", "reversal_guard"]),
                largest_out,
            );
        }
        // A rule that asks for exactly the requested size outvotes a scale-in: it asks for the larger size.
        let mut firing = self.firing(states);
        let keeps = firing.any(|(rule, to)| to == requested && matches!(rule.then, Change::Set(_)));
        let asked = self.scale_in(happened, group, states).filter(|_| !keeps);
        if let Some((asked, waits)) = asked {
            return self.carried_out(happened, requested, asked, waits, states);
        }
        let mut reasons = BTreeSet::new();
        for (rule, state) in self.target.rules.iter().zip(states) {
            match state {
                RuleState::Unknown => reasons.extend(self.unknown_reasons(rule)),
                RuleState::CoolingDown { .. } => _ = reasons.insert("cooling_down"),
                _ => {}
            }
        }
        if reasons.is_empty() {
            reasons.insert("no_rule_firing");
        }
        (Verdict::Hold(reasons), None)
    }

    /// What becomes of a size that a rule asks for.
    fn carried_out(
        &self,
        happened: &Happened,
        requested: u32,
        asked: Asked,
        has_to_wait: bool,
        states: &[RuleState],
    ) -> (Verdict, Option<u32>) {
        let mut waits = self.waits_for_direction(happened, requested, asked.to);
        if has_to_wait {
            waits.insert("resize_in_flight");
        }
        if asked.to < requested {
            waits.extend(self.waits_of_scale_in(happened, requested, states));
        }
        let to = self.capped(happened, requested, asked.to, states);
        if to == requested {
            waits.insert("at_limit");
        }
        let verdict = if waits.is_empty() {
            Verdict::Resize {
                from: requested,
                to,
                because: asked.because,
            }
        } else {
            Verdict::Hold(waits)
        };
        (verdict, Some(asked.to))
    }

    /// What a resize in a direction waits for, also one to a limit (policy-language.md, "Priority"): pauses,
    /// `reversal`, and for a scale-in YARN's load (operations.md, "Missing data") and a second observation
    /// (faults.md).
    fn waits_for_direction(
        &self,
        happened: &Happened,
        requested: u32,
        to: u32,
    ) -> BTreeSet<&'static str> {
        let direction = if to < requested {
            Direction::In
        } else {
            Direction::Out
        };
        let observation = &self.ticks[self.ticks.len() - 1].observation;
        let mut waits = BTreeSet::new();
        let pause = observation.control.pause;
        if pause.is_some_and(|pause| pause.direction == Some(direction) && self.now() < pause.until)
        {
            waits.insert("paused");
        }
        let last = happened.accepted.last();
        let is_reversal = last.is_some_and(|last| {
            last.direction() != direction && self.now() < last.at + self.target.guards.reversal
        });
        if is_reversal {
            waits.insert("reversal_guard");
        }
        // operations.md, "Missing data": without the list of nodes nothing scales in; recordings that have none are
        // not held back (ADR 6).
        let is_known = observation.nodes.is_some() || !observation.control.looks_at_nodes;
        if direction == Direction::In && self.policy.uses_yarn() && !is_known {
            waits.insert("missing_signal");
        }
        waits
    }

    /// policy-language.md, `keep_application_masters`: a scale-in leaves as many instances as run an application
    /// master. They come before `max` ("Priority").
    pub(super) fn masters(&self) -> u32 {
        let observation = &self.ticks[self.ticks.len() - 1].observation;
        let nodes = observation
            .nodes
            .as_ref()
            .filter(|_| self.policy.uses_yarn());
        let nodes = nodes.map_or(&[][..], |nodes| &nodes.value.0);
        let group = self.group(self.ticks.len() - 1).map(|group| &group.id);
        let of_group = nodes.iter().filter(|node| Some(&node.group) == group);
        of_group.filter(|node| node.has_application_master).count() as u32
    }

    /// What a scale-in waits for that a rule asks for.
    fn waits_of_scale_in(
        &self,
        happened: &Happened,
        requested: u32,
        states: &[RuleState],
    ) -> BTreeSet<&'static str> {
        let mut waits = BTreeSet::new();
        // ADR 2: a rule that is unknown and could outvote it.
        for rule in self.unknown_against_scale_in(requested, states) {
            waits.extend(self.unknown_reasons(rule));
        }
        // policy-language.md, `cooldown`: meanwhile no rule scales the target in.
        if self
            .target
            .rules
            .iter()
            .any(|rule| happened.cools_until(rule, self.now()).is_some())
        {
            waits.insert("cooling_down");
        }
        let observation = &self.ticks[self.ticks.len() - 1].observation;
        let is_first = self.ticks.len() == 1 || observation.control.is_first;
        if self.policy.uses_yarn() && is_first {
            waits.insert("missing_signal");
        }
        let is_flip = happened
            .accepted
            .last()
            .is_some_and(|last| last.direction() == Direction::Out);
        let flips = self.target.guards.flips;
        if is_flip && flips.is_some_and(|flips| self.flips_within(happened, flips.per) >= flips.max)
        {
            waits.insert("flip_budget_spent");
        }
        waits
    }

    /// A signal that is missing, or stale, or not known for as long as a window needs.
    fn unknown_reasons(&self, rule: &Rule) -> BTreeSet<&'static str> {
        let tick = self.ticks.len() - 1;
        let mut reasons = BTreeSet::new();
        for leaf in self.target.leaves(rule) {
            let is_stale = self
                .sample(tick, self.target.signal_of(leaf))
                .is_some_and(|sample| {
                    self.now().since(sample.measured_at)
                        > self.allowance(self.target.signal_of(leaf))
                });
            if self.value(tick, leaf).is_none() {
                reasons.insert(if is_stale {
                    "stale_data"
                } else {
                    "missing_signal"
                });
            }
        }
        if reasons.is_empty() {
            // A comparison without a result, such as a division by zero.
            reasons.insert("missing_signal");
        }
        reasons
    }
}
