//! `headroom import`.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use super::output::{check_output, note};
use super::progress_bar::advance;
use clap::Subcommand;
use headroom::import::{
    ImportError, Imported, Input, LeftOut, Source, cloudwatch, csv, jhist, rumen, single_files,
    spark, swim, yarn_apps,
};
use headroom::trace::info::JobTotals;
use headroom::units::{Mebibytes, Resources, Timestamp, VirtualCores, display_duration};
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
    HistoryServer(HistoryServer),
    Jhist(Jhist),
    YarnApps(YarnApps),
    Cloudwatch(CloudWatch),
    Csv(Csv),
}

#[derive(clap::Args)]
struct Files {
    /// Files to import, and folders of files; together they become one trace. They may be compressed
    /// with gzip, zstd, lz4 or snappy
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Trace to write, compressed if the name ends in .zst; replaces an existing file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Refuse files that cannot be used or are incomplete, instead of importing the others
    #[arg(long)]
    strict: bool,
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

/// MapReduce jobs in the formats of Rumen and Hadoop's SLS, also synthetic ones (syn.json)
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

/// Saved replies of the Spark history server's REST service
#[derive(clap::Args)]
#[command(
    after_help = "Pass a folder with a folder for each application, which has the replies stages.json, \
environment.json, allexecutors.json and application.json (docs/traces.md has a script). Event logs are more exact: \
the replies have no single tasks, so the tasks of a stage take the mean time.

Example:\n  headroom import history-server replies --out spark.trace.zst"
)]
struct HistoryServer {
    #[command(flatten)]
    files: Files,
}

/// MapReduce job history files (.jhist), with their configurations (_conf.xml)
#[derive(clap::Args)]
#[command(
    after_help = "A history has the times of a job's tasks, and its configuration their sizes; \
keep both in one folder. Hadoop writes them to mapreduce.jobhistory.done-dir, and EMR copies them to its log \
archive.

Example:\n  headroom import jhist /var/log/hadoop-mapreduce/history --out history.trace.zst"
)]
struct Jhist {
    #[command(flatten)]
    files: Files,
    /// Memory of a task, in MiB, where the configuration is missing
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory_mib: u64,
    /// Virtual cores of a task, where the configuration is missing
    #[arg(long, value_name = "N", default_value_t = 1)]
    vcores: u64,
}

/// Applications as YARN's ResourceManager lists them
#[derive(clap::Args)]
#[command(
    after_help = "The list has what each application used, but no containers. So a task stands for one \
vcore that the application used on average, for as long as it ran.

Example:
  curl http://RESOURCE_MANAGER:8088/ws/v1/cluster/apps > apps.json
  headroom import yarn-apps apps.json --out apps.trace.zst"
)]
struct YarnApps {
    #[command(flatten)]
    files: Files,
}

/// Saved replies of `aws cloudwatch get-metric-data`: a trace of observations
#[derive(clap::Args)]
#[command(
    after_help = "The metrics are those of AWS/ElasticMapReduce with the statistic Average. A result is \
recognized by its label or id, such as MemoryTotalMB. docs/traces.md lists the metrics and what is estimated. \
`headroom record cloudwatch` fetches them itself.

Example:
  aws cloudwatch get-metric-data --metric-data-queries file://queries.json \\
      --start-time 2026-11-01T00:00:00Z --end-time 2026-11-02T00:00:00Z > metrics.json
  headroom import cloudwatch metrics.json --out history.trace.zst"
)]
struct CloudWatch {
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
            convert(&args.files, single_files, |sources| {
                rumen::import(sources, &options)
            })
        }
        Format::Spark(args) => convert(&args.files, spark::applications, |sources| {
            spark::import(sources)
        }),
        Format::HistoryServer(args) => convert(&args.files, spark::saved_replies, |sources| {
            spark::import_replies(sources)
        }),
        Format::Jhist(args) => {
            let each = Resources {
                memory: Mebibytes(args.memory_mib),
                vcores: VirtualCores(args.vcores),
            };
            convert(&args.files, jhist::histories, |sources| {
                jhist::import(sources, each)
            })
        }
        Format::YarnApps(args) => convert(&args.files, single_files, |sources| {
            yarn_apps::import(sources)
        }),
        Format::Cloudwatch(args) => convert_history(&args.files),
        Format::Csv(args) => {
            let options = csv::Options { start: args.start };
            convert(&args.files, single_files, |sources| {
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
    convert(&args.files, single_files, |sources| {
        swim::import(sources, &options)
    })
}

type Sources<'a> = Box<dyn Iterator<Item = Result<Source, ImportError>> + 'a>;

/// The most files that are named on standard error.
const NAMED_MAX: usize = 20;

fn convert(
    files: &Files,
    find: fn(&[PathBuf]) -> Result<Vec<Input>, ImportError>,
    import: impl FnOnce(Sources<'_>) -> Result<Imported, ImportError>,
) -> anyhow::Result<()> {
    let imported = read(files, find, import)?;
    let (unusable, incomplete) = (&imported.unusable, &imported.incomplete);
    if files.strict {
        refuse_gaps(unusable, incomplete)?;
    }
    let out = files.out.display();
    let mut summary = vec![format!("{out}: {}", JobTotals::of(&imported.jobs))];
    summary.extend(gaps(&imported.left_out, unusable, incomplete));
    imported.write(&files.out)?;
    summary.into_iter().for_each(note);
    Ok(())
}

fn convert_history(files: &Files) -> anyhow::Result<()> {
    let imported = read(files, single_files, |sources| cloudwatch::import(sources))?;
    let (unusable, incomplete) = (&imported.unusable, &imported.incomplete);
    if files.strict {
        refuse_gaps(unusable, incomplete)?;
    }
    let mut summary = vec![format!(
        "{}: {} observations, one every {}",
        files.out.display(),
        imported.observations.len(),
        display_duration(imported.step)
    )];
    summary.extend(gaps(&imported.left_out, unusable, incomplete));
    summary.push(
        "  pending memory is an estimate; vcores and released containers are unknown".to_owned(),
    );
    imported.write(&files.out)?;
    summary.into_iter().for_each(note);
    Ok(())
}

fn read<T>(
    files: &Files,
    find: fn(&[PathBuf]) -> Result<Vec<Input>, ImportError>,
    import: impl FnOnce(Sources<'_>) -> Result<T, ImportError>,
) -> anyhow::Result<T> {
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
fn refuse_gaps(unusable: &[String], incomplete: &[String]) -> anyhow::Result<()> {
    let gaps = [unusable, incomplete].concat();
    let Some(first) = gaps.first() else {
        return Ok(());
    };
    let more = match gaps.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Err(anyhow::anyhow!(
        "{first}{more}; remove the files or correct them, or import the others without --strict"
    ))
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
fn gaps(left_out: &[LeftOut], unusable: &[String], incomplete: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = left_out.iter().map(|item| format!("  {item}")).collect();
    if !unusable.is_empty() {
        let files = unusable.len();
        lines.push(format!("  left out: {files} (files that cannot be used)"));
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
