//! Arbitrary records for property tests.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::decision::{
    Action, Cause, Decision, HoldReason, Limiter, Outcome, Reading, Rejection, Resize, RuleReport,
    RuleState, RunsAgain,
};
use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::observation::steps::{Step, Steps};
use crate::observation::work::{
    ApplicationKind, ApplicationWork, Executors, KnownWork, StageWork, Work, WorkOrReason,
    WorkUnknown,
};
use crate::observation::*;
use crate::trace::{Job, OutcomeRecord, Record, Stage, TaskRun};
use crate::units::{Instances, Mebibytes, Percent, Resources, Timestamp, VirtualCores};

pub fn jobs() -> impl Strategy<Value = Vec<Record>> {
    vec(job(), 1..8).prop_map(|mut jobs| {
        jobs.sort_by_key(|job| job.submit);
        jobs.into_iter().map(Record::Job).collect()
    })
}

fn job() -> impl Strategy<Value = Job> {
    let master = prop::option::of((any::<u64>(), any::<u64>()))
        .prop_map(|master| master.map(|(memory, vcores)| resources(memory, vcores)));
    (
        any::<String>(),
        prop::option::of(any::<String>()),
        milliseconds(),
        master,
        vec(stage(), 1..5),
    )
        .prop_map(|(id, name, submit, application_master, mut stages)| {
            for (position, stage) in stages.iter_mut().enumerate() {
                stage.after.retain(|before| (*before as usize) < position);
            }
            Job {
                queue: None,
                user: None,
                is_step: false,
                map_reduce: None,
                id: id.into(),
                name: name.map(Arc::from),
                submit,
                application_master,
                stages,
                spark: None,
            }
        })
}

fn stage() -> impl Strategy<Value = Stage> {
    let runs = vec(
        (1..10_000_u32, milliseconds()).prop_map(|(count, duration)| TaskRun { count, duration }),
        1..4,
    );
    (vec(0..4_u32, 0..3), 1..u64::MAX, any::<u64>(), runs).prop_map(
        |(after, memory, vcores, tasks)| Stage {
            after,
            memory: Mebibytes(memory),
            vcores: VirtualCores(vcores),
            tasks,
            spark: None,
        },
    )
}

fn milliseconds() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..100_u64).prop_map(Duration::from_secs),
        (0..3_200_000_000_000_u64).prop_map(Duration::from_millis)
    ]
}

fn resources(memory: u64, vcores: u64) -> Resources {
    Resources {
        memory: Mebibytes(memory),
        vcores: VirtualCores(vcores),
    }
}

pub fn observations() -> impl Strategy<Value = Vec<Record>> {
    let record = prop_oneof![
        observation().prop_map(|observation| Record::Observation(Box::new(observation))),
        decision().prop_map(|decision| Record::Decision(Box::new(decision))),
        (timestamp(), any::<String>(), outcome()).prop_map(|(at, group, outcome)| Record::Outcome(
            OutcomeRecord {
                at,
                group: GroupId::new(group),
                outcome
            }
        )),
    ];
    vec(record, 1..8).prop_map(|mut records| {
        let mut last = Timestamp::from_millis(-1_000_000_000_000_000);
        for record in &mut records {
            if let Record::Observation(observation) = record {
                observation.at = observation.at.max(last);
                last = observation.at;
            }
        }
        records
    })
}

fn pending_limits([memory, percent, amount, ..]: [u64; 8]) -> Vec<PendingLimit> {
    let limit = |by, most| PendingLimit {
        by,
        memory_pending: Mebibytes(memory),
        vcores_pending: VirtualCores(amount),
        containers_pending: amount,
        memory_used: Mebibytes(amount),
        vcores_used: VirtualCores(amount),
        most,
    };
    let share = Percent(percent as f64 / 1e17);
    vec![
        limit(
            LimitedBy::QueueMaximum {
                queue: "adhoc".into(),
            },
            Some(MostAllowed::Share(share)),
        ),
        limit(
            LimitedBy::UserLimit {
                queue: "adhoc".into(),
            },
            Some(MostAllowed::Amount(Mebibytes(amount))),
        ),
        limit(
            LimitedBy::LargerThanNodes {
                container: Mebibytes(amount),
            },
            None,
        ),
    ]
}

