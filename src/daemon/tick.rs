//! The loop: observe, decide, write the journal, act, write the outcome. One tick at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::daemon::act::{Actuator, Answer, Order};
use crate::daemon::clock::{Clock, Stopwatch};
use crate::daemon::journal::{Journal, JournalError, Upkeep};
use crate::daemon::observe::{Observed, Observer};
use crate::daemon::sources::call::Call;
use crate::daemon::sources::failure_log::{FailureEvent, FailureLog};
use crate::daemon::state_dir::StateDir;
use crate::daemon::telemetry::cost::CostMeter;
use crate::daemon::telemetry::monitor::Monitor;
use crate::daemon::telemetry::report::{
    Phases, ResizeAnswer, ShadowReport, Source, SourceReport, TickReport,
};
use crate::daemon::trouble_log::TroubleLog;
use crate::decision::{Action, Decision, Outcome, Resize};
use crate::engine::Engine;
use crate::observation::{GroupId, Observation};
use crate::trace::{OutcomeRecord, Record};
use crate::units::{Timestamp, display_duration};

/// The least time between the beginnings of two ticks.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// A daemon that has passed its self-test.
#[derive(Debug)]
pub struct Daemon {
    pub(super) clock: Clock,
    pub(super) state_dir: StateDir,
    pub(super) observer: Observer,
    pub(super) engine: Engine,
    pub(super) shadows: Vec<Shadow>,
    pub(super) journal: Journal,
    pub(super) actuator: Actuator,
    pub(super) cost: CostMeter,
    pub(super) monitor: Arc<Monitor>,
    pub(super) failures: BTreeMap<Source, FailureLog>,
    pub(super) troubles: TroubleLog,
    /// Whether an observation was made since the start.
    pub(super) has_observed: bool,
}

/// A policy that is evaluated with every observation, and cannot act.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// Unique among the shadows.
    pub name: String,
    /// Its engine, which follows what the acting policy did.
    pub engine: Engine,
}

/// Why a tick made no decision. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// There is no description of the cluster to decide on.
    #[error("EMR has not described the cluster yet: {0}")]
    NeverDescribed(String),
    /// The decisions could not be made durable.
    #[error("no decision was made, because the journal cannot be written: {0}")]
    Journal(#[from] JournalError),
}

impl Shadow {
    /// Returns what this policy would do. Its engine then learns what really happened instead;
    /// otherwise every resize by the acting policy would look like an operator's.
    pub fn tick(
        &mut self,
        observation: &Observation,
        decided: &[Decision],
        answers: &[ResizeAnswer],
    ) -> Vec<Decision> {
        let own = self.engine.step(observation);
        for (group, _) in resizes(&own).filter(|(group, _)| {
            decided
                .iter()
                .all(|decision| decision.group.as_ref() != Some(*group))
        }) {
            self.engine.note(group, Outcome::NotSent);
        }
        decided
            .iter()
            .for_each(|decision| self.engine.apply_recorded(decision));
        answers
            .iter()
            .for_each(|answer| self.engine.note(&answer.group, answer.outcome));
        own
    }
}

