use std::io::{Cursor, Write};

use super::*;
use crate::import::LeftOut;
use crate::trace::{SparkStage, Stage, TaskRun};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

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
        ((4096 + 409u64).div_ceil(4), 1),
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

/// `text` with gzip, as far as it would be on the disk while it is written.
fn half_written(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("compresses");
    gzip.flush().expect("flushes");
    gzip.get_ref().clone()
}

#[test]
fn a_compressed_log_that_is_still_written_is_read_as_far_as_it_goes() {
    let torn = &LOG[..LOG.len() - 10];
    let source = Source::new("app", Cursor::new(half_written(torn)));
    let imported = import([source]).expect("imports");
    let plain = import_text(torn).expect("imports");
    assert_eq!(imported.jobs, plain.jobs);
    assert_eq!(imported.left_out, plain.left_out);
    assert_eq!(imported.incomplete, plain.incomplete);
    let rolled = Source::new("events_1", Cursor::new(half_written(torn)))
        .map(|first| first.followed_by(std::iter::once(Source::new("events_2", Cursor::new("")))));
    let error = import([rolled]).expect_err("a damaged file in the middle");
    assert!(error.is_early_end(), "{error}");
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

/// The log with another application id, attempt and time of submission.
fn log_of(id: &str, attempt: u32, submit_ms: u64) -> String {
    LOG.replace(
        r#""App ID":"application_1_0001","Timestamp":1700000000000"#,
        &format!(r#""App ID":"{id}","App Attempt ID":"{attempt}","Timestamp":{submit_ms}"#),
    )
}

fn import_all(logs: &[(&str, &str)]) -> Result<Imported, ImportError> {
    import(
        logs.iter()
            .map(|(name, log)| Source::new(name, Cursor::new(log.as_bytes().to_vec()))),
    )
}

fn without_end(log: &str) -> String {
    let lines = log.lines();
    let kept = lines.filter(|line| !line.contains("ApplicationEnd"));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_application_in_several_logs_is_one_job() {
    let start_ms = 1_700_000_000_000;
    let (first, second) = (log_of("a", 1, start_ms), log_of("a", 2, start_ms + 60_000));
    let running = without_end(&second);
    let imported = import_all(&[
        ("a_2.inprogress", &running),
        ("a_2", &second),
        ("copy/a_2", &second),
        ("a_1", &first),
        ("b", &log_of("b", 1, start_ms)),
    ])
    .expect("imports");
    let ids: Vec<&str> = imported.jobs.iter().map(|job| &*job.id).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(
        imported.jobs[0].submit,
        Duration::ZERO,
        "when the first attempt was submitted"
    );
    let left_out = imported.left_out.iter().map(|item| item.count);
    assert_eq!(
        left_out.take(2).collect::<Vec<_>>(),
        [2, 1],
        "two logs of the attempt that counts, and another attempt: {:?}",
        imported.left_out
    );
    assert!(imported.incomplete.is_empty(), "{:?}", imported.incomplete);
}

#[test]
fn the_last_attempt_with_finished_tasks_counts() {
    let first = log_of("a", 1, 0);
    let second: String = log_of("a", 2, 9)
        .lines()
        .filter(|line| !line.contains("TaskEnd"))
        .map(|line| format!("{line}\n"))
        .collect();
    let imported = import_all(&[("a_2", &second), ("a_1", &first)]).expect("imports");
    assert_eq!(imported.jobs.len(), 1);
}

#[test]
fn applications_without_an_id_that_only_share_their_name_stay_apart() {
    let unnamed = |start: u32| {
        log_of("", 1, start.into()).replace(r#""App ID":"","App Attempt ID":"1","#, "")
    };
    let (first, second) = (unnamed(5), unnamed(6));
    let imported = import_all(&[("x", &first), ("y", &second), ("z", &second)]).expect("imports");
    let ids: Vec<&str> = imported.jobs.iter().map(|job| &*job.id).collect();
    assert_eq!(ids, ["report", "report-2"]);
}

#[test]
fn a_log_without_the_end_of_its_application_is_incomplete() {
    let imported = import_text(&without_end(LOG)).expect("imports");
    let [only] = &imported.incomplete[..] else {
        panic!("{:?}", imported.incomplete)
    };
    assert!(
        only.starts_with("app: the application had not ended"),
        "{only}"
    );
}

#[test]
fn a_log_that_cannot_be_used_is_left_out_and_named() {
    let broken = LOG.replace(r#"{"Event":"SparkListenerJobEnd","Job ID":0"#, "{bad");
    let imported = import_all(&[("empty", ""), ("good", LOG), ("broken", &broken)]);
    let imported = imported.expect("imports");
    assert_eq!(imported.jobs.len(), 1);
    let [empty, broken] = &imported.unusable[..] else {
        panic!("{:?}", imported.unusable)
    };
    assert!(empty.starts_with("empty: the file is empty"), "{empty}");
    assert!(broken.starts_with("broken:12: "), "{broken}");
}

#[test]
fn if_no_log_can_be_used_the_import_fails_with_the_reason() {
    let only = import_all(&[("empty", "")]).expect_err("one").to_string();
    assert!(only.starts_with("empty: the file is empty"), "{only}");
    let all = import_all(&[("a", "x\n"), ("b", "")])
        .expect_err("two")
        .to_string();
    assert!(
        all.contains("2 (files that cannot be used); the first: a:1: "),
        "{all}"
    );
}

#[test]
fn the_files_of_a_rolling_log_are_read_one_after_the_other_each_with_its_lines() {
    let (first, second) = LOG.split_at(
        LOG.find(r#"{"Event":"SparkListenerJobEnd""#)
            .expect("an end"),
    );
    let rolled = |second: String| {
        let next = Source::new("events_2", Cursor::new(second.into_bytes()));
        let first = Source::new("events_1", Cursor::new(first.as_bytes().to_vec()));
        import([Ok(first.expect("opens").followed_by(std::iter::once(next)))])
    };
    let whole = import_text(LOG).expect("imports");
    assert_eq!(rolled(second.to_owned()).expect("imports").jobs, whole.jobs);
    let error = rolled("\nbad\n".to_owned())
        .expect_err("a bad line")
        .to_string();
    assert!(error.starts_with("events_2:2: "), "{error}");
}

/// The log with each event changed.
fn edited(change: impl Fn(&mut serde_json::Value)) -> String {
    let events = LOG.lines().map(|line| {
        let mut event: serde_json::Value = serde_json::from_str(line).expect("an event");
        change(&mut event);
        format!("{event}\n")
    });
    events.collect()
}

fn on_executors(imported: &Imported) -> Vec<SparkStage> {
    let stages = imported.jobs[0].stages.iter();
    stages
        .map(|stage| stage.spark.expect("on executors"))
        .collect()
}

#[test]
fn stages_keep_the_pauses_of_the_driver_and_what_executors_hold_of_them() {
    let log = edited(|event| {
        let of_stage = event["Stage ID"].as_u64();
        if event["Event"] == "SparkListenerTaskEnd" && of_stage == Some(0) {
            event["Task Type"] = "ShuffleMapTask".into();
        }
        if event["Event"] == "SparkListenerStageSubmitted" {
            event["Stage Info"]["Submission Time"] = 1_700_000_001_200_u64.into();
            event["Stage Info"]["RDD Info"] =
                serde_json::json!([{ "Storage Level": { "Use Memory": true } }]);
        }
    });
    let imported = import_text(&log).expect("imports");
    let [scan, total, second] = on_executors(&imported)[..] else {
        panic!("three stages ran")
    };
    assert_eq!(
        scan,
        SparkStage {
            job: 0,
            pause: Duration::from_millis(1_200),
            executor: 0,
            shuffle_output: true,
            cached: true,
        }
    );
    assert_eq!((total.job, second.job), (0, 1));
    assert!(!total.shuffle_output && !total.cached);
    let spark = imported.jobs[0].spark.as_ref().expect("executors");
    assert_eq!(spark.end_pause, Duration::from_millis(500));
}

#[test]
fn what_only_executors_need_may_be_missing_in_a_log() {
    let log = edited(|event| {
        if event["Event"] == "SparkListenerApplicationEnd" {
            *event = serde_json::json!({ "Event": "SparkListenerApplicationEnd" });
        }
        event["Task Type"] = serde_json::Value::Null;
        if event["Event"] == "SparkListenerStageSubmitted" {
            event["Stage Info"]["RDD Info"] = serde_json::Value::Null;
        }
    });
    let imported = import_text(&log).expect("imports");
    let tasks = |imported: &Imported| -> Vec<Vec<TaskRun>> {
        let stages = imported.jobs[0].stages.iter();
        stages.map(|stage| stage.tasks.clone()).collect()
    };
    assert_eq!(tasks(&imported), tasks(&import_text(LOG).expect("imports")));
    assert!(imported.incomplete.is_empty(), "{:?}", imported.incomplete);
}
