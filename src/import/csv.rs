//! The CSV format of docs/traces.md: one row for each run of equal tasks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::csv::{ReaderBuilder, StringRecord, Trim};

use super::error::{ImportError, malformed};
use super::gather::{Gathered, Ids, Imported, gather, imported};
use super::source::Source;
use crate::trace::journal::TASKS_MAX;
use crate::trace::{Job, Stage, TaskRun, seconds};
use crate::units::{Mebibytes, Timestamp, VirtualCores};

const REQUIRED: [&str; 8] = [
    "job",
    "submit_s",
    "stage",
    "after",
    "tasks",
    "task_s",
    "memory_mib",
    "vcores",
];
const OPTIONAL: &str = "name";

/// The most text of one row.
const ROW_MIB: u64 = 16;

/// The options of a CSV import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The instant of submit time zero, which the files do not contain.
    pub start: Timestamp,
}

/// Imports CSV files; several files become one workload.
///
/// # Errors
/// When a file cannot be read or is invalid, or there are no jobs.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
    options: &Options,
) -> Result<Imported, ImportError> {
    let gathered = gather(sources, |source, _| read_source(source))?;
    let Gathered {
        parts,
        names,
        notes,
    } = gathered;
    let jobs = parts.into_iter().flatten().collect();
    imported(
        format!("CSV {names}"),
        options.start,
        jobs,
        Ids::OfAFile,
        notes,
    )
}

fn read_source(source: Source) -> Result<Vec<Job>, ImportError> {
    let (name, input, meter) = source.metered(ROW_MIB);
    let mut jobs = Jobs::default();
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(input);
    let headers = reader
        .headers()
        .map_err(|error| unreadable(&name, error))?
        .clone();
    let columns = Columns::find(&headers).map_err(|problem| malformed(&name, 1, problem))?;
    let mut record = StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| unreadable(&name, error))?
    {
        meter.begin_record();
        let line = record.position().map_or(0, ::csv::Position::line);
        let row =
            Row::parse(&columns, &record).map_err(|problem| malformed(&name, line, problem))?;
        jobs.add(row)
            .map_err(|problem| malformed(&name, line, problem))?;
    }
    Ok(jobs.all)
}

fn unreadable(path: &Path, error: ::csv::Error) -> ImportError {
    let line = error.position().map_or(1, ::csv::Position::line);
    match error.into_kind() {
        ::csv::ErrorKind::Io(source) => ImportError::Read {
            path: path.to_owned(),
            line,
            source,
        },
        ::csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => malformed(
            path,
            line,
            format!(
                "{len} fields, but the header has {expected_len}; keep the comma of an empty field"
            ),
        ),
        ::csv::ErrorKind::Utf8 { .. } => malformed(path, line, "not UTF-8 text"),
        other => malformed(path, line, format!("not CSV: {other:?}")),
    }
}

/// The position of each column.
struct Columns {
    required: [usize; REQUIRED.len()],
    name: Option<usize>,
}

impl Columns {
    fn find(headers: &StringRecord) -> Result<Self, String> {
        let place = |wanted: &str| headers.iter().position(|header| header == wanted);
        if let Some(extra) = headers
            .iter()
            .find(|header| !REQUIRED.contains(header) && *header != OPTIONAL)
        {
            return Err(format!(
                "unknown column {extra:?}; the columns are {}, and optionally {OPTIONAL}",
                REQUIRED.join(",")
            ));
        }
        if let Some((position, twice)) = headers
            .iter()
            .enumerate()
            .find(|(position, header)| place(header) != Some(*position))
        {
            return Err(format!(
                "column {} is {twice:?} again; keep one of them",
                position + 1
            ));
        }
        let mut required = [0; REQUIRED.len()];
        for (slot, wanted) in required.iter_mut().zip(REQUIRED) {
            *slot = place(wanted).ok_or_else(|| {
                format!(
                    "no column {wanted:?}; the first line must be {}",
                    REQUIRED.join(",")
                )
            })?;
        }
        Ok(Self {
            required,
            name: place(OPTIONAL),
        })
    }
}

/// One row: a run of tasks of a stage.
struct Row {
    job: Arc<str>,
    name: Option<Arc<str>>,
    submit: Duration,
    stage: usize,
    after: Vec<u32>,
    run: TaskRun,
    memory: Mebibytes,
    vcores: VirtualCores,
}

