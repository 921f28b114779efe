//! Reader and writer together, and every way in which a file can be wrong.

mod arbitrary;

use std::io::{Cursor, Write};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use arbitrary::{jobs, observations};

use super::{TornTail, TraceError, TraceReader, TraceWriter};
use crate::observation::{MetricId, Sampled};
use crate::trace::info::Info;
use crate::trace::{FORMAT_VERSION, Header, Kind, Record};
use crate::units::Timestamp;

const JOBS: &str = r#"{"headroom_trace":1,"kind":"jobs","start":"2026-03-02T08:00:00Z"}"#;
const OBSERVATIONS: &str =
    r#"{"headroom_trace":1,"kind":"observations","start":"2026-03-02T08:00:00Z"}"#;
const JOB: &str =
    r#"{"job":{"id":"a","submit_s":5,"stages":[{"memory_mib":1024,"vcores":1,"tasks":[[2,10]]}]}}"#;
const OBSERVATION: &str = r#"{"observation":{"at":"2026-03-02T08:00:30Z","cluster":{"value":{"state":"RUNNING","groups":[]},"measured_at":"2026-03-02T08:00:30Z"}}}"#;

fn open(bytes: impl AsRef<[u8]>) -> Result<TraceReader, TraceError> {
    TraceReader::from_reader("t.trace", Cursor::new(bytes.as_ref().to_vec()))
}

fn read(bytes: impl AsRef<[u8]>) -> Result<(Vec<Record>, Option<TornTail>), TraceError> {
    let mut reader = open(bytes)?;
    let records = reader.by_ref().collect::<Result<_, _>>()?;
    Ok((records, reader.torn_tail()))
}

fn torn_tail(bytes: u64) -> TornTail {
    TornTail {
        path: "t.trace".into(),
        line: 3,
        bytes,
    }
}

fn zstd(text: &str) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.write_all(text.as_bytes()).expect("compresses");
    encoder.finish().expect("compresses")
}

#[test]
fn a_trace_is_read_plain_and_compressed_whatever_its_name() {
    let text = format!("{JOBS}\n{JOB}\n");
    let (plain, torn) = read(&text).expect("reads");
    assert_eq!((plain.len(), torn), (1, None));
    assert_eq!(read(zstd(&text)).expect("reads").0, plain);
}

#[test]
fn a_last_line_without_newline_counts_when_it_is_whole() {
    let (records, torn) = read(format!("{JOBS}\n{JOB}")).expect("reads");
    assert_eq!((records.len(), torn), (1, None));
}

#[test]
fn a_torn_last_line_is_left_out_and_reported() {
    for (header, line) in [(JOBS, JOB), (OBSERVATIONS, OBSERVATION)] {
        let (records, torn) = read(format!("{header}\n{line}\n{}", &line[..20])).expect("reads");
        assert_eq!((records.len(), torn), (1, Some(torn_tail(20))));
    }
}

#[test]
fn a_line_that_is_cut_but_ends_in_a_newline_is_an_error() {
    let error = read(format!("{JOBS}\n{}\n{JOB}\n", &JOB[..20]))
        .expect_err("malformed")
        .to_string();
    assert!(error.starts_with("t.trace:2: not a record: EOF"), "{error}");
}

#[test]
fn a_truncated_zstd_is_an_error_for_jobs() {
    let bytes = zstd(&format!("{JOBS}\n{JOB}\n"));
    let error = read(&bytes[..bytes.len() - 6]).expect_err("truncated");
    assert!(
        error.to_string().contains("truncated") && error.to_string().contains("generate it again"),
        "{error}"
    );
}

#[test]
fn a_truncated_zstd_of_observations_gives_what_was_flushed() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    writeln!(encoder, "{OBSERVATIONS}\n{OBSERVATION}").expect("compresses");
    encoder.flush().expect("flushes");
    writeln!(encoder, "{OBSERVATION}").expect("compresses");
    let bytes = encoder.finish().expect("compresses");
    let (records, torn) = read(&bytes[..bytes.len() - 5]).expect("reads");
    assert_eq!((records.len(), torn), (1, Some(torn_tail(0))));
}

