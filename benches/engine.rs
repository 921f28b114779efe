//! `Engine::step` for a target with ten rules, and for a demand that follows the work of twenty
//! applications: `cargo bench --bench engine`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use headroom::engine::Engine;
use headroom::observation::work::{
    ApplicationKind, ApplicationWork, Executors, KnownWork, StageWork, Work, WorkOrReason,
};
use headroom::observation::{
    ClusterState, ClusterStatus, Control, GroupId, GroupKind, GroupState, GroupStatus, Market,
    Observation, Role, Sampled, YarnLoad,
};
use headroom::policy::parse::parse;
use headroom::units::{Instances, Mebibytes, Timestamp, VirtualCores};

/// Ten rules with thresholds, arithmetic, and, or, not. None of them fires, so that every step
/// evaluates all of them.
const TEN_RULES: &str = "
name: ten-rules
targets:
  - group: { role: task }
    limits: { min: 0, max: 100 }
    rules:
      - { name: r1, when: yarn_memory_available_percent < 15, for: 5m, then: { grow: 5 } }
      - { name: r2, when: yarn_memory_available_percent < 5, for: 1m, then: { grow: 10 } }
      - { name: r3, when: yarn_container_pending_ratio > 0.75, for: 5m, then: { grow: 5 }, cooldown: 5m }
      - { name: r4, when: yarn_vcores_available_percent < 10 and yarn_apps_pending > 0, for: 2m, then: { grow: 20% } }
      - { name: r5, when: yarn_memory_pending_mib > 2 * yarn_memory_available_mib, for: 5m, then: { grow: 3 } }
      - { name: r6, when: not (yarn_nodes_active > 1), for: 10m, then: { set: 4 } }
      - { name: r7, when: yarn_memory_available_percent > 90 and yarn_containers_pending == 0, for: 3m, then: { shrink: 3 }, cooldown: 5m }
      - { name: r8, when: yarn_vcores_available_percent > 90 and yarn_containers_pending == 0, for: 3m, then: { shrink: 3 }, cooldown: 5m }
      - { name: r9, when: emr_idle_seconds > 30m or yarn_apps_running == 0, for: 30m, then: { set: min } }
      - { name: r10, when: yarn_containers_allocated < 10 and yarn_containers_pending == 0, for: 15m, then: { shrink: 25% } }
";

fn observation(at: Timestamp) -> Observation {
    let yarn = YarnLoad {
        memory_total: Mebibytes(122_880),
        memory_available: Mebibytes(61_440),
        memory_allocated: Mebibytes(61_440),
        memory_pending: Mebibytes(6_144),
        vcores_total: Some(VirtualCores(40)),
        vcores_available: Some(VirtualCores(20)),
        vcores_allocated: Some(VirtualCores(20)),
        vcores_pending: Some(VirtualCores(2)),
        containers_allocated: 20,
        containers_pending: 2,
        apps_running: 3,
        nodes: headroom::observation::NodesByState {
            active: 10,
            ..Default::default()
        },
        ..YarnLoad::default()
    };
    let group = |id: &str, role, size| GroupStatus {
        id: GroupId::new(id),
        name: None,
        role,
        kind: GroupKind::Group,
        market: Market::OnDemand,
        state: GroupState::Running,
        requested: Instances(size),
        running: Instances(size),
        scaled_by_amazon: false,
        state_reason: None,
        node: None,
    };
    let groups = vec![
        group("ig-core", Role::Core, 2),
        group("ig-task", Role::Task, 8),
    ];
    let cluster = ClusterStatus {
        state: ClusterState::Running,
        groups,
        steps_pending: 0,
        steps_running: 0,
        idle_since: None,
    };
    Observation {
        at,
        yarn: Some(Sampled {
            value: yarn,
            measured_at: at,
        }),
        hdfs: None,
        nodes: None,
        pending_limits: None,
        work: None,
        steps: None,
        metrics: BTreeMap::new(),
        cluster: Sampled {
            value: cluster,
            measured_at: at,
        },
        control: Control::default(),
    }
}

fn step(criterion: &mut Criterion) {
    let policy = parse(TEN_RULES, "ten-rules.yaml").expect("a valid policy");
    let mut engine = Engine::new(policy);
    let mut observed = observation(Timestamp::EPOCH);
    criterion.bench_function("Engine::step, 10 rules", |bencher| {
        bencher.iter(|| {
            let at = observed.at + Duration::from_secs(30);
            observed.at = at;
            observed.cluster.measured_at = at;
            observed
                .yarn
                .iter_mut()
                .for_each(|yarn| yarn.measured_at = at);
            black_box(engine.step(black_box(&observed)))
        });
    });
}

/// Twenty Spark applications with 1,000 tasks left in each, in a stage that runs and one that waits.
fn twenty_applications() -> Work {
    let application = |number: u32| {
        let stage = |id, tasks_done, tasks_remaining, tasks_running, is_blocked| StageWork {
            id,
            attempt: 0,
            tasks_done,
            tasks_remaining,
            tasks_running,
            task_s: (tasks_done > 0).then_some(30.0 + f64::from(number)),
            is_blocked,
        };
        let known = KnownWork {
            executors: Some(Executors {
                held: 2,
                needed: Some(200),
                most: Some(100),
                slots: 4,
                memory: Mebibytes(6_144),
            }),
            stages: vec![stage(1, 100, 800, 8, false), stage(2, 0, 200, 0, true)],
        };
        ApplicationWork {
            id: format!("application_1_{number:04}").into(),
            name: "etl".into(),
            queue: "default".into(),
            kind: ApplicationKind::Spark,
            memory_allocated: Mebibytes(14_336),
            vcores_allocated: VirtualCores(9),
            containers: 3,
            work: WorkOrReason::Known(known),
        }
    };
    Work::of((0..20).map(application).collect(), 20)
}

fn known_work(criterion: &mut Criterion) {
    let policy = "
name: follow
demand: { min: 2, max: 200, performance_index: 45 }
targets:
  - group: { role: task }
";
    let policy = parse(policy, "follow.yaml").expect("a valid policy");
    let mut engine = Engine::new(policy);
    let mut observed = observation(Timestamp::EPOCH);
    if let Some(yarn) = &mut observed.yarn {
        yarn.value.memory_available = Mebibytes(0);
        yarn.value.memory_allocated = yarn.value.memory_total;
        yarn.value.memory_pending = Mebibytes(1_000 * 6_144);
        yarn.value.containers_pending = 1_000;
    }
    let mut work = twenty_applications();
    criterion.bench_function(
        "Engine::step, demand, 20 applications, 20,000 tasks",
        |bencher| {
            bencher.iter(|| {
                let at = observed.at + Duration::from_secs(30);
                observed.at = at;
                observed.cluster.measured_at = at;
                if let Some(yarn) = &mut observed.yarn {
                    yarn.measured_at = at;
                }
                // One more task of each is done, so that ages and times are learned.
                for application in &mut work.applications {
                    if let WorkOrReason::Known(known) = &mut application.work {
                        known.stages[0].tasks_done += 1;
                    }
                }
                observed.work = Some(Sampled {
                    value: work.clone(),
                    measured_at: at,
                });
                black_box(engine.step(black_box(&observed)))
            });
        },
    );
}

criterion_group!(benches, step, known_work);
criterion_main!(benches);
