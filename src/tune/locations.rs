//! Where the values of a policy are in its text, so that one can be replaced and everything else,
//! comments included, stays.

use std::ops::Range;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::policy::condition;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::yaml::{self, At};

/// Fields that a policy often leaves out: where one is varied, it is written into the text.
const MAY_BE_ADDED: [&str; 5] = [
    "for",
    "cooldown",
    "stabilization",
    "reversal",
    "performance_index",
];

/// A policy's text, and where its values are in it.
#[derive(Clone, Debug)]
pub struct PolicyText {
    text: String,
    root: At<Tree>,
}

/// A place for a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The bytes that the value replaces; none where it is added.
    pub span: (usize, usize),
    /// What comes before an added value, and behind it.
    around: (String, String),
    /// Inside a condition, where `1m 30s` cannot be written.
    pub in_condition: bool,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the policy has no `{path}`{}", hint(meant.as_deref()))]
    Nothing { path: String, meant: Option<String> },
    #[error(
        "`{path}` is no single value; name one inside it, such as {}",
        listed(inside)
    )]
    NotAValue { path: String, inside: Vec<String> },
    #[error(
        "the condition of rule `{rule}` is not one comparison with a number on its right, as in `yarn_memory_available_percent < 15`, so it \
         has no threshold"
    )]
    NoThreshold { rule: String },
}

