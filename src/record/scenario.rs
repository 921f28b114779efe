//! Makes a scenario of a recorded cluster: its groups with their types and markets from EMR, in the
//! recorded sizes.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_emr::Client;
use aws_sdk_emr::error::{ProvideErrorMetadata, SdkError};

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::aws_error::AwsError;
use crate::daemon::sources::emr::Operation;
use crate::daemon::sources::emr::describe::{self, Collection};
use crate::daemon::sources::error::SourceError;
use crate::observation::{GroupKind, GroupStatus, Market, Observation, Role};
use crate::pricing::PriceTable;
use crate::units::Instances;

/// The requested instances or units of one role during a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The size at the beginning.
    pub first: Instances,
    /// The smallest size.
    pub min: Instances,
    /// The largest size.
    pub max: Instances,
}

/// The sizes of each recorded role.
pub(super) fn sizes(observations: &[Observation]) -> BTreeMap<Role, Sizes> {
    let mut sizes: BTreeMap<Role, Sizes> = BTreeMap::new();
    for group in observations
        .iter()
        .flat_map(|observation| &observation.cluster.value.groups)
    {
        let size = group.requested;
        let seen = sizes.entry(group.role).or_insert(Sizes {
            first: size,
            min: size,
            max: size,
        });
        (seen.min, seen.max) = (seen.min.min(size), seen.max.max(size));
    }
    sizes
}

/// Makes a scenario file for the trace. EMR describes a cluster until two months after its end.
///
/// # Errors
/// When EMR does not answer, or no longer describes the cluster.
pub async fn scenario(
    config: &SdkConfig,
    cluster_id: &str,
    sizes: &BTreeMap<Role, Sizes>,
) -> Result<String, SourceError> {
    let client = Client::new(config);
    let groups = remembered(&client, cluster_id).await?;
    Ok(render(cluster_id, &groups, sizes, &PriceTable::shipped()))
}

/// A group, or one market of a fleet.
#[derive(Clone, Debug)]
struct Remembered {
    status: GroupStatus,
    /// The instance type; the first one of a fleet.
    instance_type: String,
    types: usize,
}

async fn remembered(client: &Client, cluster_id: &str) -> Result<Vec<Remembered>, SourceError> {
    let stopwatch = Stopwatch::start();
    let operation = Operation::DescribeCluster;
    let described = client
        .describe_cluster()
        .cluster_id(cluster_id)
        .send()
        .await
        .map_err(|error| explain(&error, operation, stopwatch))?;
    let cluster = described
        .cluster
        .ok_or_else(|| malformed(operation, "the answer contains no cluster"))?;
    let (_, collection) =
        describe::cluster(&cluster).map_err(|problem| malformed(operation, &problem))?;
    match collection {
        Collection::Groups => groups(client, cluster_id).await,
        Collection::Fleets => fleets(client, cluster_id).await,
    }
}

async fn groups(client: &Client, cluster_id: &str) -> Result<Vec<Remembered>, SourceError> {
    let (stopwatch, operation) = (Stopwatch::start(), Operation::ListInstanceGroups);
    let pages = client
        .list_instance_groups()
        .cluster_id(cluster_id)
        .into_paginator()
        .items()
        .send();
    let groups = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| explain(&error, operation, stopwatch))?;
    let types = PriceTable::shipped();
    let remember = |group: aws_sdk_emr::types::InstanceGroup| {
        let status =
            describe::group(&group, &types).map_err(|problem| malformed(operation, &problem))?;
        Ok(Remembered {
            status,
            instance_type: group.instance_type.unwrap_or_default(),
            types: 1,
        })
    };
    groups.into_iter().map(remember).collect()
}

async fn fleets(client: &Client, cluster_id: &str) -> Result<Vec<Remembered>, SourceError> {
    let (stopwatch, operation) = (Stopwatch::start(), Operation::ListInstanceFleets);
    let pages = client
        .list_instance_fleets()
        .cluster_id(cluster_id)
        .into_paginator()
        .items()
        .send();
    let fleets = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| explain(&error, operation, stopwatch))?;
    let mut remembered = Vec::new();
    for fleet in fleets {
        let types: Vec<&str> = fleet
            .instance_type_specifications()
            .iter()
            .filter_map(|specification| specification.instance_type())
            .collect();
        let instance_type = types.first().copied().unwrap_or_default();
        let markets = describe::fleet(&fleet).map_err(|problem| malformed(operation, &problem))?;
        // A fleet has both markets, but rarely uses both.
        let used = markets
            .iter()
            .filter(|status| status.requested.get() > 0)
            .cloned()
            .collect::<Vec<_>>();
        let used = if used.is_empty() {
            vec![markets[0].clone()]
        } else {
            used
        };
        remembered.extend(used.into_iter().map(|status| Remembered {
            status,
            instance_type: instance_type.to_owned(),
            types: types.len(),
        }));
    }
    Ok(remembered)
}

