//! Policies that are always at hand, to compare with: the files under `policies/`, built into the
//! program.

use super::parse::parse;
use super::{Limits, Policy, Selector};

/// What a baseline makes of the limits of the scenario it is compared in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizing {
    /// Scales within them.
    ScenarioLimits,
    /// Stays at their maximum.
    AtMaximum,
    /// Stays at their minimum.
    AtMinimum,
}

/// A policy file in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    pub name: &'static str,
    /// In one line.
    pub summary: &'static str,
    /// The file.
    pub text: &'static str,
    pub sizing: Sizing,
}

/// What the others are compared with first.
pub const FIXED_MAX: Baseline = baseline(
    "fixed-max",
    "always at the maximum",
    include_str!("../../policies/fixed-max.yaml"),
    Sizing::AtMaximum,
);

/// From the simplest to the cleverest.
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
        "memory free < 15 % (5 min): 5 more; > 75 % (3 min): 3 less",
        include_str!("../../policies/available-memory.yaml"),
        Sizing::ScenarioLimits,
    ),
    baseline(
        "console-default",
        "EMR console: 5-min average < 15 %: 1 more; > 75 %: 1 less",
        include_str!("../../policies/console-default.yaml"),
        Sizing::ScenarioLimits,
    ),
    baseline(
        "hpa",
        "Kubernetes HPA: allocated memory at 80 %, tolerance 10 %",
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
        "Clusterman: requested memory or cores at 70 %, margin 10 %",
        include_str!("../../policies/set-point.yaml"),
        Sizing::ScenarioLimits,
    ),
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

    /// The same for one group, as a file.
    pub fn text_for(&self, limits: Limits, group: &Selector) -> String {
        let limits = self.limits_within(limits);
        let line = |line: &str| match line.trim_start() {
            rest if rest.starts_with("- group:") => format!("  - group: {{ {group} }}\n"),
            rest if rest.starts_with("limits:") => format!(
                "    limits: {{ min: {}, max: {} }}\n",
                limits.min, limits.max
            ),
            _ => format!("{line}\n"),
        };
        self.text.lines().map(line).collect()
    }

    fn limits_within(&self, limits: Limits) -> Limits {
        match self.sizing {
            Sizing::ScenarioLimits => limits,
            Sizing::AtMaximum => Limits::exactly(limits.max),
            Sizing::AtMinimum => Limits::exactly(limits.min),
        }
    }
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
    fn a_baseline_as_a_file_is_the_policy_that_it_stands_for() {
        let limits = Limits::new(Instances(3), Instances(7)).expect("in order");
        for group in [
            Selector::Id(GroupId::new("ig-2ABC")),
            Selector::Fleet {
                role: Role::Task,
                market: Market::Spot,
            },
        ] {
            for baseline in BASELINES {
                let text = baseline.text_for(limits, &group);
                assert_eq!(
                    parse(&text, baseline.name).expect("a policy"),
                    baseline.policy(limits).on_group(&group),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_baseline_is_found_by_its_exact_name() {
        assert_eq!(find("hpa").map(|baseline| baseline.name), Some("hpa"));
        assert_eq!(find("HPA"), None);
    }
}
