//! What the imports have in common: their arguments, the files that they read, and what they say of
//! the trace.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::output::{check_output, note};
use crate::cli::progress_bar::advance;
use headroom::import::{ImportError, Imported, Input, LeftOut, Source, cloudwatch, single_files};
use headroom::trace::info::JobTotals;
use headroom::units::{Timestamp, display_duration};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The most files that are named on standard error.
const NAMED_MAX: usize = 20;

#[derive(clap::Args)]
pub struct Files {
    /// Files to import, and folders of files; together they become one trace. They may be compressed
    /// with gzip, zstd, lz4 or snappy
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Trace to write, compressed if the name ends in .zst; replaces an existing file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Refuse files that cannot be used or are incomplete, instead of importing the others
    #[arg(long)]
    strict: bool,
}

/// What an importer reads.
pub type Sources<'a> = Box<dyn Iterator<Item = Result<Source, ImportError>> + 'a>;

/// Imports files as a trace of jobs. `find` makes sources of the inputs.
pub fn convert(
    files: &Files,
    find: fn(&[PathBuf]) -> Result<Vec<Input>, ImportError>,
    import: impl FnOnce(Sources<'_>) -> Result<Imported, ImportError>,
) -> anyhow::Result<()> {
    report(read(files, find, import)?, files, "files")
}

/// Writes the trace, and says what it contains and what not. `sources` is what it was made of.
pub fn report(imported: Imported, files: &Files, sources: &str) -> anyhow::Result<()> {
    let (unusable, incomplete) = (&imported.unusable, &imported.incomplete);
    if files.strict {
        refuse_gaps(unusable, incomplete, sources)?;
    }
    let out = files.out.display();
    let mut summary = vec![format!("{out}: {}", JobTotals::of(&imported.jobs))];
    summary.extend(gaps(&imported.left_out, unusable, incomplete, sources));
    imported.write(&files.out)?;
    summary.into_iter().for_each(note);
    Ok(())
}

/// Imports files as a trace of observations.
pub fn convert_history(files: &Files) -> anyhow::Result<()> {
    let imported = read(files, single_files, |sources| cloudwatch::import(sources))?;
    let (unusable, incomplete) = (&imported.unusable, &imported.incomplete);
    if files.strict {
        refuse_gaps(unusable, incomplete, "files")?;
    }
    let mut summary = vec![format!(
        "{}: {} observations, one every {}",
        files.out.display(),
        imported.observations.len(),
        display_duration(imported.step)
    )];
    summary.extend(gaps(&imported.left_out, unusable, incomplete, "files"));
    summary.push(
        "  pending memory is an estimate; vcores and released containers are unknown".to_owned(),
    );
    imported.write(&files.out)?;
    summary.into_iter().for_each(note);
    Ok(())
}

/// Whether an input is a URL rather than a path.
pub fn is_address(input: &Path) -> bool {
    let text = input.to_string_lossy();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Reads an instant of the command line.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = text.parse().map_err(|_| {
        format!("{text:?} is not an instant; write one such as 2026-03-02T08:00:00Z")
    })?;
    Ok(Timestamp::from_millis(instant.as_millisecond()))
}

fn read<T>(
    files: &Files,
    find: fn(&[PathBuf]) -> Result<Vec<Input>, ImportError>,
    import: impl FnOnce(Sources<'_>) -> Result<T, ImportError>,
) -> anyhow::Result<T> {
    if let Some(address) = files.inputs.iter().find(|input| is_address(input)) {
        anyhow::bail!(
            "{} is an address; copy what it names to this machine first (curl, `aws s3 cp --recursive`, `hdfs dfs -get`), and import the copy",
            address.display()
        );
    }
    check_output(&files.out)?;
    let inputs = find(&files.inputs)?;
    let bytes = inputs
        .iter()
        .flat_map(|input| &input.pieces)
        .filter_map(|path| path.metadata().ok())
        .map(|file| file.len())
        .sum();
    let style = ProgressStyle::with_template("reading {wide_bar} {bytes} of {total_bytes}")?;
    let progress =
        ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden()).with_style(style);
    let imported = import(Box::new(inputs.iter().map(|input| open(input, &progress))));
    progress.finish_and_clear();
    imported.map_err(|error| place(error, files))
}

/// Refuses an import that `--strict` does not allow.
fn refuse_gaps(unusable: &[String], incomplete: &[String], sources: &str) -> anyhow::Result<()> {
    let gaps = [unusable, incomplete].concat();
    let Some(first) = gaps.first() else {
        return Ok(());
    };
    let more = match gaps.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let remedy = match sources {
        "files" => "remove the files or correct them, or import the others without --strict",
        _ => "import the others without --strict",
    };
    Err(anyhow::anyhow!("{first}{more}; {remedy}"))
}

/// Adds the names of the inputs to errors that concern the whole import.
fn place(error: ImportError, files: &Files) -> anyhow::Error {
    let inputs = match &files.inputs[..] {
        [only] => only.display().to_string(),
        several => format!("the {} inputs", several.len()),
    };
    match error {
        ImportError::NoJobs { .. }
        | ImportError::NoObservations { .. }
        | ImportError::Invalid { .. } => anyhow::Error::new(error).context(inputs),
        ImportError::Open { .. }
        | ImportError::Read { .. }
        | ImportError::Malformed { .. }
        | ImportError::Unusable { .. }
        | ImportError::Options { .. } => error.into(),
    }
}

fn open(input: &Input, progress: &ProgressBar) -> Result<Source, ImportError> {
    let mut pieces = input.pieces.clone().into_iter();
    let progress = progress.clone();
    let open_piece = move |path: PathBuf| {
        let file = File::open(&path).map_err(|source| ImportError::Open {
            path: path.clone(),
            source,
        })?;
        let progress = progress.clone();
        Source::new(path, Watched { file, progress })
    };
    let first = pieces.next().unwrap_or_default();
    let whole = open_piece(first)?.followed_by(pieces.map(open_piece));
    Ok(whole.with_gap(input.gap.clone()))
}

/// A file that advances the progress bar as it is read.
struct Watched {
    file: File,
    progress: ProgressBar,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        advance(&self.progress, read as u64);
        Ok(read)
    }
}

/// What the trace does not contain, one item a line.
fn gaps(
    left_out: &[LeftOut],
    unusable: &[String],
    incomplete: &[String],
    sources: &str,
) -> Vec<String> {
    let mut lines: Vec<String> = left_out.iter().map(|item| format!("  {item}")).collect();
    if !unusable.is_empty() {
        let count = unusable.len();
        lines.push(format!(
            "  left out: {count} ({sources} that cannot be used)"
        ));
    }
    name_some("    ", unusable, &mut lines);
    name_some("  incomplete: ", incomplete, &mut lines);
    lines
}

fn name_some(before: &str, problems: &[String], lines: &mut Vec<String>) {
    let named = problems.iter().take(NAMED_MAX);
    lines.extend(named.map(|problem| format!("{before}{problem}")));
    if problems.len() > NAMED_MAX {
        let more = problems.len() - NAMED_MAX;
        lines.push(format!("{before}and {more} more"));
    }
}
