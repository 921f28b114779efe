//! What commands print: results on stdout, remarks and errors on stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use headroom::file::WholeFile;
use headroom::import::{Recording, recognize};
use headroom::policy::diagnostic::PolicyErrors;
use headroom::safe_text::{visible, without_secrets};
use headroom::sim::input::InputError;
use headroom::trace::journal::TraceError;

/// Prints an error on stderr, from the outermost context to the cause. Mistakes in a policy are
/// shown in the text of the policy.
pub fn complain(error: &anyhow::Error) {
    match error
        .chain()
        .find_map(|cause| cause.downcast_ref::<PolicyErrors>())
    {
        Some(errors) if io::stderr().is_terminal() => {
            // With colours, and without other control characters: the renderer replaces them.
            let _ = writeln!(io::stderr(), "{}", errors.render(true));
        }
        Some(errors) => note(errors.render(false)),
        None => {
            note(without_secrets(&format!("error: {error:#}")));
            if let Some(hint) = error.chain().find_map(import_hint) {
                note(format_args!("hint: {hint}"));
            }
        }
    }
}

/// The command that makes a trace of a recording that was given where a trace is expected.
fn import_hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let of_input = match cause.downcast_ref::<InputError>() {
        Some(InputError::NoTrace { folder }) => return importer(folder),
        Some(InputError::Trace(error)) => Some(error),
        _ => None,
    };
    match of_input.or_else(|| cause.downcast_ref::<TraceError>())? {
        TraceError::NotATrace { path, .. }
        | TraceError::LineTooLong { path, .. }
        | TraceError::NoSegments { folder: path } => importer(path),
        _ => None,
    }
}

fn importer(path: &Path) -> Option<String> {
    let Recording { what, importer } = recognize(path)?;
    let is = if path.is_dir() { "has" } else { "is" };
    let path = path.display();
    Some(format!(
        "{path} {is} {what}; make a trace of it with `headroom import {importer} {path} --out mine.trace.zst`"
    ))
}

/// Prints a line on stderr. A closed stderr does not stop the command.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", visible(&text.to_string()));
}

/// Writes a result to stdout, without anything that a terminal obeys: traces, journals and policies
/// can be from others. A reader that closes the pipe early, such as `head`, is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(visible(text).as_bytes())
}

/// Writes a result to stdout as it is: with colours, or for another program.
pub fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// The width of tables, in columns: that of the terminal within 60 to 120, and 80 without one.
pub fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(80, |(terminal_size::Width(columns), _)| {
        columns.clamp(60, 120)
    })
}

/// Fails if a file cannot be written. Called first, so that minutes of work are not lost.
pub fn check_output(path: &Path) -> anyhow::Result<()> {
    WholeFile::create(path)
        .map(drop)
        .with_context(|| format!("{} cannot be written", path.display()))
}
