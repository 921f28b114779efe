//! The metrics that alarms watch and that a policy declares.

use super::seconds::Seconds;
use crate::policy::document::{
    DurationText, Entries, MetricDocument, NameLike, StatisticText, UnitText,
};
use crate::policy::resolve;
use crate::policy::yaml::At;

/// What an alarm watches.
#[derive(Clone, PartialEq)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
    pub statistic: &'static str,
    pub period_s: u64,
    pub unit: &'static str,
}

/// The metrics that alarms watch and no signal stands for, under the names that conditions use.
#[derive(Default)]
pub struct Metrics(Vec<(String, Metric)>);

impl Metrics {
    /// The name of a metric in conditions; the same one for the same metric.
    pub fn name_of(&mut self, metric: Metric) -> String {
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
