//! Policies that are valid, but hardly do what was meant.

mod bands;
mod caps;
mod demand;
mod interval;
mod nodes;
mod schedule;
#[cfg(test)]
mod testing;
mod warning;
mod yarn;

use std::time::Duration;

use crate::observation::Role;
use crate::policy::condition::{Condition, Expr, WindowSpec};
use crate::policy::operator::Comparison;
use crate::policy::signal::SignalSource;
use crate::policy::{Amount, Change, Part, Policy, Rule, Size, Target};
use crate::units::{Timestamp, display_duration};
use bands::Sense;
use warning::About;
pub use warning::Lint;

const LONGEST_WINDOW: Duration = Duration::from_secs(7 * 86_400);

/// Every warning and note, target by target, rule by rule.
pub fn lint(policy: &Policy) -> Vec<Lint> {
    let of_demand = policy
        .demand()
        .and_then(|demand| demand::lint(demand, policy));
    let mut lints: Vec<Lint> = yarn::lint(policy).into_iter().chain(of_demand).collect();
    for (position, target) in policy.targets().iter().enumerate() {
        Linter {
            policy,
            target,
            position,
            lints: &mut lints,
        }
        .run();
    }
    lints
}

/// A warning for each schedule window that has closed for ever at `now`.
pub fn lint_dates(policy: &Policy, now: Timestamp) -> Vec<Lint> {
    let mut lints = Vec::new();
    for (target, spec) in policy.targets().iter().enumerate() {
        for finding in schedule::over(spec, now) {
            lints.push(Lint {
                about: About::Window {
                    target,
                    window: finding.window,
                },
                message: finding.message,
                help: finding.help,
            });
        }
    }
    lints
}

/// Walks one target.
struct Linter<'p> {
    policy: &'p Policy,
    target: &'p Target,
    position: usize,
    lints: &'p mut Vec<Lint>,
}

impl<'p> Linter<'p> {
    fn run(&mut self) {
        self.limits();
        self.core_group();
        self.schedule();
        self.caps();
        for (position, rule) in self.target.rules.iter().enumerate() {
            self.reach(position, rule);
            self.operators(position, rule);
            self.times(position, rule);
            self.windows(position, rule);
            self.size(position, rule);
            self.tracked(position, rule);
            self.shadow(position, rule);
        }
        self.pairs();
    }

    fn limits(&mut self) {
        let limits = self.target.limits;
        let fixed = limits.min() == limits.max()
            && self
                .target
                .schedule
                .iter()
                .all(|window| window.limits.is_none());
        if fixed && !self.target.rules.is_empty() {
            let message = format!(
                "the size is always {}: no rule of this target can act",
                limits.min()
            );
            self.warn(
                About::Limits(self.position),
                message,
                "raise `max`, lower `min`, or leave the rules out",
            );
        }
    }

    fn schedule(&mut self) {
        let missing = schedule::missing_days_of_month(self.target);
        for finding in schedule::overlaps(self.target).into_iter().chain(missing) {
            let window = finding.window;
            let about = About::Window {
                target: self.position,
                window,
            };
            self.warn(about, finding.message, finding.help);
        }
    }

    fn caps(&mut self) {
        for finding in caps::lint(self.target, self.position) {
            self.warn(finding.about, finding.message, finding.help);
        }
    }

    fn core_group(&mut self) {
        let is_core = self.target.selector.role() == Some(Role::Core);
        let copies = self.target.guards.hdfs.replication.unwrap_or(1);
        let shrinks = self
            .target
            .rules
            .iter()
            .any(|rule| !matches!(rule.then, Change::Grow(_) | Change::Set(Size::Maximum)));
        if is_core && shrinks && self.target.limits.min().get() < copies {
            let message = format!(
                "the core group may shrink to {}, which is fewer nodes than the {copies} copies that HDFS keeps of each block",
                self.target.limits.min()
            );
            self.warn(
                About::Limits(self.position),
                message,
                format!("set `min` to {copies} or more"),
            );
        }
    }

    fn reach(&mut self, position: usize, rule: &Rule) {
        match interval::truth(&rule.when, self.target) {
            Some(false) => self.warn_rule(
                position,
                Part::When,
                "this can never be true",
                "check the thresholds: percentages range from 0 to 100, other signals are never negative, and `and` needs both sides at once",
            ),
            Some(true) if matches!(rule.then, Change::Grow(_) | Change::Shrink(_)) => self.warn_rule(
                position,
                Part::When,
                "this is always true, so the rule resizes the group to its limit",
                "compare a signal with a threshold that it can cross, or use `set` to go to a size at once",
            ),
            _ => {}
        }
    }

