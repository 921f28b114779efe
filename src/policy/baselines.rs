//! Built-in policies to compare with: the files under `policies/`, compiled into the program.

use crate::observation::GroupKind;
use crate::policy::demand::DemandUnits;
use crate::policy::limits::Limits;
use crate::policy::parse::parse;
use crate::policy::selector::Selector;
use crate::policy::validated::Policy;

/// How a baseline uses the limits of the scenario in which it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizing {
    /// Scales within them.
    ScenarioLimits,
    /// Stays at their maximum.
    AtMaximum,
    /// Stays at their minimum.
    AtMinimum,
}

/// A built-in policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The name of the policy and of its file.
    pub name: &'static str,
    /// What the policy does, in one line.
    pub summary: &'static str,
    /// The policy file.
    pub text: &'static str,
    /// How the policy uses a scenario's limits.
    pub sizing: Sizing,
}

/// The reference: what the other policies are compared with first.
pub const FIXED_MAX: Baseline = baseline(
    "fixed-max",
    "always at the maximum",
    include_str!("../../policies/fixed-max.yaml"),
    Sizing::AtMaximum,
);

/// Follows demand (`demand:`) instead of rules.
pub const FOLLOW_DEMAND: Baseline = baseline(
    "follow-demand",
    "room for running and waiting work, and no more (demand:)",
    include_str!("../../policies/follow-demand.yaml"),
    Sizing::ScenarioLimits,
);
/// The performance index of [`FOLLOW_DEMAND`].
pub const FOLLOW_DEMAND_INDEX: u8 = 50;

/// All built-in policies, from the simplest to the most elaborate.
pub const BASELINES: &[Baseline] = &[
    FIXED_MAX,
    baseline(
        "fixed-min",
        "always at the minimum",
        include_str!("../../policies/fixed-min.yaml"),
        Sizing::AtMinimum,
    ),
    baseline(
        "available-memory",
        "memory free < 15% (5 min): 5 more; > 75% (3 min): 3 less",
        include_str!("../../policies/available-memory.yaml"),
        Sizing::ScenarioLimits,
    ),
    baseline(
        "console-default",
        "EMR console: 5-min average < 15%: 1 more; > 75%: 1 less",
        include_str!("../../policies/console-default.yaml"),
        Sizing::ScenarioLimits,
    ),
    baseline(
        "hpa",
        "Kubernetes HPA: allocated memory at 80%, tolerance 10%",
        include_str!("../../policies/hpa.yaml"),
        Sizing::ScenarioLimits,
    ),
    baseline(
        "dataproc",
        "Google Dataproc: pending less available memory, over 2 min",
        include_str!("../../policies/dataproc.yaml"),
        Sizing::ScenarioLimits,
    ),
    baseline(
        "set-point",
        "Clusterman: requested memory or cores at 70%, margin 10%",
        include_str!("../../policies/set-point.yaml"),
        Sizing::ScenarioLimits,
    ),
    FOLLOW_DEMAND,
];

/// The baseline with this name.
pub fn find(name: &str) -> Option<&'static Baseline> {
    BASELINES.iter().find(|baseline| baseline.name == name)
}

impl Baseline {
    /// The policy inside a scenario's limits.
    pub fn policy(&self, limits: Limits) -> Policy {
        match parse(self.text, self.name) {
            Ok(policy) => policy.with_limits(self.limits_within(limits)),
            Err(errors) => unreachable!("a test parses every baseline: {errors}"),
        }
    }

    /// The policy inside a scenario's limits, for one group.
    pub fn policy_for(&self, limits: Limits, group: &Selector, kind: GroupKind) -> Policy {
        match parse(&self.text_for(limits, group, kind), self.name) {
            Ok(policy) => policy,
            Err(errors) => unreachable!("a test parses every baseline for a group: {errors}"),
        }
    }

    /// The policy file inside a scenario's limits, for one group.
    pub fn text_for(&self, limits: Limits, group: &Selector, kind: GroupKind) -> String {
        if *self == FOLLOW_DEMAND {
            return demand_text(self.name, FOLLOW_DEMAND_INDEX, limits, group, kind);
        }
        let limits = self.limits_within(limits);
        let mut text = String::new();
        for line in self.text.lines() {
            let rest = line.trim_start();
            if rest.starts_with("- group:") {
                text += &group_line(group);
            } else if rest.starts_with("limits:") {
                text += &limits_line(limits);
            } else {
                text = text + line + "\n";
            }
        }
        text
    }

    fn limits_within(&self, limits: Limits) -> Limits {
        match self.sizing {
            Sizing::ScenarioLimits => limits,
            Sizing::AtMaximum => Limits::exactly(limits.max()),
            Sizing::AtMinimum => Limits::exactly(limits.min()),
        }
    }
}

