//! The part of the self-test that concerns EMR: reads everything once that the daemon will need.

use super::api::malformed;
use super::describe::{self, Collection};
use super::{Emr, Operation, StepsRead};
use crate::daemon::clock::Clock;
use crate::daemon::sources::error::SourceError;
use crate::observation::{ClusterState, GroupId, GroupStatus};
use crate::policy::demand::DemandUnits;
use crate::policy::{GroupMatch, Policy, Target};

/// A problem that keeps the daemon from working, with its remedy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StartProblem {
    #[error(
        "cluster {cluster_id} does not exist in this account and region; check the cluster id, the region and the credentials"
    )]
    NoSuchCluster { cluster_id: String },
    #[error("cluster {cluster_id} is {state} and can no longer be scaled; name a running cluster")]
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
        "the policy's `demand` has no `targets` and scales at most one group of each role and market, but {matching} \
         are all {selector}; list the groups to scale under `targets`, each by `id` or `name`"
    )]
    TargetsMissing { selector: String, matching: String },
    #[error(
        "the policy's `demand` counts {units}, but the cluster has no such group to scale; it has {groups}; \
         set `units: fleet-units` for fleets, `units: instances` or `units: vcpu` for instance groups"
    )]
    NothingToScale { units: DemandUnits, groups: String },
    #[error("targets {} and {} of the policy both match group {group}; keep only one of them", first + 1, second + 1)]
    GroupTaken {
        first: usize,
        second: usize,
        group: GroupId,
    },
    #[error(
        "EMR managed scaling is on for cluster {cluster_id} and would undo the policy's resizes; \
         turn it off with `aws emr remove-managed-scaling-policy --cluster-id {cluster_id}`"
    )]
    ManagedScaling { cluster_id: String },
    #[error(
        "group {group} has an EMR automatic scaling policy, which would undo the policy's resizes; \
         remove it with `aws emr remove-auto-scaling-policy --cluster-id {cluster_id} --instance-group-id {group}`"
    )]
    AutoScaling { cluster_id: String, group: GroupId },
    #[error(transparent)]
    Unreadable(#[from] SourceError),
}

impl StartProblem {
    /// Whether the problem also prevents a dry run, which can run alongside EMR's own scaling because
    /// it changes nothing.
    pub fn forbids_dry_run(&self) -> bool {
        !matches!(self, Self::ManagedScaling { .. } | Self::AutoScaling { .. })
    }
}

fn listed<'g>(groups: impl IntoIterator<Item = &'g GroupStatus>) -> String {
    groups
        .into_iter()
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
    /// Checks every read permission by reading, and looks for the policy's targets and for EMR's own
    /// scaling policies on them. Returns all problems.
    ///
    /// Permissions to modify cannot be checked without modifying: even sending the current size
    /// again would cancel an in-flight resize. If they are missing, the first resize reports that.
    pub async fn check(&mut self, clock: &Clock, policy: &Policy) -> Vec<StartProblem> {
        let mut problems = Vec::new();
        if let Err(problem) = self.check_all(clock, policy, &mut problems).await {
            problems.push(problem);
        }
        problems
    }

    /// An error ends the check: later calls would fail for the same reason.
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
        if self.steps_read == StepsRead::Always {
            unless_denied(Operation::ListSteps, self.api.steps(clock).await, problems)?;
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

    /// The problems with the targets of the policy.
    fn of_targets(&self, policy: &Policy, groups: &[GroupStatus]) -> Vec<StartProblem> {
        let found: Vec<GroupMatch<'_>> = policy.match_groups(groups).collect();
        let mut problems = Vec::new();
        for (target, (spec, found)) in policy.targets().iter().zip(&found).enumerate() {
            match found {
                GroupMatch::NoneAndOptional => {}
                GroupMatch::NoneButRequired => {
                    problems.push(target_not_found(target, spec, 0, groups));
                }
                GroupMatch::Several(matching) if spec.may_be_absent => {
                    problems.push(StartProblem::TargetsMissing {
                        selector: spec.selector.to_string(),
                        matching: listed(matching.iter().copied()),
                    });
                }
                GroupMatch::Several(matching) => {
                    problems.push(target_not_found(target, spec, matching.len(), groups));
                }
                GroupMatch::Taken { group, by } => problems.push(StartProblem::GroupTaken {
                    first: *by,
                    second: target,
                    group: group.id.clone(),
                }),
                GroupMatch::One(group) if group.scaled_by_amazon => {
                    problems.push(StartProblem::AutoScaling {
                        cluster_id: self.api.cluster_id().to_owned(),
                        group: group.id.clone(),
                    });
                }
                GroupMatch::One(_) => {}
            }
        }
        let has_group = found.iter().any(|found| found.group().is_some());
        if let (false, true, Some(demand)) = (has_group, problems.is_empty(), policy.demand()) {
            problems.push(StartProblem::NothingToScale {
                units: demand.units,
                groups: listed(groups),
            });
        }
        problems
    }
}

fn target_not_found(
    target: usize,
    spec: &Target,
    matches: usize,
    groups: &[GroupStatus],
) -> StartProblem {
    StartProblem::TargetNotFound {
        target,
        selector: spec.selector.to_string(),
        matches,
        groups: listed(groups),
    }
}

/// Whether EMR does not know the cluster: "Cluster id 'j-...' is not valid." Emulators answer that it
/// does not exist.
fn is_unknown_cluster(message: &str) -> bool {
    message.contains("Cluster")
        && (message.contains("is not valid") || message.contains("does not exist"))
}

/// Returns `None` if the permission is missing, and adds that to the problems, so that the check can
/// continue with the others.
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
