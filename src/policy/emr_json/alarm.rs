//! A `CloudWatchAlarmDefinition` as a condition.
//!
//! An alarm is on when the statistic of each of the last `EvaluationPeriods` periods is past the
//! threshold. A metric has one value per period, measured at its end, so n values span n - 1
//! periods: that is the rule's `for`. Where a built-in signal means the same as the metric, the
//! condition uses its average, minimum or maximum over a sliding window of one period.

use std::fmt::{self, Display};

use super::document::Alarm;
use super::notes::Notes;
use crate::policy::diagnostic::nearest;
use crate::policy::document::{
    ConditionText, DurationText, Entries, MetricDocument, NameLike, StatisticText, UnitText,
};
use crate::policy::resolve;
use crate::policy::scalar::LONGEST;
use crate::policy::signal::{Signal, Unit};
use crate::policy::yaml::At;

const EMR_NAMESPACE: &str = "AWS/ElasticMapReduce";
const CLUSTER_DIMENSION: &str = "JobFlowId";
const AMAZONS_CLUSTER_ID: &str = "${emr.clusterId}";
const CLUSTER_ID: &str = "${cluster_id}";
/// What EMR publishes besides the metrics that built-in signals stand for (EMR Management Guide,
/// "Monitoring Amazon EMR metrics with CloudWatch").
const OTHER_METRICS: [&str; 36] = [
    "AppsCompleted",
    "AppsFailed",
    "AppsKilled",
    "AppsSubmitted",
    "CapacityRemainingGB",
    "CoreNodesPending",
    "CoreNodesRunning",
    "CorruptBlocks",
    "DfsPendingReplicationBlocks",
    "HDFSBytesRead",
    "HDFSBytesWritten",
    "HbaseBackupFailed",
    "IsIdle",
    "JobsFailed",
    "JobsRunning",
    "LiveDataNodes",
    "LiveTaskTrackers",
    "MRRebootedNodes",
    "MRTotalNodes",
    "MapSlotsOpen",
    "MapTasksRemaining",
    "MapTasksRunning",
    "MostRecentBackupDuration",
    "MultiMasterInstanceGroupNodesRequested",
    "MultiMasterInstanceGroupNodesRunning",
    "MultiMasterInstanceGroupNodesRunningPercentage",
    "PendingDeletionBlocks",
    "ReduceSlotsOpen",
    "ReduceTasksRemaining",
    "ReduceTasksRunning",
    "S3BytesRead",
    "S3BytesWritten",
    "TaskNodesPending",
    "TaskNodesRunning",
    "TimeSinceLastSuccessfulBackup",
    "TotalLoad",
];
/// CloudWatch's shorter periods, in seconds; all others are whole minutes, up to a day.
const SHORT_PERIODS_S: [i64; 5] = [1, 5, 10, 20, 30];
const DAY_S: i64 = 86_400;
/// As many minutes as a year has.
const MOST_PERIODS: i64 = 366 * 1_440;

const OPERATORS: [(&str, &str); 4] = [
    ("GREATER_THAN_OR_EQUAL", ">="),
    ("GREATER_THAN", ">"),
    ("LESS_THAN", "<"),
    ("LESS_THAN_OR_EQUAL", "<="),
];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Statistic {
    ours: &'static str,
    /// The function that computes it from a signal's samples.
    window: Option<&'static str>,
}

const AVERAGE: Statistic = Statistic {
    ours: "average",
    window: Some("avg"),
};
const STATISTICS: [(&str, Statistic); 5] = [
    (
        "SAMPLE_COUNT",
        Statistic {
            ours: "samplecount",
            window: None,
        },
    ),
    ("AVERAGE", AVERAGE),
    (
        "SUM",
        Statistic {
            ours: "sum",
            window: None,
        },
    ),
    (
        "MINIMUM",
        Statistic {
            ours: "minimum",
            window: Some("min"),
        },
    ),
    (
        "MAXIMUM",
        Statistic {
            ours: "maximum",
            window: Some("max"),
        },
    ),
];