fn hint(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

fn listed(paths: &[String]) -> String {
    match paths.first() {
        Some(first) => format!("`{first}`"),
        None => "`rules.NAME.for`".to_owned(),
    }
}

impl PolicyText {
    /// # Errors
    /// When it is not YAML.
    pub fn read(text: &str) -> Result<Self, Diagnostic> {
        Ok(Self {
            text: text.to_owned(),
            root: yaml::read(text)?,
        })
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the value at a path is. A path without `targets[N].` means every target that has
    /// such a value; only where none has it, and it may be added, all of those where it could
    /// stand.
    ///
    /// # Errors
    /// When it leads nowhere, or not to one value.
    pub fn slots(&self, path: &str) -> Result<Vec<Slot>, PathError> {
        let nothing = || PathError::Nothing {
            path: path.to_owned(),
            meant: self.meant(path),
        };
        let found: Vec<Result<Found, PathError>> = match self.start(path) {
            Start::Root => vec![self.find(&self.root, path, path)],
            Start::Target(target, rest) => vec![self.find(target, rest, path)],
            Start::EveryTarget => self
                .targets()
                .iter()
                .map(|target| self.find(target, path, path))
                .collect(),
            Start::Nowhere => return Err(nothing()),
        };
        let found_any = found
            .iter()
            .any(|found| matches!(found, Ok(Found::Written(_))));
        let mut slots: Vec<Slot> = Vec::new();
        let mut error = None;
        for found in found {
            match found {
                Ok(Found::Written(slot)) => slots.push(slot),
                Ok(Found::Addable(slot)) if !found_any => slots.push(slot),
                Ok(Found::Addable(_)) => {}
                Err(found) => error = error.or(Some(found)),
            }
        }
        // The same place twice is an alias.
        slots.sort();
        slots.dedup();
        if slots.is_empty() {
            Err(error.unwrap_or_else(nothing))
        } else {
            Ok(slots)
        }
    }

    /// What is written in a place; nothing where a value would be added.
    pub fn written(&self, slot: &Slot) -> Option<&str> {
        self.text
            .get(slot.span.0..slot.span.1)
            .map(unquoted)
            .filter(|text| !text.is_empty())
    }

    /// The text with values in some places. Places do not overlap.
    pub fn with<'v>(&self, values: impl IntoIterator<Item = (&'v Slot, String)>) -> String {
        let mut values: Vec<(&Slot, String)> = values.into_iter().collect();
        values.sort_by_key(|(slot, _)| slot.span);
        let mut text = String::with_capacity(self.text.len() + 64);
        let mut copied = 0;
        for (slot, value) in values {
            text += self.text.get(copied..slot.span.0).unwrap_or_default();
            text += &slot.around.0;
            text += &value;
            text += &slot.around.1;
            copied = slot.span.1.max(copied);
        }
        text + self.text.get(copied..).unwrap_or_default()
    }

    /// Every path that leads to a single value, thresholds included.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        if let Tree::Map(entries) = &self.root.value {
            for (key, value) in entries
                .iter()
                .filter(|(key, _)| self.slice(key) != "targets")
            {
                self.list(value, self.slice(key).to_owned(), &mut paths);
            }
        }
        let targets = self.targets();
        for (position, target) in targets.iter().enumerate() {
            let start = if targets.len() > 1 {
                format!("targets[{position}]")
            } else {
                String::new()
            };
            self.list(target, start, &mut paths);
        }
        paths
    }

    fn list(&self, node: &At<Tree>, path: String, paths: &mut Vec<String>) {
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match &node.value {
            Tree::Scalar => paths.push(path),
            Tree::Map(entries) => {
                for (key, value) in entries {
                    let key = self.slice(key);
                    self.list(value, below(key), paths);
                    if key == "when" && self.threshold(value).is_some() {
                        paths.push(below("threshold"));
                    }
                }
            }
            Tree::List(items) => {
                for item in items {
                    if let Some(name) = self.name_of(item) {
                        self.list(item, below(name), paths);
                    }
                }
            }
        }
    }

    fn meant(&self, path: &str) -> Option<String> {
        let paths = self.paths();
        nearest(path, paths.iter().map(String::as_str)).map(str::to_owned)
    }

    fn targets(&self) -> &[At<Tree>] {
        match self
            .entry(&self.root, "targets")
            .map(|targets| &targets.value)
        {
            Some(Tree::List(items)) => items,
            _ => &[],
        }
    }

    fn start<'p>(&self, path: &'p str) -> Start<'_, 'p> {
        if let Some((position, rest)) = path
            .strip_prefix("targets[")
            .and_then(|rest| rest.split_once("]."))
        {
            let target = position
                .parse::<usize>()
                .ok()
                .and_then(|position| self.targets().get(position));
            return target.map_or(Start::Nowhere, |target| Start::Target(target, rest));
        }
        let first = path.split(['.', '[']).next().unwrap_or_default();
        if self.entry(&self.root, first).is_some() || self.targets().is_empty() {
            Start::Root
        } else {
            Start::EveryTarget
        }
    }

    fn find(&self, node: &At<Tree>, rest: &str, path: &str) -> Result<Found, PathError> {
        let nothing = || PathError::Nothing {
            path: path.to_owned(),
            meant: self.meant(path),
        };
        match &node.value {
            Tree::Scalar => Err(nothing()),
            Tree::List(items) => {
                // A name may hold dots; of several that fit, the longest is meant.
                let named = items.iter().filter_map(|item| {
                    Some((
                        item,
                        rest.strip_prefix(self.name_of(item)?)?.strip_prefix('.')?,
                    ))
                });
                let (item, rest) = named
                    .min_by_key(|(_, rest)| rest.len())
                    .ok_or_else(nothing)?;
                self.find(item, rest, path)
            }
            Tree::Map(_) if rest == "threshold" && self.entry(node, "threshold").is_none() => {
                let when = self.entry(node, "when").ok_or_else(nothing)?;
                let rule = self.name_of(node).unwrap_or_default().to_owned();
                self.threshold(when)
                    .map(Found::Written)
                    .ok_or(PathError::NoThreshold { rule })
            }
            Tree::Map(entries) => {
                let (field, below) = rest.split_once('.').unwrap_or((rest, ""));
                let value = match self.entry(node, field) {
                    Some(value) => value,
                    None if below.is_empty() && MAY_BE_ADDED.contains(&field) => {
                        return self
                            .addition(node, entries, field)
                            .map(Found::Addable)
                            .ok_or_else(nothing);
                    }
                    None => return Err(nothing()),
                };
                match (&value.value, below) {
                    (Tree::Scalar, "") => {
                        Ok(Found::Written(Slot::replacing(value.span.clone(), false)))
                    }
                    (_, "") => {
                        let mut inside = Vec::new();
                        self.list(value, path.to_owned(), &mut inside);
                        Err(PathError::NotAValue {
                            path: path.to_owned(),
                            inside,
                        })
                    }
                    (_, below) => self.find(value, below, path),
                }
            }
        }
    }

    /// Before the second entry, or the only one: the first one of a list's item may say what it is.
    fn addition(
        &self,
        map: &At<Tree>,
        entries: &[(At<Tree>, At<Tree>)],
        field: &str,
    ) -> Option<Slot> {
        let (key, _) = entries.get(1).or(entries.first())?;
        let at = key.span.start;
        let is_flow = self.text.get(map.span.start..)?.starts_with('{');
        let behind = if is_flow {
            ", ".to_owned()
        } else {
            let line_start = self
                .text
                .get(..at)?
                .rfind('\n')
                .map_or(0, |newline| newline + 1);
            let indent = self.text.get(line_start..at)?.chars().count();
            format!("\n{:indent$}", "")
        };
        Some(Slot {
            span: (at, at),
            around: (format!("{field}: "), behind),
            in_condition: false,
        })
    }

    fn threshold(&self, when: &At<Tree>) -> Option<Slot> {
        if when.value != Tree::Scalar {
            return None;
        }
        let written = self.text.get(when.span.clone())?;
        let text = unquoted(written);
        let quote = usize::from(text.len() < written.len());
        // Escapes would make the text longer than what it says.
        if text.contains('\\') || (quote == 1 && text.contains("''")) {
            return None;
        }
        let part = condition::threshold(text)?;
        let start = when.span.start + quote;
        Some(Slot::replacing(start + part.start..start + part.end, true))
    }

    fn entry<'t>(&self, node: &'t At<Tree>, name: &str) -> Option<&'t At<Tree>> {
        let Tree::Map(entries) = &node.value else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _)| self.slice(key) == name)
            .map(|(_, value)| value)
    }

    fn name_of(&self, node: &At<Tree>) -> Option<&str> {
        self.entry(node, "name")
            .filter(|name| name.value == Tree::Scalar)
            .map(|name| self.slice(name))
    }

    fn slice(&self, scalar: &At<Tree>) -> &str {
        self.text.get(scalar.span.clone()).map_or("", unquoted)
    }
}

impl Slot {
    /// A value in one would change the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self == other || (self.span.0 < other.span.1 && other.span.0 < self.span.1)
    }

    fn replacing(span: Range<usize>, in_condition: bool) -> Self {
        Self {
            span: (span.start, span.end),
            around: Default::default(),
            in_condition,
        }
    }
}

enum Start<'t, 'p> {
    Root,
    Target(&'t At<Tree>, &'p str),
    EveryTarget,
    Nowhere,
}

enum Found {
    Written(Slot),
    Addable(Slot),
}

/// YAML of any shape. What a scalar says is read from the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Scalar,
    List(Vec<At<Tree>>),
    Map(Vec<(At<Tree>, At<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyShape;
        impl<'de> Visitor<'de> for AnyShape {
            type Value = Tree;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_unit<E: Error>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Tree::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Tree::Map(map))
            }
        }
        deserializer.deserialize_any(AnyShape)
    }
}

fn unquoted(written: &str) -> &str {
    let inner = |quote: char| {
        written
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(written)
}

#[cfg(test)]
mod tests;
