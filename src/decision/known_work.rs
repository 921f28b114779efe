//! Explains what the work that applications say is left means for the size of a cluster.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::display_duration;

/// The work that applications say is left, and how long it takes at different sizes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownWorkReport {
    /// Running applications that say what is left.
    pub applications: u32,
    /// Running Spark and MapReduce applications that do not.
    pub applications_unknown: u64,
    /// Executors that Spark applications could use; `None` while one of them is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors_needed: Option<u64>,
    /// Executors that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors_held: Option<u64>,
    /// Those that run no task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executors_idle: Option<u64>,
    /// How long the remaining tasks take, one after another, in seconds.
    pub task_s_remaining: f64,
    /// Units that run or are on their way.
    pub units_committed: u32,
    /// Seconds until the known work is done with these; `None` if longer than is looked ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_s: Option<f64>,
    /// The same if tasks take longer than is likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_late_s: Option<f64>,
    /// The most units that the known work can use.
    pub units_usable: u32,
    /// Seconds until it is done if so many are requested now; `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_with_usable_s: Option<f64>,
    /// The size at which units and waiting cost least together.
    pub units_best: u32,
    /// The most units that the limits allow.
    pub units_max: u32,
    /// The backlog has not fallen for two provisioning times: at least as many units are requested as
    /// without what is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backlog_stands: bool,
}

impl KnownWorkReport {
    /// What is left, how long it takes, and whether more units are worth their cost, one line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.applications()];
        lines.extend(self.backlog_stands.then(|| {
            "the backlog does not fall: at least as many units as without knowing the work"
                .to_owned()
        }));
        if self.task_s_remaining < 0.5 {
            return lines;
        }
        let left = format!(
            "{:.0} task-seconds remain: {} on {}, {} if tasks take long",
            self.task_s_remaining,
            time(self.done_s),
            units(self.units_committed),
            time(self.done_late_s)
        );
        if self.units_usable <= self.units_committed {
            lines.push(left);
            lines.push(if self.units_committed >= self.units_max {
                format!("the limits allow {}", units(self.units_max))
            } else {
                "this work can use no more units".to_owned()
            });
            return lines;
        }
        let usable = format!("{} on {}", time(self.done_with_usable_s), self.units_usable);
        lines.push(format!("{left}, {usable}"));
        lines.push(if self.units_best > self.units_committed {
            format!("{} are worth their cost", units(self.units_best))
        } else {
            "more units are not worth their cost now".to_owned()
        });
        lines
    }

    fn applications(&self) -> String {
        let executors = match (self.executors_needed, self.executors_held) {
            (Some(needed), Some(held)) if needed > 0 || held > 0 => {
                let idle = self.executors_idle.unwrap_or(0);
                format!(": {needed} executors needed, {held} held, {idle} idle")
            }
            _ => String::new(),
        };
        let unknown = match self.applications_unknown {
            0 => String::new(),
            unknown => format!("; {unknown} more do not"),
        };
        match self.applications {
            1 => format!("1 application says what is left{executors}{unknown}"),
            count => format!("{count} applications say what is left{executors}{unknown}"),
        }
    }
}

fn units(count: u32) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} unit{plural}")
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) => {
            display_duration(Duration::from_secs(seconds.round().max(0.0) as u64)).to_string()
        }
        None => "more than 5h".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> KnownWorkReport {
        KnownWorkReport {
            applications: 3,
            executors_needed: Some(41),
            executors_held: Some(12),
            executors_idle: Some(8),
            task_s_remaining: 5_300.4,
            units_committed: 6,
            done_s: Some(250.0),
            done_late_s: Some(400.0),
            units_usable: 12,
            done_with_usable_s: Some(150.0),
            units_best: 6,
            units_max: 20,
            ..KnownWorkReport::default()
        }
    }

    #[test]
    fn it_says_in_numbers_why_nothing_is_launched() {
        assert_eq!(
            report().lines(),
            [
                "3 applications say what is left: 41 executors needed, 12 held, 8 idle",
                "5300 task-seconds remain: 4m 10s on 6 units, 6m 40s if tasks take long, 2m 30s on 12",
                "more units are not worth their cost now",
            ]
        );
    }

    #[test]
    fn it_says_what_is_worth_launching_and_what_no_unit_would_shorten() {
        let grows = KnownWorkReport {
            units_best: 9,
            ..report()
        };
        assert_eq!(grows.lines()[2], "9 units are worth their cost");
        let drains = KnownWorkReport {
            applications: 1,
            applications_unknown: 2,
            executors_needed: None,
            units_usable: 4,
            ..report()
        };
        assert_eq!(
            drains.lines(),
            [
                "1 application says what is left; 2 more do not",
                "5300 task-seconds remain: 4m 10s on 6 units, 6m 40s if tasks take long",
                "this work can use no more units",
            ]
        );
    }

    #[test]
    fn idle_applications_have_nothing_left() {
        let idle = KnownWorkReport {
            task_s_remaining: 0.0,
            ..report()
        };
        assert_eq!(idle.lines().len(), 1);
    }
}
