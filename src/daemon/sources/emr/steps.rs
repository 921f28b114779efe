//! Reads EMR's steps, where a policy reads them or can prepare for them.

use std::time::Duration;

use aws_sdk_emr::primitives::DateTime;
use aws_sdk_emr::types::{Cluster, StepState, StepSummary};

use super::api::Api;
use crate::daemon::clock::Clock;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::failure_log::{FailureEvent, FailureLog};
use crate::observation::Sampled;
use crate::observation::steps::{Step, Steps};
use crate::policy::Policy;
use crate::policy::signal::{Signal, SignalSource};
use crate::safe_text::{is_hidden, shortened};
use crate::units::{Timestamp, display_duration};

/// How much of a name counts, in characters.
const NAME: usize = 80;

/// Whether steps are read, which takes a call at each tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepsRead {
    /// No policy has a use for them.
    Never,
    /// A demand makes room ready for those that wait. While they cannot be read, it does not.
    IfPossible,
    /// A rule reads them: without them, EMR counts as not read.
    Always,
}

impl StepsRead {
    /// What these policies need. `knows_applications` is whether the running applications are read,
    /// without which it is not known what a step needs.
    pub fn by<'a>(
        policies: impl IntoIterator<Item = &'a Policy> + Clone,
        knows_applications: bool,
    ) -> Self {
        let is_of_steps = |source: &SignalSource| {
            matches!(
                source,
                SignalSource::BuiltIn(Signal::EmrStepsPending | Signal::EmrStepsRunning)
            )
        };
        let targets = policies.clone().into_iter().flat_map(Policy::targets);
        let mut signals = targets.flat_map(|target| &target.signals);
        let has_demand = policies.into_iter().any(|policy| policy.demand().is_some());
        if signals.any(is_of_steps) {
            Self::Always
        } else if has_demand && knows_applications {
            Self::IfPossible
        } else {
            Self::Never
        }
    }
}

/// The last known steps.
#[derive(Debug, Default)]
pub struct StepsReader {
    last: Option<Sampled<Steps>>,
    failures: FailureLog,
}

impl StepsReader {
    /// The steps, or the last known ones with their old `measured_at` if they cannot be read.
    pub async fn read(
        &mut self,
        api: &mut Api,
        clock: &Clock,
        concurrency: u32,
        patience: Duration,
    ) -> Result<Sampled<Steps>, SourceError> {
        let measured_at = clock.now();
        let answer = tokio::time::timeout(patience, api.steps(clock)).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(SourceError::TimedOut {
                what: "ListSteps".to_owned(),
                after: patience,
            })
        });
        self.log(measured_at, answer.as_ref().err());
        match answer {
            Ok(steps) => {
                let value = described(steps, concurrency, measured_at);
                Ok(self.last.insert(Sampled { value, measured_at }).clone())
            }
            Err(error) => self.last.clone().ok_or(error),
        }
    }

    fn log(&mut self, at: Timestamp, error: Option<&SourceError>) {
        match (self.failures.note(at, error), &self.last) {
            (Some(FailureEvent::Failing(error)), Some(last)) => {
                tracing::warn!(%error, measured_at = %last.measured_at, "steps cannot be read; using those of an earlier reading");
            }
            (Some(FailureEvent::Failing(error)), None) => {
                tracing::warn!(%error, "steps cannot be read; no room is made ready for those that wait");
            }
            (Some(FailureEvent::Recovered { after }), _) => {
                tracing::info!("steps can be read again, after {}", display_duration(after));
            }
            (None, _) => {}
        }
    }
}

/// How many steps the cluster runs at the same time. One unless EMR says otherwise.
pub fn concurrency(cluster: &Cluster) -> u32 {
    let level = cluster.step_concurrency_level().unwrap_or(1);
    u32::try_from(level).unwrap_or(1).max(1)
}

/// The steps, the oldest first: EMR starts them in the order in which they were added.
fn described(mut steps: Vec<StepSummary>, concurrency: u32, read_at: Timestamp) -> Steps {
    // EMR lists the newest first, also of those that were added at the same time.
    steps.reverse();
    let added_at = |step: &StepSummary| {
        let timeline = step.status().and_then(|status| status.timeline());
        timeline.and_then(|timeline| time(timeline.creation_date_time()))
    };
    steps.sort_by_key(added_at);
    let (running, pending): (Vec<_>, Vec<_>) = steps.iter().partition(|step| is_running(step));
    let listed = running.into_iter().chain(pending).filter_map(|step| {
        let timeline = step.status().and_then(|status| status.timeline());
        let started_at = timeline.and_then(|timeline| time(timeline.start_date_time()));
        let name = step.name().unwrap_or_default().chars();
        let name: String = name
            .filter(|letter| !is_hidden(*letter))
            .take(NAME)
            .collect();
        Some(Step {
            id: shortened(step.id()?, NAME).into(),
            name: name.into(),
            started_at: is_running(step).then(|| started_at.unwrap_or(read_at)),
        })
    });
    Steps {
        concurrency,
        steps: listed.collect(),
    }
}

fn is_running(step: &StepSummary) -> bool {
    let state = step.status().and_then(|status| status.state());
    state == Some(&StepState::Running)
}

fn time(time: Option<&DateTime>) -> Option<Timestamp> {
    let millis = time?.to_millis().ok()?;
    Some(Timestamp::from_millis(millis))
}