fn render(
    cluster_id: &str,
    groups: &[Remembered],
    sizes: &BTreeMap<Role, Sizes>,
    prices: &PriceTable,
) -> String {
    let scaled_role = if groups.iter().any(|group| group.status.role == Role::Task) {
        Role::Task
    } else {
        Role::Core
    };
    let mut text = format!(
        "# {cluster_id} as EMR remembers it, in the sizes that CloudWatch recorded. Limits are the smallest and the largest size that was seen:\n\
         # write down what you would allow.\nname: {}\ncluster:\n  groups:\n",
        quoted(cluster_id)
    );
    let mut seen: Vec<Role> = Vec::new();
    for group in groups {
        let is_first = !seen.contains(&group.status.role);
        seen.push(group.status.role);
        for remark in remarks(group, is_first, prices) {
            text += &format!("    # {remark}\n");
        }
        text += &format!(
            "    - {{ {} }}\n",
            fields(
                group,
                groups,
                sizes,
                is_first,
                is_first && group.status.role == scaled_role
            )
        );
    }
    text
}

fn fields(
    group: &Remembered,
    groups: &[Remembered],
    sizes: &BTreeMap<Role, Sizes>,
    is_first: bool,
    is_scaled: bool,
) -> String {
    let status = &group.status;
    let name_of = |status: &GroupStatus| status.name.as_deref().unwrap_or_default().to_owned();
    let own_name = name_of(status);
    let is_unique = groups
        .iter()
        .filter(|other| name_of(&other.status) == own_name)
        .count()
        == 1;
    let name = if own_name.is_empty() || !is_unique {
        status.id.to_string()
    } else {
        own_name
    };
    let least = if status.role == Role::Primary {
        Instances(1)
    } else {
        Instances::ZERO
    };
    // CloudWatch counts all groups of a role together: the first gets all instances.
    let count = match sizes.get(&status.role) {
        Some(sizes) if is_first => sizes.first,
        Some(_) => Instances::ZERO,
        None => status.requested,
    };
    let mut text = format!(
        "name: {}, id: {}, role: {}, type: {}, market: {}, count: {}",
        quoted(&name),
        quoted(status.id.as_str()),
        status.role,
        quoted(&group.instance_type),
        status.market,
        count.max(least)
    );
    if status.kind == GroupKind::Fleet {
        text += ", kind: fleet";
    }
    if is_scaled {
        let (min, max) = sizes
            .get(&status.role)
            .map_or((Instances::ZERO, count), |sizes| (sizes.min, sizes.max));
        text += &format!(", limits: {{ min: {min}, max: {max} }}");
    }
    text
}

/// Comments on what to check in a group.
fn remarks(group: &Remembered, is_first: bool, prices: &PriceTable) -> Vec<String> {
    let mut remarks = Vec::new();
    if !is_first {
        remarks.push(format!(
            "CloudWatch counts all {} groups together: the first one above has all instances.",
            group.status.role
        ));
    }
    if group.types > 1 {
        remarks.push(format!(
            "The fleet has {} instance types; a simulated one has the first, at one unit each.",
            group.types
        ));
    }
    if prices
        .rates(&group.instance_type, Market::OnDemand)
        .is_err()
    {
        let example =
            "node: { memory_mib: 12288, vcores: 4 }, price: { ec2_usd_h: 0.192, emr_usd_h: 0.048 }";
        remarks.push(format!(
            "Not in the shipped price table; add prices, such as {example}."
        ));
    }
    remarks
}

/// A YAML string; JSON strings are valid YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn explain<E>(error: &SdkError<E>, operation: Operation, stopwatch: Stopwatch) -> SourceError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    AwsError::classify(error).into_source_error(
        operation.name(),
        operation.permission(),
        stopwatch.elapsed(),
    )
}