impl Daemon {
    /// The state that the HTTP server shows.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// Ticks until `shutdown` is ready. A tick that has begun to decide is finished first; one that
    /// is still observing is cancelled.
    ///
    /// # Errors
    /// When the end of the journal cannot be made durable. Errors of a single tick are logged, and
    /// the next tick tries again.
    pub async fn run(
        mut self,
        shutdown: impl Future<Output = ()>,
        mut on_tick: impl FnMut(&TickReport),
    ) -> Result<(), JournalError> {
        tokio::pin!(shutdown);
        loop {
            let begun = self.clock.now();
            let ticked = tokio::select! {
                biased;
                () = &mut shutdown => break,
                (observed, took) = self.observe() => self.tick(observed, took).await,
            };
            let wake_at = match ticked {
                Ok(report) => {
                    on_tick(&report);
                    report.next_wakeup.0
                }
                Err(error) => {
                    tracing::error!(%error, "the tick failed; the next one tries again");
                    begun + self.engine.policy().poll()
                }
            };
            // A clock that was set back since the tick began must not put the next one off.
            let latest = self.clock.now() + self.engine.policy().poll();
            let wake_at = wake_at.max(begun + SHORTEST_WAIT).min(latest);
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = self.clock.sleep_until(wake_at) => {}
            }
        }
        self.journal.sync()
    }

    /// Runs one tick now.
    ///
    /// # Errors
    /// When no decision could be made; nothing has then been changed.
    pub async fn once(&mut self) -> Result<TickReport, TickError> {
        let (observed, took) = self.observe().await;
        self.tick(observed, took).await
    }

    /// Reads all sources; returns how long that took, too.
    async fn observe(&mut self) -> (Observed, Duration) {
        self.monitor.tick_begins();
        let watch = Stopwatch::start();
        let caution = self.engine.policy().poll() * 3;
        let shadows = self.shadows.iter().map(|shadow| &shadow.engine);
        let asks_for_output = shadows.chain([&self.engine]).any(Engine::asks_for_output);
        let state_dir = &self.state_dir;
        let mut observed = self
            .observer
            .observe(&self.clock, asks_for_output, |now| {
                state_dir.pause(now, caution)
            })
            .await;
        if let Some(observation) = &mut observed.observation {
            observation.control.is_first = !self.has_observed;
            self.has_observed = true;
        }
        (observed, watch.elapsed())
    }

    async fn tick(&mut self, observed: Observed, took: Duration) -> Result<TickReport, TickError> {
        match self.decide_and_act(observed, took).await {
            Ok(report) => {
                log(&report);
                self.troubles.tick(&report.observation.cluster.value.groups);
                self.log_failures(report.observation.at, &report.sources);
                self.monitor.tick_ended(&report);
                Ok(report)
            }
            Err(error) => {
                self.monitor.tick_failed(&error.to_string());
                Err(error)
            }
        }
    }

    async fn decide_and_act(
        &mut self,
        Observed {
            observation,
            sources,
            mut calls,
        }: Observed,
        observe: Duration,
    ) -> Result<TickReport, TickError> {
        let Some(observation) = observation else {
            let problem = sources
                .iter()
                .find_map(|source| source.error.as_ref())
                .map(ToString::to_string);
            return Err(TickError::NeverDescribed(problem.unwrap_or_default()));
        };
        if let Some(upkeep) = self.journal.prepare(observation.at, &self.engine)? {
            run_in_background(upkeep);
        }
        let watch = Stopwatch::start();
        let decisions = self.engine.step(&observation);
        let decide = watch.elapsed();

        let watch = Stopwatch::start();
        if let Err(error) = self.write_decisions(&observation, &decisions) {
            resizes(&decisions).for_each(|(group, _)| self.engine.note(group, Outcome::NotSent));
            return Err(error.into());
        }
        let mut journal = watch.elapsed();

        let watch = Stopwatch::start();
        let answers = self.act(&observation, &decisions, &mut calls).await;
        let act = watch.elapsed();

        let watch = Stopwatch::start();
        self.write_outcomes(&answers);
        journal += watch.elapsed();

        let shadows = self.tick_shadows(&observation, &decisions, &answers);
        let cost = self.cost.tick(
            observation.at,
            &observation.cluster.value.groups,
            self.observer.emr().hosts(),
        );
        let took = Phases {
            observe,
            decide,
            journal,
            act,
        };
        let next_wakeup = self.engine.next_wakeup();
        Ok(TickReport {
            observation,
            decisions,
            answers,
            shadows,
            sources,
            calls,
            took,
            next_wakeup,
            cost,
            journal_bytes: self.journal.bytes(),
        })
    }

    fn tick_shadows(
        &mut self,
        observation: &Observation,
        decisions: &[Decision],
        answers: &[ResizeAnswer],
    ) -> Vec<ShadowReport> {
        let reports = self.shadows.iter_mut().map(|shadow| ShadowReport {
            policy: shadow.name.clone(),
            decisions: shadow.tick(observation, decisions, answers),
        });
        reports.collect()
    }

    /// Makes the decisions durable, which they must be before they are carried out.
    fn write_decisions(
        &mut self,
        observation: &Observation,
        decisions: &[Decision],
    ) -> Result<(), JournalError> {
        self.journal
            .append(&Record::Observation(Box::new(observation.clone())))?;
        for decision in decisions {
            self.journal
                .append(&Record::Decision(Box::new(decision.clone())))?;
        }
        self.journal.sync()
    }

    async fn act(
        &mut self,
        observation: &Observation,
        decisions: &[Decision],
        calls: &mut Vec<Call>,
    ) -> Vec<ResizeAnswer> {
        let mut answers = Vec::new();
        for decision in decisions {
            let Some(order) = self.order(observation, decision) else {
                continue;
            };
            let group = &order.group.id;
            let Answer {
                outcome,
                message,
                call,
            } = self.actuator.resize(order).await;
            self.engine.note(group, outcome);
            calls.extend(call);
            answers.push(ResizeAnswer {
                group: group.clone(),
                outcome,
                message,
            });
        }
        answers
    }

    fn order<'a>(&self, observation: &'a Observation, decision: &'a Decision) -> Option<Order<'a>> {
        let Action::Resize(resize) = &decision.action else {
            return None;
        };
        let cluster = &observation.cluster;
        let group = cluster
            .value
            .groups
            .iter()
            .find(|status| decision.group.as_ref() == Some(&status.id))?;
        let provision_timeout = self
            .engine
            .policy()
            .targets()
            .get(decision.target)?
            .guards
            .provision_timeout;
        Some(Order {
            cluster,
            group,
            resize,
            provision_timeout,
        })
    }

    fn log_failures(&mut self, at: Timestamp, sources: &[SourceReport]) {
        for SourceReport { source, error, .. } in sources {
            let event = self
                .failures
                .entry(*source)
                .or_default()
                .note(at, error.as_ref());
            let source = source.label();
            match event {
                Some(FailureEvent::Failing(error)) => {
                    tracing::warn!(source, kind = error.label(), "{error}")
                }
                Some(FailureEvent::Recovered { after }) => {
                    tracing::info!(source, "recovered after {}", display_duration(after))
                }
                None => {}
            }
        }
    }

    /// Writes what became of the resizes. If that fails, the journal continues in a new segment; a
    /// restart before then takes these resizes for sent and unanswered.
    fn write_outcomes(&mut self, answers: &[ResizeAnswer]) {
        let at = self.clock.now();
        let written = answers.iter().try_for_each(|answer| {
            let record = OutcomeRecord {
                at,
                group: answer.group.clone(),
                outcome: answer.outcome,
            };
            self.journal.append(&Record::Outcome(record))
        });
        let written = match written {
            Ok(()) if !answers.is_empty() => self.journal.sync(),
            other => other,
        };
        if let Err(error) = written {
            tracing::error!(%error, "the outcome of a resize could not be written; the next tick begins a new journal segment");
        }
    }
}

