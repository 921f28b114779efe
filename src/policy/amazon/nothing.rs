//! What to say of a document of Amazon's that has no scaling policy.

use super::cluster::Cluster;
use super::recognize::{Contents, Kind};
use crate::policy::diagnostic::Diagnostic;

/// Says what the document is, what is missing, and where it is found.
pub fn explain(contents: &Contents) -> Diagnostic {
    let what = match contents.kind {
        Kind::Empty => "this document is empty: it",
        Kind::Policy => "this document",
        Kind::DescribeCluster => "this description of a cluster",
        Kind::InstanceGroups => "this list of instance groups",
        Kind::InstanceFleets => "this list of instance fleets",
        Kind::ClusterList => "this list of clusters",
        Kind::RunJobFlow => "this input for a new cluster",
        Kind::Template => "this CloudFormation template",
        Kind::Terraform => "this output of Terraform",
        Kind::Other => "this document",
    };
    let message = format!("{what} has no scaling policy{}", reason(contents));
    Diagnostic::error(0..0, message).help(remedy(contents))
}

fn reason(contents: &Contents) -> String {
    let groups: usize = contents
        .clusters
        .iter()
        .map(|cluster| cluster.groups.len())
        .sum();
    let fleets: usize = contents.clusters.iter().map(|cluster| cluster.fleets).sum();
    let has_none = match (groups, fleets) {
        (0, 0) if contents.kind == Kind::ClusterList => " and no groups".to_owned(),
        (0, 0) => String::new(),
        (0, _) => ": instance fleets are scaled only by a managed scaling policy".to_owned(),
        (1, _) => ": its instance group has no AutoScalingPolicy".to_owned(),
        (groups, _) => format!(": none of its {groups} instance groups has an AutoScalingPolicy"),
    };
    let not_created = contents.not_created.iter().map(|warning| &warning.message);
    let left_out: String = not_created
        .chain(&contents.hidden)
        .map(|reason| format!("; {reason}"))
        .collect();
    has_none + &left_out
}

fn remedy(contents: &Contents) -> String {
    let id = contents
        .clusters
        .iter()
        .find_map(|cluster: &Cluster| cluster.id.as_ref())
        .map_or("j-...", |id| id.value.0.as_str());
    let managed = format!(
        "`aws emr get-managed-scaling-policy --cluster-id {id} > managed.json` writes the policy of a cluster with managed scaling"
    );
    match contents.kind {
        Kind::ClusterList => {
            "`aws emr describe-cluster --cluster-id j-... > cluster.json` writes the groups of one cluster with their policies".to_owned()
        }
        Kind::Empty => {
            "a cluster without managed scaling has no such policy; `aws emr describe-cluster` writes the policies of its groups".to_owned()
        }
        Kind::Policy | Kind::DescribeCluster | Kind::InstanceGroups | Kind::InstanceFleets | Kind::Other => managed,
        Kind::RunJobFlow => {
            "add an AutoScalingPolicy to a group, or a ManagedScalingPolicy beside the groups".to_owned()
        }
        Kind::Template if !contents.not_created.is_empty() => {
            "change the condition with `--set NAME=VALUE`".to_owned()
        }
        Kind::Template if contents.hidden.is_empty() => {
            "add an AutoScalingPolicy to a group, or a ManagedScalingPolicy to an AWS::EMR::Cluster".to_owned()
        }
        Kind::Template => {
            "give the template that has the cluster".to_owned()
        }
        Kind::Terraform => {
            "give a plan or state that has an aws_emr_cluster or aws_emr_instance_group with an autoscaling_policy, or an aws_emr_managed_scaling_policy".to_owned()
        }
    }
}
