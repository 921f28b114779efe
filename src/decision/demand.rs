//! Why a policy that follows demand wants what it wants, in numbers and in words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Mebibytes, display_duration};

/// Demand in numbers: what waits, what of it finds room by itself, and what was learned. Units are
/// what the groups count: instances, or capacity units of fleets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandReport {
    pub memory_pending_mib: Mebibytes,
    /// What runs, in units of the resource that binds.
    pub units_allocated: f64,
    /// What waits, in units of the resource that binds.
    pub units_pending: f64,
    /// Of what waits: what takes the room of containers that finish within the patience.
    pub units_served: f64,
    /// Of what waits: the rest, which new units are for.
    pub units_remaining: f64,
    /// Units that serve the rest within the patience: fewer than `units_remaining` where containers
    /// are short and take turns.
    pub units_for_remaining: f64,
    /// Units to have for each unit that runs, or that the rest is for.
    pub headroom: f64,
    /// For what runs, what remains, and what is expected at this time of day.
    pub units_needed: u32,
    /// In use, or idle and worth keeping.
    pub units_kept: u32,
    /// Expected from earlier days until new units would be there; `None` without enough days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_forecast: Option<u32>,
    /// Of groups that the policy does not resize.
    pub units_others: u32,
    /// All targets together, in the demand's limits.
    pub units_wanted: u32,
    /// All targets together, where they cannot take what is wanted: for their own limits, those of
    /// core and on-demand, or a failure lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_possible: Option<u32>,
    /// The resource that needs most units: what all these are units of.
    pub binding: Resource,
    /// What one unit offers to containers.
    pub unit_memory_mib: Mebibytes,
    /// What one unit offers to containers; `None` where nobody counts cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_vcores: Option<f64>,
    /// How long work may wait for containers to finish before units are added for it.
    pub patience_s: f64,
    /// Learned: from the request of a unit until it runs.
    pub provisioning_s: f64,
    /// Learned: the mean life of a container; `None` while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_lifetime_s: Option<f64>,
    /// Learned: for how long the highest unit is kept while idle.
    pub keep_idle_s: f64,
    /// Learned: days that the forecast knows.
    pub days_known: u32,
}

/// What containers ask nodes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    Memory,
    Vcores,
}

impl DemandReport {
    /// What waits, what is wanted for it, and what was learned: a line each.
    pub fn lines(&self) -> Vec<String> {
        let amount = |units: f64| match (self.binding, self.unit_vcores) {
            (Resource::Vcores, Some(vcores)) => format!("{:.0} vcores", units * vcores),
            _ => format!("{:.1} GiB", units * self.unit_memory_mib.as_f64() / 1_024.0),
        };
        let seconds =
            |s: f64| display_duration(Duration::from_secs(s.round().max(0.0) as u64)).to_string();
        let mut lines = vec![];
        if self.units_pending > 0.0 && self.patience_s == 0.0 {
            lines.push(format!(
                "pending {} = {:.1} units",
                amount(self.units_pending),
                self.units_for_remaining
            ));
        } else if self.units_pending > 0.0 {
            lines.push(format!("pending {}", amount(self.units_pending)));
            lines.push(format!(
                "{} of it will have been served in {}",
                amount(self.units_served),
                seconds(self.patience_s)
            ));
            let turns = if self.units_for_remaining < self.units_remaining {
                " in turns"
            } else {
                ""
            };
            lines.push(format!(
                "{} remain = {:.1} units{turns}",
                amount(self.units_remaining),
                self.units_for_remaining
            ));
        } else {
            lines.push("nothing is pending".to_owned());
        }
        lines.extend(self.reckoning());
        let forecast = self
            .units_forecast
            .map(|units| format!(", expected from earlier days {units}"))
            .unwrap_or_default();
        let others = match self.units_others {
            others if others > 0 && !self.is_cut() => {
                format!(", of which other groups have {others}")
            }
            _ => String::new(),
        };
        lines.push(format!(
            "{}{forecast}, kept {}{others}",
            self.need(),
            self.units_kept
        ));
        lines.push(match self.keep_idle_s {
            s if s < 0.5 => "idle units are not kept".to_owned(),
            s => format!("idle units are kept for {}", seconds(s)),
        });
        lines.push(format!("new units take {}", seconds(self.provisioning_s)));
        lines
    }

    /// Not all that is needed can be had.
    pub fn is_cut(&self) -> bool {
        self.units_needed.saturating_sub(self.units_others) > self.units_given()
    }

    /// `needed 49, of which the maximum allows 20`.
    pub fn need(&self) -> String {
        let needed = format!("needed {}", self.units_needed);
        if !self.is_cut() {
            return needed;
        }
        let others = if self.units_others > 0 {
            format!("other groups have {} and ", self.units_others)
        } else {
            String::new()
        };
        let cut = if self.units_possible.is_some() {
            "the targets can take"
        } else {
            "the maximum allows"
        };
        format!("{needed}, of which {others}{cut} {}", self.units_given())
    }

    /// Where the need comes from; nothing where it is what is expected from earlier days.
    fn reckoning(&self) -> Option<String> {
        let (needed, used) = (f64::from(self.units_needed), self.units_allocated);
        let reckoned = self.headroom * (used + self.units_for_remaining);
        match self.units_for_remaining > 0.0 {
            _ if needed + 1.0 <= reckoned => Some("one step grows no further".to_owned()),
            _ if needed >= reckoned + 1.0 => None,
            true => Some(format!(
                "{:.0} % of these and of {used:.1} in use are needed",
                100.0 * self.headroom
            )),
            false => Some(format!(
                "{:.0} % of {used:.1} units in use are needed",
                100.0 * self.headroom
            )),
        }
    }

    /// What the targets end up with.
    fn units_given(&self) -> u32 {
        self.units_possible.unwrap_or(self.units_wanted)
    }
}

/// `pending 310.0 GiB; 190.0 GiB of it will have been served in 6m 40s; 120.0 GiB remain = 10.0
/// units`.
impl fmt::Display for DemandReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}
