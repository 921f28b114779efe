//! Queues of the capacity scheduler: their maximum, their users' limit, and whose turn it is.

use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::policy::{Limits, baselines};
use crate::sim::checks::SimError;
use crate::sim::run::Recording;
use crate::sim::scenario::{QueueSpec, Scenario, Scheduler};
use crate::sim::simulate;
use crate::sim::testing::*;
use crate::sim::trace_work::TraceWork;
use crate::trace::Job;
use crate::units::{Instances, Mebibytes, Percent, VirtualCores};

fn queue(name: &str, capacity: f64, maximum: f64, user_limit_factor: f64) -> QueueSpec {
    QueueSpec {
        name: name.into(),
        capacity: Percent(capacity),
        maximum: Percent(maximum),
        user_limit_factor,
    }
}

fn with_queues(scenario: Scenario, queues: Vec<QueueSpec>) -> Scenario {
    Scenario {
        scheduler: Scheduler::Capacity,
        queues,
        ..scenario
    }
}

fn submitted(job: Job, queue: &str, user: &str) -> Job {
    Job {
        queue: Some(queue.into()),
        user: Some(user.into()),
        ..job
    }
}

/// Ten slots: `etl` may have all of them, `adhoc` three.
fn etl_and_adhoc() -> Scenario {
    let queues = vec![
        queue("etl", 80.0, 100.0, 10.0),
        queue("adhoc", 20.0, 30.0, 10.0),
    ];
    with_queues(scenario(1, 10), queues)
}

#[test]
fn a_queue_gets_no_more_than_its_maximum() {
    let jobs = [submitted(job("a", 0.0, &[10.0; 5]), "adhoc", "ann")];
    let run = run_jobs(&jobs, &etl_and_adhoc(), &[], 0);
    assert_eq!(waits(&run), [0.0, 0.0, 0.0, 10.0, 10.0]);
}

#[test]
fn what_waits_in_one_queue_does_not_hold_back_another() {
    let jobs = [
        submitted(job("a", 0.0, &[10.0; 5]), "adhoc", "ann"),
        submitted(job("b", 1.0, &[10.0; 7]), "root.etl", "bob"),
    ];
    let run = run_jobs(&jobs, &etl_and_adhoc(), &[], 0);
    let waited = waits(&run).iter().filter(|wait| **wait > 0.0).count();
    assert_eq!(waited, 2, "those of the first queue beyond its maximum");
}

#[test]
fn the_queue_that_uses_the_least_of_its_capacity_is_served_first() {
    // Both want the whole cluster; `even` may.
    let queues = vec![
        queue("etl", 80.0, 100.0, 10.0),
        queue("adhoc", 20.0, 100.0, 10.0),
    ];
    let even = with_queues(scenario(1, 10), queues);
    let jobs = [
        submitted(job("a", 0.0, &[100.0; 10]), "adhoc", "ann"),
        submitted(job("b", 0.0, &[10.0; 8]), "etl", "bob"),
    ];
    let run = run_jobs(&jobs, &even, &[], 0);
    assert_eq!(finishes(&run)[0], 10.0, "etl has its 8 of 10 slots at once");
}

#[test]
fn a_user_beyond_the_limit_gets_nothing_more_while_others_do() {
    // The limit is 2 slots; like YARN, the scheduler stops once a user has more.
    let queues = vec![queue("default", 100.0, 100.0, 0.2)];
    let jobs = [
        submitted(job("a", 0.0, &[10.0; 5]), "default", "ann"),
        submitted(job("b", 1.0, &[10.0; 3]), "default", "bob"),
    ];
    let run = run_jobs(&jobs, &with_queues(scenario(1, 10), queues), &[], 0);
    assert_eq!(waits(&run), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 10.0]);
}

#[test]
fn application_masters_leave_room_in_their_queue_for_what_they_ask_for() {
    // Three slots of the queue: one master at a time, and the next one as soon as it is done.
    let with_master = |number: u32| Job {
        application_master: Some(SLOT),
        ..submitted(job(&number.to_string(), 0.0, &[10.0]), "adhoc", "ann")
    };
    let mut jobs: Vec<Job> = (0..6).map(with_master).collect();
    jobs.push(Job {
        application_master: Some(SLOT),
        ..submitted(job("other", 1.0, &[10.0]), "etl", "bob")
    });
    let mut cluster = etl_and_adhoc();
    cluster.yarn.application_start = seconds(5.0);
    let run = run_jobs(&jobs, &cluster, &[], 0);
    assert_eq!((run.tasks_finished, run.is_cut_off), (7, false));
    assert_eq!(
        finishes(&run)[..2],
        [15.0, 16.0],
        "the other queue does not wait"
    );
}

