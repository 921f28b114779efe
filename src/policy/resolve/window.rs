//! Functions over a window: a signal and a time.

use std::ops::Range;
use std::time::Duration;

use super::name::window_function;
use super::{Quantity, Resolver};
use crate::policy::condition::{Expr, WindowFunction, WindowSpec};
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::grammar::{Kind, Node};
use crate::policy::scalar::LONGEST;
use crate::policy::signal::{Signal, Unit};

const WINDOW_FUNCTIONS: &str = "`avg`, `min`, `max`, `rate`, and `p50` to `p99`";

impl Resolver<'_, '_> {
    pub(super) fn window(&mut self, node: &Node) -> Option<Quantity> {
        let Kind::Call {
            name,
            name_span,
            arguments,
        } = &node.kind
        else {
            return None;
        };
        let Some(function) = window_function(name) else {
            return self.unknown_function(name, name_span.clone());
        };
        let [signal, over] = arguments.as_slice() else {
            let help = format!(
                "write `{name}(signal, 5m)`; the larger of several values is `greatest(a, b)`"
            );
            return self.fail(
                Diagnostic::error(
                    node.span.clone(),
                    format!("`{name}` needs a signal and a time"),
                )
                .help(help),
            );
        };
        let is_signal = |name: &str| Signal::from_name(name).is_some();
        let resolved = if let Kind::Name(name) = &signal.kind {
            self.signal(signal, name)
        } else if let Kind::Call { name, .. } = &signal.kind
            && is_signal(name)
        {
            self.signal_of_target(signal)
        } else {
            let error = Diagnostic::error(
                signal.span.clone(),
                format!(
                    "only a signal can stand here, not `{}`",
                    self.written(signal)
                ),
            );
            return self.fail(error.help(format!(
                "aggregate each signal by itself, as in `{name}(a, 5m) + {name}(b, 5m)`"
            )));
        };
        let over = self.span_of_time(over);
        let ((signal, unit), over) = (resolved?, over?);
        let index = self.window_index(WindowSpec {
            function,
            signal,
            over,
        });
        let unit = if function == WindowFunction::Rate {
            unit.times(Unit::PER_SECOND)
        } else {
            unit
        };
        Some(Quantity {
            expr: Expr::Window(index),
            unit: Some(unit),
        })
    }

    fn unknown_function<T>(&mut self, name: &str, place: Range<usize>) -> Option<T> {
        let candidates = [
            "avg", "min", "max", "rate", "p50", "p90", "p95", "p99", "greatest", "least",
        ];
        let help = match nearest(name, candidates) {
            Some(meant) if meant != name => format!("did you mean `{meant}`?"),
            _ => format!(
                "functions are {WINDOW_FUNCTIONS} over (signal, time), and `greatest`, `least` of values"
            ),
        };
        self.fail(Diagnostic::error(place, format!("there is no function `{name}`")).help(help))
    }

    /// The window's place in the target's list, where it is put when it is new.
    fn window_index(&mut self, spec: WindowSpec) -> usize {
        self.scope
            .windows
            .iter()
            .position(|known| *known == spec)
            .unwrap_or_else(|| {
                self.scope.windows.push(spec);
                self.scope.windows.len() - 1
            })
    }

    fn span_of_time(&mut self, node: &Node) -> Option<Duration> {
        let quantity = self.number(node)?;
        let help = "write a time such as `5m`";
        let Quantity {
            expr: Expr::Constant(seconds),
            unit: Some(Unit::TIME),
        } = quantity
        else {
            let error = Diagnostic::error(
                node.span.clone(),
                format!("`{}` is not a time", self.written(node)),
            );
            return self.fail(error.help(help));
        };
        // Whole milliseconds, as everywhere: less than one is nothing.
        if (1e-3..=LONGEST.as_secs_f64()).contains(&seconds) {
            return Some(Duration::from_millis((seconds * 1e3).round() as u64));
        }
        self.fail(
            Diagnostic::error(
                node.span.clone(),
                "a window must be longer than zero and at most a year",
            )
            .help(help),
        )
    }
}
