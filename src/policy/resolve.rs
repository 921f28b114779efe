//! From syntax to meaning: names become signals, units are checked, and the tree that the engine
//! evaluates is built.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::observation::ClusterState;
use crate::policy::condition::{Comparison, Condition, Expr, Operator, WindowFunction, WindowSpec};
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::grammar::{self, Binary, Kind, Node, Unary};
use crate::policy::scalar::{LONGEST, seconds_in};
use crate::policy::signal::{Signal, SignalSource, Unit};

/// The one name that stands for a state, not for a number.
const CLUSTER_STATE: &str = "emr_cluster_state";
const WINDOW_FUNCTIONS: &str = "`avg`, `min`, `max`, `rate`, and `p50` to `p99`";

/// What the conditions of one target share: the signals and windows found so far, each once.
pub struct Scope<'m> {
    /// Declared metrics by name.
    pub metrics: &'m BTreeMap<String, (SignalSource, Unit)>,
    pub signals: Vec<SignalSource>,
    pub windows: Vec<WindowSpec>,
}

/// A number and its unit; `None` for a bare number, which takes the unit of what it meets.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    pub expr: Expr,
    pub unit: Option<Unit>,
}

/// Reads a condition.
///
/// # Errors
/// Everything that is wrong with it.
pub fn condition(text: &str, scope: &mut Scope<'_>) -> Result<Condition, Vec<Diagnostic>> {
    resolve(text, scope, |resolver, node| resolver.condition(node))
}

/// Reads a number computed from signals.
///
/// # Errors
/// Everything that is wrong with it.
pub fn quantity(text: &str, scope: &mut Scope<'_>) -> Result<Quantity, Vec<Diagnostic>> {
    resolve(text, scope, |resolver, node| resolver.number(node))
}

/// Whether a condition already gives this name a meaning.
pub fn is_taken(name: &str) -> bool {
    let reserved = [
        CLUSTER_STATE,
        "and",
        "or",
        "not",
        "true",
        "false",
        "greatest",
        "least",
    ];
    reserved.contains(&name)
        || Signal::from_name(name).is_some()
        || window_function(name).is_some()
        || cluster_state(name).is_some()
}

