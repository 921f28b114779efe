//! Jobs that EMR runs as steps.

use std::cell::RefCell;

use crate::observation::Observation;
use crate::sim::no_wait_demand::no_wait_demand;
use crate::sim::testing::*;
use crate::sim::trace_work::TraceWork;
use crate::trace::Job;

fn step(id: &str, submit_s: f64, tasks_s: &[f64]) -> Job {
    Job {
        is_step: true,
        name: Some(format!("load {id}").into()),
        ..job(id, submit_s, tasks_s)
    }
}

/// Two steps that are added at once, one later, and a job that is no step. Each node has two slots.
fn jobs() -> [Job; 4] {
    [
        step("a", 0.0, &[50.0]),
        step("b", 0.0, &[30.0, 20.0]),
        job("c", 10.0, &[5.0]),
        step("d", 200.0, &[5.0]),
    ]
}

#[test]
fn steps_run_one_after_the_other_and_jobs_beside_them_do_not_wait() {
    let run = run_jobs(&jobs(), &scenario(1, 2), &[], 0);
    assert_eq!(finishes(&run), [15.0, 50.0, 80.0, 205.0]);
    // The turn of a step is not a wait for room.
    assert_eq!(waits(&run), [0.0; 5]);
}

#[test]
fn emr_lists_steps_that_wait_and_yarn_knows_only_those_that_run() {
    let seen = RefCell::new(Vec::new());
    let look = |observation: &Observation| {
        let steps = &observation.steps.as_ref().expect("steps").value;
        let running = steps.running().map(|(step, since)| {
            let since_s = since.as_millis() / 1_000;
            (step.name.to_string(), since_s)
        });
        let pending = steps.pending().map(|step| step.name.to_string());
        let yarn = observation.yarn.expect("a load").value;
        let work = &observation.work.as_ref().expect("applications").value;
        seen.borrow_mut().push((
            observation.at.as_millis() / 1_000,
            running.collect::<Vec<_>>(),
            pending.collect::<Vec<_>>(),
            (yarn.apps_running, work.applications.len()),
        ));
    };
    watch_jobs(&jobs(), &scenario(1, 2), &[], 0, look);
    let seen = seen.into_inner();
    let at = |s: i64| seen.iter().find(|(at, ..)| *at == s).expect("a poll");
    let load = |id: &str| format!("load {id}");
    let (_, running, pending, apps) = at(0);
    assert_eq!(
        (running, pending),
        (&vec![(load("a"), 0)], &vec![load("b")])
    );
    assert_eq!(*apps, (1, 1));
    let (_, running, pending, apps) = at(60);
    assert_eq!((running, pending), (&vec![(load("b"), 50)], &Vec::new()));
    assert_eq!(*apps, (1, 1));
    let (_, running, _, apps) = at(90);
    assert_eq!((running.len(), *apps), (0, (0, 0)));
}

#[test]
fn if_nothing_waits_a_step_starts_when_the_one_before_it_ends() {
    let demand = no_wait_demand(&TraceWork::Jobs(load(&jobs())));
    let busy: Vec<(i64, u64)> = (demand.0.iter())
        .map(|(at, demand)| {
            let tasks = demand.memory.get() / SLOT.memory.get();
            (at.as_millis() / 1_000, tasks)
        })
        .collect();
    let expected = [
        (0, 1),
        (10, 2),
        (15, 1),
        (50, 2),
        (70, 1),
        (80, 0),
        (200, 1),
        (205, 0),
    ];
    assert_eq!(busy, expected);
}
