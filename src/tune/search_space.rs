//! Everything that is varied together, and the policies that come of it.

use std::time::Duration;

use super::locations::PolicyText;
use super::parameter::{Parameter, Quantity, Range, Value, VaryError};
use crate::policy::Policy;
use crate::policy::diagnostic::PolicyErrors;
use crate::policy::parse::parse;

const FOUND: &str = "# Values found by a search (`headroom tune`); comments and descriptions are those of the policy that it began with.\n";
/// What is not said to vary is varied between this part and this multiple of what the policy says.
const USUAL_FACTOR: f64 = 4.0;
/// Thresholds and set points are closer to where they should be.
const THRESHOLD_FACTOR: f64 = 3.0;
const LONGEST_STABILIZATION: Duration = Duration::from_secs(40 * 60);

/// A policy with the values that are varied; never without any.
#[derive(Clone, Debug)]
pub struct SearchSpace {
    policy: PolicyText,
    file: String,
    parameters: Vec<Parameter>,
}

/// Why there is nothing to search.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum SpaceError {
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    #[error("--vary {vary}")]
    Vary { vary: String, source: VaryError },
    #[error(
        "{file} has no times, thresholds or amounts that are usually varied; name some with --vary PATH=RANGE"
    )]
    NothingToVary { file: String },
    #[error("{path} = {value} makes no policy; change its range{}", more(source))]
    End {
        path: String,
        value: String,
        source: PolicyErrors,
    },
}

fn more(errors: &PolicyErrors) -> String {
    errors
        .diagnostics()
        .first()
        .map_or_else(String::new, |first| format!(" ({})", first.message))
}

impl SearchSpace {
    /// The values that `vary` names, as `PATH=RANGE`, of the policy in `text`; all that are usually
    /// varied when it names none.
    ///
    /// # Errors
    /// When the text is no policy, a path leads to no value of it, or the policy would not allow an
    /// end of a range.
    pub fn new(text: &str, file: &str, vary: &[String]) -> Result<Self, SpaceError> {
        parse(text, file)?;
        let policy = PolicyText::read(text)
            .map_err(|diagnostic| PolicyErrors::new(file, text, vec![diagnostic]))?;
        let mut parameters: Vec<Parameter> = Vec::new();
        for given in vary {
            let refused = |source| SpaceError::Vary {
                vary: given.clone(),
                source,
            };
            let parameter = Parameter::parse(given, &policy).map_err(refused)?;
            if parameters
                .iter()
                .any(|other| other.path == parameter.path || other.overlaps(&parameter))
            {
                return Err(refused(VaryError::Twice(parameter.path)));
            }
            parameters.push(parameter);
        }
        if vary.is_empty() {
            parameters = usual(&policy);
        }
        if parameters.is_empty() {
            return Err(SpaceError::NothingToVary {
                file: file.to_owned(),
            });
        }
        let space = Self {
            policy,
            file: file.to_owned(),
            parameters,
        };
        space.check_ends()?;
        Ok(space)
    }

    /// The parameters that vary.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The written policy.
    pub fn start(&self) -> &str {
        self.policy.text()
    }

    /// The values at a point of the unit cube, which has a coordinate for each parameter.
    pub fn values(&self, point: &[f64]) -> Vec<Value> {
        self.parameters
            .iter()
            .zip(point)
            .map(|(parameter, place)| parameter.range.at(*place))
            .collect()
    }

    /// The policy file with these values. Comments and descriptions stay as they were, so it begins
    /// with saying that.
    pub fn found(&self, values: &[Value]) -> String {
        format!("{FOUND}{}", self.text(values))
    }

    fn text(&self, values: &[Value]) -> String {
        self.policy.with(
            self.parameters
                .iter()
                .zip(values)
                .flat_map(|(parameter, value)| parameter.place(value)),
        )
    }

    /// # Errors
    /// When these values together make no policy.
    pub fn policy(&self, values: &[Value]) -> Result<Policy, PolicyErrors> {
        parse(&self.text(values), &self.file)
    }

