//! Carries out resizes. This is the only place that can change a cluster.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_emr::Client;
use aws_sdk_emr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_emr::types::{
    InstanceFleetModifyConfig, InstanceFleetResizingSpecifications, InstanceGroupModifyConfig,
    InstanceResizePolicy, OnDemandResizingSpecification, ShrinkPolicy, SpotResizingSpecification,
};

use crate::daemon::clock::Stopwatch;
use crate::daemon::settings::AwsSettings;
use crate::daemon::sources::aws_error::AwsError;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::emr::{Operation, fleet_of, market_of_fleet};
use crate::daemon::sources::untrusted::{self, is_about_certificate};
use crate::decision::{Outcome, Rejection, Resize};
use crate::observation::{
    ClusterState, ClusterStatus, GroupId, GroupKind, GroupState, GroupStatus, InstanceId, Market,
    Sampled,
};
use crate::units::Instances;

/// How long EMR may describe a fleet as it was before a call.
const DESCRIPTION_LAGS: Duration = Duration::from_secs(180);

/// The range of a fleet's provisioning timeout in EMR's API.
const PROVISION_TIMEOUT_MINUTES: std::ops::RangeInclusive<u64> = 5..=10_080;

/// Carries out decisions, except in a dry run.
#[derive(Debug)]
pub enum Actuator {
    /// Resizes the cluster.
    Live(Resizer),
    /// Changes nothing.
    DryRun,
}

/// Calls ModifyInstanceGroups and ModifyInstanceFleet. The only owner of a client that can change a
/// cluster.
#[derive(Debug)]
pub struct Resizer {
    client: Client,
    cluster_id: String,
    timeout: Duration,
    /// How long EMR waits for containers on nodes that leave; `None` for EMR's default.
    decommission_timeout: Option<Duration>,
    /// The last size sent for each market of a fleet, with the time of the description it was based
    /// on.
    sent: BTreeMap<GroupId, Sampled<Instances>>,
}

/// A resize to carry out.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The cluster, as the engine saw it.
    pub cluster: &'a Sampled<ClusterStatus>,
    /// The group to resize.
    pub group: &'a GroupStatus,
    /// Its new size.
    pub resize: &'a Resize,
    /// The time after which the policy considers a scale-out failed. A fleet stops provisioning
    /// then.
    pub provision_timeout: Duration,
}

/// The result of a resize.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed, with EMR's own words.
    pub message: Option<String>,
    /// The call, if one was made.
    pub call: Option<Call>,
}

impl Actuator {
    /// Sends one absolute size, once.
    pub async fn resize(&mut self, order: Order<'_>) -> Answer {
        match self {
            Self::Live(resizer) => resizer.resize(order).await,
            Self::DryRun => Answer {
                outcome: Outcome::NotSent,
                message: None,
                call: None,
            },
        }
    }
}

