//! The state that the loop and the HTTP server share: the loop writes each tick into it, the server
//! reads metrics and status from it.

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

/// The loop counts as stuck after this many polls without a new tick.
const STUCK_AFTER_POLLS: u32 = 5;
/// The loop never counts as stuck before this time, however short its polls are.
const STUCK_AFTER_AT_LEAST: Duration = Duration::from_secs(15);
/// How many stretches of equal decisions are kept.
const RECENT: usize = 50;

/// The properties of a daemon that are fixed at its start.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The id of the cluster, `j-...`.
    pub cluster_id: String,
    /// The policy's file, as the settings name it.
    pub policy_file: String,
    /// Whether decisions are only recorded, not carried out.
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
    /// One for each target; `None` while it has not been resized.
    last_resizes: Vec<Option<PastResize>>,
    /// Newest first.
    recent: VecDeque<Stretch>,
}

impl Monitor {
    /// A monitor of a daemon that starts now.
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

    /// Records that a tick begins, which shows that the loop is alive.
    pub fn tick_begins(&self) {
        let now = self.clock.now();
        self.state().begun_at = Some(now);
    }

    /// Records a completed tick.
    pub fn tick_ended(&self, report: &TickReport) {
        let mut state = self.state();
        state.metrics.tick(report);
        state.remember(report);
        state.tick = Some(TickStatus::new(report, &self.policy, &state.last_resizes));
        state.failure = None;
    }

    /// Records a tick that failed without doing anything, such as when the journal cannot be written.
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
    /// When the encoder rejects a metric, which would be a bug in this program.
    pub fn scrape(&self) -> prometheus::Result<String> {
        self.state().metrics.render(self.clock.now())
    }

    /// The status as of now.
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

    /// The state is only shown, never acted on, so after a panic under the lock a partial status is
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

/// The problem that a long silence of the loop means.
fn unhealthy(silence: Duration, poll: Duration) -> Vec<String> {
    let allowed = (poll * STUCK_AFTER_POLLS).max(STUCK_AFTER_AT_LEAST);
    if silence <= allowed {
        return Vec::new();
    }
    let silence = display_duration(words::whole_seconds(silence));
    vec![format!(
        "no tick has started for {silence}; see the daemon's log"
    )]
}

/// The problems that keep the daemon from deciding on fresh data.
fn unready(tick: Option<&TickStatus>, failure: Option<&Failure>) -> Vec<String> {
    let Some(tick) = tick else {
        return vec![failure.map_or_else(
            || "no tick has completed yet".to_owned(),
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
                Some(age_s) => format!("data is stale, {} old", words::seconds(age_s)),
                None => "no data yet".to_owned(),
            };
            let why = source
                .error
                .as_ref()
                .map(|error| format!(": {error}"))
                .unwrap_or_default();
            format!("{}: {age}{why}", source.source.label())
        });
    failed.into_iter().chain(stale).collect()
}

#[cfg(test)]
mod tests;
