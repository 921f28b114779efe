//! SWIM workloads (`SWIMProjectUCB/SWIM`): six tab-separated columns, job id, submit (s), gap to
//! the previous job (s), map input, shuffle and reduce output (bytes); then, in some files, the
//! paths of input and output. A task model adds durations, memory and task counts, which SWIM files
//! do not contain.

use std::time::Duration;

use super::error::{ImportError, malformed};
use super::gather::{Gathered, Ids, Imported, Notes, gather, imported};
use super::hadoop::SLOWSTART;
use super::source::Source;
use crate::trace::{Job, MapReduce, Stage, TaskRun, seconds};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores, display_duration};

/// The task model, which turns bytes into tasks. The default is the reference model for comparing
/// simulators on these workloads.
///
/// `bytes = max(input, shuffle, output)`; `tasks = clamp(ceil(bytes / split), 1, tasks_max)`;
/// `task_s = clamp(floor(split_s * bytes / split / tasks), task_min_s, task_max_s)`; no
/// dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The data that one task processes.
    pub split: Mebibytes,
    /// The most tasks of one job.
    pub tasks_max: u32,
    /// The seconds that a task needs for a whole split.
    pub split_s: u32,
    /// The shortest task, in seconds.
    pub task_min_s: u32,
    /// The longest task, in seconds.
    pub task_max_s: u32,
    /// The resources of each task.
    pub each: Resources,
    /// Jobs submitted at this time or later are left out: the sample of a day may contain a few jobs
    /// of the next day.
    pub cut: Duration,
    /// The instant of submit time zero, which the files do not contain.
    pub start: Timestamp,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            split: Mebibytes(256),
            tasks_max: 64,
            split_s: 30,
            task_min_s: 5,
            task_max_s: 300,
            each: Resources {
                memory: Mebibytes(3072),
                vcores: VirtualCores(1),
            },
            cut: Duration::from_secs(86_400),
            start: Timestamp::EPOCH,
        }
    }
}

/// Imports SWIM files; several files become one workload.
///
/// # Errors
/// When the options contradict each other, a file cannot be read or is invalid, or there are no
/// jobs.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
    options: &Options,
) -> Result<Imported, ImportError> {
    options.check()?;
    let gathered = gather(sources, |source, notes| read_source(source, options, notes))?;
    let Gathered {
        parts,
        names,
        notes,
    } = gathered;
    imported(
        format!(
            "SWIM {names}; durations are not recorded, tasks follow a model: {}",
            options.describe()
        ),
        options.start,
        parts.into_iter().flatten().collect(),
        Ids::OfAFile,
        notes,
    )
}

fn read_source(
    source: Source,
    options: &Options,
    notes: &mut Notes,
) -> Result<Vec<Job>, ImportError> {
    let mut jobs = Vec::new();
    let mut late = 0;
    let mut lines = source.lines();
    let name = lines.name.clone();
    while let Some(line) = lines.next_line()? {
        let row =
            Row::parse(line.bytes).map_err(|problem| malformed(&name, line.number, problem))?;
        if row.submit >= options.cut {
            late += 1;
        } else {
            jobs.push(options.job(&row));
        }
    }
    notes.left_out.add(
        late,
        format!(
            "jobs submitted at {} or later; change with --cut",
            display_duration(options.cut)
        ),
    );
    Ok(jobs)
}

impl Options {
    fn check(&self) -> Result<(), ImportError> {
        let problem = if self.split.get() == 0 || self.tasks_max == 0 {
            "the split size and the maximum of tasks must be at least 1"
        } else if self.task_min_s > self.task_max_s {
            "the shortest task is longer than the longest; swap them"
        } else if self.each == Resources::default() {
            "a task must take memory, vcores or both"
        } else {
            return Ok(());
        };
        Err(ImportError::Options { problem })
    }

    fn describe(&self) -> String {
        format!(
            "one for each {}, at most {}, {} s for each {0}, {} to {} s; each {} and {}",
            self.split,
            self.tasks_max,
            self.split_s,
            self.task_min_s,
            self.task_max_s,
            self.each.memory,
            self.each.vcores
        )
    }

    fn job(&self, row: &Row<'_>) -> Job {
        let split_bytes = u128::from(self.split.get()) << 20;
        let bytes = u128::from(row.bytes);
        let count = bytes.div_ceil(split_bytes).clamp(1, self.tasks_max.into()) as u32;
        let task_s = u128::from(self.split_s) * bytes / (split_bytes * u128::from(count));
        let task_s = task_s.clamp(self.task_min_s.into(), self.task_max_s.into()) as u64;
        let stage = Stage {
            after: Vec::new(),
            memory: self.each.memory,
            vcores: self.each.vcores,
            tasks: vec![TaskRun {
                count,
                duration: Duration::from_secs(task_s),
            }],
            spark: None,
        };
        Job {
            id: row.id.into(),
            name: None,
            submit: row.submit,
            application_master: None,
            queue: None,
            user: None,
            is_step: false,
            map_reduce: Some(MapReduce {
                slowstart: SLOWSTART,
            }),
            stages: vec![stage],
            spark: None,
        }
    }
}

