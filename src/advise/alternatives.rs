//! The alternatives: every built-in policy, as a file for the group that the scenario scales.

use crate::observation::{GroupKind, GroupStatus};
use crate::policy::baselines::{BASELINES, FIXED_MAX, demand_text};
use crate::policy::parse::parse;
use crate::policy::{Limits, Policy, Selector};
use crate::sim::scenario::{GroupSpec, Scenario};
use crate::units::Instances;

/// Baselines whose values are searched: those with thresholds, and those with a set point.
const SEARCHED: [&str; 2] = ["available-memory", "set-point"];
/// The settings of `demand:` that are tried beside the built-in policy's, which is 50.
const PERFORMANCE_INDEXES: [u8; 4] = [10, 30, 70, 90];
/// How many fixed sizes of a large range are tried.
const MOST_SIZES: u32 = 8;

/// A policy that takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The name in the results.
    pub name: String,
    /// The policy file, ready to deploy.
    pub text: String,
    /// The policy of the file.
    pub policy: Policy,
    /// It is tried with its own values, and with the best values that a search finds.
    pub is_searched: bool,
}

/// All of them for one group, the fixed maximum first.
pub fn alternatives(scenario: &Scenario, scaled: usize, limits: Limits) -> Vec<Alternative> {
    let selector = selector(scenario, scaled);
    let kind = scenario.groups[scaled].kind;
    let mut alternatives = Vec::new();
    for baseline in BASELINES {
        let text = baseline.text_for(limits, &selector, kind);
        alternatives.extend(Alternative::read(baseline.name.to_owned(), text));
    }
    for size in sizes_between(limits) {
        let text = fixed(size, &selector);
        alternatives.extend(Alternative::read(format!("fixed-{size}"), text));
    }
    for index in PERFORMANCE_INDEXES {
        let name = format!("demand-{index}");
        let text = demand_text(&name, index, limits, &selector, kind);
        alternatives.extend(Alternative::read(name, text));
    }
    alternatives.sort_by_key(|alternative| alternative.name != FIXED_MAX.name);
    alternatives
}

impl Alternative {
    fn read(name: String, text: String) -> Option<Self> {
        let policy = parse(&text, &name).ok()?;
        let is_searched = SEARCHED.contains(&name.as_str());
        Some(Self {
            name,
            text,
            policy,
            is_searched,
        })
    }
}

/// Sizes at equal distances, without both ends, which are baselines.
fn sizes_between(limits: Limits) -> impl Iterator<Item = Instances> {
    let (least, most) = (limits.min().get(), limits.max().get());
    let steps = (most - least).min(MOST_SIZES);
    (1..steps).map(move |step| {
        let above = u64::from(most - least) * u64::from(step) / u64::from(steps);
        Instances(least + above as u32)
    })
}

/// How a policy names a group on any cluster of this kind; by its id only where nothing else
/// distinguishes it from the others.
fn selector(scenario: &Scenario, scaled: usize) -> Selector {
    let group = &scenario.groups[scaled];
    let (role, market) = (group.role, group.market);
    let names = match group.kind {
        GroupKind::Group => vec![Selector::Role(role), Selector::Group { role, market }],
        GroupKind::Fleet => vec![Selector::Fleet { role, market }],
    };
    let groups: Vec<GroupStatus> = scenario.groups.iter().map(GroupSpec::status).collect();
    let means_one = |name: &Selector| name.select(&groups).count() == 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{GroupId, Market};

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
            "follow-demand",
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
