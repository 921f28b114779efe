//! Converts EMR's answers to this program's types. An unknown value is an error that names it.

use aws_sdk_emr::types::{
    AutoScalingPolicyDescription, AutoScalingPolicyState, Cluster, Instance,
    InstanceCollectionType, InstanceFleet, InstanceGroup, InstanceState, MarketType,
};

use crate::observation::{
    ClusterState, GroupId, GroupKind, GroupState, GroupStatus, InstanceId, Market, Role,
};
use crate::pricing::PriceTable;
use crate::safe_text::{one_line, remark, shortened};
use crate::units::Instances;

/// The missing or unknown value.
pub type Described<T> = Result<T, String>;

/// The longest name of a group that is kept. EMR allows 256 characters.
const NAME_CHARS: usize = 256;

/// How the instances of a cluster are organized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    Groups,
    Fleets,
}

/// The instance of a YARN node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The EC2 instance id.
    pub instance: InstanceId,
    /// The group, or the market of a fleet, that it belongs to.
    pub group: GroupId,
    /// The instance type.
    pub instance_type: String,
    /// The market it was launched in.
    pub market: Market,
    /// It runs, rather than bootstraps.
    pub is_running: bool,
}

/// The cluster's state, and whether it has groups or fleets. An answer without a collection type
/// means groups, which are older than fleets.
pub fn cluster(cluster: &Cluster) -> Described<(ClusterState, Collection)> {
    let state = cluster
        .status()
        .and_then(|status| status.state())
        .ok_or("the cluster has no state")?;
    let collection = match cluster.instance_collection_type() {
        None | Some(InstanceCollectionType::InstanceGroup) => Collection::Groups,
        Some(InstanceCollectionType::InstanceFleet) => Collection::Fleets,
        Some(other) => return Err(unknown("instance collection type", other.as_str())),
    };
    Ok((cluster_state(state.as_str())?, collection))
}

/// Converts an instance group. `types` are the known instance types.
pub fn group(group: &InstanceGroup, types: &PriceTable) -> Described<GroupStatus> {
    let id = group.id().ok_or("an instance group has no id")?;
    let lacks = |what: &str| format!("instance group {id} has no {what}");
    let kind = group.instance_group_type().ok_or_else(|| lacks("type"))?;
    let role = role("instance group type", kind.as_str())?;
    let state = group
        .status()
        .and_then(|status| status.state())
        .ok_or_else(|| lacks("state"))?;
    let state = group_state(state.as_str())?;
    let reason = group
        .status()
        .and_then(|status| status.state_change_reason());
    Ok(GroupStatus {
        id: GroupId::new(id),
        name: name(group.name()),
        role,
        kind: GroupKind::Group,
        // A group without a market is on-demand.
        market: group.market().map_or(Ok(Market::OnDemand), market)?,
        state,
        requested: count(group.requested_instance_count(), || {
            lacks("requested count")
        })?,
        running: count(group.running_instance_count(), || lacks("running count"))?,
        scaled_by_amazon: group.auto_scaling_policy().is_some_and(is_attached),
        state_reason: state_reason(state, reason.and_then(|reason| reason.message())),
        node: group
            .instance_type()
            .filter(|_| role != Role::Primary)
            .and_then(|name| types.instance_type(name).ok())
            .map(|known| known.yarn),
    })
}

/// Converts an instance fleet to one group per market, in capacity units. A missing target for a
/// market is zero (EMR API reference).
pub fn fleet(fleet: &InstanceFleet) -> Described<[GroupStatus; 2]> {
    let id = fleet.id().ok_or("an instance fleet has no id")?;
    let lacks = |what: &str| format!("instance fleet {id} has no {what}");
    let kind = fleet.instance_fleet_type().ok_or_else(|| lacks("type"))?;
    let role = role("instance fleet type", kind.as_str())?;
    let state = fleet
        .status()
        .and_then(|status| status.state())
        .ok_or_else(|| lacks("state"))?;
    let state = group_state(state.as_str())?;
    let reason = fleet
        .status()
        .and_then(|status| status.state_change_reason());
    let fleet_status = GroupStatus {
        id: GroupId::new(id),
        name: name(fleet.name()),
        role,
        kind: GroupKind::Fleet,
        market: Market::OnDemand,
        state,
        requested: Instances::ZERO,
        running: Instances::ZERO,
        scaled_by_amazon: false,
        state_reason: state_reason(state, reason.and_then(|reason| reason.message())),
        node: None,
    };
    let on_demand = (
        fleet.target_on_demand_capacity(),
        fleet.provisioned_on_demand_capacity(),
    );
    let spot = (
        fleet.target_spot_capacity(),
        fleet.provisioned_spot_capacity(),
    );
    Ok([
        one_market(&fleet_status, Market::OnDemand, on_demand)?,
        one_market(&fleet_status, Market::Spot, spot)?,
    ])
}

