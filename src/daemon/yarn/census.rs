//! What runs on which node, application masters above all.

use std::collections::BTreeSet;

use crate::daemon::yarn::YarnNode;
use crate::daemon::yarn::wire::{App, AppState, Node, NodeState};

/// Every node that is there. A node without a master must be known to have none: what puts that in doubt is an error.
pub fn census(nodes: &[Node], apps: &[App]) -> Result<Vec<YarnNode>, String> {
    let masters = masters(apps)?;
    let present: Vec<&Node> = nodes.iter().filter(|node| node.state != NodeState::Elsewhere).collect();
    let containers: u64 = present.iter().map(|node| u64::from(node.num_containers)).sum();
    if containers > 0 && apps.is_empty() {
        return Err(format!(
            "{containers} containers run, but no application is listed; may this user see all applications (`yarn.admin.acl`)?"
        ));
    }
    let census: Vec<YarnNode> = present.into_iter().map(|node| entry(node, &masters)).collect();
    if !masters.is_empty() && !census.iter().any(|node| node.has_application_master) {
        return Err(format!("{} application masters run, but on none of the {} nodes that are listed", masters.len(), census.len()));
    }
    Ok(census)
}

/// Addresses of the nodes that run application masters, and their hosts alone.
fn masters(apps: &[App]) -> Result<BTreeSet<&str>, String> {
    let mut masters = BTreeSet::new();
    for app in apps {
        match &app.am_host_http_address {
            Some(address) => {
                masters.insert(address.as_str());
            }
            None if app.state == AppState::Running && !app.unmanaged_application => {
                return Err(format!(
                    "it is not said where the application master of {} runs (`amHostHttpAddress`); may this user see all applications \
                     (`yarn.admin.acl`)?",
                    app.id
                ));
            }
            None => {}
        }
    }
    Ok(masters)
}

fn entry(node: &Node, masters: &BTreeSet<&str>) -> YarnNode {
    YarnNode {
        host: node.node_host_name.clone(),
        containers: node.num_containers,
        has_application_master: masters.contains(node.http_address.as_str()),
        draining: node.state == NodeState::Decommissioning,
    }
}
