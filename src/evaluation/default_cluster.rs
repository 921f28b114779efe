//! The cluster on which a trace runs that has no scenario: chosen from its work.

use serde::Serialize;

use crate::observation::Market;
use crate::policy::Limits;
use crate::pricing::PriceTable;
use crate::sim::no_wait_demand::{no_wait_demand, nodes_needed};
use crate::sim::run::StepCurve;
use crate::sim::scenario::Scenario;
use crate::sim::trace_work::TraceWork;
use crate::units::{Instances, Mebibytes, Resources, VirtualCores};

/// From the smallest to the largest; memory-optimised types only where no general one is large
/// enough.
const INSTANCE_TYPES: [&str; 9] = [
    "m5.xlarge",
    "m5.2xlarge",
    "m5.4xlarge",
    "m5.8xlarge",
    "m5.12xlarge",
    "m5.16xlarge",
    "r5.8xlarge",
    "r5.12xlarge",
    "r5.16xlarge",
];
/// Two containers on a node leave at most a third of it unused.
const CONTAINERS_A_NODE: u64 = 2;
/// Demand is averaged over this time: shorter peaks may queue, as a node takes minutes to launch.
const PEAK_MS: i64 = 15 * 60 * 1_000;
/// This share of the work runs at once in a cluster of the chosen size.
const SERVED_AT_ONCE: f64 = 0.95;
/// Capacity for each unit of demand: containers never fill nodes completely.
const HEADROOM: f64 = 1.25;
/// As many as the default scenario has.
const CORE_NODES: u32 = 2;
/// More nodes than this are not chosen unasked.
const MOST_NODES: u32 = 1_000;

/// A cluster that was chosen for work, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChosenCluster {
    /// The type of all nodes.
    pub instance_type: String,
    /// Core nodes, which never change.
    pub core_nodes: u32,
    /// Policies scale the task nodes between 0 and this number.
    pub max_task_nodes: u32,
    /// Why this type and this number, in a sentence.
    pub reason: String,
}

/// Why no cluster can be chosen.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefaultClusterError {
    /// A container is larger than every type that may be chosen.
    #[error(
        "no cluster can be chosen for this trace: its largest container takes {} and {}, and the largest node tried, {instance_type}, \
         offers {} and {}; describe a cluster with larger nodes in a scenario (--scenario FILE)",
        size.memory, size.vcores, largest.memory, largest.vcores
    )]
    TooLarge {
        /// The most memory and the most cores of any container.
        size: Resources,
        /// The largest type.
        instance_type: &'static str,
        /// What it offers to containers.
        largest: Resources,
    },
}

impl std::fmt::Display for ChosenCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.max_task_nodes == 1 { "" } else { "s" };
        write!(
            f,
            "{} core and up to {} task node{plural}, {} on demand",
            self.core_nodes, self.max_task_nodes, self.instance_type
        )
    }
}

/// Chooses one cluster for the work of all traces.
///
/// # Errors
/// When a container is larger than every node that may be chosen.
pub fn choose(workloads: &[&TraceWork]) -> Result<(Scenario, ChosenCluster), DefaultClusterError> {
    let size = largest_container(workloads);
    let (instance_type, scenario) = smallest_with_room(size)?;
    let node = scenario.groups[0].node;
    let wanted = workloads
        .iter()
        .map(|workload| nodes_for(&no_wait_demand(workload), node))
        .max()
        .unwrap_or_default();
    let nodes = wanted.clamp(CORE_NODES + 1, MOST_NODES);
    let count = match nodes {
        MOST_NODES if wanted > nodes => format!(
            "{wanted} nodes would run {:.0}% of the work at once; {MOST_NODES} are the most that are chosen",
            SERVED_AT_ONCE * 100.0
        ),
        _ => format!(
            "{nodes} nodes in all run {:.0}% of the work without queueing",
            SERVED_AT_ONCE * 100.0
        ),
    };
    let reason = format!(
        "{instance_type} has room for the largest container ({}, {}); {count}",
        size.memory, size.vcores
    );
    let chosen = ChosenCluster {
        instance_type: instance_type.to_owned(),
        core_nodes: CORE_NODES,
        max_task_nodes: nodes - CORE_NODES,
        reason,
    };
    let scenario = sized(scenario, &chosen);
    Ok((scenario, chosen))
}

fn sized(mut scenario: Scenario, chosen: &ChosenCluster) -> Scenario {
    scenario.description = chosen.to_string();
    for group in &mut scenario.groups {
        if group.limits.is_some() {
            group.limits = Limits::new(Instances::ZERO, Instances(chosen.max_task_nodes));
        }
    }
    scenario
}

