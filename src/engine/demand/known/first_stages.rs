//! Bounds the number of stages that are followed.

use crate::observation::work::{KnownWork, StageWork};

/// How many stages that run are followed of an application, and as many that wait for others.
const STAGES: usize = 6;

/// The first stages that run, and the first that wait for others. The last of each stands for the
/// rest: of those that run, for all their tasks; of those that follow one another, for as many as the
/// widest has, as many times as long as they take together.
pub fn first_stages(work: &KnownWork) -> Vec<(StageWork, f64)> {
    let left = || work.stages.iter().filter(|stage| stage.tasks_remaining > 0);
    let mut first: Vec<(StageWork, f64)> = Vec::new();
    for (count, stage) in left().filter(|stage| !stage.is_blocked).enumerate() {
        match first.last_mut().filter(|_| count >= STAGES) {
            Some((last, _)) => {
                last.tasks_remaining = last.tasks_remaining.saturating_add(stage.tasks_remaining);
                last.tasks_running = last.tasks_running.saturating_add(stage.tasks_running);
            }
            None => first.push((*stage, 1.0)),
        }
    }
    for (count, stage) in left().filter(|stage| stage.is_blocked).enumerate() {
        match first.last_mut().filter(|_| count >= STAGES) {
            Some((last, turns)) => {
                let tasks = *turns * f64::from(last.tasks_remaining);
                last.tasks_remaining = last.tasks_remaining.max(stage.tasks_remaining);
                let more = f64::from(stage.tasks_remaining);
                *turns = (tasks + more) / f64::from(last.tasks_remaining);
            }
            None => first.push((*stage, 1.0)),
        }
    }
    first
}
