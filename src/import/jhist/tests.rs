use std::io::Cursor;
use std::path::PathBuf;

use super::*;
use crate::units::{Mebibytes, VirtualCores};

const DEFAULT: Resources = Resources {
    memory: Mebibytes(1024),
    vcores: VirtualCores(1),
};

/// Histories of Hadoop 3.3.6: of the first job in JSON and of another run in binary, and of the
/// second job, which has no reduces.
const FOLDER: &str = "tests/fixtures/traces/mapreduce";
const FIRST: &str =
    include_str!("../../../tests/fixtures/traces/mapreduce/job_1795924321849_0001.jhist");
const BINARY: &[u8] =
    include_bytes!("../../../tests/fixtures/traces/mapreduce/job_1795923948356_0001.jhist");

fn import_path(name: &str) -> Imported {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(FOLDER)
        .join(name);
    let inputs = histories(&[path]).expect("found");
    let sources = inputs.iter().map(|input| Source::open(&input.pieces[0]));
    import(sources, DEFAULT).expect("imports")
}

fn import_bytes(bytes: &[u8]) -> Result<Imported, ImportError> {
    import(
        [Source::new("h.jhist", Cursor::new(bytes.to_vec()))],
        DEFAULT,
    )
}

fn tasks(job: &Job) -> Vec<u32> {
    let count = |stage: &Stage| stage.tasks.iter().map(|run| run.count).sum();
    job.stages.iter().map(count).collect()
}

#[test]
fn a_history_with_its_configuration_becomes_a_job() {
    let imported = import_path("job_1795924321849_0001.jhist");
    let [job] = &imported.jobs[..] else {
        panic!("one job")
    };
    let counted = |event: &str| FIRST.matches(&format!("{{\"type\":\"{event}\"")).count() as u32;
    assert_eq!(
        tasks(job),
        [
            counted("MAP_ATTEMPT_FINISHED"),
            counted("REDUCE_ATTEMPT_FINISHED")
        ]
    );
    assert_eq!(tasks(job), [5, 2], "what the program was asked for");
    assert_eq!(
        (&*job.id, job.name.as_deref()),
        ("job_1795924321849_0001", Some("Sleep job"))
    );
    assert_eq!(imported.header.start.as_millis(), 1_795_924_323_593);
    let memory: Vec<u64> = job.stages.iter().map(|stage| stage.memory.get()).collect();
    assert_eq!(memory, [768, 1024], "600 and 1000 MiB, in steps of 256");
    assert_eq!(
        job.application_master.map(|master| master.memory.get()),
        Some(768)
    );
    assert_eq!(job.stages[1].after, [0]);
    let slowstart = job.map_reduce.map(|map_reduce| map_reduce.slowstart);
    assert_eq!(slowstart, Some(0.05), "as Hadoop's default");
    let submitted = (job.queue.as_deref(), job.user.as_deref());
    assert_eq!(submitted, (Some("default"), Some("hadoop")));
    assert!(imported.incomplete.is_empty(), "{:?}", imported.incomplete);
}

#[test]
fn a_reduce_that_waited_for_maps_counts_from_the_end_of_the_last() {
    // The last map ends at ...337244, both reduces at ...341589 and ...341606.
    let earlier = FIRST
        .replace("\"startTime\":1795924338163", "\"startTime\":1795924330000")
        .replace("\"startTime\":1795924338183", "\"startTime\":1795924330000");
    let imported = import_bytes(earlier.as_bytes()).expect("imports");
    let reduces = &imported.jobs[0].stages[1].tasks;
    let ms: Vec<u128> = reduces.iter().map(|run| run.duration.as_millis()).collect();
    assert_eq!(ms, [341_606 - 337_244, 341_589 - 337_244]);
}

#[test]
fn the_binary_encoding_gives_the_same_as_json() {
    let imported = import_bytes(BINARY).expect("imports");
    assert_eq!(tasks(&imported.jobs[0]), [5, 2]);
    assert_eq!(&*imported.jobs[0].id, "job_1795923948356_0001");
    // A map sleeps for 1.5 s, a reduce for 0.8 s; starting and stopping takes a few seconds more.
    let stages = &imported.jobs[0].stages;
    for (stage, least_ms) in stages.iter().zip([1500, 800]) {
        for run in &stage.tasks {
            let ms = run.duration.as_millis();
            assert!((least_ms..30_000).contains(&ms), "{ms} ms");
        }
    }
}

#[test]
fn a_folder_means_every_history_in_it() {
    let imported = import_path("");
    let ids: Vec<&str> = imported.jobs.iter().map(|job| &*job.id).collect();
    assert_eq!(
        ids,
        [
            "job_1795923948356_0001",
            "job_1795924321849_0001",
            "job_1795924321849_0002"
        ]
    );
    assert_eq!(tasks(&imported.jobs[2]), [3], "without reduces");
    let [only] = &imported.incomplete[..] else {
        panic!("{:?}", imported.incomplete)
    };
    assert!(
        only.contains("job_1795923948356_0001_conf.xml is missing"),
        "{only}"
    );
}

#[test]
fn failed_and_repeated_attempts_are_left_out() {
    let finished = FIRST
        .lines()
        .find(|line| line.starts_with(r#"{"type":"MAP_ATTEMPT_FINISHED""#))
        .expect("an attempt");
    let failed = finished
        .replace("MAP_ATTEMPT_FINISHED", "MAP_ATTEMPT_FAILED")
        .replace("MapAttemptFinished", "TaskAttemptUnsuccessfulCompletion");
    let imported = import_bytes(FIRST.replace(finished, &failed).as_bytes()).expect("imports");
    assert_eq!(tasks(&imported.jobs[0]), [4, 2]);
    assert_eq!(imported.left_out[0].count, 1);
}

#[test]
fn a_history_that_is_still_written_is_incomplete() {
    for whole in [FIRST.as_bytes(), BINARY] {
        let imported = import_bytes(&whole[..whole.len() - 100]).expect("imports");
        assert_eq!(tasks(&imported.jobs[0]), [5, 2]);
        let is_named = |text: &String| text.contains("the job had not ended");
        assert!(
            imported.incomplete.iter().any(is_named),
            "{:?}",
            imported.incomplete
        );
    }
}

#[test]
fn every_beginning_and_every_damage_of_a_history_is_read_or_refused() {
    for whole in [FIRST.as_bytes(), BINARY] {
        for length in (0..whole.len()).step_by(997) {
            let _ = import_bytes(&whole[..length]);
        }
        for position in (0..whole.len()).step_by(499) {
            let mut damaged = whole.to_vec();
            damaged[position] ^= 0x55;
            let _ = import_bytes(&damaged);
        }
    }
}

#[test]
fn another_kind_of_file_is_refused_with_what_was_expected() {
    for (bytes, expected) in [
        (&b"{}"[..], "expected a job history"),
        (b"Avro-Json\n{}\n\n", "no event JOB_SUBMITTED"),
        (b"Avro-Json\n{}\nwhat\n", "h.jhist:3: expected value"),
        (b"Avro-Binary\nwhat\n", "h.jhist:2: expected value"),
        (b"<configuration/>", "does not say whose it is"),
    ] {
        let error = import_bytes(bytes).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
