//! Whether the values that the user gave are ones that the template allows for its parameters.

use std::collections::BTreeMap;

use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::tree::Node;
use crate::policy::yaml::At;

/// An error for each value that CloudFormation would refuse, at the rule that it breaks.
///
/// `AllowedPattern` is not checked: its regular expressions are Java's. Neither are the parameters
/// that name a value of the Systems Manager, because their rules are for the name, and the user gives
/// the value.
pub fn refused(parameters: &At<Node>, set: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let declared = parameters.entries().iter();
    let given = declared.filter_map(|(name, parameter)| {
        let value = set.get(&name.value)?;
        Some((name.value.as_str(), parameter, value.as_str()))
    });
    given
        .filter_map(|(name, parameter, value)| refusal(name, parameter, value))
        .collect()
}

fn refusal(name: &str, parameter: &At<Node>, value: &str) -> Option<Diagnostic> {
    let kind = parameter.string("Type").unwrap_or("String");
    if kind.starts_with("AWS::SSM::Parameter::") {
        return None;
    }
    let items: Vec<&str> = if kind.contains("List") {
        value.split(',').map(str::trim).collect()
    } else {
        vec![value]
    };
    let error = |at: &At<Node>, broken: String, remedy: String| {
        let message = format!("Parameters.{name}: the value {value:?} of `--set` {broken}");
        Diagnostic::error(at.span.clone(), message).help(remedy)
    };
    if kind.contains("Number") && items.iter().any(|item| number(item).is_none()) {
        let at = parameter.field("Type").unwrap_or(parameter);
        let remedy = format!("give a number, such as `--set {name}=10`");
        return Some(error(at, "is not a number".to_owned(), remedy));
    }
    if let Some((at, wrong, allowed)) = not_allowed(parameter, &items) {
        // Numbers that look alike are not meant for each other.
        let meant = nearest(wrong, allowed.iter().copied()).filter(|_| number(wrong).is_none());
        let remedy = meant.map_or_else(
            || "give one of them".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let broken = format!("is not one of its AllowedValues: {}", allowed.join(", "));
        return Some(error(at, broken, remedy));
    }
    let within = |field: &str, measured: Option<f64>, is_low: bool| {
        let at = parameter.field(field)?;
        let (limit, measured) = (number(at.as_text()?)?, measured?);
        let breaks = if is_low {
            measured < limit
        } else {
            measured > limit
        };
        let remedy = format!("give a value that respects {field}, or change the template");
        breaks.then(|| error(at, format!("breaks its {field} of {limit}"), remedy))
    };
    let (size, length) = (number(value), Some(value.chars().count() as f64));
    within("MinValue", size, true)
        .or_else(|| within("MaxValue", size, false))
        .or_else(|| within("MinLength", length, true))
        .or_else(|| within("MaxLength", length, false))
}

/// The list of allowed values, the first item that it lacks, and what it has.
fn not_allowed<'n>(
    parameter: &'n At<Node>,
    items: &[&'n str],
) -> Option<(&'n At<Node>, &'n str, Vec<&'n str>)> {
    let at = parameter.field("AllowedValues")?;
    let allowed = at.items().iter().filter_map(|item| match &item.value {
        Node::Scalar(text) => Some(text.as_str()),
        _ => None,
    });
    let allowed: Vec<&str> = allowed.collect();
    // 1 and 1.0 are the same number.
    let same = |one: &str, other: &str| {
        one == other || number(one).is_some_and(|value| Some(value) == number(other))
    };
    let wrong = items
        .iter()
        .find(|item| !allowed.iter().any(|value| same(value, item)))?;
    Some((at, wrong, allowed))
}

fn number(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
}