impl Row {
    fn parse(columns: &Columns, record: &StringRecord) -> Result<Self, String> {
        let [job, submit, stage, after, tasks, task, memory, vcores] = columns
            .required
            .map(|position| record.get(position).unwrap_or_default());
        if job.is_empty() {
            return Err("job is empty; name the job".to_owned());
        }
        let count = number::<u32>("tasks", tasks)?;
        if count == 0 {
            return Err("tasks is 0; leave the row out, or give at least 1".to_owned());
        }
        if u64::from(count) > TASKS_MAX {
            return Err(format!("tasks is {count}; a job has at most {TASKS_MAX}"));
        }
        let name = columns
            .name
            .and_then(|position| record.get(position))
            .filter(|name| !name.is_empty());
        let row = Self {
            job: job.into(),
            name: name.map(Arc::from),
            submit: time("submit_s", submit)?,
            stage: number("stage", stage)?,
            after: after
                .split_whitespace()
                .map(|before| number("after", before))
                .collect::<Result<_, _>>()?,
            run: TaskRun {
                count,
                duration: time("task_s", task)?,
            },
            memory: Mebibytes(number("memory_mib", memory)?),
            vcores: VirtualCores(number("vcores", vcores)?),
        };
        if row.memory.get() == 0 && row.vcores.get() == 0 {
            return Err(
                "memory_mib and vcores are both 0; a task takes at least one of them".to_owned(),
            );
        }
        match row
            .after
            .iter()
            .find(|before| **before as usize >= row.stage)
        {
            Some(before) => Err(format!(
                "after is {before}, but stage {} can only wait for a stage with a smaller number",
                row.stage
            )),
            None => Ok(row),
        }
    }
}

fn number<T: std::str::FromStr>(column: &str, text: &str) -> Result<T, String> {
    let separated = if column == "after" {
        " (several are separated by spaces)"
    } else {
        ""
    };
    text.parse().map_err(|_| {
        format!("{column} is {text:?}; expected a whole number, not negative{separated}")
    })
}

fn time(column: &str, text: &str) -> Result<Duration, String> {
    let parsed: f64 = text
        .parse()
        .map_err(|_| format!("{column} is {text:?}; expected seconds, such as 90 or 12.5"))?;
    seconds::from_f64(parsed)
        .map_err(|problem| format!("{column}: {problem}; write seconds, 0 or more"))
}

/// The jobs read so far. Further rows may extend the last one.
#[derive(Default)]
struct Jobs {
    all: Vec<Job>,
    ids: std::collections::BTreeSet<Arc<str>>,
}

impl Jobs {
    fn add(&mut self, row: Row) -> Result<(), String> {
        if self.all.last().is_some_and(|job| job.id == row.job) {
            return self.all.last_mut().map_or(Ok(()), |job| extend(job, row));
        }
        if !self.ids.insert(Arc::clone(&row.job)) {
            return Err(format!(
                "job {:?} again, after rows of another job; keep the rows of a job together",
                row.job
            ));
        }
        if row.stage != 0 {
            return Err(format!(
                "the first row of job {:?} has stage {}; stages are numbered from 0",
                row.job, row.stage
            ));
        }
        let stage = Stage {
            after: row.after,
            memory: row.memory,
            vcores: row.vcores,
            tasks: vec![row.run],
            spark: None,
        };
        self.all.push(Job {
            id: row.job,
            name: row.name,
            submit: row.submit,
            application_master: None,
            stages: vec![stage],
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            spark: None,
        });
        Ok(())
    }
}

