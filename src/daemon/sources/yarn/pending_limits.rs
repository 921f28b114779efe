//! Finds the limits that keep pending work from starting.
//!
//! - A queue of the CapacityScheduler has a maximum, and its users have a limit: the queue's capacity
//!   times its `user-limit-factor`. YARN's `userResourceLimit` is not used: it follows what runs, and
//!   grows with it.
//! - A queue's application masters have a share. The first one always starts.
//! - A container can be larger than any node, or ask for a label that no node has.
//!
//! With node labels, the shares are those of each label, so that queues are not looked at.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::daemon::sources::yarn::queue_wire::{Queue, Request, RequestingApp};
use crate::daemon::sources::yarn::wire::{
    AppState, Node, NodeState, QueueList, Resource, SchedulerInfo,
};
use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::safe_text::{one_line, shortened};
use crate::units::{Mebibytes, Percent, VirtualCores};

/// The longest name of a queue or a label that is kept.
const NAME_CHARS: usize = 100;

/// Finds the limits. `scheduler` is `None` if there are node labels.
pub fn pending_limits(
    apps: &[RequestingApp],
    nodes: &[Node],
    scheduler: Option<&SchedulerInfo<Queue>>,
) -> Vec<PendingLimit> {
    let (mut obstacles, waiting) = by_nodes(apps, &Nodes::of(nodes));
    let Some(scheduler) = scheduler.filter(|scheduler| scheduler.kind == "capacityScheduler")
    else {
        return obstacles;
    };
    let mut leaves = vec![];
    collect_leaves(scheduler.queues.as_ref(), &mut leaves);
    for queue in leaves {
        let of_queue: Vec<&Waiting> = waiting
            .iter()
            .filter(|waiting| queue.has(waiting.app))
            .collect();
        obstacles.extend(of_one_queue(queue, &of_queue));
    }
    obstacles
}

/// The containers of all requests, over all partitions.
pub fn containers_pending(apps: &[RequestingApp]) -> u64 {
    apps.iter()
        .flat_map(|app| &app.resource_requests)
        .map(Request::containers)
        .fold(0, u64::saturating_add)
}

/// A request for containers that nodes can hold.
struct Waiting<'a> {
    app: &'a RequestingApp,
    amount: Amount,
}

/// An amount of pending work.
#[derive(Clone, Copy, Default)]
struct Amount {
    memory_mib: u64,
    vcores: u64,
    containers: u64,
}

/// What the present nodes offer.
struct Nodes<'a> {
    largest_mib: Option<u64>,
    labels: BTreeSet<&'a str>,
}

impl<'a> Nodes<'a> {
    fn of(nodes: &'a [Node]) -> Self {
        let usable = || nodes.iter().filter(|node| node.state == NodeState::Running);
        Self {
            largest_mib: usable().map(Node::memory_mib).max().filter(|mib| *mib > 0),
            labels: usable()
                .flat_map(|node| &node.node_labels)
                .map(String::as_str)
                .collect(),
        }
    }

    /// Why no node can hold the containers of a request, if that is so.
    fn obstacle(&self, request: &Request) -> Option<LimitedBy> {
        let label = request
            .node_label_expression
            .as_deref()
            .unwrap_or("")
            .trim();
        let container_mib = request.capability.memory();
        // Without nodes, it is not known what the next ones offer.
        let largest_mib = self.largest_mib?;
        if !label.is_empty() && !self.labels.contains(label) {
            // Any user can write one.
            return Some(LimitedBy::LabelWithoutNodes {
                label: one_line(shortened(label, NAME_CHARS)).into(),
            });
        }
        (container_mib > largest_mib).then_some(LimitedBy::LargerThanNodes {
            container: Mebibytes(container_mib),
        })
    }
}

/// Parts the requests into those that no node can hold, by obstacle, and the others.
fn by_nodes<'a>(apps: &'a [RequestingApp], nodes: &Nodes) -> (Vec<PendingLimit>, Vec<Waiting<'a>>) {
    let mut impossible: Vec<(LimitedBy, Amount)> = vec![];
    let mut waiting = vec![];
    for app in apps {
        for request in &app.resource_requests {
            let amount = Amount::of(request);
            if amount.containers == 0 {
                continue;
            }
            match nodes.obstacle(request) {
                None => waiting.push(Waiting { app, amount }),
                Some(obstacle) => match impossible.iter_mut().find(|(by, _)| *by == obstacle) {
                    Some((_, sum)) => sum.add(amount),
                    None => impossible.push((obstacle, amount)),
                },
            }
        }
    }
    let obstacles = impossible
        .into_iter()
        .map(|(by, amount)| limit(by, amount, Resource::NONE, None))
        .collect();
    (obstacles, waiting)
}

