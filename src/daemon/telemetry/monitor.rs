//! What the loop tells the world, and what the world may ask: the one thing that both the loop and
//! the HTTP server hold.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::daemon::clock::Clock;
use crate::daemon::telemetry::metrics::Metrics;
use crate::daemon::telemetry::report::TickReport;
use crate::daemon::telemetry::status::{
    Failure, PastResize, PolicyStatus, Status, Stretch, TickStatus, answer_to, words,
};
use crate::decision::Action;
use crate::policy::Policy;
use crate::units::{Timestamp, display_duration};

/// After so many polls without a new tick the loop is taken to be stuck.
const STUCK_AFTER_POLLS: u32 = 5;
/// Polls may be short, but no tick is called stuck before.
const STUCK_AFTER_AT_LEAST: Duration = Duration::from_secs(15);
/// Stretches of equal decisions that are remembered.
const RECENT: usize = 50;

/// Who this daemon is; fixed at its start.
#[derive(Clone, Debug)]
pub struct Identity {
    pub cluster_id: String,
    /// Where the policy was read from, as it was named.
    pub policy_file: String,
    pub dry_run: bool,
}

/// Metrics and status of one daemon.
#[derive(Debug)]
pub struct Monitor {
    identity: Identity,
    policy: Policy,
    clock: Clock,
    started_at: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    metrics: Metrics,
    begun_at: Option<Timestamp>,
    tick: Option<TickStatus>,
    failure: Option<Failure>,
    /// Of each target.
    last_resizes: Vec<Option<PastResize>>,
    /// Newest first.
    recent: VecDeque<Stretch>,
}

impl Monitor {
    pub fn new(identity: Identity, policy: &Policy, clock: Clock) -> Self {
        let started_at = clock.now();
        let metrics = Metrics::new(
            &identity.cluster_id,
            policy,
            &identity.policy_file,
            identity.dry_run,
            started_at,
        );
        let last_resizes = vec![None; policy.targets().len()];
        let state = State {
            metrics,
            begun_at: None,
            tick: None,
            failure: None,
            last_resizes,
            recent: VecDeque::new(),
        };
        Self {
            identity,
            policy: policy.clone(),
            clock,
            started_at,
            state: Mutex::new(state),
        }
    }

    /// A tick begins: the loop is alive.
    pub fn tick_begins(&self) {
        let now = self.clock.now();
        self.state().begun_at = Some(now);
    }

    /// A tick came to its end.
    pub fn tick_ended(&self, report: &TickReport) {
        let mut state = self.state();
        state.metrics.tick(report);
        state.remember(report);
        state.tick = Some(TickStatus::new(report, &self.policy, &state.last_resizes));
        state.failure = None;
    }

    /// A tick was broken off, such as by a journal that could not be written: nothing was done.
    pub fn tick_failed(&self, problem: &str) {
        let at = self.clock.now();
        let mut state = self.state();
        state.metrics.tick_failed();
        state.failure = Some(Failure {
            at,
            problem: problem.to_owned(),
        });
    }

    /// The metrics in Prometheus' text format.
    ///
    /// # Errors
    /// When the encoder refuses a metric, which would be a mistake in this program.
    pub fn scrape(&self) -> prometheus::Result<String> {
        self.state().metrics.render(self.clock.now())
    }

    pub fn status(&self) -> Status {
        let now = self.clock.now();
        let state = self.state();
        let mut tick = state.tick.clone();
        if let Some(tick) = &mut tick {
            tick.age(now);
        }
        let policy = PolicyStatus {
            name: self.policy.name().to_owned(),
            file: self.identity.policy_file.clone(),
            poll_s: self.policy.poll().as_secs_f64(),
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster_id: self.identity.cluster_id.clone(),
            policy,
            dry_run: self.identity.dry_run,
            started_at: self.started_at,
            now,
            unhealthy: unhealthy(
                now.since(state.begun_at.unwrap_or(self.started_at)),
                self.policy.poll(),
            ),
            unready: unready(tick.as_ref(), state.failure.as_ref()),
            tick,
            failure: state.failure.clone(),
            recent: state.recent.iter().cloned().collect(),
        }
    }

    /// What is behind the lock is told, not acted on: after a panic under it, half a status is
    /// better than none.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, report: &TickReport) {
        for decision in &report.decisions {
            let answer = answer_to(decision, &report.answers);
            let (at, words) = (decision.at, words::decision(decision, answer));
            let is_resize = matches!(decision.action, Action::Resize(_));
            if is_resize && let Some(last) = self.last_resizes.get_mut(decision.target) {
                *last = Some(PastResize {
                    decision: decision.clone(),
                    answer: answer.cloned(),
                    words: words.clone(),
                });
            }
            let last = self
                .recent
                .iter_mut()
                .find(|stretch| stretch.target == decision.target);
            match last
                .filter(|last| !is_resize && last.words == words && last.group == decision.group)
            {
                Some(last) => {
                    last.to = at;
                    last.ticks += 1;
                }
                None => {
                    let (target, group) = (decision.target, decision.group.clone());
                    self.recent.push_front(Stretch {
                        target,
                        group,
                        from: at,
                        to: at,
                        ticks: 1,
                        is_resize,
                        words,
                    });
                }
            }
        }
        self.recent.truncate(RECENT);
    }
}

/// What a long silence says of the loop.
fn unhealthy(silence: Duration, poll: Duration) -> Vec<String> {
    let allowed = (poll * STUCK_AFTER_POLLS).max(STUCK_AFTER_AT_LEAST);
    let stuck = || {
        format!(
            "no tick has begun for {}",
            display_duration(words::whole_seconds(silence))
        )
    };
    (silence > allowed).then(stuck).into_iter().collect()
}

/// What keeps decisions from being made on what is known.
fn unready(tick: Option<&TickStatus>, failure: Option<&Failure>) -> Vec<String> {
    let Some(tick) = tick else {
        return vec![failure.map_or_else(
            || "no tick has come to its end yet".to_owned(),
            |failure| failure.problem.clone(),
        )];
    };
    let failed = failure.map(|failure| failure.problem.clone());
    let stale = tick
        .sources
        .iter()
        .filter(|source| source.required && !source.is_fresh())
        .map(|source| {
            let age = match source.age_s {
                Some(age_s) => format!(
                    "{} old",
                    display_duration(Duration::from_secs(age_s as u64))
                ),
                None => "missing".to_owned(),
            };
            let why = source
                .error
                .as_ref()
                .map(|error| format!(": {error}"))
                .unwrap_or_default();
            format!("{}: what is known is {age}{why}", source.source.label())
        });
    failed.into_iter().chain(stale).collect()
}

#[cfg(test)]
mod tests;
