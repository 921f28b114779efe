//! `Conditions` of a template: which resources exist, and which side of `Fn::If` counts.

use super::template::{Template, exactly, unknown};
use crate::policy::tree::{Node, Unknown};
use crate::policy::yaml::At;

impl Template<'_> {
    /// Whether a resource exists, by its condition.
    ///
    /// # Errors
    /// The value that the condition needs and the template does not have.
    pub fn is_created(&mut self, resource: &At<Node>) -> Result<bool, Unknown> {
        resource
            .string("Condition")
            .map_or(Ok(true), |name| self.condition(name))
    }

    /// The value of a condition.
    ///
    /// # Errors
    /// The value that it needs and the template does not have.
    pub fn condition(&mut self, name: &str) -> Result<bool, Unknown> {
        const DEEPEST: usize = 60;
        let declared = self
            .section("Conditions")
            .and_then(|section| exactly(section, name));
        let Some(expression) = declared else {
            return refuse(
                format!("there is no condition `{name}`"),
                "declare it under Conditions",
            );
        };
        if self.depth > DEEPEST {
            return refuse(
                format!("the condition `{name}` depends on itself"),
                "correct the template: `aws cloudformation validate-template` checks it",
            );
        }
        self.depth += 1;
        let value = self.truth(expression);
        self.depth -= 1;
        value
    }

    fn truth(&mut self, at: &At<Node>) -> Result<bool, Unknown> {
        let [(function, argument)] = at.entries() else {
            return refuse(
                "a condition is one function".to_owned(),
                "write Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition",
            );
        };
        match (function.value.as_str(), argument.items()) {
            ("Condition", _) => self.condition(argument.as_text().unwrap_or_default()),
            ("Fn::Equals", [left, right]) => {
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                Ok(left == right)
            }
            ("Fn::Not", [inner]) => Ok(!self.truth(inner)?),
            ("Fn::And", all) => self.decided(all, false),
            ("Fn::Or", all) => self.decided(all, true),
            (other, _) => refuse(
                format!("Headroom does not compute the condition {other}"),
                "write Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition",
            ),
        }
    }

    /// `Fn::Or` is decided by one that is true, and `Fn::And` by one that is false, even when
    /// others are not known.
    fn decided(&mut self, all: &[At<Node>], deciding: bool) -> Result<bool, Unknown> {
        let mut first_unknown = None;
        for one in all {
            match self.truth(one) {
                Ok(value) if value == deciding => return Ok(deciding),
                Ok(_) => {}
                Err(unknown) => {
                    first_unknown.get_or_insert(unknown);
                }
            }
        }
        first_unknown.map_or(Ok(!deciding), Err)
    }

    fn operand(&mut self, at: &At<Node>) -> Result<Node, Unknown> {
        match self.resolve(at).value {
            Node::Unknown(unknown) => Err(unknown),
            value => Ok(match value {
                Node::Null => Node::Scalar(String::new()),
                other => other,
            }),
        }
    }
}

fn refuse(reason: String, remedy: &str) -> Result<bool, Unknown> {
    Err(unknown(reason, remedy, ""))
}
