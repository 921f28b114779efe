//! The settings of every baseline that are tried: what could have been chosen by someone who knew
//! the trace beforehand.

use crate::evaluation::trials::Candidate;
use crate::policy::parse::parse;
use crate::policy::{Limits, Policy, Selector};
use crate::units::Instances;

/// Threshold rules are sampled: a grid over seven settings would be too large.
const RULE_SETS: u32 = 256;
/// Share of allocated memory that is aimed at.
const HPA_TARGETS_PERCENT: [u32; 8] = [30, 40, 50, 60, 70, 80, 90, 95];
const HPA_STABILIZATIONS_M: [u32; 5] = [0, 5, 10, 20, 40];
const DATAPROC_FACTORS_UP: [f64; 4] = [0.25, 0.5, 0.75, 1.0];
const DATAPROC_FACTORS_DOWN: [f64; 5] = [0.05, 0.1, 0.25, 0.5, 1.0];
const DATAPROC_COOLDOWNS_M: [u32; 4] = [2, 5, 10, 20];
/// Nodes for each node needed.
const SET_POINTS: [f64; 15] = [
    0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0,
];
const SET_POINT_STABILIZATIONS_M: [u32; 8] = [0, 2, 5, 10, 15, 20, 30, 40];

/// The name of a setting, and the text of its policy.
type Setting = (String, String);

/// All settings, for one group within its limits.
pub fn candidates(group: &Selector, limits: Limits) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (name, text) in [rules(), hpa(), dataproc(), set_points()].concat() {
        let policy = policy(&text, group, limits);
        candidates.push(Candidate {
            name,
            ..Candidate::of(policy)
        });
    }
    for size in limits.min().get()..=limits.max().get() {
        candidates.push(fixed(size, group));
    }
    candidates
}

fn policy(text: &str, group: &Selector, limits: Limits) -> Policy {
    let policy = parse(text, "setting")
        .map_err(|errors| errors.to_string())
        .and_then(|policy| policy.on_group(group).map_err(|error| error.to_string()));
    match policy {
        Ok(policy) => policy.with_limits(limits),
        Err(errors) => unreachable!("a test parses every setting: {errors}"),
    }
}

fn rules() -> Vec<Setting> {
    (0..RULE_SETS).map(rule_set).collect()
}

fn rule_set(index: u32) -> Setting {
    let [low, high, short, idle, grow, shrink, cooldown] = spread(index);
    let (low, high) = (between(low, 5, 40), between(high, 50, 90));
    let (short, idle) = (between(short, 1, 15), between(idle, 1, 15));
    let (grow, shrink) = (between(grow, 1, 10), between(shrink, 1, 10));
    let cooldown = between(cooldown, 1, 15);
    let name =
        format!("rules <{low}% {short}m +{grow}, >{high}% {idle}m -{shrink}, cooldown {cooldown}m");
    let rules = format!(
        "    rules:
      - name: memory-short
        when: yarn_memory_available_percent < {low}
        for: {short}m
        then: {{ grow: {grow} }}
      - name: memory-idle
        when: yarn_memory_available_percent > {high}
        for: {idle}m
        then: {{ shrink: {shrink} }}
        cooldown: {cooldown}m
"
    );
    (name, text("rules", "", &rules))
}

fn hpa() -> Vec<Setting> {
    let mut settings = Vec::new();
    for target in HPA_TARGETS_PERCENT {
        for minutes in HPA_STABILIZATIONS_M {
            let rule = track("yarn_memory_allocated_percent", &target.to_string(), "0.1");
            settings.push((
                format!("hpa {target}%, stabilization {minutes}m"),
                text("hpa", &stabilization(minutes), &tracking(&rule)),
            ));
        }
    }
    settings
}

fn dataproc() -> Vec<Setting> {
    let mut settings = Vec::new();
    for minutes in DATAPROC_COOLDOWNS_M {
        for up in DATAPROC_FACTORS_UP {
            for down in DATAPROC_FACTORS_DOWN {
                let rules = dataproc_rule("scale-up", ">", up, minutes)
                    + &dataproc_rule("scale-down", "<", down, minutes);
                settings.push((
                    format!("dataproc up {up}, down {down}, cooldown {minutes}m"),
                    text("dataproc", "", &tracking(&rules)),
                ));
            }
        }
    }
    settings
}

fn dataproc_rule(name: &str, comparison: &str, factor: f64, minutes: u32) -> String {
    let pending = format!("avg(yarn_memory_pending_mib, {minutes}m)");
    let available = format!("avg(yarn_memory_available_mib, {minutes}m)");
    format!(
        "      - name: {name}
        when: \"{pending} {comparison} {available}\"
        cooldown: {minutes}m
        then:
          track:
            signal: \"1 + {factor} * ({pending} - {available}) / yarn_memory_total_mib\"
            target: 1
            tolerance: 0
"
    )
}

