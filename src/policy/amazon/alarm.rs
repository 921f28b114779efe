//! A `CloudWatchAlarmDefinition` as a condition.
//!
//! An alarm is on when the statistic of each of the last `EvaluationPeriods` periods is past the
//! threshold. A metric has one value per period, measured at its end, so n values span n - 1
//! periods: that is the rule's `for`. Where a built-in signal means the same as the metric, the
//! condition uses its average, minimum or maximum over a sliding window of one period.

use std::fmt::Display;

use super::cloudwatch::{
    AMAZONS_CLUSTER_ID, AVERAGE, CLUSTER_DIMENSION, CLUSTER_ID, EMR_NAMESPACE, OPERATORS,
    OTHER_METRICS, STATISTICS, Statistic, UNITS,
};
use super::document::Alarm;
use super::metrics::{Metric, Metrics};
use super::notes::Notes;
use super::seconds::Seconds;
use super::shape::Text;
use crate::policy::diagnostic::nearest;
use crate::policy::document::{ConditionText, DurationText};
use crate::policy::scalar::LONGEST;
use crate::policy::signal::{Signal, Unit};
use crate::policy::yaml::At;

/// CloudWatch's shorter periods, in seconds; all others are whole minutes, up to a day.
const SHORT_PERIODS_S: [i64; 5] = [1, 5, 10, 20, 30];
const DAY_S: i64 = 86_400;
/// As many minutes as a year has.
const MOST_PERIODS: i64 = 366 * 1_440;

/// When a rule acts.
pub struct Trigger {
    pub when: At<ConditionText>,
    pub for_duration: Option<At<DurationText>>,
}

/// What an alarm watches, before its period is known to be valid.
struct Source {
    namespace: String,
    name: String,
    dimensions: Vec<(String, String)>,
    statistic: Statistic,
    /// `Unit`, if it is written, as ours; `None` inside where there is no such unit here.
    unit: Option<Option<&'static str>>,
}

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
    /// Translates the alarm; `None` after an error, which is in the notes.
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
        let source = self.source();
        let (operator, periods, period_s, threshold, source) =
            (operator?, periods?, period_s?, threshold?, source?);
        let watched = self.watched(source, period_s);
        let place = alarm.evaluation_periods.as_ref().unwrap_or(&alarm.period);
        let for_s = self.for_s(place, periods, period_s)?;
        Some(Trigger {
            when: alarm
                .metric_name
                .with(ConditionText(format!("{watched} {operator} {threshold}"))),
            for_duration: (for_s > 0).then(|| place.with(DurationText(Seconds(for_s).to_string()))),
        })
    }

    fn source(&mut self) -> Option<Source> {
        let alarm = self.alarm;
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
        Some(Source {
            namespace: namespace?,
            name: name?,
            dimensions: dimensions?,
            statistic: statistic?,
            unit: match unit {
                Some(known) => Some(known?),
                None => None,
            },
        })
    }

    /// The value that the condition compares: a window over a signal, or a declared metric.
    fn watched(&mut self, source: Source, period_s: u64) -> String {
        let Source {
            namespace,
            name,
            dimensions,
            statistic,
            unit,
        } = source;
        let signal = signal_of(&namespace, &name, &dimensions);
        if let Some((signal, function)) = signal.zip(statistic.window) {
            self.check_unit_of(signal);
            return format!("{function}({}, {})", signal.name(), Seconds(period_s));
        }
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

    /// How long the condition must be true, in seconds: from the first value to the last one.
    fn for_s(&mut self, place: &Text, periods: i64, period_s: u64) -> Option<u64> {
        let for_s = period_s * u64::try_from(periods - 1).unwrap_or_default();
        if for_s <= LONGEST.as_secs() {
            return Some(for_s);
        }
        let message = format!(
            "{periods} periods of {} are longer than a year",
            Seconds(period_s)
        );
        self.notes.refuse(
            self.at("EvaluationPeriods"),
            place,
            message,
            "write fewer periods, or a shorter `Period`",
        )
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
        let written = self.alarm.dimensions.as_slice();
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
                    let message = format!("`{value}` is a placeholder that Headroom does not know");
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
                "the rule reads the metric in the unit in which EMR publishes it",
            );
        }
    }

    /// What EMR never publishes is no error of the document, but an alarm on it never fires.
    fn check_published(&mut self, namespace: &str, name: &str, dimensions: &[(String, String)]) {
        const NEVER: &str = "a rule on it never fires, because it never has data";
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
        let written = self.alarm.dimensions.as_slice();
        for (position, (dimension, (key, value))) in written.iter().zip(dimensions).enumerate() {
            let path = self.at(format_args!("Dimensions[{position}]"));
            if key != CLUSTER_DIMENSION {
                self.notes.remark(
                    path,
                    &dimension.key,
                    format!("EMR publishes no metric with the dimension `{key}`, only with `{CLUSTER_DIMENSION}`"),
                    NEVER,
                );
            } else if self.cluster.is_some() && value != CLUSTER_ID {
                let help = format!("write `{AMAZONS_CLUSTER_ID}` to mean the cluster itself");
                self.notes.remark(
                    path,
                    &dimension.value,
                    format!("`{value}` is not the cluster that the policy scales"),
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
                "the rule reads the metric as a plain number, in the unit in which it is published",
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
