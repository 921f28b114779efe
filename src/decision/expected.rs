//! Explains for which applications room is made ready before they start.

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// An application that is expected to start before units would run that are requested now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedApplication {
    /// Its name, with `#` for numbers.
    pub name: String,
    /// When it starts at the earliest, from when it started before.
    pub at: Timestamp,
    /// Units that are made ready for it.
    pub units: f64,
    /// On so many of the last `periods` days, or weeks, it started at this time.
    pub times: u32,
    /// Days, or weeks, that are known, up to seven days or four weeks.
    pub periods: u32,
    /// Weeks count, not days.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weekly: bool,
}

impl ExpectedApplication {
    /// What is expected, and why, in one line.
    pub fn line(&self) -> String {
        let Self {
            name,
            at,
            units,
            times,
            periods,
            weekly,
        } = self;
        let time = at.to_jiff().strftime("%H:%M");
        let of = if *weekly { "weeks" } else { "days" };
        format!(
            "expects {name} from {time} UTC, as in {times} of {periods} {of}: {units:.1} units ready"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_an_application_starts_and_how_often_it_did() {
        let expected = ExpectedApplication {
            name: "etl #".to_owned(),
            at: Timestamp::from_millis(3_720_000),
            units: 12.0,
            times: 6,
            periods: 7,
            weekly: false,
        };
        assert_eq!(
            expected.line(),
            "expects etl # from 01:02 UTC, as in 6 of 7 days: 12.0 units ready"
        );
    }
}
