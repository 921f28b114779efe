//! What leaves less of a change than a rule asks for.

use super::super::*;
use super::history::{Happened, View};
use crate::policy::Rule;

impl View<'_> {
    /// policy-language.md, `flips`: changes of direction within the time.
    pub(super) fn flips_within(&self, happened: &Happened, per: Duration) -> u32 {
        let flips = happened
            .accepted
            .windows(2)
            .filter(|pair| pair[0].direction() != pair[1].direction());
        flips.filter(|pair| self.now() < pair[1].at + per).count() as u32
    }

    /// The size that limits, `step`, `budget` and `stabilization` leave of a rule's (policy-language.md,
    /// "targets" and "Caps in percent").
    pub(super) fn capped(
        &self,
        happened: &Happened,
        requested: u32,
        to: u32,
        states: &[RuleState],
    ) -> u32 {
        let guards = &self.target.guards;
        let limits = self.target.limits;
        let cap_of = |cap: Cap, size: u32| match cap {
            Cap::Instances(instances) => instances.get(),
            Cap::Percent(percent) => (size * percent.get() as u32 / 100).max(1),
        };
        let effective = &happened.accepted;
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
            return caps
                .into_iter()
                .flatten()
                .fold(to, u32::min)
                .max(limits.min().get());
        }
        let by_step = guards
            .step_shrink
            .map(|cap| requested.saturating_sub(cap_of(cap, requested)));
        let by_budget = left(Direction::In).map(|left| requested.saturating_sub(left));
        let caps = [
            Some(limits.min().get()),
            by_step,
            by_budget,
            self.stabilized(requested, to, states),
            Some(self.masters()),
        ];
        caps.into_iter().flatten().fold(to, u32::max).min(requested)
    }

    /// The size that this observation desires for stabilization: the requested one while nothing is asked for,
    /// and at least that while a rule is unknown that could ask for more.
    pub(super) fn remembered_size(
        &self,
        requested: u32,
        asked: Option<u32>,
        states: &[RuleState],
    ) -> u32 {
        let desired = asked.unwrap_or(requested);
        if self
            .unknown_against_scale_in(requested, states)
            .next()
            .is_some()
        {
            desired.max(requested)
        } else {
            desired
        }
    }

    pub(super) fn unknown_against_scale_in<'s>(
        &'s self,
        requested: u32,
        states: &'s [RuleState],
    ) -> impl Iterator<Item = &'s Rule> {
        let rules = self.target.rules.iter().zip(states);
        let unknown = rules
            .filter(|(_, state)| **state == RuleState::Unknown)
            .map(|(rule, _)| rule);
        unknown.filter(move |rule| {
            !matches!(rule.then, Change::Shrink(_))
                && self.size_of(&rule.then, requested) >= requested
        })
    }

    /// policy-language.md, `stabilization`: the largest desired size within this time; the requested size until
    /// so much time was observed without a gap of more than three polls.
    pub(super) fn stabilized(
        &self,
        requested: u32,
        asked: u32,
        states: &[RuleState],
    ) -> Option<u32> {
        let span = self.target.guards.stabilization;
        if span.is_zero() {
            return None;
        }
        let mut sizes: Vec<(Timestamp, u32)> = Vec::new();
        let earlier = self.ticks[..self.ticks.len() - 1].iter();
        let earlier = earlier
            .filter_map(|tick| Some((tick.observation.at, tick.judged.get(self.index)?.desired?)));
        for (at, size) in earlier.chain([(
            self.now(),
            self.remembered_size(requested, Some(asked), states),
        )]) {
            if sizes
                .last()
                .is_some_and(|(last, _)| at.since(*last) > self.three_polls())
            {
                sizes.clear();
            }
            sizes.push((at, size));
        }
        let start = self.now() - span;
        let Some(first) = sizes.iter().rposition(|(at, _)| *at <= start) else {
            return Some(requested);
        };
        sizes[first..].iter().map(|(_, size)| *size).max()
    }
}
