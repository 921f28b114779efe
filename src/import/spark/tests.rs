use std::io::Cursor;

use super::super::LeftOut;
use super::*;
use crate::trace::Stage;
use crate::units::{Mebibytes, Resources, VirtualCores};

fn import_text(text: &str) -> Result<Imported, ImportError> {
    import([Source::new("app", Cursor::new(text.as_bytes().to_vec()))])
}

/// Two Spark jobs one after the other, the first with two stages, the second with one that it need
/// not run again.
const LOG: &str = include_str!("../../../tests/fixtures/traces/spark-eventlog.json");

fn durations_ms(stage: &Stage) -> Vec<(u32, u128)> {
    stage
        .tasks
        .iter()
        .map(|run| (run.count, run.duration.as_millis()))
        .collect()
}

#[test]
fn an_application_becomes_one_job() {
    let imported = import_text(LOG).expect("imports");
    let [job] = &imported.jobs[..] else {
        panic!("one job")
    };
    assert_eq!(
        (&*job.id, job.name.as_deref(), job.submit),
        ("application_1_0001", Some("report"), Duration::ZERO)
    );
    assert_eq!(
        imported.header.start,
        Timestamp::from_millis(1_700_000_000_000)
    );
    assert_eq!(
        job.application_master,
        Some(Resources {
            memory: Mebibytes(512 + 384),
            vcores: VirtualCores(1)
        })
    );
    let size = job.stages[0].each();
    assert_eq!(
        (size.memory.get(), size.vcores.get()),
        ((4096 + 410u64).div_ceil(4), 1),
        "4 GiB and 10% overhead over 4 slots"
    );
}

#[test]
fn stages_that_ran_wait_for_their_parents_and_for_the_jobs_before() {
    let stages = &import_text(LOG).expect("imports").jobs[0].stages;
    let [scan, total, second] = &stages[..] else {
        panic!("three stages ran")
    };
    assert_eq!(
        (&scan.after[..], &total.after[..], &second.after[..]),
        (&[][..], &[0][..], &[1][..])
    );
    assert_eq!(
        durations_ms(scan),
        [(1, 3_000), (2, 2_000)],
        "in the order of their launch"
    );
    assert_eq!(
        (durations_ms(total), durations_ms(second)),
        (vec![(1, 1_000)], vec![(1, 500)])
    );
}

#[test]
fn only_the_attempt_that_succeeded_first_counts() {
    let expected = [
        (1, "task attempts that failed or were killed"),
        (1, "task attempts that repeated finished work"),
    ];
    let left_out = import_text(LOG).expect("imports").left_out;
    assert_eq!(
        left_out,
        expected.map(|(count, what)| LeftOut {
            count,
            what: what.to_owned()
        })
    );
}

#[test]
fn jobs_that_ran_side_by_side_do_not_wait_for_each_other() {
    // start, end (s) of one-stage jobs; what each waits for
    type Jobs<'a> = &'a [(i64, i64)];
    type Waits<'a> = &'a [&'a [u32]];
    let cases: [(Jobs<'_>, Waits<'_>); 4] = [
        (&[(0, 10), (5, 15)], &[&[], &[]]),
        (&[(0, 10), (10, 15)], &[&[], &[0]]),
        (&[(0, 10), (10, 15), (15, 20)], &[&[], &[0], &[1]]),
        (
            &[(0, 10), (1, 12), (11, 20), (12, 30)],
            &[&[], &[], &[0], &[0, 1]],
        ),
    ];
    for (jobs, expected) in cases {
        let mut log = format!(
            "{}\n",
            LOG.lines()
                .find(|line| line.contains("ApplicationStart"))
                .expect("a start")
        );
        for (id, (start_s, end_s)) in jobs.iter().enumerate() {
            let (start_ms, end_ms) = (start_s * 1000, end_s * 1000);
            log += &format!(
                r#"{{"Event":"SparkListenerJobStart","Job ID":{id},"Submission Time":{start_ms},"Stage Infos":[{{"Stage ID":{id},"Parent IDs":[]}}]}}
{{"Event":"SparkListenerTaskEnd","Stage ID":{id},"Task End Reason":{{"Reason":"Success"}},"Task Info":{{"Task ID":1,"Index":0,"Launch Time":1,"Finish Time":2}}}}
{{"Event":"SparkListenerJobEnd","Job ID":{id},"Completion Time":{end_ms}}}
"#
            );
        }
        let imported = import_text(&log).expect("imports");
        let after: Vec<&[u32]> = imported.jobs[0]
            .stages
            .iter()
            .map(|stage| &stage.after[..])
            .collect();
        assert_eq!(after, expected, "{jobs:?}");
    }
}

#[test]
fn a_stage_takes_the_size_of_its_resource_profile() {
    let profile = r#"{"Event":"SparkListenerResourceProfileAdded","Resource Profile Id":0,"Executor Resource Requests":{"cores":{"Amount":8},"memory":{"Amount":8192},"memoryOverhead":{"Amount":2048}},"Task Resource Requests":{"cpus":{"Amount":2.0}}}"#;
    let imported = import_text(&format!("{profile}\n{LOG}")).expect("imports");
    assert_eq!(
        imported.jobs[0].stages[0].each(),
        Resources {
            memory: Mebibytes(2560),
            vcores: VirtualCores(2)
        }
    );
}

#[test]
fn a_log_that_is_still_written_loses_its_torn_line_only() {
    let imported = import_text(&LOG[..LOG.len() - 10]).expect("imports");
    assert!(imported.left_out.contains(&LeftOut {
        count: 1,
        what: "last lines that were cut off".to_owned()
    }));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let start = LOG
        .lines()
        .find(|line| line.contains("ApplicationStart"))
        .expect("a start");
    let task = r#"{"Event":"SparkListenerTaskEnd","Stage ID":1,"Task End Reason":{"Reason":"Success"},"Task Info":{"Task ID":7,"Index":0,"Launch Time":9,"Finish Time":8}}"#;
    let cases = [
        (
            format!("{start}\n{task}\n"),
            "app:2: task 7 is launched at 9 ms and finishes at 8 ms",
        ),
        (
            format!("{start}\nwhat\n"),
            "app:2: expected value (column 1); expected an event",
        ),
        ("\u{1f}garbage\n".to_owned(), "app:1: expected value"),
        (
            task.replace("\"Finish Time\":8", "\"Finish Time\":10") + "\n",
            "app: no SparkListenerApplicationStart",
        ),
        (
            format!("{start}\n"),
            "found no jobs; left out: 1 (applications without a finished task)",
        ),
    ];
    for (text, expected) in cases {
        let error = import_text(&text).expect_err(&text).to_string();
        assert!(
            error.contains(expected),
            "{text}\n  expected {expected}\n  got      {error}"
        );
    }
}
