//! What has happened to a target, as its whole history shows.

use super::super::*;
use super::Tick;
use super::explore::on;
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

/// A resize that was sent to EMR, as far as is known.
#[derive(Clone)]
pub(super) struct Sent {
    tick: usize,
    pub(super) at: Timestamp,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) because: Cause,
    /// The observation in which EMR shows the new size.
    shown: Option<usize>,
    /// Something else has happened to the group since, so that EMR will not show the size any more.
    is_replaced: bool,
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

/// The sent resizes, and the observations in which someone else's resize is seen.
pub(super) struct Happened {
    pub(super) sent: Vec<Sent>,
    operators: Vec<usize>,
}

impl View<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.ticks[self.ticks.len() - 1].observation.at
    }

    /// Three polls: how old what was polled may be (operations.md, "Missing data"), and how long an
    /// unconfirmed resize blocks others (ADR 7).
    pub(super) fn three_polls(&self) -> Duration {
        self.policy.poll() * 3
    }

    /// The group of the target, if there is exactly one (policy-language.md, "Group").
    pub(super) fn group(&self, tick: usize) -> Option<&GroupStatus> {
        let groups = &self.ticks[tick].observation.cluster.value.groups;
        self.target.selector.select_only(groups)
    }

    /// Follows sizes through the whole history.
    ///
    /// - A description of the cluster counts for a resize only if it was made after the call, and a call
    ///   without an answer counts as sent (ADR 7).
    /// - A rejected call, and one that was not sent, change nothing (ADR 7 and 15).
    /// - Any other change of size is someone else's (policy-language.md, `yield_to_operator`), unless another
    ///   instance leads (ADR 11).
    pub(super) fn happened(&self) -> Happened {
        let mut happened = Happened {
            sent: Vec::new(),
            operators: Vec::new(),
        };
        let mut last: Option<u32> = None;
        for (number, tick) in self.ticks.iter().enumerate() {
            if let Some(group) = self.group(number) {
                let requested = group.requested.get();
                let described_at = tick.observation.cluster.measured_at;
                let shown = happened.sent.iter_mut().rev().find(|sent| {
                    sent.shown.is_none()
                        && !sent.is_replaced
                        && sent.to == requested
                        && sent.at < described_at
                });
                let is_changed = last.is_some_and(|last| last != requested);
                last = Some(requested);
                if let Some(shown) = shown {
                    shown.shown = Some(number);
                    let shown_tick = shown.tick;
                    happened
                        .sent
                        .iter_mut()
                        .filter(|sent| sent.tick < shown_tick)
                        .for_each(|sent| sent.is_replaced = true);
                } else if is_changed {
                    happened
                        .sent
                        .iter_mut()
                        .for_each(|sent| sent.is_replaced = true);
                    if tick.observation.control.leader {
                        happened.operators.push(number);
                    }
                }
            }
            happened.sent.extend(self.sent_at(number));
        }
        happened
    }

    fn sent_at(&self, number: usize) -> Option<Sent> {
        let tick = &self.ticks[number];
        let (from, to, because) = tick.resize_of(self.index)?;
        let is_sent = !matches!(
            tick.outcomes[self.index],
            Some(Outcome::Rejected(_) | Outcome::NotSent)
        );
        is_sent.then(|| Sent {
            tick: number,
            at: tick.observation.at,
            from,
            to,
            because,
            shown: None,
            is_replaced: false,
        })
    }

    /// Whether the group has reached a size at an observation (ADR 8): as many instances run as a scale-out
    /// asks for; no more run than a scale-in asks for, or EMR reports that the group has settled.
    fn is_reached(&self, sent: &Sent, number: usize) -> bool {
        self.group(number).is_some_and(|group| {
            let running = group.running.get();
            let is_there = match sent.direction() {
                Direction::Out => running >= sent.to,
                Direction::In => running <= sent.to || group.state == GroupState::Running,
            };
            group.requested.get() == sent.to && is_there
        })
    }

    /// The observation at which a resize is complete. One that another resize overtakes is complete with
    /// that one (ADR 7).
    fn completed(&self, happened: &Happened, sent: &Sent) -> Option<usize> {
        let shown = sent.shown?;
        let next = happened
            .sent
            .iter()
            .find(|later| later.tick > sent.tick && later.shown.is_some());
        if on("shown_counts") && next.is_none() && self.happened_operator_after(happened, shown) {
            return Some(shown);
        }
        let end = next.and_then(|next| next.shown).unwrap_or(self.ticks.len());
        let own = (shown..end).find(|number| self.is_reached(sent, *number));
        own.or_else(|| self.completed(happened, next?))
    }

    fn happened_operator_after(&self, happened: &Happened, shown: usize) -> bool {
        happened.operators.iter().any(|number| *number > shown)
    }

    /// Until when a rule waits after resizes that it caused (policy-language.md, `cooldown`): this long after
    /// the resize is complete.
    pub(super) fn cools_until(
        &self,
        happened: &Happened,
        rule: &RuleName,
        cooldown: Duration,
    ) -> Option<Timestamp> {
        let own = happened
            .sent
            .iter()
            .filter(|sent| sent.because == Cause::Rule(rule.clone()));
        let completed = own.filter_map(|sent| self.completed(happened, sent));
        let until = completed
            .map(|number| self.ticks[number].observation.at + cooldown)
            .max();
        until.filter(|until| self.now() < *until)
    }

    /// The size of a resize that EMR does not show yet; it blocks others for at most three polls (ADR 7).
    pub(super) fn unconfirmed<'h>(&self, happened: &'h Happened) -> Option<&'h Sent> {
        let last = happened.sent.last()?;
        let is_open = last.shown.is_none() && !last.is_replaced;
        (is_open
            && (if on("confirm_lt") {
                self.now().since(last.at) < self.three_polls()
            } else {
                self.now().since(last.at) <= self.three_polls()
            }))
        .then_some(last)
    }

    /// The resizes that EMR has shown, or may still show.
    pub(super) fn effective<'h>(&self, happened: &'h Happened) -> Vec<&'h Sent> {
        let is_lost = |sent: &Sent| {
            sent.shown.is_none()
                && (sent.is_replaced || self.now().since(sent.at) > self.three_polls())
        };
        happened.sent.iter().filter(|sent| !is_lost(sent)).collect()
    }

    /// Until when the target is left to someone else who resized it (policy-language.md,
    /// `yield_to_operator`).
    pub(super) fn yields_until(&self, happened: &Happened) -> Option<Timestamp> {
        let last = happened.operators.last()?;
        let until = {
            let o = &self.ticks[*last].observation;
            if on("yield_measured") {
                o.cluster.measured_at
            } else {
                o.at
            }
        } + self.target.guards.yield_to_operator;
        (self.now() < until).then_some(until)
    }

    /// Until when nothing is sent after rejected calls: 30 s, twice as long after each further one, at most
    /// ten minutes (operations.md, "Resizes").
    pub(super) fn rejected_until(&self) -> Option<Timestamp> {
        let mut wait_s = 0;
        let mut until = None;
        for tick in self.ticks {
            if tick.resize_of(self.index).is_none() {
                continue;
            }
            match tick.outcomes[self.index] {
                Some(Outcome::Rejected(_)) => {
                    wait_s = (2 * wait_s).clamp(30, 600);
                    until = Some(tick.observation.at + Duration::from_secs(wait_s));
                }
                Some(Outcome::NotSent) => {}
                _ => (wait_s, until) = (0, None),
            }
        }
        until.filter(|until| self.now() < *until)
    }
}
