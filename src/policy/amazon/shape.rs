//! The fields of a document: each is looked up by its name, and everything that is wrong with their
//! shape is collected, with path and place.

use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::document::NameLike;
use crate::policy::tree::{Node, Unknown, plain};
use crate::policy::yaml::At;

/// A single value, kept as it was written.
pub type Text = At<NameLike>;

/// A mapping of the document with the path that leads to it.
pub struct Fields<'n> {
    path: String,
    at: &'n At<Node>,
}

impl Fields<'_> {
    /// The same place with another value.
    pub fn with<T>(&self, value: T) -> At<T> {
        self.at.with(value)
    }
}

/// Collects the errors of all fields that are read.
#[derive(Default)]
pub struct Shapes {
    pub errors: Vec<Diagnostic>,
}

/// A path with one more field.
pub fn joined(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

impl Shapes {
    /// A mapping that has no fields but these. Terraform writes a mapping as a list of one.
    pub fn fields<'n>(
        &mut self,
        path: String,
        at: &'n At<Node>,
        names: &[&str],
    ) -> Option<Fields<'n>> {
        let at = match at.items() {
            [only] => only,
            _ => at,
        };
        match &at.value {
            Node::Map(entries) => {
                for (key, _) in entries {
                    if names.iter().all(|name| plain(name) != plain(&key.value)) {
                        self.unknown_field(&path, key, names);
                    }
                }
                Some(Fields { path, at })
            }
            Node::Unknown(unknown) => self.missing_value(&path, at, unknown),
            _ => {
                let error = Diagnostic::error(at.span.clone(), in_path(&path, "expected fields"));
                self.errors
                    .push(error.help(format!("write an object with {}", listed(names))));
                None
            }
        }
    }

    /// A single value that must be there.
    pub fn text(&mut self, fields: &Fields<'_>, name: &str) -> Option<Text> {
        let at = self.required(fields, name)?;
        self.single(joined(&fields.path, name), at)
    }

    /// A single value that may be left out: `Some(None)` when it is, `None` after an error.
    pub fn optional(&mut self, fields: &Fields<'_>, name: &str) -> Option<Option<Text>> {
        match fields.at.field(name).filter(|at| at.value != Node::Null) {
            None => Some(None),
            Some(at) => self.single(joined(&fields.path, name), at).map(Some),
        }
    }

    /// A text that only people read, which must be there. An unknown part of it has a placeholder.
    pub fn label(&mut self, fields: &Fields<'_>, name: &str) -> Option<Text> {
        let at = self.required(fields, name)?;
        match &at.value {
            Node::Unknown(unknown) => Some(at.with(NameLike(unknown.placeholder.clone()))),
            _ => self.single(joined(&fields.path, name), at),
        }
    }

    /// A text that only people read; as [`Self::label`], and it may be left out.
    pub fn optional_label(&mut self, fields: &Fields<'_>, name: &str) -> Option<Option<Text>> {
        match fields.at.field(name).filter(|at| at.value != Node::Null) {
            None => Some(None),
            Some(_) => self.label(fields, name).map(Some),
        }
    }

    /// A mapping that must be there, with these fields and no others.
    pub fn inner<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        names: &[&str],
    ) -> Option<Fields<'n>> {
        let at = self.required(fields, name)?;
        self.fields(joined(&fields.path, name), at, names)
    }

    /// The items of a list, each with its path. A list that is left out has none.
    pub fn items<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
    ) -> Option<Vec<(String, &'n At<Node>)>> {
        let path = joined(&fields.path, name);
        let Some(at) = fields.at.field(name).filter(|at| at.value != Node::Null) else {
            return Some(Vec::new());
        };
        match &at.value {
            Node::List(items) => {
                let items = items.iter().enumerate();
                Some(
                    items
                        .map(|(position, item)| (format!("{path}[{position}]"), item))
                        .collect(),
                )
            }
            Node::Unknown(unknown) => self.missing_value(&path, at, unknown),
            _ => {
                let error = Diagnostic::error(at.span.clone(), in_path(&path, "expected a list"));
                self.errors.push(error.help("write `[item]`"));
                None
            }
        }
    }

    /// The field, or an error that it is missing.
    pub fn required<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n At<Node>> {
        let found = fields.at.field(name).filter(|at| at.value != Node::Null);
        if found.is_none() {
            let first_key = fields
                .at
                .entries()
                .first()
                .map_or(fields.at.span.clone(), |(key, _)| key.span.clone());
            let message = format!("the field `{name}` is missing");
            self.errors.push(Diagnostic::error(
                first_key,
                in_path(&fields.path, &message),
            ));
        }
        found
    }

    fn single(&mut self, path: String, at: &At<Node>) -> Option<Text> {
        match &at.value {
            Node::Scalar(text) => Some(at.with(NameLike(text.clone()))),
            Node::Null => Some(at.with(NameLike(String::new()))),
            Node::Unknown(unknown) => self.missing_value(&path, at, unknown),
            Node::List(_) | Node::Map(_) => {
                let message = in_path(&path, "expected a single value");
                self.errors
                    .push(Diagnostic::error(at.span.clone(), message));
                None
            }
        }
    }

    /// A value that is needed, and that the document does not have.
    pub fn missing_value<T>(&mut self, path: &str, at: &At<Node>, unknown: &Unknown) -> Option<T> {
        let message = in_path(path, &unknown.reason);
        self.errors
            .push(Diagnostic::error(at.span.clone(), message).help(unknown.remedy.as_str()));
        None
    }

    fn unknown_field(&mut self, path: &str, key: &At<String>, names: &[&str]) {
        let message = format!(
            "{}: there is no field `{}` here",
            joined(path, &key.value),
            key.value
        );
        let help = match nearest(&key.value, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the fields are {}", listed(names)),
        };
        self.errors
            .push(Diagnostic::error(key.span.clone(), message).help(help));
    }
}

fn in_path(path: &str, message: &str) -> String {
    if path.is_empty() {
        message.to_owned()
    } else {
        format!("{path}: {message}")
    }
}

fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
