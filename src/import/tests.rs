//! What holds for every importer: garbage is refused, the public recordings give their known
//! figures, the documentation is right.

use std::io::Cursor;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::trace::info::JobTotals;
use crate::trace::journal::TraceReader;
use crate::trace::{Job, Record};

fn every_importer(bytes: &[u8]) -> [Result<Imported, ImportError>; 6] {
    let source = || [Source::new("input", Cursor::new(bytes.to_vec()))];
    [
        swim::import(source(), &swim::Options::default()),
        rumen::import(source(), &rumen::Options::default()),
        spark::import(source()),
        csv::import(source(), &csv::Options::default()),
        jhist::import(source(), rumen::Options::default().each),
        yarn_apps::import(source()),
    ]
}

fn whole_trace(imported: &Imported) -> Vec<Job> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.trace.zst");
    imported
        .clone()
        .write(&path)
        .expect("what was imported can be written");
    let job = |record| match record {
        Ok(Record::Job(job)) => job,
        other => panic!("{other:?}"),
    };
    TraceReader::open(&path).expect("opens").map(job).collect()
}

const FIXTURES: [&str; 7] = [
    "job0\t5\t5\t268435457\t0\t1\njob1\t9\t4\t0\t0\t0\n",
    include_str!("../../tests/fixtures/traces/rumen.json"),
    include_str!("../../tests/fixtures/traces/sls.json"),
    include_str!("../../tests/fixtures/traces/spark-eventlog.json"),
    include_str!("../../tests/fixtures/traces/mapreduce/job_1795924321849_0002.jhist"),
    include_str!("../../tests/fixtures/yarn/apps-finished.json"),
    "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\na,0,0,,2,5,1024,1\na,0,1,0,1,5,1024,1\n",
];

proptest! {
    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..300)) {
        for imported in every_importer(&bytes).into_iter().flatten() {
            whole_trace(&imported);
        }
    }

    /// A recording with some bytes changed is refused, or gives a trace that can be written and
    /// read.
    #[test]
    fn a_damaged_recording_gives_an_error_or_a_whole_trace(fixture in 0..FIXTURES.len(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let mut bytes = FIXTURES[fixture].as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for imported in every_importer(&bytes).into_iter().flatten() {
            prop_assert_eq!(whole_trace(&imported), imported.jobs);
        }
    }
}

#[test]
fn every_fixture_is_taken_by_one_importer() {
    for fixture in FIXTURES {
        assert_eq!(
            every_importer(fixture.as_bytes())
                .iter()
                .filter(|result| result.is_ok())
                .count(),
            1,
            "{fixture}"
        );
    }
}

#[test]
fn a_compressed_recording_is_taken_too_and_a_cut_one_is_not() {
    let compressed = zstd::encode_all(FIXTURES[0].as_bytes(), 3).expect("compresses");
    assert!(every_importer(&compressed)[0].is_ok());
    let error = every_importer(&compressed[..compressed.len() - 4])[0]
        .as_ref()
        .expect_err("cut")
        .to_string();
    assert!(
        error.starts_with("input:") && error.contains("cannot read further"),
        "{error}"
    );
}

/// The known figures of public recordings, on machines that have them.
#[test]
fn public_recordings_give_their_known_figures() {
    let Some(shared) = std::env::var_os("HEADROOM_SHARED").map(PathBuf::from) else {
        return;
    };
    let source = |path: &str| [Source::open(&shared.join("data").join(path))];

    let swim = swim::import(
        source("swim/FB-2009_samples_24_times_1hr_0.tsv"),
        &swim::Options::default(),
    )
    .expect("imports");
    let totals = JobTotals::of(&swim.jobs);
    assert_eq!(
        (
            totals.jobs,
            totals.tasks,
            (totals.core_hours * 100.0).round()
        ),
        (5_892, 41_310, 77_865.0)
    );
    assert_eq!(swim.left_out[0].count, 2);
    assert_eq!(whole_trace(&swim), swim.jobs);

    let rumen = rumen::import(
        source("rumen/2jobs2min-rumen-jh.json"),
        &rumen::Options::default(),
    )
    .expect("imports");
    let totals = JobTotals::of(&rumen.jobs);
    assert_eq!((totals.jobs, totals.tasks), (2, 192));

    let spark = spark::import(source("spark-event-logs/nds_q72_dataproc.zstd")).expect("imports");
    let totals = JobTotals::of(&spark.jobs);
    assert_eq!(
        (totals.tasks, (totals.core_hours * 3600.0).round()),
        (13_504, 8_597.0)
    );
    assert_eq!(whole_trace(&spark), spark.jobs);
}

/// The blocks of docs/traces.md that are fenced as this language.
fn documented(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let behind_fences = include_str!("../../docs/traces.md")
        .split(fence.as_str())
        .skip(1);
    behind_fences
        .filter_map(|text| text.split_once("```").map(|(block, _)| block.to_owned()))
        .collect()
}

#[test]
fn the_documented_examples_are_right() {
    let traces: Vec<Vec<Record>> = documented("jsonl")
        .into_iter()
        .map(|text| {
            TraceReader::from_reader("docs", Cursor::new(text))
                .expect("opens")
                .collect::<Result<_, _>>()
                .expect("reads")
        })
        .collect();
    assert_eq!(
        traces.iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 1, 3, 1]
    );

    let [table] = &documented("csv")[..] else {
        panic!("one CSV example")
    };
    let [_, _, _, imported, _, _] = every_importer(table.as_bytes());
    let Record::Job(documented) = &traces[0][0] else {
        panic!("a job")
    };
    // CSV knows no application masters.
    assert_eq!(
        imported.expect("imports").jobs,
        [Job {
            application_master: None,
            ..documented.clone()
        }]
    );
}
