use std::cell::RefCell;
use std::path::Path;

use super::narrator::Narrator;
use super::*;
use crate::decision::{Action, Outcome};
use crate::sim::job_work::JobWork;
use crate::trace::journal::TraceReader;
use crate::trace::{Job, Record, Stage, TaskRun};
use crate::units::{Mebibytes, Timestamp, VirtualCores};

const POLICY: &str = "
name: quick
targets:
  - group: { role: task }
    limits: { min: 0, max: 6 }
    rules:
      - { name: waiting, when: yarn_containers_pending > 0, for: 1m, then: { set: max } }
      - { name: idle, when: yarn_memory_available_percent > 50, for: 2m, then: { set: min } }
";

/// Two jobs of 24 tasks of ten minutes, half an hour apart, on a cluster whose two core nodes run
/// eight at a time.
fn workload() -> Arc<TraceWork> {
    let job = |id: &str, submit_s| Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: id.into(),
        name: None,
        submit: Duration::from_secs(submit_s),
        application_master: None,
        stages: vec![Stage {
            after: vec![],
            memory: Mebibytes(2_048),
            vcores: VirtualCores(1),
            tasks: vec![TaskRun {
                count: 24,
                duration: Duration::from_secs(600),
            }],
            spark: None,
        }],
        spark: None,
    };
    Arc::new(TraceWork::Jobs(
        JobWork::from_jobs(Timestamp::EPOCH, &[job("first", 0), job("second", 2_700)])
            .expect("valid jobs"),
    ))
}

fn plan(folder: &Path, policy: &str) -> Plan {
    let file = folder.join("policy.yaml");
    std::fs::write(&file, policy).expect("writes");
    Plan {
        name: "two-jobs".into(),
        workload: workload(),
        scenario: Scenario::default(),
        policy: file,
        seed: 1,
        speed: 500,
        at_most: None,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        state_dir: folder.join("state"),
    }
}

#[tokio::test]
async fn the_daemon_scales_the_simulated_cluster_until_all_work_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let rehearsal = Rehearsal::start(plan(folder.path(), POLICY))
        .await
        .expect("starts");
    let mut narrator = Narrator::new(rehearsal.policy());
    let journal = rehearsal.journal().clone();
    let metrics = format!("{}/metrics", rehearsal.status_url());
    let told = RefCell::new(Vec::new());
    let sizes = RefCell::new(Vec::new());
    let on_tick = |report: &TickReport| {
        told.borrow_mut()
            .extend(narrator.lines(report).into_iter().map(|line| line.text));
        for decision in &report.decisions {
            if let Action::Resize(resize) = &decision.action {
                sizes.borrow_mut().push(resize.to.get());
            }
        }
        assert!(
            report
                .answers
                .iter()
                .all(|answer| answer.outcome == Outcome::Accepted),
            "{:?}",
            report.answers
        );
        let released = report
            .observation
            .yarn
            .as_ref()
            .and_then(|yarn| yarn.value.containers_released_total);
        assert!(
            released.is_some(),
            "the turnover is seen, as in the simulator"
        );
    };
    let (rehearsed, scraped) = tokio::join!(
        rehearsal.run(std::future::pending(), on_tick),
        scrape(&metrics)
    );
    let Rehearsed { ending, run } = rehearsed.expect("runs");

    assert_eq!(
        (ending, run.tasks_finished, run.tasks_rerun),
        (Ending::WorkDone, 48, 0)
    );
    assert_eq!(
        sizes.borrow()[..3],
        [6, 0, 6],
        "out for the first job, in, out for the second"
    );
    assert_eq!(
        run.resizes as usize,
        sizes.borrow().len(),
        "what was decided was done, once"
    );
    assert!(
        told.borrow()
            .iter()
            .any(|line| line == "task: 6 nodes joined, 6 running"),
        "{told:?}"
    );
    assert!(scraped.contains("headroom_"), "{scraped}");
    assert_eq!(resizes_in(&journal), sizes.into_inner());
}

