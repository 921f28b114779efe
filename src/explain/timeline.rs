//! The timeline of a recording. Consecutive ticks with the same decision are one entry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::ticks::{Event, TargetFilter, Tick};
use super::words;
use crate::decision::{Action, Cause, Decision, HoldReason, Outcome, Reading, Resize, RunsAgain};
use crate::observation::{Direction, GroupId, RuleName};
use crate::policy::{DEFAULT_POLL, Policy};
use crate::trace::Start;
use crate::units::{Instances, Timestamp};

/// What happened in a recording, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// The id of the cluster; absent when the recording does not contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The name of the policy that the timeline is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whether the policy was not in force.
    pub is_shadow: bool,
    /// The first tick.
    pub first: Timestamp,
    /// The last tick.
    pub last: Timestamp,
    /// The number of ticks.
    pub ticks: u64,
    /// The entries, ordered by their beginning.
    pub entries: Vec<Entry>,
}

/// An event, or a stretch of ticks with the same decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its first tick.
    pub from: Timestamp,
    /// Its last tick.
    pub to: Timestamp,
    /// The number of its ticks.
    pub ticks: u64,
    /// Position of the target in its policy, from zero; absent for events that concern all targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<usize>,
    /// The target's group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What an entry of a timeline is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A daemon started.
    Started {
        /// The version of Headroom.
        headroom: String,
        /// The file of its policy.
        policy_file: String,
        /// Whether decisions were only recorded, not carried out.
        dry_run: bool,
        /// Whether the recording has an earlier start.
        again: bool,
        /// Whether its policy differs from that of the earlier start.
        policy_changed: bool,
    },
    /// No tick for more than three polls.
    Silence,
    /// The target was held.
    Held {
        /// The size at which it was held.
        at: Instances,
        /// Why it was held.
        reason: HoldReason,
    },
    /// A resize was decided.
    Resized {
        /// The resize.
        resize: Resize,
        /// The values that its rule read.
        readings: Vec<Reading>,
        /// The readings with units, for text output.
        #[serde(skip)]
        readings_text: Vec<String>,
        /// Whether EMR accepted the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
        /// When the requested size was reached.
        #[serde(skip_serializing_if = "Option::is_none")]
        complete_at: Option<Timestamp>,
        /// Whether it was never to be carried out.
        hypothetical: bool,
    },
    /// Stages ran again after a scale-in.
    RunsAgain {
        /// Which, and since when.
        again: RunsAgain,
    },
    /// The requested size changed without a resize of this daemon.
    Changed {
        /// The size before.
        from: Instances,
        /// The size after.
        to: Instances,
    },
}

/// Builds a [`Timeline`] event by event.
pub(super) struct Builder<'a> {
    timeline: Timeline,
    filter: &'a TargetFilter,
    targets: BTreeMap<usize, Progress>,
    last_at: Option<Timestamp>,
    poll: Duration,
    running_policy: Option<String>,
}

/// What is known of one target so far.
#[derive(Default)]
struct Progress {
    /// The entry that the next tick may extend.
    entry: Option<usize>,
    /// The resize that is not complete: its entry, size and direction.
    resize: Option<(usize, Instances, Direction)>,
    requested: Option<Instances>,
    /// The size that this daemon requested and EMR has not reported yet.
    asked: Option<Instances>,
}

impl<'a> Builder<'a> {
    pub fn new(shadow: Option<&Policy>, filter: &'a TargetFilter) -> Self {
        let timeline = Timeline {
            is_shadow: shadow.is_some(),
            policy: shadow.map(|policy| policy.name().to_owned()),
            ..Timeline::default()
        };
        let poll = shadow.map_or(DEFAULT_POLL, Policy::poll);
        Self {
            timeline,
            filter,
            targets: BTreeMap::new(),
            last_at: None,
            poll,
            running_policy: None,
        }
    }

    pub fn take(&mut self, event: Event) {
        match event {
            Event::Start(start) => self.start(*start),
            Event::Tick(tick) => self.tick(&tick),
        }
    }

    pub fn finish(mut self) -> Timeline {
        // A silence is noticed when it ends, and a daemon that starts again ends one.
        self.timeline.entries.sort_by_key(|entry| entry.from);
        self.timeline
    }

    /// A start that has state and the same policy only begins the next file of the journal.
    fn start(&mut self, start: Start) {
        let again = self.running_policy.is_some();
        let policy_changed = self
            .running_policy
            .as_ref()
            .is_some_and(|text| *text != start.policy.text);
        let is_only_another_file = again && !policy_changed && start.state.is_some();
        self.timeline.cluster = Some(start.cluster);
        if let Ok(policy) = start.policy.parse() {
            self.poll = policy.poll();
            self.timeline.policy = Some(policy.name().to_owned());
        }
        self.running_policy = Some(start.policy.text);
        if is_only_another_file {
            return;
        }
        self.targets
            .values_mut()
            .for_each(|progress| progress.entry = None);
        let (headroom, policy_file, dry_run) = (start.headroom, start.policy.file, start.dry_run);
        let what = What::Started {
            headroom,
            policy_file,
            dry_run,
            again,
            policy_changed,
        };
        self.push(start.at, None, what);
    }

    fn tick(&mut self, tick: &Tick) {
        let at = tick.observation.at;
        if self.timeline.ticks == 0 {
            self.timeline.first = at;
        }
        if let Some(last) = self
            .last_at
            .replace(at)
            .filter(|last| at.since(*last) > self.poll * 3)
        {
            self.targets
                .values_mut()
                .for_each(|progress| progress.entry = None);
            let silence = self.push(last, None, What::Silence);
            self.timeline.entries[silence].to = at;
        }
        self.timeline.ticks += 1;
        self.timeline.last = at;
        for decision in tick
            .decisions
            .iter()
            .filter(|decision| self.filter.admits(decision, &tick.observation))
        {
            self.decision(tick, decision);
        }
    }