fn assert_errors(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        let error = read(text).expect_err(text).to_string();
        assert!(
            error.contains(expected),
            "{text}\n  expected {expected}\n  got      {error}"
        );
    }
}

#[test]
fn an_invalid_header_or_line_is_an_error_with_its_place() {
    assert_errors(&[
        (String::new(), "t.trace: the file is empty"),
        ("\n\n".to_owned(), "t.trace: the file is empty"),
        ("job0\t1\t1".to_owned(), "t.trace:1: not a Headroom trace"),
        (r#"{"a":1}"#.to_owned(), "t.trace:1: not a Headroom trace"),
        (
            JOBS.replace(":1,", ":2,"),
            "t.trace:1: the trace has format version 2",
        ),
        (
            JOBS.replace("jobs", "tasks"),
            "t.trace:1: invalid header: unknown variant `tasks`",
        ),
        (
            JOBS.replace("start", "begin"),
            "t.trace:1: invalid header: unknown field `begin`",
        ),
        (
            format!("{JOBS}\n{OBSERVATION}\n"),
            "t.trace:2: a trace of kind jobs cannot have the record `observation`",
        ),
        (
            format!("{OBSERVATIONS}\n{JOB}\n"),
            "t.trace:2: a trace of kind observations cannot have the record `job`",
        ),
        (
            format!("{JOBS}\n{JOB}\nwhat\n{JOB}\n"),
            "t.trace:3: not a record: expected value",
        ),
        (
            format!("{JOBS}\n{}\n", JOB.replace("[2,10]", "[2,-10]")),
            "t.trace:2: not a record: -10 s is a negative time",
        ),
        (
            format!(
                "{JOBS}\n{}\n",
                JOB.replace("\"submit_s\":5", "\"submit_s\":1e300")
            ),
            "longer than a hundred years",
        ),
        (
            format!("{JOBS}\n{JOB}\n\n{}\n", JOB.replace(":5", ":4")),
            "t.trace:4: the job is submitted at 4s, before the one above it (5s)",
        ),
    ]);
}

#[test]
fn an_invalid_stage_is_an_error_with_its_place() {
    let stage = |stage: &str| {
        format!(
            r#"{JOBS}{}{{"job":{{"id":"b","submit_s":1,"stages":[{stage}]}}}}{}"#,
            "\n", "\n"
        )
    };
    assert_errors(&[
        (stage(""), "t.trace:2: the job has no stages"),
        (
            stage(r#"{"memory_mib":1,"vcores":1,"tasks":[]}"#),
            "t.trace:2: stage 0 has no tasks",
        ),
        (
            stage(r#"{"memory_mib":1,"vcores":1,"tasks":[[0,1]]}"#),
            "t.trace:2: stage 0 has no tasks",
        ),
        (
            stage(r#"{"memory_mib":0,"vcores":0,"tasks":[[1,1]]}"#),
            "t.trace:2: the tasks of stage 0 take neither",
        ),
        (
            stage(r#"{"after":[0],"memory_mib":1,"vcores":1,"tasks":[[1,1]]}"#),
            "t.trace:2: stage 0 waits for stage 0",
        ),
        (
            stage(r#"{"memory_mib":1,"vcores":1,"tasks":[[4000000000,1]]}"#),
            "t.trace:2: the job has more than 1000000000 tasks",
        ),
        (
            stage(r#"{"memory_mib":-1,"vcores":1,"tasks":[[1,1]]}"#),
            "t.trace:2: not a record: invalid value",
        ),
    ]);
}

#[test]
fn nothing_follows_an_error() {
    let mut reader = open(format!("{JOBS}\nwhat\n{JOB}\n")).expect("opens");
    assert!(matches!(reader.next(), Some(Err(_))));
    assert!(reader.next().is_none());
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing_behind_and_the_old_file_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.trace");
    std::fs::write(&path, "old").expect("written");
    let mut writer =
        TraceWriter::create(&path, &header(Kind::Jobs, String::new())).expect("creates");
    writer
        .write(&serde_json::from_str(JOB).expect("a record"))
        .expect("writes");
    drop(writer);
    assert_eq!(std::fs::read_to_string(&path).expect("reads"), "old");
    assert_eq!(folder.path().read_dir().expect("lists").count(), 1);
}

#[test]
fn a_writer_refuses_what_could_not_be_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = TraceWriter::create(
        &folder.path().join("t"),
        &header(Kind::Observations, String::new()),
    )
    .expect("creates");
    let Record::Observation(mut observation) = serde_json::from_str(OBSERVATION).expect("a record")
    else {
        panic!("an observation")
    };
    let at = observation.at;
    observation.metrics.insert(
        MetricId::new("lag"),
        Sampled {
            value: f64::NAN,
            measured_at: at,
        },
    );
    let error = writer
        .write(&Record::Observation(observation))
        .expect_err("NaN")
        .to_string();
    assert!(error.contains("metric lag is NaN"), "{error}");
    assert!(
        writer
            .write(&serde_json::from_str(JOB).expect("a record"))
            .is_err()
    );
}

#[test]
fn a_folder_that_does_not_exist_is_said() {
    let error = TraceWriter::create(
        Path::new("/nowhere/at/all/t.trace"),
        &header(Kind::Jobs, String::new()),
    )
    .err()
    .expect("fails");
    assert_eq!(
        error.to_string(),
        "/nowhere/at/all/t.trace cannot be written"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(records in prop_oneof![jobs().boxed(), observations().boxed()], source in ".*", compress: bool) {
        let kind = if matches!(records[0], Record::Job(_)) { Kind::Jobs } else { Kind::Observations };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(if compress { "t.trace.zst" } else { "t.trace" });
        let header = header(kind, source);
        write(&path, &header, &records);
        let mut reader = TraceReader::open(&path).expect("opens");
        prop_assert_eq!(reader.header(), &header);
        let read: Vec<Record> = reader.by_ref().collect::<Result<_, _>>().expect("reads");
        prop_assert_eq!(read, records);
        prop_assert_eq!(reader.torn_tail(), None);
        prop_assert!(Info::read(&path).expect("summarizes").to_string().contains(kind.as_str()));
    }

    #[test]
    fn any_beginning_of_a_journal_is_the_beginning_of_its_records(records in observations(), share in 0.0..1.0_f64, compress: bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(if compress { "t.trace.zst" } else { "t.trace" });
        write(&path, &header(Kind::Observations, String::new()), &records);
        let bytes = std::fs::read(&path).expect("reads");
        let cut = (bytes.len() as f64 * share) as usize;
        // A cut inside the header is an error of `open`; behind it, nothing is.
        if let Ok(reader) = open(&bytes[..cut]) {
            let read: Vec<Record> = reader.collect::<Result<_, _>>().expect("a beginning is no error");
            prop_assert!(records.starts_with(&read));
        }
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..300), with_header: bool, compress: bool) {
        let mut text = if with_header { format!("{OBSERVATIONS}\n").into_bytes() } else { Vec::new() };
        if compress {
            text = zstd(&String::from_utf8_lossy(&text));
        }
        text.extend(bytes);
        if let Ok(reader) = open(text) {
            reader.for_each(drop);
        }
    }
}

#[test]
fn every_beginning_of_a_plain_journal_is_read() {
    let text = format!("{OBSERVATIONS}\n{OBSERVATION}\n{OBSERVATION}\n");
    for cut in OBSERVATIONS.len()..=text.len() {
        let (records, torn) = read(&text[..cut]).expect("reads");
        let behind = text[..cut].rsplit('\n').next().unwrap_or_default();
        let whole = behind.is_empty() || behind == OBSERVATION || cut == OBSERVATIONS.len();
        assert_eq!(torn.is_none(), whole, "cut at {cut}");
        assert_eq!(
            records.len(),
            text[..cut].matches("}}}").count(),
            "cut at {cut}"
        );
    }
}

fn write(path: &Path, header: &Header, records: &[Record]) {
    let mut writer = TraceWriter::create(path, header).expect("creates");
    for record in records {
        writer.write(record).expect("writes");
    }
    writer.finish().expect("finishes");
}

fn header(kind: Kind, source: String) -> Header {
    Header {
        headroom_trace: FORMAT_VERSION,
        kind,
        start: Timestamp::from_millis(1_772_438_400_123),
        source,
        synthetic: true,
    }
}
