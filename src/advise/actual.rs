//! What the recorded cluster itself cost, and how long its work waited: its sizes are read from its
//! observations, priced as the scenario says, and the work is served on them by the same model as
//! on those of a policy.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::observation::{GroupStatus, Observation, Role};
use crate::sim::SimError;
use crate::sim::scenario::{GroupSpec, Provisioning, Scenario, Spot};
use crate::sim::stepped_cluster::SteppedCluster;
use crate::sim::trace_work::TraceWork;
use crate::tune::evaluator::{DayFigures, TraceFigures, share_out};
use crate::units::{Instances, Percent, Timestamp};

/// What the recording left undone has so many days to be done in, on the last recorded size.
const LONGEST_REST_DAYS: u32 = 30;

/// Adds up what ran, one observation after the other.
#[derive(Debug)]
pub struct ActualBuilder<'a> {
    scenario: &'a Scenario,
    start: Timestamp,
    days: Vec<DayFigures>,
    last: Option<(Timestamp, Vec<GroupStatus>)>,
    /// Each change of a group's running instances, by the group's place in the scenario.
    sizes: Vec<(Timestamp, usize, Instances)>,
    unpriced: Option<UnpricedGroup>,
}

/// Why nothing is known of what ran.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum ActualError {
    #[error(transparent)]
    Unpriced(#[from] UnpricedGroup),
    #[error(transparent)]
    Work(#[from] SimError),
}

/// Why the cost of what ran is unknown: a group of the recording has no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the recorded cluster has a group `{group}` ({kind}), which the scenario does not have, so what ran has no price"
)]
pub struct UnpricedGroup {
    /// The group's id.
    pub group: String,
    /// Its role and market.
    pub kind: String,
}

impl<'a> ActualBuilder<'a> {
    /// For a recording that begins at `start` and has so many days.
    pub fn new(scenario: &'a Scenario, start: Timestamp, days: usize) -> Self {
        let days = vec![DayFigures::default(); days.max(1)];
        Self {
            scenario,
            start,
            days,
            last: None,
            sizes: Vec::new(),
            unpriced: None,
        }
    }

    /// Instances cost from one observation to the next. Those that have come since the last one are
    /// paid for the provisioning time before, too, as those of a simulated cluster are.
    pub fn push(&mut self, observation: &Observation) {
        let at = observation.cluster.measured_at;
        let groups = &observation.cluster.value.groups;
        let (since, before) = self.last.take().unwrap_or_else(|| (at, Vec::new()));
        if since <= at {
            self.pay(since, at, &before, groups);
            self.last = Some((at, groups.clone()));
        } else {
            self.last = Some((since, before));
        }
    }

    fn pay(
        &mut self,
        since: Timestamp,
        at: Timestamp,
        before: &[GroupStatus],
        groups: &[GroupStatus],
    ) {
        let (from_s, to_s) = (
            since.seconds_since(self.start).max(0.0),
            at.seconds_since(self.start).max(0.0),
        );
        for group in before {
            let Some(spec) = self.spec(group) else {
                continue;
            };
            let usd = self.usd(spec, group.running, to_s - from_s);
            share_out(&mut self.days, usd, from_s, to_s);
        }
        let provisioning_s = self.scenario.provisioning.median.as_secs_f64();
        for group in groups {
            let was = before
                .iter()
                .find(|other| other.id == group.id)
                .map(|other| other.running);
            let Some(spec) = self.spec(group).filter(|_| was != Some(group.running)) else {
                continue;
            };
            self.sizes.push((at, spec, group.running));
            // What was there at first came before the recording.
            let came = was.map_or(0, |was| group.running.get().saturating_sub(was.get()));
            let usd = self.usd(spec, Instances(came), provisioning_s);
            share_out(&mut self.days, usd, (to_s - provisioning_s).max(0.0), to_s);
        }
    }

    fn usd(&self, spec: usize, instances: Instances, seconds: f64) -> f64 {
        self.scenario.groups[spec].rates.total_usd_h() * instances.as_f64() * seconds / 3_600.0
    }

    /// By its id; or else, as ids of a scenario are often made up, by its role and market. Primary
    /// nodes cost every policy the same: a scenario without them leaves them out of all costs, and
    /// so out of this one.
    fn spec(&mut self, group: &GroupStatus) -> Option<usize> {
        let alike = |spec: &GroupSpec| spec.role == group.role && spec.market == group.market;
        let groups = &self.scenario.groups;
        let found = groups
            .iter()
            .position(|spec| spec.id == group.id)
            .or_else(|| groups.iter().position(alike));
        if found.is_none() && group.running.get() > 0 && group.role != Role::Primary {
            let kind = format!("{}, {}", group.role, group.market);
            self.unpriced.get_or_insert(UnpricedGroup {
                group: group.id.to_string(),
                kind,
            });
        }
        found
    }

