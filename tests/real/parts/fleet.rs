//! Starts and stops nodes by the sizes of moto's groups, as EMR would; moto does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::moto::{Group, Instance, Moto, Wishes};
use super::seconds;
use super::yarn::{NODE, Node, NodeSize, YarnCluster};

/// What nodes are, and how they come and go.
#[derive(Clone, Copy, Debug)]
pub struct Nodes {
    pub size: NodeSize,
    /// An instance becomes a NodeManager so long after it was asked for.
    pub provisioning: Duration,
    /// How long containers may continue on a leaving node.
    pub decommission_timeout: Duration,
}

/// Runs as many NodeManagers as moto's groups request, until it is dropped.
#[derive(Debug)]
pub struct FleetKeeper {
    task: JoinHandle<()>,
}

/// One group's nodes.
#[derive(Debug)]
struct Fleet {
    group: Group,
    /// Instances that were launched already: the first so many of the group. None is launched
    /// twice.
    launched: usize,
    nodes: Nodes,
    /// Launched instances that are not leaving, in order of launch.
    here: Vec<Instance>,
    /// Launches under way, by host name.
    launches: BTreeMap<String, JoinHandle<()>>,
    /// Host names of nodes that drain.
    leaving: BTreeSet<String>,
}

impl FleetKeeper {
    /// An instance becomes a NodeManager `provisioning` after it was asked for.
    pub fn start(yarn: &Arc<YarnCluster>, moto: &Arc<Moto>, provisioning: Duration) -> Self {
        let nodes = Nodes {
            size: NODE,
            provisioning,
            decommission_timeout: seconds(300),
        };
        Self::start_with(yarn, moto, nodes)
    }

    /// Starts it with nodes of another kind.
    pub fn start_with(yarn: &Arc<YarnCluster>, moto: &Arc<Moto>, nodes: Nodes) -> Self {
        let (yarn, moto) = (Arc::clone(yarn), Arc::clone(moto));
        let mut fleets = [&moto.core, &moto.task].map(|group| Fleet::new(group.clone(), nodes));
        let task = tokio::spawn(async move {
            loop {
                for fleet in &mut fleets {
                    fleet.follow(&yarn, &moto).await;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        Self { task }
    }

    /// Stops it; panics if it failed.
    pub async fn stop(mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(
            ended.is_err_and(|end| end.is_cancelled()),
            "the keeper of the fleet has failed"
        );
    }
}

impl Drop for FleetKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fleet {
    fn new(group: Group, nodes: Nodes) -> Self {
        Self {
            group,
            launched: 0,
            nodes,
            here: Vec::new(),
            launches: BTreeMap::new(),
            leaving: BTreeSet::new(),
        }
    }

    async fn follow(&mut self, yarn: &Arc<YarnCluster>, moto: &Moto) {
        let requested = moto.requested(&self.group.id).await;
        if requested > self.here.len() {
            self.launch(yarn, requested - self.here.len());
        } else if requested < self.here.len() {
            let chosen = leaving(
                &self.here,
                &yarn.nodes().await,
                &moto.wishes(&self.group.id),
                self.here.len() - requested,
            );
            self.release(yarn, chosen).await;
        }
        self.terminate_the_drained(yarn).await;
    }

    fn launch(&mut self, yarn: &Arc<YarnCluster>, count: usize) {
        let nodes = self.nodes;
        for _ in 0..count {
            let instance = self
                .group
                .instances
                .get(self.launched)
                .expect("the test needs more instances than moto was given");
            self.launched += 1;
            self.here.push(instance.clone());
            let (yarn, host) = (Arc::clone(yarn), instance.private_dns_name.clone());
            let launch = tokio::spawn(async move {
                tokio::time::sleep(nodes.provisioning).await;
                yarn.start_node_of(&host, nodes.size);
            });
            self.launches
                .insert(instance.private_dns_name.clone(), launch);
        }
    }

    /// Cancels launches, and drains nodes.
    async fn release(&mut self, yarn: &YarnCluster, hosts: Vec<String>) {
        self.here
            .retain(|instance| !hosts.contains(&instance.private_dns_name));
        let mut nodes = Vec::new();
        for host in hosts {
            match self.launches.remove(&host) {
                Some(launch) if !launch.is_finished() => launch.abort(),
                _ => nodes.push(host),
            }
        }
        yarn.decommission(&nodes, self.nodes.decommission_timeout)
            .await;
        self.leaving.extend(nodes);
    }

    async fn terminate_the_drained(&mut self, yarn: &YarnCluster) {
        if self.leaving.is_empty() {
            return;
        }
        let there: BTreeSet<String> = yarn
            .nodes()
            .await
            .into_iter()
            .map(|node| node.host)
            .collect();
        let gone: Vec<String> = self.leaving.difference(&there).cloned().collect();
        for host in gone {
            self.leaving.remove(&host);
            yarn.terminate_node(&host);
        }
    }
}

/// The instances of a group that leave: first those that were named, then those that have not joined,
/// then those with the fewest containers; protected ones last.
fn leaving(here: &[Instance], nodes: &[Node], wishes: &Wishes, count: usize) -> Vec<String> {
    let containers: BTreeMap<&str, u32> = nodes
        .iter()
        .map(|node| (node.host.as_str(), node.num_containers))
        .collect();
    let mut order: Vec<&Instance> = here.iter().collect();
    order.sort_by_key(|instance| {
        let busy = containers
            .get(instance.private_dns_name.as_str())
            .map(|containers| containers + 1);
        (
            !wishes.terminate.contains(&instance.id),
            wishes.protect.contains(&instance.id),
            busy,
        )
    });
    order
        .into_iter()
        .take(count)
        .map(|instance| instance.private_dns_name.clone())
        .collect()
}
