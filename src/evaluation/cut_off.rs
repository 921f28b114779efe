//! Whether simulations ended before their work was done.

use serde::Serialize;

use super::trials::{Testbed, Trial};

/// Simulations that ended because they may not last longer, so that work was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutOff {
    /// After how many days a simulation ends.
    pub max_days: u64,
    /// The policies with such a run, in the order of the trials.
    pub policies: Vec<String>,
}

impl Testbed<'_> {
    /// The policies whose runs ended before their work was done; `None` if there are none.
    pub fn cut_off(&self, trials: &[Trial]) -> Option<CutOff> {
        let mut policies: Vec<String> = Vec::new();
        for trial in trials.iter().filter(|trial| trial.run.is_cut_off) {
            if !policies.contains(&trial.card.policy) {
                policies.push(trial.card.policy.clone());
            }
        }
        (!policies.is_empty()).then_some(CutOff {
            max_days: self.scenario.max_duration.as_secs() / 86_400,
            policies,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::evaluation::trials::{Candidate, Testbed};
    use crate::observation::GroupKind;
    use crate::policy::baselines::FIXED_MAX;
    use crate::policy::{Limits, Selector};
    use crate::sim::Recording;
    use crate::sim::job_work::JobWork;
    use crate::sim::scenario::Scenario;
    use crate::sim::trace_work::TraceWork;
    use crate::trace::{Job, Stage, TaskRun};
    use crate::units::{Instances, Mebibytes, Timestamp, VirtualCores};

    /// 200 tasks of an hour: 25 hours on the two core nodes, three with 20 task nodes.
    fn work() -> TraceWork {
        let job = Job {
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            id: "job".into(),
            name: None,
            submit: Duration::ZERO,
            application_master: None,
            stages: vec![Stage {
                after: vec![],
                memory: Mebibytes(1_024),
                vcores: VirtualCores(1),
                tasks: vec![TaskRun {
                    count: 200,
                    duration: Duration::from_secs(3_600),
                }],
                spark: None,
            }],
            spark: None,
        };
        TraceWork::Jobs(JobWork::from_jobs(Timestamp::EPOCH, &[job]).expect("valid"))
    }

    fn fixed(nodes: u32) -> Candidate {
        let group = Selector::Id(Scenario::default().groups[1].id.clone());
        let limits = Limits::exactly(Instances(nodes));
        Candidate {
            name: format!("fixed-{nodes}"),
            ..Candidate::of(FIXED_MAX.policy_for(limits, &group, GroupKind::Group))
        }
    }

    #[test]
    fn policies_that_need_longer_than_a_simulation_may_last_are_named() {
        let work = work();
        let cut_off = |max_days: u64| {
            let scenario = Scenario {
                max_duration: Duration::from_secs(max_days * 86_400),
                ..Scenario::default()
            };
            let testbed = Testbed::new("t".into(), &work, &scenario).expect("a group to scale");
            let trials = testbed
                .compare(&[fixed(20), fixed(0)], 1..3, Recording::default(), || ())
                .expect("simulates");
            testbed.cut_off(&trials)
        };
        let found = cut_off(1).expect("the small cluster is cut off");
        assert_eq!(found.max_days, 1);
        assert_eq!(found.policies, ["fixed-0"]);
        assert_eq!(cut_off(2), None);
    }
}
