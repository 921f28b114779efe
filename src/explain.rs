//! Explains from a journal why a daemon scaled, or did not.
//!
//! A [`Timeline`] lists what happened in order; a [`Moment`] shows everything about one tick. Both
//! can also explain a policy that was not in force: its engine decides at every tick, on the sizes
//! that the cluster really had.

mod moment;
mod text;
mod ticks;
mod timeline;
mod when;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::decision::{Action, Cause, Decision, Outcome, Resize};
use crate::engine::Engine;
use crate::observation::{GroupId, Observation};
use crate::policy::Policy;
use crate::trace::journal::{TraceError, TraceReader};
use crate::units::Timestamp;
pub use moment::{Moment, ReadingMoment, RuleMoment, SourceMoment, TargetMoment};
pub use ticks::TargetFilter;
use ticks::{Event, Tick, Ticks};
pub use timeline::{Entry, Timeline, What};
pub use when::When;

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum ExplainError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{} has no observations; pass the journal of a daemon", path.display())]
    NoObservations { path: PathBuf },
    #[error("{} has observations, but no decisions; use --policy FILE to see what a policy would have decided", path.display())]
    NoDecisions { path: PathBuf },
    #[error("there are no decisions about {wanted}; the journal has {known}")]
    NoTarget { wanted: TargetFilter, known: String },
    #[error("there are no observations at or before {when}; the recording begins at {first}")]
    TooEarly { when: When, first: Timestamp },
}

/// Explains a recording from its beginning to its end. With `shadow`, explains that policy instead
/// of the one in force. Calls `on_record` after each record.
///
/// # Errors
/// When the recording cannot be read, or has no decisions about the targets of the filter.
pub fn timeline(
    reader: &mut TraceReader,
    shadow: Option<Policy>,
    filter: &TargetFilter,
    on_record: impl FnMut(),
) -> Result<Timeline, ExplainError> {
    let mut builder = timeline::Builder::new(shadow.as_ref(), filter);
    read(reader, shadow, filter, on_record, |event| {
        builder.take(event)
    })?;
    Ok(builder.finish())
}

/// Explains the last tick at or before `when`. `shadow` and `on_record` as for [`timeline`].
///
/// # Errors
/// As [`timeline`], and when the recording begins after `when`.
pub fn moment(
    reader: &mut TraceReader,
    shadow: Option<Policy>,
    filter: &TargetFilter,
    when: When,
    on_record: impl FnMut(),
) -> Result<Moment, ExplainError> {
    let mut choice = when::Choice::new(when);
    let mut first = None;
    read(reader, shadow, filter, on_record, |event| {
        if let Event::Tick(tick) = event {
            let at = tick.observation.at;
            first.get_or_insert(at);
            choice.offer(at, tick);
        }
    })?;
    let tick = choice.made().ok_or(ExplainError::TooEarly {
        when,
        first: first.unwrap_or_default(),
    })?;
    Ok(Moment::of(&tick, filter))
}

/// Reads a recording to its end, and fails if the filter admits none of its decisions.
fn read(
    reader: &mut TraceReader,
    shadow: Option<Policy>,
    filter: &TargetFilter,
    mut on_record: impl FnMut(),
    mut each: impl FnMut(Event),
) -> Result<(), ExplainError> {
    let mut shadow = shadow.map(Shadow::new);
    let mut targets: BTreeMap<usize, Option<GroupId>> = BTreeMap::new();
    let (mut has_ticks, mut is_admitted) = (false, false);
    let mut pass_on = |event: Event| {
        let event = match (event, &mut shadow) {
            (Event::Tick(tick), Some(shadow)) => Event::Tick(Box::new(shadow.ask(*tick))),
            (Event::Start(_), Some(_)) => return,
            (event, _) => event,
        };
        if let Event::Tick(tick) = &event {
            has_ticks = true;
            for decision in &tick.decisions {
                let group = targets.entry(decision.target).or_default();
                *group = decision.group.clone().or(group.take());
                is_admitted |= filter.admits(decision, &tick.observation);
            }
        }
        each(event);
    };
    let mut ticks = Ticks::default();
    for record in reader.by_ref() {
        ticks.take(record?, &mut pass_on);
        on_record();
    }
    ticks.end_tick(&mut pass_on);
    let path = reader.place().0.to_owned();
    if !has_ticks {
        return Err(ExplainError::NoObservations { path });
    }
    if targets.is_empty() {
        return Err(ExplainError::NoDecisions { path });
    }
    if !is_admitted {
        return Err(ExplainError::NoTarget {
            wanted: filter.clone(),
            known: listed(&targets),
        });
    }
    Ok(())
}

fn listed(targets: &BTreeMap<usize, Option<GroupId>>) -> String {
    let mut names = Vec::new();
    for (position, group) in targets {
        let number = position + 1;
        names.push(match group {
            Some(group) => format!("target {number} (group {group})"),
            None => format!("target {number} (no group)"),
        });
    }
    names.join(", ")
}

/// A policy that decides at every tick, but whose decisions are not carried out.
struct Shadow {
    engine: Engine,
    policy: Arc<Policy>,
    /// Its last decisions, when the recording has none of its own to follow instead.
    unfollowed: Vec<Decision>,
}

impl Shadow {
    fn new(policy: Policy) -> Self {
        Self {
            engine: Engine::new(policy.clone()),
            policy: Arc::new(policy),
            unfollowed: Vec::new(),
        }
    }

    /// Decides on a tick, then makes the engine believe that the recorded decisions were its own. So it
    /// neither waits for a resize that was never sent, nor yields to one that it did not expect.
    fn ask(&mut self, tick: Tick) -> Tick {
        for before in std::mem::take(&mut self.unfollowed) {
            self.follow(&before, &tick.observation);
        }
        let decisions = self.engine.step(&tick.observation);
        if tick.decisions.is_empty() {
            self.unfollowed.clone_from(&decisions);
        }
        tick.decisions
            .iter()
            .for_each(|decision| self.engine.apply_recorded(decision));
        tick.outcomes
            .iter()
            .for_each(|answer| self.engine.note(&answer.group, answer.outcome));
        Tick {
            decisions,
            outcomes: Vec::new(),
            policy: Some(self.policy.clone()),
            is_hypothetical: true,
            ..tick
        }
    }

    /// Makes the engine take a change of size for its own resize, decided at the last tick.
    fn follow(&mut self, before: &Decision, now: &Observation) {
        let Some(id) = &before.group else { return };
        let from = before.requested;
        let to = now
            .cluster
            .value
            .groups
            .iter()
            .find(|group| group.id == *id)
            .map_or(from, |group| group.requested);
        if from == to {
            if matches!(before.action, Action::Resize(_)) {
                self.engine.note(id, Outcome::NotSent);
            }
            return;
        }
        let because = if to > from {
            Cause::BelowMinimum
        } else {
            Cause::AboveMaximum
        };
        let resize = Resize {
            from,
            to,
            because,
            desired: to,
            limited_by: None,
            percent_cap: None,
            protect: Vec::new(),
            prefer: Vec::new(),
            application_masters_at_risk: 0,
            nodes_unknown: false,
        };
        self.engine.apply_recorded(&Decision {
            action: Action::Resize(resize),
            ..before.clone()
        });
        self.engine.note(id, Outcome::Accepted);
    }
}
