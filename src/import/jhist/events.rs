//! The events of a job history, with the fields that the import needs.

use serde::Deserialize;

/// The fields of all kinds of events; each kind has some of them.
#[derive(Default, Deserialize)]
pub struct Fields {
    #[serde(rename = "jobid")]
    pub job_id: Option<String>,
    #[serde(rename = "jobName")]
    pub job_name: Option<String>,
    #[serde(rename = "jobQueueName")]
    pub queue: Option<String>,
    #[serde(rename = "userName")]
    pub user: Option<String>,
    #[serde(rename = "submitTime")]
    pub submit_ms: Option<i64>,
    #[serde(rename = "attemptId")]
    pub attempt: Option<String>,
    #[serde(rename = "startTime")]
    pub start_ms: Option<i64>,
    #[serde(rename = "finishTime")]
    pub finish_ms: Option<i64>,
    #[serde(rename = "taskStatus")]
    pub task_status: Option<String>,
}

/// A task of a job: its phase and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId {
    pub phase: Phase,
    pub number: u32,
}

/// What kind of task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Map,
    Reduce,
    /// Set-up and clean-up.
    Other,
}

/// Parses `attempt_<cluster>_<job>_<m|r>_<task>_<attempt>`.
pub fn attempt_id(text: &str) -> Option<(TaskId, u32)> {
    let mut parts = text.strip_prefix("attempt_")?.split('_').skip(2);
    let phase = match parts.next()? {
        "m" => Phase::Map,
        "r" => Phase::Reduce,
        _ => Phase::Other,
    };
    let number = parts.next()?.parse().ok()?;
    let attempt = parts.next()?.parse().ok()?;
    Some((TaskId { phase, number }, attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_attempt_names_its_task() {
        let map = TaskId {
            phase: Phase::Map,
            number: 12,
        };
        assert_eq!(attempt_id("attempt_1700_0001_m_000012_3"), Some((map, 3)));
        assert_eq!(attempt_id("task_1700_0001_m_000012"), None);
        assert_eq!(attempt_id("attempt_1700_0001_m"), None);
    }
}
