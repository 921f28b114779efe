//! `metrics`: CloudWatch metrics that conditions read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::reader::{LONGEST_NAME, Reader};
use crate::observation::MetricId;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{MetricDocument, NameLike, PolicyDocument};
use crate::policy::metric::{MetricSpec, Statistic};
use crate::policy::resolve;
use crate::policy::scalar;
use crate::policy::signal::{SignalSource, Unit};
use crate::policy::yaml::At;

const MOST_DIMENSIONS: usize = 30;
const DEFAULT_PERIOD: Duration = Duration::from_secs(300);
const DEFAULT_DELAY: Duration = Duration::from_secs(60);

/// Declared metrics: what a condition reads, and in which unit.
pub(super) type Metrics = BTreeMap<String, (SignalSource, Unit)>;

const STATISTICS: [(&str, Statistic); 5] = [
    ("average", Statistic::Average),
    ("sum", Statistic::Sum),
    ("minimum", Statistic::Minimum),
    ("maximum", Statistic::Maximum),
    ("samplecount", Statistic::SampleCount),
];

const UNITS: [(&str, Unit); 5] = [
    ("number", Unit::NUMBER),
    ("percent", Unit::PERCENT),
    ("mebibytes", Unit::MEMORY),
    ("seconds", Unit::TIME),
    ("per_second", Unit::PER_SECOND),
];

impl Reader<'_> {
    pub(super) fn metric(
        &mut self,
        name: &At<NameLike>,
        document: &MetricDocument,
        seen: &mut BTreeSet<String>,
    ) -> Option<MetricSpec> {
        self.check_metric_name(name, seen);
        let namespace = self.filled(&document.namespace);
        let metric_name = self.filled(&document.metric_name);
        if document.dimensions.0.len() > MOST_DIMENSIONS {
            self.error(Diagnostic::error(
                name.span.clone(),
                format!("CloudWatch takes at most {MOST_DIMENSIONS} dimensions"),
            ));
        }
        let dimensions = document
            .dimensions
            .0
            .iter()
            .map(|(key, value)| (key.value.0.clone(), value.0.clone()))
            .collect();
        let statistic = document
            .statistic
            .as_ref()
            .map_or(Some(Statistic::Average), |at| self.one_of(at, &STATISTICS));
        let period = document
            .period
            .as_ref()
            .map_or(Some(DEFAULT_PERIOD), |at| self.take(at, metric_period));
        let delay = document
            .delay
            .as_ref()
            .map_or(Some(DEFAULT_DELAY), |at| self.take(at, scalar::duration));
        let unit = document
            .unit
            .as_ref()
            .map_or(Some(Unit::NUMBER), |at| self.one_of(at, &UNITS));
        Some(MetricSpec {
            id: MetricId::new(name.value.0.as_str()),
            namespace: namespace?,
            metric_name: metric_name?,
            dimensions,
            statistic: statistic?,
            period: period?,
            delay: delay?,
            unit: unit?,
        })
    }

    fn check_metric_name(&mut self, name: &At<NameLike>, seen: &mut BTreeSet<String>) {
        let text = name.value.0.as_str();
        let first_is_letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_is_letter
            || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || text.len() > LONGEST_NAME
        {
            let error = Diagnostic::error(
                name.span.clone(),
                format!("`{text}` cannot be the name of a metric"),
            );
            self.error(error.help("use letters, digits and `_`, as in `queue_depth`"));
        } else if resolve::is_taken(text) {
            let error = Diagnostic::error(
                name.span.clone(),
                format!("`{text}` already means something else in conditions"),
            );
            self.error(error.help("give the metric another name"));
        } else if !seen.insert(text.to_owned()) {
            self.error(Diagnostic::error(
                name.span.clone(),
                format!("the metric `{text}` is declared twice"),
            ));
        }
    }
}

/// What conditions may name. A metric with an error of its own is known, too, so that its uses are
/// not reported as unknown.
pub(super) fn known_metrics(specs: &[Option<MetricSpec>], document: &PolicyDocument) -> Metrics {
    let names = document
        .metrics
        .0
        .iter()
        .map(|(name, _)| name.value.0.clone());
    let known = names.zip(specs).map(|(name, spec)| {
        let allowance = spec.as_ref().map_or(Duration::ZERO, MetricSpec::allowance);
        let source = SignalSource::Metric {
            id: MetricId::new(name.as_str()),
            allowance,
        };
        (
            name,
            (source, spec.as_ref().map_or(Unit::NUMBER, |spec| spec.unit)),
        )
    });
    known.collect()
}

fn metric_period(text: &str) -> Result<Duration, Diagnostic> {
    let period = scalar::duration(text)?;
    let whole_seconds = period.subsec_millis() == 0;
    let known = [1, 5, 10, 20, 30].contains(&period.as_secs())
        || (period.as_secs() > 0 && period.as_secs().is_multiple_of(60));
    if whole_seconds && known && period <= Duration::from_secs(86_400) {
        return Ok(period);
    }
    let error = Diagnostic::error(
        0..text.len(),
        format!("CloudWatch has no period of `{text}`"),
    );
    Err(error.help("write 1s, 5s, 10s, 20s, 30s, or whole minutes up to 1d"))
}
