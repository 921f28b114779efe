//! Explains the size that a `demand:` policy asks for, in numbers and in words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::expected::ExpectedStart;
use super::known_work::KnownWorkReport;
use crate::observation::GroupId;
use crate::observation::pending_limit::{LimitedBy, MostAllowed};
use crate::units::{Mebibytes, display_duration};

/// A demand in numbers: the backlog, the part of it that needs no new units, and what was learned.
/// Units are what the groups count: instances, or capacity units of fleets. Where instances of different
/// groups differ, the smallest is a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandReport {
    /// Memory that YARN reports as pending, in MiB.
    pub memory_pending_mib: Mebibytes,
    /// Allocated to running containers, in units of the binding resource.
    pub units_allocated: f64,
    /// The backlog, in units of the binding resource.
    pub units_pending: f64,
    /// Pending work that more units would not start, which is no part of the backlog.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<HeldBack>,
    /// Pending units that idle room could serve. Something else holds them back, so that they are no
    /// part of the backlog.
    #[serde(default, skip_serializing_if = "is_none_held_back")]
    pub units_held_back: f64,
    /// The part of the backlog that starts within the patience, as running containers finish.
    pub units_served: f64,
    /// The rest of the backlog, which needs new units.
    pub units_remaining: f64,
    /// Units that serve the rest within the patience: fewer than `units_remaining` if containers are
    /// short and run one after another.
    pub units_for_remaining: f64,
    /// How many units to provide for each unit that is allocated or remains.
    #[serde(alias = "headroom")]
    pub capacity_factor: f64,
    /// Units for what is allocated, what remains, and what is expected at this time of day.
    pub units_needed: u32,
    /// The part of `units_needed` that is asked for once it has been missing for long enough for a call.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_put_off: u32,
    /// Work has waited for long beside idle room that does not hold it, and no node is empty: one unit is
    /// added.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_empty_node: bool,
    /// Units that are in use, or idle and worth keeping.
    pub units_kept: u32,
    /// The part of `units_kept` that is not worth keeping, and goes once it has cost enough for a call.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_surplus: u32,
    /// The most units expected from earlier days until new ones would run; `None` without enough
    /// days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_forecast: Option<u32>,
    /// Applications and steps that are expected to start before new units would run, and for which room is made
    /// ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<ExpectedStart>,
    /// Units of groups that the policy does not resize.
    pub units_others: u32,
    /// Running units that YARN does not use: they are no capacity, and units are added for them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_unusable: u32,
    /// Units that were requested of a group and did not arrive, and that are asked of others instead.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_lacking: u32,
    /// Unusable units that are not made up for, because fewer work than do not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_not_replaced: u32,
    /// Units asked of groups on spot, whose place others have until they arrive.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_asked_back: u32,
    /// The desired size of all targets together, within the limits of the demand.
    #[serde(alias = "units_wanted")]
    pub units_desired: u32,
    /// What all targets together can have, if that is less than desired: because of their own limits,
    /// those of core and on-demand, or a recent failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_possible: Option<u32>,
    /// The binding resource: the one that needs most units.
    pub binding: Resource,
    /// What one instance of each target offers, where instances of different groups differ; empty where
    /// each is one unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offered>,
    /// What one unit offers to containers.
    pub unit_memory_mib: Mebibytes,
    /// What one unit offers to containers; `None` if cores are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_vcores: Option<f64>,
    /// How long work may wait for running containers to finish before units are added for it, in
    /// seconds.
    pub patience_s: f64,
    /// Learned: the seconds from the request of a unit until it runs.
    pub provisioning_s: f64,
    /// Learned: the mean lifetime of a container in seconds; `None` while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_lifetime_s: Option<f64>,
    /// Learned: for how many seconds the highest unit is kept while idle.
    pub keep_idle_s: f64,
    /// Learned: days that the forecast knows.
    pub days_known: u32,
    /// What the applications say is left to do; `None` if none says it, or if it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownWorkReport>,
}

/// What one instance of a group offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// The group.
    pub group: GroupId,
    /// In units of the binding resource.
    pub units: f64,
}

