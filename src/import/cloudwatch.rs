//! Saved replies of CloudWatch's GetMetricData (`aws cloudwatch get-metric-data`) with the metrics of
//! a cluster. They become a trace of observations, as `headroom record cloudwatch` makes it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::error::{ImportError, malformed, unusable};
use super::gather::{Gathered, LeftOut, Notes, gather};
use super::source::Source;
use crate::cluster_history::{History, METRICS, Part, missing, observations};
use crate::observation::Observation;
use crate::trace::journal::{TraceError, TraceWriter, json_problem};
use crate::trace::{FORMAT_VERSION, Header, Kind, Record};
use crate::units::display_duration;

/// The most text of one reply: a year of 30 metrics, one point a minute, has 1 GiB.
const REPLY_MIB: u64 = 512;

/// The periods between two points: at least, and if there is only one.
const ONE_MINUTE_S: i64 = 60;
const FIVE_MINUTES_S: i64 = 300;

/// An imported trace of observations.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedHistory {
    /// The header of the trace.
    pub header: Header,
    /// The observations, at least one, in the order of their time.
    pub observations: Vec<Observation>,
    /// The time between two observations.
    pub step: Duration,
    /// Everything in the sources that the trace does not contain.
    pub left_out: Vec<LeftOut>,
    /// The sources that cannot be used and were left out: the place and the reason of each.
    pub unusable: Vec<String>,
    /// The sources of which points are missing: the place and the reason of each.
    pub incomplete: Vec<String>,
}

impl ImportedHistory {
    /// Writes the trace atomically, replacing an older file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(self, path: &Path) -> Result<(), TraceError> {
        let mut writer = TraceWriter::create(path, &self.header)?;
        for observation in self.observations {
            writer.write(&Record::Observation(Box::new(observation)))?;
        }
        writer.finish()
    }
}

/// Imports replies; several, such as the pages of a long history, become one history.
///
/// # Errors
/// When no file can be used, the metrics of YARN's memory, containers or applications are missing, or
/// two results have the same metric.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
) -> Result<ImportedHistory, ImportError> {
    let gathered = gather(sources, read)?;
    let Gathered {
        parts,
        names,
        notes,
    } = gathered;
    let (history, step) = History::of(&parts).on_native_grid(period(&parts));
    let observations = observations(&history, step);
    let has_yarn = observations
        .iter()
        .any(|observation| observation.yarn.is_some());
    let Some(first) = observations.first().filter(|_| has_yarn) else {
        let missing = missing(&history).join(", ");
        return Err(ImportError::NoObservations { missing });
    };
    let header = Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Observations,
        start: first.at,
        source: format!(
            "CloudWatch's reply {names}, means of {}. Estimated: pending memory (pending containers times the mean size of a running one). \
             Not known: vcores, released containers, steps, the market of the instances (written as on-demand).",
            display_duration(step)
        ),
        synthetic: false,
    };
    Ok(ImportedHistory {
        header,
        observations,
        step,
        left_out: notes.left_out.into_items(),
        unusable: notes.unusable,
        incomplete: notes.incomplete,
    })
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "MetricDataResults")]
    results: Vec<MetricResult>,
}

#[derive(Deserialize)]
struct MetricResult {
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(rename = "Label", default)]
    label: String,
    #[serde(rename = "Timestamps", default)]
    timestamps: Vec<Instant>,
    #[serde(rename = "Values", default)]
    values: Vec<f64>,
    #[serde(rename = "StatusCode")]
    status: Option<String>,
}

/// RFC 3339, or seconds since the epoch (`cli_timestamp_format = wire`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Instant {
    Text(jiff::Timestamp),
    Seconds(f64),
}

impl Instant {
    fn seconds(&self) -> i64 {
        match self {
            Self::Text(instant) => instant.as_second(),
            Self::Seconds(seconds) => *seconds as i64,
        }
    }
}

fn read(source: Source, notes: &mut Notes) -> Result<Part, ImportError> {
    let (path, input, meter) = source.metered(REPLY_MIB);
    let mut part = Part::new();
    let mut labels: BTreeMap<&str, String> = BTreeMap::new();
    for reply in serde_json::Deserializer::from_reader(input).into_iter::<Reply>() {
        meter.begin_record();
        let reply = reply.map_err(|error| {
            let problem = format!(
                "{}; expected the JSON of `aws cloudwatch get-metric-data`",
                json_problem(&error)
            );
            malformed(&path, error.line().max(1) as u64, problem)
        })?;
        for result in reply.results {
            let Some(metric) = metric_of(&result.label).or_else(|| metric_of(&result.id)) else {
                notes
                    .left_out
                    .add(1, "results of metrics that an observation does not have");
                continue;
            };
            let label = labels.entry(metric).or_insert_with(|| result.label.clone());
            if *label != result.label {
                let problem = format!(
                    "two results have the metric {metric} ({label:?} and {:?}); fetch one cluster and one statistic at a time",
                    result.label
                );
                return Err(unusable(&path, problem));
            }
            if result.status.as_deref() == Some("PartialData") {
                notes.incomplete.push(format!(
                    "{}: CloudWatch had more points of {metric} (PartialData); fetch the next pages, too",
                    path.display()
                ));
            }
            let times = result.timestamps.iter().map(Instant::seconds);
            part.entry(metric.to_owned())
                .or_default()
                .extend(times.zip(result.values));
        }
    }
    Ok(part)
}

