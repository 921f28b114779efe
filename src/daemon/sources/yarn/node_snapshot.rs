//! The nodes with their containers and application masters.

use std::collections::BTreeSet;

use crate::daemon::sources::yarn::wire::{App, AppState, Node, NodeState};
use crate::safe_text::shortened;
use crate::units::Timestamp;

/// The longest name of a host in DNS.
const HOST_CHARS: usize = 253;

/// A node whose NodeManager is running, decommissioning or unhealthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YarnNode {
    /// YARN's name of the host, usually the instance's private DNS name.
    pub host: String,
    /// The number of running containers.
    pub containers: u32,
    /// Whether an application master runs on it.
    pub has_application_master: bool,
    /// Whether the node is decommissioning.
    pub draining: bool,
    /// Since when the node has been seen without containers; `None` while it has some.
    pub idle_since: Option<Timestamp>,
    /// Whether the NodeManager reports that it is healthy.
    pub is_healthy: bool,
}

/// Combines nodes and applications. `apps_running` is how many applications YARN counts as running.
///
/// # Errors
/// When it is uncertain for some node whether it runs an application master.
pub fn snapshot(nodes: &[Node], apps: &[App], apps_running: u64) -> Result<Vec<YarnNode>, String> {
    let masters = masters(apps)?;
    let present: Vec<&Node> = nodes
        .iter()
        .filter(|node| node.state.is_present())
        .collect();
    let containers: u64 = present
        .iter()
        .map(|node| u64::from(node.num_containers))
        .sum();
    if containers > 0 && apps.is_empty() {
        return Err(format!(
            "{containers} containers run, but no application is listed; may this user see all applications (`yarn.admin.acl`)?"
        ));
    }
    // The scheduler counts an application as running before its master has registered.
    let listed = apps.iter().filter(|app| app.state != AppState::Other);
    let listed = listed.count() as u64;
    if listed < apps_running {
        return Err(format!(
            "{apps_running} applications run, but only {listed} are listed; may this user see all applications (`yarn.admin.acl`)?"
        ));
    }
    let snapshot: Vec<YarnNode> = present
        .into_iter()
        .map(|node| entry(node, &masters))
        .collect();
    if !masters.is_empty() && !snapshot.iter().any(|node| node.has_application_master) {
        return Err(format!(
            "{} application masters run, but on none of the {} nodes that are listed",
            masters.len(),
            snapshot.len()
        ));
    }
    Ok(snapshot)
}

/// The nodes that run application masters, by address and by host.
fn masters(apps: &[App]) -> Result<BTreeSet<&str>, String> {
    let mut masters = BTreeSet::new();
    for app in apps.iter().filter(|app| app.state != AppState::Other) {
        match &app.am_host_http_address {
            Some(address) => {
                masters.insert(address.as_str());
            }
            None if app.state == AppState::Running && !app.unmanaged_application => {
                return Err(format!(
                    "the node of the application master of {} is missing (`amHostHttpAddress`); allow this user to view all applications \
                     (`yarn.admin.acl`)?",
                    shortened(&app.id, HOST_CHARS)
                ));
            }
            None => {}
        }
    }
    Ok(masters)
}

fn entry(node: &Node, masters: &BTreeSet<&str>) -> YarnNode {
    YarnNode {
        host: shortened(&node.node_host_name, HOST_CHARS).to_owned(),
        containers: node.num_containers,
        has_application_master: masters.contains(node.http_address.as_str()),
        draining: node.state == NodeState::Decommissioning,
        idle_since: None,
        is_healthy: node.state != NodeState::Unhealthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, num_containers: u32) -> Node {
        let http_address = format!("{host}:8042");
        Node {
            node_host_name: host.to_owned(),
            state: NodeState::Running,
            http_address,
            num_containers,
            used_mib: 0,
            available_mib: 0,
            node_labels: Vec::new(),
        }
    }

    fn app(state: AppState, master: Option<&str>) -> App {
        let am_host_http_address = master.map(|host| format!("{host}:8042"));
        App {
            am_host_http_address,
            ..App::in_state(state)
        }
    }

    #[test]
    fn a_node_without_master_must_be_known_to_have_none() {
        use AppState::{Accepted, Other, Running};
        let unmanaged = App {
            unmanaged_application: true,
            ..app(Running, None)
        };
        let table = [
            ("idle", 0, vec![], Ok(false)),
            ("a master", 1, vec![app(Running, Some("a"))], Ok(true)),
            (
                "a master that starts",
                1,
                vec![app(Accepted, Some("a"))],
                Ok(true),
            ),
            (
                "a master that is over",
                0,
                vec![app(Other, Some("a"))],
                Ok(false),
            ),
            (
                "waiting for a master",
                0,
                vec![app(Accepted, None)],
                Ok(false),
            ),
            (
                "a master outside the cluster",
                1,
                vec![unmanaged],
                Ok(false),
            ),
            (
                "applications hidden",
                1,
                vec![],
                Err("1 containers run, but no application is listed"),
            ),
            (
                "a master hidden",
                1,
                vec![app(Running, None)],
                Err("the node of the application master of application_1_1 is missing"),
            ),
            (
                "a master nowhere",
                1,
                vec![app(Running, Some("b"))],
                Err("1 application masters run, but on none of the 1 nodes"),
            ),
            (
                "one master on a node that has gone",
                1,
                vec![app(Running, Some("a")), app(Running, Some("b"))],
                Ok(true),
            ),
        ];
        for (name, containers, apps, expected) in table {
            match (snapshot(&[node("a", containers)], &apps, 0), expected) {
                (Ok(snapshot), Ok(has_master)) => {
                    assert_eq!(snapshot[0].has_application_master, has_master, "{name}")
                }
                (Err(problem), Err(start)) => {
                    assert!(problem.starts_with(start), "{name}: {problem}")
                }
                (snapshot, _) => panic!("{name}: {snapshot:?}"),
            }
        }
    }

    #[test]
    fn a_list_that_lacks_applications_says_nothing_of_where_masters_run() {
        let apps = [app(AppState::Running, Some("a"))];
        let problem = snapshot(&[node("a", 1)], &apps, 2).expect_err("one is hidden");
        assert!(
            problem.starts_with("2 applications run, but only 1 are listed"),
            "{problem}"
        );
        assert!(snapshot(&[], &[], 1).is_err());
        assert!(snapshot(&[node("a", 1)], &apps, 0).is_ok(), "it just began");
    }

    #[test]
    fn nodes_of_one_host_are_told_apart_by_their_port() {
        let second = Node {
            http_address: "a:8043".to_owned(),
            ..node("a", 1)
        };
        let snapshot = snapshot(
            &[node("a", 1), second],
            &[app(AppState::Running, Some("a"))],
            1,
        )
        .unwrap();
        assert_eq!(
            snapshot
                .iter()
                .map(|node| node.has_application_master)
                .collect::<Vec<_>>(),
            [true, false]
        );
    }
}
