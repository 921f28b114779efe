//! EMR's read operations, within the budget of calls and the timeout.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_emr::Client;
use aws_sdk_emr::config::interceptors::InterceptorContext;
use aws_sdk_emr::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_emr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_emr::types::{
    Cluster, Instance, InstanceFleet, InstanceGroup, InstanceState, StepState, StepSummary,
};

use super::budget::{Backoff, Budget, Need};
use super::operation::Operation;
use crate::daemon::clock::{Clock, Stopwatch};
use crate::daemon::settings::AwsSettings;
use crate::daemon::sources::aws_error::AwsError;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::units::Timestamp;

/// The most attempts at one read, which share the timeout. A change is attempted only once.
const ATTEMPTS: u32 = 2;
const LONGEST_PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// A client that can read one cluster and change nothing.
#[derive(Debug)]
pub struct Api {
    client: Client,
    cluster_id: String,
    timeout: Duration,
    budget: Budget,
    backoff: Backoff,
    calls: Vec<Call>,
}

/// A page of a list, and the marker of the next one.
pub type Page<T> = (Vec<T>, Option<String>);

impl Api {
    pub fn new(config: &SdkConfig, cluster_id: &str, settings: &AwsSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(settings.timeout)
            .operation_attempt_timeout(settings.timeout / ATTEMPTS)
            .connect_timeout(settings.timeout / ATTEMPTS)
            .build();
        let config = aws_sdk_emr::config::Builder::from(config)
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(LONGEST_PAUSE_BETWEEN_ATTEMPTS),
            )
            .retry_classifier(NotWhenRefused)
            .timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
            cluster_id: cluster_id.to_owned(),
            timeout: settings.timeout,
            budget: Budget::new(settings.calls_per_minute),
            backoff: Backoff::new(cluster_id),
            calls: Vec::new(),
        }
    }

    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// How long calls have to wait because AWS throttled the last ones; zero if none has to.
    pub fn longest_wait(&self, now: Timestamp) -> Duration {
        self.backoff.longest_wait(now)
    }

    /// Returns the calls since the last call of this method.
    pub fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    pub async fn describe_cluster(&mut self, clock: &Clock) -> Result<Cluster, SourceError> {
        let request = self.client.describe_cluster().cluster_id(&self.cluster_id);
        let answer = self
            .call(
                clock,
                Operation::DescribeCluster,
                Need::Required,
                request.send(),
            )
            .await?;
        answer
            .cluster
            .ok_or_else(|| malformed(Operation::DescribeCluster, "the answer contains no cluster"))
    }

    pub async fn instance_groups(
        &mut self,
        clock: &Clock,
    ) -> Result<Vec<InstanceGroup>, SourceError> {
        let (mut groups, mut marker) = (Vec::new(), None);
        loop {
            let request = self
                .client
                .list_instance_groups()
                .cluster_id(&self.cluster_id)
                .set_marker(marker);
            let answer = self
                .call(
                    clock,
                    Operation::ListInstanceGroups,
                    Need::Required,
                    request.send(),
                )
                .await?;
            groups.extend(answer.instance_groups.unwrap_or_default());
            marker = next(answer.marker);
            if marker.is_none() {
                return Ok(groups);
            }
        }
    }

    pub async fn instance_fleets(
        &mut self,
        clock: &Clock,
    ) -> Result<Vec<InstanceFleet>, SourceError> {
        let (mut fleets, mut marker) = (Vec::new(), None);
        loop {
            let request = self
                .client
                .list_instance_fleets()
                .cluster_id(&self.cluster_id)
                .set_marker(marker);
            let answer = self
                .call(
                    clock,
                    Operation::ListInstanceFleets,
                    Need::Required,
                    request.send(),
                )
                .await?;
            fleets.extend(answer.instance_fleets.unwrap_or_default());
            marker = next(answer.marker);
            if marker.is_none() {
                return Ok(fleets);
            }
        }
    }

    /// One page of the instances that have not ended.
    pub async fn instances(
        &mut self,
        clock: &Clock,
        marker: Option<String>,
    ) -> Result<Page<Instance>, SourceError> {
        let states = [InstanceState::Bootstrapping, InstanceState::Running];
        let request = self
            .client
            .list_instances()
            .cluster_id(&self.cluster_id)
            .set_instance_states(Some(states.into()))
            .set_marker(marker);
        let answer = self
            .call(
                clock,
                Operation::ListInstances,
                Need::Optional,
                request.send(),
            )
            .await?;
        Ok((answer.instances.unwrap_or_default(), next(answer.marker)))
    }

    /// Steps that are pending or running.
    pub async fn steps(&mut self, clock: &Clock) -> Result<Vec<StepSummary>, SourceError> {
        let (mut steps, mut marker) = (Vec::new(), None);
        loop {
            let states = [StepState::Pending, StepState::Running];
            let request = self
                .client
                .list_steps()
                .cluster_id(&self.cluster_id)
                .set_step_states(Some(states.into()))
                .set_marker(marker);
            let answer = self
                .call(clock, Operation::ListSteps, Need::Optional, request.send())
                .await?;
            steps.extend(answer.steps.unwrap_or_default());
            marker = next(answer.marker);
            if marker.is_none() {
                return Ok(steps);
            }
        }
    }

    /// Whether the cluster has a managed scaling policy.
    pub async fn has_managed_scaling(&mut self, clock: &Clock) -> Result<bool, SourceError> {
        let request = self
            .client
            .get_managed_scaling_policy()
            .cluster_id(&self.cluster_id);
        let answer = self
            .call(
                clock,
                Operation::GetManagedScalingPolicy,
                Need::Optional,
                request.send(),
            )
            .await?;
        Ok(answer
            .managed_scaling_policy
            .is_some_and(|policy| policy.compute_limits.is_some()))
    }

    /// Makes one call, unless the budget is spent or the operation is in backoff.
    async fn call<T, E>(
        &mut self,
        clock: &Clock,
        operation: Operation,
        need: Need,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, SourceError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let now = clock.now();
        if let Some(wait) = self.backoff.wait(operation, now) {
            return Err(SourceError::BackingOff {
                operation: operation.name(),
                wait,
            });
        }
        if !self.budget.take(now, need) {
            let error = SourceError::OverBudget {
                operation: operation.name(),
            };
            self.calls.push(Call {
                operation: operation.name(),
                result: error.label(),
                took: Duration::ZERO,
            });
            return Err(error);
        }
        let stopwatch = Stopwatch::start();
        let answer = call.await.map_err(|error| {
            AwsError::classify(&error).into_source_error(
                operation.name(),
                operation.permission(),
                self.timeout,
            )
        });
        let result = answer.as_ref().map_or_else(|error| error.label(), |_| "ok");
        self.calls.push(Call {
            operation: operation.name(),
            result,
            took: stopwatch.elapsed(),
        });
        match &answer {
            Err(SourceError::Throttled { .. }) => self.backoff.throttled(operation, clock.now()),
            _ => self.backoff.answered(operation),
        }
        answer
    }
}

/// Retries a call only if EMR failed or was not reached. EMR would refuse a refused call again, and
/// the backoff of a throttled call is longer than the timeout.
#[derive(Debug)]
struct NotWhenRefused;

impl ClassifyRetry for NotWhenRefused {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let is_refused = context
            .response()
            .is_some_and(|response| response.status().is_client_error());
        if is_refused {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "not when refused"
    }
}

/// The error for an unusable answer.
pub fn malformed(operation: Operation, problem: &str) -> SourceError {
    SourceError::Malformed {
        url: operation.name().to_owned(),
        problem: problem.to_owned(),
    }
}

/// The marker of the next page. EMR ends a list without one, emulators with an empty one.
fn next(marker: Option<String>) -> Option<String> {
    marker.filter(|marker| !marker.is_empty())
}
