//! The values of a template: parameters, mappings, references and functions over them.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::diagnostic::nearest;
use crate::policy::tree::{Node, Unknown};
use crate::policy::yaml::At;

pub const CLUSTER: &str = "AWS::EMR::Cluster";

/// The policy's own cluster, as a dimension of an alarm names it.
const OWN_CLUSTER: &str = "${emr.clusterId}";
/// Functions may be nested, and conditions may refer to each other in a circle.
const DEEPEST: usize = 100;

/// A template with the values that the user gave.
pub struct Template<'a> {
    top: &'a At<Node>,
    set: &'a BTreeMap<String, String>,
    names: BTreeSet<String>,
    pub(super) depth: usize,
}

impl<'a> Template<'a> {
    pub fn new(top: &'a At<Node>, set: &'a BTreeMap<String, String>) -> Self {
        Self {
            top,
            set,
            names: BTreeSet::new(),
            depth: 0,
        }
    }

    /// The names that were looked up.
    pub fn into_names(self) -> BTreeSet<String> {
        let parameters = self.section("Parameters").map_or(&[][..], At::entries);
        let mut names = self.names;
        names.extend(parameters.iter().map(|(name, _)| name.value.clone()));
        names
    }

    pub(super) fn section(&self, name: &str) -> Option<&'a At<Node>> {
        self.top.field(name)
    }

    /// The same tree with functions replaced by their values, or by what is missing.
    pub fn resolve(&mut self, at: &At<Node>) -> At<Node> {
        if self.depth > DEEPEST {
            let reason = "functions are nested too deep here".to_owned();
            return at.with(Node::Unknown(unknown(reason, "write the value itself", "")));
        }
        self.depth += 1;
        let resolved = match &at.value {
            Node::List(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                at.with(Node::List(
                    items.filter(|item| item.value != Node::Null).collect(),
                ))
            }
            Node::Map(entries) => match &entries[..] {
                [(key, argument)] if key.value == "Ref" || key.value.starts_with("Fn::") => {
                    let value = self.function(&key.value, argument);
                    // What was written is shown, not the parameter's default.
                    At {
                        value,
                        span: argument.span.clone(),
                    }
                }
                _ => {
                    let entries = entries
                        .iter()
                        .map(|(key, value)| (key.clone(), self.resolve(value)));
                    at.with(Node::Map(
                        entries
                            .filter(|(_, value)| value.value != Node::Null)
                            .collect(),
                    ))
                }
            },
            Node::Scalar(text) => at.with(
                self.dynamic_reference(text)
                    .unwrap_or_else(|| at.value.clone()),
            ),
            Node::Null | Node::Unknown(_) => at.clone(),
        };
        self.depth -= 1;
        resolved
    }

    /// `{{resolve:ssm:name}}` in a text.
    fn dynamic_reference(&mut self, text: &str) -> Option<Node> {
        let (before, rest) = text.split_once("{{resolve:")?;
        let (reference, after) = rest.split_once("}}")?;
        let name = format!("resolve:{reference}");
        match self.given(&name) {
            Node::Scalar(value) => Some(Node::Scalar(format!("{before}{value}{after}"))),
            other => Some(other),
        }
    }

    /// The value that the user gave, or that it is missing.
    fn given(&mut self, name: &str) -> Node {
        if name == "emr.clusterId" {
            return Node::Scalar(OWN_CLUSTER.to_owned());
        }
        self.names.insert(name.to_owned());
        self.set.get(name).map_or_else(
            || self.missing(name, "is known only to CloudFormation"),
            |value| Node::Scalar(value.clone()),
        )
    }

    /// A value that the user has to give.
    fn missing(&self, name: &str, why: &str) -> Node {
        let is_word = name
            .chars()
            .all(|c| c.is_alphanumeric() || "._-:/".contains(c));
        let quote = if is_word { "" } else { "'" };
        let given = nearest(name, self.set.keys().map(String::as_str));
        let instead = given.map_or(String::new(), |given| {
            format!(" instead of `--set {given}`")
        });
        let remedy = format!(
            "add `--set {quote}{name}=VALUE{quote}`{instead}, which check, convert, simulate, compare and tune take"
        );
        let placeholder = name.rsplit("::").next().unwrap_or(name);
        Node::Unknown(unknown(format!("`{name}` {why}"), &remedy, placeholder))
    }

    fn function(&mut self, name: &str, argument: &At<Node>) -> Node {
        match name {
            "Ref" => self.reference(argument),
            "Fn::Sub" => self.substituted(argument),
            "Fn::If" => self.chosen(argument),
            "Fn::FindInMap" => self.mapped(argument),
            "Fn::Select" => self.selected(argument),
            "Fn::Split" => self.split(argument),
            "Fn::Join" => self.joined(argument),
            "Fn::GetAtt" => {
                let name = match argument.items() {
                    [] => argument.as_text().unwrap_or_default().to_owned(),
                    items => texts(items).join("."),
                };
                self.given(&name)
            }
            "Fn::ImportValue" => {
                let export = self.resolve(argument);
                let name = match &export.value {
                    Node::Unknown(_) => "ImportValue".to_owned(),
                    _ => export.as_text().unwrap_or_default().to_owned(),
                };
                self.given(&name)
            }
            "Fn::Transform" => Node::Unknown(unknown(
                "Fn::Transform is computed by CloudFormation".to_owned(),
                "read the result with `aws cloudformation get-template --template-stage Processed --stack-name NAME`",
                "",
            )),
            other => Node::Unknown(unknown(
                format!("Headroom does not compute {other}"),
                "write the value itself, or use `Ref`, `Fn::Sub`, `Fn::If`, `Fn::FindInMap`, `Fn::Select`, `Fn::Split` or `Fn::Join`",
                "",
            )),
        }
    }

    fn reference(&mut self, argument: &At<Node>) -> Node {
        let Some(name) = argument.as_text() else {
            return malformed("Ref", "the name of a parameter or a resource");
        };
        self.value_of(name)
    }

    /// The value of a parameter, a pseudo parameter or a resource.
    fn value_of(&mut self, name: &str) -> Node {
        self.names.insert(name.to_owned());
        if name == "AWS::NoValue" {
            return Node::Null;
        }
        let parameter = self
            .section("Parameters")
            .and_then(|section| exactly(section, name));
        let kind = parameter
            .and_then(|at| at.string("Type"))
            .unwrap_or("String");
        let default = parameter.and_then(|at| at.field("Default"));
        let written = match (self.set.get(name), default.map(|at| &at.value)) {
            (Some(value), _) => value.clone(),
            (None, Some(_)) if kind.starts_with("AWS::SSM::Parameter::Value") => {
                return self.missing(name, "is read from the Systems Manager");
            }
            (None, Some(Node::Scalar(value))) => value.clone(),
            (None, Some(Node::Null)) => String::new(),
            (None, _) if parameter.is_some() => return self.missing(name, "has no default"),
            (None, _) => return self.resource(name),
        };
        if kind.contains("List") {
            let items = written.split(',').map(|item| At {
                value: Node::Scalar(item.trim().to_owned()),
                span: 0..0,
            });
            return Node::List(items.collect());
        }
        Node::Scalar(written)
    }

    fn resource(&self, name: &str) -> Node {
        let resource = self
            .section("Resources")
            .and_then(|section| exactly(section, name));
        match resource.and_then(|at| at.string("Type")) {
            Some(CLUSTER) => Node::Scalar(OWN_CLUSTER.to_owned()),
            Some(_) => self.missing(name, "is a resource, whose id CloudFormation makes"),
            None if name.starts_with("AWS::") => self.missing(name, "depends on the deployment"),
            None => {
                let section = self.section("Parameters");
                let known = section.map_or(&[][..], At::entries).iter();
                let known = known.map(|(key, _)| key.value.as_str());
                let remedy = nearest(name, known).map_or_else(
                    || format!("declare it under Parameters, or add `--set {name}=VALUE`"),
                    |meant| format!("did you mean `{meant}`?"),
                );
                let reason =
                    format!("`{name}` is neither a parameter nor a resource of this template");
                Node::Unknown(unknown(reason, &remedy, name))
            }
        }
    }

    /// `Fn::Sub`: a text with `${Name}`, and values of its own beside it.
    fn substituted(&mut self, argument: &At<Node>) -> Node {
        let (text, own) = match argument.items() {
            [text, own] => (text.as_text(), Some(own.clone())),
            _ => (argument.as_text(), None),
        };
        let Some(text) = text else {
            return malformed("Fn::Sub", "a text, or a list of a text and values");
        };
        let (mut out, mut rest) = (String::new(), text);
        let mut first_unknown = None;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, end)) = after.split_once('}') else {
                break;
            };
            out.push_str(before);
            rest = end;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let local = own.as_ref().and_then(|own| exactly(own, name));
            let value = match local {
                Some(value) => self.resolve(value).value,
                None if name.contains('.') => self.given(name),
                None => self.value_of(name),
            };
            match value {
                Node::Scalar(value) => out.push_str(&value),
                Node::List(items) => out.push_str(&texts(&items).join(",")),
                Node::Unknown(unknown) => {
                    out.push_str(&unknown.placeholder);
                    first_unknown.get_or_insert(unknown);
                }
                Node::Null | Node::Map(_) => {}
            }
        }
        out.push_str(rest);
        match first_unknown {
            None => Node::Scalar(out),
            Some(unknown) => Node::Unknown(Unknown {
                placeholder: out,
                ..unknown
            }),
        }
    }

    fn chosen(&mut self, argument: &At<Node>) -> Node {
        let [condition, yes, no] = argument.items() else {
            return malformed("Fn::If", "a condition and two values");
        };
        match self.condition(condition.as_text().unwrap_or_default()) {
            Ok(true) => self.resolve(yes).value,
            Ok(false) => self.resolve(no).value,
            Err(unknown) => Node::Unknown(unknown),
        }
    }

    fn mapped(&mut self, argument: &At<Node>) -> Node {
        let [map, first, second, options @ ..] = argument.items() else {
            return malformed("Fn::FindInMap", "a mapping and two keys");
        };
        let mut keys = Vec::new();
        for key in [map, first, second] {
            match self.resolve(key).value {
                Node::Unknown(unknown) => return Node::Unknown(unknown),
                Node::Scalar(text) => keys.push(text),
                _ => return malformed("Fn::FindInMap", "a mapping and two keys"),
            }
        }
        let found = self
            .section("Mappings")
            .and_then(|section| exactly(section, &keys[0]))
            .and_then(|map| exactly(map, &keys[1]))
            .and_then(|row| exactly(row, &keys[2]));
        let default = options
            .first()
            .and_then(|options| options.field("DefaultValue"));
        match (found, default) {
            (Some(value), _) => value.value.clone(),
            (None, Some(default)) => self.resolve(default).value,
            (None, None) => Node::Unknown(unknown(
                format!("Mappings.{} does not exist", keys.join(".")),
                "add it to the mapping, or choose other keys with `--set NAME=VALUE`",
                &keys[2],
            )),
        }
    }

    fn selected(&mut self, argument: &At<Node>) -> Node {
        let [index, list] = argument.items() else {
            return malformed("Fn::Select", "an index and a list");
        };
        let (index, list) = (self.resolve(index), self.resolve(list));
        for part in [&index, &list] {
            if let Node::Unknown(unknown) = &part.value {
                return Node::Unknown(unknown.clone());
            }
        }
        let position = index.as_text().and_then(|text| text.parse::<usize>().ok());
        position
            .and_then(|position| list.items().get(position))
            .map_or_else(
                || malformed("Fn::Select", "an index within its list"),
                |item| item.value.clone(),
            )
    }

    fn split(&mut self, argument: &At<Node>) -> Node {
        let [delimiter, text] = argument.items() else {
            return malformed("Fn::Split", "a delimiter and a text");
        };
        let Node::Scalar(delimiter) = &delimiter.value else {
            return malformed("Fn::Split", "a delimiter and a text");
        };
        match self.resolve(text).value {
            Node::Scalar(text) if !delimiter.is_empty() => {
                let parts = text.split(delimiter.as_str());
                Node::List(
                    parts
                        .map(|part| argument.with(Node::Scalar(part.to_owned())))
                        .collect(),
                )
            }
            Node::Unknown(unknown) => Node::Unknown(unknown),
            _ => malformed("Fn::Split", "a delimiter and a text"),
        }
    }

    fn joined(&mut self, argument: &At<Node>) -> Node {
        let [delimiter, list] = argument.items() else {
            return malformed("Fn::Join", "a delimiter and a list");
        };
        let delimiter = match &delimiter.value {
            Node::Scalar(text) => text.clone(),
            _ => String::new(),
        };
        let list = self.resolve(list);
        let first_unknown = list
            .items()
            .iter()
            .chain([&list])
            .find_map(|item| match &item.value {
                Node::Unknown(unknown) => Some(unknown.clone()),
                _ => None,
            });
        match first_unknown {
            Some(unknown) => Node::Unknown(unknown),
            None => Node::Scalar(texts(list.items()).join(&delimiter)),
        }
    }
}

/// The field of exactly this name: parameters may differ in case only.
pub fn exactly<'n>(at: &'n At<Node>, name: &str) -> Option<&'n At<Node>> {
    at.entries()
        .iter()
        .find(|(key, _)| key.value == name)
        .map(|(_, value)| value)
}

fn texts(items: &[At<Node>]) -> Vec<String> {
    items
        .iter()
        .filter_map(|item| match &item.value {
            Node::Scalar(text) => Some(text.clone()),
            Node::Unknown(unknown) => Some(unknown.placeholder.clone()),
            _ => None,
        })
        .collect()
}

fn malformed(function: &str, takes: &str) -> Node {
    Node::Unknown(unknown(
        format!("{function} takes {takes}"),
        "correct the template: `aws cloudformation validate-template` checks it",
        "",
    ))
}

pub fn unknown(reason: String, remedy: &str, placeholder: &str) -> Unknown {
    Unknown {
        reason,
        remedy: remedy.to_owned(),
        placeholder: placeholder.to_owned(),
    }
}