/// CloudWatch's units, and those of ours that mean the same.
const UNITS: [(&str, Option<&str>); 27] = [
    ("NONE", Some("number")),
    ("SECONDS", Some("seconds")),
    ("MICRO_SECONDS", None),
    ("MILLI_SECONDS", None),
    ("BYTES", None),
    ("KILO_BYTES", None),
    ("MEGA_BYTES", None),
    ("GIGA_BYTES", None),
    ("TERA_BYTES", None),
    ("BITS", None),
    ("KILO_BITS", None),
    ("MEGA_BITS", None),
    ("GIGA_BITS", None),
    ("TERA_BITS", None),
    ("PERCENT", Some("percent")),
    ("COUNT", Some("number")),
    ("BYTES_PER_SECOND", None),
    ("KILO_BYTES_PER_SECOND", None),
    ("MEGA_BYTES_PER_SECOND", None),
    ("GIGA_BYTES_PER_SECOND", None),
    ("TERA_BYTES_PER_SECOND", None),
    ("BITS_PER_SECOND", None),
    ("KILO_BITS_PER_SECOND", None),
    ("MEGA_BITS_PER_SECOND", None),
    ("GIGA_BITS_PER_SECOND", None),
    ("TERA_BITS_PER_SECOND", None),
    ("COUNT_PER_SECOND", Some("per_second")),
];

/// When a rule acts.
pub struct Trigger {
    pub when: At<ConditionText>,
    pub for_duration: Option<At<DurationText>>,
}

/// What an alarm watches.
#[derive(Clone, PartialEq)]
struct Metric {
    namespace: String,
    name: String,
    dimensions: Vec<(String, String)>,
    statistic: &'static str,
    period_s: u64,
    unit: &'static str,
}

/// The metrics that alarms watch and no signal stands for, under the names that conditions use.
#[derive(Default)]
pub struct Metrics(Vec<(String, Metric)>);

/// The alarm of one rule, under the path of its fields.
pub struct Reader<'a> {
    pub alarm: &'a Alarm,
    pub path: String,
    /// The cluster that the document names.
    pub cluster: Option<&'a str>,
    pub notes: &'a mut Notes,
    pub metrics: &'a mut Metrics,
}

