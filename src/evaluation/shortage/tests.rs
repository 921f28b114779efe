use super::*;
use crate::observation::GroupKind;
use crate::sim::job_work::JobWork;
use crate::sim::scenario::Scenario;
use crate::sim::trace_work::TraceWork;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Mebibytes, VirtualCores};

/// A job of `count` tasks of an hour, each a core.
fn job(count: u32) -> TraceWork {
    let job = Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: "job".into(),
        name: None,
        submit: Duration::ZERO,
        application_master: None,
        stages: vec![Stage {
            after: vec![],
            memory: Mebibytes(1_024),
            vcores: VirtualCores(1),
            tasks: vec![TaskRun {
                count,
                duration: Duration::from_secs(3_600),
            }],
            spark: None,
        }],
        spark: None,
    };
    TraceWork::Jobs(JobWork::from_jobs(Timestamp::EPOCH, &[job]).expect("valid"))
}

fn shortage(workload: &TraceWork, policies: &[Candidate]) -> Option<Shortage> {
    let scenario = Scenario::default();
    let testbed = Testbed::new("t".into(), workload, &scenario).expect("something to scale");
    let trials = testbed
        .compare(policies, 1..2, Recording::default(), || ())
        .expect("simulates");
    testbed.shortage(policies, &trials, 1).expect("simulates")
}

fn fixed(nodes: u32) -> Candidate {
    let group = Scenario::default().groups[1].id.clone();
    let limits = Limits::exactly(Instances(nodes));
    Candidate::of(FIXED_MAX.policy_for(limits, &Selector::Id(group), GroupKind::Group))
}

#[test]
fn a_cluster_that_could_serve_the_work_is_not_too_small_whatever_the_policies_do() {
    assert_eq!(shortage(&job(88), &[fixed(20)]), None);
    assert_eq!(shortage(&job(88), &[fixed(1)]), None, "a bad policy");
}

#[test]
fn a_size_that_would_do_is_found_and_does() {
    let workload = job(880);
    let found = shortage(&workload, &[fixed(20), Candidate::transient_per_job()]);
    let found = found.expect("22 nodes need ten hours for one hour's work");
    assert_eq!((found.max_nodes, found.late_s), (20, 9.0 * 3_600.0));
    let enough = found.enough_nodes.expect("more nodes help");
    assert_eq!(shortage(&workload, &[fixed(enough)]), None);
}

#[test]
fn a_policy_whose_own_limits_are_large_enough_shows_that_the_work_can_be_served() {
    assert_eq!(shortage(&job(880), &[fixed(20), fixed(250)]), None);
}
