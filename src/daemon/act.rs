//! Carrying out a resize, in the one place that can change a cluster.

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
use crate::daemon::sources::emr::{Operation, fleet_of, market_of_fleet};
use crate::daemon::sources::failure::Failure;
use crate::daemon::sources::source::Call;
use crate::decision::{Outcome, Rejection, Resize};
use crate::observation::{
    ClusterState, ClusterStatus, GroupId, GroupKind, GroupState, GroupStatus, InstanceId, Market,
    Sampled,
};
use crate::units::Instances;

/// How long EMR may go on describing a fleet as it was before a call.
const DESCRIPTION_LAGS: Duration = Duration::from_secs(180);

/// How long EMR lets a fleet provision before it gives up: the range that its API takes.
const PROVISION_TIMEOUT_MINUTES: std::ops::RangeInclusive<u64> = 5..=10_080;

/// What carries out decisions. In a dry run there is nothing that could.
#[derive(Debug)]
pub enum Actuator {
    Live(Resizer),
    DryRun,
}

/// Calls ModifyInstanceGroups and ModifyInstanceFleet. The only holder of a client that may change
/// a cluster.
#[derive(Debug)]
pub struct Resizer {
    client: Client,
    cluster_id: String,
    timeout: Duration,
    /// How long nodes that leave may finish what runs on them; `None`: as long as EMR lets them.
    decommission_timeout: Option<Duration>,
    /// What was asked of a market of a fleet lately, by the description on which that was based.
    sent: BTreeMap<GroupId, Sampled<Instances>>,
}

/// A resize to carry out.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// As the engine saw it.
    pub cluster: &'a Sampled<ClusterStatus>,
    pub group: &'a GroupStatus,
    pub resize: &'a Resize,
    /// After which the policy takes a scale-out for failed. A fleet stops provisioning then.
    pub provision_timeout: Duration,
}

/// What became of a resize, and in EMR's own words why it was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub outcome: Outcome,
    pub message: Option<String>,
    pub call: Option<Call>,
}

impl Actuator {
    /// Sends one absolute size; never twice.
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
    /// Resizes groups of the cluster with this id. `config` says where EMR is and with which
    /// credentials.
    pub fn new(config: &SdkConfig, cluster_id: &str, settings: &AwsSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(settings.timeout)
            .connect_timeout(settings.timeout / 2)
            .build();
        // The engine decides what is sent again, once it has seen what became of the first call.
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

    /// One call, whatever becomes of it. It also replaces a resize that is on its way: EMR takes an
    /// absolute size while it still resizes, and heads for that one from then on, so that a pending
    /// shrink needs no call of its own to be cancelled.
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
            Err(failure) => {
                let (outcome, message) = self.explain(operation, failure);
                (outcome, Some(message), failure.label())
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

    async fn modify_group(&self, Order { group, resize, .. }: Order<'_>) -> Result<(), Failure> {
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

    /// How instances leave, if some do. That is so even while the target grows, if an earlier
    /// shrink has not come down to it yet.
    ///
    /// `EC2InstanceIdsToTerminate` is never used: it ends instances at once, whatever runs on them.
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

    /// Both markets are always given, lest EMR take a market that is left out for one that is to be
    /// empty.
    async fn modify_fleet(&self, order: Order<'_>) -> Result<(), Failure> {
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

    /// What the other market of the fleet is to have: as described, unless more was asked of it
    /// than EMR describes yet.
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
            .filter(|sent| cluster.measured_at.since(sent.measured_at) <= DESCRIPTION_LAGS);
        let described = cluster
            .value
            .groups
            .iter()
            .find(|group| group.id == id)
            .map_or(Instances::ZERO, |group| group.requested);
        sent.map_or(described, |sent| sent.value)
    }

    fn explain(&self, operation: Operation, failure: &Failure) -> (Outcome, String) {
        let name = operation.name();
        match failure {
            Failure::Throttled => (
                Outcome::Rejected(Rejection::Throttled),
                format!("{name} is throttled by AWS"),
            ),
            Failure::AccessDenied { message } => {
                let remedy = format!(
                    "{name} is not allowed; grant `{}` to the role of this machine ({message})",
                    operation.permission()
                );
                (Outcome::Rejected(Rejection::AccessDenied), remedy)
            }
            Failure::Refused { message } if is_about_state(message) => (
                Outcome::Rejected(Rejection::NotModifiable),
                format!("{name}: {message}"),
            ),
            Failure::Refused { message } => (
                Outcome::Rejected(Rejection::Other),
                format!("{name}: {message}"),
            ),
            Failure::NotSent { cause } => (
                Outcome::Rejected(Rejection::Other),
                format!("{name} could not be sent: {cause}"),
            ),
            Failure::TimedOut => (
                Outcome::Unknown,
                format!("{name}: no answer within {} s", self.timeout.as_secs_f64()),
            ),
            Failure::ServerError { status } => {
                (Outcome::Unknown, format!("{name}: EMR answered {status}"))
            }
            Failure::NoAnswer { cause } => (
                Outcome::Unknown,
                format!("{name}: the connection broke: {cause}"),
            ),
            Failure::Malformed { problem } => (
                Outcome::Unknown,
                format!("{name}: the answer makes no sense: {problem}"),
            ),
        }
    }
}

fn answered<T, E>(answer: Result<T, SdkError<E>>) -> Result<(), Failure>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    answer.map(|_| ()).map_err(|error| Failure::of(&error))
}

/// A size as EMR's API takes it.
fn count(size: Instances) -> Result<i32, Failure> {
    i32::try_from(size.get()).map_err(|_| Failure::NotSent {
        cause: format!("EMR cannot count {size} instances"),
    })
}

/// The allocation strategy stays what it is. Only the market that is resized is given, and with a
/// timeout that EMR takes.
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

/// EMR has no code for "not now": it says which state forbids a change, or in which one it would be
/// allowed.
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
