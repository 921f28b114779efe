//! The constants in rules' conditions, for drawing them beside the signals.

use crate::policy::Target;
use crate::policy::condition::{Condition, Expr, WindowSpec};
use crate::policy::operator::Comparison;
use crate::units::display_duration;

/// A comparison of a signal, or of a window over a signal, with a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The signal or window as a policy writes it: `avg(yarn_apps_pending, 5m)`.
    pub signal: String,
    /// The comparison operator, with the signal on its left.
    pub comparison: &'static str,
    /// The constant.
    pub value: f64,
}

/// Every such comparison in a condition, in the order of the text.
pub fn thresholds(condition: &Condition, target: &Target) -> Vec<Threshold> {
    match condition {
        Condition::Compare { .. } => simple(condition, target).into_iter().collect(),
        Condition::Constant(_) | Condition::ClusterState { .. } => Vec::new(),
        Condition::Not(inner) => thresholds(inner, target),
        Condition::All(parts) | Condition::Any(parts) => parts
            .iter()
            .flat_map(|part| thresholds(part, target))
            .collect(),
    }
}

fn simple(comparison: &Condition, target: &Target) -> Option<Threshold> {
    let (signal, operator, value) = comparison.threshold()?;
    let name = |index: usize| target.signals[index].name();
    let signal = match signal {
        Expr::Signal(index) => name(*index).to_owned(),
        Expr::Window(index) => {
            let WindowSpec {
                function,
                signal,
                over,
            } = target.windows[*index];
            format!("{function}({}, {})", name(signal), display_duration(over))
        }
        _ => return None,
    };
    Some(Threshold {
        signal,
        comparison: symbol(operator),
        value,
    })
}

fn symbol(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse::parse;

    #[test]
    fn the_constant_is_on_the_right_whichever_way_the_rule_is_written() {
        let source = "
name: t
targets:
  - group: { role: task }
    limits: { min: 0, max: 9 }
    rules:
      - name: r
        when: 10 > yarn_apps_pending and (avg(yarn_memory_available_percent, 5m) <= 15% or yarn_apps_running > yarn_apps_pending)
        then: { grow: 1 }
";
        let policy = parse(source, "t.yaml").expect("a policy");
        let target = &policy.targets()[0];
        let found = thresholds(&target.rules[0].when, target);
        let shown: Vec<String> = found
            .iter()
            .map(|t| format!("{} {} {}", t.signal, t.comparison, t.value))
            .collect();
        assert_eq!(
            shown,
            [
                "yarn_apps_pending < 10",
                "avg(yarn_memory_available_percent, 5m) <= 15"
            ]
        );
    }
}
