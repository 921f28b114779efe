//! Plans a recording: its span of time, its period and its parts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::units::{Timestamp, display_duration};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The periods, and how long CloudWatch keeps their points (API reference of GetMetricData).
const KEPT: [(Duration, Duration); 3] = [
    (Duration::from_secs(60), DAY.saturating_mul(15)),
    (Duration::from_secs(300), DAY.saturating_mul(63)),
    (HOUR, DAY.saturating_mul(455)),
];
/// The longest time that a recording may take before its first points expire.
const MARGIN: Duration = HOUR;
/// The most periods in one part: all metrics over them fit on one page of an answer.
const PERIODS_OF_PART: u32 = 1_440;

/// A time on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum When {
    /// An instant; a day without a time means its midnight in UTC.
    At(Timestamp),
    /// A duration before now.
    Ago(Duration),
}

/// A text that is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time; write a day (2026-11-01, in UTC), an instant (2026-11-01T08:00:00Z), or how long ago (14d, 36h)"
)]
pub struct WhenError(String);

impl When {
    /// The time that is meant, at the time `now`.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::Ago(ago) => now - ago,
        }
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let refuse = || WhenError(text.to_owned());
        if text == "now" {
            return Ok(Self::Ago(Duration::ZERO));
        }
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(Timestamp::from_millis(instant.as_millisecond())));
        }
        // Longer texts include a time of day, which would need a time zone.
        if let Some(date) = Some(text)
            .filter(|text| text.len() == 10)
            .and_then(|text| text.parse::<Date>().ok())
        {
            let midnight = date.to_zoned(TimeZone::UTC).map_err(|_| refuse())?;
            return Ok(Self::At(Timestamp::from_millis(
                midnight.timestamp().as_millisecond(),
            )));
        }
        let span: jiff::Span = text
            .strip_suffix(" ago")
            .unwrap_or(text)
            .parse()
            .map_err(|_| refuse())?;
        let ago = span
            .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .map_err(|_| refuse())?;
        Duration::try_from(ago).map(Self::Ago).map_err(|_| refuse())
    }
}

impl TryFrom<String> for When {
    type Error = WhenError;

    fn try_from(text: String) -> Result<Self, WhenError> {
        text.parse()
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.to_string()
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(instant) => instant.fmt(f),
            Self::Ago(Duration::ZERO) => f.write_str("now"),
            Self::Ago(ago) => display_duration(*ago).fmt(f),
        }
    }
}

/// The requested recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The cluster.
    pub cluster_id: String,
    /// The beginning.
    pub from: When,
    /// The end.
    pub to: When,
}

/// The span to fetch, aligned to periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The beginning.
    pub from: Timestamp,
    /// The exclusive end; a period's end, as is `from`.
    pub to: Timestamp,
    /// The period of the points.
    pub period: Duration,
}

/// Why a span of time cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum PlanError {
    #[error(
        "from {from} to {to} there is no time, as far as it has passed; --from must be earlier than --to and than now"
    )]
    Empty { from: Timestamp, to: Timestamp },
    #[error("CloudWatch keeps points for 455 days; {from} is {} ago", display_duration(DAY.saturating_mul(*days)))]
    TooOld { from: Timestamp, days: u32 },
}

impl Plan {
    /// Plans with the shortest period that CloudWatch still has.
    ///
    /// # Errors
    /// When the span contains no whole period, or is too old.
    pub fn new(asked: &Asked, now: Timestamp) -> Result<Self, PlanError> {
        let from = asked.from.instant(now);
        let to = asked.to.instant(now).min(now);
        let age = now.since(from);
        let kept = KEPT.iter().find(|(_, kept)| age + MARGIN <= *kept);
        let days = u32::try_from(age.as_secs() / DAY.as_secs()).unwrap_or(u32::MAX);
        let (period, _) = *kept.ok_or(PlanError::TooOld { from, days })?;
        let plan = Self {
            from: from.floor(period),
            to: to.floor(period),
            period,
        };
        if plan.from < plan.to {
            Ok(plan)
        } else {
            Err(PlanError::Empty { from, to })
        }
    }

    /// Whether CloudWatch still has the points of this plan.
    pub fn is_kept(&self, now: Timestamp) -> bool {
        KEPT.iter()
            .any(|(period, kept)| *period == self.period && now.since(self.from) <= *kept)
    }

