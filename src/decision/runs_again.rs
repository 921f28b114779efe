//! Explains which stages of Spark applications ran again after a scale-in.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Timestamp, display_duration};

/// Stages that Spark has submitted again, seen for the first time at this tick, within an hour after a
/// scale-in of the target. Spark submits a stage again when shuffle output of it is gone, or could not be
/// fetched: with a node that has left, or for another reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsAgain {
    /// How many.
    pub stages: u32,
    /// The names of their applications, up to five.
    pub applications: Vec<Arc<str>>,
    /// When the last scale-in of the target was requested.
    pub scale_in_at: Timestamp,
}

impl RunsAgain {
    /// What ran again, in one line. `at` is the time of the decision.
    pub fn line(&self, at: Timestamp) -> String {
        let stages = match self.stages {
            1 => "1 stage runs again".to_owned(),
            stages => format!("{stages} stages run again"),
        };
        let since = at.since(self.scale_in_at);
        let since = display_duration(Duration::from_secs(since.as_secs()));
        let applications: Vec<&str> = self.applications.iter().map(|name| &**name).collect();
        let applications = applications.join(", ");
        format!("{stages} in {applications}: shuffle output is gone, {since} after a scale-in")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_applications_and_the_time_since_the_scale_in() {
        let again = RunsAgain {
            stages: 2,
            applications: vec!["etl".into(), "report".into()],
            scale_in_at: Timestamp::from_millis(0),
        };
        assert_eq!(
            again.line(Timestamp::from_millis(90_500)),
            "2 stages run again in etl, report: shuffle output is gone, 1m 30s after a scale-in"
        );
    }
}
