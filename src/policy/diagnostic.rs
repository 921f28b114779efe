//! What is wrong with a file a person wrote, shown where it is wrong: file, line, column, the line
//! itself, and what would be right.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted, but probably does not do what its author meant.
    Warning,
    /// The file may do what its author meant; this is what to know about it.
    Note,
}

/// One thing that is wrong with a text: a file, a condition or a single value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file is refused.
    pub severity: Severity,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A reason to refuse the file, without help.
    pub fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: message.into(),
            help: None,
        }
    }

    /// A likely mistake in a file that is accepted, without help.
    pub fn warning(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// Something to know about a file that is accepted, without help.
    pub fn note(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(span, message)
        }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same about another place: the text was a part of a larger one.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.span = span;
        self
    }

    /// The diagnostic under the lines that it is about; with ANSI colours when `styled`.
    pub fn render(&self, source: &str, file_name: &str, styled: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let annotation = AnnotationKind::Primary.span(visible(source, &self.span));
        let snippet = Snippet::source(source)
            .path(file_name)
            .annotation(annotation);
        let mut group = level.primary_title(self.message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if styled {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }
}

/// The message and its help on one line, for a value that has no lines around it.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help
            .as_ref()
            .map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// A span that lies on characters of the source and covers no more than the rest of its first line.
fn visible(source: &str, span: &Range<usize>) -> Range<usize> {
    let on_character = |position: usize| {
        (0..=position.min(source.len()))
            .rev()
            .find(|at| source.is_char_boundary(*at))
            .unwrap_or(0)
    };
    let start = on_character(span.start);
    let end = on_character(span.end).max(start);
    let first_line = source[start..end]
        .find(['\n', '\r'])
        .map_or(end, |length| start + length);
    start..first_line
}

/// Why a file was refused: every error that was found, each with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors {
    file_name: String,
    source: String,
    /// Never empty, in the order of the file.
    diagnostics: Vec<Diagnostic>,
}

impl PolicyErrors {
    pub(crate) fn new(file_name: &str, source: &str, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        diagnostics.dedup();
        Self {
            file_name: file_name.to_owned(),
            source: source.to_owned(),
            diagnostics,
        }
    }

    /// All errors, at least one, in the order of the file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// All of them as a person reads them; with ANSI colours when `styled`.
    pub fn render(&self, styled: bool) -> String {
        let rendered: Vec<String> = self
            .diagnostics
            .iter()
            .map(|d| d.render(&self.source, &self.file_name, styled))
            .collect();
        rendered.join("\n\n")
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for PolicyErrors {}

/// The candidate that was probably meant, if any is close enough.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Below this similarity a hint misleads more than it helps.
    const LEAST_SIMILARITY: f64 = 0.75;
    /// Shorter words are close to anything.
    const LEAST_LETTERS: usize = 3;
    if written.chars().count() < LEAST_LETTERS {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&written.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