/// A policy file that follows demand like [`FOLLOW_DEMAND`], at any performance index.
pub fn demand_text(
    name: &str,
    performance_index: u8,
    limits: Limits,
    group: &Selector,
    kind: GroupKind,
) -> String {
    let units = match kind {
        GroupKind::Group => DemandUnits::Instances,
        GroupKind::Fleet => DemandUnits::FleetUnits,
    };
    // The language refuses a demand of at most 0; the limits of the target hold in any case.
    let (min, max) = (limits.min(), limits.max().get().max(1));
    let mut text = String::new();
    for line in FOLLOW_DEMAND.text.lines() {
        if line.starts_with("name:") {
            text += &format!("name: {name}\n");
        } else if line.starts_with("demand:") {
            text += &format!(
                "demand: {{ min: {min}, max: {max}, units: {units}, performance_index: {performance_index} }}\n"
            );
        } else if line.trim_start().starts_with("- group:") {
            text = text + &group_line(group) + &limits_line(limits);
        } else {
            text = text + line + "\n";
        }
    }
    text
}

fn group_line(group: &Selector) -> String {
    format!("  - group: {{ {group} }}\n")
}

fn limits_line(limits: Limits) -> String {
    format!(
        "    limits: {{ min: {}, max: {} }}\n",
        limits.min(),
        limits.max()
    )
}

const fn baseline(
    name: &'static str,
    summary: &'static str,
    text: &'static str,
    sizing: Sizing,
) -> Baseline {
    Baseline {
        name,
        summary,
        text,
        sizing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{GroupId, Market, Role};
    use crate::units::Instances;

    #[test]
    fn every_baseline_is_a_policy_of_its_name_inside_the_limits_it_is_given() {
        let limits = Limits::new(Instances(2), Instances(9)).expect("in order");
        for baseline in BASELINES {
            let policy = baseline.policy(limits);
            assert_eq!(policy.name(), baseline.name);
            let got = policy.targets()[0].limits;
            let expected = match baseline.name {
                "fixed-max" => (9, 9),
                "fixed-min" => (2, 2),
                _ => (2, 9),
            };
            assert_eq!(
                (got.min().get(), got.max().get()),
                expected,
                "{}",
                baseline.name
            );
        }
    }

    #[test]
    fn a_baseline_for_a_group_is_the_policy_on_that_group() {
        let limits = Limits::new(Instances(3), Instances(7)).expect("in order");
        let group = Selector::Id(GroupId::new("ig-2ABC"));
        let fleet = Selector::Fleet {
            role: Role::Task,
            market: Market::Spot,
        };
        for baseline in BASELINES {
            assert_eq!(
                baseline.policy_for(limits, &group, GroupKind::Group),
                baseline.policy(limits).on_group(&group).expect("one group"),
                "{}",
                baseline.name
            );
            if *baseline != FOLLOW_DEMAND {
                assert_eq!(
                    baseline.policy_for(limits, &fleet, GroupKind::Fleet),
                    baseline.policy(limits).on_group(&fleet).expect("one group"),
                    "{}",
                    baseline.name
                );
            }
        }
    }

    #[test]
    fn follow_demand_has_the_index_and_the_units_of_its_group() {
        let built_in = parse(FOLLOW_DEMAND.text, FOLLOW_DEMAND.name).expect("a policy");
        let index = |policy: &Policy| policy.demand().map(|demand| demand.performance_index.get());
        assert_eq!(index(&built_in), Some(FOLLOW_DEMAND_INDEX));
        let limits = Limits::new(Instances(3), Instances(7)).expect("in order");
        let group = Selector::Role(Role::Task);
        let fleet = Selector::Fleet {
            role: Role::Task,
            market: Market::Spot,
        };
        for (selector, kind, units) in [
            (&group, GroupKind::Group, DemandUnits::Instances),
            (&fleet, GroupKind::Fleet, DemandUnits::FleetUnits),
        ] {
            let policy = FOLLOW_DEMAND.policy_for(limits, selector, kind);
            let demand = policy.demand().expect("it follows demand");
            assert_eq!((demand.min, demand.max, demand.units), (3, 7, units));
            assert_eq!(policy.targets()[0].limits, limits);
        }
        let nothing = Limits::exactly(Instances::ZERO);
        let policy = FOLLOW_DEMAND.policy_for(nothing, &group, GroupKind::Group);
        assert_eq!(policy.targets()[0].limits, nothing);
        for performance_index in 1..=100 {
            let text = demand_text("d", performance_index, limits, &group, GroupKind::Group);
            let policy = parse(&text, "d").expect("a policy");
            assert_eq!(index(&policy), Some(performance_index));
        }
    }

    #[test]
    fn a_baseline_is_found_by_its_exact_name() {
        assert_eq!(find("hpa").map(|baseline| baseline.name), Some("hpa"));
        assert_eq!(find("HPA"), None);
    }
}
