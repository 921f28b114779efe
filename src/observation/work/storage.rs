//! Which nodes store data of running Spark applications.

use serde::{Deserialize, Serialize};

use crate::observation::ids::InstanceId;

/// The nodes that store data of running Spark applications. It is read before a scale-in only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// In order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<StoringNode>,
    /// Running applications of which it is unknown: those of other frameworks than Spark, and those that
    /// did not answer.
    #[serde(default)]
    pub apps_unknown: u64,
}

/// A node that stores data of running Spark applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoringNode {
    /// The EC2 instance.
    pub instance: InstanceId,
    /// It stores shuffle output of an application that has work left. If the node goes, the stages that
    /// wrote the output may have to run again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shuffle: bool,
    /// An executor on it stores cached blocks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
}

impl Storage {
    /// What a node stores.
    pub fn of(&self, instance: &InstanceId) -> Option<&StoringNode> {
        let order = |node: &StoringNode| node.instance.cmp(instance);
        let position = self.nodes.binary_search_by(order).ok()?;
        self.nodes.get(position)
    }
}
