//! What the files contain.

use crate::import::gather::Tally;
use crate::trace::Job;

/// The most jobs that a file may ask for beyond those that it lists: copies, and those that are drawn
/// from distributions. A few bytes can ask for any number, and each takes memory.
const JOBS_MAX: u64 = 100_000;
/// The most tasks of these jobs. Each is drawn, or takes 16 bytes in each copy unless it is as long as the one
/// before it.
const TASKS_MAX: u64 = 4_000_000;

/// The jobs of both formats, before their times are made relative to the first.
#[derive(Default)]
pub(super) struct Collected {
    /// Jobs with the instant of submission in milliseconds since the epoch; `submit` is not set yet.
    pub rumen: Vec<(i64, Job)>,
    pub sls: Vec<Job>,
    pub left_out: Tally,
    /// Whether jobs were drawn from distributions.
    pub is_synthetic: bool,
    /// How many jobs, and how many tasks, the file asked for beyond those that it lists.
    unlisted: (u64, u64),
}

impl Collected {
    /// Takes note that the file asks for so many jobs more than it lists.
    ///
    /// # Errors
    /// When it asks for too many.
    pub fn ask_for_jobs(&mut self, count: u64) -> Result<(), String> {
        self.unlisted.0 = self.unlisted.0.saturating_add(count);
        if self.unlisted.0 <= JOBS_MAX {
            return Ok(());
        }
        Err(format!(
            "the file asks for more than {JOBS_MAX} jobs with job.count or num_jobs; ask for fewer"
        ))
    }

    /// Takes note that these jobs have so many tasks more.
    ///
    /// # Errors
    /// When they have too many.
    pub fn ask_for_tasks(&mut self, count: u64) -> Result<(), String> {
        self.unlisted.1 = self.unlisted.1.saturating_add(count);
        if self.unlisted.1 <= TASKS_MAX {
            return Ok(());
        }
        Err(format!(
            "the jobs that the file asks for with job.count or num_jobs have more than {TASKS_MAX} tasks; \
             ask for fewer jobs or tasks"
        ))
    }
}