impl Reader<'_> {
    pub fn read(&mut self) -> Option<Trigger> {
        let alarm = self.alarm;
        let operator = self.notes.one_of(
            self.at("ComparisonOperator"),
            &alarm.comparison_operator,
            &OPERATORS,
        );
        let periods = alarm.evaluation_periods.as_ref().map_or(Some(1), |at| {
            self.notes
                .whole(self.at("EvaluationPeriods"), at, 1..=MOST_PERIODS)
        });
        let period_s = self.period_s();
        let threshold = self.notes.number(self.at("Threshold"), &alarm.threshold);
        let statistic = alarm.statistic.as_ref().map_or(Some(AVERAGE), |at| {
            self.notes.one_of(self.at("Statistic"), at, &STATISTICS)
        });
        let unit = alarm
            .unit
            .as_ref()
            .map(|at| self.notes.one_of(self.at("Unit"), at, &UNITS));
        let dimensions = self.dimensions();
        let name = self.notes.filled(self.at("MetricName"), &alarm.metric_name);
        let namespace = alarm
            .namespace
            .as_ref()
            .map_or(Some(EMR_NAMESPACE.to_owned()), |at| {
                self.notes.filled(self.at("Namespace"), at)
            });
        let (operator, periods, period_s, threshold, statistic) =
            (operator?, periods?, period_s?, threshold?, statistic?);
        let (unit, dimensions, name, namespace) = (
            unit.map_or(Some(None), |unit| unit.map(Some))?,
            dimensions?,
            name?,
            namespace?,
        );
        let watched = match signal_of(&namespace, &name, &dimensions).zip(statistic.window) {
            Some((signal, function)) => {
                self.check_unit_of(signal);
                format!("{function}({}, {})", signal.name(), Seconds(period_s))
            }
            None => {
                self.check_published(&namespace, &name, &dimensions);
                let unit = unit.map_or("number", |known| self.unit_of_metric(known));
                self.metrics.name_of(Metric {
                    namespace,
                    name,
                    dimensions,
                    statistic: statistic.ours,
                    period_s,
                    unit,
                })
            }
        };
        let hold_s = period_s * u64::try_from(periods - 1).unwrap_or_default();
        let place = alarm.evaluation_periods.as_ref().unwrap_or(&alarm.period);
        if hold_s > LONGEST.as_secs() {
            let (path, message) = (
                self.at("EvaluationPeriods"),
                format!(
                    "{periods} periods of {} are longer than a year",
                    Seconds(period_s)
                ),
            );
            return self.notes.refuse(
                path,
                place,
                message,
                "write fewer periods, or a shorter `Period`",
            );
        }
        Some(Trigger {
            when: alarm
                .metric_name
                .with(ConditionText(format!("{watched} {operator} {threshold}"))),
            for_duration: (hold_s > 0)
                .then(|| place.with(DurationText(Seconds(hold_s).to_string()))),
        })
    }

    fn at(&self, field: impl Display) -> String {
        format!("{}.{field}", self.path)
    }

    fn period_s(&mut self) -> Option<u64> {
        let at = &self.alarm.period;
        let period_s = self.notes.whole(self.at("Period"), at, 1..=DAY_S)?;
        if SHORT_PERIODS_S.contains(&period_s) || period_s % 60 == 0 {
            return u64::try_from(period_s).ok();
        }
        let message = format!("CloudWatch has no period of {period_s} s");
        self.notes.refuse(
            self.at("Period"),
            at,
            message,
            "write 300 for metrics of EMR; for others 10, 30, or a multiple of 60 up to 86400",
        )
    }

    /// Names and values, `JobFlowId` of the cluster when there are none.
    fn dimensions(&mut self) -> Option<Vec<(String, String)>> {
        let written = self.alarm.dimensions.as_deref().unwrap_or_default();
        if written.is_empty() {
            return Some(vec![(CLUSTER_DIMENSION.to_owned(), CLUSTER_ID.to_owned())]);
        }
        let mut dimensions: Vec<Option<(String, String)>> = Vec::new();
        for (position, dimension) in written.iter().enumerate() {
            let (key, value) = (
                &dimension.key.value.0,
                dimension
                    .value
                    .value
                    .0
                    .replace(AMAZONS_CLUSTER_ID, CLUSTER_ID),
            );
            let is_own_id = key == CLUSTER_DIMENSION && self.cluster == Some(value.as_str());
            dimensions.push(
                if written[..position]
                    .iter()
                    .any(|earlier| earlier.key.value == dimension.key.value)
                {
                    let path = self.at(format_args!("Dimensions[{position}].Key"));
                    self.notes.refuse(
                        path,
                        &dimension.key,
                        format!("`{key}` is repeated"),
                        "write each dimension once",
                    )
                } else if value.contains("${emr.") {
                    let path = self.at(format_args!("Dimensions[{position}].Value"));
                    let message =
                        format!("`{value}` stands for something that Headroom does not know");
                    self.notes.refuse(
                        path,
                        &dimension.value,
                        message,
                        format!("write the value itself, or `{AMAZONS_CLUSTER_ID}`"),
                    )
                } else {
                    Some((
                        key.clone(),
                        if is_own_id {
                            CLUSTER_ID.to_owned()
                        } else {
                            value
                        },
                    ))
                },
            );
        }
        dimensions.into_iter().collect()
    }

    /// EMR publishes its shares in percent, and all else as counts; an alarm in another unit finds
    /// no data.
    fn check_unit_of(&mut self, signal: Signal) {
        let Some(at) = &self.alarm.unit else { return };
        let published = if signal.unit() == Unit::PERCENT {
            "PERCENT"
        } else {
            "COUNT"
        };
        if at.value.0 != published && at.value.0 != "NONE" {
            let message = format!(
                "EMR publishes this metric in {published}, not in {}",
                at.value.0
            );
            let path = self.at("Unit");
            self.notes.remark(
                path,
                at,
                message,
                "the rule takes the metric's values in their own unit",
            );
        }
    }

    /// What EMR never publishes is no error of the document, but an alarm on it never fires.
    fn check_published(&mut self, namespace: &str, name: &str, dimensions: &[(String, String)]) {
        const NEVER: &str = "a rule on it never acts, because its data never comes";
        if namespace != EMR_NAMESPACE {
            return;
        }
        let known = || {
            Signal::ALL
                .iter()
                .flat_map(|signal| signal.aliases().iter().copied())
                .chain(OTHER_METRICS)
        };
        if !known().any(|metric| metric == name) {
            let help = nearest(name, known())
                .map_or(NEVER.to_owned(), |meant| format!("did you mean `{meant}`?"));
            let path = self.at("MetricName");
            self.notes.remark(
                path,
                &self.alarm.metric_name,
                format!("EMR publishes no metric `{name}`"),
                help,
            );
        }
        let written = self.alarm.dimensions.as_deref().unwrap_or_default();
        for (position, (dimension, (key, value))) in written.iter().zip(dimensions).enumerate() {
            let path = self.at(format_args!("Dimensions[{position}]"));
            if key != CLUSTER_DIMENSION {
                self.notes.remark(
                    path,
                    &dimension.key,
                    format!("EMR publishes nothing by `{key}`, only by `{CLUSTER_DIMENSION}`"),
                    NEVER,
                );
            } else if self.cluster.is_some() && value != CLUSTER_ID {
                let help = format!("write `{AMAZONS_CLUSTER_ID}`, if the cluster itself is meant");
                self.notes.remark(
                    path,
                    &dimension.value,
                    format!("`{value}` is another cluster than the policy's"),
                    help,
                );
            }
        }
    }

    fn unit_of_metric(&mut self, known: Option<&'static str>) -> &'static str {
        if let (None, Some(at)) = (known, &self.alarm.unit) {
            let message = format!("Headroom has no unit {}", at.value.0);
            let path = self.at("Unit");
            self.notes.remark(
                path,
                at,
                message,
                "the rule takes the values of the metric as plain numbers, in whatever unit they are published",
            );
        }
        known.unwrap_or("number")
    }
}