    /// Each parameter at both of its ends, or at each value of its list, everything else as it is
    /// written.
    fn check_ends(&self) -> Result<(), SpaceError> {
        for parameter in &self.parameters {
            let places = match &parameter.range {
                Range::Between { .. } => 2,
                Range::OneOf(values) => values.len(),
            };
            for place in 0..places {
                // The middle of equal parts, but the very ends of a range between two.
                let at = if places == 2 {
                    place as f64 * (1.0 - f64::EPSILON)
                } else {
                    (place as f64 + 0.5) / places as f64
                };
                let value = parameter.range.at(at);
                parse(&self.policy.with(parameter.place(&value)), &self.file).map_err(
                    |source| SpaceError::End {
                        path: parameter.path.clone(),
                        value: value.to_string(),
                        source,
                    },
                )?;
            }
        }
        Ok(())
    }
}

/// What people vary first: how long, from where, how much, how often.
fn usual(policy: &PolicyText) -> Vec<Parameter> {
    let paths = policy.paths();
    let mut parameters: Vec<Parameter> = paths
        .iter()
        .filter_map(|path| usual_knob(policy, path))
        .collect();
    let has_stabilization = parameters
        .iter()
        .any(|parameter| parameter.path.ends_with("stabilization"));
    let (path, from, to) = if paths.iter().any(|path| path.starts_with("demand.")) {
        ("demand.performance_index", whole(1), whole(100))
    } else if paths.iter().any(|path| path.ends_with(".when")) && !has_stabilization {
        let longest = Quantity::Time(LONGEST_STABILIZATION);
        ("stabilization", Quantity::Time(Duration::ZERO), longest)
    } else {
        return parameters;
    };
    let range = Range::between(from, to);
    parameters.extend(range.and_then(|range| Parameter::new(path, range, policy).ok()));
    parameters
}

fn usual_knob(policy: &PolicyText, path: &str) -> Option<Parameter> {
    let slots = policy.slots(path).ok()?;
    let written = policy.written(slots.first()?)?;
    let now = Quantity::parse(written).filter(|now| now.number() > 0.0)?;
    let is_share = path.contains("percent") || written.ends_with('%');
    let (factor, most) = match path.rsplit('.').next()? {
        "for" | "cooldown" | "stabilization" | "grow" => (USUAL_FACTOR, f64::INFINITY),
        "shrink" => (USUAL_FACTOR, if is_share { 100.0 } else { f64::INFINITY }),
        "threshold" => (
            THRESHOLD_FACTOR,
            if reads_percent(policy, path) {
                99.0
            } else {
                f64::INFINITY
            },
        ),
        "target" if path.contains(".track.") => (
            THRESHOLD_FACTOR,
            if reads_percent(policy, path) {
                99.0
            } else {
                f64::INFINITY
            },
        ),
        _ => return None,
    };
    if !path.contains("rules.") && !path.ends_with("stabilization") {
        return None;
    }
    let least = if matches!(now, Quantity::Whole(..)) {
        1.0
    } else {
        0.0
    };
    let from = now.with((now.number() / factor).max(least));
    let to = now.with((now.number() * factor).min(most.max(now.number())));
    Parameter::new(path, Range::between(from, to)?, policy).ok()
}

/// A number that is compared with a share.
fn reads_percent(policy: &PolicyText, path: &str) -> bool {
    let of = |field: &str| {
        path.rsplit_once('.')
            .and_then(|(rule, _)| policy.slots(&format!("{rule}.{field}")).ok())
    };
    let read = of("when").into_iter().chain(of("signal")).flatten();
    read.filter_map(|slot| policy.written(&slot))
        .any(|text| text.to_lowercase().contains("percent"))
}