/// What a server answers to a GET.
async fn scrape(url: &str) -> String {
    let answer = reqwest::get(url).await.expect("an answer");
    String::from_utf8(answer.bytes().await.expect("a body").to_vec()).expect("UTF-8")
}

/// Sizes that the decisions of a journal went to.
fn resizes_in(journal: &Path) -> Vec<u32> {
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(journal).expect("a folder") {
        for record in TraceReader::open(&entry.expect("an entry").path()).expect("a trace") {
            if let Record::Decision(decision) = record.expect("a record")
                && let Action::Resize(resize) = decision.action
            {
                sizes.push(resize.to.get());
            }
        }
    }
    sizes
}

#[tokio::test]
async fn a_rehearsal_ends_when_its_time_is_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan {
        at_most: Some(Duration::from_secs(300)),
        ..plan(folder.path(), POLICY)
    };
    let rehearsed = Rehearsal::start(plan)
        .await
        .expect("starts")
        .run(std::future::pending(), |_| {})
        .await
        .expect("runs");
    assert_eq!(rehearsed.ending, Ending::TimeUp);
    let lasted = rehearsed.run.end.since(rehearsed.run.start);
    assert!(
        Duration::from_secs(300) <= lasted && lasted < Duration::from_secs(600),
        "{lasted:?}"
    );
}

#[tokio::test]
async fn a_policy_that_reads_what_applications_say_can_be_rehearsed() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = POLICY.replace("yarn_containers_pending > 0", "work_tasks_remaining > 8");
    let job = r#"{"id":"mr","submit_s":0,"application_master":{"memory_mib":1024,"vcores":1},"map_reduce":{"slowstart":0.05},
        "stages":[{"memory_mib":2048,"vcores":1,"tasks":[[24,900]]},{"after":[0],"memory_mib":2048,"vcores":1,"tasks":[[2,60]]}]}"#;
    let job: Job = serde_json::from_str(job).expect("a job");
    let work = JobWork::from_jobs(Timestamp::EPOCH, &[job]).expect("a valid job");
    let plan = Plan {
        workload: Arc::new(TraceWork::Jobs(work)),
        ..plan(folder.path(), &policy)
    };
    let rehearsed = Rehearsal::start(plan)
        .await
        .expect("starts")
        .run(std::future::pending(), |_| {})
        .await
        .expect("runs");
    assert_eq!(rehearsed.ending, Ending::WorkDone);
    assert_eq!(
        rehearsed.run.instances.len(),
        2 + 6,
        "it grew to its maximum"
    );
}

#[tokio::test]
async fn a_rehearsal_that_is_stopped_leaves_what_happened_so_far() {
    let folder = tempfile::tempdir().expect("a folder");
    let rehearsal = Rehearsal::start(plan(folder.path(), POLICY))
        .await
        .expect("starts");
    let rehearsed = rehearsal
        .run(std::future::ready(()), |_| {})
        .await
        .expect("runs");
    assert_eq!(
        (
            rehearsed.ending,
            rehearsed.run.tasks_finished,
            rehearsed.run.tasks_total
        ),
        (Ending::Stopped, 0, 48)
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusal = async |plan| {
        Rehearsal::start(plan)
            .await
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let other_group = POLICY.replace("role: task", "name: other");
    let said = refusal(plan(folder.path(), &other_group)).await;
    assert!(
        said.contains("no group of scenario `default` matches the target `name: other`"),
        "{said}"
    );

    let mut fleet = plan(folder.path(), POLICY);
    fleet.scenario.groups[0].kind = GroupKind::Fleet;
    let said = refusal(fleet).await;
    assert!(
        said.starts_with("group `core` of scenario `default` is a fleet"),
        "{said}"
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address");
    let said = refusal(Plan {
        listen,
        ..plan(folder.path(), POLICY)
    })
    .await;
    assert!(
        said.starts_with(&format!("cannot listen on {listen}")) && said.contains("--listen"),
        "{said}"
    );
    assert!(!folder.path().join("state").exists());
}