/// Whether values in these units can be compared, added or tracked.
pub fn fits(a: Option<Unit>, b: Option<Unit>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// A unit as errors name it.
pub fn describe(unit: Option<Unit>) -> String {
    match unit {
        None | Some(Unit::NUMBER) => "a plain number".to_owned(),
        Some(Unit::MEMORY) => "memory".to_owned(),
        Some(Unit::TIME) => "a time".to_owned(),
        Some(Unit::PERCENT) => "a share in %".to_owned(),
        Some(other) => format!("in {other}"),
    }
}

fn resolve<T>(
    text: &str,
    scope: &mut Scope<'_>,
    read: impl FnOnce(&mut Resolver<'_, '_>, &Node) -> Option<T>,
) -> Result<T, Vec<Diagnostic>> {
    let node = grammar::parse(text).map_err(|error| vec![error])?;
    let mut resolver = Resolver {
        text,
        scope,
        errors: Vec::new(),
    };
    match read(&mut resolver, &node) {
        Some(value) if resolver.errors.is_empty() => Ok(value),
        _ => Err(resolver.errors),
    }
}

/// Walks one tree. A method that returns `None` has left at least one error, so that the walk can
/// go on and find more.
struct Resolver<'s, 'm> {
    text: &'s str,
    scope: &'s mut Scope<'m>,
    errors: Vec<Diagnostic>,
}

impl Resolver<'_, '_> {
    fn condition(&mut self, node: &Node) -> Option<Condition> {
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
            Kind::Binary(operator, left, right) if comparison(*operator).is_some() => {
                self.comparison(comparison(*operator)?, left, right)
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

    fn number(&mut self, node: &Node) -> Option<Quantity> {
        match &node.kind {
            Kind::Number { value, unit } => self.literal(node, *value, unit),
            Kind::Name(name) => self.name(node, name),
            Kind::Call {
                name, arguments, ..
            } if matches!(name.as_str(), "greatest" | "least") => {
                self.choice(node, name, arguments)
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
            Kind::Binary(operator, left, right) if arithmetic(*operator).is_some() => {
                let (a, b) = (self.number(left), self.number(right));
                self.arithmetic(node, arithmetic(*operator)?, (left, a?), (right, b?))
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

    fn literal(&mut self, node: &Node, value: f64, unit: &str) -> Option<Quantity> {
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

    fn name(&mut self, node: &Node, name: &str) -> Option<Quantity> {
        let (index, unit) = self.signal(node, name)?;
        Some(Quantity {
            expr: Expr::Signal(index),
            unit: Some(unit),
        })
    }

    /// The signal's place in the target's list, where it is put when it is new.
    fn signal(&mut self, node: &Node, name: &str) -> Option<(usize, Unit)> {
        let (source, unit) = match (Signal::from_name(name), self.scope.metrics.get(name)) {
            (Some(signal), _) => (SignalSource::BuiltIn(signal), signal.unit()),
            (None, Some((source, unit))) => (source.clone(), *unit),
            (None, None) => return self.unknown_name(node, name),
        };
        let index = self
            .scope
            .signals
            .iter()
            .position(|known| *known == source)
            .unwrap_or_else(|| {
                self.scope.signals.push(source);
                self.scope.signals.len() - 1
            });
        Some((index, unit))
    }

    fn unknown_name<T>(&mut self, node: &Node, name: &str) -> Option<T> {
        let error = Diagnostic::error(node.span.clone(), format!("there is no signal `{name}`"));
        if matches!(name, "true" | "false")
            || name == CLUSTER_STATE
            || cluster_state(name).is_some()
        {
            let error = Diagnostic::error(node.span.clone(), format!("`{name}` is not a number"));
            return self.fail(error.help(format!(
                "states are compared like `{CLUSTER_STATE} == WAITING`"
            )));
        }
        match name {
            "IsIdle" => {
                return self.fail(error.help(
                    "write `emr_idle_seconds > 0`, or longer, as in `emr_idle_seconds > 10m`",
                ));
            }
            "CapacityRemainingGB" => {
                return self.fail(
                    error.help(
                        "write `hdfs_capacity_remaining_mib`, and the other side like `64GiB`",
                    ),
                );
            }
            _ => {}
        }
        let known = Signal::ALL
            .iter()
            .flat_map(|signal| signal.aliases().iter().copied().chain([signal.name()]));
        let help = match nearest(name, known.chain(self.scope.metrics.keys().map(String::as_str))) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "the language reference lists all signals; other CloudWatch metrics are declared under `metrics:`".to_owned(),
        };
        self.fail(error.help(help))
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

    fn window(&mut self, node: &Node) -> Option<Quantity> {
        let Kind::Call {
            name,
            name_span,
            arguments,
        } = &node.kind
        else {
            return None;
        };
        let Some(function) = window_function(name) else {
            let candidates = [
                "avg", "min", "max", "rate", "p50", "p90", "p95", "p99", "greatest", "least",
            ];
            let help = match nearest(name, candidates) {
                Some(meant) if meant != name => format!("did you mean `{meant}`?"),
                _ => format!(
                    "functions are {WINDOW_FUNCTIONS} over (signal, time), and `greatest`, `least` of values"
                ),
            };
            return self.fail(
                Diagnostic::error(name_span.clone(), format!("there is no function `{name}`"))
                    .help(help),
            );
        };
        let help =
            format!("write `{name}(signal, 5m)`; the larger of several values is `greatest(a, b)`");
        let [signal, over] = arguments.as_slice() else {
            return self.fail(
                Diagnostic::error(
                    node.span.clone(),
                    format!("`{name}` needs a signal and a time"),
                )
                .help(help),
            );
        };
        let Kind::Name(signal_name) = &signal.kind else {
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
        let resolved = self.signal(signal, signal_name);
        let over = self.span_of_time(over);
        let ((signal, unit), over) = (resolved?, over?);
        let spec = WindowSpec {
            function,
            signal,
            over,
        };
        let index = self
            .scope
            .windows
            .iter()
            .position(|known| *known == spec)
            .unwrap_or_else(|| {
                self.scope.windows.push(spec);
                self.scope.windows.len() - 1
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

    fn same_unit(
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

    fn written(&self, node: &Node) -> &str {
        self.text.get(node.span.clone()).unwrap_or_default()
    }

    fn fail<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.errors.push(error);
        None
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

fn comparison(operator: Binary) -> Option<Comparison> {
    Some(match operator {
        Binary::Less => Comparison::Less,
        Binary::LessOrEqual => Comparison::LessOrEqual,
        Binary::Greater => Comparison::Greater,
        Binary::GreaterOrEqual => Comparison::GreaterOrEqual,
        Binary::Equal => Comparison::Equal,
        Binary::NotEqual => Comparison::NotEqual,
        _ => return None,
    })
}

fn arithmetic(operator: Binary) -> Option<Operator> {
    Some(match operator {
        Binary::Add => Operator::Add,
        Binary::Subtract => Operator::Subtract,
        Binary::Multiply => Operator::Multiply,
        Binary::Divide => Operator::Divide,
        _ => return None,
    })
}

fn window_function(name: &str) -> Option<WindowFunction> {
    Some(match name {
        "avg" => WindowFunction::Average,
        "min" => WindowFunction::Minimum,
        "max" => WindowFunction::Maximum,
        "rate" => WindowFunction::Rate,
        _ => {
            let percentile = name
                .strip_prefix('p')
                .filter(|digits| digits.len() == 2)?
                .parse()
                .ok()?;
            (50..=99)
                .contains(&percentile)
                .then_some(WindowFunction::Percentile(percentile))?
        }
    })
}

fn cluster_state(name: &str) -> Option<ClusterState> {
    ClusterState::ALL
        .iter()
        .copied()
        .find(|state| state.as_str() == name)
}
