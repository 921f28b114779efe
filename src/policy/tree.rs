//! YAML or JSON whose shape is not known beforehand, as a tree with places.
//!
//! It keeps what the typed reader drops: the short forms of CloudFormation. `!Ref Name` becomes
//! `{ Ref: Name }`, and `!Sub text` becomes `{ "Fn::Sub": text }`, as CloudFormation defines them.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::policy::diagnostic::Diagnostic;
use crate::policy::yaml::At;

/// Larger files are refused. The state of a large Terraform project has some 10 MiB.
const LARGEST_FILE_BYTES: usize = 64 << 20;
/// With aliases a short text can stand for a huge tree: they may add so many values.
const MOST_ALIASED: usize = 200_000;
/// Deeper trees are refused, because they are read by recursion.
const DEEPEST: usize = 200;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing: `null`, `~` or an empty value.
    Null,
    /// A single value as it was written, without quotes.
    Scalar(String),
    /// A list.
    List(Vec<At<Node>>),
    /// Fields in the order of the document.
    Map(Vec<Entry>),
    /// A value that exists only after a deployment, or that the document leaves open.
    Unknown(Unknown),
}

/// A field: its name and its value.
pub type Entry = (At<String>, At<Node>);

/// Why a value is not known, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// What it depends on, as in "`MaxCore` has no value".
    pub reason: String,
    /// How the user can provide it.
    pub remedy: String,
    /// What stands in for it where only people read it, such as in the name of a rule.
    pub placeholder: String,
}

impl At<Node> {
    /// The fields, if it has fields.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items, if it is a list.
    pub fn items(&self) -> &[At<Node>] {
        match &self.value {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The field of this name. Spelling is compared as [`plain`] does, because AWS's interfaces
    /// write one name as `AutoScalingPolicy`, `autoScalingPolicy` and `autoscaling_policy`.
    pub fn field(&self, name: &str) -> Option<&At<Node>> {
        let name = plain(name);
        self.entries()
            .iter()
            .find(|(key, _)| plain(&key.value) == name)
            .map(|(_, value)| value)
    }

    /// The text of a field that has a single value.
    pub fn text(&self, name: &str) -> Option<&At<Node>> {
        self.field(name)
            .filter(|value| matches!(value.value, Node::Scalar(_)))
    }

    /// The value itself, if it is a single one and not empty.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Node::Scalar(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        }
    }

    /// The single value of a field, if there is one and it is not empty.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.field(name).and_then(Self::as_text)
    }

    /// Whether it says nothing: null, an empty text, an empty list or no fields.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Node::Null => true,
            Node::Scalar(text) => text.trim().is_empty(),
            Node::List(items) => items.iter().all(Self::is_empty),
            Node::Map(entries) => entries.is_empty(),
            Node::Unknown(_) => false,
        }
    }

    /// The same tree, with all of its parts at one place: that of the text that it was read from.
    pub fn all_at(self, span: &Range<usize>) -> Self {
        let value = match self.value {
            Node::List(items) => {
                Node::List(items.into_iter().map(|item| item.all_at(span)).collect())
            }
            Node::Map(entries) => Node::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let key = At {
                            value: key.value,
                            span: span.clone(),
                        };
                        (key, value.all_at(span))
                    })
                    .collect(),
            ),
            other => other,
        };
        Self {
            value,
            span: span.clone(),
        }
    }
}

