//! Following demand, as its users rely on it.

mod growth;
mod held_back;
mod learned;
mod node_sizes;
mod properties;
mod stands;

use super::*;
use crate::decision::DemandReport;
use crate::observation::{NodesByState, YarnLoad};

/// Memory of a node in these tests.
const NODE_MIB: u64 = 1_024;

fn following(demand: &str) -> Policy {
    parsed(&format!(
        "name: follow\ndemand: {{ {demand} }}\ntargets:\n  - group: {{ role: task }}\n"
    ))
}

/// Two core nodes, and a task group whose new units come 390 s after they were asked for.
struct Cluster {
    engine: Engine,
    scene: Scene,
    released: u64,
    asked_at_s: i64,
}

/// What runs and waits, in nodes.
#[derive(Clone, Copy, Debug)]
struct Work {
    allocated: f64,
    pending: f64,
    /// Containers released since the last tick, of which four fill a node.
    released: u64,
}

impl Cluster {
    fn new(policy: Policy, task: u32) -> Self {
        Self {
            engine: started(policy, vec![core_group(2), task_group(task)]),
            scene: Scene::new(vec![core_group(2), task_group(task)]),
            released: 0,
            asked_at_s: 0,
        }
    }

    fn observation(&mut self, s: i64, work: Option<Work>) -> Observation {
        self.scene.at = second(s);
        let mut observation = self.scene.observation();
        let nodes = self
            .scene
            .groups
            .iter()
            .map(|group| u64::from(group.running.get()))
            .sum::<u64>();
        observation.yarn = work.map(|work| {
            self.released += work.released;
            let mib = |nodes: f64| Mebibytes((nodes * NODE_MIB as f64) as u64);
            let value = YarnLoad {
                memory_total: Mebibytes(nodes * NODE_MIB),
                memory_allocated: mib(work.allocated),
                memory_available: Mebibytes(nodes * NODE_MIB) - mib(work.allocated),
                memory_pending: mib(work.pending),
                containers_allocated: (work.allocated * 4.0) as u64,
                containers_pending: (work.pending * 4.0) as u64,
                containers_released_total: Some(self.released),
                nodes: NodesByState {
                    active: nodes as u32,
                    ..NodesByState::default()
                },
                ..YarnLoad::default()
            };
            Sampled {
                value,
                measured_at: self.scene.at,
            }
        });
        observation
    }

    /// One tick; EMR accepts what was decided.
    fn tick(&mut self, s: i64, work: Option<Work>) -> Decision {
        let group = &mut self.scene.groups[1];
        if s >= self.asked_at_s + 390 {
            group.running = group.requested;
        }
        let observation = self.observation(s, work);
        let decision = self.engine.step(&observation).remove(0);
        if let Action::Resize(resize) = &decision.action {
            let group = &mut self.scene.groups[1];
            (group.requested, group.running) = (resize.to, group.running.min(resize.to));
            self.asked_at_s = s;
            self.engine.note(&group.id.clone(), Outcome::Accepted);
        }
        decision
    }

    fn report(&mut self, s: i64, work: Work) -> Box<DemandReport> {
        self.tick(s, Some(work))
            .demand
            .expect("the demand is known")
    }

    fn size(&self) -> u32 {
        self.scene.groups[1].requested.get()
    }
}

fn busy(allocated: f64, pending: f64) -> Work {
    Work {
        allocated,
        pending,
        released: 0,
    }
}