    fn operators(&mut self, position: usize, rule: &Rule) {
        let grows = match rule.then {
            Change::Grow(_) => true,
            Change::Shrink(_) => false,
            Change::Set(_) | Change::Track { .. } => return,
        };
        let branches: Vec<&Condition> = match &rule.when {
            Condition::Any(parts) => parts.iter().collect(),
            other => vec![other],
        };
        for branch in branches {
            let Some((expr, operator)) = bands::inverted(branch, grows, self.target) else {
                continue;
            };
            let (verb, what) = match (grows, bands::sense(expr, self.target)) {
                (true, Some(Sense::Room)) => ("grows", "there is much room"),
                (true, _) => ("grows", "there is little work"),
                (false, Some(Sense::Room)) => ("shrinks", "there is little room"),
                (false, _) => ("shrinks", "there is much work"),
            };
            let turned = match operator {
                Comparison::Less | Comparison::LessOrEqual => "`>`",
                _ => "`<`",
            };
            let message = format!("this {verb} the group when {what}; the operator looks inverted");
            self.warn_rule(
                position,
                Part::When,
                message,
                format!("write {turned}, or swap `grow` and `shrink`"),
            );
        }
    }

    fn times(&mut self, position: usize, rule: &Rule) {
        let poll = self.policy.poll();
        if !rule.for_duration.is_zero() && rule.for_duration < poll {
            let message = format!(
                "this is shorter than the {} between two samples",
                display_duration(poll)
            );
            self.warn_rule(
                position,
                Part::For,
                message,
                "use a few polls, or leave `for` out",
            );
        }
        if nodes::counts_starting_instances(rule, &self.sources(rule)) {
            self.warn_rule(
                position,
                Part::For,
                "instances that have just started are not listed either",
                "wait for longer than a start takes, for example `for: 20m`",
            );
        }
        for source in self.sources(rule) {
            let SignalSource::Metric { id, .. } = source else {
                continue;
            };
            let Some(metric) = self.policy.metrics().iter().find(|metric| metric.id == *id) else {
                continue;
            };
            if !rule.for_duration.is_zero() && rule.for_duration < metric.period {
                let message = format!(
                    "`{id}` has one value every {}, so `for` must span several of them",
                    display_duration(metric.period)
                );
                self.warn_rule(
                    position,
                    Part::For,
                    message,
                    "use two periods or more, or leave `for` out",
                );
            }
        }
        let reads_window = !self.windows_of(rule).is_empty();
        let unguarded = rule.for_duration.is_zero()
            && rule.cooldown.is_zero()
            && self.target.guards.stabilization.is_zero()
            && !reads_window;
        if matches!(rule.then, Change::Shrink(_)) && unguarded {
            self.warn_rule(
                position,
                Part::Then,
                "a single sample shrinks the group, and the next sample shrinks it again",
                "add `for: 3m` and `cooldown: 5m`, or `stabilization: 5m` to the target",
            );
        }
    }

    fn windows(&mut self, position: usize, rule: &Rule) {
        for window in self.windows_of(rule) {
            let over = display_duration(window.over);
            let between = match self.target.signals.get(window.signal) {
                Some(SignalSource::Metric { id, .. }) => self
                    .policy
                    .metrics()
                    .iter()
                    .find(|metric| metric.id == *id)
                    .map_or(self.policy.poll(), |metric| metric.period),
                _ => self.policy.poll(),
            };
            if window.over < between * 2 {
                let message = format!(
                    "a window of {over} is too short for samples that arrive every {}",
                    display_duration(between)
                );
                self.warn_rule(
                    position,
                    Part::When,
                    message,
                    format!("make it {} or longer", display_duration(between * 2)),
                );
            } else if window.over > LONGEST_WINDOW {
                let message = format!(
                    "a window of {over} has no value until the daemon has run for that long"
                );
                self.warn_rule(position, Part::When, message, "make it 7d or shorter");
            }
        }
    }

    fn size(&mut self, position: usize, rule: &Rule) {
        let Change::Set(Size::Exactly(size)) = rule.then else {
            return;
        };
        let elsewhere = self
            .target
            .schedule
            .iter()
            .filter_map(|window| window.limits);
        let fits = std::iter::once(self.target.limits)
            .chain(elsewhere)
            .any(|limits| limits.min() <= size && size <= limits.max());
        if !fits {
            let message = format!("the size {size} is outside the limits of this target");
            self.warn_rule(
                position,
                Part::Then,
                message,
                "write a size within `limits`, or `min`, or `max`",
            );
        }
    }

    fn tracked(&mut self, position: usize, rule: &Rule) {
        let Change::Track { signal, .. } = &rule.then else {
            return;
        };
        if bands::sense(signal, self.target) == Some(Sense::Room) {
            self.warn_rule(
                position,
                Part::Then,
                "this signal rises with free capacity, so the group would never stop growing",
                "track a signal that falls when the group grows, such as `yarn_memory_allocated_percent`",
            );
        }
    }