/// A set point `s` keeps `s` nodes for each node needed, which is a share of `1 / s` of requested
/// resources in the total.
fn set_points() -> Vec<Setting> {
    let requested_share = "greatest(\
        (yarn_memory_allocated_mib + yarn_memory_pending_mib) / yarn_memory_total_mib, \
        (yarn_vcores_allocated + yarn_vcores_pending) / yarn_vcores_total)";
    let mut settings = Vec::new();
    for set_point in SET_POINTS {
        for minutes in SET_POINT_STABILIZATIONS_M {
            let rule = track(requested_share, &(1.0 / set_point).to_string(), "0");
            settings.push((
                format!("set-point {set_point}, stabilization {minutes}m"),
                text("set-point", &stabilization(minutes), &tracking(&rule)),
            ));
        }
    }
    settings
}

/// A rule that always tracks a signal.
fn track(signal: &str, target: &str, tolerance: &str) -> String {
    format!(
        "      - name: track
        when: true
        then:
          track:
            signal: \"{signal}\"
            target: {target}
            tolerance: {tolerance}
"
    )
}

fn fixed(size: u32, group: &Selector) -> Candidate {
    let policy = policy(
        &text("fixed", "", ""),
        group,
        Limits::exactly(Instances(size)),
    );
    Candidate {
        name: fixed_name(size),
        ..Candidate::of(policy)
    }
}

/// What results call a cluster that always has this size.
pub fn fixed_name(size: u32) -> String {
    format!("fixed {size}")
}

/// A policy file; group and limits are put in their place afterwards.
fn text(name: &str, guards: &str, rules: &str) -> String {
    format!(
        "name: {name}\ntargets:\n  - group: {{ role: task }}\n    limits: {{ min: 0, max: 1 }}\n{guards}{rules}"
    )
}

fn stabilization(minutes: u32) -> String {
    format!("    stabilization: {minutes}m\n")
}

/// Where no node takes work, nothing times anything is nothing: a first node is needed to be
/// multiplied.
fn tracking(rules: &str) -> String {
    format!(
        "    rules:
{rules}      - name: first-node
        when: emr_instances_requested == 0 and yarn_memory_pending_mib > 0
        then: {{ grow: 1 }}
"
    )
}

/// The point `index` of Sobol's sequence in the unit cube, Owen-scrambled.
fn spread<const DIMENSIONS: usize>(index: u32) -> [f64; DIMENSIONS] {
    std::array::from_fn(|dimension| f64::from(sobol_burley::sample(index, dimension as u32, 0)))
}

/// A share of 0 to 1 as a whole number of `low` to `high`, each equally often.
fn between(share: f64, low: u32, high: u32) -> u32 {
    low + ((share * f64::from(high - low + 1)) as u32).min(high - low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::trials::Plan;
    use crate::observation::Role;
    use std::collections::BTreeSet;

    fn swept() -> Vec<Candidate> {
        let limits = Limits::new(Instances(1), Instances(20)).expect("in order");
        candidates(&Selector::Role(Role::Task), limits)
    }

    #[test]
    fn every_setting_is_a_policy_under_a_name_of_its_own() {
        let swept = swept();
        let names: BTreeSet<&str> = swept
            .iter()
            .map(|candidate| candidate.name.as_str())
            .collect();
        assert_eq!(names.len(), swept.len(), "two settings share a name");
        for (family, count) in [
            ("rules", 256),
            ("hpa", 40),
            ("dataproc", 80),
            ("set-point", 120),
            ("fixed", 20),
        ] {
            assert_eq!(
                names.iter().filter(|name| name.starts_with(family)).count(),
                count,
                "{family}"
            );
        }
    }

    #[test]
    fn a_fixed_size_is_one_size_and_the_others_have_the_limits() {
        for candidate in swept() {
            let Plan::Policy(policy) = &candidate.plan else {
                unreachable!("only policies are swept")
            };
            let limits = policy.targets()[0].limits;
            let expected = candidate
                .name
                .strip_prefix("fixed ")
                .map_or((1, 20), |size| {
                    let size = size.parse().expect("a size");
                    (size, size)
                });
            assert_eq!(
                (limits.min().get(), limits.max().get()),
                expected,
                "{}",
                candidate.name
            );
        }
    }

    #[test]
    fn the_sample_reaches_every_tenth_of_every_setting() {
        let points: Vec<[f64; 7]> = (0..RULE_SETS).map(spread).collect();
        for dimension in 0..7 {
            let tenths: BTreeSet<u32> = points
                .iter()
                .map(|point| (point[dimension] * 10.0) as u32)
                .collect();
            assert_eq!(tenths.len(), 10, "dimension {dimension}");
        }
        assert_eq!(
            (
                between(0.0, 5, 40),
                between(0.999, 5, 40),
                between(1.0, 5, 40)
            ),
            (5, 40, 40)
        );
    }
}
