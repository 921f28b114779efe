//! Why a daemon did, or did not, scale, told from what it wrote down.
//!
//! A [`Timeline`] has what happened, in the order in which it happened; a [`Moment`] has everything
//! about one tick. Both can instead be about a policy that was not in force: it is asked at every
//! tick, while the cluster does what it really did.

mod moment;
mod text;
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
use crate::trace::{OutcomeRecord, Record, Start};
use crate::units::Timestamp;
pub use moment::{Moment, ReadingMoment, RuleMoment, SourceMoment, TargetMoment};
pub use timeline::{Entry, Timeline, What};
pub use when::When;

/// Which targets are told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetFilter {
    All,
    /// Position in the policy, from zero.
    Position(usize),
    /// Id or name of a group.
    Group(String),
}

impl TargetFilter {
    /// A number, from one, or a group.
    pub fn parse(text: &str) -> Self {
        let position = text
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        position.map_or_else(|| Self::Group(text.to_owned()), Self::Position)
    }

    fn admits(&self, decision: &Decision, observation: &Observation) -> bool {
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

/// Why there is nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{}: there are no observations in it; name a daemon's journal", path.display())]
    NoObservations { path: PathBuf },
    #[error("{}: there are observations, but no decisions; --policy FILE tells what that policy would have decided on them", path.display())]
    NoDecisions { path: PathBuf },
    #[error("nothing was decided about {wanted}; there is {known}")]
    NoTarget { wanted: TargetFilter, known: String },
    #[error("nothing was observed at {when} or before; the recording begins at {first}")]
    TooEarly { when: When, first: Timestamp },
}

/// What happened in a recording, from its beginning to its end. `shadow` is told about in place of
/// the policy that was in force. `on_record` is called after each record.
///
/// # Errors
/// When it cannot be read, or holds no decisions, or none about the target.
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

/// The last tick that is not later than `when`, with all that was known and thought then. `shadow`
/// and `on_record` as for [`timeline`].
///
/// # Errors
/// As [`timeline`]; and when the recording begins later.
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

/// Records put together.
enum Event {
    Start(Box<Start>),
    Tick(Box<Tick>),
}

/// One observation with all that followed from it.
#[derive(Clone, Debug)]
struct Tick {
    observation: Observation,
    decisions: Vec<Decision>,
    outcomes: Vec<OutcomeRecord>,
    /// The policy that decided; `None` when the recording does not hold it, or this version does
    /// not accept it.
    policy: Option<Arc<Policy>>,
    /// Nothing was to be carried out.
    is_hypothetical: bool,
}

impl Tick {
    fn outcome(&self, decision: &Decision) -> Option<Outcome> {
        self.outcomes
            .iter()
            .find(|answer| decision.group.as_ref() == Some(&answer.group))
            .map(|answer| answer.outcome)
    }
}

/// Reads a recording to its end and checks that something in it is admitted.
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
    let path = || reader.place().0.to_owned();
    match () {
        () if !has_ticks => Err(ExplainError::NoObservations { path: path() }),
        () if targets.is_empty() => Err(ExplainError::NoDecisions { path: path() }),
        () if !is_admitted => Err(ExplainError::NoTarget {
            wanted: filter.clone(),
            known: listed(&targets),
        }),
        () => Ok(()),
    }
}

fn listed(targets: &BTreeMap<usize, Option<GroupId>>) -> String {
    let one = |(position, group): (&usize, &Option<GroupId>)| {
        let group = group
            .as_ref()
            .map_or("no group".to_owned(), |group| format!("group {group}"));
        format!("target {} ({group})", position + 1)
    };
    targets.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Puts records together.
#[derive(Default)]
struct Ticks {
    policy: Option<Arc<Policy>>,
    is_dry_run: bool,
    tick: Option<Tick>,
}

impl Ticks {
    fn take(&mut self, record: Record, each: &mut impl FnMut(Event)) {
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

    fn end_tick(&mut self, each: &mut impl FnMut(Event)) {
        self.tick
            .take()
            .into_iter()
            .for_each(|tick| each(Event::Tick(Box::new(tick))));
    }
}

/// A policy that is asked and not obeyed.
struct Shadow {
    engine: Engine,
    policy: Arc<Policy>,
    /// What it decided last, where the recording does not say what was done instead.
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

    /// What the policy makes of a tick. It then takes what really happened for its own doing, so
    /// that it neither waits for a resize that was never sent, nor yields to one that it did not
    /// expect.
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
            .for_each(|decision| self.engine.recall(decision));
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

    /// Another size is taken for an accepted resize, as if it had been decided at the last tick.
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
            wanted: to,
            limited_by: None,
            protect: Vec::new(),
            prefer: Vec::new(),
        };
        self.engine.recall(&Decision {
            action: Action::Resize(resize),
            ..before.clone()
        });
        self.engine.note(id, Outcome::Accepted);
    }
}
