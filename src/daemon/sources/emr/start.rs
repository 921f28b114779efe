//! What must be right before the daemon starts to follow a cluster: it asks EMR once for everything
//! that it will need.

use std::collections::BTreeMap;

use super::api::malformed;
use super::describe::{self, Collection};
use super::{Emr, Operation};
use crate::daemon::clock::Clock;
use crate::daemon::sources::source::SourceError;
use crate::observation::{ClusterState, GroupId, GroupStatus};
use crate::policy::Policy;
use crate::policy::demand::DemandUnits;

/// Why the daemon cannot do its work, and what to do about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StartProblem {
    #[error(
        "there is no cluster {cluster_id} in this account and region; check the id, the region and whose credentials are used"
    )]
    NoSuchCluster { cluster_id: String },
    #[error("cluster {cluster_id} is {state}; there is nothing left to scale")]
    ClusterIsOver {
        cluster_id: String,
        state: ClusterState,
    },
    #[error("{} is not allowed; grant `{}` to the role of this machine", operation.name(), operation.permission())]
    PermissionMissing { operation: Operation },
    #[error("target {} of the policy ({selector}) matches {}; the cluster has {groups}", target + 1, matched(*matches))]
    TargetNotFound {
        target: usize,
        selector: String,
        matches: usize,
        groups: String,
    },
    #[error(
        "the policy's `demand` counts {units}, and the cluster has nothing of that kind to scale; it has {groups}"
    )]
    NothingToScale { units: DemandUnits, groups: String },
    #[error("targets {} and {} of the policy both mean group {group}; give each group one target", first + 1, second + 1)]
    GroupTaken {
        first: usize,
        second: usize,
        group: GroupId,
    },
    #[error(
        "Amazon's managed scaling is on for cluster {cluster_id}, and two masters would undo each other's work; \
         switch it off with `aws emr remove-managed-scaling-policy --cluster-id {cluster_id}`"
    )]
    ManagedScaling { cluster_id: String },
    #[error(
        "group {group} has an automatic scaling policy of Amazon's, and two masters would undo each other's work; \
         remove it with `aws emr remove-auto-scaling-policy --cluster-id {cluster_id} --instance-group-id {group}`"
    )]
    AutoScaling { cluster_id: String, group: GroupId },
    #[error(transparent)]
    Unreadable(#[from] SourceError),
}

impl StartProblem {
    /// A dry run changes nothing, so that it may well watch beside Amazon's own scaling.
    pub fn forbids_dry_run(&self) -> bool {
        !matches!(self, Self::ManagedScaling { .. } | Self::AutoScaling { .. })
    }
}

fn listed(groups: &[GroupStatus]) -> String {
    groups
        .iter()
        .map(|group| format!("{} ({})", group.id, group.role))
        .collect::<Vec<_>>()
        .join(", ")
}

fn matched(matches: usize) -> String {
    if matches == 0 {
        "no group".to_owned()
    } else {
        format!("{matches} groups; name one by `id` or `name`")
    }
}