fn whole(number: i64) -> Quantity {
    Quantity::Whole(number, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::baselines;

    const RULES: &str = include_str!("../../policies/available-memory.yaml");

    fn space(vary: &[&str]) -> Result<SearchSpace, SpaceError> {
        let vary: Vec<String> = vary.iter().map(|&text| text.to_owned()).collect();
        SearchSpace::new(RULES, "rules.yaml", &vary)
    }

    #[test]
    fn what_is_usually_varied_stays_within_factors_of_what_is_written() {
        let shown = |name: &str| {
            let text = baselines::find(name).expect("a baseline").text;
            let space =
                SearchSpace::new(text, name, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
            space
                .parameters()
                .iter()
                .map(|parameter| format!("{}={}", parameter.path, parameter.range))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown("available-memory"),
            [
                "rules.memory-short.threshold=5..45",
                "rules.memory-short.for=1m 15s..20m",
                "rules.memory-short.then.grow=1..20",
                "rules.memory-idle.threshold=25..99",
                "rules.memory-idle.for=45s..12m",
                "rules.memory-idle.then.shrink=1..12",
                "rules.memory-idle.cooldown=1m 15s..20m",
                "stabilization=0s..40m",
            ]
        );
        assert_eq!(
            shown("hpa"),
            [
                "stabilization=1m 15s..20m",
                "rules.allocated-memory.then.track.target=27..99",
                "rules.first-node.then.grow=1..4",
            ]
        );
        assert_eq!(
            shown("set-point").first().map(String::as_str),
            Some("rules.scarcest-resource.then.track.target=0.233..2.1")
        );
    }

    #[test]
    fn a_policy_that_follows_demand_has_one_value_whether_it_is_written_or_not() {
        for (written, value) in [(", performance_index: 20", Some("20")), ("", None)] {
            let text = format!("name: follow\ndemand: {{ min: 1, max: 9{written} }} # all of it\n");
            let space = SearchSpace::new(&text, "follow.yaml", &[]).expect("a space");
            let parameter = &space.parameters()[0];
            assert_eq!(
                (
                    space.parameters().len(),
                    parameter.path.as_str(),
                    parameter.written.as_deref()
                ),
                (1, "demand.performance_index", value)
            );
            let policy = space.policy(&space.values(&[0.74])).expect("a policy");
            assert_eq!(
                policy.demand().map(|demand| demand.performance_index.get()),
                Some(75)
            );
            let asked = SearchSpace::new(
                &text,
                "follow.yaml",
                &["demand.performance_index=1..100".to_owned()],
            )
            .expect("a space");
            assert_eq!(
                asked.values(&[0.74]),
                space.values(&[0.74]),
                "asked for, it is searched in the same steps"
            );
        }
    }

    #[test]
    fn a_policy_of_the_space_is_the_one_that_its_text_says() {
        let space = space(&[
            "rules.memory-short.for=1m..15m",
            "rules.memory-idle.threshold=50|60",
        ])
        .expect("a space");
        let values = space.values(&[0.5, 0.75]);
        let policy = space.policy(&values).expect("a policy");
        assert_eq!(
            policy.targets()[0].rules[0].for_duration,
            Duration::from_secs(230)
        );
        assert_eq!(
            &*policy.targets()[0].rules[1].when_text,
            "yarn_memory_available_percent > 60"
        );
        assert!(space.found(&values).starts_with(&format!(
            "{FOUND}# The rules that this project started from"
        )));
    }

    #[test]
    fn what_cannot_be_varied_is_refused_before_the_search() {
        for (vary, message) in [
            (
                &["rules.memory-short.for"] as &[_],
                "--vary rules.memory-short.for",
            ),
            (
                &[
                    "rules.memory-short.for=1m..2m",
                    "targets[0].rules.memory-short.for=1m..3m",
                ],
                "--vary targets[0].rules.memory-short.for=1m..3m",
            ),
            (
                &["rules.memory-idle.then.shrink=0..3"],
                "rules.memory-idle.then.shrink = 0 makes no policy; change its range (`0` changes nothing)",
            ),
            (
                &["rules.memory-short.for=1m|soon"],
                "rules.memory-short.for = soon makes no policy; change its range (`soon` is not a time)",
            ),
        ] {
            assert_eq!(space(vary).expect_err("refused").to_string(), message);
        }
        let fixed = baselines::FIXED_MAX.text;
        let error = SearchSpace::new(fixed, "fixed-max.yaml", &[])
            .expect_err("nothing to vary")
            .to_string();
        assert!(error.starts_with("fixed-max.yaml has no times"), "{error}");
    }
}