/// Extends a job by another row: more tasks of its last stage, or its next stage.
fn extend(job: &mut Job, row: Row) -> Result<(), String> {
    if row.submit != job.submit {
        return Err(format!(
            "submit_s differs from the row above; all rows of job {:?} have one submit time",
            row.job
        ));
    }
    if row.name.is_some() && row.name != job.name {
        return Err(format!(
            "name differs from the first row of job {:?}; give it there, or on every row",
            row.job
        ));
    }
    let next = job.stages.len();
    match job.stages.last_mut() {
        Some(last) if row.stage + 1 == next => {
            if (&last.after, last.memory, last.vcores) != (&row.after, row.memory, row.vcores) {
                return Err(format!(
                    "after, memory_mib or vcores differ from the row above, but both are stage {}",
                    row.stage
                ));
            }
            last.tasks.push(row.run);
            Ok(())
        }
        _ if row.stage == next => {
            job.stages.push(Stage {
                after: row.after,
                memory: row.memory,
                vcores: row.vcores,
                tasks: vec![row.run],
                spark: None,
            });
            Ok(())
        }
        _ => Err(format!(
            "stage is {}; expected {} (more tasks of it) or {next} (the next one)",
            row.stage,
            next - 1
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import_text(text: &str) -> Result<Imported, ImportError> {
        let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
        import([Source::new("w.csv", bytes)], &Options::default())
    }

    const HEADER: &str = "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\n";

    #[test]
    fn rows_become_stages_and_runs() {
        let imported = import_text(&format!(
            "{HEADER}b,20.5,0,,1,1,1024,1\na,3,0,,2,10,2048,1\na,3,0,,1,12.5,2048,1\na,3,1,,1,5,512,2\na,3,2,0 1,4,7,1024,1\n"
        ))
        .expect("imports");
        let [a, b] = &imported.jobs[..] else {
            panic!("two jobs")
        };
        assert_eq!(
            (&*a.id, &*b.id, b.submit),
            ("a", "b", Duration::from_millis(20_500))
        );
        let runs = |stage: usize| {
            a.stages[stage]
                .tasks
                .iter()
                .map(|run| (run.count, run.duration.as_millis()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (runs(0), runs(1), runs(2)),
            (
                vec![(2, 10_000), (1, 12_500)],
                vec![(1, 5_000)],
                vec![(4, 7_000)]
            )
        );
        assert_eq!(a.stages[2].after, [0, 1]);
    }

    #[test]
    fn columns_may_come_in_any_order_with_a_name() {
        let imported = import_text(
            "name,vcores,memory_mib,task_s,tasks,after,stage,submit_s,job\netl,1,2,3,4,,0,5,j\n",
        )
        .expect("imports");
        assert_eq!(imported.jobs[0].name.as_deref(), Some("etl"));
        assert_eq!(imported.jobs[0].stages[0].memory, Mebibytes(2));
    }

    #[test]
    fn a_wrong_header_is_named_by_column() {
        for (header, expected) in [
            (
                "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores,queue\n",
                "unknown column \"queue\"",
            ),
            (
                "job,submit_s,stage,after,tasks,task_s,memory_mib\n",
                "no column \"vcores\"",
            ),
            (
                "job,job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\n",
                "column 2 is \"job\" again",
            ),
        ] {
            let error = import_text(header).expect_err(header).to_string();
            assert!(
                error.starts_with("w.csv:1: ") && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wrong_row_is_named_by_line_and_column() {
        for (rows, line, expected) in [
            ("a,-1,0,,1,1,1,1\n", 2, "submit_s: -1 s is a negative time"),
            ("a,1,0,,1,-1,1,1\n", 2, "task_s: -1 s is a negative time"),
            ("a,1,0,,1,NaN,1,1\n", 2, "task_s"),
            ("a,1,0,,0,1,1,1\n", 2, "tasks is 0"),
            ("a,1,0,,9999999999,1,1,1\n", 2, "tasks is \"9999999999\""),
            ("a,1,0,,1,1,0,0\n", 2, "both 0"),
            ("a,1,0,0,1,1,1,1\n", 2, "after is 0, but stage 0"),
            ("a,1,1,,1,1,1,1\n", 2, "numbered from 0"),
            (
                "a,1,0,,1,1,1,1\na,1,2,0,1,1,1,1\n",
                3,
                "stage is 2; expected 0",
            ),
            ("a,1,0,,1,1,1,1\na,2,0,,1,1,1,1\n", 3, "submit_s differs"),
            (
                "a,1,0,,1,1,1,1\na,1,0,,1,1,2,1\n",
                3,
                "memory_mib or vcores differ",
            ),
            (
                "a,1,0,,1,1,1,1\nb,1,0,,1,1,1,1\na,1,0,,1,1,1,1\n",
                4,
                "again",
            ),
            ("a,1,0,,1,1,1\n", 2, "7 fields, but the header has 8"),
        ] {
            let error = import_text(&format!("{HEADER}{rows}"))
                .expect_err(rows)
                .to_string();
            assert!(
                error.starts_with(&format!("w.csv:{line}: ")) && error.contains(expected),
                "{rows}: {error}"
            );
        }
    }
}
