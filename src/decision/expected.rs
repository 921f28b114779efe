//! Explains for which applications and steps room is made ready before they start.

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// An application, or a step with its applications, that is expected to need units before units would
/// run that are requested now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedStart {
    /// Its name, with `#` for numbers.
    pub name: String,
    /// When it starts at the earliest, or has started.
    pub at: Timestamp,
    /// It has started, and needs more soon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_started: bool,
    /// Units that are made ready for it.
    pub units: f64,
    /// So many of the last `periods` are the reason to expect it.
    pub times: u32,
    /// Days, weeks or runs that are known, up to seven days, four weeks or seven runs.
    pub periods: u32,
    /// What counts.
    pub precedent: Precedent,
}

/// What shows that something will need units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precedent {
    /// An application of the name started at this time of earlier days.
    Days,
    /// It started at this time of earlier weeks.
    Weeks,
    /// EMR lists a step, and earlier steps of its name needed as much.
    Runs,
}

impl ExpectedStart {
    /// What is expected, and why, in one line.
    pub fn line(&self) -> String {
        let Self {
            name,
            at,
            has_started,
            units,
            times,
            periods,
            precedent,
        } = self;
        let time = at.to_jiff().strftime("%H:%M");
        let (kind, of) = match precedent {
            Precedent::Days => ("", "days"),
            Precedent::Weeks => ("", "weeks"),
            Precedent::Runs => ("step ", "runs"),
        };
        let as_in = format!("as in {times} of {periods} {of}");
        if *has_started {
            format!(
                "expects that {kind}`{name}`, started at {time} UTC, needs {units:.1} units more, {as_in}"
            )
        } else {
            format!("expects {kind}`{name}` from {time} UTC, {as_in}: room for {units:.1} units")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_an_application_starts_and_how_often_it_did() {
        let expected = ExpectedStart {
            name: "etl #".to_owned(),
            at: Timestamp::from_millis(3_720_000),
            has_started: false,
            units: 12.0,
            times: 6,
            periods: 7,
            precedent: Precedent::Days,
        };
        assert_eq!(
            expected.line(),
            "expects `etl #` from 01:02 UTC, as in 6 of 7 days: room for 12.0 units"
        );
        let step = ExpectedStart {
            precedent: Precedent::Runs,
            ..expected
        };
        assert_eq!(
            step.line(),
            "expects step `etl #` from 01:02 UTC, as in 6 of 7 runs: room for 12.0 units"
        );
        let runs = ExpectedStart {
            has_started: true,
            ..step
        };
        assert_eq!(
            runs.line(),
            "expects that step `etl #`, started at 01:02 UTC, needs 12.0 units more, as in 6 of 7 runs"
        );
    }
}
