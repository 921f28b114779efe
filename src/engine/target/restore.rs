//! How a target is restored from a journal, and how it passes to an edited policy.

use super::TargetState;
use super::history::{HistoryMismatch, TargetHistory};
use crate::observation::RuleName;
use crate::policy::Target;
use crate::policy::condition::WindowSpec;
use crate::policy::signal::SignalSource;

impl TargetState {
    /// What has to be written down to restore the target.
    pub fn history(&self) -> &TargetHistory {
        &self.history
    }

    /// Restores a target.
    ///
    /// # Errors
    /// When the history was recorded under another policy.
    pub fn restore(spec: Target, history: TargetHistory) -> Result<Self, HistoryMismatch> {
        history.check(&spec)?;
        Ok(Self {
            history,
            ..Self::new(spec)
        })
    }

    /// Continues with the same group under an edited target.
    ///
    /// What belongs to the group stays: resizes, quarantines, yields, desired sizes; so do cooldowns
    /// of rules that kept their name. A `for` timer continues if its condition and everything that
    /// the condition reads are unchanged, a window if its signal is. `is_same` returns whether a
    /// signal, or EMR's description of the cluster (`None`), is unchanged.
    pub fn adopt(self, spec: Target, is_same: impl Fn(Option<&SignalSource>) -> bool) -> Self {
        let mut heir = Self::new(spec);
        let signals_before = signals_before(&self.spec, &heir.spec, &is_same);
        for (samples, before) in heir.history.signals.iter_mut().zip(&signals_before) {
            if let Some(before) = *before {
                samples.1 = self.history.signals[before].1;
            }
        }
        for (spec, samples) in heir.spec.windows.iter().zip(&mut heir.history.windows) {
            if let Some(before) = window_before(&self.spec, spec, &signals_before) {
                samples.clone_from(&self.history.windows[before]);
            }
        }
        for (rule, (_, history)) in heir.history.rules.iter_mut().enumerate() {
            let Some(before) = rule_position(&self.spec, &heir.spec.rules[rule].name) else {
                continue;
            };
            let (inputs, inputs_before) = (&heir.inputs[rule], &self.inputs[before]);
            let is_unchanged = inputs.are_unchanged(inputs_before, &signals_before)
                && (!inputs.reads_cluster || is_same(None))
                && heir.spec.rules[rule].when_text == self.spec.rules[before].when_text;
            let before = &self.history.rules[before].1;
            history.completed_at = before.completed_at;
            if is_unchanged {
                history.for_timer = before.for_timer.clone();
            }
        }
        let rule_now = |before: usize| rule_position(&heir.spec, &self.spec.rules[before].name);
        heir.history = TargetHistory {
            resizes: self.history.resizes.with_rules(rule_now),
            signals: heir.history.signals,
            windows: heir.history.windows,
            rules: heir.history.rules,
            ..self.history
        };
        heir
    }
}

/// Where each signal of the new target was in the old one, if it is unchanged.
fn signals_before(
    old: &Target,
    new: &Target,
    is_same: impl Fn(Option<&SignalSource>) -> bool,
) -> Vec<Option<usize>> {
    let position = |source: &SignalSource| {
        old.signals
            .iter()
            .position(|before| before == source)
            .filter(|_| is_same(Some(source)))
    };
    new.signals.iter().map(position).collect()
}

/// Where a window of the new target was in the old one, if it and its signal are unchanged.
fn window_before(
    old: &Target,
    window: &WindowSpec,
    signals_before: &[Option<usize>],
) -> Option<usize> {
    let before = WindowSpec {
        signal: signals_before[window.signal]?,
        ..*window
    };
    old.windows.iter().position(|window| *window == before)
}

fn rule_position(spec: &Target, name: &RuleName) -> Option<usize> {
    spec.rules.iter().position(|rule| rule.name == *name)
}
