//! A second engine for rules, written from the documentation, that decides beside the real one. Any difference is a
//! fault of the engine, of the documentation, or of this reading of it.
//!
//! It decides about generated policies and moments here, and about every storm with its own policy
//! (`src/rehearsal/storm.rs`).
//!
//! It is naive: at each observation it starts from the whole history, and keeps nothing else. It covers policies
//! with rules for one or two instance groups: which samples count, three-valued conditions, windows, `for` timers,
//! `grow`, `shrink` and `set`, limits, `step`, `budget`, `flips`, `reversal`, `stabilization`, `cooldown`, pauses,
//! leadership, yielding, resizes in flight, rejected and unanswered calls, application masters and missing lists of
//! nodes, with and without YARN. For each target it compares the action, its rule and sizes, the reason to hold, and
//! the state of each rule. It leaves out `demand`, `track`, fleets, core groups (HDFS), schedules, shuffle output,
//! instances that are not listed, scale-outs that fail, and clocks that go back.
//!
//! Where the documentation is silent, the reference does as the engine does, and says so at its place. What
//! it found is in [`found`].

mod caps;
mod conditions;
mod decide;
mod found;
mod history;
mod policies;
pub(crate) mod recording;
mod timers;
mod world;

use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::policy::condition::Leaf;
use conditions::Value;
use decide::{Judged, Verdict};
use history::View;
use world::{IDS, Moment, World};

/// An observation with what followed from it.
struct Tick {
    observation: Observation,
    /// What the observation has of each target's signals.
    samples: Vec<Vec<Option<Sampled<f64>>>>,
    /// What each target's rules read, as far as it is known at this observation.
    values: Vec<Vec<(Leaf, Option<Value>)>>,
    /// By target; empty until it is decided.
    judged: Vec<Judged>,
    outcomes: [Option<Outcome>; 2],
}

impl Tick {
    /// From, to and cause of the resize of a target, if one was decided.
    fn resize_of(&self, index: usize) -> Option<(u32, u32, Cause)> {
        match &self.judged.get(index)?.verdict {
            Verdict::Resize { from, to, because } => Some((*from, *to, because.clone())),
            Verdict::Hold(_) => None,
        }
    }
}

/// The reference: a policy and all that has happened.
struct Reference {
    policy: Policy,
    ticks: Vec<Tick>,
}

impl Reference {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            ticks: Vec::new(),
        }
    }

    /// Decides about every target, from the whole history.
    fn step(&mut self, observation: &Observation) -> &[Judged] {
        self.ticks.push(Tick {
            observation: observation.clone(),
            samples: Vec::new(),
            values: Vec::new(),
            judged: Vec::new(),
            outcomes: [None, None],
        });
        let targets = 0..self.policy.targets().len();
        let samples = targets
            .clone()
            .map(|index| self.view(index).read())
            .collect();
        self.last().samples = samples;
        let values = targets
            .clone()
            .map(|index| self.view(index).evaluate())
            .collect();
        self.last().values = values;
        let judged = targets.map(|index| self.view(index).judge()).collect();
        let last = self.last();
        last.judged = judged;
        &last.judged
    }

    fn last(&mut self) -> &mut Tick {
        self.ticks.last_mut().expect("something was observed")
    }

    fn view(&self, index: usize) -> View<'_> {
        View {
            policy: &self.policy,
            target: &self.policy.targets()[index],
            index,
            ticks: &self.ticks,
        }
    }

    fn note(&mut self, index: usize, outcome: Option<Outcome>) {
        self.last().outcomes[index] = outcome;
    }
}