impl Emr {
    /// Tries every permission to read by reading, and looks for the policy's targets and for
    /// Amazon's own policies on them. All problems at once, none when all is well.
    ///
    /// The permissions to change a cluster cannot be tried without changing one: even the present
    /// size, sent again, would cancel a resize on its way. If they are missing, the first resize
    /// says so.
    pub async fn check(&mut self, clock: &Clock, policy: &Policy) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        if let Err(problem) = self.check_all(clock, policy, &mut problems).await {
            problems.push(problem);
        }
        problems
    }

    /// An error ends the check: what comes after it would fail for the same reason.
    async fn check_all(
        &mut self,
        clock: &Clock,
        policy: &Policy,
        problems: &mut Vec<StartProblem>,
    ) -> Result<(), StartProblem> {
        let cluster = match self.api.describe_cluster(clock).await {
            Err(SourceError::Refused { message, .. }) if is_unknown_cluster(&message) => {
                return Err(StartProblem::NoSuchCluster {
                    cluster_id: self.api.cluster_id().to_owned(),
                });
            }
            answer => unless_denied(Operation::DescribeCluster, answer, problems)?,
        };
        let described = cluster
            .map(|cluster| describe::cluster(&cluster))
            .transpose();
        let described =
            described.map_err(|problem| malformed(Operation::DescribeCluster, &problem))?;
        if let Some((
            state @ (ClusterState::Terminating
            | ClusterState::Terminated
            | ClusterState::TerminatedWithErrors),
            _,
        )) = described
        {
            return Err(StartProblem::ClusterIsOver {
                cluster_id: self.api.cluster_id().to_owned(),
                state,
            });
        }
        let collection = described.map_or(Collection::Groups, |(_, collection)| collection);
        let operation = match collection {
            Collection::Groups => Operation::ListInstanceGroups,
            Collection::Fleets => Operation::ListInstanceFleets,
        };
        let groups = self.groups(clock, collection).await;
        let groups = unless_denied(operation, groups, problems)?;
        let managed_scaling = self.has_managed_scaling(clock).await;
        let managed_scaling = unless_denied(
            Operation::GetManagedScalingPolicy,
            managed_scaling,
            problems,
        )?;
        unless_denied(
            Operation::ListInstances,
            self.api.instances(clock, None).await,
            problems,
        )?;
        if self.reads_steps {
            unless_denied(Operation::ListSteps, self.steps(clock).await, problems)?;
        }
        if managed_scaling == Some(true) {
            problems.push(StartProblem::ManagedScaling {
                cluster_id: self.api.cluster_id().to_owned(),
            });
        }
        problems.extend(
            groups
                .iter()
                .flat_map(|groups| self.of_targets(policy, groups)),
        );
        Ok(())
    }

    /// What is wrong with the targets of the policy.
    fn of_targets(&self, policy: &Policy, groups: &[GroupStatus]) -> Vec<StartProblem> {
        let mut taken: BTreeMap<&GroupId, usize> = BTreeMap::new();
        let of_target = |(target, spec): (usize, &crate::policy::Target)| {
            let matching: Vec<&GroupStatus> = groups
                .iter()
                .filter(|group| spec.selector.matches(group))
                .collect();
            if matching.is_empty() && spec.may_be_absent {
                return None;
            }
            let [group] = matching[..] else {
                return Some(StartProblem::TargetNotFound {
                    target,
                    selector: spec.selector.to_string(),
                    matches: matching.len(),
                    groups: listed(groups),
                });
            };
            let first = *taken.entry(&group.id).or_insert(target);
            if first != target {
                return Some(StartProblem::GroupTaken {
                    first,
                    second: target,
                    group: group.id.clone(),
                });
            }
            let by_amazon = || StartProblem::AutoScaling {
                cluster_id: self.api.cluster_id().to_owned(),
                group: group.id.clone(),
            };
            group.scaled_by_amazon.then(by_amazon)
        };
        let mut problems: Vec<StartProblem> = policy
            .targets()
            .iter()
            .enumerate()
            .filter_map(of_target)
            .collect();
        if let (true, true, Some(demand)) = (taken.is_empty(), problems.is_empty(), policy.demand())
        {
            problems.push(StartProblem::NothingToScale {
                units: demand.units,
                groups: listed(groups),
            });
        }
        problems
    }
}

/// EMR knows no cluster by this id: "Cluster id 'j-...' is not valid." Others say that it does not
/// exist.
fn is_unknown_cluster(message: &str) -> bool {
    message.contains("Cluster")
        && (message.contains("is not valid") || message.contains("does not exist"))
}

/// `None` when the permission is missing, which is then among the problems: the other ones are
/// still to be tried.
fn unless_denied<T>(
    operation: Operation,
    answer: Result<T, SourceError>,
    problems: &mut Vec<StartProblem>,
) -> Result<Option<T>, StartProblem> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::AccessDenied { .. }) => {
            problems.push(StartProblem::PermissionMissing { operation });
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
