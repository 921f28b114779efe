//! `headroom import`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::output::{check_output, note};
use super::progress_bar::advance;
use clap::Subcommand;
use headroom::import::{ImportError, Imported, Source, csv, rumen, spark, swim};
use headroom::trace::info::JobTotals;
use headroom::units::Resources;
use headroom::units::{Mebibytes, Timestamp, VirtualCores};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Import workloads of other tools as a trace of jobs
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom import swim FB-2009_samples_24_times_1hr_0.tsv --out fb.trace.zst
  headroom import csv jobs.csv --out jobs.trace.zst

`headroom import FORMAT --help` describes how each format is converted.")]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Subcommand)]
enum Format {
    Swim(Swim),
    Rumen(Rumen),
    Spark(Spark),
    Csv(Csv),
}

#[derive(clap::Args)]
struct Files {
    /// Files to import, plain or zstd; several files become one trace
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Trace to write, compressed if the name ends in .zst; replaces an existing file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// SWIM workloads: the bytes of each job, tab-separated
#[derive(clap::Args)]
#[command(
    after_help = "SWIM files contain the bytes of each job, but no durations and task counts. A task model adds \
them: a job has one task for each split of the largest of its input, shuffle and output. \
docs/traces.md has the formulas. The defaults are the reference task model.

Example:
  headroom import swim FB-2009_samples_24_times_1hr_0.tsv --out fb.trace.zst"
)]
struct Swim {
    #[command(flatten)]
    files: Files,
    /// Leave out jobs submitted at this time or later, such as 24h or 2d
    #[arg(long, value_name = "TIME", default_value = "24h", allow_hyphen_values = true, value_parser = parse_duration)]
    cut: Duration,
    /// Data that one task processes, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    split_mib: u64,
    /// Most tasks of one job
    #[arg(long, value_name = "N", default_value_t = 64)]
    tasks_max: u32,
    /// Seconds that a task needs for one split
    #[arg(long, value_name = "S", default_value_t = 30)]
    split_s: u32,
    /// Shortest task, in seconds
    #[arg(long, value_name = "S", default_value_t = 5)]
    task_min_s: u32,
    /// Longest task, in seconds
    #[arg(long, value_name = "S", default_value_t = 300)]
    task_max_s: u32,
    /// Memory of each task, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 3072)]
    memory_mib: u64,
    /// Virtual cores of each task
    #[arg(long, value_name = "N", default_value_t = 1)]
    vcores: u64,
    /// The instant of submit time zero, which the files do not contain
    #[arg(long, value_name = "TIMESTAMP", default_value = "1970-01-01T00:00:00Z", value_parser = parse_timestamp)]
    start: Timestamp,
}

/// MapReduce job histories as Rumen or Hadoop's SLS write them
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  headroom import rumen 2jobs2min-rumen-jh.json --out history.trace.zst"
)]
struct Rumen {
    #[command(flatten)]
    files: Files,
    /// Memory of a task, in MiB, where the recording does not contain it
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory_mib: u64,
    /// Virtual cores of a task, where the recording does not contain them
    #[arg(long, value_name = "N", default_value_t = 1)]
    vcores: u64,
    /// The instant of time zero of an SLS file, which does not contain it
    #[arg(long, value_name = "TIMESTAMP", default_value = "1970-01-01T00:00:00Z", value_parser = parse_timestamp)]
    start: Timestamp,
}

/// Spark event logs: files, folders of them, rolling logs
#[derive(clap::Args)]
#[command(
    after_help = "Each application becomes one job; each task takes its share of an executor's memory, \
overhead included, and spark.task.cpus vcores.

Example:\n  headroom import spark /var/log/spark/apps --out spark.trace.zst"
)]
struct Spark {
    #[command(flatten)]
    files: Files,
}

/// CSV files, one row for each run of equal tasks
#[derive(clap::Args)]
#[command(
    after_help = "`after` lists the stages to wait for, separated by spaces. An optional column `name` marks \
jobs that are runs of the same work (docs/traces.md).

Example:
  headroom import csv jobs.csv --out jobs.trace.zst

with jobs.csv:
  job,submit_s,stage,after,tasks,task_s,memory_mib,vcores
  etl-1,0,0,,40,62.5,4096,1
  etl-1,0,1,0,8,120,8192,2"
)]
struct Csv {
    #[command(flatten)]
    files: Files,
    /// The instant of submit time zero, which the files do not contain
    #[arg(long, value_name = "TIMESTAMP", default_value = "1970-01-01T00:00:00Z", value_parser = parse_timestamp)]
    start: Timestamp,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.format {
        Format::Swim(args) => run_swim(args),
        Format::Rumen(args) => {
            let each = Resources {
                memory: Mebibytes(args.memory_mib),
                vcores: VirtualCores(args.vcores),
            };
            let options = rumen::Options {
                each,
                start: args.start,
            };
            convert(&args.files, whole_files(&args.files), |sources| {
                rumen::import(sources, &options)
            })
        }
        Format::Spark(args) => convert(
            &args.files,
            spark::applications(&args.files.inputs)?,
            |sources| spark::import(sources),
        ),
        Format::Csv(args) => {
            let options = csv::Options { start: args.start };
            convert(&args.files, whole_files(&args.files), |sources| {
                csv::import(sources, &options)
            })
        }
    }
}