/// How a decision differs from what the reference says; `None` if it does not.
fn difference(judged: &Judged, decision: &Decision) -> Option<String> {
    let is_same = match (&judged.verdict, &decision.action) {
        (Verdict::Resize { from, to, because }, Action::Resize(resize)) => {
            (*from, *to, because) == (resize.from.get(), resize.to.get(), &resize.because)
        }
        (Verdict::Hold(reasons), Action::Hold(reason)) => reasons.contains(reason.label()),
        _ => false,
    };
    let rules: Vec<RuleState> = decision.rules.iter().map(|report| report.state).collect();
    if is_same && judged.rules == rules {
        return None;
    }
    let mut text = format!("engine: {decision}\nreference: {:?}\n", judged.verdict);
    if judged.rules != rules {
        for (number, (ours, theirs)) in judged.rules.iter().zip(&rules).enumerate() {
            let mark = if ours == theirs { "" } else { "   <- differs" };
            let _ = writeln!(
                text,
                "  r{number}: engine {theirs:?}, reference {ours:?}{mark}"
            );
        }
    }
    Some(text)
}

/// One line about an observation, for a failure.
fn line(observation: &Observation) -> String {
    let mut text = format!("{}", observation.at);
    let second = |at: Timestamp| at.as_millis() / 1_000;
    match &observation.yarn {
        Some(yarn) => {
            let (percent, pending) = (
                yarn.value.memory_available.get() / 1_000,
                yarn.value.containers_pending,
            );
            let _ = write!(
                text,
                " yarn {percent}% pending {pending} @{}",
                second(yarn.measured_at)
            );
        }
        None => text.push_str(" no yarn"),
    }
    for (id, sample) in &observation.metrics {
        let _ = write!(
            text,
            " {id}={} @{}",
            sample.value,
            second(sample.measured_at)
        );
    }
    let cluster = &observation.cluster;
    let _ = write!(
        text,
        " {} @{}",
        cluster.value.state,
        second(cluster.measured_at)
    );
    for group in cluster.value.groups.iter().skip(1) {
        let _ = write!(
            text,
            " {} {}/{} {}",
            group.id, group.running, group.requested, group.state
        );
        if group.scaled_by_amazon {
            text.push_str(" amazon");
        }
    }
    if let Some(nodes) = &observation.nodes {
        let masters = nodes
            .value
            .0
            .iter()
            .filter(|node| node.has_application_master);
        let groups: Vec<&str> = masters.map(|node| node.group.as_str()).collect();
        let _ = write!(text, " nodes listed, masters in {groups:?}");
    }
    if !observation.control.leader {
        text.push_str(" standby");
    }
    if let Some(pause) = observation.control.pause {
        let _ = write!(
            text,
            " paused {:?} until {}",
            pause.direction,
            second(pause.until)
        );
    }
    text
}

/// Plays the moments; the first difference is an error that tells the whole story.
fn compare(
    yaml: &str,
    sizes: [u32; 2],
    lists_nodes: bool,
    moments: &[Moment],
) -> Result<(), TestCaseError> {
    let policy = parsed(yaml);
    let mut engine = Engine::new(policy.clone());
    let mut reference = Reference::new(policy);
    let mut world = World::new(sizes, lists_nodes);
    let mut story = String::new();
    for moment in moments {
        let observation = world.observe(moment);
        let _ = writeln!(story, "{}", line(&observation));
        let decisions = engine.step(&observation);
        let judged = reference.step(&observation).to_vec();
        for (decision, judged) in decisions.iter().zip(&judged) {
            if let Some(difference) = difference(judged, decision) {
                return Err(TestCaseError::fail(format!(
                    "\n{yaml}\n{story}\n{difference}"
                )));
            }
        }
        for (index, decision) in decisions.iter().enumerate() {
            let Action::Resize(resize) = &decision.action else {
                continue;
            };
            let outcome = world.answer(index, resize.to, moment);
            let _ = writeln!(story, "    {decision}; answer {outcome:?}");
            if let Some(outcome) = outcome {
                engine.note(&GroupId::new(IDS[index]), outcome);
            }
            reference.note(index, outcome);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(500)))]

    #[test]
    fn the_engine_decides_as_the_documentation_says(
        policy in policies::policies(),
        sizes in [0_u32..=22, 0_u32..=22],
        lists_nodes in any::<bool>(),
        moments in world::moments(),
    ) {
        compare(&policy.yaml(), sizes, lists_nodes, &moments)?;
    }
}
