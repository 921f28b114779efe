//! What makes a job unfit for simulation.

/// The most executors that an application can have, whatever it asks for. They are simulated one by one.
pub(crate) const EXECUTORS_MAX: u32 = 100_000;

/// The most tasks of an application with executors. Each is simulated once when the trace is read, to
/// find out how long the application takes if it never waits.
pub(super) const SPARK_TASKS_MAX: u64 = 10_000_000;

/// Why a job cannot be simulated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum JobWorkError {
    /// The jobs are not sorted by submission.
    #[error("job {job} is submitted before the job ahead of it; sort the jobs by submit time")]
    OutOfOrder { job: String },
    /// A job without stages.
    #[error("job {job} has no stages; add a stage or remove the job")]
    NoStages { job: String },
    /// A stage without tasks.
    #[error("job {job}, stage {stage} has no tasks; add tasks or remove the stage")]
    NoTasks { job: String, stage: usize },
    /// A task without memory or cores.
    #[error(
        "job {job}, stage {stage}: a task needs memory and cores; give it at least 1 MiB and 1 vcore"
    )]
    TakesNothing { job: String, stage: usize },
    /// A stage that waits for itself or for a later one.
    #[error(
        "job {job}, stage {stage} waits for stage {after}, which is not before it; list the stages in the order of their dependencies"
    )]
    Cycle {
        job: String,
        stage: usize,
        after: u32,
    },
    /// A Spark application that can have no executor, or one without a slot.
    #[error(
        "job {job}: a Spark application needs at least one executor, each with at least 1 MiB, 1 vcore and 1 slot, \
         and one for each stage; correct `spark`"
    )]
    NoExecutor { job: String },
    /// More executors than any cluster has.
    #[error(
        "job {job}: a Spark application can ask for at most {EXECUTORS_MAX} executors from the start; correct `spark.allocation`"
    )]
    TooManyExecutors { job: String },
    /// More tasks than any application has.
    #[error(
        "job {job}: a Spark application with executors can have at most {SPARK_TASKS_MAX} tasks; correct the counts of its `tasks`"
    )]
    TooManyTasks { job: String },
    /// A MapReduce job that is not maps and reduces.
    #[error(
        "job {job}: a MapReduce job has a stage of maps and at most one other, which waits for it (`after: [0]`), a `slowstart` from 0 to 1, \
         and no `spark`; correct it or remove `map_reduce`"
    )]
    NoMapReduce { job: String },
    /// A time beyond the limit.
    #[error(
        "job {job}: a time of {days} days is longer than the limit of a hundred years; correct it"
    )]
    TooLong { job: String, days: u64 },
    /// Too many rows for the tables.
    #[error(
        "job {job}: a trace can have at most {} stages, jobs and runs of tasks; split the trace",
        u32::MAX
    )]
    TooMany { job: String },
}