/// The limits of one leaf queue: at most one for its application masters, and one for the rest.
fn of_one_queue(queue: &Queue, waiting: &[&Waiting]) -> Vec<PendingLimit> {
    let name: Arc<str> = one_line(shortened(&queue.queue_name, NAME_CHARS)).into();
    let (masters, rest): (Vec<&Waiting>, Vec<&Waiting>) = waiting
        .iter()
        .partition(|waiting| waits_for_master_share(queue, waiting));
    let masters = (!masters.is_empty()).then(|| {
        let by = LimitedBy::ApplicationMasterShare {
            queue: Arc::clone(&name),
        };
        limit(by, Amount::sum(&masters), Resource::NONE, None)
    });
    let rest = (!rest.is_empty())
        .then(|| share_limit(queue, name, &rest))
        .flatten();
    masters.into_iter().chain(rest).collect()
}

/// The smaller of what the queue and its waiting users may have, if that is not the whole cluster.
fn share_limit(queue: &Queue, name: Arc<str>, waiting: &[&Waiting]) -> Option<PendingLimit> {
    let pending = Amount::sum(waiting);
    let queue_used = queue.resources_used.unwrap_or(Resource::NONE);
    if queue.is_absolute_resource {
        let most = queue
            .max_effective_capacity
            .filter(|most| most.memory > 0)?;
        let by = LimitedBy::QueueMaximum { queue: name };
        let most = MostAllowed::Amount(Mebibytes(most.memory));
        return Some(limit(by, pending, queue_used, Some(most)));
    }
    let of_queue = queue.absolute_max_capacity;
    let (by, share, used) = match of_users(queue, waiting) {
        Some((share, used)) if share < of_queue => {
            (LimitedBy::UserLimit { queue: name }, share, used)
        }
        _ => (
            LimitedBy::QueueMaximum { queue: name },
            of_queue,
            queue_used,
        ),
    };
    (share > 0.0 && share < 100.0).then(|| {
        let most = MostAllowed::Share(Percent(share));
        limit(by, pending, used, Some(most))
    })
}

/// The share of the cluster that the waiting users may have together, in percent, and what they
/// have; `None` if there is no limit for users.
fn of_users(queue: &Queue, waiting: &[&Waiting]) -> Option<(f64, Resource)> {
    let share = user_share(queue)?;
    let names: BTreeSet<&str> = waiting
        .iter()
        .map(|waiting| waiting.app.user.as_str())
        .collect();
    let users = &queue.users.as_ref()?.user;
    let used = users
        .iter()
        .filter(|user| names.contains(user.username.as_str()))
        .filter_map(|user| user.resources_used)
        .fold(Resource::NONE, Resource::plus);
    Some((share * names.len() as f64, used))
}

/// The share of the cluster that one user of the queue may have, in percent; `None` for no limit.
fn user_share(queue: &Queue) -> Option<f64> {
    let factor = queue.user_limit_factor.filter(|factor| *factor > 0.0)?;
    Some(factor * queue.absolute_capacity).filter(|share| *share > 0.0)
}

/// Whether the work is the master of an application that waits because the queue's masters have their
/// share. The first master always starts.
fn waits_for_master_share(queue: &Queue, waiting: &Waiting) -> bool {
    let usage = queue
        .resources
        .iter()
        .flat_map(|resources| &resources.resource_usages_by_partition)
        .next();
    let Some((used, most)) = usage.and_then(|usage| usage.am_used.zip(usage.am_limit)) else {
        return false;
    };
    waiting.app.state == AppState::Accepted
        && used != Resource::NONE
        && used.memory.saturating_add(waiting.amount.memory_mib) > most.memory
}

fn collect_leaves<'a>(queues: Option<&'a QueueList<Queue>>, leaves: &mut Vec<&'a Queue>) {
    for queue in queues.into_iter().flat_map(|queues| &queues.queue) {
        match &queue.queues {
            Some(below) if !below.queue.is_empty() => collect_leaves(Some(below), leaves),
            _ => leaves.push(queue),
        }
    }
}

fn limit(
    by: LimitedBy,
    pending: Amount,
    used: Resource,
    most: Option<MostAllowed>,
) -> PendingLimit {
    PendingLimit {
        by,
        memory_pending: Mebibytes(pending.memory_mib),
        vcores_pending: VirtualCores(pending.vcores),
        containers_pending: pending.containers,
        memory_used: Mebibytes(used.memory),
        vcores_used: VirtualCores(used.vcores),
        most,
    }
}

impl Amount {
    fn of(request: &Request) -> Self {
        let containers = request.containers();
        Self {
            memory_mib: request.capability.memory().saturating_mul(containers),
            vcores: request.capability.vcores().saturating_mul(containers),
            containers,
        }
    }

    fn sum(waiting: &[&Waiting]) -> Self {
        let mut sum = Self::default();
        for waiting in waiting {
            sum.add(waiting.amount);
        }
        sum
    }

    fn add(&mut self, other: Self) {
        self.memory_mib = self.memory_mib.saturating_add(other.memory_mib);
        self.vcores = self.vcores.saturating_add(other.vcores);
        self.containers = self.containers.saturating_add(other.containers);
    }
}