#[test]
fn the_engine_is_shown_what_a_queue_holds_back() {
    let jobs = [submitted(job("a", 0.0, &[100.0; 5]), "adhoc", "ann")];
    let run = run_jobs(&jobs, &etl_and_adhoc(), &[], 0);
    let limits = run.observations[1].pending_limits.clone().expect("limits");
    assert_eq!(
        limits.value,
        [PendingLimit {
            by: LimitedBy::QueueMaximum {
                queue: "adhoc".into()
            },
            memory_pending: Mebibytes(2_000),
            vcores_pending: VirtualCores(2),
            containers_pending: 2,
            memory_used: Mebibytes(3_000),
            vcores_used: VirtualCores(3),
            most: Some(MostAllowed::Share(Percent(30.0))),
        }]
    );
}

#[test]
fn of_several_users_the_engine_is_shown_what_they_may_have_together() {
    let queues = vec![queue("default", 100.0, 100.0, 0.2)];
    let jobs = [
        submitted(job("a", 0.0, &[100.0; 5]), "default", "ann"),
        submitted(job("b", 0.0, &[100.0; 4]), "default", "bob"),
        submitted(job("c", 0.0, &[100.0]), "default", "cid"),
    ];
    let run = run_jobs(&jobs, &with_queues(scenario(1, 10), queues), &[], 0);
    let limits = run.observations[1].pending_limits.clone().expect("limits");
    let limit = &limits.value[0];
    let by = LimitedBy::UserLimit {
        queue: "default".into(),
    };
    assert_eq!((&limit.by, limit.containers_pending), (&by, 3));
    assert_eq!(limit.memory_used, Mebibytes(6_000), "of ann and bob");
    assert_eq!(limit.most, Some(MostAllowed::Share(Percent(40.0))));
}

#[test]
fn following_demand_buys_nothing_for_what_a_queue_never_gives() {
    let nodes = |queues: Vec<QueueSpec>| {
        let mut cluster = scenario(1, 10);
        if !queues.is_empty() {
            cluster = with_queues(cluster, queues);
        }
        let limits = Limits::new(Instances(1), Instances(10)).expect("in order");
        let policy = baselines::find("follow-demand").expect("a baseline");
        let policy = policy.policy(limits);
        let work = TraceWork::Jobs(load(&[submitted(
            job("a", 0.0, &[600.0; 100]),
            "adhoc",
            "ann",
        )]));
        let everything = Recording {
            series: true,
            observations: false,
        };
        let run = simulate(&work, &cluster, &policy, 0, everything).expect("it fits");
        run.series
            .iter()
            .map(|point| point.requested.get())
            .max()
            .unwrap_or(0)
    };
    assert_eq!(nodes(vec![]), 10);
    let capped = vec![
        queue("etl", 80.0, 100.0, 10.0),
        queue("adhoc", 20.0, 30.0, 10.0),
    ];
    assert_eq!(nodes(capped), 3, "30% of the largest cluster");
}

#[test]
fn work_that_its_queue_can_never_run_is_refused() {
    let policy = baselines::find("fixed-max").expect("a baseline");
    let policy = policy.policy(Limits::new(Instances(1), Instances(1)).expect("in order"));
    let refused = |job: Job, scenario: &Scenario| {
        let work = TraceWork::Jobs(load(&[job]));
        simulate(&work, scenario, &policy, 0, Recording::default()).expect_err("refused")
    };
    let mut cluster = etl_and_adhoc();
    cluster.groups[0].limits = None;
    let unknown = refused(submitted(job("a", 0.0, &[1.0]), "lab", "ann"), &cluster);
    assert!(matches!(&unknown, SimError::NoQueue { queue, .. } if queue == "lab"));
    let nameless = refused(job("a", 0.0, &[1.0]), &cluster);
    assert!(matches!(&nameless, SimError::NoQueue { queue, .. } if queue == "default"));
    let mut wide = submitted(job("a", 0.0, &[1.0]), "adhoc", "ann");
    wide.stages[0].memory = Mebibytes(3_001);
    let too_large = refused(wide, &cluster);
    assert!(
        matches!(&too_large, SimError::TooLargeForQueue { most, .. } if *most == Mebibytes(3_000))
    );
    // Each fits alone, but the master holds its container.
    let mut both = submitted(job("a", 0.0, &[1.0]), "adhoc", "ann");
    both.stages[0].memory = Mebibytes(2_500);
    both.application_master = Some(SLOT);
    let too_large = refused(both, &cluster);
    assert!(
        matches!(&too_large, SimError::TooLargeForQueue { size, .. } if *size == Mebibytes(3_500))
    );
}