/// Pending work that a limit of YARN's holds back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldBack {
    /// What limits it.
    pub by: LimitedBy,
    /// The most that the limit allows; `None` if the work cannot start at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<MostAllowed>,
    /// Pending memory that is not counted, in MiB.
    pub memory_mib: Mebibytes,
}

/// What containers ask nodes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// In MiB, as YARN grants it.
    Memory,
    /// YARN's virtual cores.
    Vcores,
}

/// Whether a count is left out of JSON.
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_none_held_back(units: &f64) -> bool {
    *units == 0.0
}

impl DemandReport {
    /// Units that are made ready for applications that are expected.
    pub fn units_expected(&self) -> f64 {
        self.expected.iter().map(|one| one.units).sum()
    }

    /// The backlog, the units that it needs, and what was learned, one line each.
    pub fn lines(&self) -> Vec<String> {
        let amount = |units: f64| self.amount(units);
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
                "{} of it will start within {} as running containers finish",
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
        } else if self.units_held_back == 0.0 && self.held_back.is_empty() {
            lines.push("nothing is pending".to_owned());
        }
        lines.extend(self.known.iter().flat_map(KnownWorkReport::lines));
        lines.extend(self.expected.iter().map(ExpectedStart::line));
        lines.extend(self.sizes_of_instances());
        lines.extend(self.held_back());
        lines.extend(self.reckoning());
        lines.extend(self.in_place_of_others());
        let forecast = self
            .units_forecast
            .map(|units| format!(", expected from earlier days {units}"))
            .unwrap_or_default();
        let unusable = match self.units_unusable {
            0 => String::new(),
            unusable => format!(", and {unusable} for instances that YARN does not use"),
        };
        let others = match self.units_others {
            others if others > 0 && !self.is_cut() => {
                format!(", of which {others} in other groups")
            }
            _ => String::new(),
        };
        lines.push(format!(
            "{}{unusable}{forecast}, in use or worth keeping {}{others}",
            self.need(),
            self.units_kept
        ));
        lines.extend(self.what_waits());
        lines.push(match self.keep_idle_s {
            s if s < 0.5 => "an idle unit is released at once".to_owned(),
            s => format!("an idle unit is kept for {}", seconds(s)),
        });
        lines.push(format!("new units take {}", seconds(self.provisioning_s)));
        lines
    }

    /// The unit that is tried for work that stands, and what waits until it is worth a call.
    fn what_waits(&self) -> impl Iterator<Item = String> {
        let one_more = self.needs_empty_node.then(|| {
            "work has waited for long beside idle room, and no node is empty: one unit more"
                .to_owned()
        });
        let put_off = (self.units_put_off > 0).then(|| {
            format!(
                "{} more needed: asked for together with others, or soon",
                self.units_put_off
            )
        });
        let surplus = (self.units_surplus > 0).then(|| {
            format!(
                "{} of them too many: released together with others, or soon",
                self.units_surplus
            )
        });
        [one_more, put_off, surplus].into_iter().flatten()
    }

    /// What a unit is where instances differ: `a unit is the smallest instance, of 12.0 GiB; one of ig-CORE
    /// offers 1.0, one of ig-TASK 4.7`.
    fn sizes_of_instances(&self) -> Option<String> {
        let (first, others) = self.offers.split_first()?;
        let mut text = format!(
            "a unit is the smallest instance, of {}; one of {} offers {:.1}",
            self.amount(1.0),
            first.group,
            first.units
        );
        for Offered { group, units } in others {
            text += &format!(", one of {group} {units:.1}");
        }
        Some(text)
    }

    /// What groups provide in the place of others, and what nothing is provided for.
    fn in_place_of_others(&self) -> impl Iterator<Item = String> {
        let not_replaced = (self.units_not_replaced > 0).then(|| {
            format!(
                "{} {} that YARN does not use are not made up for, because fewer work than do not; check \
                 why nodes do not join, or are unhealthy",
                self.units_not_replaced,
                self.instances_or_units()
            )
        });
        let lacking = (self.units_lacking > 0).then(|| {
            format!(
                "{} requested units did not arrive; other groups take their place",
                self.units_lacking
            )
        });
        let asked_back = (self.units_asked_back > 0).then(|| {
            format!(
                "{} units are asked of spot, which other groups provide until they arrive",
                self.units_asked_back
            )
        });
        let all = [lacking, asked_back, not_replaced];
        all.into_iter().flatten()
    }

    /// What the counts count: a unit is an instance unless instances differ.
    const fn instances_or_units(&self) -> &'static str {
        if self.offers.is_empty() {
            "instances"
        } else {
            "units"
        }
    }

    /// What is pending and does not count, by what holds it back and who can change that.
    pub fn held_back(&self) -> Vec<String> {
        let limited = self.held_back.iter().map(ToString::to_string);
        limited.chain(self.beside_idle_room()).collect()
    }

    /// What is pending beside idle room for a reason that YARN does not report; `None` if there is none.
    fn beside_idle_room(&self) -> Option<String> {
        (self.units_held_back > 0.0).then(|| {
            format!(
                "{} pending beside idle room that could hold it: a queue's or user's limit, the share of \
                 application masters or a node label holds it back, which the ResourceManager's scheduler \
                 page shows; more instances would not start it",
                self.amount(self.units_held_back)
            )
        })
    }

    /// Units of the binding resource, in its own measure: `12.0 GiB`, `8 vcores`.
    fn amount(&self, units: f64) -> String {
        match (self.binding, self.unit_vcores) {
            (Resource::Vcores, Some(vcores)) => format!("{:.0} vcores", units * vcores),
            _ => format!("{:.1} GiB", units * self.unit_memory_mib.as_f64() / 1_024.0),
        }
    }

    /// Whether the targets end up with fewer units than needed.
    pub fn is_cut(&self) -> bool {
        self.units_put_off == 0
            && (self
                .units_needed
                .saturating_add(self.units_unusable)
                .saturating_sub(self.units_others)
                > self.units_given())
    }

    /// `needed 49, of which the maximum allows 20`.
    pub fn need(&self) -> String {
        let needed = format!("needed {}", self.units_needed);
        if !self.is_cut() {
            return needed;
        }
        let others = if self.units_others > 0 {
            format!("other groups provide {} and ", self.units_others)
        } else {
            String::new()
        };
        let cut = if self.units_possible.is_some() {
            "the targets can provide"
        } else {
            "the maximum allows"
        };
        format!("{needed}, of which {others}{cut} {}", self.units_given())
    }

    /// How the need was computed; `None` if it is what earlier days lead to expect.
    fn reckoning(&self) -> Option<String> {
        let (needed, used) = (f64::from(self.units_needed), self.units_allocated);
        let reckoned = self.capacity_factor * (used + self.units_for_remaining);
        match self.units_for_remaining > 0.0 {
            _ if needed + 1.0 <= reckoned => Some("the growth cap allows no more".to_owned()),
            _ if needed >= reckoned + 1.0 => None,
            true => Some(format!(
                "{:.0}% of these and of {used:.1} in use are needed",
                100.0 * self.capacity_factor
            )),
            false => Some(format!(
                "{:.0}% of {used:.1} units in use are needed",
                100.0 * self.capacity_factor
            )),
        }
    }

    /// The units that the targets end up with.
    fn units_given(&self) -> u32 {
        self.units_possible.unwrap_or(self.units_desired)
    }
}

/// `36.0 GiB pending cause no growth: the maximum capacity of the queue adhoc (25% of the cluster); a YARN
/// administrator can raise it`.
impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_mib.as_f64() / 1_024.0;
        write!(f, "{gib:.1} GiB pending cause no growth: {}", self.by)?;
        if let Some(most) = self.most {
            write!(f, " ({most})")?;
        }
        write!(f, "; {}", self.by.remedy())
    }
}

/// `pending 310.0 GiB; 190.0 GiB of it will start within 6m 40s as running containers finish; 120.0 GiB
/// remain = 10.0 units`.
impl fmt::Display for DemandReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}
