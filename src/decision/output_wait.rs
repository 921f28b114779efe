//! Explains how long nodes stay for the shuffle output that they store, and what that costs at most.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Timestamp, display_duration};

/// Nodes of the target that stay because a scale-in would take shuffle output of a running application
/// with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputWait {
    /// How many.
    pub nodes: u32,
    /// When the last of them may go, whatever is left to do.
    pub until: Timestamp,
    /// That is later than `keep_shuffle_output` says, because the known work is done by then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_extended: bool,
    /// What they cost until then at most, in seconds of one node.
    pub node_s: f64,
    /// Seconds until the known work of all applications is done: then they may go. `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_done_s: Option<f64>,
}

impl OutputWait {
    /// How many nodes stay, how long, and what that costs, in one line.
    pub fn line(&self) -> String {
        let nodes = match self.nodes {
            1 => "1 node stays for its shuffle output".to_owned(),
            nodes => format!("{nodes} nodes stay for their shuffle output"),
        };
        let time = self.until.to_jiff().strftime("%H:%M:%S");
        let minutes = self.node_s / 60.0;
        let done = match self.work_done_s {
            Some(done_s) => {
                let left = Duration::from_secs(done_s.clamp(0.0, 1e9).round() as u64);
                format!("; the known work takes {}", display_duration(left))
            }
            None => "; when the work ends is not known".to_owned(),
        };
        let longer = if self.is_extended {
            ", longer than `keep_shuffle_output` because it ends soon"
        } else {
            ""
        };
        format!("{nodes}, at most until {time} ({minutes:.0} node-minutes){done}{longer}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_long_nodes_stay_and_what_that_costs() {
        let mut wait = OutputWait {
            nodes: 4,
            until: Timestamp::from_millis(1_500_000),
            is_extended: false,
            node_s: 3_600.0,
            work_done_s: Some(250.0),
        };
        assert_eq!(
            wait.line(),
            "4 nodes stay for their shuffle output, at most until 00:25:00 (60 node-minutes); \
             the known work takes 4m 10s"
        );
        wait.is_extended = true;
        assert!(wait.line().ends_with(
            "the known work takes 4m 10s, longer than `keep_shuffle_output` because it ends soon"
        ));
        (wait.nodes, wait.work_done_s, wait.is_extended) = (1, None, false);
        assert_eq!(
            wait.line(),
            "1 node stays for its shuffle output, at most until 00:25:00 (60 node-minutes); \
             when the work ends is not known"
        );
    }
}
