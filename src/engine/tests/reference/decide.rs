//! What the documentation says that is to be done at the present observation.

use std::collections::BTreeSet;

use super::super::*;
use super::conditions::Truth;
use super::explore::on;
use super::history::{Happened, View};
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
    /// The size that a rule or a limit asks for, before limits and guards.
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
        let (mut verdict, desired) = self.unblocked(&happened, group, &rules);
        let blocked = self.blocked(&happened, group);
        if !blocked.is_empty() {
            // The documentation does not say which reason is shown while there is nothing to do, either.
            verdict = match verdict {
                Verdict::Hold(reasons) => Verdict::Hold(&reasons | &blocked),
                Verdict::Resize { .. } => Verdict::Hold(blocked),
            };
            if !on("stab_blocked") {
                return Judged {
                    verdict,
                    rules,
                    desired: None,
                };
            }
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
        // policy-language.md, `limits`: a group outside its limits is resized to the limit at once.
        let (to, because) = if requested < min {
            (min, Cause::BelowMinimum)
        } else if requested > max {
            (max, Cause::AboveMaximum)
        } else {
            return self.by_rules(happened, group, rules);
        };
        let waits = self.waits_for_direction(happened, requested, to);
        if waits.is_empty() {
            (
                Verdict::Resize {
                    from: requested,
                    to,
                    because,
                },
                Some(to),
            )
        } else {
            (Verdict::Hold(waits), Some(to))
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
                self.yields_until(happened).is_some(),
            ),
            ("call_rejected", self.rejected_until().is_some()),
            ("resize_in_flight", self.unconfirmed(happened).is_some()),
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
                match self.cools_until(happened, &rule.name, rule.cooldown) {
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
    fn size_of(&self, change: &Change, requested: u32) -> u32 {
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

    fn by_rules(
        &self,
        happened: &Happened,
        group: &GroupStatus,
        states: &[RuleState],
    ) -> (Verdict, Option<u32>) {
        let requested = group.requested.get();
        // ADR 8 and 19, and policy-language.md, "Fewer instances than requested".
        let grows = group.running < group.requested;
        let shrinks = group.running > group.requested && group.state != GroupState::Running;
        let mut reasons = BTreeSet::new();
        let mut best: Option<Asked> = None;
        for (rule, state) in self.target.rules.iter().zip(states) {
            match state {
                RuleState::Unknown => reasons.extend(self.unknown_reasons(rule)),
                RuleState::CoolingDown { .. } => _ = reasons.insert("cooling_down"),
                RuleState::Firing { to } => {
                    let to = to.get();
                    let waits = match rule.then {
                        Change::Grow(_) => grows,
                        Change::Shrink(_) => grows || shrinks,
                        _ => grows && to < requested,
                    };
                    if waits {
                        reasons.insert("resize_in_flight");
                    } else if best.as_ref().is_none_or(|best| to > best.to) {
                        // Scale-out before scale-in, then the larger size, then the order in the file.
                        best = Some(Asked {
                            to,
                            because: Cause::Rule(rule.name.clone()),
                        });
                    }
                }
                RuleState::Inactive | RuleState::Pending { .. } => {}
            }
        }
        let Some(asked) = best else {
            if reasons.is_empty() {
                reasons.insert("no_rule_firing");
            }
            return (Verdict::Hold(reasons), None);
        };
        let desired = Some(asked.to);
        if asked.to == requested {
            if on("equal_at_limit") {
                reasons.insert("at_limit");
            }
            reasons.insert("no_rule_firing");
            return (Verdict::Hold(reasons), desired);
        }
        let mut waits = self.waits_for_direction(happened, requested, asked.to);
        if asked.to < requested {
            waits.extend(self.waits_of_scale_in(happened, requested, states));
        }
        let to = self.capped(happened, requested, asked.to);
        if to == requested {
            waits.insert("at_limit");
        }
        if waits.is_empty() {
            (
                Verdict::Resize {
                    from: requested,
                    to,
                    because: asked.because,
                },
                desired,
            )
        } else {
            (Verdict::Hold(waits), desired)
        }
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
        let effective = self.effective(happened);
        let opposite = effective
            .iter()
            .rev()
            .find(|sent| sent.direction() != direction);
        if opposite.is_some_and(|sent| self.now() < sent.at + self.target.guards.reversal) {
            waits.insert("reversal_guard");
        }
        if direction == Direction::In && self.policy.uses_yarn() {
            match &observation.yarn {
                None => _ = waits.insert("missing_signal"),
                Some(yarn) if self.now().since(yarn.measured_at) > self.three_polls() => {
                    _ = waits.insert("stale_data")
                }
                Some(_) => {}
            }
        }
        waits
    }

    /// What a scale-in waits for that a rule asks for.
    fn waits_of_scale_in(
        &self,
        happened: &Happened,
        requested: u32,
        states: &[RuleState],
    ) -> BTreeSet<&'static str> {
        let mut waits = BTreeSet::new();
        for (rule, state) in self.target.rules.iter().zip(states) {
            // ADR 2: a rule that is unknown and could outvote it.
            if *state == RuleState::Unknown && self.size_of(&rule.then, requested) >= requested {
                waits.extend(self.unknown_reasons(rule));
            }
            // policy-language.md, `cooldown`: meanwhile no rule scales the target in.
            if self
                .cools_until(happened, &rule.name, rule.cooldown)
                .is_some()
            {
                waits.insert("cooling_down");
            }
        }
        if self.policy.uses_yarn() && self.ticks.len() == 1 {
            waits.insert("missing_signal");
        }
        if self
            .target
            .guards
            .flips
            .is_some_and(|flips| self.flips_within(happened, flips.per) >= flips.max)
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

    /// policy-language.md, `flips`: changes of direction within the time.
    fn flips_within(&self, happened: &Happened, per: Duration) -> u32 {
        let effective = self.effective(happened);
        let flips = effective
            .windows(2)
            .filter(|pair| pair[0].direction() != pair[1].direction());
        flips.filter(|pair| self.now() < pair[1].at + per).count() as u32
    }

    /// The size that limits, `step`, `budget` and `stabilization` leave of a rule's (policy-language.md,
    /// "targets" and "Caps in percent").
    fn capped(&self, happened: &Happened, requested: u32, to: u32) -> u32 {
        let guards = &self.target.guards;
        let limits = self.target.limits;
        let cap_of = |cap: Cap, size: u32| match cap {
            Cap::Instances(instances) => instances.get(),
            Cap::Percent(percent) => (size * percent.get() as u32 / 100).max(1),
        };
        let effective = self.effective(happened);
        let left = |direction: Direction| {
            let budget = guards
                .budgets
                .iter()
                .find(|budget| budget.direction == direction)?;
            let within: Vec<_> = effective
                .iter()
                .filter(|sent| self.now() < sent.at + budget.per)
                .collect();
            let change: i64 = within
                .iter()
                .map(|sent| i64::from(sent.to) - i64::from(sent.from))
                .sum();
            let at_beginning = (i64::from(requested) - change).max(0);
            let used: u32 = within
                .iter()
                .filter(|sent| sent.direction() == direction)
                .map(|sent| sent.to.abs_diff(sent.from))
                .sum();
            let cap = cap_of(budget.cap, u32::try_from(at_beginning).unwrap_or(u32::MAX));
            Some(cap.saturating_sub(used))
        };
        if to > requested {
            let by_step = guards
                .step_grow
                .map(|cap| requested + cap_of(cap, requested));
            let by_budget = left(Direction::Out).map(|left| requested + left);
            let caps = [Some(limits.max().get()), by_step, by_budget];
            return caps.into_iter().flatten().fold(to, u32::min);
        }
        let by_step = guards
            .step_shrink
            .map(|cap| requested.saturating_sub(cap_of(cap, requested)));
        let by_budget = left(Direction::In).map(|left| requested.saturating_sub(left));
        let caps = [
            Some(limits.min().get()),
            by_step,
            by_budget,
            self.stabilized(),
        ];
        caps.into_iter().flatten().fold(to, u32::max).min(requested)
    }

    /// policy-language.md, `stabilization`: the largest desired size within this time.
    fn stabilized(&self) -> Option<u32> {
        let start = self.now() - self.target.guards.stabilization;
        let earlier = self.ticks.iter().filter(|tick| tick.observation.at > start);
        earlier
            .filter_map(|tick| tick.judged.get(self.index).map(|judged| (judged, tick)))
            .filter_map(|(judged, tick)| {
                let requested = || {
                    tick.observation
                        .cluster
                        .value
                        .groups
                        .get(self.index + 1)
                        .map(|g| g.requested.get())
                };
                if on("stab_all") {
                    judged.desired.or_else(requested)
                } else {
                    judged.desired
                }
            })
            .max()
    }
}
