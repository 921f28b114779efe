//! Applications that several logs contain: copies, and attempts of an application that YARN started
//! again.

use std::collections::BTreeMap;

use crate::import::error::ImportError;
use crate::import::gather::{Gathered, Ids, Imported, Names, Notes, Tally, imported, on_one_clock};
use crate::trace::Job;

/// What one log contains.
pub struct Logged {
    /// The attempt of the application, from 1; 0 if the log does not say.
    pub attempt: u32,
    /// Whether the job's id is one that a cluster gave, not the application's name.
    pub has_cluster_id: bool,
    /// Whether the log has the application's end.
    pub has_ended: bool,
    pub submit_ms: i64,
    /// The job, without stages if no task finished.
    pub job: Job,
    pub left_out: Tally,
    pub incomplete: Vec<String>,
}

impl Logged {
    fn tasks(&self) -> u64 {
        let runs = self.job.stages.iter().flat_map(|stage| &stage.tasks);
        runs.map(|run| u64::from(run.count)).sum()
    }

    /// The larger, the better the log shows the work of its application. An attempt runs the whole
    /// application again, so the last one counts.
    fn rank(&self) -> (bool, u32, bool, u64) {
        let tasks = self.tasks();
        (tasks > 0, self.attempt, self.has_ended, tasks)
    }
}

/// Makes the trace of finished applications, each of them once. `source` describes where they come
/// from.
pub fn imported_once(
    gathered: Gathered<Logged>,
    ids: Ids,
    source: impl FnOnce(Names) -> String,
) -> Result<Imported, ImportError> {
    let Gathered {
        parts,
        names,
        mut notes,
    } = gathered;
    let (start, jobs) = on_one_clock(once(parts, &mut notes))?;
    imported(source(names), start, jobs, ids, notes)
}

/// Each application once, with the instant at which it was submitted first.
fn once(logs: Vec<Logged>, notes: &mut Notes) -> Vec<(i64, Job)> {
    let mut applications: BTreeMap<_, Vec<Logged>> = BTreeMap::new();
    for log in logs {
        // Without an id of the cluster, only the same start makes it the same application.
        let start = (!log.has_cluster_id).then_some(log.submit_ms);
        let key = (log.job.id.clone(), start);
        applications.entry(key).or_default().push(log);
    }
    let mut jobs = Vec::with_capacity(applications.len());
    for mut logs in applications.into_values() {
        let submit_ms = logs.iter().map(|log| log.submit_ms).min();
        logs.sort_by_key(Logged::rank);
        let Some(best) = logs.pop() else { continue };
        let earlier = logs
            .iter()
            .filter(|log| log.attempt != best.attempt)
            .count();
        let copies = logs.len() - earlier;
        notes.left_out.add(
            copies as u64,
            "logs of applications of which another log contains as much or more",
        );
        notes.left_out.add(
            earlier as u64,
            "logs of other attempts of an application; the attempt that counts ran all of it",
        );
        notes.left_out.append(best.left_out);
        notes.incomplete.extend(best.incomplete);
        if best.job.stages.is_empty() {
            notes
                .left_out
                .add(1, "applications without a finished task");
        } else {
            jobs.push((submit_ms.unwrap_or(best.submit_ms), best.job));
        }
    }
    jobs
}