/// The metric that a label or id names: alone, after the dimension's value, or with the first letter
/// in lower case, as ids have it.
fn metric_of(text: &str) -> Option<&'static str> {
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.find_map(|word| {
        METRICS
            .into_iter()
            .find(|metric| metric.eq_ignore_ascii_case(word))
    })
}

/// The time between two points of a metric.
fn period(parts: &[Part]) -> Duration {
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (metric, points) in parts.iter().flatten() {
        let seconds = points.iter().map(|(seconds, _)| *seconds);
        times.entry(metric).or_default().extend(seconds);
    }
    let steps = times.into_values().filter_map(|mut seconds| {
        seconds.sort_unstable();
        seconds.dedup();
        let steps = seconds
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]));
        steps.min()
    });
    let step = steps.min().unwrap_or(FIVE_MINUTES_S).max(ONE_MINUTE_S);
    Duration::from_secs(step.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// What the AWS command line printed of a half hour of a cluster with two nodes.
    const RECORDED: &str = include_str!("../../tests/fixtures/traces/metric-data.json");

    fn import_text(text: &str) -> Result<ImportedHistory, ImportError> {
        let bytes = Cursor::new(text.as_bytes().to_vec());
        import([Source::new("m.json", bytes)])
    }

    #[test]
    fn each_period_of_a_reply_is_an_observation() {
        let imported = import_text(RECORDED).expect("imports");
        assert_eq!(imported.observations.len(), 6);
        assert_eq!(imported.step, Duration::from_secs(300));
        let pending: Vec<u64> = imported
            .observations
            .iter()
            .filter_map(|observation| Some(observation.yarn.as_ref()?.value.memory_pending.get()))
            .collect();
        assert_eq!(pending, [0, 0, 4 * 2048, 8 * 2048, 0, 0]);
        assert_eq!(imported.left_out, []);
    }

    #[test]
    fn metrics_are_named_by_label_or_id() {
        for (text, expected) in [
            ("MemoryTotalMB", Some("MemoryTotalMB")),
            ("j-2AXXXXXXGAPLF MemoryTotalMB", Some("MemoryTotalMB")),
            ("memoryTotalMB", Some("MemoryTotalMB")),
            ("m1", None),
            ("MemoryTotal", None),
        ] {
            assert_eq!(metric_of(text), expected, "{text}");
        }
    }

    #[test]
    fn times_may_be_seconds_and_pages_be_in_several_replies() {
        let page = |from: i64| {
            let of = |metric: &str| {
                format!(
                    r#"{{"Id":"a","Label":"{metric}","Timestamps":[{from},{}],"Values":[1,2],"StatusCode":"Complete"}}"#,
                    from + 60
                )
            };
            let metrics = [
                "MemoryTotalMB",
                "MemoryAvailableMB",
                "MemoryAllocatedMB",
                "ContainerAllocated",
                "ContainerPending",
                "AppsRunning",
                "AppsPending",
            ];
            format!(r#"{{"MetricDataResults":[{}]}}"#, metrics.map(of).join(","))
        };
        let both = format!("{}\n{}", page(1_700_000_040), page(1_700_000_160));
        let imported = import_text(&both).expect("imports");
        assert_eq!(
            (imported.observations.len(), imported.step.as_secs()),
            (4, 60)
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let memory = r#"{"Id":"a","Label":"MemoryTotalMB","Timestamps":[5],"Values":[1]}"#;
        for (text, expected) in [
            (
                format!(r#"{{"MetricDataResults":[{memory}]}}"#),
                "no observation has YARN's load; missing: MemoryAvailableMB",
            ),
            (
                format!(
                    r#"{{"MetricDataResults":[{memory},{}]}}"#,
                    memory.replace("Memory", "j-2 Memory")
                ),
                "two results have the metric MemoryTotalMB",
            ),
            ("{}".to_owned(), "missing field `MetricDataResults`"),
        ] {
            let error = import_text(&text).expect_err(&text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
