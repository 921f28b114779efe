//! Conditions: comparisons, cluster states, `and`, `or`, `not`.

use super::Resolver;
use super::name::{CLUSTER_STATE, cluster_state};
use crate::observation::ClusterState;
use crate::policy::condition::Condition;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::grammar::{Binary, Kind, Node, Unary};
use crate::policy::operator::Comparison;

impl Resolver<'_, '_> {
    pub(super) fn condition(&mut self, node: &Node) -> Option<Condition> {
        match &node.kind {
            Kind::Name(name) if name == "true" => Some(Condition::Constant(true)),
            Kind::Name(name) if name == "false" => Some(Condition::Constant(false)),
            Kind::Unary(Unary::Not, operand) => {
                Some(Condition::Not(Box::new(self.condition(operand)?)))
            }
            Kind::Binary(operator @ (Binary::And | Binary::Or), left, right) => {
                let (left, right) = (self.condition(left), self.condition(right));
                Some(join(*operator, left?, right?))
            }
            Kind::Binary(Binary::Compare(operator), left, right) => {
                self.comparison(*operator, left, right)
            }
            _ => {
                let error = Diagnostic::error(
                    node.span.clone(),
                    format!("`{}` is a value, not a condition", self.written(node)),
                );
                self.fail(
                    error.help(
                        "compare it with something, as in `yarn_memory_available_percent < 15`",
                    ),
                )
            }
        }
    }

    fn comparison(&mut self, operator: Comparison, left: &Node, right: &Node) -> Option<Condition> {
        let names_state =
            |node: &Node| matches!(&node.kind, Kind::Name(name) if name == CLUSTER_STATE);
        if names_state(left) {
            return self.cluster_state(operator, right);
        }
        if names_state(right) {
            return self.cluster_state(operator, left);
        }
        let (a, b) = (self.number(left), self.number(right));
        let (a, b) = (a?, b?);
        self.same_unit(left, a.unit, right, b.unit)?;
        Some(Condition::Compare {
            left: a.expr,
            operator,
            right: b.expr,
        })
    }

    fn cluster_state(&mut self, operator: Comparison, other: &Node) -> Option<Condition> {
        let negated = match operator {
            Comparison::Equal => false,
            Comparison::NotEqual => true,
            _ => {
                let error = Diagnostic::error(other.span.clone(), "a cluster state has no order");
                return self.fail(error.help("compare it by `==` or `!=`"));
            }
        };
        let written = self.written(other).to_owned();
        let Some(state) = cluster_state(&written) else {
            let names = ClusterState::ALL.iter().map(|state| state.as_str());
            let help = match nearest(&written, names.clone()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("states are {}", names.collect::<Vec<_>>().join(", ")),
            };
            return self.fail(
                Diagnostic::error(
                    other.span.clone(),
                    format!("`{written}` is not a cluster state"),
                )
                .help(help),
            );
        };
        Some(Condition::ClusterState { state, negated })
    }
}

fn join(operator: Binary, left: Condition, right: Condition) -> Condition {
    let all = operator == Binary::And;
    let mut parts = Vec::new();
    for side in [left, right] {
        match side {
            Condition::All(inner) if all => parts.extend(inner),
            Condition::Any(inner) if !all => parts.extend(inner),
            other => parts.push(other),
        }
    }
    if all {
        Condition::All(parts)
    } else {
        Condition::Any(parts)
    }
}
