//! The loop: observe, decide, write down, act, write down what became of it. One tick at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::daemon::act::{Actuator, Answer, Order};
use crate::daemon::clock::{Clock, Stopwatch};
use crate::daemon::journal::{Journal, JournalError, Upkeep};
use crate::daemon::observe::{Look, Observer};
use crate::daemon::sources::source::{Call, News, Trouble};
use crate::daemon::state_dir::StateDir;
use crate::daemon::telemetry::cost::CostMeter;
use crate::daemon::telemetry::monitor::Monitor;
use crate::daemon::telemetry::report::{
    Phases, ResizeAnswer, ShadowReport, Source, SourceReport, TickReport,
};
use crate::decision::{Action, Decision, Outcome, Resize};
use crate::engine::Engine;
use crate::observation::{GroupId, Observation};
use crate::trace::{OutcomeRecord, Record};
use crate::units::{Timestamp, display_duration};

/// Two ticks are at least this far apart, whatever wait ends in between.
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
    pub(super) troubles: BTreeMap<Source, Trouble>,
}

/// A policy that is asked with every observation, and has nothing to act with.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// Unique among the shadows.
    pub name: String,
    pub engine: Engine,
}

/// Why one tick came to nothing. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    #[error("EMR has not described the cluster yet: {0}")]
    NeverDescribed(String),
    #[error("nothing was decided, because it could not be written down: {0}")]
    Journal(#[from] JournalError),
}

impl Shadow {
    /// What this policy would do. In its memory, what really happened takes the place of that: else
    /// every resize of the policy in force would look like an operator's.
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
            .for_each(|decision| self.engine.recall(decision));
        answers
            .iter()
            .for_each(|answer| self.engine.note(&answer.group, answer.outcome));
        own
    }
}

impl Daemon {
    /// What HTTP serves.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// Ticks until `shutdown` is ready. A tick that has begun to decide is finished first; one that
    /// still observes is broken off.
    ///
    /// # Errors
    /// When the end of the journal cannot be made durable. What goes wrong in a tick is logged and
    /// tried again.
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
                looked = self.look() => self.tick(looked).await,
            };
            let wake_at = match ticked {
                Ok(report) => {
                    on_tick(&report);
                    report.next_wakeup.0
                }
                Err(error) => {
                    tracing::error!(%error, "the tick came to nothing");
                    begun + self.engine.policy().poll()
                }
            };
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = self.clock.sleep_until(wake_at.max(begun + SHORTEST_WAIT)) => {}
            }
        }
        self.journal.sync()
    }

    /// One tick, whatever the time.
    ///
    /// # Errors
    /// When nothing could be decided; nothing has then been done.
    pub async fn once(&mut self) -> Result<TickReport, TickError> {
        let looked = self.look().await;
        self.tick(looked).await
    }

    async fn look(&mut self) -> Looked {
        self.monitor.tick_begins();
        let watch = Stopwatch::start();
        let caution = self.engine.policy().poll() * 3;
        let state_dir = &self.state_dir;
        let look = self
            .observer
            .look(&self.clock, |now| state_dir.pause(now, caution))
            .await;
        Looked {
            look,
            took: watch.elapsed(),
        }
    }

    async fn tick(&mut self, looked: Looked) -> Result<TickReport, TickError> {
        match self.decide_and_act(looked).await {
            Ok(report) => {
                log(&report);
                self.log_troubles(report.observation.at, &report.sources);
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
        Looked {
            look,
            took: observe,
        }: Looked,
    ) -> Result<TickReport, TickError> {
        let Look {
            observation,
            sources,
            mut calls,
        } = look;
        let Some(observation) = observation else {
            let problem = sources
                .iter()
                .find_map(|source| source.error.as_ref())
                .map(ToString::to_string);
            return Err(TickError::NeverDescribed(problem.unwrap_or_default()));
        };
        if let Some(upkeep) = self.journal.prepare(observation.at, &self.engine)? {
            tend(upkeep);
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

        let shadows = self.shadows.iter_mut().map(|shadow| {
            let decisions = shadow.tick(&observation, &decisions, &answers);
            ShadowReport {
                policy: shadow.name.clone(),
                decisions,
            }
        });
        let shadows = shadows.collect();
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

    /// A decision is carried out only once it is durable.
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

    fn log_troubles(&mut self, at: Timestamp, sources: &[SourceReport]) {
        for SourceReport { source, error, .. } in sources {
            let news = self
                .troubles
                .entry(*source)
                .or_default()
                .news(at, error.as_ref());
            let source = source.label();
            match news {
                Some(News::Fails(error)) => tracing::warn!(source, kind = error.label(), "{error}"),
                Some(News::Recovered { after }) => {
                    tracing::info!(source, "answers again, after {}", display_duration(after))
                }
                None => {}
            }
        }
    }

    /// A failure leaves the resize as sent and unanswered, should this process end now; the journal
    /// goes on in a new segment.
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
        if let Err(error) = written.and_then(|()| {
            if answers.is_empty() {
                Ok(())
            } else {
                self.journal.sync()
            }
        }) {
            tracing::error!(%error, "the outcome could not be written down");
        }
    }
}

/// Compresses and deletes beside the loop. Should the next upkeep begin before this one has ended,
/// both do the same.
pub(super) fn tend(upkeep: Upkeep) {
    tokio::task::spawn_blocking(move || {
        if let Err(error) = upkeep.run() {
            tracing::error!(%error, "the journal could not be compressed; it grows beyond its budget");
        }
    });
}

struct Looked {
    look: Look,
    took: Duration,
}

/// The resizes among decisions, with their groups.
pub(super) fn resizes(decisions: &[Decision]) -> impl Iterator<Item = (&GroupId, &Resize)> {
    decisions
        .iter()
        .filter_map(|decision| match &decision.action {
            Action::Resize(resize) => Some((decision.group.as_ref()?, resize)),
            Action::Hold(_) => None,
        })
}

/// What happened is worth a line; that nothing happened is one for those who look closely.
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