/// The most memory and the most cores that any container takes; for observations, the mean memory
/// of a container, as a recording does not show single ones.
fn largest_container(workloads: &[&TraceWork]) -> Resources {
    let mut largest = Resources::default();
    let mut include = |size: Resources| {
        largest.memory = largest.memory.max(size.memory);
        largest.vcores = largest.vcores.max(size.vcores);
    };
    for workload in workloads {
        match workload {
            TraceWork::Jobs(load) => {
                let masters = load.jobs.iter().filter_map(|job| job.application_master);
                let tasks = load.stages.iter().map(|stage| stage.each);
                masters.chain(tasks).for_each(&mut include);
            }
            TraceWork::Observations(load) => include(Resources {
                memory: Mebibytes(load.container_mib.ceil() as u64),
                vcores: VirtualCores(1),
            }),
        }
    }
    largest
}

/// The default scenario on the smallest type with room for two of the largest containers, or else
/// for one.
fn smallest_with_room(size: Resources) -> Result<(&'static str, Scenario), DefaultClusterError> {
    let table = PriceTable::shipped();
    for count in [CONTAINERS_A_NODE, 1] {
        for instance_type in INSTANCE_TYPES {
            let Ok(known) = table.instance_type(instance_type) else {
                continue;
            };
            let Ok(rates) = table.rates(instance_type, Market::OnDemand) else {
                continue;
            };
            if !known.yarn.covers(size.times(count)) {
                continue;
            }
            let mut scenario = Scenario::default();
            for group in &mut scenario.groups {
                instance_type.clone_into(&mut group.instance_type);
                group.node = known.yarn;
                group.rates = rates;
            }
            return Ok((instance_type, scenario));
        }
    }
    let instance_type = INSTANCE_TYPES[INSTANCE_TYPES.len() - 1];
    let largest = table
        .instance_type(instance_type)
        .map(|known| known.yarn)
        .unwrap_or_default();
    Err(DefaultClusterError::TooLarge {
        size,
        instance_type,
        largest,
    })
}

/// How many nodes run 95% of `demand` at once, and all of it in the time from its first to its last
/// instant, with headroom.
pub fn nodes_for(demand: &StepCurve<Resources>, node: Resources) -> u32 {
    let mut levels = quarter_hours(&nodes_needed(demand, node));
    levels.sort_by(|one, other| one.nodes.total_cmp(&other.nodes));
    let work: f64 = levels.iter().map(|level| level.nodes * level.hours).sum();
    let hours: f64 = levels.iter().map(|level| level.hours).sum();
    if work <= 0.0 {
        return 0;
    }
    // From the lowest level up: a size serves the levels below it whole, and of each level above it
    // as much as it has nodes.
    let (mut below, mut hours_left, mut at_once) = (0.0, hours, 0.0);
    for level in &levels {
        at_once = level.nodes;
        if below + level.nodes * hours_left >= SERVED_AT_ONCE * work {
            at_once = (SERVED_AT_ONCE * work - below) / hours_left;
            break;
        }
        below += level.nodes * level.hours;
        hours_left -= level.hours;
    }
    let nodes = HEADROOM * at_once.max(work / hours);
    nodes.ceil().min(f64::from(u32::MAX)) as u32
}

/// A mean number of nodes, and for how long.
struct Level {
    nodes: f64,
    hours: f64,
}

/// Means over a quarter of an hour each; a step that lasts longer is a level of its own, so that a
/// long trace with few steps gives few levels.
fn quarter_hours(needed: &StepCurve<u32>) -> Vec<Level> {
    const MS_PER_HOUR: f64 = 3_600_000.0;
    let mut levels = Vec::new();
    let (mut node_ms, mut filled_ms) = (0.0, 0_i64);
    for pair in needed.0.windows(2) {
        let nodes = f64::from(pair[0].1);
        let mut left_ms = pair[1].0.as_millis() - pair[0].0.as_millis();
        while left_ms > 0 {
            if filled_ms == 0 && left_ms >= PEAK_MS {
                let whole_ms = left_ms - left_ms % PEAK_MS;
                levels.push(Level {
                    nodes,
                    hours: whole_ms as f64 / MS_PER_HOUR,
                });
                left_ms -= whole_ms;
                continue;
            }
            let part_ms = left_ms.min(PEAK_MS - filled_ms);
            node_ms += nodes * part_ms as f64;
            filled_ms += part_ms;
            left_ms -= part_ms;
            if filled_ms == PEAK_MS {
                levels.push(Level {
                    nodes: node_ms / PEAK_MS as f64,
                    hours: PEAK_MS as f64 / MS_PER_HOUR,
                });
                (node_ms, filled_ms) = (0.0, 0);
            }
        }
    }
    if filled_ms > 0 {
        // The work of the last, shorter part may take a whole quarter of an hour.
        levels.push(Level {
            nodes: node_ms / PEAK_MS as f64,
            hours: PEAK_MS as f64 / MS_PER_HOUR,
        });
    }
    levels
}

#[cfg(test)]
mod tests;
