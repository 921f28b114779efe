//! Recognizes recordings of other tools, to name the command that makes a trace of them.

use std::io::Read;
use std::path::Path;

use super::inputs::files;
use super::source::Source;

/// What is read of a file to recognize it.
const FIRST_BYTES: u64 = 64 << 10;

/// How many files of a folder are looked at.
const FILES_MAX: usize = 20;

/// A kind of recording, and the importer for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What it is, with its article: "a Spark event log".
    pub what: &'static str,
    /// The importer: the word after `headroom import`.
    pub importer: &'static str,
}

/// The kind of a file, judged by its beginning, or of the first file of a folder that has one.
/// `None` if it is none of those that can be imported, or cannot be read.
pub fn recognize(path: &Path) -> Option<Recording> {
    let files = files(&[path.to_owned()]).ok()?;
    files.iter().take(FILES_MAX).find_map(|path| of_file(path))
}

fn of_file(path: &Path) -> Option<Recording> {
    let source = Source::open(path).ok()?;
    let mut first = Vec::new();
    // What was read before an error is enough.
    let _ = source.input.take(FIRST_BYTES).read_to_end(&mut first);
    of_text(&String::from_utf8_lossy(&first))
}

const REST: &str = "a reply of Spark's REST service";

/// Marks of the JSON formats, in the order in which they are tried: all marks of a row must be there.
const MARKS: [(&[&str], &str, &str); 10] = [
    (
        &["\"Event\"", "\"SparkListener"],
        "a Spark event log",
        "spark",
    ),
    (&["\"job.tasks\""], "an input of Hadoop's SLS", "rumen"),
    (
        &["\"am.type\"", "\"job."],
        "an input of Hadoop's SLS",
        "rumen",
    ),
    (
        &["\"workloads\"", "\"num_jobs\""],
        "a synthetic workload of Hadoop's SLS",
        "rumen",
    ),
    (
        &["\"jobID\"", "\"submitTime\""],
        "a Rumen job history",
        "rumen",
    ),
    (
        &["\"jobID\"", "\"mapTasks\""],
        "a Rumen job history",
        "rumen",
    ),
    (
        &["\"MetricDataResults\""],
        "a reply of CloudWatch",
        "cloudwatch",
    ),
    (
        &["\"memorySeconds\"", "\"vcoreSeconds\""],
        "a list of YARN's applications",
        "yarn-apps",
    ),
    (
        &["\"stageId\"", "\"numCompleteTasks\""],
        REST,
        "history-server",
    ),
    (&["\"sparkProperties\""], REST, "history-server"),
];

fn of_text(text: &str) -> Option<Recording> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let recording = |what, importer| Some(Recording { what, importer });
    if text.starts_with("Avro-Json") || text.starts_with("Avro-Binary") {
        return recording("a MapReduce job history", "jhist");
    }
    if text.starts_with(['{', '[']) {
        let compact: String = text.split_whitespace().collect();
        let (_, what, importer) = MARKS
            .iter()
            .find(|(marks, ..)| marks.iter().all(|mark| compact.contains(mark)))?;
        return recording(what, importer);
    }
    let line = text.lines().next()?;
    // Columns of paths may be empty.
    let tabs: Vec<&str> = line.trim_end().split('\t').collect();
    let is_number = |column: &&str| column.trim().parse::<f64>().is_ok();
    if (6..=8).contains(&tabs.len()) && tabs[1..6].iter().all(is_number) {
        return recording("a SWIM workload", "swim");
    }
    let columns: Vec<&str> = line.split(',').map(str::trim).collect();
    if columns.contains(&"job") && columns.contains(&"submit_s") {
        return recording("a CSV file of jobs", "csv");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_kind_is_recognized_by_its_beginning() {
        let fixture = |name: &str| {
            PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures")
                .join(name)
        };
        for (name, importer) in [
            ("traces/spark-eventlog.json", "spark"),
            ("traces/spark/words.lz4", "spark"),
            ("traces/spark", "spark"),
            ("traces/rumen.json", "rumen"),
            ("traces/sls.json", "rumen"),
            ("traces/mapreduce", "jhist"),
            ("yarn/apps-finished.json", "yarn-apps"),
            ("yarn/apps.json", "yarn-apps"),
            ("traces/metric-data.json", "cloudwatch"),
            ("traces/spark-rest/stages.json", "history-server"),
            ("traces/spark-rest", "history-server"),
        ] {
            let recording = recognize(&fixture(name));
            assert_eq!(recording.map(|r| r.importer), Some(importer), "{name}");
        }
        let of = |text| of_text(text).map(|recording| recording.importer);
        assert_eq!(of("job0\t5\t5\t268435457\t0\t1\n"), Some("swim"));
        assert_eq!(of("job0\t5\t5\t1\t0\t1\t/in\t/out\n"), Some("swim"));
        assert_eq!(of("job0\t5\t5\t1\t0\t1\tinputPath1\t\t\n"), Some("swim"));
        assert_eq!(of("job,submit_s,stage,after\n"), Some("csv"));
        assert_eq!(
            of("{\n \"num_jobs\": 10,\n \"workloads\": []}"),
            Some("rumen")
        );
    }

    #[test]
    fn other_files_are_not() {
        for text in [
            "",
            "name: mine\n",
            "{\"headroom_trace\":1}\n",
            "a,b,c\n",
            "{}",
            "a\tb\n",
        ] {
            assert_eq!(of_text(text), None, "{text:?}");
        }
        assert_eq!(recognize(Path::new("missing")), None);
    }
}