/// The built-in signal that is measured as the metric is: of EMR's own namespace, and of the
/// cluster as a whole.
fn signal_of(namespace: &str, name: &str, dimensions: &[(String, String)]) -> Option<Signal> {
    let of_cluster =
        matches!(dimensions, [(key, value)] if key == CLUSTER_DIMENSION && value == CLUSTER_ID);
    let signal = Signal::from_name(name).filter(|signal| signal.aliases().contains(&name));
    signal.filter(|_| namespace == EMR_NAMESPACE && of_cluster)
}

impl Metrics {
    /// The name of a metric in conditions; the same one for the same metric.
    fn name_of(&mut self, metric: Metric) -> String {
        if let Some((name, _)) = self.0.iter().find(|(_, known)| *known == metric) {
            return name.clone();
        }
        let plain = snake_case(&metric.name);
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let is_free = |name: &String| {
            !resolve::is_taken(name) && self.0.iter().all(|(taken, _)| taken != name)
        };
        let name = std::iter::once(plain.clone())
            .chain(numbered)
            .find(is_free)
            .unwrap_or_default();
        self.0.push((name.clone(), metric));
        name
    }

    /// As a policy declares them.
    pub fn document(&self, place: &At<()>) -> Entries<MetricDocument> {
        let text = |text: &str| place.with(NameLike(text.to_owned()));
        let entry = |(name, metric): &(String, Metric)| {
            let dimensions = metric
                .dimensions
                .iter()
                .map(|(key, value)| (text(key), NameLike(value.clone())))
                .collect();
            let document = MetricDocument {
                namespace: text(&metric.namespace),
                metric_name: text(&metric.name),
                dimensions: Entries(dimensions),
                statistic: Some(place.with(StatisticText(metric.statistic.to_owned()))),
                period: Some(place.with(DurationText(Seconds(metric.period_s).to_string()))),
                delay: None,
                unit: Some(place.with(UnitText(metric.unit.to_owned()))),
            };
            (text(name), document)
        };
        Entries(self.0.iter().map(entry).collect())
    }
}

/// `CapacityRemainingGB` as `capacity_remaining_gb`: what the name of a metric may be, and short
/// enough for a number behind it.
fn snake_case(name: &str) -> String {
    const LONGEST: usize = 56;
    let mut snake = String::new();
    let mut before = '_';
    for c in name.chars().take(LONGEST) {
        let is_word = c.is_ascii_alphanumeric();
        if (c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()))
            || (!is_word && !snake.ends_with('_'))
        {
            snake.push('_');
        }
        if is_word {
            snake.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    let snake: String = snake.trim_matches('_').chars().take(LONGEST).collect();
    if snake.starts_with(|c: char| c.is_ascii_alphabetic()) {
        snake
    } else {
        format!("metric_{snake}").trim_end_matches('_').to_owned()
    }
}

/// A time as policies write it, in one unit: `300` as `5m`, `90` as `90s`.
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s > 0 && s.is_multiple_of(3_600) => write!(f, "{}h", s / 3_600),
            s if s > 0 && s.is_multiple_of(60) => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}
