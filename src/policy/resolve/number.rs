//! Numbers: arithmetic, `greatest`, `least`, and what they are computed from.

use super::{Quantity, Resolver};
use crate::policy::condition::Expr;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::grammar::{Binary, Kind, Node, Unary};
use crate::policy::operator::Operator;
use crate::policy::signal::{Signal, Unit};

impl Resolver<'_, '_> {
    pub(super) fn number(&mut self, node: &Node) -> Option<Quantity> {
        match &node.kind {
            Kind::Number { value, unit } => self.literal(node, *value, unit),
            Kind::Name(name) => self.name(node, name),
            Kind::Call {
                name, arguments, ..
            } if matches!(name.as_str(), "greatest" | "least") => {
                self.choice(node, name, arguments)
            }
            Kind::Call { name, .. } if Signal::from_name(name).is_some() => {
                let (index, unit) = self.signal_of_target(node)?;
                Some(Quantity {
                    expr: Expr::Signal(index),
                    unit: Some(unit),
                })
            }
            Kind::Call { .. } => self.window(node),
            Kind::Unary(Unary::Minus, operand) => {
                let Quantity { expr, unit } = self.number(operand)?;
                let expr = match expr {
                    Expr::Constant(value) => Expr::Constant(-value),
                    other => Expr::Negate(Box::new(other)),
                };
                Some(Quantity { expr, unit })
            }
            Kind::Binary(Binary::Calculate(operator), left, right) => {
                let (a, b) = (self.number(left), self.number(right));
                self.arithmetic(node, *operator, (left, a?), (right, b?))
            }
            _ => {
                let error = Diagnostic::error(
                    node.span.clone(),
                    format!("`{}` is a condition, not a value", self.written(node)),
                );
                self.fail(error.help("join conditions by `and` and `or`"))
            }
        }
    }

    fn choice(&mut self, node: &Node, name: &str, arguments: &[Node]) -> Option<Quantity> {
        if arguments.is_empty() {
            return self.fail(
                Diagnostic::error(node.span.clone(), format!("`{name}` needs values"))
                    .help(format!("write `{name}(a, b)`")),
            );
        }
        let quantities: Vec<Option<Quantity>> = arguments
            .iter()
            .map(|argument| self.number(argument))
            .collect();
        let quantities = quantities.into_iter().collect::<Option<Vec<_>>>()?;
        let known = quantities
            .iter()
            .position(|quantity| quantity.unit.is_some());
        let unit = known.and_then(|at| quantities[at].unit);
        for (at, quantity) in quantities.iter().enumerate() {
            self.same_unit(
                &arguments[at],
                quantity.unit,
                &arguments[known.unwrap_or(at)],
                unit,
            )?;
        }
        let values = quantities
            .into_iter()
            .map(|quantity| quantity.expr)
            .collect();
        let expr = if name == "greatest" {
            Expr::Greatest(values)
        } else {
            Expr::Least(values)
        };
        Some(Quantity { expr, unit })
    }

    fn arithmetic(
        &mut self,
        node: &Node,
        operator: Operator,
        left: (&Node, Quantity),
        right: (&Node, Quantity),
    ) -> Option<Quantity> {
        let ((left_node, a), (right_node, b)) = (left, right);
        let plain = |unit: Option<Unit>| unit.unwrap_or(Unit::NUMBER);
        let unit = match operator {
            Operator::Add | Operator::Subtract => {
                self.same_unit(left_node, a.unit, right_node, b.unit)?;
                a.unit.or(b.unit)
            }
            _ if a.unit.is_none() && b.unit.is_none() => None,
            Operator::Multiply => Some(plain(a.unit).times(plain(b.unit))),
            Operator::Divide => Some(plain(a.unit).per(plain(b.unit))),
        };
        if operator == Operator::Divide && b.expr == Expr::Constant(0.0) {
            return self.fail(Diagnostic::error(
                right_node.span.clone(),
                "this divides by zero",
            ));
        }
        let expr = match (a.expr, b.expr) {
            (Expr::Constant(a), Expr::Constant(b)) => Expr::Constant(operator.apply(a, b)),
            (left, right) => Expr::Arithmetic {
                operator,
                left: Box::new(left),
                right: Box::new(right),
            },
        };
        if matches!(expr, Expr::Constant(value) if !value.is_finite()) {
            return self.fail(Diagnostic::error(
                node.span.clone(),
                "this number is too large",
            ));
        }
        Some(Quantity { expr, unit })
    }
}
