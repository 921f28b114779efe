//! Notices stages that Spark submits again because shuffle output of them is gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::RunsAgain;
use crate::observation::work::{ApplicationWork, Work};
use crate::units::Timestamp;

/// A stage that runs again so long after a scale-in counts as after it: shuffle output is read when the
/// stages before are complete, and a node may take an hour to leave.
pub const AFTER_SCALE_IN: Duration = Duration::from_secs(3_600);
/// How many stages of an application are remembered.
const STAGES: usize = 1_000;
/// How many applications a report names.
const NAMED: usize = 5;

/// The stages of running applications that were submitted more than once: by application and stage,
/// the latest attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenAgain(BTreeMap<Arc<str>, BTreeMap<u32, u32>>);

/// Stages that were seen to run again for the first time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Again {
    stages: u32,
    applications: Vec<Arc<str>>,
}

impl SeenAgain {
    /// Records what applications say, and returns what is new.
    pub fn observe(&mut self, work: &Work) -> Again {
        let mut again = Again::default();
        let mut before = std::mem::take(&mut self.0);
        for application in &work.applications {
            let seen = before.remove(&application.id).unwrap_or_default();
            let (seen, new) = observe_application(seen, application);
            if new > 0 {
                again.stages += new;
                again.applications.push(application.name.clone());
            }
            if !seen.is_empty() {
                self.0.insert(application.id.clone(), seen);
            }
        }
        again.applications.truncate(NAMED);
        again
    }
}

impl Again {
    /// The report for a target whose last scale-in was requested then.
    pub fn after(&self, scale_in_at: Option<Timestamp>, at: Timestamp) -> Option<RunsAgain> {
        let scale_in_at = scale_in_at.filter(|_| self.stages > 0)?;
        (at.since(scale_in_at) <= AFTER_SCALE_IN).then(|| RunsAgain {
            stages: self.stages,
            applications: self.applications.clone(),
            scale_in_at,
        })
    }
}

/// The stages seen so far, with those of this reading, and how many are new.
fn observe_application(
    mut seen: BTreeMap<u32, u32>,
    application: &ApplicationWork,
) -> (BTreeMap<u32, u32>, u32) {
    let mut new = 0;
    let stages = application.known().map_or(&[][..], |work| &work.stages);
    for stage in stages.iter().filter(|stage| stage.attempt > 0) {
        let latest = seen.entry(stage.id).or_default();
        if *latest < stage.attempt {
            *latest = stage.attempt;
            new += 1;
        }
    }
    while seen.len() > STAGES {
        seen.pop_first();
    }
    (seen, new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::work::{
        ApplicationKind, KnownWork, StageWork, WorkOrReason, WorkUnknown,
    };
    use crate::units::{Mebibytes, VirtualCores};

    fn work(stages: &[(u32, u32)]) -> Work {
        let stage = |(id, attempt): &(u32, u32)| StageWork {
            id: *id,
            attempt: *attempt,
            ..StageWork::default()
        };
        let known = KnownWork {
            executors: None,
            stages: stages.iter().map(stage).collect(),
        };
        with(WorkOrReason::Known(known))
    }

    fn with(work: WorkOrReason) -> Work {
        let application = ApplicationWork {
            id: "application_1_0001".into(),
            name: "etl".into(),
            queue: "default".into(),
            kind: ApplicationKind::Spark,
            memory_allocated: Mebibytes(4_096),
            vcores_allocated: VirtualCores(4),
            containers: 3,
            work,
        };
        Work::of(vec![application], 9)
    }

    #[test]
    fn each_attempt_of_a_stage_counts_once() {
        let mut seen = SeenAgain::default();
        let mut new = |stages: &[(u32, u32)]| seen.observe(&work(stages)).stages;
        assert_eq!(new(&[(1, 0), (2, 0)]), 0);
        assert_eq!(new(&[(1, 1), (2, 1)]), 2);
        assert_eq!(new(&[(1, 1), (2, 1)]), 0);
        assert_eq!(new(&[(2, 2)]), 1);
        assert_eq!(new(&[(1, 1)]), 0, "it was listed before");
    }

    #[test]
    fn an_application_that_misses_a_reading_is_not_counted_again() {
        let mut seen = SeenAgain::default();
        assert_eq!(seen.observe(&work(&[(1, 1)])).stages, 1);
        let unknown = with(WorkOrReason::Unknown(WorkUnknown::TimedOut));
        assert_eq!(seen.observe(&unknown).stages, 0);
        assert_eq!(seen.observe(&work(&[(1, 1)])).stages, 0);
    }

    #[test]
    fn they_are_reported_for_an_hour_after_a_scale_in() {
        let again = SeenAgain::default().observe(&work(&[(1, 1)]));
        let at = Timestamp::from_millis(7_200_000);
        let scale_in = |ms| Some(Timestamp::from_millis(ms));
        let report = again.after(scale_in(3_600_000), at).expect("an hour ago");
        assert_eq!((report.stages, &*report.applications[0]), (1, "etl"));
        assert_eq!(again.after(scale_in(3_599_999), at), None);
        assert_eq!(again.after(None, at), None);
        assert_eq!(Again::default().after(scale_in(7_000_000), at), None);
    }

    #[test]
    fn no_more_stages_are_remembered_than_the_latest_thousand() {
        let mut seen = SeenAgain::default();
        let stages: Vec<(u32, u32)> = (0..5_000).map(|id| (id, 1)).collect();
        seen.observe(&work(&stages));
        assert_eq!(seen.0.values().map(BTreeMap::len).sum::<usize>(), STAGES);
        seen.observe(&Work::default());
        assert!(seen.0.is_empty());
    }
}
