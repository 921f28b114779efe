use super::*;

fn stage(tasks_remaining: u32, tasks_running: u32, task_s: Option<f64>) -> StageWork {
    StageWork {
        tasks_remaining,
        tasks_running,
        task_s,
        ..StageWork::default()
    }
}

fn blocked(tasks_remaining: u32) -> StageWork {
    StageWork {
        is_blocked: true,
        ..stage(tasks_remaining, 0, None)
    }
}

fn executors(held: u32, needed: Option<u32>, most: Option<u32>) -> Executors {
    Executors {
        held,
        needed,
        most,
        slots: 2,
        memory: Mebibytes(2048),
    }
}

fn spark(executors: Executors, stages: Vec<StageWork>) -> KnownWork {
    KnownWork {
        executors: Some(executors),
        stages,
    }
}

fn application(id: &str, mib: u64, work: WorkOrReason) -> ApplicationWork {
    ApplicationWork {
        id: id.into(),
        name: "etl".into(),
        queue: "default".into(),
        kind: match work {
            WorkOrReason::Unknown(WorkUnknown::OtherFramework) => ApplicationKind::Other,
            _ => ApplicationKind::Spark,
        },
        memory_allocated: Mebibytes(mib),
        vcores_allocated: VirtualCores(1),
        containers: 1,
        work,
    }
}

#[test]
fn work_drains_as_fast_as_the_executors_run_it() {
    let held = executors(5, None, None);
    let cases = [
        // 100 tasks of 3 s, ten at a time.
        (vec![stage(100, 10, Some(3.0))], Some(30.0)),
        // Stages that run share the executors.
        (
            vec![stage(100, 5, Some(3.0)), stage(50, 5, Some(2.0))],
            Some(40.0),
        ),
        // A stage that waits comes afterwards, with tasks as long as the longest known.
        (vec![stage(100, 10, Some(3.0)), blocked(20)], Some(36.0)),
        // No stage is faster than one of its tasks.
        (vec![stage(4, 2, Some(60.0))], Some(60.0)),
        (vec![stage(100, 10, Some(3.0)), blocked(1)], Some(33.0)),
        // Those that all run have run for a while.
        (vec![stage(4, 4, Some(60.0))], Some(24.0)),
        (vec![stage(100, 0, None)], None),
        (vec![], Some(0.0)),
    ];
    for (stages, expected) in cases {
        let work = spark(held, stages.clone());
        assert_eq!(work.drain_s(), expected, "{stages:?}");
    }
}

#[test]
fn without_executors_one_task_at_a_time_is_assumed() {
    let work = spark(executors(0, None, None), vec![stage(10, 0, Some(4.0))]);
    assert_eq!(work.drain_s(), Some(40.0));
    let map_reduce = KnownWork {
        executors: None,
        stages: vec![stage(10, 5, Some(4.0))],
    };
    assert_eq!(map_reduce.drain_s(), Some(8.0));
}

#[test]
fn executors_are_needed_up_to_the_maximum_and_idle_without_tasks() {
    let stages = vec![stage(7, 3, Some(1.0)), blocked(100)];
    let needed = |executors| spark(executors, stages.clone()).executors_needed(&executors);
    assert_eq!(needed(executors(9, Some(40), Some(11))), 11);
    assert_eq!(needed(executors(9, Some(40), None)), 40);
    assert_eq!(needed(executors(9, None, None)), 4);
    assert_eq!(needed(executors(9, None, Some(3))), 3);
    let held = executors(9, None, None);
    assert_eq!(spark(held, stages.clone()).executors_idle(&held), 7);
    let none = executors(0, None, None);
    assert_eq!(spark(none, stages).executors_idle(&none), 0);
}

#[test]
fn sums_are_unknown_while_an_application_is() {
    let known = |held| {
        let work = spark(executors(held, Some(4), None), vec![stage(8, 2, Some(1.0))]);
        WorkOrReason::Known(work)
    };
    let unknown = WorkOrReason::Unknown(WorkUnknown::TimedOut);
    let other = WorkOrReason::Unknown(WorkUnknown::OtherFramework);
    let both = vec![
        application("a", 100, known(2)),
        application("b", 300, known(4)),
    ];
    let work = Work::of(both.clone(), 1);
    assert_eq!(
        work.totals,
        WorkTotals {
            drain_s: Some(2.0),
            tasks_remaining: Some(16),
            executors_needed: Some(8),
            executors_held: Some(6),
            executors_idle: Some(4),
            largest_app: Some(Percent(75.0)),
            apps_unknown: 0,
        }
    );
    let listed: Vec<&str> = work.applications.iter().map(|one| &*one.id).collect();
    assert_eq!(listed, ["b"]);
    let with = |more| [both.clone(), vec![application("c", 100, more)]].concat();
    let totals = Work::of(with(unknown), 3).totals;
    assert_eq!(totals.tasks_remaining, None);
    assert_eq!(totals.drain_s, None);
    assert_eq!(totals.executors_held, None);
    assert_eq!(totals.largest_app, Some(Percent(60.0)));
    assert_eq!(totals.apps_unknown, 1);
    assert_eq!(Work::of(with(other), 3).totals.tasks_remaining, Some(16));
}

#[test]
fn without_applications_there_is_no_work() {
    let totals = Work::of(Vec::new(), 9).totals;
    assert_eq!(totals.drain_s, Some(0.0));
    assert_eq!(totals.executors_held, Some(0));
    assert_eq!(totals.largest_app, None);
}