fn run_swim(args: &Swim) -> anyhow::Result<()> {
    let options = swim::Options {
        split: Mebibytes(args.split_mib),
        tasks_max: args.tasks_max,
        split_s: args.split_s,
        task_min_s: args.task_min_s,
        task_max_s: args.task_max_s,
        each: Resources {
            memory: Mebibytes(args.memory_mib),
            vcores: VirtualCores(args.vcores),
        },
        cut: args.cut,
        start: args.start,
    };
    convert(&args.files, whole_files(&args.files), |sources| {
        swim::import(sources, &options)
    })
}

/// The sources, each of which is a single file.
fn whole_files(files: &Files) -> Vec<Vec<PathBuf>> {
    files.inputs.iter().map(|path| vec![path.clone()]).collect()
}

type Sources<'a> = Box<dyn Iterator<Item = Result<Source, ImportError>> + 'a>;

fn convert(
    files: &Files,
    pieces: Vec<Vec<PathBuf>>,
    import: impl FnOnce(Sources<'_>) -> Result<Imported, ImportError>,
) -> anyhow::Result<()> {
    check_output(&files.out)?;
    let bytes = pieces
        .iter()
        .flatten()
        .filter_map(|path| path.metadata().ok())
        .map(|file| file.len())
        .sum();
    let style = ProgressStyle::with_template("reading {wide_bar} {bytes} of {total_bytes}")?;
    let progress =
        ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden()).with_style(style);
    let imported = import(Box::new(
        pieces.iter().map(|pieces| open(pieces, &progress)),
    ));
    progress.finish_and_clear();
    let imported = imported.map_err(|error| place(error, files))?;
    imported.write(&files.out)?;
    print_summary(&imported, &files.out);
    Ok(())
}

/// Adds the names of the inputs to errors that concern the whole import.
fn place(error: ImportError, files: &Files) -> anyhow::Error {
    let inputs = match &files.inputs[..] {
        [only] => only.display().to_string(),
        several => format!("the {} inputs", several.len()),
    };
    match error {
        ImportError::NoJobs { .. } | ImportError::Invalid { .. } => {
            anyhow::Error::new(error).context(inputs)
        }
        ImportError::Open { .. }
        | ImportError::Read { .. }
        | ImportError::Malformed { .. }
        | ImportError::Unusable { .. }
        | ImportError::Options { .. } => error.into(),
    }
}

fn open(pieces: &[PathBuf], progress: &ProgressBar) -> Result<Source, ImportError> {
    let open_piece = |path: &PathBuf| {
        let file = File::open(path).map_err(|source| ImportError::Open {
            path: path.clone(),
            source,
        })?;
        Source::new(
            path,
            Watched {
                file,
                progress: progress.clone(),
            },
        )
    };
    match pieces {
        [] => Source::new("", io::empty()),
        [first, rest @ ..] => rest.iter().try_fold(open_piece(first)?, |whole, piece| {
            Ok(whole.followed_by(open_piece(piece)?))
        }),
    }
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

fn print_summary(imported: &Imported, path: &Path) {
    note(format_args!(
        "{}: {}",
        path.display(),
        JobTotals::of(&imported.jobs)
    ));
    for item in &imported.left_out {
        note(format_args!("  {item}"));
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = |_| format!("{text:?} is not a time; write one such as 90m, 24h or 2d");
    let span: jiff::Span = text.parse().map_err(expected)?;
    let signed = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(expected)?;
    Duration::try_from(signed)
        .map_err(|_| format!("{text:?} is negative; write a time such as 90m, 24h or 2d"))
}

fn parse_timestamp(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = text.parse().map_err(|_| {
        format!("{text:?} is not an instant; write one such as 2026-03-02T08:00:00Z")
    })?;
    Ok(Timestamp::from_millis(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_a_time_with_its_unit() {
        for (text, hours) in [
            ("24h", Some(24)),
            ("2d", Some(48)),
            ("1d 12h", Some(36)),
            ("90", None),
            ("-1h", None),
            ("1y", None),
            ("", None),
        ] {
            assert_eq!(
                parse_duration(text).ok(),
                hours.map(|hours| Duration::from_secs(3_600 * hours)),
                "{text}"
            );
        }
    }
}
