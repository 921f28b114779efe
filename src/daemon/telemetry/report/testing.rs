//! Ticks of a real engine on a scripted cluster, for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::sources::call::Call;
use crate::daemon::telemetry::cost::CostReport;
use crate::daemon::telemetry::report::{Phases, ResizeAnswer, Source, SourceReport, TickReport};
use crate::decision::{Action, DemandReport, Outcome, Resource};
use crate::engine::Engine;
use crate::engine::testing::{Scene, task_group};
use crate::observation::{MetricId, Sampled};
use crate::policy::Policy;
use crate::policy::parse::parse;
use crate::units::{Mebibytes, Timestamp, Usd};

const POLICY: &str = "
name: by-the-book
poll: 30s
metrics:
  queue: { namespace: App, metric_name: Depth, period: 1m }
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    rules:
      - name: memory-short
        when: yarn_memory_available_percent < 15 or queue > 100
        for: 5m
        then: { grow: 5 }
      - name: memory-idle
        when: avg(yarn_memory_available_percent, 1m) > 75
        then: { shrink: 1 }
";

pub fn policy() -> Policy {
    parse(POLICY, "book.yaml").expect("a policy")
}

/// The demand of a cluster that lacks ten units.
pub fn demand() -> DemandReport {
    DemandReport {
        memory_pending_mib: Mebibytes(310 * 1_024),
        units_allocated: 4.0,
        units_pending: 31.0,
        units_served: 19.0,
        units_remaining: 12.0,
        units_for_remaining: 10.0,
        capacity_factor: 1.0,
        units_needed: 14,
        units_put_off: 0,
        needs_empty_node: false,
        units_kept: 4,
        units_surplus: 0,
        units_forecast: Some(9),
        expected: vec![],
        units_others: 2,
        units_unusable: 0,
        units_lacking: 0,
        units_not_replaced: 0,
        units_asked_back: 0,
        held_back: vec![],
        units_held_back: 0.0,
        units_desired: 14,
        units_possible: None,
        binding: Resource::Memory,
        offers: vec![],
        unit_vcores: Some(4.0),
        unit_memory_mib: Mebibytes(10 * 1_024),
        patience_s: 40.0,
        provisioning_s: 400.0,
        container_lifetime_s: Some(55.0),
        keep_idle_s: 900.0,
        days_known: 3,
        known: None,
    }
}

/// A loop without a network.
pub struct Rig {
    pub scene: Scene,
    pub queue: Option<f64>,
    pub outcome: Outcome,
    engine: Engine,
}

impl Rig {
    /// Four task instances, half of the memory available, nothing in the queue.
    pub fn new(start: Timestamp) -> Self {
        let mut scene = Scene::new(vec![task_group(4)]);
        scene.at = start;
        Self {
            scene,
            queue: Some(0.0),
            outcome: Outcome::Accepted,
            engine: Engine::new(policy()),
        }
    }

    /// Advances the clock by 30 s and runs a tick.
    pub fn tick(&mut self) -> TickReport {
        self.scene.at = self.scene.at + Duration::from_secs(30);
        let at = self.scene.at;
        let mut observation = self.scene.observation();
        let queue = self.queue.map(|value| {
            (
                MetricId::new("queue"),
                Sampled {
                    value,
                    measured_at: at,
                },
            )
        });
        observation.metrics = queue.into_iter().collect::<BTreeMap<_, _>>();
        let decisions = self.engine.step(&observation);
        let resized = decisions
            .iter()
            .filter(|decision| matches!(decision.action, Action::Resize(_)));
        let answer = |group: &crate::observation::GroupId| ResizeAnswer {
            group: group.clone(),
            outcome: self.outcome,
            message: None,
        };
        let answers: Vec<ResizeAnswer> = resized
            .filter_map(|decision| decision.group.as_ref())
            .map(answer)
            .collect();
        answers
            .iter()
            .for_each(|answer| self.engine.note(&answer.group, answer.outcome));
        let seen = observation.yarn.as_ref().map(|yarn| yarn.measured_at);
        let source = |source, measured_at| SourceReport {
            source,
            measured_at,
            allowance: Duration::from_secs(90),
            error: None,
        };
        TickReport {
            observation,
            decisions,
            answers,
            shadows: Vec::new(),
            sources: vec![
                source(Source::YarnLoad, seen),
                source(Source::Emr, Some(at)),
                source(Source::CloudWatch, Some(at)),
            ],
            calls: vec![Call {
                operation: "metrics",
                result: "ok",
                took: Duration::from_millis(7),
            }],
            took: Phases {
                observe: Duration::from_millis(9),
                ..Phases::default()
            },
            next_wakeup: self.engine.next_wakeup(),
            cost: CostReport {
                usd_per_hour: Some(1.5),
                total_usd: Usd(0.25),
                unpriced: Vec::new(),
            },
            journal_bytes: 4_096,
        }
    }
}