impl Resizer {
    /// Resizes groups of the cluster with this id, with the endpoint and the credentials of
    /// `config`.
    pub fn new(config: &SdkConfig, cluster_id: &str, settings: &AwsSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(settings.timeout)
            .connect_timeout(settings.timeout / 2)
            .build();
        // No retries: the engine decides what to send next when it knows the outcome of this call.
        let config = aws_sdk_emr::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
            cluster_id: cluster_id.to_owned(),
            timeout: settings.timeout,
            decommission_timeout: settings.decommission_timeout,
            sent: BTreeMap::new(),
        }
    }

    /// Makes one call. It also replaces an in-flight resize: EMR accepts a new absolute size while it
    /// is still resizing, so a pending scale-in need not be cancelled first.
    async fn resize(&mut self, order: Order<'_>) -> Answer {
        let stopwatch = Stopwatch::start();
        let (operation, answer) = match order.group.kind {
            GroupKind::Group => (
                Operation::ModifyInstanceGroups,
                self.modify_group(order).await,
            ),
            GroupKind::Fleet => (
                Operation::ModifyInstanceFleet,
                self.modify_fleet(order).await,
            ),
        };
        let took = stopwatch.elapsed();
        let (outcome, message, result) = match &answer {
            Ok(()) => (Outcome::Accepted, None, "ok"),
            Err(error) => {
                let (outcome, message) = self.explain(operation, error);
                (outcome, Some(message), error.label())
            }
        };
        if order.group.kind == GroupKind::Fleet
            && matches!(outcome, Outcome::Accepted | Outcome::Unknown)
        {
            let asked = Sampled {
                value: order.resize.to,
                measured_at: order.cluster.measured_at,
            };
            self.sent.insert(order.group.id.clone(), asked);
        }
        let call = Call {
            operation: operation.name(),
            result,
            took,
        };
        Answer {
            outcome,
            message,
            call: Some(call),
        }
    }

    async fn modify_group(&self, Order { group, resize, .. }: Order<'_>) -> Result<(), AwsError> {
        let config = InstanceGroupModifyConfig::builder()
            .instance_group_id(group.id.as_str())
            .instance_count(count(resize.to)?)
            .set_shrink_policy(self.shrink_policy(group, resize))
            .build();
        let request = self
            .client
            .modify_instance_groups()
            .cluster_id(&self.cluster_id)
            .instance_groups(config);
        answered(request.send().await)
    }

    /// How instances leave, if fewer are requested than run. This can be so in a scale-out, too,
    /// if an earlier scale-in has not completed.
    ///
    /// `EC2InstanceIdsToTerminate` is never used, because it ends instances with the work on them.
    fn shrink_policy(&self, group: &GroupStatus, resize: &Resize) -> Option<ShrinkPolicy> {
        let names_instances = !resize.protect.is_empty() || !resize.prefer.is_empty();
        if resize.to >= group.running || (self.decommission_timeout.is_none() && !names_instances) {
            return None;
        }
        let ids = |instances: &[InstanceId]| {
            let ids: Vec<String> = instances
                .iter()
                .map(|instance| instance.as_str().to_owned())
                .collect();
            (!ids.is_empty()).then_some(ids)
        };
        let of_instances = InstanceResizePolicy::builder()
            .set_instances_to_protect(ids(&resize.protect))
            .set_instances_to_terminate(ids(&resize.prefer))
            .build();
        let seconds = self
            .decommission_timeout
            .map(|timeout| i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX));
        let policy = ShrinkPolicy::builder().set_decommission_timeout(seconds);
        Some(
            policy
                .set_instance_resize_policy(names_instances.then_some(of_instances))
                .build(),
        )
    }

    /// Always sets both markets, because EMR could take a missing one for zero.
    async fn modify_fleet(&self, order: Order<'_>) -> Result<(), AwsError> {
        let fleet = fleet_of(&order.group.id);
        let target = |market| {
            let of_market = if market == order.group.market {
                order.resize.to
            } else {
                self.other_market(order, fleet, market)
            };
            count(of_market)
        };
        let config = InstanceFleetModifyConfig::builder()
            .instance_fleet_id(fleet)
            .target_on_demand_capacity(target(Market::OnDemand)?)
            .target_spot_capacity(target(Market::Spot)?)
            .resize_specifications(resize_specifications(
                order.group.market,
                order.provision_timeout,
            ))
            .build();
        let request = self
            .client
            .modify_instance_fleet()
            .cluster_id(&self.cluster_id)
            .instance_fleet(config);
        answered(request.send().await)
    }

    /// The size of the fleet's other market: the size last sent, if EMR may not describe it yet, else
    /// the described one.
    fn other_market(
        &self,
        Order { cluster, .. }: Order<'_>,
        fleet: &str,
        market: Market,
    ) -> Instances {
        let id = market_of_fleet(fleet, market);
        let sent = self
            .sent
            .get(&id)
            .filter(|sent| cluster.measured_at.distance(sent.measured_at) <= DESCRIPTION_LAGS);
        let described = cluster
            .value
            .groups
            .iter()
            .find(|group| group.id == id)
            .map_or(Instances::ZERO, |group| group.requested);
        sent.map_or(described, |sent| sent.value)
    }

    fn explain(&self, operation: Operation, error: &AwsError) -> (Outcome, String) {
        let name = operation.name();
        match error {
            AwsError::Throttled => (
                Outcome::Rejected(Rejection::Throttled),
                format!("{name} was throttled by AWS"),
            ),
            AwsError::AccessDenied { message } => {
                let remedy = format!(
                    "{name} is not allowed; grant `{}` to the role of this machine ({message})",
                    operation.permission()
                );
                (Outcome::Rejected(Rejection::AccessDenied), remedy)
            }
            AwsError::Refused { message } if is_about_state(message) => (
                Outcome::Rejected(Rejection::NotModifiable),
                format!("{name}: {message}"),
            ),
            AwsError::Refused { message } => (
                Outcome::Rejected(Rejection::Other),
                format!("{name}: {message}"),
            ),
            AwsError::NotSent { cause } if is_about_certificate(cause) => (
                Outcome::Rejected(Rejection::Other),
                format!(
                    "{name} could not be sent: {cause}; {}",
                    untrusted::remedy(cause, "aws.ca_file")
                ),
            ),
            AwsError::NotSent { cause } => (
                Outcome::Rejected(Rejection::Other),
                format!("{name} could not be sent: {cause}"),
            ),
            AwsError::TimedOut => (
                Outcome::Unknown,
                format!("{name}: no answer within {} s", self.timeout.as_secs_f64()),
            ),
            AwsError::ServerError { status } => {
                (Outcome::Unknown, format!("{name}: EMR answered {status}"))
            }
            AwsError::NoAnswer { cause } => (
                Outcome::Unknown,
                format!("{name}: the connection failed: {cause}"),
            ),
            AwsError::Malformed { problem } => (
                Outcome::Unknown,
                format!("{name}: the answer is not in the expected form: {problem}"),
            ),
        }
    }
}

