//! Who takes part: every policy that is always at hand, as a file for the group that the scenario
//! scales.

use crate::observation::GroupKind;
use crate::policy::baselines::{BASELINES, FIXED_MAX};
use crate::policy::demand::DemandUnits;
use crate::policy::parse::parse;
use crate::policy::{Limits, Policy, Selector};
use crate::sim::scenario::Scenario;
use crate::units::Instances;

/// Baselines whose values are searched: those with thresholds, and those with a set point.
const SEARCHED: [&str; 2] = ["available-memory", "set-point"];
/// Where on its own line between cost and waiting `demand:` is tried.
const PERFORMANCE_INDEXES: [u32; 5] = [10, 30, 50, 70, 90];
/// Of a large range of sizes, so many are tried.
const MOST_SIZES: u32 = 8;

/// A policy that takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    pub name: String,
    /// The policy file, ready to deploy.
    pub text: String,
    pub policy: Policy,
    /// It takes part as it is, and again with the best values that a search finds.
    pub is_searched: bool,
}

/// All of them for one group, the fixed maximum first.
pub fn alternatives(scenario: &Scenario, scaled: usize, limits: Limits) -> Vec<Alternative> {
    let selector = selector(scenario, scaled);
    let baselines = BASELINES.iter().map(|baseline| {
        (
            baseline.name.to_owned(),
            baseline.text_for(limits, &selector),
        )
    });
    let (least, most) = (limits.min().get(), limits.max().get());
    let steps = (most - least).min(MOST_SIZES);
    // Both ends are baselines.
    let sizes = (1..steps).map(|step| {
        (u64::from(least) + u64::from(most - least) * u64::from(step) / u64::from(steps)) as u32
    });
    let fixed = sizes.map(|size| (format!("fixed-{size}"), fixed(Instances(size), &selector)));
    let demand = PERFORMANCE_INDEXES.iter().map(|index| {
        (
            format!("demand-{index}"),
            demand(*index, limits, &selector, scenario.groups[scaled].kind),
        )
    });
    let all: Vec<(String, String)> = baselines.chain(fixed).chain(demand).collect();
    let alternative = |(name, text): (String, String)| {
        let policy = parse(&text, &name).ok()?;
        let is_searched = SEARCHED.contains(&name.as_str());
        Some(Alternative {
            name,
            text,
            policy,
            is_searched,
        })
    };
    let mut alternatives: Vec<Alternative> = all.into_iter().filter_map(alternative).collect();
    alternatives.sort_by_key(|alternative| alternative.name != FIXED_MAX.name);
    alternatives
}

/// How a policy names a group on any cluster of this kind; by its id only where nothing else tells
/// it from the others.
fn selector(scenario: &Scenario, scaled: usize) -> Selector {
    let group = &scenario.groups[scaled];
    let (role, market) = (group.role, group.market);
    let names = match group.kind {
        GroupKind::Group => vec![Selector::Role(role), Selector::Group { role, market }],
        GroupKind::Fleet => vec![Selector::Fleet { role, market }],
    };
    let means_one = |name: &Selector| {
        scenario
            .groups
            .iter()
            .filter(|other| name.matches(&other.status()))
            .count()
            == 1
    };
    names
        .into_iter()
        .find(means_one)
        .unwrap_or_else(|| Selector::Id(group.id.clone()))
}

fn fixed(size: Instances, selector: &Selector) -> String {
    format!(
        "# Always {size}, whatever is waiting.\nname: fixed-{size}\ntargets:\n  - group: {{ {selector} }}\n    limits: {{ min: {size}, max: {size} }}\n"
    )
}

fn demand(index: u32, limits: Limits, selector: &Selector, kind: GroupKind) -> String {
    let (min, max) = (limits.min(), limits.max());
    let units = match kind {
        GroupKind::Group => DemandUnits::Instances,
        GroupKind::Fleet => DemandUnits::FleetUnits,
    };
    // A maximum of nothing is refused, and would be no choice.
    format!(
        "# Follows what is asked for; performance_index 1 is cheap, 100 waits least.\nname: demand-{index}\ndemand: {{ min: {min}, max: {max}, \
         units: {units}, performance_index: {index} }}\ntargets:\n  - group: {{ {selector} }}\n    limits: {{ min: {min}, max: {max} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{GroupId, Market};
    use crate::sim::scenario::GroupSpec;

    #[test]
    fn every_kind_of_policy_takes_part_and_the_fixed_maximum_is_first() {
        let scenario = Scenario::default();
        let limits = Limits::new(Instances(2), Instances(20)).expect("in order");
        let all = alternatives(&scenario, 1, limits);
        assert_eq!(all[0].name, "fixed-max");
        let names: Vec<&str> = all
            .iter()
            .map(|alternative| alternative.name.as_str())
            .collect();
        for name in [
            "fixed-min",
            "available-memory",
            "console-default",
            "hpa",
            "dataproc",
            "set-point",
            "fixed-4",
            "fixed-17",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        for alternative in &all {
            let target = &alternative.policy.targets()[0];
            assert_eq!(
                target.selector,
                Selector::Role(scenario.groups[1].role),
                "{}",
                alternative.name
            );
            assert!(
                target.limits.min() >= limits.min() && target.limits.max() <= limits.max(),
                "{}",
                alternative.name
            );
        }
        let mut both = scenario.clone();
        both.groups.push(GroupSpec {
            id: GroupId::new("ig-spot"),
            market: Market::Spot,
            ..both.groups[1].clone()
        });
        assert_eq!(selector(&both, 2).to_string(), "role: task, market: spot");
        let mut fleet = scenario;
        fleet
            .groups
            .iter_mut()
            .for_each(|group| group.kind = GroupKind::Fleet);
        let names_of = |all: Vec<Alternative>| {
            all.into_iter()
                .map(|alternative| alternative.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names_of(alternatives(&fleet, 1, limits)),
            names_of(all),
            "a fleet has the same"
        );
    }
}
