//! Numbers with a unit, and whether the units of two sides fit together.

use super::{Quantity, Resolver, describe, fits};
use crate::policy::condition::Expr;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::grammar::{Kind, Node};
use crate::policy::scalar::seconds_in;
use crate::policy::signal::Unit;

impl Resolver<'_, '_> {
    pub(super) fn literal(&mut self, node: &Node, value: f64, unit: &str) -> Option<Quantity> {
        let (factor, unit) = match unit {
            "" => (1.0, None),
            "%" => (1.0, Some(Unit::PERCENT)),
            "MiB" => (1.0, Some(Unit::MEMORY)),
            "GiB" => (1024.0, Some(Unit::MEMORY)),
            "TiB" => (1024.0 * 1024.0, Some(Unit::MEMORY)),
            time => match seconds_in(time) {
                Some(seconds) => (seconds, Some(Unit::TIME)),
                None => return self.unknown_unit(node, time),
            },
        };
        Some(Quantity {
            expr: Expr::Constant(value * factor),
            unit,
        })
    }

    fn unknown_unit<T>(&mut self, node: &Node, unit: &str) -> Option<T> {
        let help = match unit.to_ascii_lowercase().as_str() {
            "mb" | "m_b" | "mib" => "YARN counts in MiB: write `MiB`",
            "gb" | "gib" | "g" => "write `GiB`",
            "tb" | "tib" | "t" => "write `TiB`",
            "min" | "mins" | "minutes" | "minute" => "write `m` for minutes",
            "sec" | "secs" | "seconds" | "second" => "write `s` for seconds",
            _ => "units are `%`, `MiB`, `GiB`, `TiB`, and `ms`, `s`, `m`, `h`, `d`",
        };
        self.fail(
            Diagnostic::error(node.span.clone(), format!("`{unit}` is not a unit")).help(help),
        )
    }

    pub(super) fn same_unit(
        &mut self,
        left: &Node,
        a: Option<Unit>,
        right: &Node,
        b: Option<Unit>,
    ) -> Option<()> {
        if fits(a, b) {
            return Some(());
        }
        let is_literal = |node: &Node| matches!(node.kind, Kind::Number { .. });
        let (blamed, blamed_unit, other, other_unit) = if is_literal(left) {
            (left, a, right, b)
        } else {
            (right, b, left, a)
        };
        let message = format!(
            "`{}` is {}, `{}` is {}",
            self.written(blamed),
            describe(blamed_unit),
            self.written(other),
            describe(other_unit)
        );
        let right_unit = match other_unit {
            Some(Unit::PERCENT) => "`15` or `15%`",
            Some(Unit::MEMORY) => "`64GiB` or `512MiB`",
            Some(Unit::TIME) => "`10m` or `90s`",
            _ => "a number without a unit",
        };
        self.fail(
            Diagnostic::error(blamed.span.clone(), message)
                .help(format!("write {right_unit}, or a signal of that unit")),
        )
    }
}