fn answered<T, E>(answer: Result<T, SdkError<E>>) -> Result<(), AwsError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    answer
        .map(|_| ())
        .map_err(|error| AwsError::classify(&error))
}

/// Converts a size to the type of EMR's API.
fn count(size: Instances) -> Result<i32, AwsError> {
    i32::try_from(size.get()).map_err(|_| AwsError::NotSent {
        cause: format!("EMR's API cannot represent {size} instances"),
    })
}

/// The provisioning timeout of the resized market, within the range that EMR accepts. The allocation
/// strategy stays unchanged.
fn resize_specifications(
    market: Market,
    provision_timeout: Duration,
) -> InstanceFleetResizingSpecifications {
    let minutes = (provision_timeout.as_secs() / 60).clamp(
        *PROVISION_TIMEOUT_MINUTES.start(),
        *PROVISION_TIMEOUT_MINUTES.end(),
    );
    let minutes = i32::try_from(minutes).unwrap_or(i32::MAX);
    let builder = InstanceFleetResizingSpecifications::builder();
    match market {
        Market::OnDemand => builder
            .on_demand_resize_specification(
                OnDemandResizingSpecification::builder()
                    .timeout_duration_minutes(minutes)
                    .build(),
            )
            .build(),
        Market::Spot => builder
            .spot_resize_specification(
                SpotResizingSpecification::builder()
                    .timeout_duration_minutes(minutes)
                    .build(),
            )
            .build(),
    }
}

/// Whether EMR refuses a change because of the state of the cluster or the group. It has no error
/// code for that; its message names the state.
fn is_about_state(message: &str) -> bool {
    let is_state = |word: &str| {
        GroupState::ALL.iter().any(|state| state.as_str() == word)
            || ClusterState::ALL.iter().any(|state| state.as_str() == word)
    };
    message.contains("may only be modified when")
        || message
            .split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .any(is_state)
}
