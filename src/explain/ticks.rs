//! Puts the records of a journal together to ticks, and picks the decisions to explain.

use std::sync::Arc;

use crate::decision::{Decision, Outcome};
use crate::observation::Observation;
use crate::policy::Policy;
use crate::trace::{OutcomeRecord, Record, Start};

/// Which targets to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetFilter {
    /// Every target.
    All,
    /// The target at this position in the policy, from zero.
    Position(usize),
    /// The target of the group with this id or name.
    Group(String),
}

impl TargetFilter {
    /// Parses the number of a target, counted from one, or the id or name of a group.
    pub fn parse(text: &str) -> Self {
        let position = text
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        position.map_or_else(|| Self::Group(text.to_owned()), Self::Position)
    }

    /// Whether to explain this decision.
    pub(super) fn admits(&self, decision: &Decision, observation: &Observation) -> bool {
        match self {
            Self::All => true,
            Self::Position(position) => decision.target == *position,
            Self::Group(text) => decision.group.as_ref().is_some_and(|id| {
                let group = observation
                    .cluster
                    .value
                    .groups
                    .iter()
                    .find(|group| group.id == *id);
                id.as_str() == text
                    || group.is_some_and(|group| group.name.as_deref() == Some(text))
            }),
        }
    }
}

impl std::fmt::Display for TargetFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("any target"),
            Self::Position(position) => write!(f, "target {}", position + 1),
            Self::Group(text) => write!(f, "a target with the group {text}"),
        }
    }
}

/// A group of records that belong together.
pub(super) enum Event {
    Start(Box<Start>),
    Tick(Box<Tick>),
}

/// An observation with the decisions and outcomes that followed.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub observation: Observation,
    pub decisions: Vec<Decision>,
    pub outcomes: Vec<OutcomeRecord>,
    /// The policy that decided; `None` when the recording does not contain it, or this version of
    /// Headroom does not accept it.
    pub policy: Option<Arc<Policy>>,
    /// The decisions were never to be carried out: a dry run, or a shadow policy.
    pub is_hypothetical: bool,
}

impl Tick {
    /// The outcome of a decision of this tick.
    pub fn outcome(&self, decision: &Decision) -> Option<Outcome> {
        self.outcomes
            .iter()
            .find(|answer| decision.group.as_ref() == Some(&answer.group))
            .map(|answer| answer.outcome)
    }
}

/// Groups records into events.
#[derive(Default)]
pub(super) struct Ticks {
    policy: Option<Arc<Policy>>,
    is_dry_run: bool,
    tick: Option<Tick>,
}

impl Ticks {
    /// Adds a record; calls `each` for every event that is complete.
    pub fn take(&mut self, record: Record, each: &mut impl FnMut(Event)) {
        match (record, &mut self.tick) {
            (Record::Observation(observation), _) => {
                self.end_tick(each);
                self.tick = Some(Tick {
                    observation: *observation,
                    decisions: Vec::new(),
                    outcomes: Vec::new(),
                    policy: self.policy.clone(),
                    is_hypothetical: self.is_dry_run,
                });
            }
            (Record::Start(start), _) => {
                self.end_tick(each);
                self.policy = start.policy.parse().ok().map(Arc::new);
                self.is_dry_run = start.dry_run;
                each(Event::Start(start));
            }
            (Record::Decision(decision), Some(tick)) => tick.decisions.push(*decision),
            (Record::Outcome(outcome), Some(tick)) => tick.outcomes.push(outcome),
            (Record::Decision(_) | Record::Outcome(_) | Record::Job(_), _) => {}
        }
    }

    /// Ends the last tick.
    pub fn end_tick(&mut self, each: &mut impl FnMut(Event)) {
        if let Some(tick) = self.tick.take() {
            each(Event::Tick(Box::new(tick)));
        }
    }
}
