//! `headroom import`.

mod conversion;
mod history_server;

use std::time::Duration;

use clap::Subcommand;
use conversion::{Files, convert, convert_history, parse_timestamp};
use headroom::import::{csv, jhist, rumen, single_files, spark, swim, yarn_apps};
use headroom::units::{Mebibytes, Resources, Timestamp, VirtualCores};

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
    HistoryServer(history_server::HistoryServer),
    Jhist(Jhist),
    YarnApps(YarnApps),
    Cloudwatch(CloudWatch),
    Csv(Csv),
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
        Format::HistoryServer(args) => history_server::run(args),
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

fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = |_| format!("{text:?} is not a time; write one such as 90m, 24h or 2d");
    let span: jiff::Span = text.parse().map_err(expected)?;
    let signed = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(expected)?;
    Duration::try_from(signed)
        .map_err(|_| format!("{text:?} is negative; write a time such as 90m, 24h or 2d"))
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
