use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sim::observed_work::ObservedWork;
use crate::sim::testing::{SLOT, job, load, provision, run_jobs, scenario, staged};
use crate::trace::Job;

fn at(s: f64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_secs_f64(s)
}

fn task_group() -> GroupId {
    GroupId::new("ig-task")
}

/// Three jobs, one of them in stages, on nodes that let some of it wait.
fn jobs() -> Vec<Job> {
    vec![
        job("a", 0.0, &[30.0, 45.5, 60.0]),
        staged(
            "b",
            20.0,
            &[(&[], &[10.0, 70.0]), (&[0], &[25.0, 25.0, 25.0])],
        ),
        job("c", 61.5, &[5.0; 9]),
    ]
}

proptest! {
    #[test]
    fn however_often_one_looks_the_same_happens(steps_s in prop::collection::vec(0.0..20.0_f64, 1..60)) {
        let (jobs, scenario) = (jobs(), scenario(2, 2));
        let workload = TraceWork::Jobs(load(&jobs));
        let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
        let mut now_s = 0.0;
        for step_s in steps_s {
            now_s += step_s;
            cluster.advance_to(at(now_s));
            prop_assert_eq!(cluster.now(), at(now_s));
            let containers: u64 = cluster.instances().map(|instance| instance.containers).sum();
            prop_assert_eq!(containers, cluster.yarn().containers_allocated);
            prop_assert_eq!(cluster.applications().iter().map(|application| application.containers).sum::<u64>(), containers);
        }
        cluster.advance_to(at(now_s.max(10_000.0)));
        prop_assert!(cluster.is_finished());
        let (stepped, whole) = (cluster.finish(), run_jobs(&jobs, &scenario, &[], 1));
        prop_assert_eq!(stepped.waits, whole.waits);
        prop_assert_eq!(stepped.jobs, whole.jobs);
        prop_assert_eq!(stepped.backlog_mib_h, whole.backlog_mib_h);
    }
}

#[test]
fn an_earlier_time_changes_nothing() {
    let (workload, scenario) = (TraceWork::Jobs(load(&jobs())), scenario(2, 2));
    let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
    cluster.advance_to(at(50.0));
    cluster.advance_to(at(10.0));
    assert_eq!(cluster.now(), at(50.0));
}

#[test]
fn a_resize_takes_effect_at_once_and_its_nodes_come_later() {
    let (workload, mut scenario) = (
        TraceWork::Jobs(load(&[job("a", 0.0, &[600.0; 8])])),
        scenario(1, 2),
    );
    provision(&mut scenario, 60);
    let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
    cluster
        .resize(&task_group(), Instances(3), &[], &[])
        .expect("known");
    let sizes = |cluster: &SteppedCluster<'_>| {
        cluster
            .groups()
            .map(|(_, group)| (group.requested.get(), group.running.get()))
            .next()
    };
    assert_eq!(sizes(&cluster), Some((3, 1)));
    let states: Vec<InstanceState> = cluster.instances().map(|instance| instance.state).collect();
    assert_eq!(
        states,
        [
            InstanceState::Running,
            InstanceState::Launching,
            InstanceState::Launching
        ]
    );
    cluster.advance_to(at(60.0));
    assert_eq!(sizes(&cluster), Some((3, 3)));
    assert_eq!(cluster.yarn().containers_pending, 2);
}

#[test]
fn a_scale_in_terminates_preferred_instances_and_keeps_protected_ones() {
    let (workload, scenario) = (
        TraceWork::Jobs(load(&[job("a", 0.0, &[600.0; 4])])),
        scenario(4, 1),
    );
    let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
    let ids: Vec<InstanceId> = cluster.instances().map(|instance| instance.id).collect();
    cluster
        .resize(&task_group(), Instances(2), &ids[3..], &ids[..1])
        .expect("known");
    let leaving = cluster
        .instances()
        .filter(|instance| instance.state == InstanceState::Leaving)
        .map(|instance| instance.id);
    assert_eq!(
        leaving.collect::<Vec<_>>(),
        [ids[0].clone(), ids[2].clone()]
    );
}

#[test]
fn an_unknown_group_is_refused() {
    let (workload, scenario) = (TraceWork::Jobs(load(&jobs())), scenario(2, 2));
    let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
    let other = GroupId::new("ig-other");
    assert_eq!(
        cluster.resize(&other, Instances(3), &[], &[]),
        Err(UnknownGroup(other))
    );
}

#[test]
fn applications_say_where_their_master_is_and_how_far_they_are() {
    let mut with_master = job("etl", 0.0, &[100.0, 200.0, 300.0, 400.0]);
    with_master.application_master = Some(SLOT);
    let mut waiting = job("late", 50.0, &[10.0]);
    waiting.application_master = Some(SLOT);
    let (workload, scenario) = (
        TraceWork::Jobs(load(&[with_master, waiting])),
        scenario(1, 3),
    );
    let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
    cluster.advance_to(at(150.0));
    let applications = cluster.applications();
    let node = cluster.instances().next().expect("a node").id;
    let seen: Vec<_> = applications
        .iter()
        .map(|app| {
            (
                &*app.name,
                app.master.clone(),
                app.containers,
                app.progress.get(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("etl", Master::On(node), 3, 25.0),
            ("late", Master::Waiting, 0, 0.0)
        ]
    );
    assert_eq!(cluster.submitted(), 2);
    cluster.advance_to(at(2_000.0));
    assert_eq!(
        (
            cluster.applications().len(),
            cluster.submitted(),
            cluster.is_finished()
        ),
        (0, 2, true)
    );
}

#[test]
fn a_recording_is_one_application_and_every_node_has_its_share() {
    let scenario = scenario(2, 4);
    let recorded = run_jobs(&[job("a", 0.0, &[300.0; 6])], &scenario, &[], 1);
    let mut load = ObservedWork::builder(None);
    recorded
        .observations
        .iter()
        .for_each(|observation| load.push(observation));
    let workload = TraceWork::Observations(load.finish().expect("a recording"));
    let mut cluster = SteppedCluster::new(&workload, &scenario, 1).expect("fits");
    cluster.advance_to(at(100.0));
    let (yarn, shares) = (
        cluster.yarn(),
        cluster
            .instances()
            .map(|instance| instance.containers)
            .collect::<Vec<_>>(),
    );
    assert_eq!((yarn.containers_allocated, shares), (6, vec![3, 3]));
    let applications = cluster.applications();
    assert_eq!(
        applications
            .iter()
            .map(|app| (app.containers, app.master.clone()))
            .collect::<Vec<_>>(),
        [(6, Master::None)]
    );
}