/// Compresses and deletes old segments in the background. Two runs at once are harmless: both do
/// the same.
pub(super) fn run_in_background(upkeep: Upkeep) {
    tokio::task::spawn_blocking(move || {
        if let Err(error) = upkeep.run() {
            tracing::error!(%error, "old journal segments could not be compressed or deleted; the journal grows beyond `journal.budget_mib`");
        }
    });
}

/// The resizes among the decisions, with their groups.
pub(super) fn resizes(decisions: &[Decision]) -> impl Iterator<Item = (&GroupId, &Resize)> {
    decisions
        .iter()
        .filter_map(|decision| match &decision.action {
            Action::Resize(resize) => Some((decision.group.as_ref()?, resize)),
            Action::Hold(_) => None,
        })
}

/// Logs resizes at level info and holds at level debug.
fn log(report: &TickReport) {
    for decision in &report.decisions {
        let group = decision.group.as_ref().map_or("-", GroupId::as_str);
        match &decision.action {
            Action::Hold(reason) => tracing::debug!(
                group,
                size = decision.requested.get(),
                reason = reason.label(),
                "hold: {reason}"
            ),
            Action::Resize(resize) => {
                let answer = report
                    .answers
                    .iter()
                    .find(|answer| decision.group.as_ref() == Some(&answer.group));
                let outcome = answer.map_or("none", |answer| answer.outcome.label());
                let message = answer.and_then(|answer| answer.message.as_deref());
                tracing::info!(
                    group,
                    from = resize.from.get(),
                    to = resize.to.get(),
                    outcome,
                    message,
                    "{resize}"
                );
            }
        }
    }
}
