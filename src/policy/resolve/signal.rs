//! Signals and declared metrics by name.

use super::name::{CLUSTER_STATE, cluster_state};
use super::{Quantity, Resolver};
use crate::policy::condition::Expr;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::grammar::Node;
use crate::policy::signal::{Signal, SignalSource, Unit};

impl Resolver<'_, '_> {
    pub(super) fn name(&mut self, node: &Node, name: &str) -> Option<Quantity> {
        let (index, unit) = self.signal(node, name)?;
        Some(Quantity {
            expr: Expr::Signal(index),
            unit: Some(unit),
        })
    }

    /// The signal's place in the target's list, where it is put when it is new.
    pub(super) fn signal(&mut self, node: &Node, name: &str) -> Option<(usize, Unit)> {
        let (source, unit) = match (Signal::from_name(name), self.scope.metrics.get(name)) {
            (Some(signal), _) if signal.needs_yarn() && !self.scope.uses_yarn => {
                return self.without_yarn(node, name);
            }
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

    fn without_yarn<T>(&mut self, node: &Node, name: &str) -> Option<T> {
        let message =
            format!("`{name}` is not known without YARN, and this policy has `uses_yarn: false`");
        self.fail(Diagnostic::error(node.span.clone(), message).help(
            "read a CloudWatch metric that you declare under `metrics:`, or remove `uses_yarn: false`",
        ))
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
            "IsIdle" if !self.scope.uses_yarn => return self.without_yarn(node, name),
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
}
