//! A target of a policy: one group or fleet, its limits, rules, guards and schedule.

use std::sync::Arc;

use crate::policy::condition::{Leaf, WindowSpec};
use crate::policy::guards::Guards;
use crate::policy::limits::Limits;
use crate::policy::rule::{Change, Rule};
use crate::policy::schedule::ScheduleWindow;
use crate::policy::selector::Selector;
use crate::policy::signal::SignalSource;
use crate::units::{Timestamp, display_duration};

/// One thing to resize, and by which rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Which group or fleet it resizes.
    pub selector: Selector,
    /// The policy has `demand` and no `targets`, and does not name it: a cluster need not have it.
    pub may_be_absent: bool,
    /// The limits while no schedule window replaces them; see [`Self::limits_at`].
    pub limits: Limits,
    /// Rules in file order; none if the target follows demand.
    pub rules: Vec<Rule>,
    /// What holds resizes back.
    pub guards: Guards,
    /// Windows in file order; the first one that is open applies.
    pub schedule: Vec<ScheduleWindow>,
    /// What the conditions of this target read; `Expr::Signal` is an index into it.
    pub signals: Vec<SignalSource>,
    /// Windows over these signals; `Expr::Window` is an index into it.
    pub windows: Vec<WindowSpec>,
}

impl Target {
    /// What a rule reads, for its condition and its change: in the order in which it is written,
    /// each once.
    pub fn leaves(&self, rule: &Rule) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        let mut add = |leaf| {
            if !leaves.contains(&leaf) {
                leaves.push(leaf);
            }
        };
        rule.when.leaves(&mut add);
        if let Change::Track { signal, .. } = &rule.then {
            signal.leaves(&mut add);
        }
        leaves
    }

    /// The signal behind what a rule reads: an index into `signals`.
    pub fn signal_of(&self, leaf: Leaf) -> usize {
        match leaf {
            Leaf::Signal(signal) => signal,
            Leaf::Window(window) => self.windows[window].signal,
        }
    }

    /// What a rule reads, as a condition writes it.
    pub fn text_of(&self, leaf: Leaf) -> Arc<str> {
        let name = self.signals[self.signal_of(leaf)].name();
        match leaf {
            Leaf::Signal(_) => name.into(),
            Leaf::Window(window) => {
                let WindowSpec { function, over, .. } = self.windows[window];
                format!("{function}({name}, {})", display_duration(over)).into()
            }
        }
    }

    /// The schedule window that applies at `at`.
    pub fn open_window(&self, at: Timestamp) -> Option<&ScheduleWindow> {
        self.schedule.iter().find(|window| window.is_open(at))
    }

    /// The limits in force at `at`: an open schedule window may replace the target's own.
    pub fn limits_at(&self, at: Timestamp) -> Limits {
        self.open_window(at)
            .and_then(|window| window.limits)
            .unwrap_or(self.limits)
    }
}
