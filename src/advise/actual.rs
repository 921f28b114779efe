//! What the recorded cluster itself cost, and how long its work waited: read from its observations, priced as the scenario says.

use std::time::Duration;

use crate::observation::{GroupStatus, Observation};
use crate::sim::observed::ObservedLoad;
use crate::sim::scenario::{GroupSpec, Scenario};
use crate::sim::scorecard::WaitProfile;
use crate::tune::arena::{DayFigures, TraceFigures, day_of, share_out};
use crate::units::Timestamp;

/// Adds up what ran, one observation after the other.
#[derive(Debug)]
pub struct ActualBuilder<'a> {
    scenario: &'a Scenario,
    start: Timestamp,
    days: Vec<DayFigures>,
    last: Option<(Timestamp, Vec<GroupStatus>)>,
    unpriced: Option<UnpricedGroup>,
}

/// What ran has no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recorded cluster has a group `{group}` ({kind}), which the scenario does not have, so what ran has no price")]
pub struct UnpricedGroup {
    pub group: String,
    pub kind: String,
}

impl<'a> ActualBuilder<'a> {
    /// For a recording that begins at `start` and has so many days.
    pub fn new(scenario: &'a Scenario, start: Timestamp, days: usize) -> Self {
        Self { scenario, start, days: vec![DayFigures::default(); days.max(1)], last: None, unpriced: None }
    }

    /// Instances cost from one observation to the next. Those that have come since the last one are paid for the provisioning time before, too, as
    /// those of a simulated cluster are.
    pub fn push(&mut self, observation: &Observation) {
        let at = observation.cluster.measured_at;
        let groups = &observation.cluster.value.groups;
        if let Some((since, before)) = self.last.take().filter(|(since, _)| *since < at) {
            self.pay(since, at, &before, groups);
        }
        self.last = Some((at, groups.clone()));
    }

    fn pay(&mut self, since: Timestamp, at: Timestamp, before: &[GroupStatus], groups: &[GroupStatus]) {
        let (from_s, to_s) = (since.seconds_since(self.start).max(0.0), at.seconds_since(self.start).max(0.0));
        for group in before {
            let Some(usd_h) = self.usd_h(group) else { continue };
            let usd = usd_h * group.running.as_f64() * (to_s - from_s) / 3_600.0;
            share_out(&mut self.days, usd, from_s, to_s);
        }
        let provisioning_s = self.scenario.provisioning.median.as_secs_f64();
        for group in groups {
            let was = before.iter().find(|other| other.id == group.id).map_or(0, |other| other.running.get());
            let came = group.running.get().saturating_sub(was);
            if let Some(usd_h) = self.usd_h(group).filter(|_| came > 0) {
                share_out(&mut self.days, usd_h * f64::from(came) * provisioning_s / 3_600.0, (to_s - provisioning_s).max(0.0), to_s);
            }
        }
    }

    /// By its id; or else, as ids of a scenario are often made up, by its role and market.
    fn usd_h(&mut self, group: &GroupStatus) -> Option<f64> {
        let alike = |spec: &&GroupSpec| spec.role == group.role && spec.market == group.market;
        let groups = &self.scenario.groups;
        let spec = groups.iter().find(|spec| spec.id == group.id).or_else(|| groups.iter().find(alike));
        if spec.is_none() && group.running.get() > 0 {
            let kind = format!("{}, {}", group.role, group.market);
            self.unpriced.get_or_insert(UnpricedGroup { group: group.id.to_string(), kind });
        }
        spec.map(|spec| spec.rates.total_usd_h())
    }

    /// The same figures as of a simulated policy. `load` is the work of the same recording.
    ///
    /// # Errors
    /// When instances ran that have no price.
    pub fn finish(mut self, load: &ObservedLoad, goal: Duration) -> Result<TraceFigures, UnpricedGroup> {
        if let Some(unpriced) = self.unpriced {
            return Err(unpriced);
        }
        let count = self.days.len();
        for wait in load.waits() {
            let day = &mut self.days[day_of(wait.since_s, count)];
            day.work += wait.weight;
            if wait.seconds > goal.as_secs_f64() {
                day.late += wait.weight;
            }
        }
        let waits = WaitProfile::of(load.waits(), goal);
        Ok(TraceFigures {
            cost_usd: self.days.iter().map(|day| day.cost_usd).sum(),
            wait_mean_s: waits.mean_s,
            wait_p95_s: waits.p95_s,
            unfinished: 0,
            days: self.days,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{self, Scenario as Model};
    use crate::policy::baselines;
    use crate::sim::compare::{Contestant, Course};
    use crate::sim::workload::{JobLoad, Workload};
    use crate::sim::{Recording, simulate};

    /// A simulated cluster is recorded; what it is said to have cost and waited is compared with its own scorecard.
    #[test]
    fn a_recorded_cluster_costs_and_waits_what_it_did() {
        let model = Model::OfficeDay.workload(Some(2.0), 1.0).expect("valid");
        let jobs = Workload::Jobs(JobLoad::of(model.start, &generate::generate(&model, 1)).expect("valid jobs"));
        let scenario = Scenario::default();
        let limits = scenario.groups[1].limits.expect("scaled");
        let policy = baselines::find("available-memory").expect("a baseline").policy(limits);
        let course = Course::new("t".into(), &jobs, &scenario).expect("something to scale");
        let card = course.compare(&[Contestant::of(policy.clone())], 1..2, Recording::default(), || ()).expect("simulates").remove(0).card;
        let run = simulate(&jobs, &scenario, &policy, 1, Recording { observations: true, series: false }).expect("simulates");
        let (mut load, mut actual) = (ObservedLoad::builder(None), ActualBuilder::new(&scenario, run.start, 2));
        for observation in &run.observations {
            load.push(observation);
            actual.push(observation);
        }
        let figures = actual.finish(&load.finish().expect("a recording"), Duration::from_secs(600)).expect("priced");
        assert!((figures.cost_usd / card.cost_usd - 1.0).abs() < 0.02, "{} {}", figures.cost_usd, card.cost_usd);
        assert!((figures.wait_mean_s / card.wait_mean_s - 1.0).abs() < 0.35, "{} {}", figures.wait_mean_s, card.wait_mean_s);
        assert!((figures.wait_p95_s / card.wait_p95_s - 1.0).abs() < 0.35, "{} {}", figures.wait_p95_s, card.wait_p95_s);
        assert_eq!(figures.days.len(), 2);
        assert!(figures.days.iter().all(|day| day.cost_usd > 0.3 * figures.cost_usd), "{:?}", figures.days);
    }
}