struct Row<'a> {
    id: &'a str,
    submit: Duration,
    /// The largest of input, shuffle and output.
    bytes: u64,
}

impl<'a> Row<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, String> {
        let text = str::from_utf8(line)
            .map_err(|_| "not text; SWIM files are tab-separated text".to_owned())?;
        let columns: Vec<&str> = text.trim_end().split('\t').collect();
        // Up to two columns of paths may follow, and then empty columns.
        let ([id, submit, _gap, input, shuffle, output]
        | [id, submit, _gap, input, shuffle, output, _]
        | [id, submit, _gap, input, shuffle, output, _, _]) = columns[..]
        else {
            let found = columns.len();
            return Err(format!(
                "expected six columns separated by tabs (job, submit, gap, input, shuffle, output) and up to two more for paths, found {found}"
            ));
        };
        let bytes = |column: &str, text: &str| {
            text.trim().parse::<u64>().map_err(|_| {
                format!(
                    "{column} is {text:?}; expected a number of bytes, without sign or fraction"
                )
            })
        };
        let submit = submit
            .trim()
            .parse::<f64>()
            .map_err(|_| format!("submit is {submit:?}; expected seconds"))
            .and_then(|submit_s| {
                seconds::from_f64(submit_s).map_err(|problem| format!("submit: {problem}"))
            })?;
        let bytes = bytes("input", input)?
            .max(bytes("shuffle", shuffle)?)
            .max(bytes("output", output)?);
        Ok(Self { id, submit, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::LeftOut;

    fn import_text(text: &'static str, options: &Options) -> Result<Imported, ImportError> {
        import([Source::new("w.tsv", text.as_bytes())], options)
    }

    #[test]
    fn the_reference_model_gives_tasks_and_seconds() {
        const SPLIT: u64 = 256 << 20;
        // bytes, tasks, seconds
        let cases = [
            (0, 1, 5),
            (SPLIT, 1, 30),
            (SPLIT + 1, 2, 15),
            (SPLIT / 2, 1, 15),
            (64 * SPLIT, 64, 30),
            (128 * SPLIT, 64, 60),
            (6_400 * SPLIT, 64, 300),
            (u64::MAX, 64, 300),
        ];
        for (bytes, count, task_s) in cases {
            let job = Options::default().job(&Row {
                id: "j",
                submit: Duration::ZERO,
                bytes,
            });
            assert_eq!(
                job.stages[0].tasks,
                [TaskRun {
                    count,
                    duration: Duration::from_secs(task_s)
                }],
                "{bytes} bytes"
            );
        }
    }

    #[test]
    fn jobs_at_or_after_the_cut_are_left_out_and_counted() {
        let imported = import_text(
            "a\t10\t10\t1\t2\t3\tinputPath1\t\t\nb\t5\t0\t1\t2\t3\r\nc\t20\t10\t1\t2\t3\n",
            &Options {
                cut: Duration::from_secs(20),
                ..Options::default()
            },
        )
        .expect("imports");
        let ids: Vec<&str> = imported.jobs.iter().map(|job| &*job.id).collect();
        assert_eq!(ids, ["b", "a"], "ordered by submit time");
        assert_eq!(
            imported.left_out,
            [LeftOut {
                count: 1,
                what: "jobs submitted at 20s or later; change with --cut".into()
            }]
        );
    }

    #[test]
    fn a_wrong_line_is_named_with_what_was_expected() {
        let cases = [
            ("a\t1\t1\t1\t1\n", "found 5"),
            ("a\t-1\t1\t1\t1\t1\n", "negative time"),
            ("a\tx\t1\t1\t1\t1\n", "submit is \"x\"; expected seconds"),
            ("a\t1\t1\t1\t-5\t1\n", "shuffle is \"-5\""),
            ("a\tnan\t1\t1\t1\t1\n", "submit"),
        ];
        for (text, expected) in cases {
            let error = import_text(text, &Options::default())
                .expect_err(text)
                .to_string();
            assert!(
                error.starts_with("w.tsv:1: ") && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn an_empty_file_is_refused() {
        assert!(matches!(
            import_text("", &Options::default()),
            Err(ImportError::Unusable { .. })
        ));
    }
}