    /// The parts of the plan, oldest first.
    pub fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        let length = self.period.saturating_mul(PERIODS_OF_PART);
        let beginnings = std::iter::successors(Some(self.from), |begin| Some(*begin + length))
            .take_while(|begin| *begin < self.to);
        beginnings
            .map(|begin| (begin, (begin + length).min(self.to)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-15T08:07:33Z.
    const NOW: Timestamp = Timestamp::from_millis(1_794_730_053_000);

    fn plan(from: &str, to: &str) -> Result<Plan, PlanError> {
        let when = |text: &str| text.parse().expect("a time");
        Plan::new(
            &Asked {
                cluster_id: "j-1".to_owned(),
                from: when(from),
                to: when(to),
            },
            NOW,
        )
    }

    #[test]
    fn times_are_days_instants_or_how_long_ago() {
        for (text, expected) in [
            ("2026-11-01", Some("2026-11-01T00:00:00Z")),
            ("2026-11-01T08:00:00Z", Some("2026-11-01T08:00:00Z")),
            ("2026-11-01T08:00:00+01:00", Some("2026-11-01T07:00:00Z")),
            ("14d", Some("2026-11-01T08:07:33Z")),
            ("1d 12h ago", Some("2026-11-13T20:07:33Z")),
            ("now", Some("2026-11-15T08:07:33Z")),
            ("2026-11-01T08:00:00", None),
            ("2026-13-01", None),
            ("-14d", None),
            ("14", None),
            ("yesterday", None),
            ("", None),
        ] {
            let read = text.parse::<When>().ok();
            assert_eq!(
                read.map(|when| when.instant(NOW).to_string()).as_deref(),
                expected,
                "{text}"
            );
            let again = read.map(|when| {
                serde_json::from_str(&serde_json::to_string(&when).expect("writes")).expect("reads")
            });
            assert_eq!(again, read, "{text}");
        }
    }

    /// From, to, the period in seconds, the planned span, and the number of parts.
    const PLANS: [(&str, &str, u64, &str, &str, usize); 6] = [
        (
            "14d",
            "now",
            60,
            "2026-11-01T08:07:00Z",
            "2026-11-15T08:07:00Z",
            14,
        ),
        (
            "2026-11-01",
            "2026-11-02T12:00:00Z",
            60,
            "2026-11-01T00:00:00Z",
            "2026-11-02T12:00:00Z",
            2,
        ),
        (
            "15d",
            "14d",
            300,
            "2026-10-31T08:05:00Z",
            "2026-11-01T08:05:00Z",
            1,
        ),
        (
            "62d",
            "now",
            300,
            "2026-09-14T08:05:00Z",
            "2026-11-15T08:05:00Z",
            13,
        ),
        (
            "63d",
            "now",
            3_600,
            "2026-09-13T08:00:00Z",
            "2026-11-15T08:00:00Z",
            2,
        ),
        (
            "454d",
            "2100-01-01",
            3_600,
            "2025-08-18T08:00:00Z",
            "2026-11-15T08:00:00Z",
            8,
        ),
    ];

    #[test]
    fn the_shortest_period_that_is_still_kept_is_taken_on_its_own_grid() {
        for (from, to, period_s, from_text, to_text, parts) in PLANS {
            let plan = plan(from, to).expect("a plan");
            let shown = (
                plan.period.as_secs(),
                plan.from.to_string(),
                plan.to.to_string(),
                plan.parts().len(),
            );
            assert_eq!(
                shown,
                (period_s, from_text.to_owned(), to_text.to_owned(), parts),
                "{from} to {to}"
            );
            let parts = plan.parts();
            assert!(
                parts.windows(2).all(|pair| pair[0].1 == pair[1].0),
                "{from} to {to}: without gaps"
            );
            assert_eq!(
                (parts[0].0, parts[parts.len() - 1].1),
                (plan.from, plan.to),
                "{from} to {to}"
            );
            assert!(
                plan.is_kept(NOW) && !plan.is_kept(NOW + DAY * 455),
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn a_span_without_time_or_history_is_refused() {
        for (from, to, expected) in [
            (
                "1d",
                "2d",
                "from 2026-11-14T08:07:33Z to 2026-11-13T08:07:33Z there is no time",
            ),
            (
                "30s",
                "now",
                "from 2026-11-15T08:07:03Z to 2026-11-15T08:07:33Z there is no time",
            ),
            (
                "2026-12-01",
                "2026-12-02",
                "from 2026-12-01T00:00:00Z to 2026-11-15T08:07:33Z there is no time",
            ),
            (
                "455d",
                "now",
                "CloudWatch keeps points for 455 days; 2025-08-17T08:07:33Z is 455d ago",
            ),
        ] {
            let message = plan(from, to).expect_err("no plan").to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