    /// With the same condition, the larger size wins: a rule that never asks for it does nothing.
    fn shadow(&mut self, position: usize, rule: &Rule) {
        let rules = &self.target.rules;
        let shadow = rules.iter().enumerate().find(|(other_position, other)| {
            let no_later =
                other.for_duration <= rule.for_duration && other.cooldown <= rule.cooldown;
            let equal = other.then == rule.then
                && other.for_duration == rule.for_duration
                && other.cooldown == rule.cooldown;
            let wins =
                asks_for_no_less(&other.then, &rule.then) && (!equal || *other_position < position);
            *other_position != position && other.when == rule.when && no_later && wins
        });
        if let Some((_, other)) = shadow {
            let message = format!(
                "`{}` has the same condition and always asks for at least as large a size",
                other.name
            );
            self.warn_rule(
                position,
                Part::When,
                message,
                "remove one of the two rules, or give them different conditions",
            );
        }
    }

    fn pairs(&mut self) {
        let rules = &self.target.rules;
        for (position, shrink) in rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| matches!(rule.then, Change::Shrink(_)))
        {
            for grow in rules
                .iter()
                .filter(|rule| matches!(rule.then, Change::Grow(_)))
            {
                if let Some(value) = bands::both_true(grow, shrink) {
                    let message = format!(
                        "`{}` is true at the same time, for example at {value}, and then prevents this rule from acting",
                        grow.name
                    );
                    self.warn_rule(
                        position,
                        Part::When,
                        message,
                        "leave a gap between the two thresholds",
                    );
                } else if let Some(found) = bands::retrigger(grow, shrink, self.target) {
                    let bands::Retrigger {
                        from,
                        to,
                        used_before,
                        used_after,
                    } = found;
                    let message = format!(
                        "shrinking from {from} to {to} raises use from {used_before:.0}% to {used_after:.0}%, at which `{}` grows the group again",
                        grow.name
                    );
                    self.warn_rule(
                        position,
                        Part::Then,
                        message,
                        "shrink by less, or by a share such as `25%`, or raise the smallest size",
                    );
                }
            }
        }
    }

    fn sources(&self, rule: &Rule) -> Vec<&'p SignalSource> {
        let (target, mut found) = (self.target, Vec::new());
        visit(&rule.when, &mut |expr| {
            if let Expr::Signal(index) = expr {
                found.extend(target.signals.get(*index));
            }
        });
        found
    }

    fn windows_of(&self, rule: &Rule) -> Vec<WindowSpec> {
        let mut found = Vec::new();
        let mut note = |expr: &Expr| {
            if let Expr::Window(index) = expr {
                found.extend(self.target.windows.get(*index).copied());
            }
        };
        visit(&rule.when, &mut note);
        if let Change::Track { signal, .. } = &rule.then {
            visit_expr(signal, &mut note);
        }
        found
    }

    fn warn_rule(
        &mut self,
        rule: usize,
        part: Part,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.warn(
            About::Rule {
                target: self.position,
                rule,
                part,
            },
            message,
            help,
        );
    }

    fn warn(&mut self, about: About, message: impl Into<String>, help: impl Into<String>) {
        let lint = Lint {
            about,
            message: message.into(),
            help: help.into(),
        };
        if !self.lints.contains(&lint) {
            self.lints.push(lint);
        }
    }
}

/// Whether `a` never asks for a smaller size than `b`, whatever the present size.
fn asks_for_no_less(a: &Change, b: &Change) -> bool {
    let compared = |a: &Amount, b: &Amount| match (a, b) {
        (Amount::Instances(a), Amount::Instances(b)) => a.partial_cmp(b),
        (Amount::Percent(a), Amount::Percent(b)) => a.partial_cmp(b),
        _ => None,
    };
    match (a, b) {
        (Change::Grow(a), Change::Grow(b)) => compared(a, b).is_some_and(std::cmp::Ordering::is_ge),
        (Change::Shrink(a), Change::Shrink(b)) => {
            compared(a, b).is_some_and(std::cmp::Ordering::is_le)
        }
        _ => a == b,
    }
}

fn visit(condition: &Condition, found: &mut impl FnMut(&Expr)) {
    match condition {
        Condition::Constant(_) | Condition::ClusterState { .. } => {}
        Condition::Compare { left, right, .. } => {
            visit_expr(left, found);
            visit_expr(right, found);
        }
        Condition::Not(inner) => visit(inner, found),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| visit(part, found))
        }
    }
}

fn visit_expr(expr: &Expr, found: &mut impl FnMut(&Expr)) {
    found(expr);
    match expr {
        Expr::Constant(_) | Expr::Signal(_) | Expr::Window(_) => {}
        Expr::Negate(inner) => visit_expr(inner, found),
        Expr::Arithmetic { left, right, .. } => {
            visit_expr(left, found);
            visit_expr(right, found);
        }
        Expr::Greatest(values) | Expr::Least(values) => {
            values.iter().for_each(|value| visit_expr(value, found))
        }
    }
}

#[cfg(test)]
mod tests;
