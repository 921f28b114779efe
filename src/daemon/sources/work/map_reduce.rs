//! What a MapReduce application says: its maps and its reduces.

use crate::daemon::sources::work::wire::MapReduceJob;
use crate::observation::work::{KnownWork, StageWork};

impl MapReduceJob {
    /// The work that is left.
    ///
    /// The job does not say how long its tasks take. `elapsed x running / completed` is about the time of
    /// a map; before as many have completed as run, it is the time that has passed. When the reduces
    /// started is not known, so neither is their time.
    pub fn work(&self) -> KnownWork {
        let elapsed_ms = self.elapsed_time as f64;
        let (running, completed) = (self.maps_running, self.maps_completed);
        let maps = StageWork {
            id: 0,
            attempt: 0,
            tasks_done: completed,
            tasks_remaining: self.maps_total.saturating_sub(completed),
            tasks_running: running,
            task_s: (running > 0)
                .then(|| elapsed_ms * f64::from(running) / f64::from(completed.max(running)) / 1e3),
            is_blocked: false,
        };
        let reduces = StageWork {
            id: 1,
            attempt: 0,
            tasks_done: self.reduces_completed,
            tasks_remaining: self.reduces_total.saturating_sub(self.reduces_completed),
            tasks_running: self.reduces_running,
            task_s: None,
            is_blocked: maps.tasks_remaining > 0,
        };
        let stages = [maps, reduces].into_iter();
        KnownWork {
            executors: None,
            stages: stages.filter(|stage| stage.tasks_remaining > 0).collect(),
        }
    }
}
