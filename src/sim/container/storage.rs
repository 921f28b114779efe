//! On which nodes Spark applications store data, as they would say if they were asked.

use std::collections::BTreeMap;

use super::state::ContainerWorkload;
use crate::observation::work::{Storage, StoringNode};
use crate::sim::cluster::{Cluster, NodeIndex};

impl ContainerWorkload<'_> {
    /// The nodes with shuffle output of applications that have a stage left, whether or not it is read
    /// again, and those with cached blocks.
    pub(super) fn storage(&self, cluster: &Cluster) -> Storage {
        let mut nodes: BTreeMap<NodeIndex, StoringNode> = BTreeMap::new();
        let mut stored = |node: NodeIndex, shuffle: bool, cached: bool| {
            let entry = nodes.entry(node).or_insert_with(|| StoringNode {
                instance: cluster.nodes[node as usize].id.clone(),
                shuffle: false,
                cached: false,
            });
            entry.shuffle |= shuffle;
            entry.cached |= cached;
        };
        if let Some(spark) = &self.spark {
            let drivers = spark.running.iter();
            for driver in drivers.filter_map(|job| spark.drivers[*job as usize].as_deref()) {
                if !driver.visible.is_empty() {
                    driver
                        .outputs
                        .nodes()
                        .for_each(|node| stored(node, true, false));
                }
                let executors = driver.pools.iter().flat_map(|pool| &pool.executors);
                for container in executors.filter(|executor| {
                    let executor = spark.executors.get(**executor as usize);
                    executor.is_some_and(|executor| executor.keeps_cache)
                }) {
                    stored(self.containers.get(*container).node, false, true);
                }
            }
        }
        let is_unknown = |job: &u32| self.is_running(*job) && !self.queue.is_spark(*job);
        let mut nodes: Vec<StoringNode> = nodes.into_values().collect();
        nodes.sort_by(|one, other| one.instance.cmp(&other.instance));
        Storage {
            nodes,
            apps_unknown: self.submitted_jobs().filter(is_unknown).count() as u64,
        }
    }
}