/// A name without what AWS's interfaces spell differently: case and underscores.
pub fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Reads one document of YAML or JSON.
///
/// # Errors
/// The first thing that is not YAML, with its place; a file that is too large, too deep, or has a
/// second document.
pub fn read(source: &str) -> Result<At<Node>, Diagnostic> {
    if source.len() > LARGEST_FILE_BYTES {
        return Err(Diagnostic::error(0..0, "the file is larger than 64 MiB"));
    }
    // In JSON a key may be as long as it likes; the default is YAML's 1024 characters.
    let options = granit_parser::options! { simple_key_max_lookahead: 1 << 20 };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(source, options) {
        let (event, span) = next.map_err(|error| {
            let start = error.marker().byte_offset().unwrap_or_default();
            let end = source
                .get(start..)
                .and_then(|rest| rest.chars().next())
                .map_or(start, |c| start + c.len_utf8());
            let message = error.info();
            if message.contains("<document start>") {
                Diagnostic::error(start..end, "a second document begins here")
                    .help("write one file for each, or one list of all: `jq -s . FILE`")
            } else {
                Diagnostic::error(start..end, message)
            }
        })?;
        builder.take(event, &span)?;
    }
    builder
        .root
        .ok_or_else(|| Diagnostic::error(0..0, "the file has no content"))
}

/// A list or a mapping that is not complete.
struct Open {
    node: At<Node>,
    /// The name of the next field, when its value has not been read.
    key: Option<At<String>>,
    tag: Option<String>,
    anchor: usize,
    measure: Measure,
}

/// How much a node contains, for the limits.
#[derive(Clone, Copy)]
struct Measure {
    nodes: usize,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, (At<Node>, Measure)>,
    root: Option<At<Node>>,
    /// How many values aliases have added.
    aliased: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Diagnostic> {
        let place = span.byte_range().unwrap_or_default();
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Diagnostic::error(place, "a second document begins here")
                    .help("write one file for each"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_null = matches!(style, ScalarStyle::Plain)
                    && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null && short_form(tag.as_deref()).is_none() {
                    Node::Null
                } else {
                    Node::Scalar(text.into_owned())
                };
                let node = At { value, span: place };
                let measure = Measure { nodes: 1, depth: 1 };
                self.finish(node, short_form(tag.as_deref()), anchor, measure)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.start(Node::List(Vec::new()), place, anchor, tag.as_deref())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.start(Node::Map(Vec::new()), place, anchor, tag.as_deref())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                let mut node = open.node;
                node.span.end = place.end.max(node.span.start);
                merge(&mut node);
                self.finish(node, open.tag, open.anchor, open.measure)
            }
            Event::Alias(anchor) => {
                let Some((node, measure)) = self.anchors.get(&anchor) else {
                    return Err(Diagnostic::error(place, "this alias stands for itself"));
                };
                self.aliased += measure.nodes;
                if self.aliased > MOST_ALIASED {
                    let message = format!("the aliases stand for more than {MOST_ALIASED} values");
                    return Err(Diagnostic::error(place, message));
                }
                let (node, measure) = (node.clone(), *measure);
                self.finish(node, None, 0, measure)
            }
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        value: Node,
        span: Range<usize>,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), Diagnostic> {
        if self.open.len() >= DEEPEST {
            return Err(too_deep(span));
        }
        self.open.push(Open {
            node: At { value, span },
            key: None,
            tag: short_form(tag),
            anchor,
            measure: Measure { nodes: 1, depth: 1 },
        });
        Ok(())
    }

    /// Adds a complete node to what is open.
    fn finish(
        &mut self,
        mut node: At<Node>,
        function: Option<String>,
        anchor: usize,
        mut measure: Measure,
    ) -> Result<(), Diagnostic> {
        if let Some(function) = function {
            let key = node.with(function);
            node = At {
                span: node.span.clone(),
                value: Node::Map(vec![(key, node)]),
            };
            measure = Measure {
                nodes: measure.nodes + 1,
                depth: measure.depth + 1,
            };
        }
        if self.open.len() + measure.depth > DEEPEST {
            return Err(too_deep(node.span));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), measure));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.measure.nodes += measure.nodes;
        open.measure.depth = open.measure.depth.max(measure.depth + 1);
        match (&mut open.node.value, open.key.take()) {
            (Node::List(items), _) => items.push(node),
            (Node::Map(entries), Some(key)) => {
                if key.value != "<<" && entries.iter().any(|(other, _)| other.value == key.value) {
                    let message = format!("the field `{}` is repeated", key.value);
                    return Err(Diagnostic::error(key.span, message));
                }
                entries.push((key, node));
            }
            (Node::Map(_), None) => {
                let At { value, span } = node;
                let value = match value {
                    Node::Scalar(text) => text,
                    Node::Null => String::new(),
                    _ => return Err(Diagnostic::error(span, "the name of a field is one value")),
                };
                open.key = Some(At { value, span });
            }
            _ => {}
        }
        Ok(())
    }
}

