//! Signals and declared metrics by name.

use super::name::{CLUSTER_STATE, cluster_state};
use super::{Quantity, Resolver};
use crate::policy::condition::Expr;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::grammar::{Kind, Node};
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
        Some((self.index_of(source), unit))
    }

    /// The place of a signal of another target, such as `emr_instances_running(spot)`.
    pub(super) fn signal_of_target(&mut self, node: &Node) -> Option<(usize, Unit)> {
        let Kind::Call {
            name, arguments, ..
        } = &node.kind
        else {
            return None;
        };
        let signal = Signal::from_name(name)?;
        if !signal.is_of_group() {
            let error = Diagnostic::error(
                node.span.clone(),
                format!("`{name}` is not a signal of a group"),
            );
            let of_groups = Signal::ALL.iter().filter(|signal| signal.is_of_group());
            let names: Vec<&str> = of_groups.map(|signal| signal.name()).collect();
            return self.fail(error.help(format!(
                "write `{name}`; signals of another target are {}",
                names.join(", ")
            )));
        }
        let [target] = arguments.as_slice() else {
            let error = Diagnostic::error(
                node.span.clone(),
                format!("`{name}` needs the name of one target"),
            );
            return self.fail(error.help(format!("write `{name}(spot)`, or `{name}` alone")));
        };
        let written = self.written(target).to_owned();
        let found = self.scope.targets.iter().find(|(name, _)| *name == written);
        let Some((target, selector)) = found.cloned() else {
            return self.unknown_target(target, &written);
        };
        let source = SignalSource::OfTarget {
            signal,
            selector,
            name: format!("{}({target})", signal.name()).into(),
        };
        Some((self.index_of(source), signal.unit()))
    }

    fn unknown_target<T>(&mut self, node: &Node, written: &str) -> Option<T> {
        let names: Vec<&str> = self
            .scope
            .targets
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let help = if names.is_empty() {
            format!("give the target a name: `name: {written}` beside its `group`")
        } else {
            format!("targets with a name are {}", names.join(", "))
        };
        let error = Diagnostic::error(
            node.span.clone(),
            format!("no target has the name `{written}`"),
        );
        self.fail(error.help(help))
    }

    /// The source's place in the target's list, where it is put when it is new.
    fn index_of(&mut self, source: SignalSource) -> usize {
        let known = self.scope.signals.iter().position(|known| *known == source);
        known.unwrap_or_else(|| {
            self.scope.signals.push(source);
            self.scope.signals.len() - 1
        })
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