    fn decision(&mut self, tick: &Tick, decision: &Decision) {
        let mut progress = self.targets.remove(&decision.target).unwrap_or_default();
        if decision.group.is_some() {
            self.follow(&mut progress, decision);
        }
        if let Some(again) = &decision.runs_again {
            let again = (**again).clone();
            self.push(decision.at, Some(decision), What::RunsAgain { again });
        }
        let goes_on = progress
            .entry
            .filter(|entry| is_same(&self.timeline.entries[*entry].what, decision, tick));
        if let Some(entry) = goes_on {
            let entry = &mut self.timeline.entries[entry];
            (entry.to, entry.ticks) = (decision.at, entry.ticks + 1);
        } else {
            let what = entry_of(tick, decision);
            let entry = self.push(decision.at, Some(decision), what);
            progress.entry = Some(entry);
            if let (Action::Resize(resize), false) = (&decision.action, tick.is_hypothetical)
                && !matches!(
                    tick.outcome(decision),
                    Some(Outcome::Rejected(_) | Outcome::NotSent)
                )
            {
                progress.resize = Some((entry, resize.to, resize.direction()));
                progress.asked = Some(resize.to);
            }
        }
        self.targets.insert(decision.target, progress);
    }

    /// Follows the sizes that EMR reports.
    fn follow(&mut self, progress: &mut Progress, decision: &Decision) {
        let before = progress.requested.replace(decision.requested);
        let is_ours = progress
            .asked
            .take_if(|asked| *asked == decision.requested)
            .is_some();
        if let Some(from) = before.filter(|before| *before != decision.requested && !is_ours) {
            self.push(
                decision.at,
                Some(decision),
                What::Changed {
                    from,
                    to: decision.requested,
                },
            );
            (progress.entry, progress.resize, progress.asked) = (None, None, None);
        }
        let is_complete = |(_, to, direction): &mut (usize, Instances, Direction)| match direction {
            _ if decision.requested != *to => false,
            Direction::Out => decision.running >= *to,
            Direction::In => decision.running <= *to,
        };
        if let Some((entry, ..)) = progress.resize.take_if(is_complete)
            && let What::Resized { complete_at, .. } = &mut self.timeline.entries[entry].what
        {
            *complete_at = Some(decision.at);
        }
    }

    fn push(&mut self, at: Timestamp, decision: Option<&Decision>, what: What) -> usize {
        let (target, group) = (
            decision.map(|decision| decision.target),
            decision.and_then(|decision| decision.group.clone()),
        );
        self.timeline.entries.push(Entry {
            from: at,
            to: at,
            ticks: 1,
            target,
            group,
            what,
        });
        self.timeline.entries.len() - 1
    }
}

fn entry_of(tick: &Tick, decision: &Decision) -> What {
    match &decision.action {
        Action::Hold(reason) => What::Held {
            at: decision.requested,
            reason: reason.clone(),
        },
        Action::Resize(resize) => {
            let (readings, readings_text) = match &resize.because {
                Cause::Rule(rule) => readings(tick, decision, rule),
                Cause::Demand => (
                    Vec::new(),
                    decision.demand.iter().map(ToString::to_string).collect(),
                ),
                Cause::BelowMinimum | Cause::AboveMaximum => Default::default(),
            };
            let outcome = tick.outcome(decision);
            What::Resized {
                resize: resize.clone(),
                readings,
                readings_text,
                outcome,
                complete_at: None,
                hypothetical: tick.is_hypothetical || outcome == Some(Outcome::NotSent),
            }
        }
    }
}

/// The values that a rule read, plain and with units. Without the policy, all values that were read
/// for the target.
fn readings(tick: &Tick, decision: &Decision, rule: &RuleName) -> (Vec<Reading>, Vec<String>) {
    let target = tick
        .policy
        .as_ref()
        .and_then(|policy| Some((policy, policy.targets().get(decision.target)?)));
    let rule = target.and_then(|(policy, target)| {
        Some((
            policy,
            target,
            target
                .rules
                .iter()
                .find(|candidate| candidate.name == *rule)?,
        ))
    });
    let Some((policy, target, rule)) = rule else {
        let texts = decision
            .readings
            .iter()
            .map(|reading| format!("{} = {}", reading.signal, reading.value));
        return (decision.readings.clone(), texts.collect());
    };
    let read = target.leaves(rule).into_iter().filter_map(|leaf| {
        let text = target.text_of(leaf);
        let reading = decision
            .readings
            .iter()
            .find(|reading| reading.signal == text)?;
        let shown = format!(
            "{text} = {}",
            words::quantity(reading.value, words::unit_of(policy, target, leaf))
        );
        Some((reading.clone(), shown))
    });
    read.unzip()
}

/// Whether this decision extends an entry: it is a hold for the same reason, or a resize of a dry run
/// or shadow policy that is decided again because it was not carried out.
fn is_same(what: &What, decision: &Decision, tick: &Tick) -> bool {
    match (what, &decision.action) {
        (What::Held { at, reason }, Action::Hold(now)) => {
            *at == decision.requested && reason == now
        }
        (
            What::Resized {
                resize,
                hypothetical: true,
                ..
            },
            Action::Resize(now),
        ) => {
            let is_hypothetical =
                tick.is_hypothetical || tick.outcome(decision) == Some(Outcome::NotSent);
            is_hypothetical
                && (resize.from, resize.to, &resize.because) == (now.from, now.to, &now.because)
        }
        _ => false,
    }
}