fn too_deep(span: Range<usize>) -> Diagnostic {
    Diagnostic::error(
        span,
        format!("the document is nested more than {DEEPEST} levels deep"),
    )
}

/// YAML's merge key: `<<: *defaults` adds fields that the mapping does not have.
fn merge(node: &mut At<Node>) {
    let Node::Map(entries) = &mut node.value else {
        return;
    };
    let (merged, mut own): (Vec<Entry>, Vec<Entry>) = std::mem::take(entries)
        .into_iter()
        .partition(|(key, value)| {
            key.value == "<<" && matches!(value.value, Node::Map(_) | Node::List(_))
        });
    for (_, value) in merged {
        let maps = match value.value {
            Node::List(items) => items,
            _ => vec![value],
        };
        for entry in maps.iter().flat_map(At::entries) {
            if own.iter().all(|(key, _)| key.value != entry.0.value) {
                own.push(entry.clone());
            }
        }
    }
    *entries = own;
}

/// The function that a local tag stands for: `!Ref` for `Ref`, `!Sub` for `Fn::Sub`.
fn short_form(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| tag.handle() == "!" && !tag.suffix().is_empty())?;
    Some(match tag.suffix() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(source: &str, name: &str) -> Option<String> {
        let tree = read(source).unwrap_or_else(|error| panic!("{error}"));
        tree.string(name).map(str::to_owned)
    }

    #[test]
    fn short_forms_are_functions() {
        let tree =
            read("a: !Ref X\nb: !Sub 'x'\nc: !If [P, 1, !Ref Y]\nd: !!str 5\n").expect("YAML");
        let function = |name: &str| tree.field(name).map(|at| at.entries()[0].0.value.clone());
        assert_eq!(function("a").as_deref(), Some("Ref"));
        assert_eq!(function("b").as_deref(), Some("Fn::Sub"));
        assert_eq!(function("c").as_deref(), Some("Fn::If"));
        assert_eq!(tree.string("d"), Some("5"));
    }

    #[test]
    fn aliases_and_merge_keys_stand_for_what_they_refer_to() {
        let source = "base: &b { x: 1, y: 2 }\nmerged: { <<: *b, y: 3 }\nsame: *b\n";
        let tree = read(source).expect("YAML");
        let field = |map: &str, name: &str| tree.field(map)?.string(name).map(str::to_owned);
        assert_eq!(field("merged", "x").as_deref(), Some("1"));
        assert_eq!(field("merged", "y").as_deref(), Some("3"));
        assert_eq!(field("same", "y").as_deref(), Some("2"));
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        for source in [
            "MinCapacity: 1",
            "{\"minCapacity\": \"1\"}",
            "min_capacity: 1",
        ] {
            assert_eq!(
                text_of(source, "MinCapacity").as_deref(),
                Some("1"),
                "{source}"
            );
        }
        assert_eq!(text_of("MinCapacity: null", "MinCapacity"), None);
    }

    #[test]
    fn what_would_take_too_much_is_refused() {
        let bomb = (1..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let alias = format!("*a{},", n - 1);
            text + &format!("a{n}: &a{n} [{}]\n", alias.repeat(10))
        });
        for (source, said) in [
            (bomb, "the aliases stand for more than"),
            ("{a: ".repeat(220) + &"}".repeat(220), "nested"),
            ("a: &a [*a]".to_owned(), "stands for itself"),
            ("a: 1\na: 2".to_owned(), "the field `a` is repeated"),
        ] {
            let error = read(&source).expect_err(said);
            assert!(error.message.contains(said), "{error}");
        }
    }
}
