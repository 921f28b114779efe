//! From syntax to meaning: names become signals, units are checked, and the tree that the engine
//! evaluates is built.

mod condition;
mod name;
mod number;
mod signal;
mod unit;
mod window;

use std::collections::BTreeMap;

use crate::policy::condition::{Condition, Expr, WindowSpec};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::grammar::{self, Node};
use crate::policy::selector::Selector;
use crate::policy::signal::{SignalSource, Unit};
pub use name::is_taken;

/// What the conditions of one target share: the signals and windows found so far, each once.
pub struct Scope<'m> {
    /// The targets that have a name, and what they select.
    pub targets: &'m [(String, Selector)],
    /// Declared metrics by name.
    pub metrics: &'m BTreeMap<String, (SignalSource, Unit)>,
    /// Whether conditions may read YARN.
    pub uses_yarn: bool,
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
    fn written(&self, node: &Node) -> &str {
        self.text.get(node.span.clone()).unwrap_or_default()
    }

    fn fail<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.errors.push(error);
        None
    }
}