fn malformed(operation: Operation, problem: &str) -> SourceError {
    SourceError::Malformed {
        url: operation.name().to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::daemon::sources::emr::testing::{self, CLUSTER, FakeEmr};
    use crate::observation::{GroupId, GroupState};

    fn group(id: &str, name: &str, role: Role, instance_type: &str) -> Remembered {
        let status = GroupStatus {
            id: GroupId::new(id),
            name: Some(Arc::from(name)),
            role,
            kind: GroupKind::Group,
            market: Market::OnDemand,
            state: GroupState::Terminated,
            requested: Instances(0),
            running: Instances(0),
            scaled_by_amazon: false,
            state_reason: None,
            node: None,
        };
        Remembered {
            status,
            instance_type: instance_type.to_owned(),
            types: 1,
        }
    }

    fn sizes_of(roles: &[(Role, u32, u32, u32)]) -> BTreeMap<Role, Sizes> {
        let sizes = |(role, first, min, max): &(Role, u32, u32, u32)| {
            (
                *role,
                Sizes {
                    first: Instances(*first),
                    min: Instances(*min),
                    max: Instances(*max),
                },
            )
        };
        roles.iter().map(sizes).collect()
    }

    /// Name, count, limits.
    type Group = (String, u32, Option<(u32, u32)>);

    /// Each group once the scenario is read.
    fn read(text: &str) -> Vec<Group> {
        let scenario = crate::sim::scenario::Scenario::parse(text, Path::new("s.yaml"))
            .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let limits = |group: &crate::sim::scenario::GroupSpec| {
            group
                .limits
                .map(|limits| (limits.min().get(), limits.max().get()))
        };
        scenario
            .groups
            .iter()
            .map(|group| (group.name.to_string(), group.count.get(), limits(group)))
            .collect()
    }

    #[test]
    fn the_task_group_is_scaled_within_what_was_seen_or_else_the_core_group() {
        let primary = group("ig-p", "main", Role::Primary, "m5.xlarge");
        let core = group("ig-c", "core: \"a\"", Role::Core, "m5.xlarge");
        let task = group("ig-t", "task", Role::Task, "r5.2xlarge");
        let sizes = sizes_of(&[(Role::Core, 2, 2, 4), (Role::Task, 3, 0, 12)]);
        let with_tasks = render(
            "j-1",
            &[primary.clone(), core.clone(), task],
            &sizes,
            &PriceTable::shipped(),
        );
        let expected = [
            ("main", 1, None),
            ("core: \"a\"", 2, None),
            ("task", 3, Some((0, 12))),
        ];
        assert_eq!(
            read(&with_tasks),
            expected.map(|(name, count, limits)| (name.to_owned(), count, limits))
        );
        let without = render("j-1", &[primary, core], &sizes, &PriceTable::shipped());
        assert_eq!(
            read(&without)[1],
            ("core: \"a\"".to_owned(), 2, Some((2, 4)))
        );
    }

    #[test]
    fn groups_of_one_role_and_name_are_told_apart_and_counted_once() {
        let tasks = [
            group("ig-1", "task", Role::Task, "m5.xlarge"),
            group("ig-2", "task", Role::Task, "m5.xlarge"),
        ];
        let text = render(
            "j-1",
            &tasks,
            &sizes_of(&[(Role::Task, 5, 1, 9)]),
            &PriceTable::shipped(),
        );
        assert_eq!(
            read(&text),
            [
                ("ig-1".to_owned(), 5, Some((1, 9))),
                ("ig-2".to_owned(), 0, None)
            ]
        );
        assert!(
            text.contains(
                "# CloudWatch counts all task groups together: the first one above has all instances."
            ),
            "{text}"
        );
    }

    #[test]
    fn what_the_price_table_does_not_know_is_left_to_a_person_who_is_told() {
        let text = render(
            "j-1",
            &[group("ig-1", "task", Role::Task, "x99.huge")],
            &BTreeMap::new(),
            &PriceTable::shipped(),
        );
        assert!(
            text.contains("    # Not in the shipped price table; add prices, such as node: {"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_cluster_that_emr_remembers_becomes_a_scenario() {
        let fake = FakeEmr::start().await;
        fake.on("DescribeCluster", testing::cluster("TERMINATED"));
        fake.on("ListInstanceGroups", testing::groups(0, 0, "TERMINATED"));
        let sizes = sizes_of(&[(Role::Core, 2, 2, 2), (Role::Task, 1, 0, 7)]);
        let text = scenario(&fake.config(), CLUSTER, &sizes)
            .await
            .expect("a scenario");
        let groups: Vec<(u32, Option<(u32, u32)>)> = read(&text)
            .into_iter()
            .map(|(_, count, limits)| (count, limits))
            .collect();
        assert_eq!(groups, [(1, None), (2, None), (1, Some((0, 7)))]);
    }
}