/// One market of a fleet, with its target and provisioned capacity.
fn one_market(
    fleet: &GroupStatus,
    market: Market,
    (target, provisioned): (Option<i32>, Option<i32>),
) -> Described<GroupStatus> {
    let requested = count(target.or(Some(0)), String::new)?;
    // Neither requested nor reported: the fleet has nothing of this market.
    let provisioned = provisioned.or((requested == Instances::ZERO).then_some(0));
    let running = count(provisioned, || {
        format!(
            "instance fleet {} has no provisioned {market} capacity",
            fleet.id
        )
    })?;
    Ok(GroupStatus {
        id: market_of_fleet(fleet.id.as_str(), market),
        market,
        requested,
        running,
        ..fleet.clone()
    })
}

/// An instance with every host name that YARN may use for it. `None` while EMR's description is
/// incomplete.
pub fn host(instance: &Instance) -> Option<(Vec<String>, Host)> {
    let market = market(instance.market()?).ok()?;
    let group = match (instance.instance_group_id(), instance.instance_fleet_id()) {
        (Some(group), _) => GroupId::new(group),
        (None, Some(fleet)) => market_of_fleet(fleet, market),
        (None, None) => return None,
    };
    let host = Host {
        instance: InstanceId::new(instance.ec2_instance_id()?),
        group,
        instance_type: instance.instance_type().unwrap_or_default().to_owned(),
        market,
        is_running: instance.status().and_then(|status| status.state())
            != Some(&InstanceState::Bootstrapping),
    };
    let dns = instance.private_dns_name().filter(|name| !name.is_empty());
    let short = dns
        .and_then(|name| name.split_once('.'))
        .map(|(short, _)| short);
    let address = instance
        .private_ip_address()
        .filter(|address| !address.is_empty());
    Some((
        [dns, short, address]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect(),
        host,
    ))
}

/// The id of one market of a fleet: `if-.../on-demand` or `if-.../spot`.
pub fn market_of_fleet(fleet: &str, market: Market) -> GroupId {
    GroupId::new(format!("{fleet}/{market}"))
}

/// The fleet that a group is one market of.
pub fn fleet_of(group: &GroupId) -> &str {
    group.as_str().split('/').next().unwrap_or_default()
}

/// Whether an automatic scaling policy may act: from attaching until it is detached.
fn is_attached(policy: &AutoScalingPolicyDescription) -> bool {
    policy.status().and_then(|status| status.state()) != Some(&AutoScalingPolicyState::Detached)
}

fn cluster_state(text: &str) -> Described<ClusterState> {
    ClusterState::ALL
        .iter()
        .copied()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| unknown("cluster state", text))
}

fn group_state(text: &str) -> Described<GroupState> {
    GroupState::ALL
        .iter()
        .copied()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| unknown("instance group state", text))
}

/// What EMR says about a state of trouble. Its messages about other states are of no use, and would
/// fill the journal.
fn state_reason(state: GroupState, message: Option<&str>) -> Option<std::sync::Arc<str>> {
    let is_trouble = matches!(state, GroupState::Suspended | GroupState::Arrested);
    name(message.filter(|_| is_trouble).map(remark).as_deref())
}

fn role(what: &str, text: &str) -> Described<Role> {
    match text {
        "MASTER" => Ok(Role::Primary),
        "CORE" => Ok(Role::Core),
        "TASK" => Ok(Role::Task),
        _ => Err(unknown(what, text)),
    }
}

fn market(market: &MarketType) -> Described<Market> {
    match market {
        MarketType::OnDemand => Ok(Market::OnDemand),
        MarketType::Spot => Ok(Market::Spot),
        other => Err(unknown("market", other.as_str())),
    }
}

fn name(name: Option<&str>) -> Option<std::sync::Arc<str>> {
    name.filter(|name| !name.is_empty())
        .map(|name| one_line(shortened(name, NAME_CHARS)).into())
}

fn count(count: Option<i32>, lacks: impl Fn() -> String) -> Described<Instances> {
    let count = count.ok_or_else(&lacks)?;
    u32::try_from(count)
        .map(Instances)
        .map_err(|_| format!("{count} is not a number of instances"))
}

fn unknown(what: &str, value: &str) -> String {
    format!("{what} `{value}` is unknown to this version of headroom; install a newer one")
}