    /// The same figures as of a simulated policy. `work` is that of the same recording.
    ///
    /// # Errors
    /// When instances ran that have no price, or there is no work.
    pub fn finish(self, work: &TraceWork, goal: Duration) -> Result<TraceFigures, ActualError> {
        if let Some(unpriced) = self.unpriced {
            return Err(unpriced.into());
        }
        let calm = without_surprises(self.scenario);
        let mut cluster = SteppedCluster::new(work, &calm, 0)?;
        let mut sizes: BTreeMap<usize, Instances> = BTreeMap::new();
        for (at, group, size) in self.sizes {
            cluster.advance_to(at);
            if sizes.insert(group, size) != Some(size) {
                // The group is one of this very scenario.
                let _ = cluster.resize(&calm.groups[group].id, size, &[], &[]);
            }
        }
        let end = self.last.map_or(self.start, |(at, _)| at);
        cluster.advance_to(end);
        for _ in 0..LONGEST_REST_DAYS * 24 {
            if cluster.is_finished() {
                break;
            }
            cluster.advance_to(cluster.now() + Duration::from_secs(3_600));
        }
        let run = cluster.finish();
        Ok(TraceFigures::new(self.days, &run.waits, 0, goal))
    }
}

/// Instances appear and disappear exactly as in the recording.
fn without_surprises(scenario: &Scenario) -> Scenario {
    Scenario {
        provisioning: Provisioning {
            median: Duration::ZERO,
            p95: Duration::ZERO,
            failure: Percent(0.0),
        },
        spot: Spot {
            interruptions_per_hour: 0.0,
            ..scenario.spot
        },
        ..scenario.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::trials::{Candidate, Testbed};
    use crate::generate::{self, SyntheticWorkload};
    use crate::observation::GroupId;
    use crate::policy::baselines;
    use crate::sim::job_work::JobWork;
    use crate::sim::observed_work::ObservedWork;
    use crate::sim::{Recording, simulate};

    /// A simulated cluster is recorded; what it is said to have cost is compared with its own
    /// scorecard.
    #[test]
    fn a_recorded_cluster_costs_what_it_did() {
        let model = SyntheticWorkload::OfficeDay
            .workload(Some(2.0), 1.0)
            .expect("valid");
        let jobs = TraceWork::Jobs(
            JobWork::from_jobs(model.start, &generate::generate(&model, 1)).expect("valid jobs"),
        );
        let scenario = Scenario::default();
        let limits = scenario.groups[1].limits.expect("scaled");
        let policy = baselines::find("available-memory")
            .expect("a baseline")
            .policy(limits);
        let run = simulate(
            &jobs,
            &scenario,
            &policy,
            1,
            Recording {
                observations: true,
                series: false,
            },
        )
        .expect("simulates");
        let (mut load, mut actual) = (
            ObservedWork::builder(None),
            ActualBuilder::new(&scenario, run.start, 2),
        );
        for observation in &run.observations {
            load.push(observation);
            // EMR reports the primary node, too; the simulated cluster has none.
            let mut observation = observation.clone();
            let groups = &mut observation.cluster.value.groups;
            groups.push(GroupStatus {
                id: GroupId::new("ig-primary"),
                role: Role::Primary,
                ..groups[0].clone()
            });
            actual.push(&observation);
        }
        let work = TraceWork::Observations(load.finish().expect("a recording"));
        let testbed = Testbed::new("t".into(), &jobs, &scenario).expect("something to scale");
        let card = testbed
            .compare(&[Candidate::of(policy)], 1..2, Recording::default(), || ())
            .expect("simulates")
            .remove(0)
            .card;
        let figures = actual
            .finish(&work, Duration::from_secs(600))
            .expect("priced");
        assert!(
            (figures.cost_usd / card.cost_usd - 1.0).abs() < 0.02,
            "{} {}",
            figures.cost_usd,
            card.cost_usd
        );
        assert_eq!(figures.days.len(), 2);
        assert!(
            figures
                .days
                .iter()
                .all(|day| day.cost_usd > 0.3 * figures.cost_usd),
            "{:?}",
            figures.days
        );
    }
}