fn work([memory, percent, count, ..]: [u64; 8]) -> Work {
    let application = |kind, work| ApplicationWork {
        id: "application_1_0001".into(),
        name: "etl".into(),
        queue: "adhoc".into(),
        kind,
        memory_allocated: Mebibytes(memory),
        vcores_allocated: VirtualCores(count),
        containers: count,
        work,
    };
    let known = KnownWork {
        executors: Some(Executors {
            held: memory as u32,
            needed: Some(count as u32),
            ..Executors::default()
        }),
        stages: vec![StageWork {
            id: count as u32,
            attempt: percent as u32,
            tasks_done: percent as u32,
            tasks_remaining: count as u32,
            tasks_running: percent as u32,
            task_s: Some(percent as f64 / 1e9),
            is_blocked: true,
        }],
    };
    Work::of(
        vec![
            application(ApplicationKind::Spark, WorkOrReason::Known(known)),
            application(
                ApplicationKind::MapReduce,
                WorkOrReason::Unknown(WorkUnknown::TimedOut),
            ),
        ],
        2,
    )
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (-200_000_000_000_000..200_000_000_000_000_i64).prop_map(Timestamp::from_millis)
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("JSON has no word for it", |value| value.is_finite())
}

fn observation() -> impl Strategy<Value = Observation> {
    let metrics = btree_map(any::<String>().prop_map(MetricId::new), finite(), 0..3);
    let nodes = prop::option::of(vec(
        (any::<String>(), any::<u32>(), any::<bool>(), any::<bool>()),
        0..3,
    ));
    (
        timestamp(),
        timestamp(),
        prop::option::of(any::<[u64; 8]>()),
        nodes,
        metrics,
        cluster(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(at, measured_at, yarn, nodes, metrics, cluster, paused, leader)| Observation {
                at,
                yarn: yarn.map(|numbers| Sampled {
                    value: yarn_load(numbers),
                    measured_at,
                }),
                hdfs: yarn.map(|numbers| Sampled {
                    value: HdfsLoad {
                        blocks_missing: numbers[7],
                        ..HdfsLoad::default()
                    },
                    measured_at,
                }),
                nodes: nodes.map(|nodes| Sampled {
                    value: snapshot(nodes),
                    measured_at,
                }),
                pending_limits: yarn.map(|numbers| Sampled {
                    value: pending_limits(numbers),
                    measured_at,
                }),
                work: yarn.map(|numbers| Sampled {
                    value: work(numbers),
                    measured_at,
                }),
                steps: yarn.map(|numbers| Sampled {
                    value: steps(numbers),
                    measured_at,
                }),
                metrics: metrics
                    .into_iter()
                    .map(|(id, value)| (id, Sampled { value, measured_at }))
                    .collect(),
                cluster: Sampled {
                    value: cluster,
                    measured_at,
                },
                control: Control {
                    pause: paused.then_some(Pause {
                        until: measured_at,
                        direction: Some(Direction::In),
                    }),
                    leader,
                    looks_at_nodes: false,
                    is_first: false,
                },
            },
        )
}

fn steps(numbers: [u64; 8]) -> Steps {
    let step = |number: &u64| Step {
        id: format!("s-{number}").into(),
        name: format!("step {number}").into(),
        started_at: number
            .is_multiple_of(2)
            .then(|| Timestamp::from_millis((*number % 1_000_000_000_000) as i64)),
    };
    Steps {
        concurrency: numbers[0] as u32,
        steps: numbers.iter().map(step).collect(),
    }
}

fn yarn_load(
    [
        total,
        available,
        allocated,
        pending,
        vcores,
        containers,
        released,
        apps,
    ]: [u64; 8],
) -> YarnLoad {
    YarnLoad {
        memory_total: Mebibytes(total),
        memory_available: Mebibytes(available),
        memory_allocated: Mebibytes(allocated),
        memory_pending: Mebibytes(pending),
        vcores_total: Some(VirtualCores(vcores)),
        containers_allocated: containers,
        containers_released_total: (released % 2 == 0).then_some(released),
        apps_running: apps,
        oldest_app_started_at: (apps > 0).then(|| Timestamp::from_millis(i64::from(apps as u32))),
        ..YarnLoad::default()
    }
}

fn snapshot(nodes: Vec<(String, u32, bool, bool)>) -> NodeSnapshot {
    let node = |(instance, containers, has_application_master, draining)| NodeLoad {
        instance: InstanceId::new(instance),
        group: GroupId::new("ig-1"),
        containers,
        has_application_master,
        draining,
        idle_since: (containers % 2 == 0).then(|| Timestamp::from_millis(i64::from(containers))),
        health: NodeHealth::Usable,
    };
    NodeSnapshot(nodes.into_iter().map(node).collect())
}

fn cluster() -> impl Strategy<Value = ClusterStatus> {
    let group = (
        prop::option::of(any::<String>()),
        any::<u32>(),
        any::<u32>(),
        prop::sample::select(GroupState::ALL),
        any::<bool>(),
    )
        .prop_map(|(name, requested, running, state, fleet)| GroupStatus {
            id: GroupId::new("ig-1"),
            name: name.map(Arc::from),
            role: Role::Task,
            kind: if fleet {
                GroupKind::Fleet
            } else {
                GroupKind::Group
            },
            market: Market::Spot,
            state,
            requested: Instances(requested),
            running: Instances(running),
            scaled_by_amazon: false,
            state_reason: None,
            node: (!fleet).then(|| resources(u64::from(requested), 4)),
        });
    (
        prop::sample::select(ClusterState::ALL),
        vec(group, 0..3),
        any::<u32>(),
        prop::option::of(timestamp()),
    )
        .prop_map(|(state, groups, steps_pending, idle_since)| ClusterStatus {
            state,
            groups,
            steps_pending,
            steps_running: 0,
            idle_since,
        })
}

fn decision() -> impl Strategy<Value = Decision> {
    let action = prop_oneof![
        timestamp().prop_map(|until| Action::Hold(HoldReason::CoolingDown {
            rule: RuleName::new("r"),
            until
        })),
        any::<String>().prop_map(|signal| Action::Hold(HoldReason::MissingSignal {
            signal: signal.into()
        })),
        any::<(u32, u32, bool)>().prop_map(|(from, to, by_rule)| Action::Resize(Resize {
            from: Instances(from),
            to: Instances(to),
            because: if by_rule {
                Cause::Rule(RuleName::new("r"))
            } else {
                Cause::BelowMinimum
            },
            desired: Instances(to),
            limited_by: by_rule.then_some(Limiter::Budget),
            percent_cap: None,
            protect: vec![InstanceId::new("i-1")],
            prefer: Vec::new(),
            application_masters_at_risk: 0,
            nodes_unknown: false,
        })),
    ];
    (timestamp(), 0..9_usize, action, vec(finite(), 0..3)).prop_map(
        |(at, target, action, values)| Decision {
            at,
            target,
            group: (target > 3).then(|| GroupId::new("ig-1")),
            requested: Instances(1),
            running: Instances(2),
            action,
            rules: vec![RuleReport {
                rule: RuleName::new("r"),
                state: RuleState::Pending {
                    since: at,
                    until: at,
                },
            }],
            readings: values
                .into_iter()
                .map(|value| Reading {
                    signal: "s".into(),
                    value,
                })
                .collect(),
            demand: None,
            output_wait: None,
            runs_again: (target > 6).then(|| {
                Box::new(RunsAgain {
                    stages: 3,
                    applications: vec!["etl".into()],
                    scale_in_at: at,
                })
            }),
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Accepted),
        Just(Outcome::Unknown),
        Just(Outcome::Rejected(Rejection::Throttled))
    ]
}
