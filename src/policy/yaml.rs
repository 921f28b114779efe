//! YAML with places, for documents whose shape is known. Only this module and `tree`, which reads the
//! others, know YAML libraries.

use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Spanned};

use crate::policy::diagnostic::{Diagnostic, nearest};

/// Larger files are refused: no policy needs it, and diagnostics show whole lines.
const LARGEST_FILE_BYTES: usize = 1 << 20;

/// A value with the bytes of the source that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::deserialize(deserializer)?;
        Ok(Self {
            value,
            span: bytes_of(defined).unwrap_or_default(),
        })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

impl<T> At<T> {
    /// The same place with another value.
    pub fn with<U>(&self, value: U) -> At<U> {
        At {
            value,
            span: self.span.clone(),
        }
    }
}

impl<S: AsRef<str>> At<S> {
    /// A value that `read` reads from the text.
    ///
    /// # Errors
    /// The error of `read`, with the place of this text.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        read(self.value.as_ref()).map_err(|error| error.at(self.span.clone()))
    }
}

impl At<String> {
    /// Where a part of this text stands in the source; the whole scalar when quoting, folding or
    /// escapes hide it.
    pub fn part(&self, source: &str, part: &Range<usize>) -> Range<usize> {
        let Some(written) = source.get(self.span.clone()) else {
            return self.span.clone();
        };
        let quote = usize::from(written.starts_with(['"', '\'']));
        let verbatim = written
            .get(quote..)
            .is_some_and(|text| text.starts_with(&self.value));
        if !verbatim {
            return self.span.clone();
        }
        let start = self.span.start + quote;
        start + part.start..start + part.end
    }
}

/// Reads one YAML document; JSON is YAML, too.
///
/// # Errors
/// The first thing that is not YAML, or has not the shape of `T`, with its place.
pub fn read<T: DeserializeOwned>(source: &str) -> Result<T, Diagnostic> {
    if source.len() > LARGEST_FILE_BYTES {
        return Err(Diagnostic::error(0..0, "the file is larger than 1 MiB"));
    }
    if source.trim().is_empty() {
        return Err(Diagnostic::error(0..0, "the file is empty"));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(source, options)
        .map_err(|error| explain(source, error.without_snippet()))
}

/// A text as a file writes it, with quotes where they are needed, inside `{ }` too.
pub fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./' ".contains(c);
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&text.to_ascii_lowercase().as_str());
    if text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && !text.ends_with(' ')
        && !is_word
    {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ if c.is_alphanumeric() => quoted.push(c),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted + "\""
}

fn explain(source: &str, error: &Error) -> Diagnostic {
    let span = error.location().map_or(0..0, |location| {
        bytes_of(location).unwrap_or_else(|| character_at(source, location))
    });
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let diagnostic = Diagnostic::error(span, format!("there is no field `{field}` here"));
            let is_text = field.contains(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
            diagnostic.help(if is_text {
                "inside `{ }` a comma ends a value; put quotes around a value that contains commas"
                    .to_owned()
            } else {
                one_of("the fields are", field, expected)
            })
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let diagnostic = Diagnostic::error(span, format!("`{variant}` is not a valid value"));
            diagnostic.help(one_of("they are", variant, expected))
        }
        Error::SerdeMissingField { field, .. } => {
            Diagnostic::error(span, format!("the field `{field}` is missing"))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            Diagnostic::error(span, format!("the field `{key}` is repeated"))
        }
        Error::Eof { .. } => Diagnostic::error(span, "the file has no content"),
        Error::MultipleDocuments { .. } => {
            Diagnostic::error(span, "a second document begins here").help("write one file for each")
        }
        Error::InvalidScalar { ty: "boolean", .. } => {
            Diagnostic::error(span, "this is neither true nor false")
                .help("write `true` or `false`")
        }
        Error::NullIntoString { .. } => Diagnostic::error(span, "a value is missing")
            .help("write the value, or leave the field out"),
        Error::Unexpected {
            expected: "mapping start",
            ..
        } => Diagnostic::error(span, "expected fields").help("write `field: value`"),
        Error::Unexpected {
            expected: "sequence start",
            ..
        } => Diagnostic::error(span, "expected a list").help("write `- item` or `[item]`"),
        Error::Unexpected {
            expected: "string scalar",
            ..
        } => Diagnostic::error(span, "expected a single value"),
        other => {
            let options =
                serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
            let text = other.render_with_options(options);
            Diagnostic::error(
                span,
                text.split(" at line ")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        }
    }
}

fn one_of(introduction: &str, written: &str, expected: &[&'static str]) -> String {
    match nearest(written, expected.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!(
            "{introduction} {}",
            expected
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn bytes_of(location: Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start.saturating_add(length))
}

/// The character at a place that the parser gave only by line and column.
fn character_at(source: &str, location: Location) -> Range<usize> {
    let index = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let line_start: usize = source
        .split_inclusive('\n')
        .take(index(location.line()))
        .map(str::len)
        .sum();
    let line = source[line_start..].lines().next().unwrap_or_default();
    let before: usize = line
        .chars()
        .take(index(location.column()))
        .map(char::len_utf8)
        .sum();
    let length = line[before..].chars().next().map_or(0, char::len_utf8);
    line_start + before..line_start + before + length
}
